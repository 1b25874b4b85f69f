package shipper

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// storeRig is a rig with a store.
type storeRig struct {
	*rig
	store *Store
	now   time.Time
	puts  int
}

func newStoreRig(t testing.TB) *storeRig {
	r := &storeRig{rig: newRig(t), now: time.UnixMilli(1700000000000)}
	dir := filepath.Join(t.TempDir(), "store")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	r.store = r.another(dir)
	return r
}

// another returns the store as another process has it.
func (r *storeRig) another(dir string) *Store {
	return NewStore(StoreConfig{Dir: dir, Keep: 2, Now: func() time.Time { return r.now }})
}

// putting copies the state.
func (r *storeRig) putting() Putting {
	r.t.Helper()
	r.puts++
	dir := filepath.Join(r.t.TempDir(), "copy")
	copied, err := r.source.CopyTo(dir)
	if err != nil {
		r.t.Fatal(err)
	}
	return Putting{Dir: dir, Copied: copied, Partition: 3, First: 100, Last: 200, Partitions: 4, Progress: &PutProgress{}}
}

// put puts the state as it is into the store, and returns how many bytes were new there.
func (r *storeRig) put() int64 {
	r.t.Helper()
	p := r.putting()
	if _, err := r.store.Put(r.t.Context(), p); err != nil {
		r.t.Fatal(err)
	}
	if p.Progress.Done.Load() != p.Progress.Total.Load() {
		r.t.Errorf("put %d of %d bytes", p.Progress.Done.Load(), p.Progress.Total.Load())
	}
	return p.Progress.New.Load()
}

func (r *storeRig) seedFromStore() error {
	s := r.seeding()
	s.From = r.store.Courier(r.log, NewPace(0))
	_, err := s.Run(r.t.Context())
	return err
}

// whole holds that every file that the store's snapshots name is there with its sum, and returns how many snapshots there are.
func wholeStore(t *testing.T, dir string) int {
	t.Helper()
	s := NewStore(StoreConfig{Dir: dir, Keep: 1})
	h, err := s.Look(t.Context())
	if err != nil || len(h.Unread) > 0 {
		t.Fatalf("Look: %v, unread %v", err, h.Unread)
	}
	for _, stored := range h.Snapshots {
		for i := range stored.Files {
			f := &stored.Files[i]
			name, info, err := s.find(f.Sum)
			if err != nil {
				t.Errorf("the snapshot at %d: %v", stored.Position.Seq, err)
				continue
			}
			if sum, err := s.sumOf(t.Context(), name); err != nil || sum != f.Sum || info.Size() != f.Size {
				t.Errorf("the snapshot at %d: %s is another file: %v", stored.Position.Seq, name, err)
			}
		}
	}
	return len(h.Snapshots)
}

func TestStorePutsOnlyWhatIsNew(t *testing.T) {
	r := newStoreRig(t)
	r.grow("1.sst", 3*pieceSize+17, 5)
	first := r.put()
	if first < 3*pieceSize+17 {
		t.Errorf("%d bytes were new at first", first)
	}
	r.grow("2.sst", 1000, 5)
	if again := r.put(); again < 1000 || again > 2000 {
		t.Errorf("%d bytes were new then, want the 1000 of the new table and the note", again)
	}
	if same := r.put(); same != 0 {
		t.Errorf("%d bytes were new of what is there", same)
	}
	r.store = r.another(r.store.Dir) // which has to sum everything, and finds it there
	r.grow("3.sst", 10, 1)
	if again := r.put(); again > 1000 {
		t.Errorf("another process brought %d bytes", again)
	}
	if n := wholeStore(t, r.store.Dir); n != 2 {
		t.Errorf("%d snapshots are kept, want 2", n)
	}
}

func TestSeedFromStore(t *testing.T) {
	r := newStoreRig(t)
	r.grow("1.sst", 3*pieceSize+17, 5)
	r.grow("2.sst", 0, 1)
	r.put()
	if err := r.log.Trim(t.Context(), r.writer.seq); err != nil {
		t.Fatal(err)
	}
	if err := r.seedFromStore(); err != nil {
		t.Fatal(err)
	}
	r.equal()
}

// TestStoreDamage has files of the store change: nothing of them gets in, and what is wrong is said, put aside, and put anew.
func TestStoreDamage(t *testing.T) {
	damage := map[string]func(*storeRig, string) error{
		"changed":   func(_ *storeRig, f string) error { return flip(f) },
		"truncated": func(_ *storeRig, f string) error { return os.Truncate(f, 100) },
		"missing":   func(_ *storeRig, f string) error { return os.Remove(f) },
	}
	for name, hurt := range damage {
		t.Run(name, func(t *testing.T) {
			r := newStoreRig(t)
			r.grow("1.sst", 2*pieceSize, 5)
			r.put()
			old := r.source.at
			r.grow("2.sst", 2*pieceSize, 5)
			r.put()
			sum, err := SHA256.of(filepath.Join(r.source.dir, "2.sst"))
			if err != nil {
				t.Fatal(err)
			}
			if err := hurt(r, filepath.Join(r.store.Dir, filepath.FromSlash(object(sum)))); err != nil {
				t.Fatal(err)
			}
			err = r.seedFromStore()
			var bad *DamagedFile
			if name == "changed" {
				if !errors.As(err, &bad) || bad.File.Sum != sum {
					t.Fatalf("Run: %v, want the damaged file", err)
				}
				if damaged, err := r.store.Reject(t.Context(), bad.File); !damaged || err != nil {
					t.Fatalf("Reject = %t, %v", damaged, err)
				}
				err = r.seedFromStore()
			}
			if err != nil {
				t.Fatalf("the older snapshot: %v", err)
			}
			if c, err := inspect(r.dir); err != nil || c != old {
				t.Errorf("the copy is of %+v, %v; want the older snapshot's %+v", c, err, old)
			}
			if n := r.put(); n != 2*pieceSize {
				t.Errorf("%d bytes were brought anew, want the file that was damaged", n)
			}
			if err := r.seedFromStore(); err != nil {
				t.Fatal(err)
			}
			r.equal()
			wholeStore(t, r.store.Dir)
		})
	}
	r := newStoreRig(t)
	r.grow("1.sst", 10, 5)
	r.put()
	sum, err := SHA256.of(filepath.Join(r.source.dir, "1.sst"))
	if err != nil {
		t.Fatal(err)
	}
	if damaged, err := r.store.Reject(t.Context(), File{Size: 10, Sum: sum}); damaged || err != nil {
		t.Errorf("a file that is whole: Reject = %t, %v", damaged, err)
	}
	if err := os.Remove(filepath.Join(r.store.Dir, filepath.FromSlash(object(sum)))); err != nil {
		t.Fatal(err)
	}
	if err := r.seedFromStore(); !errors.Is(err, ErrStoreLacks) {
		t.Errorf("without a whole snapshot: %v, want %v", err, ErrStoreLacks)
	}
}

// flip changes one bit in the middle of a file.
func flip(name string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	data[len(data)/2] ^= 1
	return os.WriteFile(name, data, 0o600)
}

// TestStoreOfAnotherHistory holds that a stored snapshot is compared with the log like any other.
func TestStoreOfAnotherHistory(t *testing.T) {
	r := newStoreRig(t)
	r.grow("1.sst", 10, 5)
	r.source.at.Position.Chain++
	r.put()
	if err := r.seedFromStore(); !errors.Is(err, ErrUnfit) {
		t.Errorf("another chain: %v, want %v", err, ErrUnfit)
	}
	if err := r.log.Trim(t.Context(), r.source.at.Position.Seq+1); err != nil {
		t.Fatal(err)
	}
	r.writer.data(2) // the record that it is at is gone, but what comes next says what was before
	if err := r.log.Trim(t.Context(), r.source.at.Position.Seq+1); err != nil {
		t.Fatal(err)
	}
	if err := r.seedFromStore(); !errors.Is(err, ErrUnfit) {
		t.Errorf("another chain, and the record trimmed: %v, want %v", err, ErrUnfit)
	}
}

// faulty is a disk that is full, or whose machine stops, at one of its operations. It makes nothing durable but by its own account.
type faulty struct {
	directory
	mu      sync.Mutex
	left    int             // operations until it stops; negative: it does not
	room    int             // bytes until it is full; negative: never
	lost    []func() error  // what undoes that which is not durable, the newest last
	written map[string]bool // files that are not durable, and folders whose names are
}

func newFaulty(dir string, left, room int) *faulty {
	return &faulty{directory: directory(dir), left: left, room: room, written: make(map[string]bool)}
}

var errStopped = errors.New("the machine has stopped")

func (d *faulty) step() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.left == 0 {
		return errStopped
	}
	d.left--
	return nil
}

func (d *faulty) Folder(name string) error {
	return errors.Join(d.step(), d.directory.Folder(name))
}

func (d *faulty) Stat(name string) (fs.FileInfo, error) {
	if err := d.step(); err != nil {
		return nil, err
	}
	return d.directory.Stat(name)
}

func (d *faulty) Create(name string) (storeFile, error) {
	if err := d.step(); err != nil {
		return nil, err
	}
	f, err := d.directory.Create(name)
	return &faultyFile{f, d, name}, err
}

// Rename loses a file that was not made durable before, and the new name unless its folder is made durable afterwards.
func (d *faulty) Rename(from, to string) error {
	if err := d.step(); err != nil {
		return err
	}
	old, had := os.ReadFile(d.at(to))
	if err := d.directory.Rename(from, to); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.written[from] {
		delete(d.written, from)
		d.written[to] = true
	}
	folder := path.Dir(to)
	d.lost = append(d.lost, func() error {
		if d.written[folder] {
			return nil // it is durable
		}
		if had == nil {
			return os.WriteFile(d.at(to), old, 0o600)
		}
		return os.Remove(d.at(to))
	})
	delete(d.written, folder)
	return nil
}

func (d *faulty) Remove(name string) error {
	if err := d.step(); err != nil {
		return err
	}
	return d.directory.Remove(name)
}

func (d *faulty) Sync(folder string) error {
	if err := d.step(); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.written[folder] = true
	return nil
}

// cut is a power cut: what is not durable is not there, or only half of it.
func (d *faulty) cut(t *testing.T) {
	t.Helper()
	for i := len(d.lost) - 1; i >= 0; i-- {
		if err := d.lost[i](); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	for name, unsynced := range d.written {
		if info, err := d.directory.Stat(name); unsynced && err == nil && info.Mode().IsRegular() {
			if err := os.Truncate(d.at(name), info.Size()/2); err != nil {
				t.Fatal(err)
			}
		}
	}
}

type faultyFile struct {
	storeFile
	disk *faulty
	name string
}

func (f *faultyFile) Write(b []byte) (int, error) {
	if err := f.disk.step(); err != nil {
		return 0, err
	}
	f.disk.mu.Lock()
	f.disk.written[f.name] = true // until it is synced
	room := f.disk.room
	if room >= 0 {
		f.disk.room = max(room-len(b), 0)
	}
	f.disk.mu.Unlock()
	if room >= 0 && room < len(b) {
		n, _ := f.storeFile.Write(b[:room])
		return n, syscall.ENOSPC
	}
	return f.storeFile.Write(b)
}

func (f *faultyFile) Sync() error {
	if err := f.disk.step(); err != nil {
		return err
	}
	f.disk.mu.Lock()
	delete(f.disk.written, f.name)
	f.disk.mu.Unlock()
	return nil
}

// TestStoreAndPowerCuts cuts the power before each operation of two puts: what snapshots there are in the store are whole, and the next put succeeds.
func TestStoreAndPowerCuts(t *testing.T) {
	r := newStoreRig(t)
	r.grow("1.sst", pieceSize, 2)
	first := r.putting()
	r.grow("2.sst", 1000, 2)
	second := r.putting()
	stopped := true
	for left := 0; stopped; left++ {
		dir := t.TempDir()
		s := r.another(dir)
		disk := newFaulty(dir, left, -1)
		s.disk = disk
		_, err := s.Put(t.Context(), first)
		if err == nil {
			_, err = s.Put(t.Context(), second)
		}
		if stopped = err != nil; stopped && !errors.Is(err, errStopped) {
			t.Fatalf("after %d operations: %v", left, err)
		}
		disk.cut(t)
		n := wholeStore(t, dir)
		if !stopped && n != 2 {
			t.Errorf("after the whole there are %d snapshots, want 2", n)
		}
		s = r.another(dir)
		s.disk = newFaulty(dir, -1, -1)
		if _, err := s.Put(t.Context(), second); err != nil {
			t.Errorf("the next put, after a cut before operation %d: %v", left, err)
		}
		if now := wholeStore(t, dir); now < max(n, 1) {
			t.Errorf("%d snapshots after the next put, %d before", now, n)
		}
		if t.Failed() {
			t.Fatalf("a cut before operation %d", left)
		}
		if !stopped {
			t.Logf("%d operations", left)
		}
	}
}

// TestStoreIsFull has the store run out of space at each of many points.
func TestStoreIsFull(t *testing.T) {
	r := newStoreRig(t)
	r.grow("1.sst", pieceSize, 2)
	p := r.putting()
	for room := 0; ; room += pieceSize / 10 {
		dir := t.TempDir()
		s := r.another(dir)
		s.disk = newFaulty(dir, -1, room)
		_, err := s.Put(t.Context(), p)
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("room for %d bytes: %v, want %v", room, err, syscall.ENOSPC)
		}
		if left, err := os.ReadDir(filepath.Join(dir, arrivedDir)); err != nil || len(left) > 0 {
			t.Errorf("room for %d bytes: %d files are left over, %v", room, len(left), err)
		}
		wholeStore(t, dir)
		s = r.another(dir)
		s.disk = newFaulty(dir, -1, -1)
		if _, err := s.Put(t.Context(), p); err != nil {
			t.Fatalf("with room again: %v", err)
		}
	}
}

// TestStorePuttersAtOnce has several processes put into one store, and sweep it without any grace: every snapshot that is there is whole.
func TestStorePuttersAtOnce(t *testing.T) {
	r := newStoreRig(t)
	var all []Putting
	for i := range 4 {
		r.grow(fmt.Sprintf("%d.sst", i), 1000, 2)
		all = append(all, r.putting())
	}
	var putters, sweepers sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		s := r.another(r.store.Dir)
		sweepers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if _, err := s.Sweep(t.Context(), -time.Hour); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for n := range 3 {
		s := r.another(r.store.Dir)
		putters.Go(func() {
			for i := range 24 {
				p := all[(i+n)%len(all)]
				p.Progress = &PutProgress{}
				if _, err := s.Put(t.Context(), p); err != nil && !isSwept(err) {
					t.Error(err)
				}
			}
		})
	}
	putters.Wait()
	close(done)
	sweepers.Wait()
	r.put()
	if n := wholeStore(t, r.store.Dir); n == 0 {
		t.Error("there is no snapshot")
	}
}

// thief is a disk that another node sweeps at the worst moment: a file goes just after it was found there.
type thief struct {
	directory
	left int
}

func (d *thief) Touch(name string, now time.Time) error {
	if d.left--; d.left >= 0 {
		return d.directory.Remove(name)
	}
	return d.directory.Touch(name, now)
}

// TestStoreFileIsSweptUnderAPut holds that a put brings what has gone between its look and its name.
func TestStoreFileIsSweptUnderAPut(t *testing.T) {
	r := newStoreRig(t)
	r.grow("1.sst", 1000, 2)
	r.put()
	r.store.disk = &thief{directory(r.store.Dir), 2}
	if n := r.put(); n < 1000 {
		t.Errorf("%d bytes were brought, want what was swept", n)
	}
	wholeStore(t, r.store.Dir)
}

// isSwept tells whether a put has failed because what it was writing was taken from it, which the usual grace keeps from happening.
func isSwept(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), "as soon as they come")
}

func TestStoreSweeps(t *testing.T) {
	r := newStoreRig(t)
	for i := range 3 {
		r.grow(fmt.Sprintf("%d.sst", i), 1000, 2)
		if i == 1 { // what was 0.sst is in no later snapshot
			if err := os.Remove(filepath.Join(r.source.dir, "0.sst")); err != nil {
				t.Fatal(err)
			}
		}
		r.put()
	}
	r.put() // the first is given up: its NOTE is named by nobody, and its table
	sweep := func(want Swept) {
		t.Helper()
		if got, err := r.store.Sweep(t.Context(), time.Hour); err != nil || got != want {
			t.Errorf("Sweep = %+v, %v; want %+v", got, err, want)
		}
		wholeStore(t, r.store.Dir)
	}
	r.now = time.Now()
	if _, err := r.store.disk.Create(path.Join(arrivedDir, "left")); err != nil {
		t.Fatal(err)
	}
	sweep(Swept{})
	r.now = r.now.Add(time.Hour + time.Minute)
	sweep(Swept{Trashed: 2, Removed: 1})
	sweep(Swept{})
	// What is in the trash is read, and comes back when it is named.
	h, err := r.store.Look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f := h.Snapshots[0].Files[0]
	if err := r.store.disk.Rename(object(f.Sum), trashed(f.Sum)); err != nil {
		t.Fatal(err)
	}
	if err := r.store.broken(h.Snapshots[0]); err != nil {
		t.Errorf("in the trash: %v", err)
	}
	sweep(Swept{Restored: 1})
	r.now = r.now.Add(time.Hour + time.Minute)
	sweep(Swept{Removed: 2})
	// A snapshot that cannot be read may name anything.
	name := filepath.Join(r.store.Dir, storedDir, "3", strings.Repeat("a", 32)+"-"+strings.Repeat("1", 20))
	if err := os.WriteFile(name, []byte("of a newer program"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.store.Sweep(t.Context(), 0); !errors.Is(err, ErrUnread) {
		t.Errorf("with a file that nobody can read: %v, want %v", err, ErrUnread)
	}
	if h, err := r.store.Look(t.Context()); err != nil || len(h.Unread) != 1 || len(h.Snapshots) != 2 {
		t.Errorf("Look = %d snapshots, unread %v, %v", len(h.Snapshots), h.Unread, err)
	}
}

func TestStoreAway(t *testing.T) {
	r := newStoreRig(t)
	r.grow("1.sst", 10, 2)
	met := ""
	dir := t.TempDir()
	open := func(known string) *Store {
		return NewStore(StoreConfig{Dir: dir, Keep: 1, Known: known, Meet: func(id string) { met = id }})
	}
	put := func(s *Store) error { _, err := s.Put(t.Context(), r.putting()); return err }
	look := func(s *Store) error { _, err := s.Look(t.Context()); return err }
	if err := look(open("")); err != nil || met != "" {
		t.Errorf("an empty directory: %v, met %q", err, met)
	}
	if err := put(open("0123")); !errors.Is(err, ErrStoreAway) {
		t.Errorf("what was a store is empty: %v, want %v", err, ErrStoreAway)
	}
	if err := put(open("")); err != nil || len(met) != 32 {
		t.Errorf("a new store: %v, met %q", err, met)
	}
	if err := os.WriteFile(filepath.Join(dir, storeName), []byte("shiplog snapshot store 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(put(open("")), look(open(""))); !errors.Is(err, ErrStoreForeign) {
		t.Errorf("a newer store: %v, want %v", err, ErrStoreForeign)
	}
	if err := os.Remove(filepath.Join(dir, storeName)); err != nil {
		t.Fatal(err)
	}
	if err := put(open("")); !errors.Is(err, ErrStoreForeign) {
		t.Errorf("another directory: %v, want %v", err, ErrStoreForeign)
	}
	dir = filepath.Join(dir, "nowhere")
	if err := look(open("")); !errors.Is(err, ErrStoreAway) {
		t.Errorf("no directory: %v, want %v", err, ErrStoreAway)
	}
	if err := put(open("")); !errors.Is(err, ErrStoreAway) {
		t.Errorf("no directory: %v, want %v", err, ErrStoreAway)
	}
}

// hanging is a disk that answers nothing until it is let go.
type hanging struct {
	directory
	gone chan struct{}
}

func (d *hanging) Small(name string) ([]byte, error) {
	<-d.gone
	return d.directory.Small(name)
}

func (d *hanging) Stat(name string) (fs.FileInfo, error) {
	<-d.gone
	return d.directory.Stat(name)
}

// TestStoreHangs holds that nobody waits for a directory that does not answer, and that those who asked it do not pile up.
func TestStoreHangs(t *testing.T) {
	r := newStoreRig(t)
	r.grow("1.sst", 10, 2)
	r.put()
	synctest.Test(t, func(t *testing.T) {
		s := NewStore(StoreConfig{Dir: r.store.Dir, Keep: 1})
		disk := &hanging{directory(s.Dir), make(chan struct{})}
		s.disk = disk
		read := (&request{kind: askRead, partition: 3, length: 10}).encode()
		s.byID[SnapshotID{}] = storedAt(1, 1)
		s.byID[SnapshotID{}].Files = []File{{Name: "x", Size: 10}}
		courier := s.Courier(r.log, NewPace(0))
		for range 3 * storeReaders {
			began := time.Now()
			if _, err := courier.Ask(t.Context(), read); !errors.Is(err, ErrStoreSilent) || time.Since(began) != storeAnswers {
				t.Fatalf("Ask: %v after %v, want %v after %v", err, time.Since(began), ErrStoreSilent, storeAnswers)
			}
		}
		if n := len(s.readers.taken); n != storeReaders {
			t.Errorf("%d wait, want %d at most", n, storeReaders)
		}
		if _, err := s.Look(t.Context()); !errors.Is(err, ErrStoreSilent) {
			t.Errorf("Look: %v, want %v", err, ErrStoreSilent)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := s.Put(ctx, Putting{Progress: &PutProgress{}}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Put: %v, want %v", err, context.DeadlineExceeded)
		}
		close(disk.gone)
		synctest.Wait()
		if h, err := s.Look(t.Context()); err != nil || len(h.Snapshots) != 1 {
			t.Errorf("when it is back: %d snapshots, %v", len(h.Snapshots), err)
		}
	})
}

// TestStoreIsReadByHand follows FORMAT.md without the code that reads a store.
func TestStoreIsReadByHand(t *testing.T) {
	r := newStoreRig(t)
	r.grow("1.sst", 10, 2)
	r.put()
	p := r.applier.position
	data, err := os.ReadFile(filepath.Join(r.store.Dir, "snapshots", "3", fmt.Sprintf("%x-%020d", p.Incarnation[:], uint64(p.Seq))))
	if err != nil || string(data[:4]) != "SLst" || !bytes.Equal(data[48:52], []byte("SLsn")) {
		t.Fatalf("its file: %v", err)
	}
	at := 48 + 88
	for n := data[48+87]; n > 0; n-- {
		name := string(data[at+1 : at+1+int(data[at])])
		at += 1 + len(name) + 8
		sum := fmt.Sprintf("%x", data[at:at+32])
		at += 32
		got, err := os.ReadFile(filepath.Join(r.store.Dir, "objects", sum[:2], sum))
		want, err2 := os.ReadFile(filepath.Join(r.source.dir, name))
		if err := errors.Join(err, err2); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if at+2*32 != len(data) {
		t.Errorf("the files end at %d of %d bytes", at, len(data))
	}
}
