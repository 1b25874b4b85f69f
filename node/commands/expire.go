package commands

import (
	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// expireRows are the commands that set or take away the time at which a key expires.
func expireRows() []Row {
	return []Row{
		{Name: "expire", Since: "1.0.0", Arity: -3, Flags: FlagWrite | FlagFast,
			Summary:    "Set a key's time to live in seconds",
			Syntax:     "key:key seconds:integer condition(NX|XX|GT|LT)?~7.0.0",
			Complexity: "O(1)",
			History:    []Change{{"7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`."}},
			Keys:       oneKey("RW update"),
			Write:      expire("expire", second, false)},
		{Name: "expireat", Since: "1.2.0", Arity: -3, Flags: FlagWrite | FlagFast,
			Summary:    "Set the expiration for a key as a UNIX timestamp",
			Syntax:     "key:key unix-time-seconds:unix-time condition(NX|XX|GT|LT)?~7.0.0",
			Complexity: "O(1)",
			History:    []Change{{"7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`."}},
			Keys:       oneKey("RW update"),
			Write:      expire("expireat", second, true)},
		{Name: "persist", Since: "2.2.0", Arity: 2, Flags: FlagWrite | FlagFast,
			Summary:    "Remove the expiration from a key",
			Syntax:     "key:key",
			Complexity: "O(1)",
			Keys:       oneKey("RW update"),
			Write:      persist},
		{Name: "pexpire", Since: "2.6.0", Arity: -3, Flags: FlagWrite | FlagFast,
			Summary:    "Set a key's time to live in milliseconds",
			Syntax:     "key:key milliseconds:integer condition(NX|XX|GT|LT)?~7.0.0",
			Complexity: "O(1)",
			History:    []Change{{"7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`."}},
			Keys:       oneKey("RW update"),
			Write:      expire("pexpire", millisecond, false)},
		{Name: "pexpireat", Since: "2.6.0", Arity: -3, Flags: FlagWrite | FlagFast,
			Summary:    "Set the expiration for a key as a UNIX timestamp specified in milliseconds",
			Syntax:     "key:key unix-time-milliseconds:unix-time condition(NX|XX|GT|LT)?~7.0.0",
			Complexity: "O(1)",
			History:    []Change{{"7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`."}},
			Keys:       oneKey("RW update"),
			Write:      expire("pexpireat", millisecond, true)},
	}
}

// expireCondition is when an expiry may be changed: as it is none (NX), is some (XX), is earlier (GT), is later (LT).
type expireCondition struct{ none, some, earlier, later bool }

func parseExpire(words Args) (c expireCondition, refusal *reply.Reply) {
	for _, word := range words {
		switch {
		case is(word, "nx"):
			c.none = true
		case is(word, "xx"):
			c.some = true
		case is(word, "gt"):
			c.earlier = true
		case is(word, "lt"):
			c.later = true
		default:
			return c, refuse(reply.Errorf("ERR Unsupported option %s", word))
		}
	}
	if c.none && (c.some || c.earlier || c.later) {
		return c, refuse(reply.Error("ERR NX and XX, GT or LT options at the same time are not compatible"))
	}
	if c.earlier && c.later {
		return c, refuse(reply.Error("ERR GT and LT options at the same time are not compatible"))
	}
	return c, nil
}

// allows tells whether an expiry may change from old, 0 for never, to at. Never is later than any time.
func (c expireCondition) allows(old, at int64) bool {
	switch {
	case c.none && old != 0, c.some && old == 0:
		return false
	case c.earlier:
		return old != 0 && at > old
	case c.later:
		return old == 0 || at < old
	default:
		return true
	}
}

// EXPIRE key seconds [NX | XX | GT | LT]
// PEXPIRE key milliseconds [NX | XX | GT | LT]
// EXPIREAT key unix-time-seconds [NX | XX | GT | LT]
// PEXPIREAT key unix-time-milliseconds [NX | XX | GT | LT]
func expire(command string, unit int64, absolute bool) func(*keyspace.Tx, Args) reply.Reply {
	return func(tx *keyspace.Tx, a Args) reply.Reply {
		condition, refusal := parseExpire(a[3:])
		if refusal != nil {
			return *refusal
		}
		n, ok := parseInt(a[2])
		if !ok {
			return reply.NotInteger()
		}
		base := tx.Now()
		if absolute {
			base = 0
		}
		at, ok := moment(n, unit, base)
		if !ok {
			return invalidExpire(command)
		}
		value, found := tx.Get(a[1])
		if !found || !condition.allows(value.ExpireAt, at) {
			return reply.Int(0)
		}
		expireAt(tx, a[1], at)
		return reply.Int(1)
	}
}

// expireAt makes key expire at a Unix millisecond; when that is not in the future the key is removed at once.
func expireAt(tx *keyspace.Tx, key []byte, at int64) {
	if at <= tx.Now() {
		tx.Delete(key)
		return
	}
	tx.Expire(key, at)
}

// PERSIST key
func persist(tx *keyspace.Tx, a Args) reply.Reply {
	return reply.Bool01(tx.Persist(a[1]))
}
