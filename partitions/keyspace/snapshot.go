package keyspace

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"shiplog/partitions/slot"
)

// cursorEnd is the first cursor behind all keys.
const cursorEnd = uint64(slot.Count) << (8 * hashSize)

// Snapshot is the whole partition at one moment, for commands that walk many keys. It stays as it is after the
// lock is given up, belongs to one goroutine and must be closed.
//
// Keys come in the order of their slot and then of a hash of the key: an order that depends on nothing
// but the keys, so that a cursor keeps its meaning for ever.
type Snapshot struct {
	now     int64
	hidden  bool // what Pebble holds is behind a flush
	overlay []overlaid
	pebble  *pebble.Snapshot
	err     error
}

// overlaid is a key that Pebble does not have in its newest state.
type overlaid struct {
	cursor uint64
	key    string
	value  Value
	exists bool
}

// Snapshot begins a snapshot of what the View sees.
func (v *View) Snapshot() *Snapshot {
	s := v.store
	v.dependOn(s.newest)
	applied := s.applied.Load() // before Pebble's snapshot: what is applied in between is in both
	n := &Snapshot{now: v.now, hidden: s.flushed > applied}
	for h := s.hot.dirty.first; h != nil; h = h.next {
		if h.record <= applied {
			continue
		}
		id := slot.Of([]byte(h.key))
		cursor := uint64(id)<<(8*hashSize) | keyHash([]byte(h.key))
		n.overlay = append(n.overlay, overlaid{cursor: cursor, key: h.key, value: h.value, exists: h.exists})
	}
	slices.SortFunc(n.overlay, func(a, b overlaid) int {
		return cmp.Or(cmp.Compare(a.cursor, b.cursor), cmp.Compare(a.key, b.key))
	})
	n.pebble = s.db.NewSnapshot()
	return n
}

// Now is the time of the snapshot in Unix milliseconds.
func (n *Snapshot) Now() int64 { return n.now }

// Err returns the first failure met. What the snapshot has shown is then incomplete.
func (n *Snapshot) Err() error { return n.err }

// Close gives the snapshot up.
func (n *Snapshot) Close() { n.fail(n.pebble.Close()) }

func (n *Snapshot) fail(err error) {
	if n.err == nil && err != nil {
		n.err = fmt.Errorf("walk the keys: %w", err)
	}
}

// Each calls fn with every key that is alive until fn returns false. The key and the value's data are valid
// only during the call.
func (n *Snapshot) Each(fn func(key []byte, v Value) bool) {
	n.ascend(0, func(_ uint64, key []byte, v Value) bool {
		return v.expired(n.now) || fn(key, v)
	})
}

// Scan calls fn with the living keys from cursor on, looks at count keys or a few more, and returns the cursor to go on
// with, 0 when it has come to the end. A key that is there from the first call of a walk to its last is
// visited. The key and the value's data are valid only during the call.
func (n *Snapshot) Scan(cursor uint64, count int, fn func(key []byte, v Value)) (next uint64) {
	visited, last := 0, uint64(0)
	n.ascend(cursor, func(at uint64, key []byte, v Value) bool {
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
	n.ascend(rand.Uint64N(cursorEnd), pick)
	if !ok {
		n.ascend(0, pick)
	}
	return key, ok
}

// ascend calls fn with every stored key from cursor on, in order, until fn returns false: Pebble's rows
// merged with the overlay, which wins.
func (n *Snapshot) ascend(cursor uint64, fn func(at uint64, key []byte, v Value) bool) {
	i, _ := slices.BinarySearchFunc(n.overlay, cursor, func(o overlaid, c uint64) int { return cmp.Compare(o.cursor, c) })
	overlay := n.overlay[i:]
	emit := func(o overlaid) bool { return !o.exists || fn(o.cursor, []byte(o.key), o.value) }
	more := true
	n.walkRows(cursor, func(at uint64, key []byte, v Value) bool {
		for len(overlay) > 0 && overlay[0].before(at, key) && more {
			more, overlay = emit(overlay[0]), overlay[1:]
		}
		if !more {
			return false
		}
		if len(overlay) > 0 && overlay[0].cursor == at && overlay[0].key == string(key) {
			return true // the overlay has it newer; it comes next
		}
		more = fn(at, key, v)
		return more
	})
	for ; len(overlay) > 0 && more && n.err == nil; overlay = overlay[1:] {
		more = emit(overlay[0])
	}
}

func (o *overlaid) before(at uint64, key []byte) bool {
	return o.cursor < at || o.cursor == at && o.key < string(key)
}

// walkRows calls fn with the keys that Pebble holds.
func (n *Snapshot) walkRows(cursor uint64, fn func(at uint64, key []byte, v Value) bool) {
	if n.hidden || cursor >= cursorEnd {
		return
	}
	headers, err := n.pebble.NewIter(&pebble.IterOptions{UpperBound: []byte(slotsEnd)})
	if err != nil {
		n.fail(err)
		return
	}
	expiries, err := n.pebble.NewIter(&pebble.IterOptions{UpperBound: []byte(slotsEnd)})
	if err != nil {
		n.fail(errors.Join(err, headers.Close()))
		return
	}
	w := rowWalk{headers: headers, expiries: expiries}
	n.fail(w.run(cursor, fn))
	n.fail(errors.Join(headers.Error(), headers.Close(), expiries.Error(), expiries.Close()))
}

// rowWalk goes through the header rows and, beside them, the expiry rows of the same keys.
type rowWalk struct {
	headers, expiries *pebble.Iterator
	seek              []byte
	begun             bool
}

func (w *rowWalk) run(cursor uint64, fn func(at uint64, key []byte, v Value) bool) error {
	w.seek = appendCursorKey(w.seek[:0], cursor, areaHeader)
	for ok := w.headers.SeekGE(w.seek); ok; {
		row := w.headers.Key()
		switch area := row[2]; {
		case area < areaHeader:
			w.seek = append(append(w.seek[:0], row[:2]...), areaHeader)
			ok = w.headers.SeekGE(w.seek)
			continue
		case area > areaHeader:
			w.seek = binary.BigEndian.AppendUint16(w.seek[:0], binary.BigEndian.Uint16(row)+1)
			ok = w.headers.SeekGE(w.seek)
			continue
		}
		v, err := parseHeader(w.headers.Value())
		if err != nil {
			return err
		}
		if v.ExpireAt, err = w.expiry(row); err != nil {
			return err
		}
		if !fn(cursorOf(row), row[keyPrefix:], v) {
			return nil
		}
		ok = w.headers.Next()
	}
	return nil
}

// expiry returns the expiry of the key whose header row is given. Both iterators only go forward.
func (w *rowWalk) expiry(header []byte) (int64, error) {
	w.seek = append(w.seek[:0], header...)
	w.seek[2] = areaExpiry
	if !w.begun || w.expiries.Valid() && string(w.expiries.Key()) < string(w.seek) {
		w.begun = true
		w.expiries.SeekGE(w.seek)
	}
	if !w.expiries.Valid() || string(w.expiries.Key()) != string(w.seek) {
		return 0, nil
	}
	return parseExpiry(w.expiries.Value())
}
