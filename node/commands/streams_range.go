package commands

import (
	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// streamRangeRows are the commands that show entries between two ids.
func streamRangeRows() []Row {
	return []Row{
		{Name: "xrange", Since: "5.0.0", Arity: -4, Flags: FlagReadonly,
			Summary:    "Return a range of elements in a stream, with IDs matching the specified IDs interval",
			Syntax:     "key:key start end COUNT=count:integer?",
			Complexity: "O(N) with N being the number of elements being returned. If N is constant (e.g. always asking for the first 10 elements with COUNT), you can consider it O(1).",
			Keys:       oneKey("RO access"),
			History:    []Change{{"6.2.0", "Added exclusive ranges."}},
			Read: func(v *keyspace.View, a Args) reply.Reply {
				return xrange(v, a, false)
			}},
		{Name: "xrevrange", Since: "5.0.0", Arity: -4, Flags: FlagReadonly,
			Summary:    "Return a range of elements in a stream, with IDs matching the specified IDs interval, in reverse order (from greater to smaller IDs) compared to XRANGE",
			Syntax:     "key:key end start COUNT=count:integer?",
			Complexity: "O(N) with N being the number of elements returned. If N is constant (e.g. always asking for the first 10 elements with COUNT), you can consider it O(1).",
			Keys:       oneKey("RO access"),
			History:    []Change{{"6.2.0", "Added exclusive ranges."}},
			Read: func(v *keyspace.View, a Args) reply.Reply {
				return xrange(v, a, true)
			}},
	}
}

// XRANGE key start end [COUNT count]
// XREVRANGE key end start [COUNT count]
func xrange(v *keyspace.View, a Args, back bool) reply.Reply {
	start, end, each := a[2], a[3], (*keyspace.Stream).Range
	if back {
		start, end, each = a[3], a[2], (*keyspace.Stream).RangeBack
	}
	from, refusal := startID(start)
	if refusal != nil {
		return *refusal
	}
	to, refusal := endID(end)
	if refusal != nil {
		return *refusal
	}
	count, refusal := readCount(a[4:])
	if refusal != nil {
		return *refusal
	}
	s, refusal := lookStream(v, a[1])
	switch {
	case refusal != nil:
		return *refusal
	case !s.There():
		return reply.Array()
	case count == 0:
		return reply.NullArray()
	}
	if s.Len() >= feedFrom && (count < 0 || count >= feedFrom) {
		if n := s.CountIn(from, to, count); n >= feedFrom {
			return fedEntries(s.Walk(from, to, back), n)
		}
	}
	var elems []reply.Reply
	each(&s, from, to, func(e keyspace.Entry) bool {
		elems = append(elems, entryReply(&e))
		return int64(len(elems)) != count
	})
	return reply.Array(elems...)
}

// readCount reads COUNT and its value, as often as they stand there; negative is none, and none is negative.
func readCount(words Args) (count int64, refusal *reply.Reply) {
	count = -1
	for ; len(words) > 0; words = words[2:] {
		if len(words) < 2 || !is(words[0], "count") {
			return 0, refuse(reply.Syntax())
		}
		n, ok := parseInt(words[1])
		if !ok {
			return 0, refuse(reply.NotInteger())
		}
		count = max(n, 0)
	}
	return count, nil
}
