package keyspace

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"shiplog/wal"
)

// objectDue is what a run of effects makes of the row that says when the first field of a hash expires.
type objectDue struct {
	known bool
	was   int64 // what Pebble has; 0: no row
	now   int64
	key   []byte
	moved bool // the hash has another key than Pebble knows
}

// follow takes note of an effect on a collection, after c has what its head says.
func (d *objectDue) follow(c *change, e *wal.Effect) {
	if e.Op != wal.OpHSet && e.Op != wal.OpHDel && e.Op != wal.OpHExpire {
		return
	}
	if !d.known {
		d.known, d.was, d.now = true, e.At, e.At
	}
	if d.key = c.key; len(e.Head) > 0 {
		d.now = firstDue(&c.value)
	}
}

// move takes note that a collection has moved to another key.
func (d *objectDue) move(to *change) {
	at := firstDue(&to.value)
	if !d.known {
		d.known, d.was = true, at
	}
	d.now, d.key, d.moved = at, to.key, true
}

// firstDue returns when the first field of a hash expires, 0: none does, or it is no hash.
func firstDue(v *Value) int64 {
	if v.Type != TypeHash {
		return 0
	}
	t, _ := parseTop(v.Data) // parseHeader found it sound
	return parseTimed(t.rest).first
}

// write puts the row into the batch, and the removal of the one before.
func (d *objectDue) write(b *pebble.Batch, object uint64) error {
	var buf [32]byte
	if d.was == d.now && !d.moved {
		return nil
	}
	if d.was != 0 && d.was != d.now {
		if err := b.Delete(appendFieldIndexKey(buf[:0], d.was, object), nil); err != nil {
			return err
		}
	}
	if d.now == 0 {
		return nil
	}
	return b.Set(appendFieldIndexKey(buf[:0], d.now, object), d.key, nil)
}

// removeFieldIndex puts the removal of an object's row in the index of fields into the batch, if it has one. first is its first row: that
// of the field that expires first, if any does.
func removeFieldIndex(b *pebble.Batch, object uint64, first []byte) error {
	if first[0] != areaDue || len(first) < 1+deadlineSize {
		return nil
	}
	at, _ := parseDue(first)
	return b.Delete(appendFieldIndexKey(nil, at, object), nil)
}

// appendFieldIndexKey appends the row key that says when the first field of a hash expires.
func appendFieldIndexKey(dst []byte, at int64, object uint64) []byte {
	dst = append(dst, areaFields...)
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(dst, uint64(at)), object)
}

// timedHashes says whether fields of hashes may have deadlines, so that nobody looks for what cannot be there.
type timedHashes struct {
	at    uint64 // the newest record that gave one to a field
	clear bool   // none has had one since Pebble was found to have none
}

// Timed tells whether a field of some hash may have a deadline. It needs the lock.
func (s *Store) Timed() bool { return !s.timed.clear }

// SettleTimed makes Timed say no, if Pebble has nothing of fields with deadlines and is about to get nothing. It needs the lock.
func (s *Store) SettleTimed() error {
	if s.timed.clear || s.timed.at > s.applied.Load() {
		return nil
	}
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte(areaFields), UpperBound: []byte(areaFields[:2] + "k")})
	if err != nil {
		return fmt.Errorf("look for expired fields: %w", err)
	}
	s.timed.clear = !it.First()
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return fmt.Errorf("look for expired fields: %w", err)
	}
	return nil
}
