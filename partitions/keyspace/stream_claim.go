package keyspace

import (
	"cmp"
	"slices"

	"shiplog/wal"
)

// Claim is how a consumer takes over entries that are pending for others.
type Claim struct {
	Group    Group
	Consumer []byte
	MinIdle  int64    // only what was delivered so many milliseconds ago
	At       int64    // when it counts as delivered
	Count    int64    // how often it counts as delivered; negative: as often as it was, and once more unless JustID
	JustID   bool     // the entries are not looked at
	Force    bool     // also what is not pending
	LastID   StreamID // the group has delivered up to it
}

// claiming is a Claim that is carried out.
type claiming struct {
	*Claim
	s    *Stream
	seen bool
}

// Claim makes entries pending for a consumer, which is made if there is none, and returns those for which it did. Those that were pending
// and have been deleted are no longer pending.
func (s *Stream) Claim(c *Claim, ids []StreamID) (entries []Entry) {
	if g := c.Group; g.Last.Compare(c.LastID) < 0 {
		g.Last = c.LastID
		s.PutGroup(g)
	}
	w := claiming{Claim: c, s: s}
	for _, id := range ids {
		e, there := s.Entry(id)
		p, pending := s.PendingEntry(c.Group.Name, id)
		switch {
		case !there:
			s.Ack(c.Group.Name, id)
		case pending && w.take(p, &p), !pending && c.Force && w.take(Pending{ID: id, Count: 1}, nil):
			entries = append(entries, e)
		}
	}
	return entries
}

// take makes an entry pending for the consumer, unless it was delivered too lately.
func (w *claiming) take(p Pending, before *Pending) bool {
	if before != nil && w.MinIdle > 0 && w.s.v.now-p.At < w.MinIdle {
		return false
	}
	if !w.seen {
		w.s.See(w.Group.Name, w.Consumer, true)
		w.seen = true
	}
	switch {
	case w.Count >= 0:
		p.Count = w.Count
	case !w.JustID:
		p.Count++
	}
	p.Consumer, p.At = w.Consumer, w.At
	w.s.pend(w.Group.Name, p, before)
	return true
}

// Claimed is what ClaimSome did.
type Claimed struct {
	Next    StreamID // where to go on; 0-0: the end
	Entries []Entry
	Deleted []StreamID // were pending and have been deleted: they are no longer pending
}

// claimLooks is how many pending entries ClaimSome looks at for each that it may return, as in Redis.
const claimLooks = 10

// ClaimSome is Claim of whatever is pending from an id on, at most count entries.
func (s *Stream) ClaimSome(c *Claim, from StreamID, count int64) (out Claimed) {
	looks := count * claimLooks
	var all []Pending // that may be taken
	s.EachPending(c.Group.Name, nil, from, wal.MaxStreamID(), func(p Pending) bool {
		if looks == 0 || count == 0 {
			out.Next = p.ID
			return false
		}
		looks--
		if c.MinIdle == 0 || s.v.now-p.At >= c.MinIdle || !s.has(p.ID) {
			all, count = append(all, p), count-1
		}
		return true
	})
	w := claiming{Claim: c, s: s}
	for _, p := range all {
		e, there := s.Entry(p.ID)
		if !there {
			s.Ack(c.Group.Name, p.ID)
			out.Deleted = append(out.Deleted, p.ID)
			continue
		}
		if w.take(p, &p) {
			out.Entries = append(out.Entries, e)
		}
	}
	return out
}

// has tells whether there is an entry of an id.
func (s *Stream) has(id StreamID) bool {
	_, there := s.node(id)
	return there
}

// Taken is an entry that ClaimIdle took over: when it had been delivered last, and how often.
type Taken struct {
	Entry
	Before Pending
}

// ClaimIdle takes over what was delivered MinIdle milliseconds ago or earlier, at most count entries (0: all), those first that have waited
// longest. What is pending and has been deleted is passed over. It costs as much as is pending in the group.
func (s *Stream) ClaimIdle(c *Claim, count int64) (taken []Taken) {
	var idle []Pending
	s.EachPending(c.Group.Name, nil, StreamID{}, wal.MaxStreamID(), func(p Pending) bool {
		if s.v.now-p.At >= c.MinIdle {
			idle = append(idle, p)
		}
		return true
	})
	slices.SortStableFunc(idle, func(a, b Pending) int { return cmp.Compare(a.At, b.At) })
	w := claiming{Claim: c, s: s}
	for _, p := range idle {
		if count > 0 && int64(len(taken)) == count {
			break
		}
		if e, there := s.Entry(p.ID); there && w.take(p, &p) {
			taken = append(taken, Taken{Entry: e, Before: p})
		}
	}
	return taken
}

// OldestDelivery returns when what has been pending longest in a group was delivered; it is not ok when nothing is pending.
func (s *Stream) OldestDelivery(group []byte) (at int64, ok bool) {
	s.EachPending(group, nil, StreamID{}, wal.MaxStreamID(), func(p Pending) bool {
		if !ok || p.At < at {
			at, ok = p.At, true
		}
		return true
	})
	return at, ok
}
