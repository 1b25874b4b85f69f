package commands

import (
	"context"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// hyperLogLogDebugRows are the commands that look inside.
func hyperLogLogDebugRows() []Row {
	return []Row{
		{Name: "pfdebug", Since: "2.8.9", Arity: 3, Flags: FlagWrite | FlagDenyOOM | FlagAdmin,
			Summary:    "Internal commands for debugging HyperLogLog values",
			Syntax:     "subcommand key:key",
			Complexity: "N/A",
			Keys:       []KeySpec{{Flags: "RW access", Index: 2, Step: 1}},
			Write:      pfDebug},
		{Name: "pfselftest", Since: "2.8.9", Arity: 1, Flags: FlagAdmin,
			Summary:    "An internal command for testing HyperLogLog values",
			Complexity: "N/A",
			Session:    pfSelfTest},
	}
}

// PFDEBUG GETREG | DECODE | ENCODING | TODENSE key
func pfDebug(tx *keyspace.Tx, a Args) reply.Reply {
	s, old, found, refusal := lookSketch(&tx.View, a[2])
	if refusal != nil {
		return *refusal
	}
	if !found {
		return reply.Error("ERR The specified key does not exist")
	}
	switch {
	case is(a[1], "getreg"), is(a[1], "todense"):
		return pfPromote(tx, a, s, old.ExpireAt)
	case is(a[1], "decode"):
		if s.dense() {
			return reply.Error("ERR HLL encoding is not sparse")
		}
		return reply.Bulk(s.describe())
	case is(a[1], "encoding"):
		if s.dense() {
			return reply.Status("dense")
		}
		return reply.Status("sparse")
	default:
		return reply.Errorf("ERR Unknown PFDEBUG subcommand '%s'", a[1])
	}
}

// pfPromote makes a HyperLogLog dense, which GETREG does too before it shows the registers.
func pfPromote(tx *keyspace.Tx, a Args, s sketch, expireAt int64) reply.Reply {
	e := editSketch(s, 0)
	if !e.promote() {
		return corruptedSketch()
	}
	if e.changed {
		tx.Set(a[2], e.data, expireAt, true)
	}
	if is(a[1], "todense") {
		return reply.Bool01(e.changed)
	}
	var all registers
	e.data.mergeInto(&all)
	answers := make([]reply.Reply, len(all))
	for i, value := range all {
		answers[i] = reply.Int(int64(value))
	}
	return reply.Array(answers...)
}

// PFSELFTEST
func pfSelfTest(s *Session, _ Args) reply.Reply {
	return s.Later(func(context.Context) Result {
		if problem := testSketches(); problem != "" {
			return Result{Reply: reply.Error("TESTFAILED " + problem)}
		}
		return Result{Reply: reply.OK()}
	})
}
