package commands

import (
	"slices"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// keyRows are the commands of the generic group: on keys, whatever they hold.
func keyRows() []Row {
	rows := slices.Concat(keyBasicRows(), keyMoveRows(), keyWalkRows(), expireRows(), expireReadRows(), []Row{
		{Name: "object", Since: "2.2.3", Arity: -2,
			Summary:     "A container for object introspection commands",
			Complexity:  "Depends on subcommand.",
			Subcommands: objectRows()},
	})
	for i := range rows {
		rows[i].inGeneric()
	}
	return rows
}

// inGeneric puts a row and its sub-commands into the generic group. A container is in no ACL category of its own.
func (r *Row) inGeneric() {
	r.Group = "generic"
	if !r.container() {
		r.Categories = append(r.Categories, "keyspace")
	}
	for i := range r.Subcommands {
		r.Subcommands[i].inGeneric()
	}
}

// keyBasicRows are the commands on any number of keys, and TYPE.
func keyBasicRows() []Row {
	return []Row{
		{Name: "del", Since: "1.0.0", Arity: -2, Flags: FlagWrite,
			Summary:    "Delete a key",
			Syntax:     "key:key*",
			Complexity: "O(N) where N is the number of keys that will be removed. When a key to remove holds a value other than a string, the individual complexity for this key is O(M) where M is the number of elements in the list, set, sorted set or hash. Removing a single key that holds a string value is O(1).",
			Tips:       []string{"request_policy:multi_shard", "response_policy:agg_sum"},
			Keys:       allKeys("RM delete"),
			Write:      del},
		{Name: "exists", Since: "1.0.0", Arity: -2, Flags: FlagReadonly | FlagFast,
			Summary:    "Determine if a key exists",
			Syntax:     "key:key*",
			Complexity: "O(N) where N is the number of keys to check.",
			Tips:       []string{"request_policy:multi_shard", "response_policy:agg_sum"},
			History:    []Change{{"3.0.3", "Accepts multiple `key` arguments."}},
			Keys:       allKeys("RO"),
			Read:       exists},
		{Name: "touch", Since: "3.2.1", Arity: -2, Flags: FlagReadonly | FlagFast,
			Summary:    "Alters the last access time of a key(s). Returns the number of existing keys specified.",
			Syntax:     "key:key*",
			Complexity: "O(N) where N is the number of keys that will be touched.",
			Tips:       []string{"request_policy:multi_shard", "response_policy:agg_sum"},
			Keys:       allKeys("RO"),
			Read:       touch},
		{Name: "type", Since: "1.0.0", Arity: 2, Flags: FlagReadonly | FlagFast,
			Summary:    "Determine the type stored at key",
			Syntax:     "key:key",
			Complexity: "O(1)",
			Keys:       oneKey("RO"),
			Read:       typeOf},
		{Name: "unlink", Since: "4.0.0", Arity: -2, Flags: FlagWrite | FlagFast,
			Summary:    "Delete a key asynchronously in another thread. Otherwise it is just as DEL, but non blocking.",
			Syntax:     "key:key*",
			Complexity: "O(1) for each key removed regardless of its size. Then the command does O(N) work in a different thread in order to reclaim memory, where N is the number of allocations the deleted objects where composed of.",
			Tips:       []string{"request_policy:multi_shard", "response_policy:agg_sum"},
			Keys:       allKeys("RM delete"),
			Write:      del},
	}
}

// DEL key [key ...]
// UNLINK key [key ...]
func del(tx *keyspace.Tx, a Args) reply.Reply {
	removed := int64(0)
	for _, key := range a[1:] {
		if tx.Delete(key) {
			removed++
		}
	}
	return reply.Int(removed)
}

// EXISTS key [key ...]
func exists(v *keyspace.View, a Args) reply.Reply {
	return count(a[1:], v.Peek)
}

// TOUCH key [key ...]
func touch(v *keyspace.View, a Args) reply.Reply {
	return count(a[1:], v.Get)
}

// count answers how many of the keys are there, each as often as it is named.
func count(keys Args, look func(key []byte) (keyspace.Value, bool)) reply.Reply {
	n := int64(0)
	for _, key := range keys {
		if _, found := look(key); found {
			n++
		}
	}
	return reply.Int(n)
}

// TYPE key
func typeOf(v *keyspace.View, a Args) reply.Reply {
	value, found := v.Peek(a[1])
	if !found {
		return reply.Status("none")
	}
	return reply.Status(value.Type.String())
}
