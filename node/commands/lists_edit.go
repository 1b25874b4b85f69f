package commands

import (
	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// listEditRows are the commands that change a list inside.
func listEditRows() []Row {
	return []Row{
		{Name: "lset", Since: "1.0.0", Arity: 4, Flags: FlagWrite | FlagDenyOOM,
			Summary:    "Set the value of an element in a list by its index",
			Syntax:     "key:key index:integer element",
			Complexity: "O(N) where N is the length of the list. Setting either the first or the last element of the list is O(1).",
			Keys:       oneKey("RW update"),
			Write:      lset},
		{Name: "ltrim", Since: "1.0.0", Arity: 4, Flags: FlagWrite,
			Summary:    "Trim a list to the specified range",
			Syntax:     "key:key start:integer stop:integer",
			Complexity: "O(N) where N is the number of elements to be removed by the operation.",
			Keys:       oneKey("RW delete"),
			Write:      ltrim},
		{Name: "linsert", Since: "2.2.0", Arity: 5, Flags: FlagWrite | FlagDenyOOM,
			Summary:    "Insert an element before or after another element in a list",
			Syntax:     "key:key where(BEFORE|AFTER) pivot element",
			Complexity: "O(N) where N is the number of elements to traverse before seeing the value pivot. This means that inserting somewhere on the left end on the list (head) can be considered O(1) and inserting somewhere on the right end (tail) is O(N).",
			Keys:       oneKey("RW insert"),
			Write:      linsert},
		{Name: "lrem", Since: "1.0.0", Arity: 4, Flags: FlagWrite,
			Summary:    "Remove elements from a list",
			Syntax:     "key:key count:integer element",
			Complexity: "O(N+M) where N is the length of the list and M is the number of elements removed.",
			Keys:       oneKey("RW delete"),
			Write:      lrem},
	}
}

// LSET key index element
func lset(tx *keyspace.Tx, a Args) reply.Reply {
	l, refusal := writeList(tx, a[1])
	if refusal != nil {
		return *refusal
	}
	if l.Len() == 0 {
		return reply.NoSuchKey()
	}
	i, ok := parseInt(a[2])
	if !ok {
		return reply.NotInteger()
	}
	i = fromEnd(i, l.Len())
	if i < 0 || i >= l.Len() {
		return reply.Error("ERR index out of range")
	}
	l.Set(i, a[3])
	return reply.OK()
}

// LTRIM key start stop
func ltrim(tx *keyspace.Tx, a Args) reply.Reply {
	start, startOK := parseInt(a[2])
	stop, stopOK := parseInt(a[3])
	if !startOK || !stopOK {
		return reply.NotInteger()
	}
	l, refusal := writeList(tx, a[1])
	if refusal != nil {
		return *refusal
	}
	l.Keep(listSpan(start, stop, l.Len()))
	return reply.OK()
}

// LINSERT key <BEFORE | AFTER> pivot element
func linsert(tx *keyspace.Tx, a Args) reply.Reply {
	behind := is(a[2], "after")
	if !behind && !is(a[2], "before") {
		return reply.Syntax()
	}
	l, refusal := writeList(tx, a[1])
	if refusal != nil {
		return *refusal
	}
	if l.Len() == 0 {
		return reply.Int(0)
	}
	if !l.InsertBeside(a[3], behind, a[4]) {
		return reply.Int(-1)
	}
	return reply.Int(l.Len())
}

// LREM key count element
func lrem(tx *keyspace.Tx, a Args) reply.Reply {
	n, ok := parseInt(a[2])
	if !ok {
		return reply.NotInteger()
	}
	l, refusal := writeList(tx, a[1])
	if refusal != nil {
		return *refusal
	}
	return reply.Int(l.Remove(a[3], n))
}
