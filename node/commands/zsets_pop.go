package commands

import (
	"bytes"
	"time"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// zsetPopRows are the commands that take members out by rank and answer them.
func zsetPopRows() []Row {
	return []Row{
		{Name: "zmpop", Since: "7.0.0", Arity: -4, Flags: FlagWrite | FlagMovableKeys,
			Summary:    "Remove and return members with scores in a sorted set",
			Syntax:     "numkeys:integer key:key* where(MIN|MAX) COUNT=count:integer?",
			Complexity: "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of elements in the sorted set, and M being the number of elements popped.",
			Keys:       []KeySpec{{Flags: "RW access delete", Index: 1, KeyNum: true, FirstKey: 1, Step: 1}},
			Write:      zmpop},
		{Name: "zpopmax", Since: "5.0.0", Arity: -2, Flags: FlagWrite | FlagFast,
			Summary:    "Remove and return members with the highest scores in a sorted set",
			Syntax:     "key:key count:integer?",
			Complexity: "O(log(N)*M) with N being the number of elements in the sorted set, and M being the number of elements popped.",
			Keys:       oneKey("RW access delete"),
			Write:      zpop(true)},
		{Name: "zpopmin", Since: "5.0.0", Arity: -2, Flags: FlagWrite | FlagFast,
			Summary:    "Remove and return members with the lowest scores in a sorted set",
			Syntax:     "key:key count:integer?",
			Complexity: "O(log(N)*M) with N being the number of elements in the sorted set, and M being the number of elements popped.",
			Keys:       oneKey("RW access delete"),
			Write:      zpop(false)},
	}
}

// zsetBlockRows are those of them that wait until there is something.
func zsetBlockRows() []Row {
	return []Row{
		{Name: "bzmpop", Since: "7.0.0", Arity: -5, Flags: FlagWrite | FlagBlocking | FlagMovableKeys,
			Summary:    "Remove and return members with scores in a sorted set or block until one is available",
			Syntax:     "timeout:double numkeys:integer key:key* where(MIN|MAX) COUNT=count:integer?",
			Complexity: "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of elements in the sorted set, and M being the number of elements popped.",
			Keys:       []KeySpec{{Flags: "RW access delete", Index: 2, KeyNum: true, FirstKey: 1, Step: 1}},
			Wait:       Waiting{Blocks: bzmpopBlocks}, Write: bzmpop},
		{Name: "bzpopmax", Since: "5.0.0", Arity: -3, Flags: FlagWrite | FlagNoScript | FlagBlocking | FlagFast,
			Summary:    "Remove and return the member with the highest score from one or more sorted sets, or block until one is available",
			Syntax:     "key:key* timeout:double",
			Complexity: "O(log(N)) with N being the number of elements in the sorted set.",
			History:    []Change{{"6.0.0", "`timeout` is interpreted as a double instead of an integer."}},
			Keys:       []KeySpec{{Flags: "RW access delete", Index: 1, Last: -2, Step: 1}},
			Wait:       Waiting{Blocks: lastWordBlocks}, Write: bzpop(true)},
		{Name: "bzpopmin", Since: "5.0.0", Arity: -3, Flags: FlagWrite | FlagNoScript | FlagBlocking | FlagFast,
			Summary:    "Remove and return the member with the lowest score from one or more sorted sets, or block until one is available",
			Syntax:     "key:key* timeout:double",
			Complexity: "O(log(N)) with N being the number of elements in the sorted set.",
			History:    []Change{{"6.0.0", "`timeout` is interpreted as a double instead of an integer."}},
			Keys:       []KeySpec{{Flags: "RW access delete", Index: 1, Last: -2, Step: 1}},
			Wait:       Waiting{Blocks: lastWordBlocks}, Write: bzpop(false)},
	}
}

// ZPOPMIN key [count]
// ZPOPMAX key [count]
func zpop(most bool) func(*keyspace.Tx, Args) reply.Reply {
	return func(tx *keyspace.Tx, a Args) reply.Reply {
		if len(a) > 3 {
			return reply.Syntax()
		}
		count := int64(1)
		if len(a) == 3 {
			n, ok := parseInt(a[2])
			if !ok || n < 0 {
				return reply.Error("ERR value is out of range, must be positive")
			}
			count = n
		}
		z, refusal := openZSet(tx, a[1])
		if refusal != nil {
			return *refusal
		}
		members := z.Pop(count, most)
		if len(a) == 3 || len(members) == 0 {
			return membersReply(members, true)
		}
		return reply.Array(reply.Bulk(members[0].Name), reply.Double(members[0].Score))
	}
}

// zpopping is what ZMPOP is told.
type zpopping struct {
	keys  Args
	most  bool
	count int64
}

// parseZMPop reads numkeys key [key ...] MIN | MAX [COUNT count].
func parseZMPop(words Args) (p zpopping, refusal *reply.Reply) {
	n, ok := parseInt(words[0])
	if !ok || n < 1 {
		return p, refuse(reply.Error("ERR numkeys should be greater than 0"))
	}
	if n >= int64(len(words)-1) {
		return p, refuse(reply.Syntax())
	}
	p.keys, words = words[1:1+n], words[1+n:]
	switch {
	case is(words[0], "min"):
	case is(words[0], "max"):
		p.most = true
	default:
		return p, refuse(reply.Syntax())
	}
	for words = words[1:]; len(words) > 0; words = words[2:] {
		if p.count > 0 || len(words) == 1 || !is(words[0], "count") {
			return p, refuse(reply.Syntax())
		}
		if p.count, ok = parseInt(words[1]); !ok || p.count < 1 {
			return p, refuse(reply.Error("ERR count should be greater than 0"))
		}
	}
	p.count = max(p.count, 1)
	return p, nil
}

// pop takes members out of the first key that has any.
func (p *zpopping) pop(tx *keyspace.Tx) reply.Reply {
	for _, key := range p.keys {
		z, refusal := openZSet(tx, key)
		if refusal != nil {
			return *refusal
		}
		if z.There() {
			return keyAndMembers(key, z.Pop(p.count, p.most))
		}
	}
	return reply.NullArray()
}

// ZMPOP numkeys key [key ...] MIN | MAX [COUNT count]
func zmpop(tx *keyspace.Tx, a Args) reply.Reply {
	p, refusal := parseZMPop(a[1:])
	if refusal != nil {
		return *refusal
	}
	return p.pop(tx)
}

// BZMPOP timeout numkeys key [key ...] MIN | MAX [COUNT count]
func bzmpop(tx *keyspace.Tx, a Args) reply.Reply {
	p, refusal := parseZMPop(a[2:])
	if refusal != nil {
		return *refusal
	}
	return p.pop(tx)
}

func bzmpopBlocks(a Args) (time.Duration, *reply.Reply) {
	timeout, refusal := blockSeconds(a[1])
	if refusal == nil {
		_, refusal = parseZMPop(a[2:])
	}
	return timeout, refusal
}

// BZPOPMIN key [key ...] timeout
// BZPOPMAX key [key ...] timeout
func bzpop(most bool) func(*keyspace.Tx, Args) reply.Reply {
	return func(tx *keyspace.Tx, a Args) reply.Reply {
		for _, key := range a[1 : len(a)-1] {
			z, refusal := openZSet(tx, key)
			if refusal != nil {
				return *refusal
			}
			if members := z.Pop(1, most); len(members) > 0 {
				m := members[0]
				return reply.Array(reply.Bulk(bytes.Clone(key)), reply.Bulk(m.Name), reply.Double(m.Score))
			}
		}
		return reply.NullArray()
	}
}

// lastWordBlocks is Waiting.Blocks of a command whose last word is the timeout.
func lastWordBlocks(a Args) (time.Duration, *reply.Reply) { return blockSeconds(a[len(a)-1]) }
