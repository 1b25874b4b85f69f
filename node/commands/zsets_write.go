package commands

import (
	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// zsetWriteRows are the commands that give scores to members, and take members out by name.
func zsetWriteRows(limits func() keyspace.Limits) []Row {
	return []Row{
		{Name: "zadd", Since: "1.2.0", Arity: -4, Flags: FlagWrite | FlagDenyOOM | FlagFast,
			Summary:    "Add one or more members to a sorted set, or update its score if it already exists",
			Syntax:     "key:key condition(NX|XX)?~3.0.2 comparison(GT|LT)?~6.2.0 CH=change:pure-token?~3.0.2 INCR=increment:pure-token?~3.0.2 score_member(score:double member)*",
			Complexity: "O(log(N)) for each item added, where N is the number of elements in the sorted set.",
			History:    []Change{{"2.4.0", "Accepts multiple elements."}, {"3.0.2", "Added the `XX`, `NX`, `CH` and `INCR` options."}, {"6.2.0", "Added the `GT` and `LT` options."}},
			Keys:       oneKey("RW update"),
			Write:      zadd(limits)},
		{Name: "zincrby", Since: "1.2.0", Arity: 4, Flags: FlagWrite | FlagDenyOOM | FlagFast,
			Summary:    "Increment the score of a member in a sorted set",
			Syntax:     "key:key increment:integer member",
			Complexity: "O(log(N)) where N is the number of elements in the sorted set.",
			Keys:       oneKey("RW access update"),
			Write:      zincrby(limits)},
		{Name: "zrem", Since: "1.2.0", Arity: -3, Flags: FlagWrite | FlagFast,
			Summary:    "Remove one or more members from a sorted set",
			Syntax:     "key:key member*",
			Complexity: "O(M*log(N)) with N being the number of elements in the sorted set and M the number of elements to be removed.",
			History:    []Change{{"2.4.0", "Accepts multiple elements."}},
			Keys:       oneKey("RW delete"),
			Write:      zrem},
	}
}

// zadding is what ZADD is told.
type zadding struct {
	when    keyspace.ZWhen
	changed bool // CH: count the members with another score too
	scores  []float64
	words   Args // scores and members in turn
}

// member returns the name of member i.
func (z *zadding) member(i int) []byte { return z.words[2*i+1] }

// parseZAdd reads what follows the key.
func parseZAdd(words Args) (z zadding, refusal *reply.Reply) {
	for len(words) > 0 && z.option(words[0]) {
		words = words[1:]
	}
	z.words = words
	w := &z.when
	switch {
	case len(words) == 0 || len(words)%2 != 0:
		return z, refuse(reply.Syntax())
	case w.Absent && w.Present:
		return z, refuse(reply.Error("ERR XX and NX options at the same time are not compatible"))
	case w.Absent && (w.Greater || w.Less), w.Greater && w.Less:
		return z, refuse(reply.Error("ERR GT, LT, and/or NX options at the same time are not compatible"))
	case w.Add && len(words) > 2:
		return z, refuse(reply.Error("ERR INCR option supports a single increment-element pair"))
	}
	return z, z.parseScores()
}

// option takes an option and tells whether it is one.
func (z *zadding) option(word []byte) bool {
	for _, o := range []struct {
		name string
		flag *bool
	}{
		{"nx", &z.when.Absent}, {"xx", &z.when.Present}, {"gt", &z.when.Greater}, {"lt", &z.when.Less},
		{"ch", &z.changed}, {"incr", &z.when.Add},
	} {
		if is(word, o.name) {
			*o.flag = true
			return true
		}
	}
	return false
}

func (z *zadding) parseScores() *reply.Reply {
	z.scores = make([]float64, 0, len(z.words)/2)
	for i := 0; i < len(z.words); i += 2 {
		score, ok := parseDouble(z.words[i])
		if !ok {
			return refuse(reply.NotFloat())
		}
		z.scores = append(z.scores, score)
	}
	return nil
}

// ZADD key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]
func zadd(limits func() keyspace.Limits) func(*keyspace.Tx, Args) reply.Reply {
	return func(tx *keyspace.Tx, a Args) reply.Reply {
		adding, refusal := parseZAdd(a[2:])
		if refusal != nil {
			return *refusal
		}
		return adding.add(tx, a[1], limits().ZSet)
	}
}

// ZINCRBY key increment member
func zincrby(limits func() keyspace.Limits) func(*keyspace.Tx, Args) reply.Reply {
	return func(tx *keyspace.Tx, a Args) reply.Reply {
		if new(zadding).option(a[2]) { // Redis looks for the options of ZADD, and then finds no pair
			return reply.Syntax()
		}
		adding := zadding{when: keyspace.ZWhen{Add: true}, words: a[2:]}
		if refusal := adding.parseScores(); refusal != nil {
			return *refusal
		}
		return adding.add(tx, a[1], limits().ZSet)
	}
}

// add gives the members their scores and answers.
func (z *zadding) add(tx *keyspace.Tx, key []byte, limits keyspace.PackLimits) reply.Reply {
	set, refusal := openZSet(tx, key)
	if refusal != nil {
		return *refusal
	}
	count := int64(0)
	for i, score := range z.scores {
		score, outcome := set.Add(z.member(i), score, z.when, limits)
		switch {
		case outcome == keyspace.ZNoNumber:
			return reply.Error("ERR resulting score is not a number (NaN)")
		case z.when.Add && outcome == keyspace.ZRefused:
			return reply.Null()
		case z.when.Add:
			return reply.Double(score)
		case outcome == keyspace.ZNew, outcome == keyspace.ZChanged && z.changed:
			count++
		}
	}
	return reply.Int(count)
}

// ZREM key member [member ...]
func zrem(tx *keyspace.Tx, a Args) reply.Reply {
	z, refusal := openZSet(tx, a[1])
	if refusal != nil {
		return *refusal
	}
	removed := int64(0)
	for _, name := range a[2:] {
		if z.Remove(name) {
			removed++
		}
	}
	return reply.Int(removed)
}
