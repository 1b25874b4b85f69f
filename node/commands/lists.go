package commands

import (
	"slices"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// listRows are the commands of the list group.
func listRows() []Row {
	rows := slices.Concat(listPushRows(), listPopRows(), listReadRows(), listEditRows(), listMoveRows(), listBlockRows())
	for i := range rows {
		rows[i].Group = "list"
		rows[i].Categories = []string{"list"}
	}
	return rows
}

// moveKeys says that the first word after the name is a key that something is taken from, and the second one that gets it.
func moveKeys() []KeySpec {
	return []KeySpec{{Flags: "RW access delete", Index: 1, Step: 1}, {Flags: "RW insert", Index: 2, Step: 1}}
}

// readList looks for the list at key; a key of another type is refused.
func readList(v *keyspace.View, key []byte) (l keyspace.List, refusal *reply.Reply) {
	l, ok := v.ReadList(key)
	if !ok {
		return l, refuse(reply.WrongType())
	}
	return l, nil
}

// writeList is readList for changing the list.
func writeList(tx *keyspace.Tx, key []byte) (l keyspace.List, refusal *reply.Reply) {
	l, ok := tx.WriteList(key)
	if !ok {
		return l, refuse(reply.WrongType())
	}
	return l, nil
}

// parseEnd reads LEFT or RIGHT.
func parseEnd(word []byte) (end keyspace.End, refusal *reply.Reply) {
	switch {
	case is(word, "left"):
		return keyspace.Left, nil
	case is(word, "right"):
		return keyspace.Right, nil
	default:
		return end, refuse(reply.Syntax())
	}
}

// parseAtLeast reads an integer that must not be less than least. text refuses everything else.
func parseAtLeast(word []byte, least int64, text string) (n int64, refusal *reply.Reply) {
	n, ok := parseInt(word)
	if !ok || n < least {
		return 0, refuse(reply.Error(text))
	}
	return n, nil
}

// notPositive is how Redis refuses most counts.
const notPositive = "ERR value is out of range, must be positive"

// listPushRows are the commands that add elements at an end.
func listPushRows() []Row {
	const each = "O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments."
	flags := FlagWrite | FlagDenyOOM | FlagFast
	return []Row{
		{Name: "lpush", Since: "1.0.0", Arity: -3, Flags: flags,
			Summary:    "Prepend one or multiple elements to a list",
			Syntax:     "key:key element*",
			Complexity: each,
			History:    []Change{{"2.4.0", "Accepts multiple `element` arguments."}},
			Keys:       oneKey("RW insert"),
			Write:      push(keyspace.Left, false)},
		{Name: "rpush", Since: "1.0.0", Arity: -3, Flags: flags,
			Summary:    "Append one or multiple elements to a list",
			Syntax:     "key:key element*",
			Complexity: each,
			History:    []Change{{"2.4.0", "Accepts multiple `element` arguments."}},
			Keys:       oneKey("RW insert"),
			Write:      push(keyspace.Right, false)},
		{Name: "lpushx", Since: "2.2.0", Arity: -3, Flags: flags,
			Summary:    "Prepend an element to a list, only if the list exists",
			Syntax:     "key:key element*",
			Complexity: each,
			History:    []Change{{"4.0.0", "Accepts multiple `element` arguments."}},
			Keys:       oneKey("RW insert"),
			Write:      push(keyspace.Left, true)},
		{Name: "rpushx", Since: "2.2.0", Arity: -3, Flags: flags,
			Summary:    "Append an element to a list, only if the list exists",
			Syntax:     "key:key element*",
			Complexity: each,
			History:    []Change{{"4.0.0", "Accepts multiple `element` arguments."}},
			Keys:       oneKey("RW insert"),
			Write:      push(keyspace.Right, true)},
	}
}

// LPUSH key element [element ...]
// RPUSH key element [element ...]
// LPUSHX key element [element ...]
// RPUSHX key element [element ...]
func push(end keyspace.End, existing bool) func(*keyspace.Tx, Args) reply.Reply {
	return func(tx *keyspace.Tx, a Args) reply.Reply {
		l, refusal := writeList(tx, a[1])
		if refusal != nil {
			return *refusal
		}
		if existing && l.Len() == 0 {
			return reply.Int(0)
		}
		for _, element := range a[2:] {
			l.Push(end, element)
		}
		return reply.Int(l.Len())
	}
}
