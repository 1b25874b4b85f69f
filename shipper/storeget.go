package shipper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"time"

	"shiplog/wal"
)

// Courier returns what answers a Seeding as another node's Shelf would, out of the store, with snapshots that fit the log. pace is of what is read.
func (s *Store) Courier(log wal.Log, pace *Pace) Courier { return &storeCourier{s, log, pace} }

// storeCourier is a Courier that goes nowhere.
type storeCourier struct {
	store *Store
	log   wal.Log
	pace  *Pace
}

// Ask implements Courier. It fails after ten seconds when the directory does not answer.
func (c *storeCourier) Ask(ctx context.Context, asked []byte) ([]byte, error) {
	r, err := decodeRequest(asked)
	if err != nil {
		return nil, err
	}
	if r.kind == askOffer {
		manifest, err := c.offer(ctx, &r)
		if err != nil {
			return nil, err
		}
		return appendAnswer(nil, manifest, nil), nil
	}
	if err := c.pace.Wait(ctx, r.length); err != nil {
		return nil, err
	}
	return run(ctx, c.store.readers, func() ([]byte, error) { return c.store.piece(&r) })
}

// offer returns the manifest of the newest snapshot that fits the log and all of whose files are there.
func (c *storeCourier) offer(ctx context.Context, r *request) ([]byte, error) {
	life, bounds, err := Life(ctx, c.log)
	if err != nil {
		return nil, err
	}
	held, err := c.store.Look(ctx)
	if err != nil {
		return nil, err
	}
	return run(ctx, c.store.readers, func() ([]byte, error) {
		err := ErrStoreLacks
		for _, stored := range Fitting(of(held.Snapshots, r.partition), life, bounds) {
			broken := c.store.broken(stored)
			if broken == nil {
				return EncodeManifest(stored.Manifest)
			}
			err = fmt.Errorf("%w; the one at %d: %w", err, stored.Position.Seq, broken)
		}
		return nil, err
	})
}

// of returns the snapshots of one partition.
func of(all []*Stored, partition int) []*Stored {
	return slices.DeleteFunc(slices.Clone(all), func(s *Stored) bool { return s.Partition != partition })
}

// broken says which file of a snapshot is not there, or of another size; nil when all are there.
func (s *Store) broken(stored *Stored) error {
	for i := range stored.Files {
		f := &stored.Files[i]
		_, info, err := s.find(f.Sum)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		if info.Size() != f.Size {
			return fmt.Errorf("%w: %s has %d bytes, want %d", ErrDamaged, object(f.Sum), info.Size(), f.Size)
		}
	}
	return nil
}

// find returns where a file lies: also what was swept up already may be read.
func (s *Store) find(sum Sum) (name string, info fs.FileInfo, err error) {
	name = object(sum)
	if info, err = s.disk.Stat(name); errors.Is(err, fs.ErrNotExist) {
		name = trashed(sum)
		info, err = s.disk.Stat(name)
	}
	return name, info, err
}

// piece answers a request for a piece of a file. At the file's end it is shorter, which its reader takes for damage.
func (s *Store) piece(r *request) ([]byte, error) {
	s.mu.Lock()
	stored := s.byID[r.id]
	s.mu.Unlock()
	if stored == nil || r.file >= len(stored.Files) {
		return appendAnswer(nil, nil, ErrGone), nil
	}
	name, _, err := s.find(stored.Files[r.file].Sum)
	if err != nil {
		return nil, err
	}
	buf := appendAnswer(make([]byte, 0, answerHead+r.length), nil, nil)
	n, err := s.disk.ReadAt(name, buf[answerHead:answerHead+r.length], r.offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return buf[:answerHead+n], nil
}

// Reject looks whether a file of the store is damaged, as somebody has found who read it. If it is, it is put aside into the folder "damaged", so
// that no snapshot is offered any more that needs it, and the next one that is put there brings it anew. It reads all of the file, and fails after a minute.
func (s *Store) Reject(ctx context.Context, f File) (damaged bool, err error) {
	return run(ctx, s.mend, func() (bool, error) {
		name, info, err := s.find(f.Sum)
		if err != nil {
			return false, err
		}
		if info.Size() == f.Size {
			if sum, err := s.sumOf(ctx, name); err != nil || sum == f.Sum {
				return false, err
			}
		}
		if err := s.disk.Folder(damagedDir); err != nil {
			return true, err
		}
		return true, s.disk.Rename(name, path.Join(damagedDir, path.Base(name)))
	})
}

// sumOf reads a file of the store.
func (s *Store) sumOf(ctx context.Context, name string) (Sum, error) {
	h := SHA256.start()
	buf := make([]byte, sumBuffer)
	for at := int64(0); ; {
		n, err := s.disk.ReadAt(name, buf, at)
		h.Write(buf[:n])
		at += int64(n)
		if errors.Is(err, io.EOF) {
			return finish(h), nil
		}
		if err == nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return Sum{}, err
		}
	}
}

// ErrUnread says that files are not swept up, because a snapshot cannot be read that may name them.
var ErrUnread = errors.New("a snapshot in the store cannot be read: no files are removed there")

// Swept is what a Sweep has done.
type Swept struct {
	Trashed, Restored, Removed int
}

// Sweep removes the files that no snapshot names, in two steps: what nobody names and nobody has touched for grace goes into the folder "trash", from
// where it is still read; what has been there for grace, and is still named by nobody, is removed, and what is named again
// comes back. A Put makes sure that its files are there after it has named them. So whatever the clocks say, and whoever stops for however long at any moment,
// no file is removed that a snapshot names: either the Put saw it gone, and has brought it again, or it had named it before it was
// gone, and then the second step, which looks at the names after that, sees it.
func (s *Store) Sweep(ctx context.Context, grace time.Duration) (Swept, error) {
	return run(ctx, s.put, func() (done Swept, err error) {
		if made, err := s.meet(false); err != nil || !made {
			return done, err
		}
		before := s.Now().Add(-grace)
		if err := s.sweepTrash(ctx, before, &done); err != nil {
			return done, err
		}
		if err := s.sweepObjects(ctx, before, &done); err != nil {
			return done, err
		}
		return done, s.each(ctx, arrivedDir, func(e fs.DirEntry, info fs.FileInfo) error {
			if info.ModTime().After(before) {
				return nil
			}
			done.Removed++
			return s.drop(path.Join(arrivedDir, e.Name()))
		})
	})
}

// named returns the names of the files that snapshots need.
func (s *Store) named() (map[string]bool, error) {
	h, err := s.holding()
	if err != nil {
		return nil, err
	}
	if len(h.Unread) > 0 {
		return nil, fmt.Errorf("%w: %w", ErrUnread, errors.Join(h.Unread...))
	}
	names := make(map[string]bool)
	for _, stored := range h.Snapshots {
		for i := range stored.Files {
			names[path.Base(object(stored.Files[i].Sum))] = true
		}
	}
	return names, nil
}

// each calls fn for the files in a folder, if that is there.
func (s *Store) each(ctx context.Context, folder string, fn func(fs.DirEntry, fs.FileInfo) error) error {
	entries, err := s.disk.List(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		info, err := s.disk.Stat(path.Join(folder, e.Name()))
		if err == nil && info.Mode().IsRegular() {
			err = fn(e, info)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // another node sweeps too
			return err
		}
	}
	return nil
}

// sweepTrash is the second step. Names are looked at after what is in the trash is there.
func (s *Store) sweepTrash(ctx context.Context, before time.Time, done *Swept) error {
	var names map[string]bool
	return s.each(ctx, trashDir, func(e fs.DirEntry, info fs.FileInfo) (err error) {
		if names == nil {
			if names, err = s.named(); err != nil {
				return err
			}
		}
		name := path.Join(trashDir, e.Name())
		switch {
		case names[e.Name()]:
			done.Restored++
			return s.disk.Rename(name, path.Join(objectsDir, e.Name()[:2], e.Name()))
		case info.ModTime().After(before):
			return nil
		}
		done.Removed++
		return s.drop(name)
	})
}

// sweepObjects is the first step.
func (s *Store) sweepObjects(ctx context.Context, before time.Time, done *Swept) error {
	folders, err := s.disk.List(objectsDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	names, err := s.named()
	if err != nil {
		return err
	}
	for _, folder := range folders {
		in := path.Join(objectsDir, folder.Name())
		if !folder.IsDir() || len(folder.Name()) != 2 {
			continue
		}
		err := s.each(ctx, in, func(e fs.DirEntry, info fs.FileInfo) error {
			if names[e.Name()] || info.ModTime().After(before) || len(e.Name()) != 64 {
				return nil
			}
			done.Trashed++
			gone := path.Join(trashDir, e.Name())
			return errors.Join(s.disk.Rename(path.Join(in, e.Name()), gone), s.disk.Touch(gone, s.Now()))
		})
		if err != nil {
			return err
		}
	}
	return nil
}
