package shipper

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// storeDisk is what a Store does with its directory. Names are relative to it, with slashes.
type storeDisk interface {
	// Small returns what a small file holds; one of more than maxStored bytes is an error.
	Small(name string) ([]byte, error)
	// ReadAt reads as io.ReaderAt does.
	ReadAt(name string, buf []byte, offset int64) (int, error)
	Stat(name string) (fs.FileInfo, error)
	List(name string) ([]fs.DirEntry, error)
	// Folder makes a folder that is not there yet; those above it are there.
	Folder(name string) error
	Create(name string) (storeFile, error)
	Rename(from, to string) error
	Remove(name string) error
	// Touch has a file be of now.
	Touch(name string, now time.Time) error
	// Sync makes the names in a folder durable.
	Sync(folder string) error
}

// storeFile is a file that is being written.
type storeFile interface {
	io.WriteCloser
	Sync() error
}

// directory is a storeDisk: the directory of that name. What is made in it only its owner can read.
type directory string

func (d directory) at(name string) string { return filepath.Join(string(d), filepath.FromSlash(name)) }

func (d directory) Small(name string) ([]byte, error) {
	f, err := os.Open(d.at(name))
	if err != nil {
		return nil, err
	}
	defer f.Close() // it was only read
	data, err := io.ReadAll(io.LimitReader(f, maxStored+1))
	if err == nil && len(data) > maxStored {
		err = errors.New(name + " is too large for what it should be")
	}
	return data, err
}

func (d directory) ReadAt(name string, buf []byte, offset int64) (int, error) {
	f, err := os.Open(d.at(name))
	if err != nil {
		return 0, err
	}
	defer f.Close() // it was only read
	return f.ReadAt(buf, offset)
}

func (d directory) Stat(name string) (fs.FileInfo, error)   { return os.Stat(d.at(name)) }
func (d directory) List(name string) ([]fs.DirEntry, error) { return os.ReadDir(d.at(name)) }
func (d directory) Rename(from, to string) error            { return os.Rename(d.at(from), d.at(to)) }
func (d directory) Remove(name string) error                { return os.Remove(d.at(name)) }
func (d directory) Touch(name string, now time.Time) error  { return os.Chtimes(d.at(name), now, now) }
func (d directory) Sync(folder string) error                { return syncFolder(d.at(folder)) }
func (d directory) Folder(name string) error {
	if err := os.Mkdir(d.at(name), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func (d directory) Create(name string) (storeFile, error) {
	return os.OpenFile(d.at(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// lane is where something runs that may never come back: a directory of another machine that is not reached. Whoever waits for it does so for
// the limit at most; what does not come back stays in the lane, and when it is full nothing else begins. It owns the goroutines in it.
type lane struct {
	taken chan struct{} // holds a word for each that runs
	limit time.Duration // 0: as long as the caller's context lasts
}

func newLane(width int, limit time.Duration) lane {
	return lane{taken: make(chan struct{}, width), limit: limit}
}

// run has do run in a lane and returns what it returns, or ErrStoreSilent.
func run[T any](ctx context.Context, l lane, do func() (T, error)) (none T, err error) {
	if l.limit > 0 {
		var end context.CancelFunc
		ctx, end = context.WithTimeoutCause(ctx, l.limit, ErrStoreSilent)
		defer end()
	}
	select {
	case l.taken <- struct{}{}:
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
	type result struct {
		value T
		err   error
	}
	came := make(chan result, 1)
	go func() {
		defer func() { <-l.taken }()
		value, err := do()
		came <- result{value, err}
	}()
	select {
	case r := <-came:
		return r.value, r.err
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
}
