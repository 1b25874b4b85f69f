package commands

import (
	"fmt"
	"math"

	"github.com/zeebo/xxh3"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// stringNewerRows are the commands on strings that came after Redis 7.0: clients of Redis 8.4 and of Valkey 9 use them
// to change a value only if it still is what they have seen.
func stringNewerRows() []Row {
	return []Row{
		{Name: "delex", Since: "8.4.0", Arity: -2, Flags: FlagWrite | FlagFast,
			Summary:    "Conditionally removes the specified key based on value or digest comparison.",
			Syntax:     "key:key condition(IFEQ=ifeq-value|IFNE=ifne-value|IFDEQ=ifdeq-digest|IFDNE=ifdne-digest)?",
			Complexity: "O(1) for IFEQ/IFNE, O(N) for IFDEQ/IFDNE where N is the length of the string value.",
			Keys:       oneKey("RW delete"),
			Write:      delEx},
		{Name: "delifeq", Since: "9.0.0", Arity: 3, Flags: FlagWrite,
			Summary:    "Deletes a key if it holds the given string.",
			Syntax:     "key:key value",
			Complexity: "O(1)",
			Keys:       oneKey("RW access delete"),
			Write:      delIfEq},
		{Name: "digest", Since: "8.4.0", Arity: 2, Flags: FlagReadonly | FlagFast,
			Summary:    "Returns the XXH3 hash of a string value.",
			Syntax:     "key:key",
			Complexity: "O(N) where N is the length of the string value.",
			Keys:       oneKey("RO access"),
			Read:       digest},
		{Name: "msetex", Since: "8.4.0", Arity: -4, Flags: FlagWrite | FlagDenyOOM | FlagMovableKeys,
			Summary:    "Atomically sets multiple string keys with an optional shared expiration in a single operation.",
			Syntax:     "numkeys:integer data(key:key value)* condition(NX|XX)? expiration(EX=seconds:integer|PX=milliseconds:integer|EXAT=unix-time-seconds:unix-time|PXAT=unix-time-milliseconds:unix-time|KEEPTTL)?",
			Complexity: "O(N) where N is the number of keys to set.",
			Keys:       []KeySpec{{Flags: "OW update", Index: 1, Step: 2, KeyNum: true, FirstKey: 1}},
			Write:      msetEx},
	}
}

// DELEX key [IFEQ value | IFNE value | IFDEQ digest | IFDNE digest]
func delEx(tx *keyspace.Tx, a Args) reply.Reply {
	switch len(a) {
	case 2:
		return del(tx, a)
	case 4:
		return delIf(tx, a[1], a[2:])
	default:
		return reply.WrongArity("delex")
	}
}

// delIf deletes the string at key if a condition holds. That a key is missing is said before anything is said of the
// condition, as redis-server does it.
func delIf(tx *keyspace.Tx, key []byte, words Args) reply.Reply {
	old, found := tx.Get(key)
	switch {
	case !found:
		return reply.Int(0)
	case old.Type != keyspace.TypeString:
		return reply.Error("ERR Key should be of string type if conditions are specified")
	}
	var c comparison
	if !c.read(words) {
		return reply.Error("ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE")
	}
	holds, refusal := c.holds(old.Data)
	switch {
	case refusal != nil:
		return *refusal
	case !holds:
		return reply.Int(0)
	}
	tx.Delete(key)
	return reply.Int(1)
}

// DELIFEQ key value
func delIfEq(tx *keyspace.Tx, a Args) reply.Reply {
	old, found, refusal := lookString(&tx.View, a[1])
	switch {
	case refusal != nil:
		return *refusal
	case !found || string(old.Data) != string(a[2]):
		return reply.Int(0)
	}
	tx.Delete(a[1])
	return reply.Int(1)
}

// DIGEST key
func digest(v *keyspace.View, a Args) reply.Reply {
	s, found, refusal := lookString(v, a[1])
	switch {
	case refusal != nil:
		return *refusal
	case !found:
		return reply.Null()
	}
	return reply.BulkString(digestOf(s.Data))
}

// digestSize is how many hexadecimal digits a digest has.
const digestSize = 16

// digestOf returns the digest of a string as clients are shown it: XXH3 of 64 bits with seed 0, in lower case, with all its zeros.
// Clients compute it themselves, so it cannot be another.
func digestOf(data []byte) string { return fmt.Sprintf("%016x", xxh3.Hash(data)) }

// comparison is a condition on the string that a key holds: that it is a certain one, or has a certain digest, or not.
type comparison struct {
	given  bool
	equal  bool // it holds when they are equal; otherwise when they are not
	digest bool // of digests, not of strings
	with   []byte
}

// read takes the option that words begins with and its value, and tells whether it could: only the last of equal
// options counts, different ones exclude each other.
func (c *comparison) read(words Args) bool {
	if len(words) < 2 {
		return false
	}
	next := comparison{given: true, with: words[1]}
	switch word := words[0]; {
	case is(word, "ifeq"):
		next.equal = true
	case is(word, "ifne"):
	case is(word, "ifdeq"):
		next.equal, next.digest = true, true
	case is(word, "ifdne"):
		next.digest = true
	default:
		return false
	}
	if c.given && (c.equal != next.equal || c.digest != next.digest) {
		return false
	}
	*c = next
	return true
}

// holds compares with a string that is there. Of a digest only the length is checked, as redis-server does it: one that is
// not hexadecimal equals none.
func (c *comparison) holds(data []byte) (holds bool, refusal *reply.Reply) {
	switch {
	case !c.digest:
		return (string(data) == string(c.with)) == c.equal, nil
	case len(c.with) != digestSize:
		return false, refuse(reply.Errorf("ERR must be exactly %d hexadecimal characters", digestSize))
	default:
		return is(c.with, digestOf(data)) == c.equal, nil
	}
}

// MSETEX numkeys key value [key value ...] [NX | XX] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]
func msetEx(tx *keyspace.Tx, a Args) reply.Reply {
	pairs, options, refusal := parsePairs(a)
	if refusal != nil {
		return *refusal
	}
	o, ok := parseSet(options)
	if !ok || o.returnOld || o.comparison.given {
		return reply.Syntax()
	}
	at, refusal := o.life.deadline(tx.Now(), "msetex")
	if refusal != nil {
		return *refusal
	}
	if !o.holdsForAll(tx, pairs) {
		return reply.Int(0)
	}
	for i := 0; i < len(pairs); i += 2 {
		if o.keepTTL {
			old, _ := tx.Get(pairs[i])
			at = old.ExpireAt
		}
		put(tx, pairs[i], pairs[i+1], at)
	}
	return reply.Int(1)
}

// parsePairs divides the words of MSETEX into keys with their values, and options.
func parsePairs(a Args) (pairs, options Args, refusal *reply.Reply) {
	n, ok := parseInt(a[1])
	words := a[2:]
	switch {
	case !ok || n < 1 || n > math.MaxInt32:
		return nil, nil, refuse(reply.Error("ERR invalid numkeys value"))
	case n > int64(len(words)/2):
		return nil, nil, refuse(reply.Error("ERR wrong number of key-value pairs"))
	}
	return words[:2*n], words[2*n:], nil
}

// holdsForAll tells whether the condition NX or XX holds for all keys of MSETEX.
func (o *setOptions) holdsForAll(tx *keyspace.Tx, pairs Args) bool {
	if !o.absent && !o.present {
		return true
	}
	for i := 0; i < len(pairs); i += 2 {
		if _, found := tx.Get(pairs[i]); found != o.present {
			return false
		}
	}
	return true
}
