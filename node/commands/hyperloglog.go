package commands

import (
	"slices"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// hyperLogLogRows are the commands of the hyperloglog group. Their values are strings of Redis's form (sketch). maxSparse
// is asked each time how long a string may be and still be sparse (hll-sparse-max-bytes); it must not block.
func hyperLogLogRows(maxSparse func() int64) []Row {
	rows := slices.Concat([]Row{
		{Name: "pfadd", Since: "2.8.9", Arity: -2, Flags: FlagWrite | FlagDenyOOM | FlagFast,
			Summary:    "Adds the specified elements to the specified HyperLogLog.",
			Syntax:     "key:key element?*",
			Complexity: "O(1) to add every element.",
			Keys:       oneKey("RW insert"),
			Write:      pfAdd(maxSparse)},
		{Name: "pfcount", Since: "2.8.9", Arity: -2, Flags: FlagReadonly,
			Summary:    "Return the approximated cardinality of the set(s) observed by the HyperLogLog at key(s).",
			Syntax:     "key:key*",
			Complexity: "O(1) with a very small average constant time when called with a single key. O(N) with N being the number of keys, and much bigger constant times, when called with multiple keys.",
			Keys: []KeySpec{{Flags: "RW access", Index: 1, Last: -1, Step: 1,
				Notes: "RW because it may change the internal representation of the key, and propagate to replicas"}},
			Read: pfCount},
		{Name: "pfmerge", Since: "2.8.9", Arity: -2, Flags: FlagWrite | FlagDenyOOM,
			Summary:    "Merge N different HyperLogLogs into a single one.",
			Syntax:     "destkey:key sourcekey:key1*",
			Complexity: "O(N) to merge N HyperLogLogs, but with high constant times.",
			Keys: []KeySpec{{Flags: "RW access insert", Index: 1, Step: 1},
				{Flags: "RO access", Index: 2, Last: -1, Step: 1}},
			Write: pfMerge(maxSparse)},
	}, hyperLogLogDebugRows())
	for i := range rows {
		rows[i].Group = "hyperloglog"
		rows[i].Categories = []string{"hyperloglog"}
	}
	return rows
}

// lookSketch looks for the HyperLogLog at key; another value is refused.
func lookSketch(v *keyspace.View, key []byte) (s sketch, value keyspace.Value, found bool, refusal *reply.Reply) {
	value, found, refusal = lookString(v, key)
	if refusal != nil || !found {
		return nil, value, false, refusal
	}
	if s = sketch(value.Data); !s.valid() {
		return nil, value, false, refuse(reply.Error("WRONGTYPE Key is not a valid HyperLogLog string value."))
	}
	return s, value, true, nil
}

// corruptedSketch answers a string whose head is a HyperLogLog's and whose registers make no sense.
func corruptedSketch() reply.Reply {
	return reply.Error("INVALIDOBJ Corrupted HLL object detected")
}

// PFADD key [element [element ...]]
func pfAdd(maxSparse func() int64) func(*keyspace.Tx, Args) reply.Reply {
	return func(tx *keyspace.Tx, a Args) reply.Reply {
		s, old, found, refusal := lookSketch(&tx.View, a[1])
		if refusal != nil {
			return *refusal
		}
		e := editSketch(s, maxSparse())
		for _, element := range a[2:] {
			if !e.add(element) {
				return corruptedSketch()
			}
		}
		if found && !e.changed {
			return reply.Int(0)
		}
		tx.Set(a[1], e.finish(), old.ExpireAt, true)
		return reply.Int(1)
	}
}

// PFCOUNT key [key ...]
//
// Redis keeps the count of a single key in the string, so that asking again is faster. Here reading changes nothing.
func pfCount(v *keyspace.View, a Args) reply.Reply {
	if len(a) > 2 {
		union, _, refusal := mergeSketches(v, a[1:])
		if refusal != nil {
			return *refusal
		}
		return reply.Int(union.counts().estimate())
	}
	s, _, found, refusal := lookSketch(v, a[1])
	if refusal != nil {
		return *refusal
	}
	if !found {
		return reply.Int(0)
	}
	n, ok := s.count()
	if !ok {
		return corruptedSketch()
	}
	return reply.Int(n)
}

// mergeSketches returns the greatest of each register of the HyperLogLogs at keys, and whether one of them is dense. A missing
// one is empty.
func mergeSketches(v *keyspace.View, keys Args) (union *registers, dense bool, refusal *reply.Reply) {
	union = new(registers)
	for _, key := range keys {
		s, _, found, refusal := lookSketch(v, key)
		if refusal != nil {
			return nil, false, refusal
		}
		if !found {
			continue
		}
		dense = dense || s.dense()
		if !s.mergeInto(union) {
			return nil, false, refuse(corruptedSketch())
		}
	}
	return union, dense, nil
}

// PFMERGE destkey [sourcekey [sourcekey ...]]
func pfMerge(maxSparse func() int64) func(*keyspace.Tx, Args) reply.Reply {
	return func(tx *keyspace.Tx, a Args) reply.Reply {
		union, dense, refusal := mergeSketches(&tx.View, a[1:])
		if refusal != nil {
			return *refusal
		}
		s, old, _, refusal := lookSketch(&tx.View, a[1])
		if refusal != nil {
			return *refusal
		}
		e := editSketch(s, maxSparse())
		if dense && !e.promote() || !e.raiseAll(union) {
			return corruptedSketch()
		}
		tx.Set(a[1], e.finish(), old.ExpireAt, true)
		return reply.OK()
	}
}
