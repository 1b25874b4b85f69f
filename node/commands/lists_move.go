package commands

import (
	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// listMoveRows are the commands that move an element from list to list.
func listMoveRows() []Row {
	return []Row{
		{Name: "lmove", Since: "6.2.0", Arity: 5, Flags: FlagWrite | FlagDenyOOM,
			Summary:    "Pop an element from a list, push it to another list and return it",
			Syntax:     "source:key destination:key1 wherefrom(LEFT|RIGHT) whereto(LEFT|RIGHT)",
			Complexity: "O(1)",
			Keys:       moveKeys(),
			Write:      lmove},
		{Name: "rpoplpush", Since: "1.2.0", Arity: 3, Flags: FlagWrite | FlagDenyOOM,
			Summary:    "Remove the last element in a list, prepend it to another list and return it",
			Syntax:     "source:key destination:key1",
			Complexity: "O(1)",
			Deprecated: Deprecation{Since: "6.2.0", ReplacedBy: "`LMOVE` with the `RIGHT` and `LEFT` arguments"},
			Keys:       moveKeys(),
			Write:      rpoplpush},
	}
}

// parseEnds reads the end to take from and the one to give to.
func parseEnds(words Args) (from, to keyspace.End, refusal *reply.Reply) {
	if from, refusal = parseEnd(words[0]); refusal == nil {
		to, refusal = parseEnd(words[1])
	}
	return from, to, refusal
}

// LMOVE source destination <LEFT | RIGHT> <LEFT | RIGHT>
func lmove(tx *keyspace.Tx, a Args) reply.Reply {
	from, to, refusal := parseEnds(a[3:])
	if refusal != nil {
		return *refusal
	}
	return moveElement(tx, a, from, to)
}

// RPOPLPUSH source destination
func rpoplpush(tx *keyspace.Tx, a Args) reply.Reply {
	return moveElement(tx, a, keyspace.Right, keyspace.Left)
}

// moveElement moves an element from an end of the list that a's first key names to one of the second's.
func moveElement(tx *keyspace.Tx, a Args, from, to keyspace.End) reply.Reply {
	source, refusal := writeList(tx, a[1])
	if refusal != nil {
		return *refusal
	}
	if source.Len() == 0 {
		return reply.Null()
	}
	if string(a[1]) == string(a[2]) {
		return reply.Bulk(source.Rotate(from, to))
	}
	destination, refusal := writeList(tx, a[2])
	if refusal != nil {
		return *refusal
	}
	value, _ := source.Pop(from)
	destination.Push(to, value)
	return reply.Bulk(value)
}
