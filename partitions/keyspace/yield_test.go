package keyspace

import (
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func TestWritersOfFilesLetOthersRun(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	fs := yieldingFS{vfs.NewMem()}
	f, err := fs.Create("file", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var ran atomic.Bool
	go ran.Store(true)
	if n, err := f.Write([]byte("block")); n != 5 || err != nil {
		t.Fatalf("Write = %d, %v", n, err)
	}
	if !ran.Load() {
		t.Error("nobody else ran")
	}
	if _, err := fs.Create("no/such/folder", vfs.WriteCategoryUnspecified); err == nil {
		t.Error("an error is lost")
	}
}
