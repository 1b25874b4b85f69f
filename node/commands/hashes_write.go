package commands

import (
	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// hashWriteRows are the commands that set and remove fields.
func hashWriteRows(limits func() keyspace.PackLimits) []Row {
	return []Row{
		{Name: "hdel", Since: "2.0.0", Arity: -3, Flags: FlagWrite | FlagFast,
			Summary:    "Delete one or more hash fields",
			Syntax:     "key:key field*",
			Complexity: "O(N) where N is the number of fields to be removed.",
			History:    []Change{{"2.4.0", "Accepts multiple `field` arguments."}},
			Keys:       oneKey("RW delete"),
			Write:      hdel},
		{Name: "hmset", Since: "2.0.0", Arity: -4, Flags: FlagWrite | FlagDenyOOM | FlagFast,
			Summary:    "Set multiple hash fields to multiple values",
			Syntax:     "key:key field_value(field value)*",
			Complexity: "O(N) where N is the number of fields being set.",
			Deprecated: Deprecation{Since: "4.0.0", ReplacedBy: "`HSET` with multiple field-value pairs"},
			Keys:       oneKey("RW update"),
			Write:      hmset(limits)},
		{Name: "hset", Since: "2.0.0", Arity: -4, Flags: FlagWrite | FlagDenyOOM | FlagFast,
			Summary:    "Set the string value of a hash field",
			Syntax:     "key:key field_value(field value)*",
			Complexity: "O(1) for each field/value pair added, so O(N) to add N field/value pairs when the command is called with multiple field/value pairs.",
			History:    []Change{{"4.0.0", "Accepts multiple `field` and `value` arguments."}},
			Keys:       oneKey("RW update"),
			Write:      hset(limits)},
		{Name: "hsetnx", Since: "2.0.0", Arity: 4, Flags: FlagWrite | FlagDenyOOM | FlagFast,
			Summary:    "Set the value of a hash field, only if the field does not exist",
			Syntax:     "key:key field value",
			Complexity: "O(1)",
			Keys:       oneKey("RW insert"),
			Write:      hsetNX(limits)},
	}
}

// setFields sets the fields and values of HSET or HMSET, and returns how many of them are new.
func setFields(tx *keyspace.Tx, a Args, command string, limits keyspace.PackLimits) (fresh int64, refusal *reply.Reply) {
	if len(a)%2 == 1 {
		return 0, refuse(reply.WrongArity(command))
	}
	s, refusal := writeHash(tx, a[1])
	if refusal != nil {
		return 0, refusal
	}
	for i := 2; i < len(a); i += 2 {
		if s.Set(a[i], a[i+1], 0, limits) {
			fresh++
		}
	}
	return fresh, nil
}

// HSET key field value [field value ...]
func hset(limits func() keyspace.PackLimits) func(*keyspace.Tx, Args) reply.Reply {
	return func(tx *keyspace.Tx, a Args) reply.Reply {
		fresh, refusal := setFields(tx, a, "hset", limits())
		if refusal != nil {
			return *refusal
		}
		return reply.Int(fresh)
	}
}

// HMSET key field value [field value ...]
func hmset(limits func() keyspace.PackLimits) func(*keyspace.Tx, Args) reply.Reply {
	return func(tx *keyspace.Tx, a Args) reply.Reply {
		if _, refusal := setFields(tx, a, "hmset", limits()); refusal != nil {
			return *refusal
		}
		return reply.OK()
	}
}

// HSETNX key field value
func hsetNX(limits func() keyspace.PackLimits) func(*keyspace.Tx, Args) reply.Reply {
	return func(tx *keyspace.Tx, a Args) reply.Reply {
		s, refusal := writeHash(tx, a[1])
		if refusal != nil {
			return *refusal
		}
		if _, there := s.Get(a[2]); there {
			return reply.Int(0)
		}
		s.Set(a[2], a[3], 0, limits())
		return reply.Int(1)
	}
}

// HDEL key field [field ...]
func hdel(tx *keyspace.Tx, a Args) reply.Reply {
	s, refusal := writeHash(tx, a[1])
	if refusal != nil {
		return *refusal
	}
	removed := int64(0)
	for _, name := range a[2:] {
		if _, there := s.Remove(name); there {
			removed++
		}
	}
	return reply.Int(removed)
}
