package keyspace

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"shiplog/partitions/slot"
	"shiplog/wal"
)

// objectChange is what a run of effects makes of the rows of one collection.
type objectChange struct {
	object uint64
	fresh  bool // Pebble has no rows of it
	gone   bool // the collection is gone, and its number with it
	steps  []rowStep
	subs   []byte     // the bytes of the steps' row keys
	order  []rowOrder // of the steps, while they are written
	due    objectDue
}

// rowStep writes a row, removes one, or removes those from sub on and before value.
type rowStep struct {
	kind  stepKind
	sub   []byte
	value []byte
}

type stepKind uint8

const (
	stepSet stepKind = iota
	stepDelete
	stepDeleteRange
)

// rowOrder is a step by its row key and, where that is the same, by when it came.
type rowOrder struct {
	head uint64
	step int
}

// object returns the run's change of an object.
func (a *applying) object(object uint64) *objectChange {
	if a.latest != nil && a.latest.object == object {
		return a.latest
	}
	o := a.objects[object]
	if o == nil {
		if n := len(a.spare); n > 0 {
			o, a.spare = a.spare[n-1], a.spare[:n-1]
		} else {
			o = new(objectChange)
		}
		o.object = object
		a.objects[object] = o
		a.touched = append(a.touched, o)
	}
	a.latest = o
	return o
}

// recycle empties a change for the next run.
func (o *objectChange) recycle() {
	clear(o.steps)
	*o = objectChange{steps: o.steps[:0], subs: o.subs[:0], order: o.order[:0]}
}

// addElement folds an effect on a collection into the run.
func (a *applying) addElement(c *change, e *wal.Effect) error {
	o := a.object(e.Object)
	if e.Marks&wal.MarkCreated != 0 {
		o.fresh, c.reborn = true, true
		a.counts.object(e.Object)
	}
	a.counts.change(c.exists, c.value.ExpireAt != 0, -1)
	c.exists, c.object = true, e.Object
	if len(e.Head) > 0 {
		value, err := parseHeader(e.Head)
		if err != nil || value.object() != e.Object {
			return errRow
		}
		value.ExpireAt = c.value.ExpireAt
		c.value, c.rewrite = value, true
	}
	o.due.follow(c, e)
	a.counts.change(c.exists, c.value.ExpireAt != 0, +1)
	mutate(e, o, &a.keys)
	return nil
}

// rename folds the renaming of a collection into the run: its header moves, its rows stay.
func (a *applying) rename(e *wal.Effect) error {
	value, err := parseHeader(e.Head)
	if err != nil || value.object() != e.Object {
		return errRow
	}
	value.ExpireAt = e.PrevExpireAt
	from := a.change(e.Key, e.Slot, true)
	from.expiresAt(e.PrevExpireAt)
	a.counts.change(from.exists, from.value.ExpireAt != 0, -1)
	from.value, from.exists, from.rewrite, from.object, from.reborn = Value{}, false, true, 0, true
	to := a.change(e.To, slot.Of(e.To), false)
	to.value, to.exists, to.rewrite, to.object, to.reborn = value, true, true, e.Object, true
	a.counts.change(to.exists, to.value.ExpireAt != 0, +1)
	a.object(e.Object).due.move(to)
	return nil
}

func (o *objectChange) add(kind stepKind, sub, value []byte) {
	at := len(o.subs)
	o.subs = append(o.subs, sub...) // what was handed out before stays where it is, whether this moves or not
	o.steps = append(o.steps, rowStep{kind, o.subs[at:len(o.subs):len(o.subs)], value})
}

func (o *objectChange) put(sub, value []byte, _ bool) { o.add(stepSet, sub, value) }

func (o *objectChange) drop(sub []byte) { o.add(stepDelete, sub, nil) }

func (o *objectChange) dropRange(from, to []byte) { o.add(stepDeleteRange, from, to) }

// dropAll forgets what the run made of the rows, since all of them go.
func (o *objectChange) dropAll() {
	o.gone = true
	clear(o.steps)
	o.steps, o.subs = o.steps[:0], o.subs[:0]
}

// writeObjects puts the rows of all collections into the batch, in the order in which Pebble keeps them (writeRows).
func (s *Store) writeObjects(b *pebble.Batch, a *applying) error {
	slices.SortFunc(a.touched, func(x, y *objectChange) int { return cmp.Compare(x.object, y.object) })
	for _, o := range a.touched {
		if o.gone {
			if err := s.removeObject(b, o.object, o.fresh); err != nil {
				return err
			}
		} else if err := o.due.write(b, o.object); err != nil {
			return err
		}
		if err := o.write(b); err != nil {
			return err
		}
	}
	return nil
}

// write puts the steps into the batch. Those from one removal of a range to the next go in the order of their rows, and of several on
// one row only the last.
func (o *objectChange) write(b *pebble.Batch) error {
	for from := 0; from < len(o.steps); {
		to := from
		for to < len(o.steps) && o.steps[to].kind != stepDeleteRange {
			to++
		}
		if err := o.writeSorted(b, from, to); err != nil {
			return err
		}
		if from = to; to < len(o.steps) {
			if err := o.steps[to].write(b, o.object); err != nil {
				return err
			}
			from++
		}
	}
	return nil
}

// writeSorted puts the steps from one on and before another into the batch.
func (o *objectChange) writeSorted(b *pebble.Batch, from, to int) error {
	o.order = o.order[:0]
	for i := from; i < to; i++ {
		o.order = append(o.order, rowOrder{headOf(o.steps[i].sub), i})
	}
	slices.SortFunc(o.order, func(x, y rowOrder) int {
		if x.head != y.head {
			return cmp.Compare(x.head, y.head)
		}
		return cmp.Or(bytes.Compare(o.steps[x.step].sub, o.steps[y.step].sub), cmp.Compare(x.step, y.step))
	})
	for i, at := range o.order {
		s := &o.steps[at.step]
		if i+1 < len(o.order) && o.order[i+1].head == at.head && bytes.Equal(o.steps[o.order[i+1].step].sub, s.sub) {
			continue
		}
		if err := s.write(b, o.object); err != nil {
			return err
		}
	}
	return nil
}

func (s *rowStep) write(b *pebble.Batch, object uint64) error {
	switch s.kind {
	case stepDeleteRange:
		return b.DeleteRange(appendElementKey(nil, object, s.sub), appendElementKey(nil, object, s.value), nil)
	case stepDelete:
		op := b.DeleteDeferred(elementPrefix + len(s.sub))
		appendElementKey(op.Key[:0], object, s.sub)
		return op.Finish()
	default:
		op := b.SetDeferred(elementPrefix+len(s.sub), len(s.value))
		appendElementKey(op.Key[:0], object, s.sub)
		copy(op.Value, s.value)
		return op.Finish()
	}
}

// rowByRow is how many rows of a collection that goes are removed one by one. More are removed by range: a range tombstone for each
// small collection would make reading slow, a tombstone for each row of a big one would take long.
const rowByRow = 32

// removeObject puts the removal of all rows that Pebble has of an object into the batch. It reads their keys: at the position
// that Pebble has come to they are the same on every copy.
func (s *Store) removeObject(b *pebble.Batch, object uint64, fresh bool) error {
	if fresh {
		return nil
	}
	w, err := s.walkObject(object, nil, nil)
	if err != nil {
		return err
	}
	if w.First() {
		err = removeFieldIndex(b, object, w.Key()[elementPrefix:])
	}
	n := 0
	for ok := w.Valid(); ok && err == nil; ok = w.Next() {
		if n++; n > rowByRow {
			err = b.DeleteRange(appendElementKey(nil, object, ""), objectEnd(object), nil)
			break
		}
		err = b.Delete(w.Key(), nil)
	}
	if err := errors.Join(err, w.Error(), w.Close()); err != nil {
		return fmt.Errorf("remove a collection: %w", err)
	}
	return nil
}
