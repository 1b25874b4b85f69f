package shipper

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
)

// Courier brings a request to another node and its answer back. It fails when there is none within a time that the courier knows.
type Courier interface {
	Ask(ctx context.Context, request []byte) (answer []byte, err error)
}

// The names in a folder that is being filled.
const (
	manifestName = "SNAPSHOT" // the manifest that the files belong to
	partial      = ".part"    // a file that is not whole yet
)

// inFlight is how many pieces are asked for before the first has come: enough to keep a fast network busy, and not more than it
// carries in some milliseconds.
const inFlight = 8

// ErrDamaged says that what has come is not what the manifest says.
var ErrDamaged = errors.New("a file of a snapshot is not what it should be")

// DamagedFile says which file it is, when its sum is another one.
type DamagedFile struct{ File File }

// Error implements error.
func (d *DamagedFile) Error() string { return ErrDamaged.Error() + ": " + d.File.Name }

// Unwrap has it be ErrDamaged.
func (d *DamagedFile) Unwrap() error { return ErrDamaged }

// Progress is how far a seeding is. It may be read while it goes on.
type Progress struct {
	Total   atomic.Int64  // bytes of the snapshot
	Have    atomic.Int64  // of which this node has
	Fetched atomic.Int64  // of which it has fetched since the seeding began
	At      atomic.Uint64 // sequence of the snapshot; 0 while there is none
}

// prepare makes dir the folder of m: it keeps the whole files that m has too, and takes those that another folder, old, has already.
// What else is there is removed. Unchanged files are so never fetched twice, whatever has been interrupted.
func prepare(dir, old string, m *Manifest) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	before := &Manifest{}
	if data, err := os.ReadFile(filepath.Join(dir, manifestName)); err == nil {
		if before, err = DecodeManifest(data); err != nil {
			before = &Manifest{} // cut off while it was written
		}
	}
	if err := keepOnly(dir, common(before, m)); err != nil {
		return err
	}
	data, err := EncodeManifest(m)
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, manifestName), data); err != nil {
		return err
	}
	for i := range m.Files {
		if err := take(dir, old, m, i); err != nil {
			return err
		}
	}
	return syncFolder(dir)
}

// common returns the names of files that are the same in two snapshots: none if those are summed differently.
func common(a, b *Manifest) map[string]bool {
	if a.Sums != b.Sums {
		return nil
	}
	in := make(map[File]bool, len(a.Files))
	for _, f := range a.Files {
		in[f] = true
	}
	names := make(map[string]bool)
	for _, f := range b.Files {
		if in[f] {
			names[f.Name] = true
		}
	}
	return names
}

// keepOnly removes what is in dir but the files of these names, whole or not.
func keepOnly(dir string, names map[string]bool) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := entry.Name()
		if bare, cut := bytes.CutSuffix([]byte(name), []byte(partial)); names[name] || cut && names[string(bare)] {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// take links a file of the folder old into dir, if it is the one that file i of m is.
func take(dir, old string, m *Manifest, i int) error {
	f := &m.Files[i]
	path, there := filepath.Join(old, f.Name), filepath.Join(dir, f.Name)
	info, err := os.Lstat(path)
	if old == "" || err != nil || !info.Mode().IsRegular() || info.Size() != f.Size || exists(there) {
		return nil
	}
	if sum, err := m.Sums.of(path); err != nil || sum != f.Sum {
		return nil // another file of this name
	}
	return os.Link(path, there)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// piece is a part of a file to be fetched.
type piece struct {
	file   int
	offset int64
	length int
	last   bool // of its file
}

// pieces calls fn with what is missing of m in dir, in order, until fn returns false. A file that is partly there goes on where it ends.
func pieces(dir string, m *Manifest, fn func(piece) bool) error {
	for i := range m.Files {
		f := &m.Files[i]
		if exists(filepath.Join(dir, f.Name)) {
			continue
		}
		have, err := sizeOf(filepath.Join(dir, f.Name+partial))
		if err != nil {
			return err
		}
		if have > f.Size {
			have = 0
		}
		for at := have; ; {
			length := min(f.Size-at, pieceSize)
			next := piece{file: i, offset: at, length: int(length), last: at+length == f.Size}
			if !fn(next) {
				return nil
			}
			if at += length; next.last {
				break
			}
		}
	}
	return nil
}

func sizeOf(path string) (int64, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// coming is a piece that was asked for.
type coming struct {
	piece
	answer chan result
}

type result struct {
	data []byte
	err  error
}

// fetch brings what is missing of m into dir. When it returns nil everything is there, whole, and durable. After an error
// it may be called again, and goes on where it was.
func fetch(ctx context.Context, from Courier, m *Manifest, dir string, p *Progress) error {
	ctx, cancel := context.WithCancel(ctx)
	have, err := whole(dir, m)
	if err != nil {
		cancel()
		return err
	}
	p.Total.Store(m.Bytes())
	p.Have.Store(have)
	queue, planned := make(chan coming, inFlight), make(chan error, 1)
	var asking sync.WaitGroup
	defer asking.Wait()
	defer cancel()
	asking.Go(func() { // ends when everything is asked for
		defer close(queue)
		planned <- pieces(dir, m, func(next piece) bool {
			c := coming{next, make(chan result, 1)}
			select {
			case queue <- c:
			case <-ctx.Done():
				return false
			}
			asking.Go(func() { // ends when the courier comes back
				data, err := askPiece(ctx, from, m, next)
				c.answer <- result{data, err}
			})
			return true
		})
	})
	w := arrival{dir: dir, m: m, progress: p}
	defer w.close()
	for c := range queue {
		r := <-c.answer
		if r.err != nil {
			return fmt.Errorf("fetch %s at %d: %w", m.Files[c.file].Name, c.offset, r.err)
		}
		if err := w.write(c.piece, r.data); err != nil {
			return err
		}
	}
	if err := <-planned; err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return syncFolder(dir)
}

// whole is how many bytes of m are in dir already.
func whole(dir string, m *Manifest) (n int64, err error) {
	for i := range m.Files {
		size, err := sizeOf(filepath.Join(dir, m.Files[i].Name))
		if err != nil {
			return 0, err
		}
		rest, err := sizeOf(filepath.Join(dir, m.Files[i].Name+partial))
		if err != nil {
			return 0, err
		}
		n += size + rest
	}
	return n, nil
}

func askPiece(ctx context.Context, from Courier, m *Manifest, p piece) ([]byte, error) {
	if p.length == 0 {
		return nil, nil // an empty file
	}
	r := request{kind: askRead, partition: m.Partition, id: m.ID, file: p.file, offset: p.offset, length: p.length}
	answer, err := from.Ask(ctx, r.encode())
	if err != nil {
		return nil, err
	}
	data, err := decodeAnswer(answer)
	if err == nil && len(data) != p.length {
		err = fmt.Errorf("%w: %d bytes of %d", ErrDamaged, len(data), p.length)
	}
	return data, err
}

// arrival writes the pieces of files as they come, and holds each file to its sum before it gets its name.
type arrival struct {
	dir      string
	m        *Manifest
	progress *Progress
	file     *os.File // nil between two files
	sum      hash.Hash
}

func (w *arrival) write(p piece, data []byte) error {
	if w.file == nil {
		if err := w.open(p); err != nil {
			return err
		}
	}
	if _, err := w.file.Write(data); err != nil {
		return err
	}
	w.sum.Write(data)
	w.progress.Have.Add(int64(len(data)))
	w.progress.Fetched.Add(int64(len(data)))
	if !p.last {
		return nil
	}
	return w.finish(&w.m.Files[p.file])
}

// open opens the file that p belongs to behind what is there of it, which is read into the sum.
func (w *arrival) open(p piece) error {
	f, err := os.OpenFile(filepath.Join(w.dir, w.m.Files[p.file].Name+partial), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	w.file, w.sum = f, w.m.Sums.start()
	if err := f.Truncate(p.offset); err != nil {
		return err
	}
	_, err = io.Copy(w.sum, f)
	return err
}

func (w *arrival) finish(f *File) error {
	path := w.file.Name()
	if err := w.file.Sync(); err != nil {
		return err
	}
	w.close()
	if finish(w.sum) != f.Sum {
		return errors.Join(&DamagedFile{*f}, os.Remove(path))
	}
	return os.Rename(path, filepath.Join(w.dir, f.Name))
}

func (w *arrival) close() {
	if w.file != nil {
		_ = w.file.Close() // what matters is synced
		w.file = nil
	}
}

// writeFile makes a small file durable before it gets its name.
func writeFile(path string, data []byte) error {
	f, err := os.OpenFile(path+partial, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(path+partial, path)
}

// syncFolder makes the names in a folder durable.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
