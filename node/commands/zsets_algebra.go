package commands

import (
	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// zsetAlgebraRows are the commands that answer what several sorted sets or sets have together.
func zsetAlgebraRows() []Row {
	return []Row{
		{Name: "zdiff", Since: "6.2.0", Arity: -3, Flags: FlagReadonly | FlagMovableKeys,
			Summary:    "Subtract multiple sorted sets",
			Syntax:     "numkeys:integer key:key* WITHSCORES?",
			Complexity: "O(L + (N-K)log(N)) worst case where L is the total number of elements in all the sets, N is the size of the first set, and K is the size of the result set.",
			Keys:       []KeySpec{{Flags: "RO access", Index: 1, KeyNum: true, FirstKey: 1, Step: 1}},
			Read:       zalgebraRead("zdiff", zdiffOf)},
		{Name: "zinter", Since: "6.2.0", Arity: -3, Flags: FlagReadonly | FlagMovableKeys,
			Summary:    "Intersect multiple sorted sets",
			Syntax:     "numkeys:integer key:key* WEIGHTS=weight:integer?* AGGREGATE=aggregate(SUM|MIN|MAX)? WITHSCORES?",
			Complexity: "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the number of input sorted sets and M being the number of elements in the resulting sorted set.",
			Keys:       []KeySpec{{Flags: "RO access", Index: 1, KeyNum: true, FirstKey: 1, Step: 1}},
			Read:       zalgebraRead("zinter", zinterOf)},
		{Name: "zintercard", Since: "7.0.0", Arity: -3, Flags: FlagReadonly | FlagMovableKeys,
			Summary:    "Intersect multiple sorted sets and return the cardinality of the result",
			Syntax:     "numkeys:integer key:key* LIMIT=limit:integer?",
			Complexity: "O(N*K) worst case with N being the smallest input sorted set, K being the number of input sorted sets.",
			Keys:       []KeySpec{{Flags: "RO access", Index: 1, KeyNum: true, FirstKey: 1, Step: 1}},
			Read:       zintercard},
		{Name: "zunion", Since: "6.2.0", Arity: -3, Flags: FlagReadonly | FlagMovableKeys,
			Summary:    "Add multiple sorted sets",
			Syntax:     "numkeys:integer key:key* WEIGHTS=weight:integer?* AGGREGATE=aggregate(SUM|MIN|MAX)? WITHSCORES?",
			Complexity: "O(N)+O(M*log(M)) with N being the sum of the sizes of the input sorted sets, and M being the number of elements in the resulting sorted set.",
			Keys:       []KeySpec{{Flags: "RO access", Index: 1, KeyNum: true, FirstKey: 1, Step: 1}},
			Read:       zalgebraRead("zunion", zunionOf)},
	}
}

// zsetStoreRows are those that store it.
func zsetStoreRows(limits func() keyspace.Limits) []Row {
	return []Row{
		{Name: "zdiffstore", Since: "6.2.0", Arity: -4, Flags: FlagWrite | FlagDenyOOM | FlagMovableKeys,
			Summary:    "Subtract multiple sorted sets and store the resulting sorted set in a new key",
			Syntax:     "destination:key numkeys:integer key:key1*",
			Complexity: "O(L + (N-K)log(N)) worst case where L is the total number of elements in all the sets, N is the size of the first set, and K is the size of the result set.",
			Keys:       []KeySpec{{Flags: "OW update", Index: 1, Step: 1}, {Flags: "RO access", Index: 2, KeyNum: true, FirstKey: 1, Step: 1}},
			Write:      zalgebraStore("zdiffstore", zdiffOf, limits)},
		{Name: "zinterstore", Since: "2.0.0", Arity: -4, Flags: FlagWrite | FlagDenyOOM | FlagMovableKeys,
			Summary:    "Intersect multiple sorted sets and store the resulting sorted set in a new key",
			Syntax:     "destination:key numkeys:integer key:key1* WEIGHTS=weight:integer?* AGGREGATE=aggregate(SUM|MIN|MAX)?",
			Complexity: "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the number of input sorted sets and M being the number of elements in the resulting sorted set.",
			Keys:       []KeySpec{{Flags: "OW update", Index: 1, Step: 1}, {Flags: "RO access", Index: 2, KeyNum: true, FirstKey: 1, Step: 1}},
			Write:      zalgebraStore("zinterstore", zinterOf, limits)},
		{Name: "zunionstore", Since: "2.0.0", Arity: -4, Flags: FlagWrite | FlagDenyOOM | FlagMovableKeys,
			Summary:    "Add multiple sorted sets and store the resulting sorted set in a new key",
			Syntax:     "destination:key numkeys:integer key:key1* WEIGHTS=weight:integer?* AGGREGATE=aggregate(SUM|MIN|MAX)?",
			Complexity: "O(N)+O(M log(M)) with N being the sum of the sizes of the input sorted sets, and M being the number of elements in the resulting sorted set.",
			Keys:       []KeySpec{{Flags: "OW update", Index: 1, Step: 1}, {Flags: "RO access", Index: 2, KeyNum: true, FirstKey: 1, Step: 1}},
			Write:      zalgebraStore("zunionstore", zunionOf, limits)},
	}
}

// zoperation is what is made of the inputs.
type zoperation struct {
	weighs bool // WEIGHTS and AGGREGATE are understood
	of     func([]keyspace.ZInput, keyspace.ZAggregate) []keyspace.ZMember
}

func zunionOf() zoperation { return zoperation{weighs: true, of: keyspace.ZUnion} }

func zinterOf() zoperation { return zoperation{weighs: true, of: keyspace.ZInter} }

func zdiffOf() zoperation {
	return zoperation{of: func(in []keyspace.ZInput, _ keyspace.ZAggregate) []keyspace.ZMember { return keyspace.ZDiff(in) }}
}

// zalgebra is what such a command is told.
type zalgebra struct {
	inputs []keyspace.ZInput
	how    keyspace.ZAggregate
	scores bool
	limit  int64
	// what the command understands
	weighs, shows, limits bool
}

// read reads numkeys key [key ...] and the options behind them.
func (z *zalgebra) read(v *keyspace.View, words Args, command string) *reply.Reply {
	n, ok := parseInt(words[0])
	switch {
	case !ok:
		return refuse(reply.NotInteger())
	case n < 1:
		return refuse(reply.Errorf("ERR at least 1 input key is needed for '%s' command", command))
	case n > int64(len(words)-1):
		return refuse(reply.Syntax())
	}
	for _, key := range words[1 : 1+n] {
		in, ok := v.ReadZInput(key)
		if !ok {
			return refuse(reply.WrongType())
		}
		z.inputs = append(z.inputs, in)
	}
	for rest := words[1+n:]; len(rest) > 0; {
		taken, refusal := z.option(rest)
		if refusal != nil {
			return refusal
		}
		rest = rest[taken:]
	}
	return nil
}

// option reads the option that words begins with and returns how many words it takes.
func (z *zalgebra) option(words Args) (n int, refusal *reply.Reply) {
	switch {
	case z.weighs && is(words[0], "weights") && len(words) > len(z.inputs):
		return 1 + len(z.inputs), z.weigh(words[1:])
	case z.weighs && is(words[0], "aggregate") && len(words) > 1:
		return 2, z.aggregate(words[1])
	case z.shows && is(words[0], "withscores"):
		z.scores = true
		return 1, nil
	case z.limits && is(words[0], "limit") && len(words) > 1:
		var ok bool
		if z.limit, ok = parseInt(words[1]); !ok || z.limit < 0 {
			return 0, refuse(reply.Error("ERR LIMIT can't be negative"))
		}
		return 2, nil
	default:
		return 0, refuse(reply.Syntax())
	}
}

// weigh reads a weight for each input.
func (z *zalgebra) weigh(words Args) *reply.Reply {
	for i := range z.inputs {
		weight, ok := parseDouble(words[i])
		if !ok {
			return refuse(reply.Error("ERR weight value is not a float"))
		}
		z.inputs[i].Weight = weight
	}
	return nil
}

func (z *zalgebra) aggregate(word []byte) *reply.Reply {
	switch {
	case is(word, "sum"):
		z.how = keyspace.ZSum
	case is(word, "min"):
		z.how = keyspace.ZMin
	case is(word, "max"):
		z.how = keyspace.ZMax
	default:
		return refuse(reply.Syntax())
	}
	return nil
}

// ZUNION numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM | MIN | MAX] [WITHSCORES]
// ZINTER numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM | MIN | MAX] [WITHSCORES]
// ZDIFF numkeys key [key ...] [WITHSCORES]
func zalgebraRead(command string, operation func() zoperation) func(*keyspace.View, Args) reply.Reply {
	op := operation()
	return func(v *keyspace.View, a Args) reply.Reply {
		z := zalgebra{weighs: op.weighs, shows: true}
		if refusal := z.read(v, a[1:], command); refusal != nil {
			return *refusal
		}
		return membersReply(op.of(z.inputs, z.how), z.scores)
	}
}

// ZUNIONSTORE destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM | MIN | MAX]
// ZINTERSTORE destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM | MIN | MAX]
// ZDIFFSTORE destination numkeys key [key ...]
func zalgebraStore(command string, operation func() zoperation, limits func() keyspace.Limits) func(*keyspace.Tx, Args) reply.Reply {
	op := operation()
	return func(tx *keyspace.Tx, a Args) reply.Reply {
		z := zalgebra{weighs: op.weighs}
		if refusal := z.read(&tx.View, a[2:], command); refusal != nil {
			return *refusal
		}
		members := op.of(z.inputs, z.how)
		tx.ReplaceZSet(a[1], members, limits().ZSet)
		return reply.Int(int64(len(members)))
	}
}

// ZINTERCARD numkeys key [key ...] [LIMIT limit]
func zintercard(v *keyspace.View, a Args) reply.Reply {
	z := zalgebra{limits: true}
	if refusal := z.read(v, a[1:], "zintercard"); refusal != nil {
		return *refusal
	}
	return reply.Int(keyspace.ZInterCount(z.inputs, z.limit))
}
