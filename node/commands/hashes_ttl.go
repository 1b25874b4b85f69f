package commands

import (
	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// hashTTLRows are the commands that ask when fields expire.
func hashTTLRows() []Row {
	return []Row{
		{Name: "hexpiretime", Since: "7.4.0", Arity: -5, Flags: FlagReadonly | FlagFast,
			Summary:    "Returns the expiration time of a hash field as a Unix timestamp, in seconds.",
			Syntax:     "key:key FIELDS=fields(numfields:integer field*)",
			Complexity: "O(N) where N is the number of specified fields",
			Keys:       oneKey("RO access"),
			Read:       fieldTimes(second, true)},
		{Name: "hpexpiretime", Since: "7.4.0", Arity: -5, Flags: FlagReadonly | FlagFast,
			Summary:    "Returns the expiration time of a hash field as a Unix timestamp, in msec.",
			Syntax:     "key:key FIELDS=fields(numfields:integer field*)",
			Complexity: "O(N) where N is the number of specified fields",
			Keys:       oneKey("RO access"),
			Read:       fieldTimes(millisecond, true)},
		{Name: "hpttl", Since: "7.4.0", Arity: -5, Flags: FlagReadonly | FlagFast,
			Summary:    "Returns the TTL in milliseconds of a hash field.",
			Syntax:     "key:key FIELDS=fields(numfields:integer field*)",
			Complexity: "O(N) where N is the number of specified fields",
			Tips:       []string{"nondeterministic_output"},
			Keys:       oneKey("RO access"),
			Read:       fieldTimes(millisecond, false)},
		{Name: "httl", Since: "7.4.0", Arity: -5, Flags: FlagReadonly | FlagFast,
			Summary:    "Returns the TTL in seconds of a hash field.",
			Syntax:     "key:key FIELDS=fields(numfields:integer field*)",
			Complexity: "O(N) where N is the number of specified fields",
			Tips:       []string{"nondeterministic_output"},
			Keys:       oneKey("RO access"),
			Read:       fieldTimes(second, false)},
	}
}

// HTTL key FIELDS numfields field [field ...]
// HPTTL key FIELDS numfields field [field ...]
// HEXPIRETIME key FIELDS numfields field [field ...]
// HPEXPIRETIME key FIELDS numfields field [field ...]
//
// A part of a unit counts as a whole one.
func fieldTimes(unit int64, absolute bool) func(*keyspace.View, Args) reply.Reply {
	return func(v *keyspace.View, a Args) reply.Reply {
		s, refusal := readHash(v, a[1])
		if refusal != nil {
			return *refusal
		}
		fields, refusal := parseFields(a[2:], "ERR Number of fields must be a positive integer")
		if refusal != nil {
			return *refusal
		}
		base := v.Now()
		if absolute {
			base = 0
		}
		return eachField(fields, func(name []byte) int64 {
			f, there := s.Get(name)
			switch {
			case !there:
				return fieldMissing
			case f.At == 0:
				return fieldNoExpiry
			}
			return (f.At - base + unit - 1) / unit
		})
	}
}
