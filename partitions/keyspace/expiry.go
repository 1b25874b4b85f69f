package keyspace

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"shiplog/wal"
)

// Due is a key whose time is over, as Pebble's index had it when record asOf was applied.
type Due struct {
	Key      []byte
	Deadline int64 // Unix milliseconds
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
	upper := appendIndexKey(nil, end, "")
	if string(place) >= string(upper) {
		return nil, place, nil
	}
	life, asOf := s.life.Load(), s.applied.Load() // before the iterator, which may show more
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: place, UpperBound: upper})
	if err != nil {
		return nil, place, fmt.Errorf("look for expired keys: %w", err)
	}
	next = place
	for ok := it.First(); ok && len(due) < limit; ok = it.Next() {
		at, key, ok := parseIndexKey(it.Key())
		if !ok {
			return nil, place, errors.Join(errRow, it.Close())
		}
		due = append(due, Due{Key: clone(key), Deadline: at, asOf: asOf, life: life})
		next = append(append(next[:0:0], it.Key()...), 0)
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return nil, place, fmt.Errorf("look for expired keys: %w", err)
	}
	return due, next, nil
}

// RemoveDue removes a key if its time is still over, as an effect caused by expiry, and tells whether it did. It
// need not read Pebble if the key is not in memory, nothing that changed after d was found has left memory, and the Store
// has been a primary's all the while: then the index has told all there is to know.
func (t *Tx) RemoveDue(d Due) bool {
	s := t.store
	if d.life != s.life.Load() || s.hot.find(d.Key) != nil || s.hot.evicted > d.asOf || s.flushed > d.asOf {
		return t.RemoveExpired(d.Key)
	}
	h := &head{key: string(d.Key), value: Value{Type: TypeString, ExpireAt: d.Deadline}, exists: true, stub: true}
	t.drop(h, d.Key, wal.CauseExpire, 0)
	return true
}
