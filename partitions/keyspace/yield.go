package keyspace

import (
	"runtime"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// yieldingFS makes whoever writes a file let others run after each write. Pebble's flushes and compactions compute for
// milliseconds on end, writing a block now and then; on few processors a command would have to wait until the scheduler takes the
// processor from them, which it does after 10 ms, at each of the steps from a request to its reply.
type yieldingFS struct{ vfs.FS }

// Create creates a file whose writes yield.
func (fs yieldingFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.Create(name, category)
	if err != nil {
		return nil, err
	}
	return yieldingFile{f}, nil
}

// Unwrap returns the file system below.
func (fs yieldingFS) Unwrap() vfs.FS { return fs.FS }

// yieldingFile is a file of a yieldingFS.
type yieldingFile struct{ vfs.File }

// Write writes, then lets others run.
func (f yieldingFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	runtime.Gosched()
	return n, err
}
