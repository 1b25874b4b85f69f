package keyspace

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"shiplog/partitions/slot"
	"shiplog/wal"
)

// objectChange is what a run of effects makes of the rows of one collection.
type objectChange struct {
	fresh bool // Pebble has no rows of it
	gone  bool // the collection is gone, and its number with it
	steps []rowStep
	known map[string]int // rows by their place in steps, as far as they may be changed there
	due   objectDue
}

// rowStep writes a row, removes one, or removes those from sub on and before end.
type rowStep struct {
	sub   string
	value []byte
	gone  bool
	end   string
}

// object returns the run's change of an object.
func (a *applying) object(object uint64) *objectChange {
	o := a.objects[object]
	if o == nil {
		o = new(objectChange)
		a.objects[object] = o
	}
	return o
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
	mutate(e, o)
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

func (o *objectChange) add(s rowStep) {
	if at, again := o.known[s.sub]; again {
		o.steps[at] = s
		return
	}
	if o.known == nil {
		o.known = make(map[string]int)
	}
	o.known[s.sub] = len(o.steps)
	o.steps = append(o.steps, s)
}

func (o *objectChange) put(sub, value []byte, fresh bool) {
	if !fresh {
		o.add(rowStep{sub: string(sub), value: value})
		return
	}
	if len(o.known) > 0 {
		delete(o.known, string(sub)) // what is known comes before
	}
	o.steps = append(o.steps, rowStep{sub: string(sub), value: value})
}

func (o *objectChange) drop(sub []byte) { o.add(rowStep{sub: string(sub), gone: true}) }

func (o *objectChange) dropRange(from, to []byte) {
	o.steps = append(o.steps, rowStep{sub: string(from), end: string(to)})
	o.known = nil // what follows must stay behind it
}

// dropAll forgets what the run made of the rows, since all of them go.
func (o *objectChange) dropAll() { o.gone, o.steps, o.known = true, nil, nil }

// writeObjects puts the rows of all collections into the batch.
func (s *Store) writeObjects(b *pebble.Batch, a *applying) error {
	for object, o := range a.objects {
		if o.gone {
			if err := s.removeObject(b, object, o.fresh); err != nil {
				return err
			}
		} else if err := o.due.write(b, object); err != nil {
			return err
		}
		for i := range o.steps {
			if err := o.steps[i].write(b, object); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *rowStep) write(b *pebble.Batch, object uint64) error {
	var buf, end [96]byte
	key := appendElementKey(buf[:0], object, s.sub)
	switch {
	case s.end != "":
		return b.DeleteRange(key, appendElementKey(end[:0], object, s.end), nil)
	case s.gone:
		return b.Delete(key, nil)
	default:
		return b.Set(key, s.value, nil)
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
