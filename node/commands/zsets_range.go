package commands

import (
	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// zsetRangeRows are the commands that show a range of members.
func zsetRangeRows(limits func() keyspace.Limits) []Row {
	return []Row{
		{Name: "zrange", Since: "1.2.0", Arity: -4, Flags: FlagReadonly,
			Summary:    "Return a range of members in a sorted set",
			Syntax:     "key:key start stop sortby(BYSCORE|BYLEX)?~6.2.0 REV?~6.2.0 LIMIT=offset_count(offset:integer count:integer)?~6.2.0 WITHSCORES?",
			Complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements returned.",
			History:    []Change{{"6.2.0", "Added the `REV`, `BYSCORE`, `BYLEX` and `LIMIT` options."}},
			Keys:       oneKey("RO access"),
			Read:       zrange(zrangeForm{})},
		{Name: "zrangebylex", Since: "2.8.9", Arity: -4, Flags: FlagReadonly,
			Summary:    "Return a range of members in a sorted set, by lexicographical range",
			Syntax:     "key:key min max LIMIT=offset_count(offset:integer count:integer)?",
			Complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements being returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can consider it O(log(N)).",
			Deprecated: Deprecation{Since: "6.2.0", ReplacedBy: "`ZRANGE` with the `BYLEX` argument"},
			Keys:       oneKey("RO access"),
			Read:       zrange(zrangeForm{by: byName, fixed: true})},
		{Name: "zrangebyscore", Since: "1.0.5", Arity: -4, Flags: FlagReadonly,
			Summary:    "Return a range of members in a sorted set, by score",
			Syntax:     "key:key min:double max:double WITHSCORES?~2.0.0 LIMIT=offset_count(offset:integer count:integer)?",
			Complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements being returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can consider it O(log(N)).",
			History:    []Change{{"2.0.0", "Added the `WITHSCORES` modifier."}},
			Deprecated: Deprecation{Since: "6.2.0", ReplacedBy: "`ZRANGE` with the `BYSCORE` argument"},
			Keys:       oneKey("RO access"),
			Read:       zrange(zrangeForm{by: byScore, fixed: true})},
		{Name: "zrangestore", Since: "6.2.0", Arity: -5, Flags: FlagWrite | FlagDenyOOM,
			Summary:    "Store a range of members from sorted set into another key",
			Syntax:     "dst:key src:key1 min max sortby(BYSCORE|BYLEX)? REV? LIMIT=offset_count(offset:integer count:integer)?",
			Complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements stored into the destination key.",
			Keys:       []KeySpec{{Flags: "OW update", Index: 1, Step: 1}, {Flags: "RO access", Index: 2, Step: 1}},
			Write:      zrangeStore(limits)},
		{Name: "zrevrange", Since: "1.2.0", Arity: -4, Flags: FlagReadonly,
			Summary:    "Return a range of members in a sorted set, by index, with scores ordered from high to low",
			Syntax:     "key:key start:integer stop:integer WITHSCORES?",
			Complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements returned.",
			Deprecated: Deprecation{Since: "6.2.0", ReplacedBy: "`ZRANGE` with the `REV` argument"},
			Keys:       oneKey("RO access"),
			Read:       zrange(zrangeForm{by: byRank, fixed: true, reverse: true})},
		{Name: "zrevrangebylex", Since: "2.8.9", Arity: -4, Flags: FlagReadonly,
			Summary:    "Return a range of members in a sorted set, by lexicographical range, ordered from higher to lower strings.",
			Syntax:     "key:key max min LIMIT=offset_count(offset:integer count:integer)?",
			Complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements being returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can consider it O(log(N)).",
			Deprecated: Deprecation{Since: "6.2.0", ReplacedBy: "`ZRANGE` with the `REV` and `BYLEX` arguments"},
			Keys:       oneKey("RO access"),
			Read:       zrange(zrangeForm{by: byName, fixed: true, reverse: true})},
		{Name: "zrevrangebyscore", Since: "2.2.0", Arity: -4, Flags: FlagReadonly,
			Summary:    "Return a range of members in a sorted set, by score, with scores ordered from high to low",
			Syntax:     "key:key max:double min:double WITHSCORES? LIMIT=offset_count(offset:integer count:integer)?",
			Complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements being returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can consider it O(log(N)).",
			History:    []Change{{"2.1.6", "`min` and `max` can be exclusive."}},
			Deprecated: Deprecation{Since: "6.2.0", ReplacedBy: "`ZRANGE` with the `REV` and `BYSCORE` arguments"},
			Keys:       oneKey("RO access"),
			Read:       zrange(zrangeForm{by: byScore, fixed: true, reverse: true})},
	}
}

// ZRANGE key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]
// ZREVRANGE key start stop [WITHSCORES]
// ZRANGEBYSCORE key min max [WITHSCORES] [LIMIT offset count]
// ZREVRANGEBYSCORE key max min [WITHSCORES] [LIMIT offset count]
// ZRANGEBYLEX key min max [LIMIT offset count]
// ZREVRANGEBYLEX key max min [LIMIT offset count]
func zrange(form zrangeForm) func(*keyspace.View, Args) reply.Reply {
	return func(v *keyspace.View, a Args) reply.Reply {
		r, refusal := parseZRange(form, a[2:])
		if refusal != nil {
			return *refusal
		}
		z, refusal := lookZSet(v, a[1])
		if refusal != nil {
			return *refusal
		}
		if z.Len() >= feedFrom && (r.limit < 0 || r.limit >= feedFrom) {
			return r.long(&z)
		}
		return membersReply(r.members(&z), r.scores)
	}
}

// long answers a range that may be long. How many members there are between scores or names is counted, which is dear on a replica
// and beyond memory, only once it is known that they are many.
func (r *zrangeWords) long(z *keyspace.ZSet) reply.Reply {
	span := r.span(z)
	if r.by != byRank {
		members := z.Members(span, r.reverse, r.offset, feedFrom)
		if len(members) < feedFrom {
			return membersReply(members, r.scores)
		}
		span = z.Behind(span, r.reverse, r.offset)
	}
	n := z.Count(span)
	if r.limit >= 0 {
		n = min(n, r.limit)
	}
	if n < feedFrom {
		return membersReply(r.members(z), r.scores)
	}
	return fedMembers(z.Walk(span, r.reverse), n, r.scores)
}

// ZRANGESTORE dst src min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]
func zrangeStore(limits func() keyspace.Limits) func(*keyspace.Tx, Args) reply.Reply {
	return func(tx *keyspace.Tx, a Args) reply.Reply {
		r, refusal := parseZRange(zrangeForm{store: true}, a[3:])
		if refusal != nil {
			return *refusal
		}
		z, refusal := lookZSet(&tx.View, a[2])
		if refusal != nil {
			return *refusal
		}
		members := r.members(&z)
		tx.ReplaceZSet(a[1], members, limits().ZSet)
		return reply.Int(int64(len(members)))
	}
}

// zrangeKind is what the bounds of a range are.
type zrangeKind uint8

// The kinds of bounds.
const (
	byRank zrangeKind = iota
	byScore
	byName
)

// zrangeForm is what a command's name says of the range.
type zrangeForm struct {
	by      zrangeKind
	reverse bool
	fixed   bool // the options may not say anything else
	store   bool // there are no replies of scores
}

// zrangeWords is a range as a command asks for it.
type zrangeWords struct {
	zrangeForm
	scores        bool
	offset, limit int64
	first, last   int64               // by rank
	scoreRange    keyspace.ScoreRange // by score
	nameRange     keyspace.NameRange  // by name
}

// parseZRange reads the bounds and options of a range.
func parseZRange(form zrangeForm, words Args) (r zrangeWords, refusal *reply.Reply) {
	r = zrangeWords{zrangeForm: form, limit: -1}
	for rest := words[2:]; len(rest) > 0; {
		n, refusal := r.option(rest)
		if refusal != nil {
			return r, refusal
		}
		rest = rest[n:]
	}
	switch {
	case r.limit != -1 && r.by == byRank:
		return r, refuse(reply.Error("ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"))
	case r.scores && r.by == byName:
		return r, refuse(reply.Error("ERR syntax error, WITHSCORES not supported in combination with BYLEX"))
	}
	return r, r.bounds(words[0], words[1])
}

// option reads the option that words begins with and returns how many words it takes.
func (r *zrangeWords) option(words Args) (n int, refusal *reply.Reply) {
	switch {
	case is(words[0], "withscores") && !r.store:
		r.scores = true
	case is(words[0], "limit") && len(words) > 2:
		return 3, r.limitTo(words[1], words[2])
	case is(words[0], "rev") && !r.fixed && !r.reverse:
		r.reverse = true
	case is(words[0], "bylex") && !r.fixed && r.by == byRank:
		r.by = byName
	case is(words[0], "byscore") && !r.fixed && r.by == byRank:
		r.by = byScore
	default:
		return 0, refuse(reply.Syntax())
	}
	return 1, nil
}

func (r *zrangeWords) limitTo(offset, count []byte) *reply.Reply {
	var ok, countOK bool
	r.offset, ok = parseInt(offset)
	r.limit, countOK = parseInt(count)
	if !ok || !countOK {
		return refuse(reply.NotInteger())
	}
	return nil
}

// bounds reads the bounds, which come in the order of the reply.
func (r *zrangeWords) bounds(lower, upper []byte) *reply.Reply {
	if r.by == byRank {
		var ok, lastOK bool
		r.first, ok = parseInt(lower)
		r.last, lastOK = parseInt(upper)
		if !ok || !lastOK {
			return refuse(reply.NotInteger())
		}
		r.offset = 0
		return nil
	}
	if r.reverse {
		lower, upper = upper, lower
	}
	var ok bool
	if r.by == byScore {
		if r.scoreRange, ok = parseScoreRange(lower, upper); !ok {
			return refuse(badScoreRange())
		}
		return nil
	}
	if r.nameRange, ok = parseNameRange(lower, upper); !ok {
		return refuse(badNameRange())
	}
	return nil
}

// span returns the members between the bounds.
func (r *zrangeWords) span(z *keyspace.ZSet) keyspace.ZSpan {
	switch r.by {
	case byScore:
		return keyspace.Scores(r.scoreRange)
	case byName:
		return z.Names(r.nameRange)
	default:
		return z.Ranks(r.first, r.last, r.reverse)
	}
}

// members returns what is asked for, in its order.
func (r *zrangeWords) members(z *keyspace.ZSet) []keyspace.ZMember {
	return z.Members(r.span(z), r.reverse, r.offset, r.limit)
}
