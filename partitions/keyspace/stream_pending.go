package keyspace

import "shiplog/wal"

// Pending is an entry that a group has delivered and that has not been acknowledged.
type Pending struct {
	ID       StreamID
	Consumer []byte // for whom
	At       int64  // when it was delivered last, in Unix milliseconds
	Count    int64  // how often it was delivered
}

// PendingEntry returns what is known of an entry that is pending in a group.
func (s *Stream) PendingEntry(group []byte, id StreamID) (p Pending, ok bool) {
	row, ok := s.v.row(s.h, appendPendingKey(make([]byte, 0, 96), group, id))
	if !ok {
		return p, false
	}
	return parsePending(id, row), true
}

// pendingBatch is how many rows EachPending reads before it looks at them: nothing may be read from a stream during a walk over its rows.
const pendingBatch = 64

// EachPending calls fn with what is pending in a group from one id to another, both included, for one consumer or, if it is nil, for
// all, in the order of the ids, until fn returns false. fn must not change the stream. A Pending stays valid.
func (s *Stream) EachPending(group, consumer []byte, from, to StreamID, fn func(p Pending) bool) {
	for more := true; more; {
		var batch []Pending
		if consumer == nil {
			batch = s.pendingOfAll(group, from, to)
		} else {
			batch = s.pendingOfOne(group, consumer, from, to)
		}
		for i := range batch {
			if !fn(batch[i]) {
				return
			}
		}
		if more = len(batch) == pendingBatch; more {
			from, more = batch[pendingBatch-1].ID.Next()
		}
	}
}

// pendingOfAll returns the first pendingBatch that EachPending is to show of all consumers.
func (s *Stream) pendingOfAll(group []byte, from, to StreamID) (batch []Pending) {
	first, end := appendPendingKey(nil, group, from), after(appendPendingKey(nil, group, to))
	s.v.ascend(s.h, first, end, func(sub, row []byte) bool {
		batch = append(batch, parsePending(lastID(sub), clone(row)))
		return len(batch) < pendingBatch
	})
	return batch
}

// pendingOfOne is pendingOfAll of one consumer.
func (s *Stream) pendingOfOne(group, consumer []byte, from, to StreamID) (batch []Pending) {
	first, end := appendOwnedKey(nil, group, consumer, from), after(appendOwnedKey(nil, group, consumer, to))
	s.v.ascend(s.h, first, end, func(sub, _ []byte) bool {
		batch = append(batch, Pending{ID: lastID(sub)})
		return len(batch) < pendingBatch
	})
	for i := range batch {
		batch[i], _ = s.PendingEntry(group, batch[i].ID)
	}
	return batch
}

// pend makes p what is known of an entry that is pending in a group; before is what was, if it was pending.
func (s *Stream) pend(group []byte, p Pending, before *Pending) {
	e := wal.Effect{Op: wal.OpXPend, Field: group, Who: p.Consumer, ID: p.ID, At: p.At, Count: p.Count, Index: wal.PendFirst}
	switch {
	case before == nil:
	case string(before.Consumer) == string(p.Consumer):
		e.Index = wal.PendAgain
	default:
		e.Index, e.Value = wal.PendMoved, before.Consumer
	}
	s.note(e)
}

// Ack makes an entry pending no more in a group, and tells whether it was.
func (s *Stream) Ack(group []byte, id StreamID) bool {
	p, ok := s.PendingEntry(group, id)
	if ok {
		s.note(wal.Effect{Op: wal.OpXAck, Field: group, Who: p.Consumer, ID: id})
	}
	return ok
}

// Deliver returns at most count entries (0: all) behind the last one that a group has delivered, and makes them pending for
// a consumer unless noAck. The consumer is made if there is none. When there are no entries nothing changes.
func (s *Stream) Deliver(g Group, consumer []byte, count int64, noAck bool) (entries []Entry) {
	if from, ok := g.Last.Next(); ok {
		s.Range(from, wal.MaxStreamID(), func(e Entry) bool {
			entries = append(entries, e)
			return int64(len(entries)) != count
		})
	}
	if len(entries) == 0 {
		return nil
	}
	s.See(g.Name, consumer, true)
	busy := s.busy(g.Name, entries)
	t, top := s.top()
	for _, e := range entries {
		g = g.pass(e.ID, &top, t.count)
		if noAck {
			continue
		}
		var before *Pending
		if p, ok := busy[e.ID]; ok {
			before = &p
		}
		s.pend(g.Name, Pending{ID: e.ID, Consumer: consumer, At: s.v.now, Count: 1}, before)
	}
	s.PutGroup(g)
	return entries
}

// busy returns which of some entries in order are pending in a group: after XGROUP SETID, or a claim by force.
func (s *Stream) busy(group []byte, entries []Entry) (busy map[StreamID]Pending) {
	s.EachPending(group, nil, entries[0].ID, entries[len(entries)-1].ID, func(p Pending) bool {
		if busy == nil {
			busy = make(map[StreamID]Pending)
		}
		busy[p.ID] = p
		return true
	})
	return busy
}

// Redeliver returns at most count (0: all) of the entries from an id on that are pending for a consumer of a group, and counts that as
// another delivery. One that has been deleted has no Fields and is not counted.
func (s *Stream) Redeliver(group, consumer []byte, from StreamID, count int64) (entries []Entry) {
	var all []Pending
	s.EachPending(group, consumer, from, wal.MaxStreamID(), func(p Pending) bool {
		all = append(all, p)
		return int64(len(all)) != count
	})
	s.See(group, consumer, false)
	for _, p := range all {
		e, there := s.Entry(p.ID)
		entries = append(entries, Entry{ID: p.ID, Fields: e.Fields})
		if there {
			again := p
			again.At, again.Count = s.v.now, p.Count+1
			s.pend(group, again, &p)
		}
	}
	return entries
}

// PendingEnds returns the least and the greatest id that is pending in a group; it is not ok when nothing is.
func (s *Stream) PendingEnds(group []byte) (first, last StreamID, ok bool) {
	all := appendOfGroup(nil, areaPending, group)
	s.v.ascend(s.h, all, behind(all), func(sub, _ []byte) bool {
		first, ok = lastID(sub), true
		return false
	})
	s.v.descend(s.h, all, behind(all), func(sub, _ []byte) bool {
		last = lastID(sub)
		return false
	})
	return first, last, ok
}

// Unref makes the entry of an id pending no more in any group.
func (s *Stream) Unref(id StreamID) {
	for _, g := range s.Groups() {
		s.Ack(g.Name, id)
	}
}

// Needed tells whether a group has not delivered the entry of an id yet, or has it pending.
func (s *Stream) Needed(id StreamID) bool {
	for _, g := range s.Groups() {
		if _, pending := s.PendingEntry(g.Name, id); pending || g.Last.Compare(id) < 0 {
			return true
		}
	}
	return false
}
