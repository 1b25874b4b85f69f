package commands

import (
	"bytes"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// listReadRows are the commands that read a list.
func listReadRows() []Row {
	return []Row{
		{Name: "llen", Since: "1.0.0", Arity: 2, Flags: FlagReadonly | FlagFast,
			Summary:    "Get the length of a list",
			Syntax:     "key:key",
			Complexity: "O(1)",
			Keys:       oneKey("RO"),
			Read:       llen},
		{Name: "lindex", Since: "1.0.0", Arity: 3, Flags: FlagReadonly,
			Summary:    "Get an element from a list by its index",
			Syntax:     "key:key index:integer",
			Complexity: "O(N) where N is the number of elements to traverse to get to the element at index. This makes asking for the first or the last element of the list O(1).",
			Keys:       oneKey("RO access"),
			Read:       lindex},
		{Name: "lrange", Since: "1.0.0", Arity: 4, Flags: FlagReadonly,
			Summary:    "Get a range of elements from a list",
			Syntax:     "key:key start:integer stop:integer",
			Complexity: "O(S+N) where S is the distance of start offset from HEAD for small lists, from nearest end (HEAD or TAIL) for large lists; and N is the number of elements in the specified range.",
			Keys:       oneKey("RO access"),
			Read:       lrange},
		{Name: "lpos", Since: "6.0.6", Arity: -3, Flags: FlagReadonly,
			Summary:    "Return the index of matching elements on a list",
			Syntax:     "key:key element RANK=rank:integer? COUNT=num-matches:integer? MAXLEN=len:integer?",
			Complexity: "O(N) where N is the number of elements in the list, for the average case. When searching for elements near the head or the tail of the list, or when the MAXLEN option is provided, the command may run in constant time.",
			Keys:       oneKey("RO access"),
			Read:       lpos},
	}
}

// LLEN key
func llen(v *keyspace.View, a Args) reply.Reply {
	l, refusal := readList(v, a[1])
	if refusal != nil {
		return *refusal
	}
	return reply.Int(l.Len())
}

// LINDEX key index
func lindex(v *keyspace.View, a Args) reply.Reply {
	l, refusal := readList(v, a[1])
	if refusal != nil {
		return *refusal
	}
	if l.Len() == 0 {
		return reply.Null()
	}
	i, ok := parseInt(a[2])
	if !ok {
		return reply.NotInteger()
	}
	value, found := l.Index(fromEnd(i, l.Len()))
	if !found {
		return reply.Null()
	}
	return reply.Bulk(value)
}

// fromEnd turns an index that is counted from the end, which is negative, into one from the beginning.
func fromEnd(i, size int64) int64 {
	if i < 0 {
		return i + size
	}
	return i
}

// LRANGE key start stop
func lrange(v *keyspace.View, a Args) reply.Reply {
	start, startOK := parseInt(a[2])
	stop, stopOK := parseInt(a[3])
	if !startOK || !stopOK {
		return reply.NotInteger()
	}
	l, refusal := readList(v, a[1])
	if refusal != nil {
		return *refusal
	}
	from, n := listSpan(start, stop, l.Len())
	if n >= feedFrom {
		return feedOf(reply.KindArray, l.Walk(from), n, false, reply.Bulk)
	}
	elems := reply.NewWords(n)
	l.Range(from, n, func(value []byte) bool {
		elems.Add(value)
		return true
	})
	return elems.Reply(reply.KindArray)
}

// listSpan returns the first index and the number of the elements from start to stop of a list: both included and, when negative, counted
// from the end.
func listSpan(start, stop, size int64) (from, n int64) {
	from = max(fromEnd(start, size), 0)
	stop = min(fromEnd(stop, size), size-1)
	if from > stop {
		return 0, 0
	}
	return from, stop - from + 1
}

// search is what LPOS is asked for.
type search struct {
	rank    int64 // of the first match to answer, counted from 1, in the direction of the search
	back    bool
	many    bool // all matches are answered in an array
	count   int64
	longest int64 // how many elements are looked at; 0: all
}

func parseSearch(words Args) (o search, refusal *reply.Reply) {
	o.rank = 1
	for ; len(words) > 0 && refusal == nil; words = words[2:] {
		switch {
		case len(words) == 1:
			return o, refuse(reply.Syntax())
		case is(words[0], "rank"):
			refusal = o.parseRank(words[1])
		case is(words[0], "count"):
			o.many = true
			o.count, refusal = parseAtLeast(words[1], 0, "ERR COUNT can't be negative")
		case is(words[0], "maxlen"):
			o.longest, refusal = parseAtLeast(words[1], 0, "ERR MAXLEN can't be negative")
		default:
			return o, refuse(reply.Syntax())
		}
	}
	return o, refusal
}

func (o *search) parseRank(word []byte) *reply.Reply {
	rank, ok := parseInt(word)
	switch {
	case !ok:
		return refuse(reply.NotInteger())
	case rank == 0:
		return refuse(reply.Error("ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... " +
			"or use negative to start from the end of the list"))
	}
	o.back = rank < 0
	o.rank = max(rank, -rank) // the least integer stays what it is, so that the first match will do, as in Redis
	return nil
}

// LPOS key element [RANK rank] [COUNT num-matches] [MAXLEN len]
func lpos(v *keyspace.View, a Args) reply.Reply {
	o, refusal := parseSearch(a[3:])
	if refusal != nil {
		return *refusal
	}
	l, refusal := readList(v, a[1])
	if refusal != nil {
		return *refusal
	}
	found := o.run(&l, a[2])
	switch {
	case o.many:
		return reply.Array(found...)
	case len(found) == 0:
		return reply.Null()
	default:
		return found[0]
	}
}

// run returns the indexes of the elements that are to be answered.
func (o *search) run(l *keyspace.List, element []byte) (found []reply.Reply) {
	i, step, walk := int64(0), int64(1), l.Range
	if o.back {
		i, step, walk = l.Len()-1, -1, l.RangeBack
	}
	most, matches := l.Len(), int64(0)
	if o.longest > 0 {
		most = min(o.longest, most)
	}
	walk(i, most, func(value []byte) bool {
		if bytes.Equal(value, element) {
			if matches++; matches >= o.rank {
				found = append(found, reply.Int(i))
			}
		}
		i += step
		return o.many && (o.count == 0 || int64(len(found)) < o.count) || !o.many && len(found) == 0
	})
	return found
}
