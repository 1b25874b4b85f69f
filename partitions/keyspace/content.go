package keyspace

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"shiplog/partitions/slot"
	"shiplog/wal"
)

// Content is the state of a partition at one position of its log: what Pebble has, and nothing that is not acknowledged. It stays as it is,
// belongs to one goroutine and must be closed.
type Content struct {
	part part
	at   wal.Position
}

// Content returns the state as it is now. It needs no lock.
func (s *Store) Content() (*Content, error) {
	c := &Content{part: part{slots: s.slots, pebble: s.db.NewSnapshot()}}
	row, closer, err := c.part.pebble.Get([]byte(rowApplied))
	if errors.Is(err, pebble.ErrNotFound) {
		return c, nil
	}
	if err == nil {
		c.at, err = parsePosition(row)
		err = errors.Join(err, closer.Close())
	}
	if err != nil {
		return nil, fmt.Errorf("read the position of the state: %w", errors.Join(err, c.Close()))
	}
	return c, nil
}

// Position is where the state stands in the log.
func (c *Content) Position() wal.Position { return c.at }

// Close gives the content up.
func (c *Content) Close() error { return c.part.pebble.Close() }

// passedOver is how many keys Effects passes over at a time.
const passedOver = 20_000

// Effects are effects that make the keys that wanted takes: applied in order to nothing, they leave these keys, also those whose time
// is over and that are not removed yet. The first effect on each key is marked as creating it; there are no heads or objects. An effect is valid
// until the next one, and the error ends them. After every passedOver keys that wanted does not take there is a nil instead of an effect: whoever walks
// may leave it at that for now.
func (c *Content) Effects(wanted func(key []byte, t Type) bool) iter.Seq2[*wal.Effect, error] {
	return func(yield func(*wal.Effect, error) bool) {
		var failed error
		stopped := false
		passed := 0
		_, err := c.part.ascend(0, func(_ uint64, key []byte, v Value) bool {
			if !wanted(key, v.Type) {
				if passed++; passed%passedOver == 0 {
					stopped = !yield(nil, nil)
				}
				return !stopped
			}
			k := contentKey{content: c, key: key, value: v, yield: yield, first: true}
			failed = k.write()
			stopped = k.stopped
			return failed == nil && !stopped
		})
		if err = errors.Join(err, failed); err != nil && !stopped {
			yield(nil, err)
		}
	}
}

// contentKey is a key whose effects are being made.
type contentKey struct {
	content *Content
	key     []byte
	value   Value
	yield   func(*wal.Effect, error) bool
	first   bool
	stopped bool // nobody wants more
}

// give gives an effect on the key, and tells whether more are wanted.
func (k *contentKey) give(e wal.Effect) bool {
	e.Key, e.Slot, e.Cause = k.key, slot.Of(k.key), wal.CauseClient
	if k.first {
		e.Marks |= wal.MarkCreated
		k.first = false
	}
	k.stopped = k.stopped || !k.yield(&e, nil)
	return !k.stopped
}

// write gives all effects of the key.
func (k *contentKey) write() error {
	v := &k.value
	if v.Type == TypeString {
		k.give(wal.Effect{Op: wal.OpSet, Value: v.Data, ExpireAt: v.ExpireAt})
		return nil
	}
	if err := k.elements(); err != nil || k.stopped {
		return err
	}
	if v.ExpireAt != 0 {
		k.give(wal.Effect{Op: wal.OpExpire, Marks: wal.MarkObject, ExpireAt: v.ExpireAt})
	}
	return nil
}

func (k *contentKey) elements() error {
	switch k.value.Type {
	case TypeHash:
		if err := k.area(areaMember, func(sub, value []byte) wal.Effect {
			return wal.Effect{Op: wal.OpHSet, Field: memberName(sub), Value: value}
		}); err != nil {
			return err
		}
		return k.area(areaTimed, func(sub, value []byte) wal.Effect {
			return wal.Effect{Op: wal.OpHExpire, Field: memberName(sub), ExpireAt: int64(binary.BigEndian.Uint64(value))}
		})
	case TypeSet:
		return k.area(areaMember, func(sub, _ []byte) wal.Effect { return wal.Effect{Op: wal.OpSAdd, Field: memberName(sub)} })
	case TypeZSet:
		return k.area(areaMember, func(sub, value []byte) wal.Effect {
			return wal.Effect{Op: wal.OpZAdd, Field: memberName(sub), Score: parseScore(value)}
		})
	case TypeList:
		return k.area(areaList, func(_, value []byte) wal.Effect { return wal.Effect{Op: wal.OpRPush, Value: value} })
	default:
		return k.stream()
	}
}

// stream gives a stream's entries, its groups, and then what is known of it as a whole. Where an entry is pending that is gone, one without
// meaning is added and removed again: some who follow can make it pending in no other way. Those before the first entry are trimmed: they may never have been
// deleted, and some who follow remember the greatest id that was, and cannot be told to forget it.
func (k *contentKey) stream() error {
	gone, err := k.pendingGone()
	if err != nil {
		return err
	}
	rest, trimmed, none := gone, 0, true
	if err := k.area(areaEntry, func(sub, value []byte) wal.Effect {
		id := lastID(sub)
		for ; len(rest) > 0 && rest[0].Compare(id) < 0; rest = rest[1:] {
			k.give(standIn(rest[0]))
		}
		if none {
			trimmed, none = len(gone)-len(rest), false
		}
		_, fields := parseEntry(value)
		return wal.Effect{Op: wal.OpXAdd, ID: id, Value: fields}
	}); err != nil {
		return err
	}
	for ; len(rest) > 0 && !k.stopped; rest = rest[1:] {
		k.give(standIn(rest[0]))
	}
	if none {
		trimmed = len(gone)
	}
	if err := k.groups(); err != nil {
		return err
	}
	if trimmed > 0 && !k.stopped {
		k.give(wal.Effect{Op: wal.OpXTrim, ID: gone[trimmed-1], Count: int64(trimmed)})
	}
	for gone = gone[trimmed:]; len(gone) > 0 && !k.stopped; gone = gone[1:] {
		k.give(wal.Effect{Op: wal.OpXDel, ID: gone[0]})
	}
	if !k.stopped {
		k.give(wal.Effect{Op: wal.OpXSetID, Whole: wal.Whole{Head: appendHeader(nil, &k.value)}})
	}
	return nil
}

// standIn adds an entry that will be removed again.
func standIn(id StreamID) wal.Effect {
	return wal.Effect{Op: wal.OpXAdd, ID: id, Value: wal.AppendStreamField(wal.AppendStreamField(nil, nil), nil)}
}

// pendingGone returns, in order, the ids that are pending in some group and have no entry.
func (k *contentKey) pendingGone() (gone []StreamID, err error) {
	known := make(map[StreamID]bool)
	walked := k.rows(areaPending, func(sub, _ []byte) bool {
		id := lastID(sub)
		if known[id] {
			return true
		}
		_, closer, failed := k.content.part.pebble.Get(appendElementKey(nil, k.value.object(), appendEntryKey(nil, id)))
		switch {
		case errors.Is(failed, pebble.ErrNotFound):
			known[id] = true
			gone = append(gone, id)
		case failed == nil:
			failed = closer.Close()
			err = failed
		default:
			err = failed
		}
		return err == nil
	})
	slices.SortFunc(gone, StreamID.Compare)
	return gone, errors.Join(err, walked)
}

// groups gives a stream's groups with all that they know.
func (k *contentKey) groups() error {
	if err := k.area(areaGroup, func(sub, value []byte) wal.Effect {
		g := parseGroup(sub[1:], value)
		return wal.Effect{Op: wal.OpXGroup, Field: g.Name, ID: g.Last, Index: g.Read}
	}); err != nil {
		return err
	}
	if err := k.area(areaConsumer, func(sub, value []byte) wal.Effect {
		group, name := cutGroup(sub)
		c := parseConsumer(name, value)
		return wal.Effect{Op: wal.OpXConsumer, Field: group, Who: name, At: c.Seen, Rare: wal.Rare{Active: c.Active}}
	}); err != nil {
		return err
	}
	return k.area(areaPending, func(sub, value []byte) wal.Effect {
		group, _ := cutGroup(sub)
		p := parsePending(lastID(sub), value)
		return wal.Effect{Op: wal.OpXPend, Field: group, ID: p.ID, Who: p.Consumer, At: p.At, Count: p.Count}
	})
}

// cutGroup takes the key of a row of a group apart: the group, and what follows.
func cutGroup(sub []byte) (group, rest []byte) {
	size, n := binary.Uvarint(sub[1:])
	end := 1 + n + int(size)
	return sub[1+n : end], sub[end:]
}

// area gives an effect for each row of one of the collection's areas.
func (k *contentKey) area(area byte, effect func(sub, value []byte) wal.Effect) error {
	return k.rows(area, func(sub, value []byte) bool { return k.give(effect(bytes.Clone(sub), bytes.Clone(value))) })
}

// rows calls fn with the rows of one of the collection's areas until it returns false.
func (k *contentKey) rows(area byte, fn func(sub, value []byte) bool) (err error) {
	if k.stopped {
		return nil
	}
	object := k.value.object()
	it, err := k.content.part.pebble.NewIter(&pebble.IterOptions{
		LowerBound: appendElementKey(nil, object, []byte{area}), UpperBound: appendElementKey(nil, object, areaEnd(area)),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Error(), it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		if !fn(it.Key()[elementPrefix:], it.Value()) {
			break
		}
	}
	return nil
}

// memberName is the name in the row key of a member, or of a field's deadline.
func memberName(sub []byte) []byte { return sub[1+hashSize:] }
