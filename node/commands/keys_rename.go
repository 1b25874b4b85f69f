package commands

import (
	"bytes"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// keyMoveRows are the commands that bring what a key holds to another key.
func keyMoveRows() []Row {
	return []Row{
		{Name: "copy", Since: "6.2.0", Arity: -3, Flags: FlagWrite | FlagDenyOOM,
			Summary:    "Copy a key",
			Syntax:     "source:key destination:key1 DB=destination-db:integer? REPLACE?",
			Complexity: "O(N) worst case for collections, where N is the number of nested items. O(1) for string values.",
			Keys:       []KeySpec{{Flags: "RO access", Index: 1, Step: 1}, {Flags: "OW update", Index: 2, Step: 1}},
			Write:      copyKey},
		{Name: "move", Since: "1.0.0", Arity: 3, Flags: FlagWrite | FlagFast,
			Summary:    "Move a key to another database",
			Syntax:     "key:key db:integer",
			Complexity: "O(1)",
			Keys:       oneKey("RW access update"),
			Write:      move},
		{Name: "rename", Since: "1.0.0", Arity: 3, Flags: FlagWrite,
			Summary:    "Rename a key",
			Syntax:     "key:key newkey:key1",
			Complexity: "O(1)",
			Keys:       []KeySpec{{Flags: "RW access delete", Index: 1, Step: 1}, {Flags: "OW update", Index: 2, Step: 1}},
			Write:      rename},
		{Name: "renamenx", Since: "1.0.0", Arity: 3, Flags: FlagWrite | FlagFast,
			Summary:    "Rename a key, only if the new key does not exist",
			Syntax:     "key:key newkey:key1",
			Complexity: "O(1)",
			History:    []Change{{"3.2.0", "The command no longer returns an error when source and destination names are the same."}},
			Keys:       []KeySpec{{Flags: "RW access delete", Index: 1, Step: 1}, {Flags: "OW insert", Index: 2, Step: 1}},
			Write:      renameNX},
	}
}

// RENAME key newkey
func rename(tx *keyspace.Tx, a Args) reply.Reply {
	if _, found := tx.Get(a[1]); !found {
		return reply.NoSuchKey()
	}
	tx.Rename(a[1], a[2])
	return reply.OK()
}

// RENAMENX key newkey
func renameNX(tx *keyspace.Tx, a Args) reply.Reply {
	if _, found := tx.Get(a[1]); !found {
		return reply.NoSuchKey()
	}
	if _, taken := tx.Get(a[2]); taken {
		return reply.Int(0)
	}
	tx.Rename(a[1], a[2])
	return reply.Int(1)
}

// parseCopy reads the options of COPY.
func parseCopy(words Args) (replace bool, refusal *reply.Reply) {
	for i := 0; i < len(words); i++ {
		switch {
		case is(words[i], "replace"):
			replace = true
		case is(words[i], "db") && i+1 < len(words):
			i++
			if refusal := parseDB(words[i]); refusal != nil {
				return false, refusal
			}
		default:
			return false, refuse(reply.Syntax())
		}
	}
	return replace, nil
}

// COPY source destination [DB destination-db] [REPLACE]
func copyKey(tx *keyspace.Tx, a Args) reply.Reply {
	replace, refusal := parseCopy(a[3:])
	if refusal != nil {
		return *refusal
	}
	if bytes.Equal(a[1], a[2]) {
		return sameObject()
	}
	if _, found := tx.Get(a[1]); !found {
		return reply.Int(0)
	}
	if _, taken := tx.Get(a[2]); taken && !replace {
		return reply.Int(0)
	}
	tx.Copy(a[1], a[2])
	return reply.Int(1)
}

// MOVE key db
//
// There is only database 0, which is always the one that the key is in.
func move(_ *keyspace.Tx, a Args) reply.Reply {
	if refusal := parseDB(a[2]); refusal != nil {
		return *refusal
	}
	return sameObject()
}

func sameObject() reply.Reply {
	return reply.Error("ERR source and destination objects are the same")
}
