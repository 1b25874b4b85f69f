package keyspace

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cespare/xxhash/v2"
	"github.com/cockroachdb/pebble/v2"

	"shiplog/wal"
)

// Digest returns how far the state has come in the log, and a checksum over all its rows at that moment: two copies of a
// partition that have come equally far have equal digests (I1). It reads everything, and needs no lock. The digest is XXH64 over
// each row's key and value, each behind its length in 4 bytes, big-endian.
func (s *Store) Digest() (at wal.Position, digest uint64, err error) {
	snap := s.db.NewSnapshot()
	defer func() { err = errors.Join(err, snap.Close()) }()
	it, err := snap.NewIter(&pebble.IterOptions{})
	if err != nil {
		return at, 0, fmt.Errorf("digest of the state: %w", err)
	}
	sum := xxhash.New()
	var length [4]byte
	for ok := it.First(); ok; ok = it.Next() {
		for _, part := range [][]byte{it.Key(), it.Value()} {
			binary.BigEndian.PutUint32(length[:], uint32(len(part)))
			_, _ = sum.Write(length[:])
			_, _ = sum.Write(part)
		}
		if string(it.Key()) == rowApplied {
			if at, err = parsePosition(it.Value()); err != nil {
				return at, 0, errors.Join(err, it.Close())
			}
		}
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return at, 0, fmt.Errorf("digest of the state: %w", err)
	}
	return at, sum.Sum64(), nil
}
