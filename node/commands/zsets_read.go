package commands

import (
	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// zsetReadRows are the commands that look members up or count them.
func zsetReadRows() []Row {
	return []Row{
		{Name: "zcard", Since: "1.2.0", Arity: 2, Flags: FlagReadonly | FlagFast,
			Summary:    "Get the number of members in a sorted set",
			Syntax:     "key:key",
			Complexity: "O(1)",
			Keys:       oneKey("RO"),
			Read:       zcard},
		{Name: "zcount", Since: "2.0.0", Arity: 4, Flags: FlagReadonly | FlagFast,
			Summary:    "Count the members in a sorted set with scores within the given values",
			Syntax:     "key:key min:double max:double",
			Complexity: "O(log(N)) with N being the number of elements in the sorted set.",
			Keys:       oneKey("RO access"),
			Read:       zcount},
		{Name: "zlexcount", Since: "2.8.9", Arity: 4, Flags: FlagReadonly | FlagFast,
			Summary:    "Count the number of members in a sorted set between a given lexicographical range",
			Syntax:     "key:key min max",
			Complexity: "O(log(N)) with N being the number of elements in the sorted set.",
			Keys:       oneKey("RO access"),
			Read:       zlexcount},
		{Name: "zmscore", Since: "6.2.0", Arity: -3, Flags: FlagReadonly | FlagFast,
			Summary:    "Get the score associated with the given members in a sorted set",
			Syntax:     "key:key member*",
			Complexity: "O(N) where N is the number of members being requested.",
			Keys:       oneKey("RO access"),
			Read:       zmscore},
		{Name: "zrank", Since: "2.0.0", Arity: -3, Flags: FlagReadonly | FlagFast,
			Summary:    "Determine the index of a member in a sorted set",
			Syntax:     "key:key member WITHSCORE?~7.2.0",
			Complexity: "O(log(N))",
			History:    []Change{{"7.2.0", "Added the optional `WITHSCORE` argument."}},
			Keys:       oneKey("RO access"),
			Read:       zrank(false)},
		{Name: "zrevrank", Since: "2.0.0", Arity: -3, Flags: FlagReadonly | FlagFast,
			Summary:    "Determine the index of a member in a sorted set, with scores ordered from high to low",
			Syntax:     "key:key member WITHSCORE?~7.2.0",
			Complexity: "O(log(N))",
			History:    []Change{{"7.2.0", "Added the optional `WITHSCORE` argument."}},
			Keys:       oneKey("RO access"),
			Read:       zrank(true)},
		{Name: "zscore", Since: "1.2.0", Arity: 3, Flags: FlagReadonly | FlagFast,
			Summary:    "Get the score associated with the given member in a sorted set",
			Syntax:     "key:key member",
			Complexity: "O(1)",
			Keys:       oneKey("RO access"),
			Read:       zscore},
	}
}

// ZCARD key
func zcard(v *keyspace.View, a Args) reply.Reply {
	z, refusal := lookZSet(v, a[1])
	if refusal != nil {
		return *refusal
	}
	return reply.Int(z.Len())
}

// ZSCORE key member
func zscore(v *keyspace.View, a Args) reply.Reply {
	z, refusal := lookZSet(v, a[1])
	if refusal != nil {
		return *refusal
	}
	return scoreOrNull(&z, a[2])
}

// ZMSCORE key member [member ...]
func zmscore(v *keyspace.View, a Args) reply.Reply {
	z, refusal := lookZSet(v, a[1])
	if refusal != nil {
		return *refusal
	}
	scores := make([]reply.Reply, len(a)-2)
	for i, name := range a[2:] {
		scores[i] = scoreOrNull(&z, name)
	}
	return reply.Array(scores...)
}

func scoreOrNull(z *keyspace.ZSet, name []byte) reply.Reply {
	score, ok := z.Score(name)
	if !ok {
		return reply.Null()
	}
	return reply.Double(score)
}

// ZRANK key member [WITHSCORE]
// ZREVRANK key member [WITHSCORE]
func zrank(reverse bool) func(*keyspace.View, Args) reply.Reply {
	return func(v *keyspace.View, a Args) reply.Reply {
		withScore := len(a) > 3
		if len(a) > 4 || withScore && !is(a[3], "withscore") {
			return reply.Syntax()
		}
		z, refusal := lookZSet(v, a[1])
		if refusal != nil {
			return *refusal
		}
		rank, score, ok := z.Rank(a[2])
		if reverse {
			rank = z.Len() - 1 - rank
		}
		switch {
		case !ok && withScore:
			return reply.NullArray()
		case !ok:
			return reply.Null()
		case withScore:
			return reply.Array(reply.Int(rank), reply.Double(score))
		default:
			return reply.Int(rank)
		}
	}
}

// ZCOUNT key min max
func zcount(v *keyspace.View, a Args) reply.Reply {
	r, ok := parseScoreRange(a[2], a[3])
	if !ok {
		return badScoreRange()
	}
	z, refusal := lookZSet(v, a[1])
	if refusal != nil {
		return *refusal
	}
	return reply.Int(z.Count(keyspace.Scores(r)))
}

// ZLEXCOUNT key min max
func zlexcount(v *keyspace.View, a Args) reply.Reply {
	r, ok := parseNameRange(a[2], a[3])
	if !ok {
		return badNameRange()
	}
	z, refusal := lookZSet(v, a[1])
	if refusal != nil {
		return *refusal
	}
	return reply.Int(z.Count(z.Names(r)))
}
