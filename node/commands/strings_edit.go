package commands

import (
	"slices"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// stringEditRows are the commands that change a part of a string.
func stringEditRows(maxString func() int64) []Row {
	return []Row{
		{Name: "append", Since: "2.0.0", Arity: 3, Flags: FlagWrite | FlagDenyOOM | FlagFast,
			Summary:    "Append a value to a key",
			Syntax:     "key:key value",
			Complexity: "O(1). The amortized time complexity is O(1) assuming the appended value is small and the already present value is of any size, since the dynamic string library used by Redis will double the free space available on every reallocation.",
			Keys:       oneKey("RW insert"),
			Write:      appendTo(maxString)},
		{Name: "setrange", Since: "2.2.0", Arity: 4, Flags: FlagWrite | FlagDenyOOM,
			Summary:    "Overwrite part of a string at key starting at the specified offset",
			Syntax:     "key:key offset:integer value",
			Complexity: "O(1), not counting the time taken to copy the new string in place. Usually, this string is very small so the amortized complexity is O(1). Otherwise, complexity is O(M) with M being the length of the value argument.",
			Keys:       oneKey("RW update"),
			Write:      setRange(maxString)},
	}
}

// tooLong answers a command that would make a string longer than is allowed.
func tooLong() reply.Reply {
	return reply.Error("ERR string exceeds maximum allowed size (proto-max-bulk-len)")
}

// APPEND key value
func appendTo(maxString func() int64) func(*keyspace.Tx, Args) reply.Reply {
	return func(tx *keyspace.Tx, a Args) reply.Reply {
		old, found, refusal := lookString(&tx.View, a[1])
		if refusal != nil {
			return *refusal
		}
		size := int64(len(old.Data)) + int64(len(a[2]))
		if found && size > maxString() {
			return tooLong()
		}
		if !found {
			put(tx, a[1], a[2], 0)
		} else {
			tx.Set(a[1], slices.Concat(old.Data, a[2]), old.ExpireAt, true)
		}
		return reply.Int(size)
	}
}

// SETRANGE key offset value
func setRange(maxString func() int64) func(*keyspace.Tx, Args) reply.Reply {
	return func(tx *keyspace.Tx, a Args) reply.Reply {
		offset, ok := parseInt(a[2])
		if !ok {
			return reply.NotInteger()
		}
		if offset < 0 {
			return reply.Error("ERR offset is out of range")
		}
		old, _, refusal := lookString(&tx.View, a[1])
		if refusal != nil {
			return *refusal
		}
		if len(a[3]) == 0 {
			return reply.Int(int64(len(old.Data)))
		}
		if offset > maxString()-int64(len(a[3])) {
			return tooLong()
		}
		data := overwrite(old.Data, int(offset), a[3])
		tx.Set(a[1], data, old.ExpireAt, true)
		return reply.Int(int64(len(data)))
	}
}

// overwrite returns a copy of old with patch at offset, and zero bytes where there was nothing.
func overwrite(old []byte, offset int, patch []byte) []byte {
	data := make([]byte, max(len(old), offset+len(patch)))
	copy(data, old)
	copy(data[offset:], patch)
	return data
}
