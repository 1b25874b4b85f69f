package commands

import (
	"slices"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// setRows are the commands of the set group. limits is asked each time up to where a set is an intset; it must not block.
func setRows(limits func() keyspace.Limits) []Row {
	rows := slices.Concat(setMemberRows(limits), setReadRows(), setRandomRows(limits), setAlgebraRows(), setStoreRows(limits))
	for i := range rows {
		rows[i].Group = "set"
		rows[i].Categories = []string{"set"}
	}
	return rows
}

// readSet looks for the set at key; a key of another type is refused.
func readSet(v *keyspace.View, key []byte) (s keyspace.Set, refusal *reply.Reply) {
	s, ok := v.ReadSet(key)
	if !ok {
		return s, refuse(reply.WrongType())
	}
	return s, nil
}

// writeSet is readSet for changing the set, which is an intset within the limits.
func writeSet(tx *keyspace.Tx, key []byte, limits func() keyspace.Limits) (s keyspace.Set, refusal *reply.Reply) {
	s, ok := tx.WriteSet(key)
	if !ok {
		return s, refuse(reply.WrongType())
	}
	s.LimitInts(limits().Integers)
	return s, nil
}

// setMemberRows are the commands that change which members a set has.
func setMemberRows(limits func() keyspace.Limits) []Row {
	return []Row{
		{Name: "sadd", Since: "1.0.0", Arity: -3, Flags: FlagWrite | FlagDenyOOM | FlagFast,
			Summary:    "Add one or more members to a set",
			Syntax:     "key:key member*",
			Complexity: "O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.",
			History:    []Change{{"2.4.0", "Accepts multiple `member` arguments."}},
			Keys:       oneKey("RW insert"),
			Write:      sadd(limits)},
		{Name: "srem", Since: "1.0.0", Arity: -3, Flags: FlagWrite | FlagFast,
			Summary:    "Remove one or more members from a set",
			Syntax:     "key:key member*",
			Complexity: "O(N) where N is the number of members to be removed.",
			History:    []Change{{"2.4.0", "Accepts multiple `member` arguments."}},
			Keys:       oneKey("RW delete"),
			Write:      srem(limits)},
		{Name: "smove", Since: "1.0.0", Arity: 4, Flags: FlagWrite | FlagFast,
			Summary:    "Move a member from one set to another",
			Syntax:     "source:key destination:key1 member",
			Complexity: "O(1)",
			Keys:       moveKeys(),
			Write:      smove(limits)},
	}
}

// SADD key member [member ...]
func sadd(limits func() keyspace.Limits) func(*keyspace.Tx, Args) reply.Reply {
	return func(tx *keyspace.Tx, a Args) reply.Reply {
		s, refusal := writeSet(tx, a[1], limits)
		if refusal != nil {
			return *refusal
		}
		return countThose(a[2:], s.Add)
	}
}

// SREM key member [member ...]
func srem(limits func() keyspace.Limits) func(*keyspace.Tx, Args) reply.Reply {
	return func(tx *keyspace.Tx, a Args) reply.Reply {
		s, refusal := writeSet(tx, a[1], limits)
		if refusal != nil {
			return *refusal
		}
		return countThose(a[2:], s.Remove)
	}
}

// countThose answers for how many of the words do, called with one after the other, says yes.
func countThose(words Args, do func(word []byte) bool) reply.Reply {
	n := int64(0)
	for _, word := range words {
		if do(word) {
			n++
		}
	}
	return reply.Int(n)
}

// SMOVE source destination member
func smove(limits func() keyspace.Limits) func(*keyspace.Tx, Args) reply.Reply {
	return func(tx *keyspace.Tx, a Args) reply.Reply {
		source, refusal := writeSet(tx, a[1], limits)
		if refusal != nil {
			return *refusal
		}
		if source.Len() == 0 {
			return reply.Int(0)
		}
		destination, refusal := writeSet(tx, a[2], limits)
		if refusal != nil {
			return *refusal
		}
		if string(a[1]) == string(a[2]) {
			return reply.Bool01(source.Has(a[3]))
		}
		if !source.Remove(a[3]) {
			return reply.Int(0)
		}
		destination.Add(a[3])
		return reply.Int(1)
	}
}
