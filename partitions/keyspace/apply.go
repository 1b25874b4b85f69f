package keyspace

import (
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"shiplog/partitions/slot"
	"shiplog/wal"
)

// applying is the state of the one Apply that runs at a time.
type applying struct {
	reader  wal.EffectReader
	changes map[string]*change
	free    []*change
	flush   bool
	counts  counts
}

// change is what a run of effects makes of one key. Only its end reaches Pebble, so a key that is
// written often costs one row.
type change struct {
	slot     slot.ID
	value    Value
	exists   bool
	rewrite  bool  // the header row changes, not only the expiry
	wasThere bool  // the key was in Pebble before the run
	wasAt    int64 // the expiry that Pebble has
}

func (a *applying) init() { a.changes = make(map[string]*change) }

// Apply changes the state by the effects of whole record bodies, in order, and moves the position to
// the record that ended the last of them, all in one batch: after a crash the state stands before it or behind
// it (I1, I9). record is the partition's count of the last body, 0 during recovery.
//
// It is the only function that writes keys to Pebble. It reads neither clock nor state (I7).
func (s *Store) Apply(bodies [][]byte, to wal.Position, record uint64) error {
	a := &s.apply
	a.counts = s.stored
	defer a.reset()
	for _, body := range bodies {
		a.reader.Reset(body)
		var e wal.Effect
		for {
			more, err := a.reader.Next(&e)
			if err != nil {
				return fmt.Errorf("apply record %d: %w", to.Seq, err)
			}
			if !more {
				break
			}
			if err := a.add(&e); err != nil {
				return fmt.Errorf("apply record %d: %w", to.Seq, err)
			}
		}
	}
	if err := s.write(a, to); err != nil {
		return fmt.Errorf("apply record %d: %w", to.Seq, err)
	}
	s.stored, s.position = a.counts, to
	if record != 0 {
		s.applied.Store(record)
	}
	return nil
}

// add folds one effect into the run.
func (a *applying) add(e *wal.Effect) error {
	if e.Op == wal.OpFlush {
		a.recycle()
		a.flush, a.counts = true, counts{}
		return nil
	}
	c := a.change(e)
	a.counts.change(c.exists, c.value.ExpireAt != 0, -1)
	switch e.Op {
	case wal.OpSet:
		c.value = Value{Type: TypeString, Raw: e.Marks&wal.MarkRaw != 0, Text: e.Marks&wal.MarkText != 0,
			ExpireAt: e.ExpireAt, Data: e.Value}
		c.exists, c.rewrite = true, true
	case wal.OpDel:
		c.value, c.exists, c.rewrite = Value{}, false, true
	case wal.OpExpire:
		c.value.ExpireAt = e.ExpireAt
	case wal.OpPersist:
		c.value.ExpireAt = 0
	default:
		return fmt.Errorf("unknown effect %d", e.Op)
	}
	a.counts.change(c.exists, c.value.ExpireAt != 0, +1)
	return nil
}

// change returns the run's change of e's key; the first effect says what Pebble has.
func (a *applying) change(e *wal.Effect) *change {
	if c := a.changes[string(e.Key)]; c != nil {
		return c
	}
	var c *change
	if n := len(a.free); n > 0 {
		c, a.free = a.free[n-1], a.free[:n-1]
	} else {
		c = new(change)
	}
	there := e.Op != wal.OpSet || e.Marks&wal.MarkCreated == 0
	*c = change{slot: e.Slot, exists: there, wasThere: there, wasAt: e.PrevExpireAt}
	c.value.ExpireAt = e.PrevExpireAt
	a.changes[string(e.Key)] = c
	return c
}

// write commits the run.
func (s *Store) write(a *applying, to wal.Position) error {
	b := s.db.NewBatch()
	defer b.Close()
	if a.flush {
		if err := deleteAll(b); err != nil {
			return err
		}
	}
	for key, c := range a.changes {
		if err := c.write(b, key); err != nil {
			return err
		}
	}
	var buf [positionSize]byte
	if err := b.Set([]byte(rowCounts), appendCounts(buf[:0], a.counts), nil); err != nil {
		return err
	}
	if err := b.Set([]byte(rowApplied), appendPosition(buf[:0], to), nil); err != nil {
		return err
	}
	return b.Commit(pebble.NoSync)
}

// deleteAll removes all rows of keys.
func deleteAll(b *pebble.Batch) error {
	if err := b.DeleteRange([]byte{0, 0}, []byte(slotsEnd), nil); err != nil {
		return err
	}
	return b.DeleteRange([]byte(areaIndex), []byte(areaIndex[:2]+"j"), nil)
}

// write puts the rows of one key into the batch.
func (c *change) write(b *pebble.Batch, key string) error {
	if c.rewrite && c.exists {
		c.header(b, key)
	}
	if c.rewrite && !c.exists && c.wasThere {
		if err := deleteRow(b, c.slot, areaHeader, key); err != nil {
			return err
		}
	}
	at := c.value.ExpireAt
	if at == c.wasAt {
		return nil
	}
	var buf [64]byte
	if c.wasAt != 0 {
		if err := b.Delete(appendIndexKey(buf[:0], c.wasAt, []byte(key)), nil); err != nil {
			return err
		}
	}
	if at == 0 {
		return deleteRow(b, c.slot, areaExpiry, key)
	}
	if err := b.Set(appendIndexKey(buf[:0], at, []byte(key)), nil, nil); err != nil {
		return err
	}
	row := appendRowKey(buf[:0], c.slot, areaExpiry, []byte(key))
	return b.Set(row, binary.BigEndian.AppendUint64(nil, uint64(at)), nil)
}

// header puts the header row into the batch without a copy in between.
func (c *change) header(b *pebble.Batch, key string) {
	op := b.SetDeferred(keyPrefix+len(key), headerPrefix+len(c.value.Data))
	appendRowKey(op.Key[:0], c.slot, areaHeader, []byte(key))
	appendHeader(op.Value[:0], &c.value)
	if err := op.Finish(); err != nil {
		panic(fmt.Sprintf("keyspace: a batch refuses a deferred row: %v", err))
	}
}

func deleteRow(b *pebble.Batch, id slot.ID, area byte, key string) error {
	var buf [64]byte
	return b.Delete(appendRowKey(buf[:0], id, area, []byte(key)), nil)
}

// parseExpiry decodes the row that says when a key expires.
func parseExpiry(row []byte) (int64, error) {
	if len(row) != 8 {
		return 0, errRow
	}
	return int64(binary.BigEndian.Uint64(row)), nil
}

// recycle empties the run's changes for the next.
func (a *applying) recycle() {
	for _, c := range a.changes {
		c.value = Value{}
		a.free = append(a.free, c)
	}
	clear(a.changes)
}

// reset makes ready for the next run and gives back the memory of an unusually large one.
func (a *applying) reset() {
	const keep = 1 << 14
	a.flush = false
	if len(a.changes) > keep {
		a.changes, a.free = make(map[string]*change), nil
		return
	}
	a.recycle()
	if len(a.free) > keep {
		a.free = a.free[:keep:keep]
	}
}
