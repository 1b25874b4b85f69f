package keyspace

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"shiplog/wal"
)

// Due is a key whose time is over, or a hash with a field whose time is over, as Pebble's index had it when record asOf was applied.
type Due struct {
	Key      []byte
	Deadline int64  // Unix milliseconds
	object   uint64 // of a collection
	Field    bool   // the time of a field is over, not that of the key
	asOf     uint64
	life     uint64
}

// Due returns up to limit keys whose deadline in Pebble lies before end (Unix milliseconds), oldest first,
// beginning at the place that an earlier call returned, nil for the very first. next is the place behind them: going on
// there spares the next call the tombstones of what was removed before.
func (s *Store) Due(place []byte, end int64, limit int) (due []Due, next []byte, err error) {
	if place == nil {
		place = []byte(areaIndex)
	}
	return s.due(place, appendIndexKey(nil, end, ""), limit, parseDueKey)
}

// DueFields is Due for hashes with a field whose deadline lies before end. It has places of its own.
func (s *Store) DueFields(place []byte, end int64, limit int) (due []Due, next []byte, err error) {
	if place == nil {
		place = []byte(areaFields)
	}
	return s.due(place, appendFieldIndexKey(nil, end, 0), limit, parseDueField)
}

// due reads the rows of an index from place on and before upper, at most limit of them, and returns what parse makes of them, and the
// place behind them.
func (s *Store) due(place, upper []byte, limit int, parse func(row, value []byte) (Due, bool)) (due []Due, next []byte, err error) {
	if string(place) >= string(upper) {
		return nil, place, nil
	}
	life, asOf := s.life.Load(), s.applied.Load() // before the iterator, which may show more
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: place, UpperBound: upper})
	if err != nil {
		return nil, place, fmt.Errorf("look for what has expired: %w", err)
	}
	next = place
	for ok := it.First(); ok && len(due) < limit; ok = it.Next() {
		d, ok := parse(it.Key(), it.Value())
		if !ok {
			return nil, place, errors.Join(errRow, it.Close())
		}
		d.asOf, d.life = asOf, life
		due = append(due, d)
		next = append(append(next[:0:0], it.Key()...), 0)
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return nil, place, fmt.Errorf("look for what has expired: %w", err)
	}
	return due, next, nil
}

// parseDueKey decodes a row that says when a key expires.
func parseDueKey(row, value []byte) (d Due, ok bool) {
	at, key, ok := parseIndexKey(row)
	d = Due{Key: clone(key), Deadline: at}
	if len(value) == objectSize {
		d.object = binary.BigEndian.Uint64(value)
	}
	return d, ok
}

// parseDueField decodes a row that says when the first field of a hash expires.
func parseDueField(row, value []byte) (d Due, ok bool) {
	if len(row) != indexPrefix+objectSize {
		return d, false
	}
	return Due{Key: clone(value), Deadline: int64(binary.BigEndian.Uint64(row[3:])), object: binary.BigEndian.Uint64(row[indexPrefix:]), Field: true}, true
}

// RemoveDue removes a key if its time is still over, as an effect caused by expiry, and tells whether it did. It
// need not read Pebble if the key is not in memory, nothing that changed after d was found has left memory, and the Store
// has been a primary's all the while: then the index has told all there is to know.
func (t *Tx) RemoveDue(d Due) bool {
	s := t.store
	if d.life != s.life.Load() || s.hot.find(d.Key) != nil || s.hot.evicted > d.asOf || s.flushed > d.asOf {
		return t.RemoveExpired(d.Key)
	}
	value := Value{Type: TypeString, ExpireAt: d.Deadline}
	if d.object != 0 {
		value.Type, value.Data = TypeSet, appendTop(nil, &top{object: d.object}) // which type does not matter
	}
	h := &head{key: string(d.Key), value: value, exists: true, stub: true}
	t.drop(h, d.Key, wal.CauseExpire, 0)
	return true
}

// dueAtOnce is how many fields of one hash RemoveDueFields removes.
const dueAtOnce = 16

// RemoveDueFields removes some of the fields of a hash whose time is over, unless the key is something else by now, as effects caused by
// expiry, and tells whether there are others.
func (t *Tx) RemoveDueFields(d Due) (more bool) {
	h, there := t.settle(d.Key)
	if !there || h.value.object() != d.object {
		return false
	}
	s := Hash{v: &t.View, t: t, key: d.Key}
	s.open(h)
	return s.removeDue(dueAtOnce)
}
