package commands

import (
	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// listPopRows are the commands that take elements from an end.
func listPopRows() []Row {
	return []Row{
		{Name: "lpop", Since: "1.0.0", Arity: -2, Flags: FlagWrite | FlagFast,
			Summary:    "Remove and get the first elements in a list",
			Syntax:     "key:key count:integer?~6.2.0",
			Complexity: "O(N) where N is the number of elements returned",
			History:    []Change{{"6.2.0", "Added the `count` argument."}},
			Keys:       oneKey("RW access delete"),
			Write:      pop(keyspace.Left, "lpop")},
		{Name: "rpop", Since: "1.0.0", Arity: -2, Flags: FlagWrite | FlagFast,
			Summary:    "Remove and get the last elements in a list",
			Syntax:     "key:key count:integer?~6.2.0",
			Complexity: "O(N) where N is the number of elements returned",
			History:    []Change{{"6.2.0", "Added the `count` argument."}},
			Keys:       oneKey("RW access delete"),
			Write:      pop(keyspace.Right, "rpop")},
		{Name: "lmpop", Since: "7.0.0", Arity: -4, Flags: FlagWrite | FlagMovableKeys,
			Summary:    "Pop elements from a list",
			Syntax:     "numkeys:integer key:key* where(LEFT|RIGHT) COUNT=count:integer?",
			Complexity: "O(N+M) where N is the number of provided keys and M is the number of elements returned.",
			Keys:       []KeySpec{{Flags: "RW access delete", Index: 1, KeyNum: true, FirstKey: 1, Step: 1}},
			Write:      lmpop},
	}
}

// LPOP key [count]
// RPOP key [count]
func pop(end keyspace.End, name string) func(*keyspace.Tx, Args) reply.Reply {
	return func(tx *keyspace.Tx, a Args) reply.Reply {
		switch len(a) {
		case 2:
			return popOne(tx, a[1], end)
		case 3:
			return popSome(tx, a[1], end, a[2])
		default:
			return reply.WrongArity(name)
		}
	}
}

func popOne(tx *keyspace.Tx, key []byte, end keyspace.End) reply.Reply {
	l, refusal := writeList(tx, key)
	if refusal != nil {
		return *refusal
	}
	value, found := l.Pop(end)
	if !found {
		return reply.Null()
	}
	return reply.Bulk(value)
}

func popSome(tx *keyspace.Tx, key []byte, end keyspace.End, count []byte) reply.Reply {
	n, refusal := parseAtLeast(count, 0, notPositive)
	if refusal != nil {
		return *refusal
	}
	l, refusal := writeList(tx, key)
	if refusal != nil {
		return *refusal
	}
	if l.Len() == 0 {
		return reply.NullArray()
	}
	return takeFrom(&l, end, n)
}

// takeFrom takes n elements, or as many as there are, from an end of a list, and answers them.
func takeFrom(l *keyspace.List, end keyspace.End, n int64) reply.Reply {
	taken := wordsOf(l, end, n)
	l.Drop(end, n)
	return wordsReply(reply.KindArray, taken)
}

// wordsOf returns n elements, or as many as there are, from an end of a list inwards.
func wordsOf(l *keyspace.List, end keyspace.End, n int64) [][]byte {
	n = min(n, l.Len())
	elems := make([][]byte, 0, n)
	gather := func(value []byte) bool {
		elems = append(elems, value)
		return true
	}
	if end == keyspace.Left {
		l.Range(0, n, gather)
	} else {
		l.RangeBack(l.Len()-1, n, gather)
	}
	return elems
}

// popping is what LMPOP and BLMPOP are asked for.
type popping struct {
	keys  Args
	end   keyspace.End
	count int64
}

// parsePopping reads numkeys and what follows.
func parsePopping(words Args) (p popping, refusal *reply.Reply) {
	n, refusal := parseAtLeast(words[0], 1, "ERR numkeys should be greater than 0")
	if refusal != nil {
		return p, refusal
	}
	if n > int64(len(words)-2) {
		return p, refuse(reply.Syntax())
	}
	p.keys, p.count = words[1:1+n], 1
	if p.end, refusal = parseEnd(words[1+n]); refusal != nil {
		return p, refusal
	}
	switch rest := words[2+n:]; {
	case len(rest) == 0:
		return p, nil
	case len(rest) >= 2 && is(rest[0], "count"):
		p.count, refusal = parseAtLeast(rest[1], 1, "ERR count should be greater than 0")
		if refusal == nil && len(rest) > 2 {
			refusal = refuse(reply.Syntax())
		}
		return p, refusal
	default:
		return p, refuse(reply.Syntax())
	}
}

// LMPOP numkeys key [key ...] <LEFT | RIGHT> [COUNT count]
func lmpop(tx *keyspace.Tx, a Args) reply.Reply {
	p, refusal := parsePopping(a[1:])
	if refusal != nil {
		return *refusal
	}
	return p.pop(tx)
}

// pop takes elements from the first list that has some.
func (p *popping) pop(tx *keyspace.Tx) reply.Reply {
	for _, key := range p.keys {
		l, refusal := writeList(tx, key)
		if refusal != nil {
			return *refusal
		}
		if l.Len() > 0 {
			return reply.Array(reply.Bulk(copied(key)), takeFrom(&l, p.end, p.count))
		}
	}
	return reply.NullArray()
}
