package commands

import (
	"slices"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// maxStringDefault is proto-max-bulk-len where nothing else is configured.
const maxStringDefault = 512 << 20

// stringRows are the commands of the strings group, with the default limit on the length of strings.
func stringRows() []Row {
	return stringRowsUpTo(func() int64 { return maxStringDefault })
}

// stringRowsUpTo are the commands of the strings group. maxString is asked each time how long a string may become
// (proto-max-bulk-len); it must not block.
func stringRowsUpTo(maxString func() int64) []Row {
	rows := slices.Concat(stringReadRows(), stringSetRows(), stringManyRows(),
		stringEditRows(maxString), numberRows(), lcsRows(maxString))
	for i := range rows {
		rows[i].Group = "string"
		rows[i].Categories = []string{"string"}
	}
	return rows
}

// oneKey says that the first word after the name is the only key.
func oneKey(flags string) []KeySpec {
	return []KeySpec{{Flags: flags, Index: 1, Step: 1}}
}

// allKeys says that every word after the name is a key.
func allKeys(flags string) []KeySpec {
	return []KeySpec{{Flags: flags, Index: 1, Last: -1, Step: 1}}
}

// lookString looks for the string at key; a key of another type is refused.
func lookString(v *keyspace.View, key []byte) (s keyspace.Value, found bool, refusal *reply.Reply) {
	s, found = v.Get(key)
	if found && s.Type != keyspace.TypeString {
		return keyspace.Value{}, false, refuse(reply.WrongType())
	}
	return s, found, nil
}

// bulkOrNull answers a string that may be missing.
func bulkOrNull(s keyspace.Value, found bool) reply.Reply {
	if !found {
		return reply.Null()
	}
	return reply.Bulk(s.Data)
}

// put makes key hold the string data until at, 0 for ever. A time that is over leaves no key.
func put(tx *keyspace.Tx, key, data []byte, at int64) {
	if at != 0 && at <= tx.Now() {
		tx.Delete(key)
		return
	}
	tx.Set(key, data, at, false)
}
