package commands

import (
	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// stringManyRows are the commands on several strings at once.
func stringManyRows() []Row {
	return []Row{
		{Name: "mget", Since: "1.0.0", Arity: -2, Flags: FlagReadonly | FlagFast,
			Summary:    "Get the values of all the given keys",
			Syntax:     "key:key*",
			Complexity: "O(N) where N is the number of keys to retrieve.",
			Tips:       []string{"request_policy:multi_shard"},
			Keys:       allKeys("RO access"),
			Read:       mget},
		{Name: "mset", Since: "1.0.1", Arity: -3, Flags: FlagWrite | FlagDenyOOM,
			Summary:    "Set multiple keys to multiple values",
			Syntax:     "key_value(key:key value)*",
			Complexity: "O(N) where N is the number of keys to set.",
			Tips:       []string{"request_policy:multi_shard", "response_policy:all_succeeded"},
			Keys:       []KeySpec{{Flags: "OW update", Index: 1, Last: -1, Step: 2}},
			Write:      mset},
		{Name: "msetnx", Since: "1.0.1", Arity: -3, Flags: FlagWrite | FlagDenyOOM,
			Summary:    "Set multiple keys to multiple values, only if none of the keys exist",
			Syntax:     "key_value(key:key value)*",
			Complexity: "O(N) where N is the number of keys to set.",
			Tips:       []string{"request_policy:multi_shard", "response_policy:agg_min"},
			Keys:       []KeySpec{{Flags: "OW insert", Index: 1, Last: -1, Step: 2}},
			Write:      msetNX},
	}
}

// MGET key [key ...]
func mget(v *keyspace.View, a Args) reply.Reply {
	elems := make([]reply.Reply, len(a)-1)
	for i, key := range a[1:] {
		s, found := v.Get(key)
		elems[i] = bulkOrNull(s, found && s.Type == keyspace.TypeString)
	}
	return reply.Array(elems...)
}

// MSET key value [key value ...]
func mset(tx *keyspace.Tx, a Args) reply.Reply {
	if len(a)%2 == 0 {
		return reply.WrongArity("mset")
	}
	putAll(tx, a[1:])
	return reply.OK()
}

// MSETNX key value [key value ...]
func msetNX(tx *keyspace.Tx, a Args) reply.Reply {
	if len(a)%2 == 0 {
		return reply.WrongArity("msetnx")
	}
	for i := 1; i < len(a); i += 2 {
		if _, found := tx.Get(a[i]); found {
			return reply.Int(0)
		}
	}
	putAll(tx, a[1:])
	return reply.Int(1)
}

// putAll sets keys and values that stand in pairs.
func putAll(tx *keyspace.Tx, pairs Args) {
	for i := 0; i < len(pairs); i += 2 {
		put(tx, pairs[i], pairs[i+1], 0)
	}
}
