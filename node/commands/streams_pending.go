package commands

import (
	"strconv"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// streamPendingRows are the commands on what groups have delivered.
func streamPendingRows() []Row {
	return []Row{
		{Name: "xack", Since: "5.0.0", Arity: -4, Flags: FlagWrite | FlagFast,
			Summary:    "Marks a pending message as correctly processed, effectively removing it from the pending entries list of the consumer group. Return value of the command is the number of messages successfully acknowledged, that is, the IDs we were actually able to resolve in the PEL.",
			Syntax:     "key:key group id*",
			Complexity: "O(1) for each message ID processed.",
			Keys:       oneKey("RW update"),
			Write:      xack},
		{Name: "xpending", Since: "5.0.0", Arity: -3, Flags: FlagReadonly,
			Summary:    "Return information and entries from a stream consumer group pending entries list, that are messages fetched but never acknowledged.",
			Syntax:     "key:key group filters(IDLE=min-idle-time:integer?~6.2.0 start end count:integer consumer?)?",
			Complexity: "O(N) with N being the number of elements returned, so asking for a small fixed number of entries per call is O(1). O(M), where M is the total number of entries scanned when used with the IDLE filter. When the command returns just the summary and the list of consumers is small, it runs in O(1) time; otherwise, an additional O(N) time for iterating every consumer.",
			Tips:       []string{"nondeterministic_output"},
			Keys:       oneKey("RO access"),
			History:    []Change{{"6.2.0", "Added the `IDLE` option and exclusive range intervals."}},
			Read:       xpending},
	}
}

// noKeyOrGroup answers a command on a group when there is no such group, or not even the stream.
func noKeyOrGroup(key, group []byte) *reply.Reply {
	return refuse(reply.Errorf("NOGROUP No such key '%s' or consumer group '%s'", cString(key, len(key)), cString(group, len(group))))
}

// XACK key group id [id ...]
func xack(tx *keyspace.Tx, a Args) reply.Reply {
	s, refusal := openStream(tx, a[1])
	if refusal != nil {
		return *refusal
	}
	if _, ok := s.Group(a[2]); !ok {
		return reply.Int(0)
	}
	ids, refusal := strictIDs(a[3:])
	if refusal != nil {
		return *refusal
	}
	acknowledged := int64(0)
	for _, id := range ids {
		if s.Ack(a[2], id) {
			acknowledged++
		}
	}
	return reply.Int(acknowledged)
}

// pendingQuery is what XPENDING is told of the entries that it is to show.
type pendingQuery struct {
	idle     int64
	from, to keyspace.StreamID
	count    int64
	consumer []byte // nil: all
}

// XPENDING key group [[IDLE min-idle-time] start end count [consumer]]
func xpending(v *keyspace.View, a Args) reply.Reply {
	q, refusal := readPendingQuery(a[3:])
	if refusal != nil {
		return *refusal
	}
	s, refusal := lookStream(v, a[1])
	if refusal != nil {
		return *refusal
	}
	if _, ok := s.Group(a[2]); !ok {
		return *noKeyOrGroup(a[1], a[2])
	}
	if len(a) == 3 {
		return pendingSummary(&s, a[2])
	}
	return q.answer(v, &s, a[2])
}

// readPendingQuery reads the words of XPENDING behind the group, if there are any.
func readPendingQuery(words Args) (q pendingQuery, refusal *reply.Reply) {
	switch n := len(words); {
	case n == 0:
		return q, nil
	case n < 3 || n > 6:
		return q, refuse(reply.Syntax())
	}
	if is(words[0], "idle") {
		var ok bool
		if q.idle, ok = parseInt(words[1]); !ok {
			return q, refuse(reply.NotInteger())
		}
		if len(words) < 5 {
			return q, refuse(reply.Syntax())
		}
		words = words[2:]
	}
	n, ok := parseInt(words[2])
	if q.count = max(n, 0); !ok {
		return q, refuse(reply.NotInteger())
	}
	if q.from, refusal = startID(words[0]); refusal != nil {
		return q, refusal
	}
	if q.to, refusal = endID(words[1]); refusal != nil {
		return q, refusal
	}
	if len(words) > 3 {
		q.consumer = words[3]
	}
	return q, nil
}

// answer shows the entries.
func (q *pendingQuery) answer(v *keyspace.View, s *keyspace.Stream, group []byte) reply.Reply {
	if q.count == 0 {
		return reply.Array()
	}
	var elems []reply.Reply
	s.EachPending(group, q.consumer, q.from, q.to, func(p keyspace.Pending) bool {
		idle := v.Now() - p.At
		if q.idle != 0 && idle < q.idle {
			return true
		}
		elems = append(elems, reply.Array(idReply(p.ID), reply.Bulk(p.Consumer), reply.Int(max(idle, 0)), reply.Int(p.Count)))
		return int64(len(elems)) != q.count
	})
	return reply.Array(elems...)
}

// pendingSummary shows how much is pending, between which ids, and for whom.
func pendingSummary(s *keyspace.Stream, group []byte) reply.Reply {
	all := s.Pending(group)
	first, last, ok := s.PendingEnds(group)
	if !ok {
		return reply.Array(reply.Int(all), reply.Null(), reply.Null(), reply.NullArray())
	}
	var owners []reply.Reply
	for _, c := range s.Consumers(group) {
		if n := s.PendingOf(group, c.Name); n > 0 {
			owners = append(owners, reply.Array(reply.Bulk(c.Name), reply.BulkString(strconv.FormatInt(n, 10))))
		}
	}
	return reply.Array(reply.Int(all), idReply(first), idReply(last), reply.Array(owners...))
}
