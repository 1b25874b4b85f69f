package keyspace

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Walk goes through the elements of a collection as it was when the Walk was made, without the partition's lock: for replies that are too
// long to be made under it. It belongs to one goroutine at a time and must be closed.
type Walk struct {
	skip     int // bytes of a row key before what an element is called
	backward bool
	snap     *pebble.Snapshot // nil: all rows are in overlay
	rows     *pebble.Iterator // of snap
	more     bool             // rows stands at a row
	overlay  []frozen         // rows that Pebble did not have, in the order of the walk
	err      error
}

// frozen is a row as it was.
type frozen struct {
	sub   string
	value []byte
	gone  bool
}

// walk begins a Walk over the rows of the collection at h from the row key from on and before to, backward from its end if that is
// asked for. skip bytes of each row key are not shown.
func (v *View) walk(h *head, from, to []byte, skip int, backward bool) *Walk {
	m := v.elements(h)
	w := &Walk{skip: skip, backward: backward, overlay: m.freeze(from, to, backward)}
	v.walks = append(v.walks, w)
	if m.whole {
		return w
	}
	w.snap = v.store.db.NewSnapshot()
	w.rows, w.err = w.snap.NewIter(&pebble.IterOptions{
		LowerBound: appendElementKey(nil, m.object, from), UpperBound: appendElementKey(nil, m.object, to),
	})
	switch {
	case w.err != nil:
	case backward:
		w.more = w.rows.Last()
	default:
		w.more = w.rows.First()
	}
	return w
}

// CloseWalks closes the Walks that the View has begun: what its command has answered is void.
func (v *View) CloseWalks() {
	for _, w := range v.walks {
		v.fail(w.Close())
	}
	v.walks = nil
}

// freeze copies what is in memory of some rows. Values are never changed in place, so they are shared.
func (m *elements) freeze(from, to []byte, backward bool) (rows []frozen) {
	if backward {
		for c := m.tree.seekBack(to); c.ok() && c.key() >= string(from); c.prev() {
			rows = append(rows, frozen{c.key(), c.value().value, c.value().gone})
		}
		return rows
	}
	for c := m.tree.seek(from); c.ok() && c.key() < string(to); c.next() {
		rows = append(rows, frozen{c.key(), c.value().value, c.value().gone})
	}
	return rows
}

// Next returns the next element: what it is called, and what it holds. Both are the caller's to keep, but not to change. It is not ok at
// the end, or after a failure, which Close returns.
func (w *Walk) Next() (name, value []byte, ok bool) {
	for w.err == nil {
		switch order := w.order(); {
		case order < 0: // Pebble's row comes first
			name, value = clone(w.rows.Key()[elementPrefix+w.skip:]), clone(w.rows.Value())
			w.step()
			return name, value, true
		case len(w.overlay) == 0:
			return nil, nil, false
		default:
			row := w.overlay[0]
			w.overlay = w.overlay[1:]
			if order == 0 {
				w.step() // memory has it newer
			}
			if !row.gone {
				return []byte(row.sub[w.skip:]), row.value, true
			}
		}
	}
	return nil, nil, false
}

// order tells which row comes next: Pebble's (-1), that in memory (1), or either, since they are the same (0).
func (w *Walk) order() int {
	switch {
	case !w.more:
		return 1
	case len(w.overlay) == 0:
		return -1
	}
	sub, other := string(w.rows.Key()[elementPrefix:]), w.overlay[0].sub
	switch {
	case sub == other:
		return 0
	case sub < other != w.backward:
		return -1
	default:
		return 1
	}
}

func (w *Walk) step() {
	if w.backward {
		w.more = w.rows.Prev()
	} else {
		w.more = w.rows.Next()
	}
	if !w.more {
		w.err = w.rows.Error()
	}
}

// Close gives up what the Walk holds and returns what failed, if anything did.
func (w *Walk) Close() error {
	err := w.err
	if w.rows != nil {
		err = errors.Join(err, w.rows.Close())
	}
	if w.snap != nil {
		err = errors.Join(err, w.snap.Close())
	}
	if err != nil {
		return fmt.Errorf("walk a collection: %w", err)
	}
	return nil
}
