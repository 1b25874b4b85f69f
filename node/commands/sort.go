package commands

import (
	"bytes"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// sortRows are SORT and its variant that only reads. clustered tells whether the node is part of a cluster, where a pattern may name keys
// of other nodes.
func sortRows(clustered func() bool) []Row {
	const complexity = "O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M the number of returned elements. When the elements are not sorted, complexity is O(N)."
	const words = "key:key BY=pattern:pattern1? LIMIT=offset_count(offset:integer count:integer)? GET=pattern:pattern1?*+ order(ASC|DESC)? ALPHA=sorting:pure-token?"
	categories := []string{"set", "sortedset", "list", "dangerous"}
	return []Row{
		{Name: "sort", Group: "generic", Since: "1.0.0", Arity: -2, Flags: FlagWrite | FlagDenyOOM | FlagMovableKeys,
			Summary:    "Sort the elements in a list, set or sorted set",
			Syntax:     words + " STORE=destination:key2?",
			Complexity: complexity,
			Categories: categories,
			Keys:       append(sortKeys(), KeySpec{Flags: "OW update", Notes: storeNotes, Find: findStore}),
			Write:      sortAndStore(clustered)},
		{Name: "sort_ro", Group: "generic", Since: "7.0.0", Arity: -2, Flags: FlagReadonly | FlagMovableKeys,
			Summary:    "Sort the elements in a list, set or sorted set. Read-only variant of SORT.",
			Syntax:     words,
			Complexity: complexity,
			Categories: categories,
			Keys:       sortKeys(),
			Read:       sortReadonly(clustered)},
	}
}

// sortKeys are the keys that SORT and SORT_RO read. Which the patterns name nobody knows beforehand.
func sortKeys() []KeySpec {
	return []KeySpec{{Flags: "RO access", Index: 1, Step: 1},
		{Flags: "RO access", Notes: patternNotes, Find: func(Args) int { return 0 }}}
}

// findStore returns the index of the key behind the last STORE option.
func findStore(a Args) (at int) {
	for i := 2; i < len(a); i++ {
		switch {
		case is(a[i], "limit"):
			i += 2
		case is(a[i], "get"), is(a[i], "by"):
			i++
		case is(a[i], "store") && i+1 < len(a):
			i++
			at = i
		}
	}
	return at
}

const patternNotes = "For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from the content of the key we sort"

const storeNotes = "For the optional STORE keyword. It is marked 'unknown' because the keyword can appear anywhere in the argument array"

// sorting is what SORT is asked for.
type sorting struct {
	by           []byte // the pattern of the keys to sort by; nil: the elements themselves
	gets         [][]byte
	start, count int64 // count is negative for all
	desc, alpha  bool
	unsorted     bool
	store        []byte // nil: nowhere
}

// parseSort reads the options of SORT, which may have a STORE option, or of SORT_RO.
func parseSort(words Args, mayStore, clustered bool) (o sorting, refusal *reply.Reply) {
	o.count = -1
	for len(words) > 0 {
		n := 0
		if n, refusal = o.take(words, mayStore, clustered); refusal != nil {
			return o, refusal
		}
		words = words[n:]
	}
	return o, nil
}

// take reads the option that words begins with, and returns of how many words it is.
func (o *sorting) take(words Args, mayStore, clustered bool) (n int, refusal *reply.Reply) {
	more := len(words) - 1
	switch word := words[0]; {
	case is(word, "asc"):
		o.desc = false
		return 1, nil
	case is(word, "desc"):
		o.desc = true
		return 1, nil
	case is(word, "alpha"):
		o.alpha = true
		return 1, nil
	case is(word, "limit") && more >= 2:
		return 3, o.parseLimit(words[1], words[2])
	case is(word, "store") && more >= 1 && mayStore:
		o.store = words[1]
		return 2, nil
	case is(word, "by") && more >= 1:
		return 2, o.parseBy(words[1], clustered)
	case is(word, "get") && more >= 1:
		if clustered {
			return 0, refuse(reply.Error("ERR GET option of SORT denied in Cluster mode."))
		}
		o.gets = append(o.gets, words[1])
		return 2, nil
	default:
		return 0, refuse(reply.Syntax())
	}
}

func (o *sorting) parseLimit(start, count []byte) *reply.Reply {
	var startOK, countOK bool
	o.start, startOK = parseInt(start)
	o.count, countOK = parseInt(count)
	if !startOK || !countOK {
		return refuse(reply.NotInteger())
	}
	return nil
}

// parseBy reads what to sort by: a word that is no pattern means that nothing is sorted.
func (o *sorting) parseBy(word []byte, clustered bool) *reply.Reply {
	o.by = word
	if !bytes.ContainsRune(word, '*') {
		o.unsorted = true
		return nil
	}
	if clustered {
		return refuse(reply.Error("ERR BY option of SORT denied in Cluster mode."))
	}
	return nil
}

// SORT key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA] [STORE destination]
func sortAndStore(clustered func() bool) func(*keyspace.Tx, Args) reply.Reply {
	return func(tx *keyspace.Tx, a Args) reply.Reply {
		o, refusal := parseSort(a[2:], true, clustered())
		if refusal != nil {
			return *refusal
		}
		values, refusal := o.run(&tx.View, a[1])
		switch {
		case refusal != nil:
			return *refusal
		case o.store == nil:
			return sortedReply(values)
		}
		tx.Delete(o.store)
		l, _ := tx.WriteList(o.store)
		for _, value := range values {
			l.Push(keyspace.Right, value)
		}
		return reply.Int(int64(len(values)))
	}
}

// SORT_RO key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA]
func sortReadonly(clustered func() bool) func(*keyspace.View, Args) reply.Reply {
	return func(v *keyspace.View, a Args) reply.Reply {
		o, refusal := parseSort(a[2:], false, clustered())
		if refusal != nil {
			return *refusal
		}
		values, refusal := o.run(v, a[1])
		if refusal != nil {
			return *refusal
		}
		return sortedReply(values)
	}
}

// sortedReply answers values, of which some may be nil.
func sortedReply(values [][]byte) reply.Reply {
	return listReply(reply.KindArray, len(values), func(i int) reply.Reply {
		if values[i] == nil {
			return reply.Null()
		}
		return reply.Bulk(values[i])
	})
}
