package commands

import (
	"bytes"
	"strconv"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// setReadRows are the commands that read one set.
func setReadRows() []Row {
	return []Row{
		{Name: "sismember", Since: "1.0.0", Arity: 3, Flags: FlagReadonly | FlagFast,
			Summary:    "Determine if a given value is a member of a set",
			Syntax:     "key:key member",
			Complexity: "O(1)",
			Keys:       oneKey("RO"),
			Read:       sismember},
		{Name: "smismember", Since: "6.2.0", Arity: -3, Flags: FlagReadonly | FlagFast,
			Summary:    "Returns the membership associated with the given elements for a set",
			Syntax:     "key:key member*",
			Complexity: "O(N) where N is the number of elements being checked for membership",
			Keys:       oneKey("RO access"),
			Read:       smismember},
		{Name: "scard", Since: "1.0.0", Arity: 2, Flags: FlagReadonly | FlagFast,
			Summary:    "Get the number of members in a set",
			Syntax:     "key:key",
			Complexity: "O(1)",
			Keys:       oneKey("RO"),
			Read:       scard},
		{Name: "smembers", Since: "1.0.0", Arity: 2, Flags: FlagReadonly,
			Summary:    "Get all the members in a set",
			Syntax:     "key:key",
			Complexity: "O(N) where N is the set cardinality.",
			Tips:       []string{"nondeterministic_output_order"},
			Keys:       oneKey("RO access"),
			Read:       smembers},
		{Name: "sscan", Since: "2.8.0", Arity: -3, Flags: FlagReadonly,
			Summary:    "Incrementally iterate Set elements",
			Syntax:     "key:key cursor:integer MATCH=pattern:pattern? COUNT=count:integer?",
			Complexity: "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection..",
			Tips:       []string{"nondeterministic_output"},
			Keys:       oneKey("RO access"),
			Read:       sscan},
	}
}

// SISMEMBER key member
func sismember(v *keyspace.View, a Args) reply.Reply {
	s, refusal := readSet(v, a[1])
	if refusal != nil {
		return *refusal
	}
	return reply.Bool01(s.Has(a[2]))
}

// SMISMEMBER key member [member ...]
func smismember(v *keyspace.View, a Args) reply.Reply {
	s, refusal := readSet(v, a[1])
	if refusal != nil {
		return *refusal
	}
	elems := make([]reply.Reply, len(a)-2)
	for i, member := range a[2:] {
		elems[i] = reply.Bool01(s.Has(member))
	}
	return reply.Array(elems...)
}

// SCARD key
func scard(v *keyspace.View, a Args) reply.Reply {
	s, refusal := readSet(v, a[1])
	if refusal != nil {
		return *refusal
	}
	return reply.Int(s.Len())
}

// SMEMBERS key
func smembers(v *keyspace.View, a Args) reply.Reply {
	s, refusal := readSet(v, a[1])
	if refusal != nil {
		return *refusal
	}
	if n := s.Len(); n >= feedFrom {
		return feedOf(reply.KindSet, s.Walk(), n, true, nil)
	}
	return reply.Set(bulks(s.Members())...)
}

// bulks are bulk strings of words that nobody will change.
func bulks(words [][]byte) []reply.Reply {
	elems := make([]reply.Reply, len(words))
	for i, word := range words {
		elems[i] = reply.Bulk(word)
	}
	return elems
}

// SSCAN key cursor [MATCH pattern] [COUNT count]
func sscan(v *keyspace.View, a Args) reply.Reply {
	cursor, ok := parseCursor(a[2])
	if !ok {
		return reply.Error("ERR invalid cursor")
	}
	s, refusal := readSet(v, a[1])
	if refusal != nil {
		return *refusal
	}
	if s.Len() == 0 {
		return reply.Array(reply.BulkString("0"), reply.Array())
	}
	o, refusal := parseScan(a[3:])
	if refusal == nil && o.typed {
		refusal = refuse(reply.Syntax())
	}
	if refusal != nil {
		return *refusal
	}
	var found []reply.Reply
	next := s.Scan(cursor, int(o.count), func(member []byte) {
		if o.matches(member) {
			found = append(found, reply.Bulk(bytes.Clone(member)))
		}
	})
	return reply.Array(reply.BulkString(strconv.FormatUint(next, 10)), reply.Array(found...))
}
