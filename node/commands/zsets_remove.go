package commands

import (
	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// zsetRemoveRows are the commands that remove a range of members.
func zsetRemoveRows() []Row {
	return []Row{
		{Name: "zremrangebylex", Since: "2.8.9", Arity: 4, Flags: FlagWrite,
			Summary:    "Remove all members in a sorted set between the given lexicographical range",
			Syntax:     "key:key min max",
			Complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements removed by the operation.",
			Keys:       oneKey("RW delete"),
			Write:      zremRange(byName)},
		{Name: "zremrangebyrank", Since: "2.0.0", Arity: 4, Flags: FlagWrite,
			Summary:    "Remove all members in a sorted set within the given indexes",
			Syntax:     "key:key start:integer stop:integer",
			Complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements removed by the operation.",
			Keys:       oneKey("RW delete"),
			Write:      zremRange(byRank)},
		{Name: "zremrangebyscore", Since: "1.2.0", Arity: 4, Flags: FlagWrite,
			Summary:    "Remove all members in a sorted set within the given scores",
			Syntax:     "key:key min:double max:double",
			Complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements removed by the operation.",
			Keys:       oneKey("RW delete"),
			Write:      zremRange(byScore)},
	}
}

// ZREMRANGEBYRANK key start stop
// ZREMRANGEBYSCORE key min max
// ZREMRANGEBYLEX key min max
func zremRange(by zrangeKind) func(*keyspace.Tx, Args) reply.Reply {
	return func(tx *keyspace.Tx, a Args) reply.Reply {
		r := zrangeWords{zrangeForm: zrangeForm{by: by}}
		if refusal := r.bounds(a[2], a[3]); refusal != nil {
			return *refusal
		}
		z, refusal := openZSet(tx, a[1])
		if refusal != nil {
			return *refusal
		}
		return reply.Int(z.RemoveSpan(r.span(&z)))
	}
}
