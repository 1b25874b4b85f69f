package shipper

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"sync/atomic"

	"shiplog/wal"
)

// Putting is a snapshot that is to be put into a Store: a copy of a state in a folder.
type Putting struct {
	Dir        string // a Copier made it, and nobody else writes there; it stays as it is
	Copied     Copied
	Partition  int
	First      uint16 // its slots
	Last       uint16
	Partitions int
	By         wal.NodeID
	Progress   *PutProgress
}

// PutProgress is how far a Put is. It may be read while it goes on.
type PutProgress struct {
	Total atomic.Int64 // bytes of the snapshot; 0 while its files are summed
	Done  atomic.Int64 // of which the store has
	New   atomic.Int64 // of which had to be brought there
}

// putAgain is how often a Put looks whether all its files are there, and brings those again that were swept up meanwhile.
const putAgain = 3

// Put puts a snapshot into the store: it is durable there, and whole, when Put returns nil. Files that are there are not written again. Then it gives up
// the partition's oldest snapshots beyond those to keep, of this life of the log. After an error the store is as it was, but for files
// that are swept up later. It blocks as long as the pace demands and the directory takes. One at a time is put.
func (s *Store) Put(ctx context.Context, p Putting) (*Stored, error) {
	return run(ctx, s.put, func() (*Stored, error) {
		stored, err := s.putNow(ctx, &p)
		if err != nil {
			return nil, fmt.Errorf("put a snapshot of partition %d into the store: %w", p.Partition, err)
		}
		return stored, nil
	})
}

func (s *Store) putNow(ctx context.Context, p *Putting) (*Stored, error) {
	if _, err := s.meet(true); err != nil {
		return nil, err
	}
	stored, err := s.describe(p)
	if err != nil {
		return nil, err
	}
	p.Progress.Total.Store(stored.Bytes())
	folder := path.Join(storedDir, strconv.Itoa(p.Partition))
	for _, name := range []string{arrivedDir, objectsDir, storedDir, trashDir, folder} {
		if err := s.disk.Folder(name); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(s.disk.Sync("."), s.disk.Sync(storedDir)); err != nil {
		return nil, err
	}
	if err := s.deposit(ctx, p, stored, true); err != nil {
		return nil, err
	}
	data, err := EncodeStored(stored)
	if err != nil {
		return nil, err
	}
	if err := s.write(path.Join(folder, nameOfStored(stored.Position)), data); err != nil {
		return nil, err
	}
	return stored, s.settle(ctx, p, stored)
}

// describe makes the manifest. Only files that were not in the snapshot before are read.
func (s *Store) describe(p *Putting) (*Stored, error) {
	m := &Manifest{Partition: p.Partition, Sums: SHA256, Copied: p.Copied}
	rand.Read(m.ID[:]) // never fails
	s.mu.Lock()
	known := s.known[p.Partition]
	s.mu.Unlock()
	known, err := describe(p.Dir, m, known)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.known[p.Partition] = known
	s.mu.Unlock()
	return &Stored{Manifest: m, Taken: s.Now(), By: p.By, First: p.First, Last: p.Last, Partitions: p.Partitions}, nil
}

// settle sees to it that everything the snapshot names is there, now that it is named and nothing of it is swept up any more.
func (s *Store) settle(ctx context.Context, p *Putting, stored *Stored) (err error) {
	for range putAgain {
		lacks := false
		for i := range stored.Files {
			held, err := s.holds(&stored.Files[i])
			if err != nil {
				return err
			}
			lacks = lacks || !held
		}
		if !lacks {
			return s.retire(stored)
		}
		if err := s.deposit(ctx, p, stored, false); err != nil {
			return err
		}
	}
	return errors.New("files of the store go as soon as they come")
}

// deposit brings those files of a snapshot that the store does not have, and makes their names durable.
func (s *Store) deposit(ctx context.Context, p *Putting, stored *Stored, counts bool) error {
	touched := make(map[string]bool)
	for i := range stored.Files {
		f := &stored.Files[i]
		name := object(f.Sum)
		held, err := s.holds(f)
		if err == nil && held {
			err = s.disk.Touch(name, s.Now()) // it is not old any more: the next sweep leaves it
			held = !errors.Is(err, fs.ErrNotExist)
		}
		if !held {
			if err = s.bring(ctx, filepath.Join(p.Dir, f.Name), f); err == nil {
				touched[path.Dir(name)] = true
				p.Progress.New.Add(f.Size)
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		if counts {
			p.Progress.Done.Add(f.Size)
		}
	}
	for folder := range touched {
		if err := s.disk.Sync(folder); err != nil {
			return err
		}
	}
	return s.disk.Sync(objectsDir)
}

// bring copies a file into the store. It gets its name when it is whole and durable.
func (s *Store) bring(ctx context.Context, from string, f *File) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close() // it was only read
	if err := s.disk.Folder(path.Dir(object(f.Sum))); err != nil {
		return err
	}
	temp := s.temp()
	to, err := s.disk.Create(temp)
	if err != nil {
		return err
	}
	sum := SHA256.start()
	_, err = io.CopyBuffer(onlyWriter{io.MultiWriter(to, sum)}, s.paced(ctx, source), make([]byte, sumBuffer))
	if err == nil && finish(sum) != f.Sum {
		err = fmt.Errorf("%w: it has changed while it was copied", ErrDamaged)
	}
	if err == nil {
		err = to.Sync()
	}
	if err = errors.Join(err, to.Close()); err == nil {
		err = s.disk.Rename(temp, object(f.Sum))
	}
	if err != nil {
		return errors.Join(err, s.drop(temp))
	}
	return nil
}

// readFunc is an io.Reader.
type readFunc func(buf []byte) (int, error)

// Read implements io.Reader.
func (f readFunc) Read(buf []byte) (int, error) { return f(buf) }

// paced reads from r as fast as the pace allows, while ctx lasts.
func (s *Store) paced(ctx context.Context, r io.Reader) io.Reader {
	return readFunc(func(buf []byte) (int, error) {
		n, err := r.Read(buf)
		if n > 0 {
			if e := s.Pace.Wait(ctx, n); e != nil {
				return 0, e
			}
		}
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		return n, err
	})
}

// retire gives up the oldest snapshots of the partition in this life of its log. Those of another life are left to people.
func (s *Store) retire(newest *Stored) error {
	var h Holding
	if err := s.partition(newest.Partition, &h, make(map[string]bool)); err != nil {
		return err
	}
	folder := path.Join(storedDir, strconv.Itoa(newest.Partition))
	for _, old := range superseded(h.Snapshots, newest.Position.Incarnation, s.Keep) {
		if err := s.drop(path.Join(folder, nameOfStored(old.Position))); err != nil {
			return err
		}
	}
	return s.disk.Sync(folder)
}

// superseded returns those snapshots of one life of a log that are not among the newest ones to keep.
func superseded(all []*Stored, life wal.Incarnation, keep int) []*Stored {
	fit := Fitting(all, life, wal.Bounds{Last: ^wal.Seq(0)})
	return fit[min(max(keep, 1), len(fit)):]
}
