package shipper

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Copier is a state that can be copied.
type Copier interface {
	// CopyTo makes the folder dir and in it a copy of the state, durable, and says what it is of. It costs hard links, no
	// bytes, and may be called while the state changes.
	CopyTo(dir string) (Copied, error)
}

// How long snapshots live.
const (
	freshFor = 30 * time.Second // a snapshot that is younger is offered instead of a new one
	holdFor  = 60 * time.Second // a snapshot that nobody has read from for so long is given up
	sweeping = 5 * time.Second
)

// Shelf keeps the snapshots that this node's partitions are read from, and answers those who read. It takes a snapshot only when
// somebody asks for one. Its methods may be called from several goroutines. It owns the goroutines that take snapshots.
type Shelf struct {
	dir  string
	find func(partition int) (Copier, error)
	pace *Pace
	now  func() time.Time

	taking sync.WaitGroup
	mu     sync.Mutex
	stands map[int]*stand
	closed bool
}

// stand is what a Shelf has of one partition.
type stand struct {
	books  []*book // the newest last
	taking bool
	failed error             // the newest attempt
	known  map[string]summed // the files of the newest snapshot
}

// book is one snapshot. It is never changed but for read.
type book struct {
	manifest *Manifest
	encoded  []byte
	dir      string
	taken    time.Time
	read     time.Time // when somebody last wanted something of it
}

// NewShelf returns a Shelf that keeps its snapshots in the folder dir, which is emptied: what was there is of a former life. find
// returns the state of a partition, or why there is none. The folder must be on the same file system as the states.
func NewShelf(dir string, find func(partition int) (Copier, error), pace *Pace) (*Shelf, error) {
	if err := os.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("empty the folder of snapshots: %w", err)
	}
	return &Shelf{dir: dir, find: find, pace: pace, now: time.Now, stands: make(map[int]*stand)}, nil
}

// Run gives up snapshots that nobody wants any more, until ctx ends. Then it gives up all.
func (s *Shelf) Run(ctx context.Context) error {
	tick := time.NewTicker(sweeping)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return s.close()
		case <-tick.C:
			s.sweep()
		}
	}
}

// close ends taking, and removes everything.
func (s *Shelf) close() error {
	s.mu.Lock()
	s.closed, s.stands = true, make(map[int]*stand)
	s.mu.Unlock()
	s.taking.Wait()
	return os.RemoveAll(s.dir)
}

// Answer answers a request of another node, in buf if it has room there, which it overwrites. It blocks as long as the pace demands, and until
// a piece is read.
func (s *Shelf) Answer(ctx context.Context, asked, buf []byte) []byte {
	r, err := decodeRequest(asked)
	if err != nil {
		return appendAnswer(buf[:0], nil, err)
	}
	if r.kind == askOffer {
		manifest, err := s.offer(&r)
		return appendAnswer(buf[:0], manifest, err)
	}
	err = s.pace.Wait(ctx, r.length)
	if err == nil {
		buf, err = s.read(&r, appendAnswer(buf[:0], nil, nil))
	}
	if err != nil {
		return appendAnswer(buf[:0], nil, err)
	}
	return buf
}

// offer returns the manifest of the newest snapshot if it is fresh or being read, and begins to take one otherwise.
func (s *Shelf) offer(r *request) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errors.New("the node is stopping")
	}
	at := s.stands[r.partition]
	if at == nil {
		at = &stand{}
		s.stands[r.partition] = at
	}
	if n := len(at.books); n > 0 {
		newest := at.books[n-1]
		now := s.now()
		inUse := now.Sub(newest.taken) < freshFor || now.Sub(newest.read) < holdFor && newest.read != newest.taken
		if inUse && uint64(newest.manifest.Position.Seq) >= r.above {
			newest.read = now
			return newest.encoded, nil
		}
	}
	if at.taking {
		return nil, ErrTaking
	}
	if err := at.failed; err != nil {
		at.failed = nil // told, and tried again when somebody asks again
		return nil, err
	}
	state, err := s.find(r.partition)
	if err != nil {
		return nil, err
	}
	at.taking = true
	known := at.known
	s.taking.Go(func() { s.take(r.partition, state, known) })
	return nil, ErrTaking
}

// take takes a snapshot.
func (s *Shelf) take(partition int, state Copier, known map[string]summed) {
	b, known, err := s.bind(partition, state, known)
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.stands[partition]
	if s.closed || at == nil {
		return
	}
	at.taking = false
	if err != nil {
		at.failed = fmt.Errorf("take a snapshot of partition %d: %w", partition, err)
		return
	}
	at.books, at.known = append(at.books, b), known
}

// bind makes a snapshot. Only files that are not known are read.
func (s *Shelf) bind(partition int, state Copier, known map[string]summed) (*book, map[string]summed, error) {
	m := &Manifest{Partition: partition, Sums: XXH3128}
	if _, err := rand.Read(m.ID[:]); err != nil {
		return nil, nil, err
	}
	b := &book{manifest: m, dir: filepath.Join(s.dir, strconv.Itoa(partition), m.ID.String())}
	if err := os.MkdirAll(filepath.Dir(b.dir), 0o700); err != nil {
		return nil, nil, err
	}
	var err error
	if m.Copied, err = state.CopyTo(b.dir); err == nil {
		known, err = describe(b.dir, m, known)
	}
	if err == nil {
		b.encoded, err = EncodeManifest(m)
	}
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(b.dir))
	}
	b.taken = s.now()
	b.read = b.taken
	return b, known, nil
}

// read appends a piece of a file to buf; it is shorter than asked for at the file's end.
func (s *Shelf) read(r *request, buf []byte) ([]byte, error) {
	path := s.path(r)
	if path == "" {
		return buf, ErrGone
	}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return buf, ErrGone // given up meanwhile
	}
	if err != nil {
		return buf, err
	}
	defer f.Close() // it was only read
	head := len(buf)
	buf = slices.Grow(buf, r.length)
	n, err := f.ReadAt(buf[head:head+r.length], r.offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return buf, err
	}
	return buf[:head+n], nil
}

// path is where the file is that a request is about, empty when it is not here. It keeps the snapshot.
func (s *Shelf) path(r *request) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.stands[r.partition]
	if at == nil {
		return ""
	}
	for _, b := range at.books {
		if b.manifest.ID == r.id && r.file < len(b.manifest.Files) {
			b.read = s.now()
			return filepath.Join(b.dir, b.manifest.Files[r.file].Name)
		}
	}
	return ""
}

// sweep gives up snapshots that nobody has wanted for holdFor.
func (s *Shelf) sweep() {
	var old []string
	s.mu.Lock()
	for _, at := range s.stands {
		kept := at.books[:0:0]
		for _, b := range at.books {
			if s.now().Sub(b.read) >= holdFor {
				old = append(old, b.dir)
			} else {
				kept = append(kept, b)
			}
		}
		at.books = kept
	}
	s.mu.Unlock()
	for _, dir := range old {
		_ = os.RemoveAll(dir) // what stays is removed at the next start
	}
}
