package commands

import (
	"bytes"
	"strconv"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// keyWalkRows are the commands that walk through the keys. They may take long and run on a snapshot.
func keyWalkRows() []Row {
	return []Row{
		{Name: "keys", Since: "1.0.0", Arity: 2, Flags: FlagReadonly | FlagOffLoop,
			Summary:    "Find all keys matching the given pattern",
			Syntax:     "pattern:pattern",
			Complexity: "O(N) with N being the number of keys in the database, under the assumption that the key names in the database and the given pattern have limited length.",
			Categories: []string{"dangerous"}, // besides the group's
			Tips:       []string{"request_policy:all_shards", "nondeterministic_output_order"},
			Snapshot:   keysLike},
		{Name: "randomkey", Since: "1.0.0", Arity: 1, Flags: FlagReadonly | FlagOffLoop,
			Summary:    "Return a random key from the keyspace",
			Complexity: "O(1)",
			Tips:       []string{"request_policy:all_shards", "nondeterministic_output"},
			Snapshot:   randomKey},
		{Name: "scan", Since: "2.8.0", Arity: -2, Flags: FlagReadonly | FlagOffLoop,
			Summary:    "Incrementally iterate the keys space",
			Syntax:     "cursor:integer MATCH=pattern:pattern? COUNT=count:integer? TYPE=type?~6.0.0",
			Complexity: "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection.",
			Tips:       []string{"nondeterministic_output", "request_policy:special"},
			History:    []Change{{"6.0.0", "Added the `TYPE` subcommand."}},
			Snapshot:   scan},
	}
}

// KEYS pattern
func keysLike(snap *keyspace.Snapshot, a Args) reply.Reply {
	matches := pattern(a[1])
	var found [][]byte
	snap.Each(func(key []byte, _ keyspace.Value) bool {
		if matches(key) {
			found = append(found, bytes.Clone(key))
		}
		return true
	})
	return wordsReply(reply.KindArray, found)
}

// pattern returns what tells whether a key matches the glob, which is not asked where it matches every key.
func pattern(glob []byte) func(key []byte) bool {
	if string(glob) == "*" {
		return func([]byte) bool { return true }
	}
	return func(key []byte) bool { return Match(glob, key, false) }
}

// RANDOMKEY
func randomKey(snap *keyspace.Snapshot, _ Args) reply.Reply {
	key, found := snap.RandomKey()
	if !found {
		return reply.Null()
	}
	return reply.Bulk(key)
}

// scanOptions are the options of SCAN.
type scanOptions struct {
	count    int64
	matches  func(key []byte) bool
	typeName []byte
	typed    bool
}

func parseScan(words Args) (o scanOptions, refusal *reply.Reply) {
	o = scanOptions{count: 10, matches: pattern([]byte("*"))}
	for ; len(words) > 0; words = words[2:] {
		switch {
		case len(words) == 1:
			return o, refuse(reply.Syntax())
		case is(words[0], "count"):
			n, ok := parseInt(words[1])
			if !ok {
				return o, refuse(reply.NotInteger())
			}
			if n < 1 {
				return o, refuse(reply.Syntax())
			}
			o.count = n
		case is(words[0], "match"):
			o.matches = pattern(words[1])
		case is(words[0], "type"):
			o.typeName, o.typed = words[1], true
		default:
			return o, refuse(reply.Syntax())
		}
	}
	return o, nil
}

// SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]
func scan(snap *keyspace.Snapshot, a Args) reply.Reply {
	cursor, ok := parseCursor(a[1])
	if !ok {
		return reply.Error("ERR invalid cursor")
	}
	o, refusal := parseScan(a[2:])
	if refusal != nil {
		return *refusal
	}
	var found []reply.Reply
	next := snap.Scan(cursor, int(o.count), func(key []byte, v keyspace.Value) {
		if o.matches(key) && (!o.typed || is(o.typeName, v.Type.String())) {
			found = append(found, reply.Bulk(bytes.Clone(key)))
		}
	})
	return reply.Array(reply.BulkString(strconv.FormatUint(next, 10)), reply.Array(found...))
}
