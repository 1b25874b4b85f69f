package commands

import (
	"bytes"
	"math"
	"strconv"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// zsetWalkRows are the commands that show members in no order.
func zsetWalkRows() []Row {
	return []Row{
		{Name: "zrandmember", Since: "6.2.0", Arity: -2, Flags: FlagReadonly,
			Summary:    "Get one or multiple random elements from a sorted set",
			Syntax:     "key:key options(count:integer WITHSCORES?)?",
			Complexity: "O(N) where N is the number of elements returned",
			Tips:       []string{"nondeterministic_output"},
			Keys:       oneKey("RO access"),
			Read:       zrandmember},
		{Name: "zscan", Since: "2.8.0", Arity: -3, Flags: FlagReadonly,
			Summary:    "Incrementally iterate sorted sets elements and associated scores",
			Syntax:     "key:key cursor:integer MATCH=pattern:pattern? COUNT=count:integer?",
			Complexity: "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection..",
			Tips:       []string{"nondeterministic_output"},
			Keys:       oneKey("RO access"),
			Read:       zscan},
	}
}

// parseZRandom reads count [WITHSCORES].
func parseZRandom(words Args) (count int64, scores bool, refusal *reply.Reply) {
	count, refusal = parseDraws(words[0])
	scores = len(words) == 2 && is(words[1], "withscores")
	switch {
	case refusal != nil:
	case len(words) > 1 && !scores:
		refusal = refuse(reply.Syntax())
	case scores && count > mostPairs:
		refusal = refuse(reply.Error("ERR value is out of range"))
	}
	return count, scores, refusal
}

// ZRANDMEMBER key [count [WITHSCORES]]
func zrandmember(v *keyspace.View, a Args) reply.Reply {
	count, scores, single := int64(1), false, len(a) == 2
	if !single {
		var refusal *reply.Reply
		if count, scores, refusal = parseZRandom(a[2:]); refusal != nil {
			return *refusal
		}
	}
	z, refusal := lookZSet(v, a[1])
	if refusal == nil {
		refusal = tooMany(count, z.Len())
	}
	if refusal != nil {
		return *refusal
	}
	if single {
		if m, ok := z.Random(); ok {
			return reply.Bulk(m.Name)
		}
		return reply.Null()
	}
	return membersReply(zsample(&z, count), scores)
}

// zsample chooses members: count different ones or, when it is negative, so many of which some may be the same.
func zsample(z *keyspace.ZSet, count int64) []keyspace.ZMember {
	if count >= 0 || !z.There() {
		return z.Sample(count)
	}
	return z.Draw(-count)
}

// ZSCAN key cursor [MATCH pattern] [COUNT count]
func zscan(v *keyspace.View, a Args) reply.Reply {
	cursor, ok := parseCursor(a[2])
	if !ok {
		return reply.Error("ERR invalid cursor")
	}
	z, refusal := lookZSet(v, a[1])
	if refusal != nil {
		return *refusal
	}
	if !z.There() {
		return reply.Array(reply.BulkString("0"), reply.Array())
	}
	o, refusal := parseScan(a[3:])
	if refusal != nil {
		return *refusal
	}
	if o.typed {
		return reply.Syntax()
	}
	var found []reply.Reply
	next := z.Scan(cursor, int(min(o.count, math.MaxInt)), func(name []byte, score float64) {
		if o.matches(name) {
			found = append(found, reply.Bulk(bytes.Clone(name)), reply.Bulk(reply.AppendDouble(nil, score)))
		}
	})
	return reply.Array(reply.BulkString(strconv.FormatUint(next, 10)), reply.Array(found...))
}
