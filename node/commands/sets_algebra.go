package commands

import (
	"bytes"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// algebra makes one set of several: it calls fn with each of its members until fn returns false.
type algebra func(sets []keyspace.Set, fn func(member []byte) bool)

// setAlgebraRows are the commands that answer what several sets make.
func setAlgebraRows() []Row {
	unordered := []string{"nondeterministic_output_order"}
	return []Row{
		{Name: "sinter", Since: "1.0.0", Arity: -2, Flags: FlagReadonly,
			Summary:    "Intersect multiple sets",
			Syntax:     "key:key*",
			Complexity: "O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets.",
			Tips:       unordered,
			Keys:       allKeys("RO access"),
			Read:       combineSets(keyspace.Intersect)},
		{Name: "sunion", Since: "1.0.0", Arity: -2, Flags: FlagReadonly,
			Summary:    "Add multiple sets",
			Syntax:     "key:key*",
			Complexity: "O(N) where N is the total number of elements in all given sets.",
			Tips:       unordered,
			Keys:       allKeys("RO access"),
			Read:       combineSets(keyspace.Unite)},
		{Name: "sdiff", Since: "1.0.0", Arity: -2, Flags: FlagReadonly,
			Summary:    "Subtract multiple sets",
			Syntax:     "key:key*",
			Complexity: "O(N) where N is the total number of elements in all given sets.",
			Tips:       unordered,
			Keys:       allKeys("RO access"),
			Read:       combineSets(keyspace.Subtract)},
		{Name: "sintercard", Since: "7.0.0", Arity: -3, Flags: FlagReadonly | FlagMovableKeys,
			Summary:    "Intersect multiple sets and return the cardinality of the result",
			Syntax:     "numkeys:integer key:key* LIMIT=limit:integer?",
			Complexity: "O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets.",
			Keys:       []KeySpec{{Flags: "RO access", Index: 1, KeyNum: true, FirstKey: 1, Step: 1}},
			Read:       sintercard},
	}
}

// setStoreRows are the commands that keep what several sets make.
func setStoreRows(limits func() keyspace.Limits) []Row {
	keys := func(flags string) []KeySpec {
		return []KeySpec{{Flags: flags, Index: 1, Step: 1}, {Flags: "RO access", Index: 2, Last: -1, Step: 1}}
	}
	return []Row{
		{Name: "sinterstore", Since: "1.0.0", Arity: -3, Flags: FlagWrite | FlagDenyOOM,
			Summary:    "Intersect multiple sets and store the resulting set in a key",
			Syntax:     "destination:key key:key1*",
			Complexity: "O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets.",
			Keys:       keys("RW update"),
			Write:      storeSet(keyspace.Intersect, limits)},
		{Name: "sunionstore", Since: "1.0.0", Arity: -3, Flags: FlagWrite | FlagDenyOOM,
			Summary:    "Add multiple sets and store the resulting set in a key",
			Syntax:     "destination:key key:key1*",
			Complexity: "O(N) where N is the total number of elements in all given sets.",
			Keys:       keys("OW update"),
			Write:      storeSet(keyspace.Unite, limits)},
		{Name: "sdiffstore", Since: "1.0.0", Arity: -3, Flags: FlagWrite | FlagDenyOOM,
			Summary:    "Subtract multiple sets and store the resulting set in a key",
			Syntax:     "destination:key key:key1*",
			Complexity: "O(N) where N is the total number of elements in all given sets.",
			Keys:       keys("OW update"),
			Write:      sdiffstore(limits)},
	}
}

// readSets looks for the sets at all keys.
func readSets(v *keyspace.View, keys Args) (sets []keyspace.Set, refusal *reply.Reply) {
	sets = make([]keyspace.Set, len(keys))
	for i, key := range keys {
		s, wrong := readSet(v, key)
		if wrong != nil && refusal == nil {
			refusal = wrong
		}
		sets[i] = s
	}
	return sets, refusal
}

// members returns what the sets make.
func (do algebra) members(sets []keyspace.Set) [][]byte {
	var members [][]byte
	do(sets, func(member []byte) bool {
		members = append(members, bytes.Clone(member))
		return true
	})
	return members
}

// SINTER key [key ...]
// SUNION key [key ...]
// SDIFF key [key ...]
func combineSets(do algebra) func(*keyspace.View, Args) reply.Reply {
	return func(v *keyspace.View, a Args) reply.Reply {
		sets, refusal := readSets(v, a[1:])
		if refusal != nil {
			return *refusal
		}
		return wordsReply(reply.KindSet, do.members(sets))
	}
}

// SINTERSTORE destination key [key ...]
// SUNIONSTORE destination key [key ...]
func storeSet(do algebra, limits func() keyspace.Limits) func(*keyspace.Tx, Args) reply.Reply {
	return func(tx *keyspace.Tx, a Args) reply.Reply {
		sets, refusal := readSets(&tx.View, a[2:])
		if refusal != nil {
			return *refusal
		}
		members := do.members(sets)
		tx.StoreSet(a[1], members, limits().Integers, false)
		return reply.Int(int64(len(members)))
	}
}

// SDIFFSTORE destination key [key ...]
func sdiffstore(limits func() keyspace.Limits) func(*keyspace.Tx, Args) reply.Reply {
	return func(tx *keyspace.Tx, a Args) reply.Reply {
		sets, refusal := readSets(&tx.View, a[2:])
		if refusal != nil {
			return *refusal
		}
		ints := limits().Integers
		hashed := keyspace.SubtractsBack(sets) && sets[0].Hashed(ints)
		members := algebra(keyspace.Subtract).members(sets)
		tx.StoreSet(a[1], members, ints, hashed)
		return reply.Int(int64(len(members)))
	}
}

// parseInterCard reads the keys of SINTERCARD and how many members are counted, 0: all.
func parseInterCard(words Args) (keys Args, limit int64, refusal *reply.Reply) {
	n, refusal := parseAtLeast(words[0], 1, "ERR numkeys should be greater than 0")
	if refusal != nil {
		return nil, 0, refusal
	}
	if n > int64(len(words)-1) {
		return nil, 0, refuse(reply.Error("ERR Number of keys can't be greater than number of args"))
	}
	keys = words[1 : 1+n]
	for rest := words[1+n:]; len(rest) > 0 && refusal == nil; rest = rest[2:] {
		if len(rest) == 1 || !is(rest[0], "limit") {
			return nil, 0, refuse(reply.Syntax())
		}
		limit, refusal = parseAtLeast(rest[1], 0, "ERR LIMIT can't be negative")
	}
	return keys, limit, refusal
}

// SINTERCARD numkeys key [key ...] [LIMIT limit]
func sintercard(v *keyspace.View, a Args) reply.Reply {
	keys, limit, refusal := parseInterCard(a[1:])
	if refusal != nil {
		return *refusal
	}
	sets, refusal := readSets(v, keys)
	if refusal != nil {
		return *refusal
	}
	n := int64(0)
	keyspace.Intersect(sets, func([]byte) bool {
		n++
		return n != limit
	})
	return reply.Int(n)
}
