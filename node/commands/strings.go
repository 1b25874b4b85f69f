package commands

import (
	"slices"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// stringRows are the commands of the strings group. maxString is asked each time how long a string may become
// (proto-max-bulk-len); it must not block.
func stringRows(maxString func() int64) []Row {
	rows := slices.Concat(stringReadRows(), stringSetRows(), stringManyRows(),
		stringEditRows(maxString), numberRows(), lcsRows(maxString), stringNewerRows())
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
		if !tx.Delete(key) {
			tx.Touch(key) // it was there for no time
		}
		return
	}
	tx.Set(key, data, at, false)
}
