package keyspace

import (
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// ready compares what TakeReady gives with keys.
func (r *rig) ready(what string, want ...string) {
	r.t.Helper()
	if got := r.store.TakeReady(nil); !slices.Equal(got, want) {
		r.t.Errorf("%s: ready are %q, want %q", what, got, want)
	}
}

func TestAwait(t *testing.T) {
	r := newRig(t, vfs.NewMem())
	defer r.store.Close()
	put := func(keys ...string) {
		r.unit(func(tx *Tx) bool {
			for _, key := range keys {
				tx.Set([]byte(key), nil, 0, false)
			}
			return true
		})
	}
	put("a", "b")
	r.ready("nobody waits")
	for _, key := range []string{"c", "b", "a", "a"} {
		r.store.Await(key)
	}
	r.ready("nothing has changed")
	put("b", "other", "a", "b")
	r.ready("a unit", "b", "a")
	r.ready("taken already")
	r.unit(func(tx *Tx) bool { tx.Delete([]byte("c")); return tx.Delete([]byte("a")) })
	r.ready("a deletion, and one of nothing", "a")
	r.unit(func(tx *Tx) bool { return tx.Rename([]byte("b"), []byte("c")) })
	r.ready("a renaming", "b", "c")
	r.unit(func(tx *Tx) bool { tx.Flush(); return true })
	r.ready("a flush", "a", "b", "c")
	r.store.Reset()
	r.ready("a reset", "a", "b", "c")

	r.store.Unawait("a")
	put("a")
	r.ready("one of two has left", "a")
	put("a")
	r.store.Unawait("a")
	r.store.Unawait("b")
	r.store.Unawait("c")
	r.store.Unawait("never")
	put("a", "b")
	r.ready("all have left")
	r.store.Await("a")
	r.ready("what changed before is no news")
	put("a")
	r.ready("somebody waits again", "a")
}
