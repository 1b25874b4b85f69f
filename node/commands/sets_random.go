package commands

import (
	"math"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// setRandomRows are the commands that choose members at random.
func setRandomRows(limits func() keyspace.Limits) []Row {
	return []Row{
		{Name: "spop", Since: "1.0.0", Arity: -2, Flags: FlagWrite | FlagFast,
			Summary:    "Remove and return one or multiple random members from a set",
			Syntax:     "key:key count:integer?~3.2.0",
			Complexity: "Without the count argument O(1), otherwise O(N) where N is the value of the passed count.",
			Tips:       []string{"nondeterministic_output"},
			History:    []Change{{"3.2.0", "Added the `count` argument."}},
			Keys:       oneKey("RW access delete"),
			Write:      spop(limits)},
		{Name: "srandmember", Since: "1.0.0", Arity: -2, Flags: FlagReadonly,
			Summary:    "Get one or multiple random members from a set",
			Syntax:     "key:key count:integer?~2.6.0",
			Complexity: "Without the count argument O(1), otherwise O(N) where N is the absolute value of the passed count.",
			Tips:       []string{"nondeterministic_output"},
			History:    []Change{{"2.6.0", "Added the optional `count` argument."}},
			Keys:       oneKey("RO access"),
			Read:       srandmember},
	}
}

// SPOP key [count]
func spop(limits func() keyspace.Limits) func(*keyspace.Tx, Args) reply.Reply {
	return func(tx *keyspace.Tx, a Args) reply.Reply {
		n, refusal := parseSpop(a)
		if refusal != nil {
			return *refusal
		}
		s, refusal := writeSet(tx, a[1], limits)
		if refusal != nil {
			return *refusal
		}
		if len(a) == 3 {
			return wordsReply(reply.KindSet, s.Pop(n))
		}
		return oneOrNull(s.Pop(1))
	}
}

// parseSpop reads how many members are to be taken.
func parseSpop(a Args) (n int64, refusal *reply.Reply) {
	switch len(a) {
	case 2:
		return 1, nil
	case 3:
		return parseAtLeast(a[2], 0, notPositive)
	default:
		return 0, refuse(reply.Syntax())
	}
}

// oneOrNull answers the one member that there may be.
func oneOrNull(members [][]byte) reply.Reply {
	if len(members) == 0 {
		return reply.Null()
	}
	return reply.Bulk(members[0])
}

// mostDraws is how many members may be asked for where each may come more than once: the reply has to fit into memory.
const mostDraws = 1 << 24

// SRANDMEMBER key [count]
func srandmember(v *keyspace.View, a Args) reply.Reply {
	if len(a) > 3 {
		return reply.Syntax()
	}
	n := int64(1)
	if len(a) == 3 {
		var refusal *reply.Reply
		if n, refusal = parseDraws(a[2]); refusal != nil {
			return *refusal
		}
	}
	s, refusal := readSet(v, a[1])
	if refusal == nil {
		refusal = tooMany(n, s.Len())
	}
	switch {
	case refusal != nil:
		return *refusal
	case len(a) == 2:
		return oneOrNull(s.Draw(1))
	case n >= 0:
		return wordsReply(reply.KindArray, s.Sample(n))
	default:
		return wordsReply(reply.KindArray, s.Draw(-n))
	}
}

// parseDraws reads a count that may be negative.
func parseDraws(word []byte) (n int64, refusal *reply.Reply) {
	n, ok := parseInt(word)
	switch {
	case !ok:
		return 0, refuse(reply.NotInteger())
	case n == math.MinInt64:
		return 0, refuse(reply.Errorf("ERR value is out of range, value must between %d and %d", -math.MaxInt64, math.MaxInt64))
	}
	return n, nil
}

// tooMany refuses to draw more elements than a reply has room for from a collection that has some.
func tooMany(n, size int64) *reply.Reply {
	if n < -mostDraws && size > 0 {
		return refuse(reply.Error("ERR value is out of range"))
	}
	return nil
}
