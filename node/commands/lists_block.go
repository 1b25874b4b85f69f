package commands

import (
	"time"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// listBlockRows are the commands that wait for a list.
func listBlockRows() []Row {
	double := []Change{{"6.0.0", "`timeout` is interpreted as a double instead of an integer."}}
	keys := []KeySpec{{Flags: "RW access delete", Index: 1, Last: -2, Step: 1}}
	return []Row{
		{Name: "blpop", Since: "2.0.0", Arity: -3, Flags: FlagWrite | FlagNoScript | FlagBlocking,
			Summary:    "Remove and get the first element in a list, or block until one is available",
			Syntax:     "key:key* timeout:double",
			Complexity: "O(N) where N is the number of provided keys.",
			History:    double,
			Keys:       keys,
			Write:      blockingPop(keyspace.Left),
			Wait:       Waiting{Blocks: blockForLast}},
		{Name: "brpop", Since: "2.0.0", Arity: -3, Flags: FlagWrite | FlagNoScript | FlagBlocking,
			Summary:    "Remove and get the last element in a list, or block until one is available",
			Syntax:     "key:key* timeout:double",
			Complexity: "O(N) where N is the number of provided keys.",
			History:    double,
			Keys:       keys,
			Write:      blockingPop(keyspace.Right),
			Wait:       Waiting{Blocks: blockForLast}},
		{Name: "blmove", Since: "6.2.0", Arity: 6, Flags: FlagWrite | FlagDenyOOM | FlagNoScript | FlagBlocking,
			Summary:    "Pop an element from a list, push it to another list and return it; or block until one is available",
			Syntax:     "source:key destination:key1 wherefrom(LEFT|RIGHT) whereto(LEFT|RIGHT) timeout:double",
			Complexity: "O(1)",
			Keys:       moveKeys(),
			Write:      lmove,
			Wait:       Waiting{Blocks: blockForMove}},
		{Name: "brpoplpush", Since: "2.2.0", Arity: 4, Flags: FlagWrite | FlagDenyOOM | FlagNoScript | FlagBlocking,
			Summary:    "Pop an element from a list, push it to another list and return it; or block until one is available",
			Syntax:     "source:key destination:key1 timeout:double",
			Complexity: "O(1)",
			History:    double,
			Deprecated: Deprecation{Since: "6.2.0", ReplacedBy: "`BLMOVE` with the `RIGHT` and `LEFT` arguments"},
			Keys:       moveKeys(),
			Write:      rpoplpush,
			Wait:       Waiting{Blocks: blockForLast}},
		{Name: "blmpop", Since: "7.0.0", Arity: -5, Flags: FlagWrite | FlagBlocking | FlagMovableKeys,
			Summary:    "Pop elements from a list, or block until one is available",
			Syntax:     "timeout:double numkeys:integer key:key* where(LEFT|RIGHT) COUNT=count:integer?",
			Complexity: "O(N+M) where N is the number of provided keys and M is the number of elements returned.",
			Keys:       []KeySpec{{Flags: "RW access delete", Index: 2, KeyNum: true, FirstKey: 1, Step: 1}},
			Write:      blmpop,
			Wait:       Waiting{Blocks: blockForSome}},
	}
}

// blockForLast reads the timeout that is the last word.
func blockForLast(a Args) (time.Duration, *reply.Reply) { return blockSeconds(a[len(a)-1]) }

// blockForMove reads the words of BLMOVE.
func blockForMove(a Args) (time.Duration, *reply.Reply) {
	if _, _, refusal := parseEnds(a[3:]); refusal != nil {
		return 0, refusal
	}
	return blockForLast(a)
}

// blockForSome reads the words of BLMPOP.
func blockForSome(a Args) (time.Duration, *reply.Reply) {
	timeout, refusal := blockSeconds(a[1])
	if refusal == nil {
		_, refusal = parsePopping(a[2:])
	}
	return timeout, refusal
}

// BLPOP key [key ...] timeout
// BRPOP key [key ...] timeout
func blockingPop(end keyspace.End) func(*keyspace.Tx, Args) reply.Reply {
	return func(tx *keyspace.Tx, a Args) reply.Reply {
		for _, key := range a[1 : len(a)-1] {
			l, refusal := writeList(tx, key)
			if refusal != nil {
				return *refusal
			}
			if value, found := l.Pop(end); found {
				return reply.Array(reply.Bulk(copied(key)), reply.Bulk(value))
			}
		}
		return reply.NullArray()
	}
}

// BLMPOP timeout numkeys key [key ...] <LEFT | RIGHT> [COUNT count]
func blmpop(tx *keyspace.Tx, a Args) reply.Reply { return lmpop(tx, a[1:]) }
