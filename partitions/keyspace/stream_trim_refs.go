package keyspace

import "shiplog/wal"

// unrefUpTo makes the entries up to an id pending no more in any group. Those that are pending and have been deleted before stay so.
func (s *Stream) unrefUpTo(last StreamID) {
	for _, g := range s.Groups() {
		var ids []StreamID
		s.EachPending(g.Name, nil, StreamID{}, last, func(p Pending) bool {
			ids = append(ids, p.ID)
			return true
		})
		for _, id := range ids {
			if s.has(id) {
				s.Ack(g.Name, id)
			}
		}
	}
}

// trimAcked is Trim of what no group needs any more. It goes on behind entries that must stay, and what it removes there leaves holes, as
// XDEL does: a group's lag is not known across them. It costs as much as it looks at, times the groups.
func (s *Stream) trimAcked(tr Trim) (removed int64) {
	for from := (StreamID{}); ; {
		ids, node := s.stretch(from, tr.Approx)
		if len(ids) == 0 || tr.Approx && s.nodeStays(&tr, ids, node, removed) {
			return removed
		}
		for _, id := range ids {
			if s.reached(&tr, id) {
				return removed
			}
			if !s.Needed(id) {
				s.Delete(id)
				removed++
			}
		}
		from, _ = ids[len(ids)-1].Next()
		if from == (StreamID{}) { // that was the greatest id there is
			return removed
		}
	}
}

// reached tells whether the entry of an id may stay as far as the threshold goes.
func (s *Stream) reached(tr *Trim, id StreamID) bool {
	if tr.ByID {
		return id.Compare(tr.MinID) >= 0
	}
	return s.Len() <= tr.MaxLen
}

// nodeStays tells whether a node, of which ids are all entries, must stay when trimming is inexact.
func (s *Stream) nodeStays(tr *Trim, ids []StreamID, node uint64, removed int64) bool {
	n := int64(len(ids))
	_, top := s.top()
	switch {
	case tr.Limit > 0 && removed+n > tr.Limit:
		return true
	case tr.ByID:
		return ids[n-1].Compare(tr.MinID) >= 0 || node == top.node.number && top.last.Compare(tr.MinID) >= 0
	default:
		return s.Len()-n < tr.MaxLen
	}
}

// stretch returns the ids of the first entries from one on: those of one node, or some.
func (s *Stream) stretch(from StreamID, whole bool) (ids []StreamID, first uint64) {
	s.scan(from, wal.MaxStreamID(), func(id StreamID, node uint64, _ []byte) bool {
		if len(ids) == 0 {
			first = node
		}
		if whole && node != first || !whole && len(ids) == pendingBatch {
			return false
		}
		ids = append(ids, id)
		return true
	})
	return ids, first
}
