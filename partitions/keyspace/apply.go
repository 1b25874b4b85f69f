package keyspace

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/cockroachdb/pebble/v2"

	"shiplog/partitions/slot"
	"shiplog/wal"
)

// applying is the state of the one Apply that runs at a time.
type applying struct {
	reader  wal.EffectReader
	changes changeTable
	order   []*change     // the changes in the order in which their keys came first
	sorted  []changeOrder // the changes in the order of their rows, while they are written
	newest  *change       // of the effect before: mostly the next one is on the same key
	objects map[uint64]*objectChange
	touched []*objectChange // those in objects
	latest  *objectChange   // the one asked for last
	spare   []*objectChange
	free    []*change
	keys    rowKeys
	flush   bool
	counts  counts
}

// change is what a run of effects makes of one key. Only its end reaches Pebble, so a key that is
// written often costs one row.
type change struct {
	key      []byte // of the body that the run is of
	hash     uint64 // of the key
	place    int    // in the table of changes
	cursor   uint64 // of the key's rows
	value    Value
	exists   bool
	rewrite  bool   // the header row changes, not only the expiry
	wasThere bool   // the key was in Pebble before the run
	wasAt    int64  // the expiry that Pebble has
	blind    bool   // no effect has said yet what that is
	reborn   bool   // the key became or ceased to be a certain collection in the run
	object   uint64 // of a collection; 0: a string, or not known to the run because nothing is to be known
}

// changeOrder is a change by where its rows stand.
type changeOrder struct {
	cursor uint64
	change *change
}

func (a *applying) init() {
	a.objects = make(map[uint64]*objectChange)
}

// Apply changes the state by the effects of whole record bodies, in order, and moves the position to
// the record that ended the last of them, all in one batch: after a crash the state stands before it or behind
// it (I1, I9). record is the partition's count of the last body, 0 during recovery.
//
// On a replica it needs the partition's lock (SetReplica).
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
	if s.replica {
		s.follow(a)
	}
	return nil
}

// add folds one effect into the run.
func (a *applying) add(e *wal.Effect) error {
	if e.Op == wal.OpFlush {
		a.recycle()
		a.flush = true
		a.counts.flush()
		return nil
	}
	if e.Op == wal.OpRename {
		return a.rename(e)
	}
	c := a.change(e.Key, e.Slot, e.Marks&wal.MarkCreated == 0)
	if e.Op.Collection() {
		return a.addElement(c, e)
	}
	c.expiresAt(e.PrevExpireAt)
	a.counts.change(c.exists, c.value.ExpireAt != 0, -1)
	switch e.Op {
	case wal.OpSet:
		c.value = Value{Type: TypeString, Raw: e.Marks&wal.MarkRaw != 0, Text: e.Marks&wal.MarkText != 0,
			ExpireAt: e.ExpireAt, Data: e.Value}
		c.exists, c.rewrite, c.object = true, true, 0
		if bug("expire-by-own-clock") && e.ExpireAt != 0 && e.ExpireAt <= time.Now().UnixMilli() {
			c.value, c.exists = Value{}, false
		}
	case wal.OpDel:
		c.value, c.exists, c.rewrite, c.object = Value{}, false, true, 0
		if e.Marks&wal.MarkObject != 0 {
			a.object(e.Object).dropAll()
			c.reborn = true
		}
	case wal.OpExpire:
		c.value.ExpireAt = e.ExpireAt
		c.object = e.Object
	case wal.OpPersist:
		c.value.ExpireAt = 0
	default:
		return fmt.Errorf("unknown effect %d", e.Op)
	}
	a.counts.change(c.exists, c.value.ExpireAt != 0, +1)
	return nil
}

// change returns the run's change of a key. If this is the first effect on it, there says whether Pebble has the key; when it
// expires is not known then.
func (a *applying) change(key []byte, id slot.ID, there bool) *change {
	if a.newest != nil && string(a.newest.key) == string(key) {
		return a.newest
	}
	hash := xxhash.Sum64(key)
	c := a.changes.find(key, hash)
	if a.newest = c; c != nil {
		return c
	}
	if n := len(a.free); n > 0 {
		c, a.free = a.free[n-1], a.free[:n-1]
	} else {
		c = new(change)
	}
	*c = change{key: key, hash: hash, cursor: cursorWith(id, hash), exists: there, wasThere: there, blind: there}
	a.changes.add(c)
	a.order = append(a.order, c)
	a.newest = c
	return c
}

// expiresAt takes note of the expiry that the key had before an effect, if it was not known.
func (c *change) expiresAt(previous int64) {
	if c.blind {
		c.blind, c.wasAt, c.value.ExpireAt = false, previous, previous
	}
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
	if err := a.writeRows(b); err != nil {
		return err
	}
	if err := s.writeObjects(b, a); err != nil {
		return err
	}
	var buf [positionSize]byte
	if err := b.Set([]byte(rowCounts), appendCounts(buf[:0], a.counts), nil); err != nil {
		return err
	}
	if err := b.Set([]byte(rowApplied), appendPosition(buf[:0], to), nil); err != nil {
		return err
	}
	return s.filter.commit(a, func() error { return b.Commit(pebble.NoSync) })
}

// deleteAll removes all rows of keys.
func deleteAll(b *pebble.Batch) error {
	if err := b.DeleteRange([]byte{0, 0}, []byte(slotsEnd), nil); err != nil {
		return err
	}
	return b.DeleteRange([]byte(areaIndex), []byte(areaIndex[:2]+"k"), nil)
}

// writeRows puts the rows of all keys into the batch, area by area and each as far as possible in the order in which Pebble
// keeps them: its memtable takes rows far more quickly beside those that came just before. Deadlines mostly come in order.
func (a *applying) writeRows(b *pebble.Batch) error {
	for _, c := range a.order {
		if err := c.writeIndex(b); err != nil {
			return err
		}
	}
	a.sort()
	for _, at := range a.sorted {
		if err := at.change.writeExpiry(b); err != nil {
			return err
		}
	}
	for _, at := range a.sorted {
		if err := at.change.writeHeader(b); err != nil {
			return err
		}
	}
	return nil
}

// sort brings the changes into the order of their rows.
func (a *applying) sort() {
	a.sorted = a.sorted[:0]
	for _, c := range a.order {
		a.sorted = append(a.sorted, changeOrder{c.cursor, c})
	}
	slices.SortFunc(a.sorted, func(x, y changeOrder) int { return cmp.Compare(x.cursor, y.cursor) })
}

// writeIndex puts the rows that say what expires when into the batch.
func (c *change) writeIndex(b *pebble.Batch) error {
	var buf [64]byte
	at := c.value.ExpireAt
	if at == c.wasAt && !c.reborn {
		return nil
	}
	if c.wasAt != 0 {
		if err := b.Delete(appendIndexKey(buf[:0], c.wasAt, c.key), nil); err != nil {
			return err
		}
	}
	if at == 0 {
		return nil
	}
	var object []byte
	if c.object != 0 {
		object = binary.BigEndian.AppendUint64(nil, c.object)
	}
	return b.Set(appendIndexKey(buf[:0], at, c.key), object, nil)
}

// writeExpiry puts the row that says when the key expires into the batch.
func (c *change) writeExpiry(b *pebble.Batch) error {
	var buf [64]byte
	at := c.value.ExpireAt
	if at == c.wasAt {
		return nil
	}
	row := append(appendCursorKey(buf[:0], c.cursor, areaExpiry), c.key...)
	if at == 0 {
		return b.Delete(row, nil)
	}
	var value [8]byte
	return b.Set(row, binary.BigEndian.AppendUint64(value[:0], uint64(at)), nil)
}

// writeHeader puts the header row into the batch, without a copy of the data in between.
func (c *change) writeHeader(b *pebble.Batch) error {
	if c.rewrite && c.exists {
		op := b.SetDeferred(keyPrefix+len(c.key), headerPrefix+len(c.value.Data))
		_ = append(appendCursorKey(op.Key[:0], c.cursor, areaHeader), c.key...)
		appendHeader(op.Value[:0], &c.value)
		return op.Finish()
	}
	if c.rewrite && c.wasThere {
		var buf [64]byte
		return b.Delete(append(appendCursorKey(buf[:0], c.cursor, areaHeader), c.key...), nil)
	}
	return nil
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
	for _, c := range a.order {
		a.changes.free(c)
		*c = change{}
		a.free = append(a.free, c)
	}
	clear(a.order)
	clear(a.sorted)
	a.order, a.sorted, a.newest = a.order[:0], a.sorted[:0], nil
	for _, o := range a.touched {
		o.recycle()
		a.spare = append(a.spare, o)
	}
	clear(a.touched)
	a.touched, a.latest = a.touched[:0], nil
	clear(a.objects)
}

// reset makes ready for the next run and gives back the memory of an unusually large one.
func (a *applying) reset() {
	const keep = 1 << 14
	a.flush = false
	if len(a.order) > keep {
		*a = applying{reader: a.reader}
		a.init()
		return
	}
	a.recycle()
	if len(a.free) > keep {
		a.free = a.free[:keep:keep]
	}
	a.spareSome()
}

// spareSome gives back changes of collections that are many, or large.
func (a *applying) spareSome() {
	const most, steps = 16, 1 << 13
	a.spare = slices.DeleteFunc(a.spare, func(o *objectChange) bool { return cap(o.steps) > steps || cap(o.subs) > 64*steps })
	if len(a.spare) > most {
		clear(a.spare[most:])
		a.spare = a.spare[:most]
	}
}
