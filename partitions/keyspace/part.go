package keyspace

import (
	"cmp"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"shiplog/partitions/slot"
)

// part is one partition in a Snapshot.
type part struct {
	slots   slot.Range // no key lies outside
	hidden  bool       // what Pebble holds is behind a flush
	overlay []overlaid
	pebble  *pebble.Snapshot
}

// overlaid is a key that Pebble does not have in its newest state.
type overlaid struct {
	cursor uint64
	key    string
	value  Value
	exists bool
}

func (o *overlaid) before(at uint64, key []byte) bool {
	return o.cursor < at || o.cursor == at && o.key < string(key)
}

// part begins a snapshot of the partition.
func (s *Store) part() part {
	applied := s.applied.Load() // before Pebble's snapshot: what is applied in between is in both
	p := part{slots: s.slots, hidden: s.flushed > applied}
	for h := s.hot.dirty.first; h != nil; h = h.next {
		if h.record <= applied {
			continue
		}
		key := []byte(h.key)
		p.overlay = append(p.overlay, overlaid{cursor: cursorFor(slot.Of(key), key), key: h.key, value: h.value, exists: h.exists})
	}
	slices.SortFunc(p.overlay, func(a, b overlaid) int {
		return cmp.Or(cmp.Compare(a.cursor, b.cursor), cmp.Compare(a.key, b.key))
	})
	p.pebble = s.db.NewSnapshot()
	return p
}

// ascend calls fn with every stored key from cursor on, in order, until fn returns false: Pebble's rows
// merged with the overlay, which wins. It tells whether fn wanted more.
func (p *part) ascend(cursor uint64, fn func(at uint64, key []byte, v Value) bool) (more bool, err error) {
	i, _ := slices.BinarySearchFunc(p.overlay, cursor, func(o overlaid, c uint64) int { return cmp.Compare(o.cursor, c) })
	overlay := p.overlay[i:]
	emit := func(o overlaid) bool { return !o.exists || fn(o.cursor, []byte(o.key), o.value) }
	more = true
	err = p.walkRows(cursor, func(at uint64, key []byte, v Value) bool {
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
	for ; len(overlay) > 0 && more && err == nil; overlay = overlay[1:] {
		more = emit(overlay[0])
	}
	return more, err
}

// walkRows calls fn with the keys that Pebble holds.
func (p *part) walkRows(cursor uint64, fn func(at uint64, key []byte, v Value) bool) error {
	if p.hidden || cursor >= cursorEnd {
		return nil
	}
	headers, err := p.pebble.NewIter(&pebble.IterOptions{UpperBound: []byte(slotsEnd)})
	if err != nil {
		return err
	}
	expiries, err := p.pebble.NewIter(&pebble.IterOptions{UpperBound: []byte(slotsEnd)})
	if err != nil {
		return errors.Join(err, headers.Close())
	}
	w := rowWalk{headers: headers, expiries: expiries}
	err = w.run(cursor, fn)
	return errors.Join(err, headers.Error(), headers.Close(), expiries.Error(), expiries.Close())
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
