package commands

import (
	"math/big"
	"strconv"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// hashNumberRows are the commands that count in fields.
func hashNumberRows(limits func() keyspace.PackLimits) []Row {
	return []Row{
		{Name: "hincrby", Since: "2.0.0", Arity: 4, Flags: FlagWrite | FlagDenyOOM | FlagFast,
			Summary:    "Increment the integer value of a hash field by the given number",
			Syntax:     "key:key field increment:integer",
			Complexity: "O(1)",
			Keys:       oneKey("RW access update"),
			Write:      hincrBy(limits)},
		{Name: "hincrbyfloat", Since: "2.6.0", Arity: 4, Flags: FlagWrite | FlagDenyOOM | FlagFast,
			Summary:    "Increment the float value of a hash field by the given amount",
			Syntax:     "key:key field increment:double",
			Complexity: "O(1)",
			Keys:       oneKey("RW access update"),
			Write:      hincrByFloat(limits)},
	}
}

// HINCRBY key field increment
func hincrBy(limits func() keyspace.PackLimits) func(*keyspace.Tx, Args) reply.Reply {
	return func(tx *keyspace.Tx, a Args) reply.Reply {
		delta, ok := parseInt(a[3])
		if !ok {
			return reply.NotInteger()
		}
		s, refusal := writeHash(tx, a[1])
		if refusal != nil {
			return *refusal
		}
		old, there := s.Get(a[2])
		n := int64(0)
		if there {
			n, ok = parseInt(old.Value)
		}
		if !ok {
			return reply.Error("ERR hash value is not an integer")
		}
		sum := n + delta
		if (sum > n) != (delta > 0) && delta != 0 {
			return reply.Error("ERR increment or decrement would overflow")
		}
		s.Set(a[2], strconv.AppendInt(nil, sum, 10), old.At, limits())
		return reply.Int(sum)
	}
}

// HINCRBYFLOAT key field increment
func hincrByFloat(limits func() keyspace.PackLimits) func(*keyspace.Tx, Args) reply.Reply {
	return func(tx *keyspace.Tx, a Args) reply.Reply {
		delta, ok := parseFloat(a[3])
		if !ok {
			return reply.NotFloat()
		}
		if delta.IsInf() {
			return reply.Error("ERR value is NaN or Infinity")
		}
		s, refusal := writeHash(tx, a[1])
		if refusal != nil {
			return *refusal
		}
		old, there := s.Get(a[2])
		x := new(big.Float)
		if there {
			x, ok = parseFloat(old.Value)
		}
		if !ok {
			return reply.Error("ERR hash value is not a float")
		}
		sum, ok := addFloats(x, delta)
		if !ok {
			return reply.Error("ERR increment would produce NaN or Infinity")
		}
		text := formatFloat(sum)
		s.Set(a[2], text, old.At, limits())
		return reply.Bulk(text)
	}
}
