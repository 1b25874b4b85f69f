package keyspace

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

const (
	loadRows = 1 << 14 // a collection of more rows is never brought into memory whole by reading it
	loadCost = 16      // rows are brought in at once when Pebble has been asked once for so many of them
)

// elements returns what is in memory of the collection at h, brought in from Pebble if that is worth it.
func (v *View) elements(h *head) *elements {
	m := h.elements
	if m == nil {
		m = &elements{object: h.value.object()}
		h.elements = m
		if h.list != nil {
			v.store.hot.bytes += m.size()
		}
	}
	if m.whole || h.list == nil || v.probe {
		return m
	}
	m.asked++
	if t, ok := parseTop(h.value.Data); ok && t.count <= loadRows && m.asked*loadCost >= t.count && m.sweep == "" {
		v.loadElements(h, m)
	}
	return m
}

// loadElements brings all rows of a collection into memory, unless they are too many.
func (v *View) loadElements(h *head, m *elements) {
	before, limit := m.bytes, v.store.elementLimit()
	m.asked = 0
	w, err := v.store.walkObject(m.object, nil, nil)
	if err != nil {
		v.fail(err)
		return
	}
	for ok := w.First(); ok && m.bytes <= limit; ok = w.Next() {
		at := &v.store.hot.spot
		if at.find(m, w.Key()[elementPrefix:]); !at.there {
			m.put(at, element{value: clone(w.Value())})
		}
	}
	v.closed(w)
	if m.bytes <= limit && v.err == nil {
		m.complete()
	} else {
		m.thin(v.store.applied.Load())
	}
	v.store.hot.bytes += m.bytes - before
}

// elementLimit is how much memory one collection may take beside its rows that are not yet in Pebble.
func (s *Store) elementLimit() int64 { return s.hot.limit / 2 }

// walkObject returns an iterator over the rows of an object that Pebble has, from the row key from on and before to; nil is no
// bound.
func (s *Store) walkObject(object uint64, from, to []byte) (*pebble.Iterator, error) {
	o := pebble.IterOptions{LowerBound: appendElementKey(nil, object, from)}
	if to == nil {
		o.UpperBound = objectEnd(object)
	} else {
		o.UpperBound = appendElementKey(nil, object, to)
	}
	it, err := s.db.NewIter(&o)
	if err != nil {
		return nil, fmt.Errorf("read a collection: %w", err)
	}
	return it, nil
}

// closed closes an iterator and notes its failure.
func (v *View) closed(w *pebble.Iterator) {
	if err := errors.Join(w.Error(), w.Close()); err != nil {
		v.fail(fmt.Errorf("read a collection: %w", err))
	}
}

// coldRows notes for a probing View that rows of the collection at h are to be read from Pebble.
func (v *View) coldRows(h *head, from, to []byte) {
	v.cold = append(v.cold, Cold{key: h.key, object: h.value.object(), from: clone(from), to: clone(to)})
}

// row returns the value of one row of the collection at h. Nobody may change it.
func (v *View) row(h *head, sub []byte) ([]byte, bool) {
	m := v.elements(h)
	at := &v.store.hot.spot
	if at.find(m, sub); at.there {
		e := &at.cursor.leaf.items[at.cursor.i].value
		return e.value, !e.gone
	}
	if m.whole {
		return nil, false
	}
	if v.probe {
		v.coldRows(h, sub, nil)
		return nil, false
	}
	value, closer, err := v.store.db.Get(appendElementKey(make([]byte, 0, 64), m.object, sub))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false
	}
	if err != nil {
		v.fail(fmt.Errorf("read a collection: %w", err))
		return nil, false
	}
	value = clone(value)
	if err := closer.Close(); err != nil {
		v.fail(fmt.Errorf("read a collection: %w", err))
	}
	return value, true
}

// ascend calls fn with the rows of the collection at h from the row key from on and before to, in order, until fn returns false.
// What fn gets is valid only during the call, but for a value while the collection is not changed. fn must not change it.
func (v *View) ascend(h *head, from, to []byte, fn func(sub, value []byte) bool) {
	m := v.elements(h)
	if m.whole {
		m.ascend(from, to, fn)
		return
	}
	from = m.window.begin(from)
	if more := true; m.window.covers(from) {
		if from, more = m.ascendWindow(from, to, fn); !more {
			return
		}
	}
	if from = m.holes.behind(from); string(from) >= string(to) {
		return
	}
	if v.probe {
		v.coldRows(h, from, to)
		return
	}
	c := m.tree.seek(from)
	w, err := v.store.walkObject(m.object, from, to)
	if err != nil {
		v.fail(err)
		return
	}
	defer v.closed(w)
	l := lead{m: m, rows: w, from: from, to: to}
	more := w.First()
	for {
		inMemory := c.ok() && c.key() < string(to)
		switch {
		case !more && !inMemory:
			l.ends()
			return
		case more && (!inMemory || string(w.Key()[elementPrefix:]) < c.key()):
			if l.meets(w.Key()[elementPrefix:]); !fn(w.Key()[elementPrefix:], w.Value()) {
				return
			}
			more = w.Next()
		default:
			if more && string(w.Key()[elementPrefix:]) == c.key() {
				more = w.Next()
			}
			if !l.passes(&c, fn) {
				return
			}
			c.next()
		}
	}
}

// ascend is View.ascend where the collection is whole.
func (m *elements) ascend(from, to []byte, fn func(sub, value []byte) bool) {
	var sub []byte
	for c := m.tree.seek(from); c.ok() && c.key() < string(to); c.next() {
		sub = append(sub[:0], c.key()...)
		if !fn(sub, c.value().value) {
			return
		}
	}
}

// descend is ascend in the opposite order: from the last row before to down to from, which is included.
func (v *View) descend(h *head, from, to []byte, fn func(sub, value []byte) bool) {
	m := v.elements(h)
	if m.whole {
		var sub []byte
		for c := m.tree.seekBack(to); c.ok() && c.key() >= string(from); c.prev() {
			sub = append(sub[:0], c.key()...)
			if !fn(sub, c.value().value) {
				return
			}
		}
		return
	}
	if to = m.holes.before(to); string(from) >= string(to) {
		return
	}
	if v.probe {
		v.coldRows(h, from, to)
		return
	}
	c := m.tree.seekBack(to)
	w, err := v.store.walkObject(m.object, from, to)
	if err != nil {
		v.fail(err)
		return
	}
	defer v.closed(w)
	l := lead{m: m, rows: w, from: from, to: to, back: true}
	more := w.Last()
	for {
		inMemory := c.ok() && c.key() >= string(from)
		switch {
		case !more && !inMemory:
			l.ends()
			return
		case more && (!inMemory || string(w.Key()[elementPrefix:]) > c.key()):
			if l.meets(w.Key()[elementPrefix:]); !fn(w.Key()[elementPrefix:], w.Value()) {
				return
			}
			more = w.Prev()
		default:
			if more && string(w.Key()[elementPrefix:]) == c.key() {
				more = w.Prev()
			}
			if !l.passes(&c, fn) {
				return
			}
			c.prev()
		}
	}
}

// areaEnd returns the first row key behind an area of a collection.
func areaEnd(area byte) []byte { return []byte{area + 1} }

// after returns the first row key behind sub.
func after(sub []byte) []byte { return append(bytes.Clone(sub), 0) }
