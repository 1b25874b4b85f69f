package keyspace

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Due returns up to limit keys whose deadline in Pebble lies before now and not before from (Unix milliseconds), oldest
// first, and the deadline of the last of them. from spares it the tombstones of what was removed before.
func (s *Store) Due(from, now int64, limit int) (keys [][]byte, last int64, err error) {
	lower := appendIndexKey(nil, from, nil)
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: appendIndexKey(nil, now, nil)})
	if err != nil {
		return nil, from, fmt.Errorf("look for expired keys: %w", err)
	}
	last = from
	for ok := it.First(); ok && len(keys) < limit; ok = it.Next() {
		at, key, ok := parseIndexKey(it.Key())
		if !ok {
			return nil, from, errors.Join(errRow, it.Close())
		}
		keys, last = append(keys, clone(key)), at
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return nil, from, fmt.Errorf("look for expired keys: %w", err)
	}
	return keys, last, nil
}
