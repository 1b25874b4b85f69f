package commands

import (
	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// bitFieldRows are the commands on integers of any width within a string.
func bitFieldRows(maxString func() int64) []Row {
	return []Row{
		{Name: "bitfield", Since: "3.2.0", Arity: -2, Flags: FlagWrite | FlagDenyOOM,
			Summary: "Perform arbitrary bitfield integer operations on strings",
			Syntax: "key:key operation(GET=encoding_offset(encoding offset:integer)|" +
				"write(OVERFLOW=wrap_sat_fail(WRAP|SAT|FAIL)? " +
				"write_operation(SET=encoding_offset_value(encoding offset:integer value:integer)|" +
				"INCRBY=encoding_offset_increment(encoding offset:integer increment:integer))))?*",
			Complexity: "O(1) for each subcommand specified",
			Keys: []KeySpec{{Flags: "RW access update variable_flags", Index: 1, Step: 1,
				Notes: "This command allows both access and modification of the key"}},
			Write: bitField(maxString)},
		{Name: "bitfield_ro", Since: "6.0.0", Arity: -2, Flags: FlagReadonly | FlagFast,
			Summary:    "Perform arbitrary bitfield integer operations on strings. Read-only variant of BITFIELD",
			Syntax:     "key:key GET=encoding_offset(encoding offset:integer)?*+",
			Complexity: "O(1) for each subcommand specified",
			Keys:       oneKey("RO access"),
			Read:       bitFieldRO(maxString)},
	}
}

// fieldOps are BITFIELD's operations, of which at most reach writes the furthest bit.
type fieldOps struct {
	ops    []fieldOp
	writes bool
	reach  uint64
}

// parseFieldOps reads all operations before the first of them is done.
func parseFieldOps(words Args, maxString int64) (f fieldOps, refusal *reply.Reply) {
	how := overflowWrap
	for len(words) > 0 {
		if is(words[0], "overflow") && len(words) > 1 {
			if how, refusal = parseOverflow(words[1]); refusal != nil {
				return f, refusal
			}
			words = words[2:]
			continue
		}
		op, size, refusal := parseFieldOp(words, maxString)
		if refusal != nil {
			return f, refusal
		}
		op.overflow = how
		f.add(op)
		words = words[size:]
	}
	return f, nil
}

// add appends an operation.
func (f *fieldOps) add(op fieldOp) {
	f.ops = append(f.ops, op)
	if op.kind != fieldGet {
		f.writes = true
		f.reach = max(f.reach, op.offset+uint64(op.width)-1)
	}
}

// parseOverflow reads what is to happen when a number does not fit.
func parseOverflow(word []byte) (how overflow, refusal *reply.Reply) {
	switch {
	case is(word, "wrap"):
		return overflowWrap, nil
	case is(word, "sat"):
		return overflowSaturate, nil
	case is(word, "fail"):
		return overflowFail, nil
	default:
		return 0, refuse(reply.Error("ERR Invalid OVERFLOW type specified"))
	}
}

// parseFieldOp reads the operation that words begin with and tells how many of them it takes.
func parseFieldOp(words Args, maxString int64) (op fieldOp, size int, refusal *reply.Reply) {
	switch {
	case is(words[0], "get"):
		op.kind, size = fieldGet, 3
	case is(words[0], "set"):
		op.kind, size = fieldSet, 4
	case is(words[0], "incrby"):
		op.kind, size = fieldIncrBy, 4
	}
	if size == 0 || len(words) < size {
		return op, 0, refuse(reply.Syntax())
	}
	if op.fieldType, refusal = parseFieldType(words[1]); refusal != nil {
		return op, 0, refusal
	}
	if op.offset, refusal = parseBitOffset(words[2], maxString, op.width); refusal != nil {
		return op, 0, refusal
	}
	if size == 4 {
		number, ok := parseInt(words[3])
		if !ok {
			return op, 0, refuse(reply.NotInteger())
		}
		op.number = number
	}
	return op, size, nil
}

// parseFieldType reads i1 to i64 and u1 to u63.
func parseFieldType(word []byte) (t fieldType, refusal *reply.Reply) {
	if len(word) > 1 && (word[0] == 'i' || word[0] == 'u') {
		t.signed = word[0] == 'i'
		width, ok := parseInt(word[1:])
		if ok && width >= 1 && (width <= 63 || width == 64 && t.signed) {
			t.width = uint(width)
			return t, nil
		}
	}
	return t, refuse(reply.Error("ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is."))
}

// BITFIELD key [GET encoding offset | [OVERFLOW WRAP | SAT | FAIL] SET encoding offset value | INCRBY encoding offset increment ...]
func bitField(maxString func() int64) func(*keyspace.Tx, Args) reply.Reply {
	return func(tx *keyspace.Tx, a Args) reply.Reply {
		f, refusal := parseFieldOps(a[2:], maxString())
		if refusal != nil {
			return *refusal
		}
		old, _, refusal := lookString(&tx.View, a[1])
		if refusal != nil {
			return *refusal
		}
		data, changed := old.Data, false
		if f.writes {
			data = grown(old.Data, f.reach)
			changed = len(data) != len(old.Data)
		}
		answers, wrote := f.run(data)
		if changed || wrote {
			tx.Set(a[1], data, old.ExpireAt, true)
		}
		return reply.Array(answers...)
	}
}

// BITFIELD_RO key [GET encoding offset ...]
func bitFieldRO(maxString func() int64) func(*keyspace.View, Args) reply.Reply {
	return func(v *keyspace.View, a Args) reply.Reply {
		f, refusal := parseFieldOps(a[2:], maxString())
		if refusal != nil {
			return *refusal
		}
		if f.writes {
			return reply.Error("ERR BITFIELD_RO only supports the GET subcommand")
		}
		s, _, refusal := lookString(v, a[1])
		if refusal != nil {
			return *refusal
		}
		answers, _ := f.run(s.Data)
		return reply.Array(answers...)
	}
}

// run does the operations on data, one after the other, and tells whether one wrote something new.
func (f *fieldOps) run(data []byte) (answers []reply.Reply, wrote bool) {
	answers = make([]reply.Reply, len(f.ops))
	for i := range f.ops {
		op := &f.ops[i]
		before := op.load(data, op.offset)
		answer, after, ok := op.apply(before)
		if !ok {
			answers[i] = reply.Null()
			continue
		}
		answers[i] = reply.Int(answer)
		if after != before {
			op.store(data, op.offset, after)
			wrote = true
		}
	}
	return answers, wrote
}
