package shipper

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"shiplog/wal"
)

// The errors of a Store.
var (
	// ErrStoreAway says that the directory is not there, or that it is not the store any more: most likely it is not mounted.
	ErrStoreAway = errors.New("the snapshot store is not there")
	// ErrStoreForeign says that the directory is something else, or a store of a newer program.
	ErrStoreForeign = errors.New("the directory is no snapshot store of this program")
	// ErrStoreSilent says that the directory does not answer.
	ErrStoreSilent = errors.New("the snapshot store does not answer")
	// ErrStoreLacks says that the store has no snapshot that is whole and fits the log.
	ErrStoreLacks = errors.New("the snapshot store has no snapshot that the log goes on from")
)

// The names in a store (FORMAT.md).
const (
	storeName  = "STORE"
	objectsDir = "objects"
	storedDir  = "snapshots"
	arrivedDir = "tmp"
	trashDir   = "trash"
	damagedDir = "damaged"
	storeFirst = "shiplog snapshot store 1"
)

// How long a store may take to answer, and how many readers may wait for it.
const (
	storeAnswers = 10 * time.Second
	storeReaders = inFlight
	storeMends   = time.Minute // a whole file is read
)

// StoreConfig is what a Store is made of.
type StoreConfig struct {
	Dir  string // must be there; files of the store are made in it
	Keep int    // snapshots of a partition that are kept, at least 1
	Pace *Pace  // of what is put there
	// Known is the identity of the store that was found at Dir before, empty when none was, and Meet is told when it is another one. A directory
	// that was a store and is empty now is taken for one that is not mounted.
	Known string
	Meet  func(id string)
	Now   func() time.Time
}

// Store is a directory that keeps snapshots beyond the life of nodes, typically one that all nodes see. Files lie there once, by their
// SHA-256 sums. Several processes may use it at the same time without knowing of each other. Nothing of it ever blocks for longer than its context lasts,
// or ten seconds where no more than a few bytes are wanted, also when the directory does not answer at all. Its methods may be called from several
// goroutines.
type Store struct {
	StoreConfig
	disk storeDisk

	look, put lane
	readers   lane
	mend      lane

	mu     sync.Mutex
	id     string
	cached map[string]cachedStored   // by the names of their files
	byID   map[SnapshotID]*Stored    // the same
	known  map[int]map[string]summed // of each partition's newest snapshot that was put from here
}

// cachedStored is a file of a stored snapshot that was read.
type cachedStored struct {
	info   fs.FileInfo
	stored *Stored
	err    error
}

// NewStore returns the store in a directory. It touches nothing yet.
func NewStore(c StoreConfig) *Store {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Pace == nil {
		c.Pace = NewPace(0)
	}
	return &Store{
		StoreConfig: c, disk: directory(c.Dir), id: c.Known,
		look: newLane(1, storeAnswers), put: newLane(1, 0), readers: newLane(storeReaders, storeAnswers), mend: newLane(1, storeMends),
		cached: make(map[string]cachedStored), byID: make(map[SnapshotID]*Stored), known: make(map[int]map[string]summed),
	}
}

// Holding is what a store holds.
type Holding struct {
	Snapshots []*Stored // by partition, incarnation and how far they are
	Unread    []error   // files of snapshots that could not be read
}

// Look returns what the store holds. Whether each file of the snapshots is there and whole it does not say.
func (s *Store) Look(ctx context.Context) (Holding, error) {
	return run(ctx, s.look, s.holding)
}

func (s *Store) holding() (h Holding, err error) {
	made, err := s.meet(false)
	if err != nil || !made {
		return h, err
	}
	folders, err := s.disk.List(storedDir)
	if errors.Is(err, fs.ErrNotExist) {
		return h, nil
	}
	if err != nil {
		return h, err
	}
	seen := make(map[string]bool)
	for _, folder := range folders {
		n, err := strconv.Atoi(folder.Name())
		if err != nil || n < 0 || n >= maxPartitions || strconv.Itoa(n) != folder.Name() {
			continue
		}
		if err := s.partition(n, &h, seen); err != nil {
			return h, err
		}
	}
	s.forget(seen)
	slices.SortFunc(h.Snapshots, func(a, b *Stored) int {
		if a.Partition != b.Partition {
			return a.Partition - b.Partition
		}
		if c := slices.Compare(a.Position.Incarnation[:], b.Position.Incarnation[:]); c != 0 {
			return c
		}
		return newer(a, b)
	})
	return h, nil
}

// partition adds a partition's snapshots to h, and their names to seen.
func (s *Store) partition(n int, h *Holding, seen map[string]bool) error {
	folder := path.Join(storedDir, strconv.Itoa(n))
	entries, err := s.disk.List(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		name := path.Join(folder, e.Name())
		if !isStoredName(e.Name()) {
			continue
		}
		stored, err := s.read(name, n)
		switch {
		case errors.Is(err, fs.ErrNotExist): // another node has just given it up
			continue
		case err != nil:
			h.Unread = append(h.Unread, fmt.Errorf("%s: %w", name, err))
		default:
			h.Snapshots = append(h.Snapshots, stored)
		}
		seen[name] = true
	}
	return nil
}

// isStoredName tells whether a file is one of a snapshot: INCARNATION-SEQUENCE, in 32 hexadecimal and 20 decimal digits.
func isStoredName(name string) bool {
	life, seq, cut := strings.Cut(name, "-")
	return cut && len(life) == 32 && strings.Trim(life, "0123456789abcdef") == "" && len(seq) == 20 && strings.Trim(seq, "0123456789") == ""
}

func nameOfStored(p wal.Position) string {
	return fmt.Sprintf("%s-%020d", hex.EncodeToString(p.Incarnation[:]), uint64(p.Seq))
}

// read reads the file of a stored snapshot, once.
func (s *Store) read(name string, partition int) (*Stored, error) {
	info, err := s.disk.Stat(name)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	c, have := s.cached[name]
	s.mu.Unlock()
	if have && c.info.Size() == info.Size() && c.info.ModTime().Equal(info.ModTime()) {
		return c.stored, c.err
	}
	data, err := s.disk.Small(name)
	if err != nil {
		return nil, err
	}
	c = cachedStored{info: info}
	if c.stored, c.err = DecodeStored(data); c.err == nil && (c.stored.Partition != partition || nameOfStored(c.stored.Position) != path.Base(name)) {
		c.stored, c.err = nil, fmt.Errorf("%w: it is of partition %d at %d", ErrStored, c.stored.Partition, c.stored.Position.Seq)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cached[name] = c
	if c.stored != nil {
		s.byID[c.stored.ID] = c.stored
	}
	return c.stored, c.err
}

// forget drops what is not there any more.
func (s *Store) forget(seen map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, c := range s.cached {
		if !seen[name] {
			delete(s.cached, name)
			if c.stored != nil {
				delete(s.byID, c.stored.ID)
			}
		}
	}
}

// meet holds the directory to being the store, and makes one of it if that is wanted and it is empty. made says that it is one.
func (s *Store) meet(create bool) (made bool, err error) {
	data, err := s.disk.Small(storeName)
	if errors.Is(err, fs.ErrNotExist) {
		may, err2 := s.mayBeMade()
		switch {
		case err2 != nil || may && !create:
			return false, err2
		case may:
			data, err = s.make()
		default: // somebody has made it meanwhile
			data, err = s.disk.Small(storeName)
		}
	}
	if err != nil {
		return false, fmt.Errorf("%w: %s: %w", ErrStoreAway, s.Dir, err)
	}
	first, id, _ := strings.Cut(strings.TrimSuffix(string(data), "\n"), "\n")
	if first != storeFirst || len(id) != 32 || strings.Trim(id, "0123456789abcdef") != "" {
		return false, fmt.Errorf("%w: %s: its file %s says %.60q", ErrStoreForeign, s.Dir, storeName, data)
	}
	s.mu.Lock()
	another := s.id != id
	s.id = id
	s.mu.Unlock()
	if another && s.Meet != nil {
		s.Meet(id)
	}
	return true, nil
}

// mayBeMade tells whether a directory that was no store a moment ago may become one: not if it is one now. An error says why it cannot.
func (s *Store) mayBeMade() (bool, error) {
	entries, err := s.disk.List(".")
	if err != nil {
		return false, fmt.Errorf("%w: %s: %w", ErrStoreAway, s.Dir, err)
	}
	s.mu.Lock()
	known := s.id
	s.mu.Unlock()
	foreign := ""
	for _, e := range entries {
		switch name := e.Name(); {
		case name == storeName:
			return false, nil
		case name != "lost+found" && name != arrivedDir && !strings.HasPrefix(name, "."):
			foreign = name
		}
	}
	switch {
	case known != "":
		return false, fmt.Errorf("%w: %s was one, and has no file %s now: is it mounted?", ErrStoreAway, s.Dir, storeName)
	case foreign != "":
		return false, fmt.Errorf("%w: %s is not empty (%s), and has no file %s", ErrStoreForeign, s.Dir, foreign, storeName)
	}
	return true, nil
}

// make makes a store of the directory. Of several who do that at the same time one wins: the others meet its store afterwards.
func (s *Store) make() ([]byte, error) {
	var id [16]byte
	rand.Read(id[:]) // never fails
	text := storeFirst + "\n" + hex.EncodeToString(id[:]) + "\n"
	if err := s.disk.Folder(arrivedDir); err != nil {
		return nil, err
	}
	if err := s.write(storeName, []byte(text)); err != nil {
		return nil, err
	}
	return s.disk.Small(storeName)
}

// write makes a small file durable, and then gives it its name, durably.
func (s *Store) write(name string, data []byte) (err error) {
	temp := s.temp()
	f, err := s.disk.Create(temp)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = s.disk.Rename(temp, name)
	}
	if err != nil {
		return errors.Join(err, s.drop(temp))
	}
	return s.disk.Sync(path.Dir(name))
}

// temp is the name of a file that nobody else writes.
func (s *Store) temp() string {
	var id [16]byte
	rand.Read(id[:]) // never fails
	return path.Join(arrivedDir, hex.EncodeToString(id[:]))
}

// drop removes what was begun. Where that fails too it is swept up later.
func (s *Store) drop(temp string) error {
	if err := s.disk.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// object is where the file with a sum lies.
func object(sum Sum) string {
	name := hex.EncodeToString(sum[:])
	return path.Join(objectsDir, name[:2], name)
}

func trashed(sum Sum) string { return path.Join(trashDir, hex.EncodeToString(sum[:])) }

// holds tells whether the file f lies in the store, as far as its size says.
func (s *Store) holds(f *File) (bool, error) {
	info, err := s.disk.Stat(object(f.Sum))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && info.Size() == f.Size && info.Mode().IsRegular(), err
}
