package keyspace

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"

	"shiplog/partitions/slot"
)

// cursorEnd is the first cursor behind all keys.
const cursorEnd = uint64(slot.Count) << (8 * hashSize)

// CursorSlot returns the slot at which a walk goes on from a cursor: partitions whose slots all lie before it have
// nothing to add. The cursor behind all keys has slot.Count.
func CursorSlot(cursor uint64) slot.ID { return slot.ID(min(cursor, cursorEnd) >> (8 * hashSize)) }

// Snapshot is one partition, or several as if they were one (Join), at one moment each, for commands that walk many keys. It
// stays as it is after the lock is given up, belongs to one goroutine and must be closed.
//
// Keys come in the order of their slot and then of a hash of the key: an order that depends on nothing
// but the keys, so that a cursor keeps its meaning for ever, also when partitions move between nodes.
type Snapshot struct {
	now   int64
	parts []part // in ascending order of their slots
	err   error
}

// Join makes one snapshot of those of several partitions, which must not share a slot. The parts belong to it from then on: it
// closes them. Its time is the latest of theirs. Without parts it is empty.
func Join(parts []*Snapshot) *Snapshot {
	if len(parts) == 1 {
		return parts[0]
	}
	n := new(Snapshot)
	for _, p := range parts {
		n.now = max(n.now, p.now)
		n.parts = append(n.parts, p.parts...)
		if n.err == nil {
			n.err = p.err
		}
	}
	slices.SortFunc(n.parts, func(a, b part) int { return cmp.Compare(a.slots.First, b.slots.First) })
	return n
}

// Snapshot begins a snapshot of what the View sees.
func (v *View) Snapshot() *Snapshot {
	v.dependOn(v.store.newest)
	return &Snapshot{now: v.now, parts: []part{v.store.part()}}
}

// Now is the time of the snapshot in Unix milliseconds.
func (n *Snapshot) Now() int64 { return n.now }

// Err returns the first failure met. What the snapshot has shown is then incomplete.
func (n *Snapshot) Err() error { return n.err }

// Close gives the snapshot up.
func (n *Snapshot) Close() {
	for i := range n.parts {
		n.fail(n.parts[i].pebble.Close())
	}
}

func (n *Snapshot) fail(err error) {
	if n.err == nil && err != nil {
		n.err = fmt.Errorf("walk the keys: %w", err)
	}
}

// Each calls fn with every key that is alive until fn returns false. The key and the value's data are valid
// only during the call.
func (n *Snapshot) Each(fn func(key []byte, v Value) bool) { n.EachIn(0, slot.Count-1, fn) }

// EachIn is Each for the keys of the slots first to last, both included. What it costs does not depend on other slots.
func (n *Snapshot) EachIn(first, last slot.ID, fn func(key []byte, v Value) bool) {
	begin, end := uint64(first)<<(8*hashSize), (uint64(last)+1)<<(8*hashSize)
	n.ascend(begin, end, func(_ uint64, key []byte, v Value) bool {
		return v.expired(n.now) || fn(key, v)
	})
}

// Scan calls fn with the living keys from cursor on, looks at count keys or a few more, and returns the cursor to go on
// with, 0 when it has come to the end. A key that is there from the first call of a walk to its last is
// visited. The key and the value's data are valid only during the call.
func (n *Snapshot) Scan(cursor uint64, count int, fn func(key []byte, v Value)) (next uint64) {
	visited, last := 0, uint64(0)
	n.ascend(cursor, cursorEnd, func(at uint64, key []byte, v Value) bool {
		if visited >= count && at != last { // keys that share a cursor must come together
			next = at
			return false
		}
		visited, last = visited+1, at
		if !v.expired(n.now) {
			fn(key, v)
		}
		return true
	})
	return next
}

// RandomKey returns a copy of a key chosen at random, false when there is none alive.
func (n *Snapshot) RandomKey() (key []byte, ok bool) {
	pick := func(_ uint64, k []byte, v Value) bool {
		if v.expired(n.now) {
			return true
		}
		key, ok = clone(k), true
		return false
	}
	n.ascend(n.randomCursor(), cursorEnd, pick)
	if !ok {
		n.ascend(0, cursorEnd, pick)
	}
	return key, ok
}

// randomCursor returns a place in one of the slots that the snapshot may have keys of.
func (n *Snapshot) randomCursor() uint64 {
	total := 0
	for i := range n.parts {
		total += n.parts[i].slots.Count()
	}
	at := rand.IntN(max(total, 1))
	for i := range n.parts {
		if count := n.parts[i].slots.Count(); at >= count {
			at -= count
			continue
		}
		return (uint64(n.parts[i].slots.First)+uint64(at))<<(8*hashSize) | rand.Uint64N(1<<(8*hashSize))
	}
	return 0
}

// ascend calls fn with every stored key from the cursor begin on and before end, in order, until fn returns false.
func (n *Snapshot) ascend(begin, end uint64, fn func(at uint64, key []byte, v Value) bool) {
	for i := range n.parts {
		p := &n.parts[i]
		if p.slots.Last < CursorSlot(begin) || p.slots.First >= CursorSlot(end) {
			continue
		}
		more, err := p.ascend(begin, func(at uint64, key []byte, v Value) bool { return at < end && fn(at, key, v) })
		if n.fail(err); !more || n.err != nil {
			return
		}
	}
}
