package keyspace

import "shiplog/wal"

// Group is a consumer group of a stream.
type Group struct {
	Name []byte
	Last StreamID // the last entry that it has delivered
	Read int64    // how many entries it has come past, by its count; ReadUnknown
}

// ReadUnknown is a Group's Read that is not known: entries were deleted where it cannot be told apart from delivered ones.
const ReadUnknown = -1

// Group returns a consumer group.
func (s *Stream) Group(name []byte) (g Group, ok bool) {
	if s.h == nil {
		return g, false
	}
	row, ok := s.v.row(s.h, appendGroupKey(make([]byte, 0, 64), name))
	if !ok {
		return g, false
	}
	return parseGroup(name, row), true
}

// Groups returns the consumer groups in the order of their names.
func (s *Stream) Groups() (groups []Group) {
	if s.h == nil {
		return nil
	}
	s.v.ascend(s.h, []byte{areaGroup}, areaEnd(areaGroup), func(sub, row []byte) bool {
		groups = append(groups, parseGroup(clone(sub[1:]), row))
		return true
	})
	return groups
}

// create makes an empty stream of a key that is not there. An effect on it must follow in the same unit.
func (s *Stream) create() {
	if s.h == nil {
		s.h = s.t.create(s.key, TypeStream)
	}
}

// PutGroup makes g a consumer group of the stream, or changes it to be so. It makes the stream if the key is not there.
func (s *Stream) PutGroup(g Group) {
	s.create()
	s.note(wal.Effect{Op: wal.OpXGroup, Field: g.Name, ID: g.Last, Index: g.Read})
}

// RemoveGroup removes a consumer group with all that it knows. It costs as much as is pending in it. Those who wait in the name of the
// group wait no more.
func (s *Stream) RemoveGroup(name []byte) {
	s.note(wal.Effect{Op: wal.OpXUngroup, Field: name})
	s.t.store.awaited.touch(s.h.key)
}

// Lag returns how many entries a group has not delivered yet, unless that cannot be told.
func (s *Stream) Lag(g Group) (lag int64, ok bool) {
	t, top := s.top()
	if top.added == 0 {
		return 0, true
	}
	if g.Read != ReadUnknown && !top.deletedBehind(g.Last, t.count) {
		return int64(top.added) - g.Read, true
	}
	read := top.distance(g.Last, t.count)
	return int64(top.added) - read, read != ReadUnknown
}

// deletedBehind tells whether entries may have been deleted at or behind an id, where a group's count would not know.
func (t *streamTop) deletedBehind(id StreamID, count int64) bool {
	return count > 0 && t.deleted != (StreamID{}) && t.first.Compare(t.deleted) <= 0 && id.Compare(t.deleted) <= 0
}

// distance returns how many entries have been added up to an id as far as that is certain, else ReadUnknown.
func (t *streamTop) distance(id StreamID, count int64) int64 {
	switch {
	case t.added == 0:
		return 0
	case count == 0 && id.Compare(t.last) <= 0:
		return int64(t.added)
	}
	switch id.Compare(t.last) {
	case 0:
		return int64(t.added)
	case 1:
		return ReadUnknown
	}
	if t.deleted == (StreamID{}) || t.deleted.Compare(t.first) < 0 { // all that are there follow one another
		switch id.Compare(t.first) {
		case -1:
			return int64(t.added) - count
		case 0:
			return int64(t.added) - count + 1
		}
	}
	return ReadUnknown
}

// pass returns the group after it has delivered the entry of an id.
func (g Group) pass(id StreamID, top *streamTop, count int64) Group {
	if id.Compare(g.Last) <= 0 {
		return g
	}
	if g.Read != ReadUnknown && !top.deletedBehind(id, count) {
		g.Read++
	} else if top.added > 0 {
		g.Read = top.distance(id, count)
	}
	g.Last = id
	return g
}

// Consumer is a consumer of a group. Times are Unix milliseconds.
type Consumer struct {
	Name   []byte
	Seen   int64 // when it last got entries, or asked for those that are pending for it
	Active int64 // when entries last became pending for it; 0: never
}

// Consumer returns a consumer of a group.
func (s *Stream) Consumer(group, name []byte) (c Consumer, ok bool) {
	row, ok := s.v.row(s.h, appendConsumerKey(make([]byte, 0, 96), group, name))
	if !ok {
		return c, false
	}
	return parseConsumer(name, row), true
}

// Consumers returns the consumers of a group in the order of their names.
func (s *Stream) Consumers(group []byte) (consumers []Consumer) {
	all := appendOfGroup(nil, areaConsumer, group)
	s.v.ascend(s.h, all, behind(all), func(sub, row []byte) bool {
		consumers = append(consumers, parseConsumer(clone(sub[len(all):]), row))
		return true
	})
	return consumers
}

// See notes that a consumer of a group asks for entries now, and whether it gets some. It makes the consumer if there is none
// and tells whether it did.
func (s *Stream) See(group, name []byte, gets bool) (made bool) {
	c, known := s.Consumer(group, name)
	if c.Seen = s.v.now; gets {
		c.Active = s.v.now
	}
	s.note(wal.Effect{Op: wal.OpXConsumer, Field: group, Who: name, At: c.Seen, Rare: wal.Rare{Active: c.Active}})
	return !known
}

// RemoveConsumer removes a consumer with all that is pending for it, and returns how much that was.
func (s *Stream) RemoveConsumer(group, name []byte) int64 {
	if _, known := s.Consumer(group, name); !known {
		return 0
	}
	var ids []StreamID
	s.EachPending(group, name, StreamID{}, wal.MaxStreamID(), func(p Pending) bool {
		ids = append(ids, p.ID)
		return true
	})
	for _, id := range ids {
		s.note(wal.Effect{Op: wal.OpXAck, Field: group, Who: name, ID: id})
	}
	s.note(wal.Effect{Op: wal.OpXUnconsumer, Field: group, Who: name})
	return int64(len(ids))
}

// Pending returns how many entries are pending in a group.
func (s *Stream) Pending(group []byte) int64 { return s.owned(appendOfGroup(nil, areaOwned, group)) }

// PendingOf returns how many entries are pending for a consumer of a group.
func (s *Stream) PendingOf(group, consumer []byte) int64 {
	return s.owned(appendOwned(nil, group, consumer))
}

// owned counts the rows in areaOwned that begin with prefix.
func (s *Stream) owned(prefix []byte) int64 {
	return s.v.before(s.h, areaOwned, behind(prefix)) - s.v.before(s.h, areaOwned, prefix)
}
