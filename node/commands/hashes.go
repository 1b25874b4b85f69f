package commands

import (
	"slices"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// hashRows are the commands of the hashes group. limits is asked each time up to where a hash has its small encoding; it must not block.
func hashRows(limits func() keyspace.Limits) []Row {
	pack := func() keyspace.PackLimits { return limits().Hash }
	rows := slices.Concat(hashReadRows(), hashWalkRows(), hashWriteRows(pack), hashNumberRows(pack),
		hashExpireRows(), hashTTLRows(), hashTakeRows(pack))
	for i := range rows {
		rows[i].Group = "hash"
		rows[i].Categories = []string{"hash"}
	}
	return rows
}

// readHash looks for the hash at key; a key of another type is refused.
func readHash(v *keyspace.View, key []byte) (s keyspace.Hash, refusal *reply.Reply) {
	s, ok := v.ReadHash(key)
	if !ok {
		return s, refuse(reply.WrongType())
	}
	return s, nil
}

// writeHash is readHash for a hash that is to be changed.
func writeHash(tx *keyspace.Tx, key []byte) (s keyspace.Hash, refusal *reply.Reply) {
	s, ok := tx.WriteHash(key)
	if !ok {
		return s, refuse(reply.WrongType())
	}
	return s, nil
}

// fieldOrNull answers the value of a field that may be missing.
func fieldOrNull(f keyspace.Field, there bool) reply.Reply {
	if !there {
		return reply.Null()
	}
	return reply.Bulk(f.Value)
}

// hashReadRows are the commands that read fields that they name.
func hashReadRows() []Row {
	return []Row{
		{Name: "hexists", Since: "2.0.0", Arity: 3, Flags: FlagReadonly | FlagFast,
			Summary:    "Determine if a hash field exists",
			Syntax:     "key:key field",
			Complexity: "O(1)",
			Keys:       oneKey("RO"),
			Read:       hexists},
		{Name: "hget", Since: "2.0.0", Arity: 3, Flags: FlagReadonly | FlagFast,
			Summary:    "Get the value of a hash field",
			Syntax:     "key:key field",
			Complexity: "O(1)",
			Keys:       oneKey("RO access"),
			Read:       hget},
		{Name: "hlen", Since: "2.0.0", Arity: 2, Flags: FlagReadonly | FlagFast,
			Summary:    "Get the number of fields in a hash",
			Syntax:     "key:key",
			Complexity: "O(1)",
			Keys:       oneKey("RO"),
			Read:       hlen},
		{Name: "hmget", Since: "2.0.0", Arity: -3, Flags: FlagReadonly | FlagFast,
			Summary:    "Get the values of all the given hash fields",
			Syntax:     "key:key field*",
			Complexity: "O(N) where N is the number of fields being requested.",
			Keys:       oneKey("RO access"),
			Read:       hmget},
		{Name: "hstrlen", Since: "3.2.0", Arity: 3, Flags: FlagReadonly | FlagFast,
			Summary:    "Get the length of the value of a hash field",
			Syntax:     "key:key field",
			Complexity: "O(1)",
			Keys:       oneKey("RO"),
			Read:       hstrlen},
	}
}

// HGET key field
func hget(v *keyspace.View, a Args) reply.Reply {
	s, refusal := readHash(v, a[1])
	if refusal != nil {
		return *refusal
	}
	return fieldOrNull(s.Get(a[2]))
}

// HMGET key field [field ...]
func hmget(v *keyspace.View, a Args) reply.Reply {
	s, refusal := readHash(v, a[1])
	if refusal != nil {
		return *refusal
	}
	elems := make([]reply.Reply, len(a)-2)
	for i, name := range a[2:] {
		elems[i] = fieldOrNull(s.Get(name))
	}
	return reply.Array(elems...)
}

// HEXISTS key field
func hexists(v *keyspace.View, a Args) reply.Reply {
	s, refusal := readHash(v, a[1])
	if refusal != nil {
		return *refusal
	}
	_, there := s.Get(a[2])
	return reply.Bool01(there)
}

// HLEN key
func hlen(v *keyspace.View, a Args) reply.Reply {
	s, refusal := readHash(v, a[1])
	if refusal != nil {
		return *refusal
	}
	return reply.Int(s.Len())
}

// HSTRLEN key field
func hstrlen(v *keyspace.View, a Args) reply.Reply {
	s, refusal := readHash(v, a[1])
	if refusal != nil {
		return *refusal
	}
	f, _ := s.Get(a[2])
	return reply.Int(int64(len(f.Value)))
}
