package commands

import (
	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// fieldExpireMost is the last moment at which a field may expire: Redis keeps it in 46 bits.
const fieldExpireMost = 1<<46 - 1

// hashExpireRows are the commands that set or take away the time at which a field expires.
func hashExpireRows() []Row {
	return []Row{
		{Name: "hexpire", Since: "7.4.0", Arity: -6, Flags: FlagWrite | FlagFast,
			Summary:    "Set expiry for hash field using relative time to expire (seconds)",
			Syntax:     "key:key seconds:integer condition(NX|XX|GT|LT)? FIELDS=fields(numfields:integer field*)",
			Complexity: "O(N) where N is the number of specified fields",
			Keys:       oneKey("RW update"),
			Write:      hexpire("hexpire", second, false)},
		{Name: "hexpireat", Since: "7.4.0", Arity: -6, Flags: FlagWrite | FlagFast,
			Summary:    "Set expiry for hash field using an absolute Unix timestamp (seconds)",
			Syntax:     "key:key unix-time-seconds:unix-time condition(NX|XX|GT|LT)? FIELDS=fields(numfields:integer field*)",
			Complexity: "O(N) where N is the number of specified fields",
			Keys:       oneKey("RW update"),
			Write:      hexpire("hexpireat", second, true)},
		{Name: "hpersist", Since: "7.4.0", Arity: -5, Flags: FlagWrite | FlagFast,
			Summary:    "Removes the expiration time for each specified field",
			Syntax:     "key:key FIELDS=fields(numfields:integer field*)",
			Complexity: "O(N) where N is the number of specified fields",
			Keys:       oneKey("RW update"),
			Write:      hpersist},
		{Name: "hpexpire", Since: "7.4.0", Arity: -6, Flags: FlagWrite | FlagFast,
			Summary:    "Set expiry for hash field using relative time to expire (milliseconds)",
			Syntax:     "key:key milliseconds:integer condition(NX|XX|GT|LT)? FIELDS=fields(numfields:integer field*)",
			Complexity: "O(N) where N is the number of specified fields",
			Keys:       oneKey("RW update"),
			Write:      hexpire("hpexpire", millisecond, false)},
		{Name: "hpexpireat", Since: "7.4.0", Arity: -6, Flags: FlagWrite | FlagFast,
			Summary:    "Set expiry for hash field using an absolute Unix timestamp (milliseconds)",
			Syntax:     "key:key unix-time-milliseconds:unix-time condition(NX|XX|GT|LT)? FIELDS=fields(numfields:integer field*)",
			Complexity: "O(N) where N is the number of specified fields",
			Keys:       oneKey("RW update"),
			Write:      hexpire("hpexpireat", millisecond, true)},
	}
}

// What the commands on the expiry of fields answer for each.
const (
	fieldMissing  = -2
	fieldNoExpiry = -1
	fieldNotMet   = 0
	fieldDone     = 1
	fieldDeleted  = 2
)

// eachField answers with what fn says of each field of the hash at key.
func eachField(fields Args, fn func(name []byte) int64) reply.Reply {
	elems := make([]reply.Reply, len(fields))
	for i, name := range fields {
		elems[i] = reply.Int(fn(name))
	}
	return reply.Array(elems...)
}

// parseFields reads FIELDS, the number of fields and the fields, which are all words. badCount refuses a number that is none.
func parseFields(words Args, badCount string) (fields Args, refusal *reply.Reply) {
	if len(words) < 2 || !is(words[0], "fields") {
		return nil, refuse(reply.Error("ERR Mandatory argument FIELDS is missing or not at the right position"))
	}
	n, ok := parseInt(words[1])
	switch {
	case !ok || n < 1:
		return nil, refuse(reply.Error(badCount))
	case n != int64(len(words)-2):
		return nil, refuse(reply.Error("ERR The `numfields` parameter must match the number of arguments"))
	}
	return words[2:], nil
}

// fieldDeadline reads when a field is to expire: n units after base.
func fieldDeadline(word []byte, unit, base int64, command string) (at int64, refusal *reply.Reply) {
	n, ok := parseInt(word)
	if !ok {
		return 0, refuse(reply.NotInteger())
	}
	if n < 0 {
		return 0, refuse(reply.Error("ERR invalid expire time, must be >= 0"))
	}
	at, ok = moment(n, unit, base)
	if !ok || at > fieldExpireMost {
		return 0, refuse(invalidExpire(command))
	}
	return at, nil
}

// parseFieldExpire reads what stands behind the time of HEXPIRE.
func parseFieldExpire(words Args) (c expireCondition, fields Args, refusal *reply.Reply) {
	switch {
	case is(words[0], "nx"):
		c.none = true
	case is(words[0], "xx"):
		c.some = true
	case is(words[0], "gt"):
		c.earlier = true
	case is(words[0], "lt"):
		c.later = true
	}
	if c != (expireCondition{}) {
		words = words[1:]
	}
	fields, refusal = parseFields(words, "ERR Parameter `numFields` should be greater than 0")
	return c, fields, refusal
}

// HEXPIRE key seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]
// HPEXPIRE key milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]
// HEXPIREAT key unix-time-seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]
// HPEXPIREAT key unix-time-milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]
func hexpire(command string, unit int64, absolute bool) func(*keyspace.Tx, Args) reply.Reply {
	return func(tx *keyspace.Tx, a Args) reply.Reply {
		if _, refusal := readHash(&tx.View, a[1]); refusal != nil {
			return *refusal
		}
		base := tx.Now()
		if absolute {
			base = 0
		}
		at, refusal := fieldDeadline(a[2], unit, base, command)
		if refusal != nil {
			return *refusal
		}
		condition, fields, refusal := parseFieldExpire(a[3:])
		if refusal != nil {
			return *refusal
		}
		s, _ := writeHash(tx, a[1])
		return eachField(fields, func(name []byte) int64 {
			old, there := s.Get(name)
			switch {
			case !there:
				return fieldMissing
			case !condition.allows(old.At, at):
				return fieldNotMet
			}
			return expireField(tx, &s, name, at)
		})
	}
}

// expireField makes a field, which is there, expire at a Unix millisecond; when that is not in the future the field is removed at once.
func expireField(tx *keyspace.Tx, s *keyspace.Hash, name []byte, at int64) int64 {
	if at <= tx.Now() {
		s.Remove(name)
		return fieldDeleted
	}
	s.Expire(name, at)
	return fieldDone
}

// HPERSIST key FIELDS numfields field [field ...]
func hpersist(tx *keyspace.Tx, a Args) reply.Reply {
	if _, refusal := readHash(&tx.View, a[1]); refusal != nil {
		return *refusal
	}
	fields, refusal := parseFields(a[2:], "ERR Number of fields must be a positive integer")
	if refusal != nil {
		return *refusal
	}
	s, _ := writeHash(tx, a[1])
	return eachField(fields, func(name []byte) int64 {
		old, there := s.Get(name)
		switch {
		case !there:
			return fieldMissing
		case old.At == 0:
			return fieldNoExpiry
		}
		s.Expire(name, 0)
		return fieldDone
	})
}
