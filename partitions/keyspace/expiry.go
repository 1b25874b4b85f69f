package keyspace

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Due returns up to limit keys whose deadline in Pebble lies before end (Unix milliseconds), oldest first,
// beginning at the place that an earlier call returned, nil for the very first. next is the place behind them: going on
// there spares the next call the tombstones of what was removed before.
func (s *Store) Due(place []byte, end int64, limit int) (keys [][]byte, next []byte, err error) {
	if place == nil {
		place = []byte(areaIndex)
	}
	upper := appendIndexKey(nil, end, nil)
	if string(place) >= string(upper) {
		return nil, place, nil
	}
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: place, UpperBound: upper})
	if err != nil {
		return nil, place, fmt.Errorf("look for expired keys: %w", err)
	}
	next = place
	for ok := it.First(); ok && len(keys) < limit; ok = it.Next() {
		_, key, ok := parseIndexKey(it.Key())
		if !ok {
			return nil, place, errors.Join(errRow, it.Close())
		}
		keys, next = append(keys, clone(key)), append(clone(it.Key()), 0)
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return nil, place, fmt.Errorf("look for expired keys: %w", err)
	}
	return keys, next, nil
}
