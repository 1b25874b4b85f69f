package shipper

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/gob"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"shiplog/wal"
	"shiplog/wal/waltest"
)

// sealed puts the sum behind data that a manifest ends with.
func sealed(data []byte) []byte {
	if len(data) > sha256.Size {
		data = data[:len(data)-sha256.Size]
	}
	sum := sha256.Sum256(data)
	return append(bytes.Clone(data), sum[:]...)
}

// state is a folder with tables that never change, and one file that says what they are of.
type state struct {
	dir    string
	at     Copied
	failed error
	copied atomic.Int32
}

func (s *state) CopyTo(dir string) (Copied, error) {
	s.copied.Add(1)
	if s.failed != nil {
		return Copied{}, s.failed
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return Copied{}, err
	}
	entries, err := os.ReadDir(s.dir)
	for _, e := range entries {
		err = errors.Join(err, os.Link(filepath.Join(s.dir, e.Name()), filepath.Join(dir, e.Name())))
	}
	return s.at, err
}

// add gives the state another table, and a position.
func (s *state) add(t testing.TB, table string, size int, at wal.Position) {
	t.Helper()
	content := make([]byte, size)
	_, _ = rand.Read(content) // never fails
	s.at = Copied{Position: at, Rows: 2, Engine: 24}
	var word bytes.Buffer
	if err := gob.NewEncoder(&word).Encode(s.at); err != nil {
		t.Fatal(err)
	}
	note := filepath.Join(s.dir, "NOTE")
	_ = os.Remove(note) // a new file, so that what was linked stays as it is
	if err := errors.Join(os.WriteFile(filepath.Join(s.dir, table), content, 0o600), os.WriteFile(note, word.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
}

func inspect(dir string) (c Copied, err error) {
	data, err := os.ReadFile(filepath.Join(dir, "NOTE"))
	if err == nil {
		err = gob.NewDecoder(bytes.NewReader(data)).Decode(&c)
	}
	return c, err
}

// courier asks a shelf, and may lose or change what it brings.
type courier struct {
	shelf   *Shelf
	pieces  int // asked for
	fetched int // and brought
	bytes   int64
	meddle  func(n int, request, answer []byte) ([]byte, error) // n counts pieces
	asked   chan struct{}                                       // holds one word: pieces come one at a time
}

func newCourier(s *Shelf) *courier { return &courier{shelf: s, asked: make(chan struct{}, 1)} }

func (c *courier) Ask(ctx context.Context, asked []byte) ([]byte, error) {
	c.asked <- struct{}{}
	defer func() { <-c.asked }()
	answer := c.shelf.Answer(ctx, asked, nil)
	if asked[1] == askRead {
		c.pieces++
		c.bytes += int64(len(answer) - answerHead)
	}
	if c.meddle != nil {
		var err error
		if answer, err = c.meddle(c.pieces, asked, answer); err != nil {
			return nil, err
		}
	}
	if asked[1] == askRead {
		c.fetched++
	}
	return answer, nil
}

// rig is a log, a state that follows it, a shelf with snapshots of that, and a place for another copy.
type rig struct {
	t       testing.TB
	log     *waltest.Memory
	writer  *writer
	applier *applier
	source  *state
	shelf   *Shelf
	courier *courier
	dir     string // of the copy
}

func newRig(t testing.TB) *rig {
	root := t.TempDir()
	r := &rig{t: t, log: waltest.NewMemory(), applier: &applier{}, source: &state{dir: filepath.Join(root, "source")}, dir: filepath.Join(root, "copies", "3")}
	r.writer = newWriter(t, r.log, 1)
	r.writer.epoch()
	if err := errors.Join(os.Mkdir(r.source.dir, 0o700), os.Mkdir(filepath.Dir(r.dir), 0o700)); err != nil {
		t.Fatal(err)
	}
	var err error
	r.shelf, err = NewShelf(filepath.Join(root, "shelf"), func(int) (Copier, error) { return r.source, nil }, NewPace(0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.shelf.close(); err != nil {
			t.Error(err)
		}
	})
	r.courier = newCourier(r.shelf)
	return r
}

// grow writes n records and has the state follow, which gives it a table.
func (r *rig) grow(table string, size, n int) {
	r.t.Helper()
	r.writer.data(n)
	if err := FollowTo(r.t.Context(), r.log, r.applier, r.writer.seq); err != nil {
		r.t.Fatal(err)
	}
	r.source.add(r.t, table, size, r.applier.position)
}

func (r *rig) seeding() *Seeding {
	return &Seeding{Partition: 3, Dir: r.dir, Log: r.log, From: r.courier, Inspect: inspect, Progress: &Progress{}}
}

// equal holds that the copy has what the source has, and nothing else.
func (r *rig) equal() {
	r.t.Helper()
	want, got := contents(r.t, r.source.dir), contents(r.t, r.dir)
	if want != got {
		r.t.Errorf("the copy has\n%s, want\n%s", got, want)
	}
	for _, rest := range []string{seedDir(r.dir), oldDir(r.dir)} {
		if exists(rest) {
			r.t.Errorf("%s is left over", rest)
		}
	}
}

func contents(t testing.TB, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range entries {
		sum, err := XXH3128.of(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %x\n", e.Name(), sum[:4])
	}
	return b.String()
}

func TestSeed(t *testing.T) {
	r := newRig(t)
	r.grow("1.sst", 3*pieceSize+17, 5)
	r.grow("2.sst", 0, 1)
	r.grow("3.sst", 1, 1)
	if err := r.log.Trim(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	s := r.seeding()
	var told wal.Seq
	s.Began = func(at wal.Seq) { told = at }
	at, err := s.Run(t.Context())
	if err != nil || at != r.applier.position || told != at.Seq {
		t.Fatalf("Run = %+v, %v, told %d; want %+v", at, err, told, r.applier.position)
	}
	r.equal()
	if p := s.Progress; p.Have.Load() != p.Total.Load() || p.Fetched.Load() != p.Total.Load() || p.At.Load() != uint64(at.Seq) {
		t.Errorf("progress: %d of %d, fetched %d, at %d", p.Have.Load(), p.Total.Load(), p.Fetched.Load(), p.At.Load())
	}
	// What follows is tailed from there.
	r.writer.data(3)
	tail := &applier{position: at}
	if err := FollowTo(t.Context(), r.log, tail, r.writer.seq); err != nil || len(tail.bodies) != 3 {
		t.Errorf("tailed %d records, %v; want 3", len(tail.bodies), err)
	}
}

// TestSeedResumes cuts a seeding off after each piece: nothing is fetched twice, and in the end all is there.
func TestSeedResumes(t *testing.T) {
	r := newRig(t)
	r.grow("1.sst", 2*pieceSize+17, 5)
	r.grow("2.sst", 4*pieceSize, 1)
	cut := errors.New("cut off")
	order := make(map[piece]int)
	whole := &Manifest{Files: []File{{Name: "1.sst", Size: 2*pieceSize + 17}, {Name: "2.sst", Size: 4 * pieceSize}, {Name: "NOTE", Size: pieceSize}}}
	if err := pieces(t.TempDir(), whole, func(p piece) bool { order[piece{file: p.file, offset: p.offset}] = len(order); return true }); err != nil {
		t.Fatal(err)
	}
	need := 0
	for {
		r.courier.meddle = func(_ int, asked, answer []byte) ([]byte, error) {
			if q, err := decodeRequest(asked); err == nil && q.kind == askRead && order[piece{file: q.file, offset: q.offset}] >= need {
				return nil, cut
			}
			return answer, nil
		}
		_, err := r.seeding().Run(t.Context())
		if err == nil {
			break
		}
		if !errors.Is(err, cut) {
			t.Fatalf("Run: %v", err)
		}
		if need++; need > 20 {
			t.Fatal("it does not get on")
		}
	}
	r.equal()
	if got := r.source.copied.Load(); got != 1 {
		t.Errorf("%d snapshots were taken, want one", got)
	}
	if need != 8 {
		t.Errorf("it was cut off %d times, want once before each piece", need)
	}
	if r.courier.fetched != 8 {
		t.Errorf("%d pieces were fetched, want each of the 8 once", r.courier.fetched)
	}
}

// TestSeedOfANewerSnapshot has the source start anew, with more: files that are the same are not fetched again.
func TestSeedOfANewerSnapshot(t *testing.T) {
	r := newRig(t)
	r.grow("1.sst", 5*pieceSize, 5)
	r.grow("2.sst", 5*pieceSize, 1)
	cut := errors.New("cut off")
	r.courier.meddle = func(_ int, asked, answer []byte) ([]byte, error) {
		if q, err := decodeRequest(asked); err == nil && q.kind == askRead && (q.file > 1 || q.file == 1 && q.offset >= 2*pieceSize) {
			return nil, cut
		}
		return answer, nil
	}
	if _, err := r.seeding().Run(t.Context()); !errors.Is(err, cut) {
		t.Fatalf("Run: %v", err)
	}
	shelf, err := NewShelf(r.shelf.dir, r.shelf.find, r.shelf.pace)
	if err != nil {
		t.Fatal(err)
	}
	r.shelf = shelf
	r.grow("3.sst", pieceSize, 1)
	r.courier = newCourier(shelf)
	if _, err := r.seeding().Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.equal()
	if most := int64(4*pieceSize + 1000); r.courier.bytes > most {
		t.Errorf("%d bytes were fetched, want at most %d: the rest was there", r.courier.bytes, most)
	}
}

// TestSeedTakesWhatIsThere seeds over a state that was seeded from the same source before.
func TestSeedTakesWhatIsThere(t *testing.T) {
	r := newRig(t)
	r.grow("1.sst", 5*pieceSize, 5)
	if _, err := r.seeding().Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.grow("2.sst", 10, 5)
	if err := os.WriteFile(filepath.Join(r.dir, "2.sst"), []byte("not that"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.shelf.now = func() time.Time { return time.Now().Add(holdFor) } // the first snapshot is old
	r.courier.bytes = 0
	if _, err := r.seeding().Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.equal()
	if r.courier.bytes > 1000 {
		t.Errorf("%d bytes were fetched, most of which were there", r.courier.bytes)
	}
}

func TestSeedRefuses(t *testing.T) {
	lie := func(change func(*Manifest)) func(int, []byte, []byte) ([]byte, error) {
		return func(_ int, asked, answer []byte) ([]byte, error) {
			if asked[1] != askOffer || answer[1] != answerHere {
				return answer, nil
			}
			m, err := DecodeManifest(answer[answerHead:])
			if err != nil {
				return nil, err
			}
			change(m)
			data, err := EncodeManifest(m)
			return appendAnswer(nil, data, err), err
		}
	}
	for name, tt := range map[string]struct {
		meddle func(int, []byte, []byte) ([]byte, error)
		before func(*rig)
		want   error
	}{
		"a flipped bit": {func(n int, asked, answer []byte) ([]byte, error) {
			if asked[1] == askRead && n == 2 {
				answer[len(answer)-1] ^= 1
			}
			return answer, nil
		}, nil, ErrDamaged},
		"a piece cut short": {func(n int, asked, answer []byte) ([]byte, error) {
			if asked[1] == askRead && n == 2 {
				answer = answer[:len(answer)-1]
			}
			return answer, nil
		}, nil, ErrDamaged},
		"another partition":           {lie(func(m *Manifest) { m.Partition = 4 }), nil, ErrManifest},
		"another chain":               {lie(func(m *Manifest) { m.Position.Chain++ }), nil, ErrUnfit},
		"another life":                {lie(func(m *Manifest) { m.Position.Incarnation[0]++ }), nil, ErrUnfit},
		"ahead of the log":            {lie(func(m *Manifest) { m.Position.Seq += 100 }), nil, ErrUnfit},
		"an empty state":              {lie(func(m *Manifest) { m.Position = wal.Position{} }), nil, ErrUnfit},
		"another time than it says":   {lie(func(m *Manifest) { m.Position.CommitMS++ }), nil, ErrDamaged},
		"rows of another format":      {lie(func(m *Manifest) { m.Rows++ }), nil, ErrDamaged},
		"bytes that are no manifest":  {func(int, []byte, []byte) ([]byte, error) { return appendAnswer(nil, []byte("x"), nil), nil }, nil, ErrManifest},
		"bytes that are no answer":    {func(int, []byte, []byte) ([]byte, error) { return []byte("x"), nil }, nil, ErrExchange},
		"the source cannot copy":      {nil, func(r *rig) { r.source.failed = errors.New("no disk") }, ErrUnable},
		"the log is trimmed while...": {nil, func(r *rig) { trimWhile(r) }, ErrUnfit},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.grow("1.sst", 3*pieceSize, 5)
			if err := errors.Join(os.Mkdir(r.dir, 0o700), os.WriteFile(filepath.Join(r.dir, "own"), []byte("state"), 0o600)); err != nil {
				t.Fatal(err)
			}
			r.courier.meddle = tt.meddle
			if tt.before != nil {
				tt.before(r)
			}
			if _, err := r.seeding().Run(t.Context()); !errors.Is(err, tt.want) {
				t.Errorf("Run: %v, want %v", err, tt.want)
			}
			if own, err := os.ReadFile(filepath.Join(r.dir, "own")); err != nil || string(own) != "state" {
				t.Errorf("the state that was there: %q, %v", own, err)
			}
		})
	}
}

// trimWhile trims the log beyond the snapshot while that is fetched.
func trimWhile(r *rig) {
	r.courier.meddle = func(n int, asked, answer []byte) ([]byte, error) {
		if asked[1] == askRead && n == 1 {
			r.writer.data(5)
			if err := r.log.Trim(r.t.Context(), r.writer.seq); err != nil {
				return nil, err
			}
		}
		return answer, nil
	}
}

// TestInstallIsInterrupted leaves the folders as a crash could, between any two steps.
func TestInstallIsInterrupted(t *testing.T) {
	for _, moved := range []bool{false, true} {
		r := newRig(t)
		r.grow("1.sst", 10, 5)
		s := r.seeding()
		m, err := s.offer(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(r.dir, 0o700); err != nil {
			t.Fatal(err)
		}
		arriving := seedDir(r.dir)
		if err := errors.Join(prepare(arriving, r.dir, m), fetch(t.Context(), r.courier, m, arriving, s.Progress)); err != nil {
			t.Fatal(err)
		}
		if moved {
			if err := os.Rename(r.dir, oldDir(r.dir)); err != nil {
				t.Fatal(err)
			}
		}
		before := r.courier.bytes
		if _, err := r.seeding().Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.equal()
		if r.courier.bytes != before {
			t.Errorf("moved %t: %d bytes were fetched again", moved, r.courier.bytes-before)
		}
	}
}

func TestShelf(t *testing.T) {
	r := newRig(t)
	r.grow("1.sst", 10, 5)
	now := time.Now()
	r.shelf.now = func() time.Time { return now }
	offer := func(above uint64) *Manifest {
		t.Helper()
		for {
			answer, err := decodeAnswer(r.shelf.Answer(t.Context(), (&request{kind: askOffer, partition: 3, above: above}).encode(), nil))
			if errors.Is(err, ErrTaking) {
				r.shelf.taking.Wait()
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			m, err := DecodeManifest(answer)
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
	}
	read := func(m *Manifest) error {
		ask := request{kind: askRead, partition: 3, id: m.ID, length: 5}
		_, err := decodeAnswer(r.shelf.Answer(t.Context(), ask.encode(), nil))
		return err
	}
	first := offer(0)
	r.grow("2.sst", 10, 5)
	if again := offer(0); again.ID != first.ID {
		t.Error("a fresh snapshot is not offered again")
	}
	second := offer(uint64(first.Position.Seq) + 1)
	if second.ID == first.ID || second.Position.Seq <= first.Position.Seq {
		t.Error("a snapshot is offered from which the log does not go on")
	}
	if err := errors.Join(read(first), read(second)); err != nil {
		t.Errorf("both are to be read: %v", err)
	}
	now = now.Add(holdFor / 2)
	if err := read(first); err != nil {
		t.Error(err)
	}
	now = now.Add(holdFor / 2)
	r.shelf.sweep()
	if err := read(first); err != nil {
		t.Errorf("a snapshot that is being read is given up: %v", err)
	}
	if err := read(second); !errors.Is(err, ErrGone) {
		t.Errorf("a snapshot that nobody reads: %v, want %v", err, ErrGone)
	}
	if n := len(contents2(t, filepath.Join(r.shelf.dir, "3"))); n != 1 {
		t.Errorf("%d folders of snapshots are left, want 1", n)
	}
}

func contents2(t *testing.T, dir string) []os.DirEntry {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// TestShelfKnowsNoSumOfAnotherFile has a state whose table is another file of the same name and size, as after it was seeded itself.
func TestShelfKnowsNoSumOfAnotherFile(t *testing.T) {
	r := newRig(t)
	r.grow("1.sst", 100, 5)
	if _, err := r.seeding().Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(r.source.dir, "1.sst")); err != nil {
		t.Fatal(err)
	}
	r.grow("1.sst", 100, 1)
	r.shelf.now = func() time.Time { return time.Now().Add(holdFor) }
	if _, err := r.seeding().Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.equal()
}
