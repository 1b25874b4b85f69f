package keyspace

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// leaveRig is a set that is whole in memory, of which Pebble has all members.
func leaveRig(t *testing.T) *rig {
	r := newRig(t, vfs.NewMem())
	t.Cleanup(func() { _ = r.store.Close() })
	r.store.hot.limit = 64 << 10
	r.sets(true, func(s *Set) {
		for i := range 100 {
			s.Add(fmt.Appendf(nil, "%d", i))
		}
	})
	r.apply()
	return r
}

// sets changes the set, in a unit that is undone unless it is to be kept, and then is a record of its own.
func (r *rig) sets(keep bool, change func(s *Set)) {
	r.unit(func(tx *Tx) bool {
		s, _ := tx.WriteSet([]byte("s"))
		change(&s)
		return keep
	})
	r.seal()
}

// outgrow adds so many members that the set cannot stay whole in memory.
func outgrow(s *Set) {
	for i := range 1000 {
		s.Add(fmt.Appendf(nil, "more:%d", i))
	}
}

// has tells whether the set, which is whole no longer, has a member.
func (r *rig) has(member string) bool {
	s, _ := r.store.View(r.now).ReadSet([]byte("s"))
	if s.h.elements.whole {
		r.t.Fatal("the set is whole in memory")
	}
	return s.Has([]byte(member))
}

// TestGoneWhileWhole has a collection leave memory while Pebble still has rows of it that are gone.
func TestGoneWhileWhole(t *testing.T) {
	r := leaveRig(t)
	r.sets(true, func(s *Set) { s.Remove([]byte("7")) })
	r.sets(true, func(s *Set) { s.Remove([]byte("8")); s.Add([]byte("8")) })
	r.sets(true, outgrow)
	if r.has("7") || !r.has("8") || !r.has("9") {
		t.Error("what is gone is there, or the other way round")
	}
	if r.apply(); r.has("7") || !r.has("8") || !r.has("9") {
		t.Error("after Apply, what is gone is there, or the other way round")
	}
}

// TestGoneTwiceWhileWhole has Pebble know of the first removal of a row, and of its return, but not of its second removal.
func TestGoneTwiceWhileWhole(t *testing.T) {
	r := leaveRig(t)
	r.sets(true, func(s *Set) { s.Remove([]byte("7")) })
	r.sets(true, func(s *Set) { s.Add([]byte("7")) })
	known := r.record
	r.sets(true, func(s *Set) { s.Remove([]byte("7")) })
	r.sets(true, outgrow)
	open, rest := r.record, r.queue[2:]
	r.queue, r.record = r.queue[:2], known
	r.apply()
	r.queue, r.record = rest, open
	r.sets(true, func(s *Set) { s.Add([]byte("what is applied leaves memory")) })
	if r.has("7") {
		t.Error("a row that was removed twice is there after Pebble knew of the first time")
	}
}

// TestGoneBeforeUndone undoes a unit in which a row came back and the collection left memory.
func TestGoneBeforeUndone(t *testing.T) {
	r := leaveRig(t)
	r.sets(true, func(s *Set) { s.Remove([]byte("7")) })
	r.sets(false, func(s *Set) {
		s.Add([]byte("7"))
		outgrow(s)
	})
	if r.has("7") {
		t.Error("a row is there that was gone before the unit that was undone")
	}
	if !r.has("8") || r.has("more:1") {
		t.Error("the unit is not undone")
	}
}
