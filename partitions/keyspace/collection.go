package keyspace

import (
	"slices"

	"shiplog/partitions/slot"
	"shiplog/wal"
)

// look returns the head of the collection at key, nil when there is no key. It is not ok when the key holds another type. It
// counts as a use of the key.
func (v *View) look(key []byte, t Type) (h *head, ok bool) {
	h = v.alive(key)
	if h == nil {
		return nil, true
	}
	if !v.quiet {
		h.used = v.now
	}
	return h, h.value.Type == t
}

// topOfHead decodes what is kept of the collection at h, which is there.
func topOfHead(h *head) top {
	t, _ := parseTop(h.value.Data) // it was sound when it came here
	return t
}

// ofObject marks an effect on a whole key that is a collection.
func ofObject(h *head, e wal.Effect) wal.Effect {
	if e.Object = h.value.object(); e.Object != 0 {
		e.Marks |= wal.MarkObject
	}
	return e
}

// create makes an empty collection at key, which is not there. An effect on it must follow in the same unit.
func (t *Tx) create(key []byte, typ Type) *head {
	s := t.store
	s.counts.objects++
	object := uint64(slot.Of(key))<<objectBits | s.counts.objects
	h := t.slot(key)
	value := Value{Type: typ, Data: appendTop(nil, &top{object: object})}
	t.write(h, value, true, &elements{object: object, whole: true})
	t.created = true
	return h
}

// element writes an effect on the collection at h to its rows and to the open record, and keeps after as its top. A collection
// without elements, but for streams, is gone after that: h is then not there any more. The effect's slices must stay as they are until
// the unit ends; they are copied where they are kept longer.
func (t *Tx) element(h *head, e wal.Effect, after *top) {
	value := h.value
	t.room.top = appendTop(t.room.top[:0], after)
	changed := !slices.Equal(t.room.top, value.Data) || t.created || e.Op == wal.OpXSetID // whose head is all that it says
	if changed {
		value.Data = clone(t.room.top)
	}
	if h.unit != t.unit {
		t.write(h, value, true, h.elements)
	} else if changed {
		t.store.hot.bytes += int64(cap(value.Data) - cap(h.value.Data))
		h.value.Data = value.Data
	}
	e.Cause, e.Key, e.Object = t.cause, t.keyOf(h), after.object
	if t.created {
		e.Marks |= wal.MarkCreated
		t.created = false
	}
	t.emit(&e)
	t.overlay(h, &t.pending) // e itself would be moved to the heap
	if changed {
		t.top, t.topped = h.value, true
	}
	if after.count == 0 && value.Type != TypeStream {
		t.drop(h, e.Key, t.cause, 0)
	}
}

// keyOf returns the key of the collection that is changed: the same bytes as long as it is the same collection.
func (t *Tx) keyOf(h *head) []byte {
	if t.keyed != h {
		t.keyed, t.key = h, t.piece(func(dst []byte) []byte { return append(dst, h.key...) })
	}
	return t.key
}

// overlay changes the rows in memory as the effect says.
func (t *Tx) overlay(h *head, e *wal.Effect) {
	m := t.elements(h)
	before := m.bytes
	t.room.sink = overlay{t, h, m}
	mutate(e, &t.room.sink, &t.room.keys)
	applied := t.store.applied.Load()
	m.shed(applied)
	if m.whole && m.bytes > t.store.elementLimit() {
		m.thin(applied)
	}
	if h.list != nil {
		t.store.hot.bytes += m.bytes - before
	}
}

// overlay is the rows of a collection in memory, as mutate changes them.
type overlay struct {
	t *Tx
	h *head
	m *elements
}

func (o *overlay) put(sub, value []byte, fresh bool) {
	o.change(sub, element{value: clone(value)})
	if fresh {
		o.count(sub, 1)
	}
}

func (o *overlay) drop(sub []byte) {
	o.change(sub, element{gone: true})
	o.count(sub, -1)
}

func (o *overlay) dropRange(from, to []byte) {
	var subs [][]byte
	o.t.ascend(o.h, from, to, func(sub, _ []byte) bool {
		subs = append(subs, clone(sub))
		return true
	})
	for _, sub := range subs {
		o.drop(sub)
	}
}

func (o *overlay) change(sub []byte, e element) {
	e.record = o.t.store.open
	at := &o.t.store.hot.spot
	at.find(o.m, sub)
	name, prev, had := o.m.put(at, e)
	o.t.undo = append(o.t.undo, undo{isRow: true, head: o.h, elements: o.m, sub: name, row: prev, had: had, whole: o.m.whole})
	if (e.gone || !o.m.whole) && (!had || prev.record != e.record || prev.gone != e.gone) {
		o.m.later(name, e.record)
	}
}

// count keeps the census, if there is one.
func (o *overlay) count(sub []byte, n int64) {
	c := o.m.census
	if c == nil {
		return
	}
	if o.m.whole {
		o.m.census = nil
		return
	}
	if split := c.add(string(sub), n); split != "" {
		o.t.split(o.h, c, split)
	}
}

// undoRow brings a row back to what it was before the unit.
func (t *Tx) undoRow(u *undo) {
	m, before := u.elements, u.elements.bytes
	m.closeWindow()
	m.holes = nil
	switch at := &t.store.hot.spot; {
	case u.had:
		at.find(m, []byte(u.sub))
		m.put(at, u.row)
	case u.whole && !m.whole: // Pebble may have it still: what was known to be gone is not noted while the collection is whole
		at.find(m, []byte(u.sub))
		m.put(at, element{record: t.store.open, gone: true})
		m.later(u.sub, t.store.open)
	default:
		if m.whole && !u.whole {
			m.thin(t.store.applied.Load()) // it was brought in while this row, which Pebble may have, was changed
		}
		m.forget(u.sub)
	}
	m.census = nil
	if u.head.list != nil && u.head.elements == m {
		t.store.hot.bytes += m.bytes - before
	}
}
