package commands

import (
	"math"
	"math/big"
	"strconv"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// numberRows are the commands that count in strings.
func numberRows() []Row {
	return []Row{
		{Name: "decr", Since: "1.0.0", Arity: 2, Flags: FlagWrite | FlagDenyOOM | FlagFast,
			Summary:    "Decrement the integer value of a key by one",
			Syntax:     "key:key",
			Complexity: "O(1)",
			Keys:       oneKey("RW access update"),
			Write:      decr},
		{Name: "decrby", Since: "1.0.0", Arity: 3, Flags: FlagWrite | FlagDenyOOM | FlagFast,
			Summary:    "Decrement the integer value of a key by the given number",
			Syntax:     "key:key decrement:integer",
			Complexity: "O(1)",
			Keys:       oneKey("RW access update"),
			Write:      decrBy},
		{Name: "incr", Since: "1.0.0", Arity: 2, Flags: FlagWrite | FlagDenyOOM | FlagFast,
			Summary:    "Increment the integer value of a key by one",
			Syntax:     "key:key",
			Complexity: "O(1)",
			Keys:       oneKey("RW access update"),
			Write:      incr},
		{Name: "incrby", Since: "1.0.0", Arity: 3, Flags: FlagWrite | FlagDenyOOM | FlagFast,
			Summary:    "Increment the integer value of a key by the given amount",
			Syntax:     "key:key increment:integer",
			Complexity: "O(1)",
			Keys:       oneKey("RW access update"),
			Write:      incrBy},
		{Name: "incrbyfloat", Since: "2.6.0", Arity: 3, Flags: FlagWrite | FlagDenyOOM | FlagFast,
			Summary:    "Increment the float value of a key by the given amount",
			Syntax:     "key:key increment:double",
			Complexity: "O(1)",
			Keys:       oneKey("RW access update"),
			Write:      incrByFloat},
	}
}

// INCR key
func incr(tx *keyspace.Tx, a Args) reply.Reply { return add(tx, a[1], 1) }

// DECR key
func decr(tx *keyspace.Tx, a Args) reply.Reply { return add(tx, a[1], -1) }

// INCRBY key increment
func incrBy(tx *keyspace.Tx, a Args) reply.Reply {
	delta, ok := parseInt(a[2])
	if !ok {
		return reply.NotInteger()
	}
	return add(tx, a[1], delta)
}

// DECRBY key decrement
func decrBy(tx *keyspace.Tx, a Args) reply.Reply {
	delta, ok := parseInt(a[2])
	if !ok {
		return reply.NotInteger()
	}
	if delta == math.MinInt64 {
		return reply.Error("ERR decrement would overflow")
	}
	return add(tx, a[1], -delta)
}

// add adds delta to the integer at key, which is 0 when it is missing.
func add(tx *keyspace.Tx, key []byte, delta int64) reply.Reply {
	old, found, refusal := lookString(&tx.View, key)
	if refusal != nil {
		return *refusal
	}
	n, ok := int64(0), true
	if found {
		n, ok = parseInt(old.Data)
	}
	if !ok {
		return reply.NotInteger()
	}
	sum := n + delta
	if (sum > n) != (delta > 0) && delta != 0 {
		return reply.Error("ERR increment or decrement would overflow")
	}
	var buf [20]byte
	tx.Set(key, strconv.AppendInt(buf[:0], sum, 10), old.ExpireAt, false)
	return reply.Int(sum)
}

// INCRBYFLOAT key increment
func incrByFloat(tx *keyspace.Tx, a Args) reply.Reply {
	old, found, refusal := lookString(&tx.View, a[1])
	if refusal != nil {
		return *refusal
	}
	x, ok := new(big.Float), true
	if found {
		x, ok = parseFloat(old.Data)
	}
	delta, deltaOK := parseFloat(a[2])
	if !ok || !deltaOK {
		return reply.NotFloat()
	}
	sum, ok := addFloats(x, delta)
	if !ok {
		return reply.Error("ERR increment would produce NaN or Infinity")
	}
	text := formatFloat(sum)
	tx.SetValue(a[1], keyspace.Value{Type: keyspace.TypeString, Text: true, ExpireAt: old.ExpireAt, Data: text})
	return reply.Bulk(text)
}
