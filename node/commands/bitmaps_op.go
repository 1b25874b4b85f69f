package commands

import (
	"bytes"
	"encoding/binary"
	"strings"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// bitOpRows is the command that combines strings.
func bitOpRows() []Row {
	return []Row{
		{Name: "bitop", Since: "2.6.0", Arity: -4, Flags: FlagWrite | FlagDenyOOM,
			Summary:    "Perform bitwise operations between strings",
			Syntax:     "operation destkey:key key:key1*",
			Complexity: "O(N)",
			Keys:       []KeySpec{{Flags: "OW update", Index: 2, Step: 1}, {Flags: "RO access", Index: 3, Last: -1, Step: 1}},
			Write:      bitOp},
	}
}

// bitOperation is one of BITOP's operations. run makes of the first source, which is as long as the longest, the
// result; others are the other sources.
type bitOperation struct {
	name string
	one  bool // there must be one source
	two  bool // there must be two at least
	run  func(result []byte, others [][]byte)
}

// bitOperations is the table of BITOP's operations, the last four of which came with Redis 8.2; it is never written.
var bitOperations = []bitOperation{
	{name: "and", run: withEach(and)},
	{name: "or", run: withEach(or)},
	{name: "xor", run: withEach(func(x, y uint64) uint64 { return x ^ y })},
	{name: "not", one: true, run: func(result []byte, _ [][]byte) {
		combine(result, nil, func(x, _ uint64) uint64 { return ^x })
	}},
	{name: "diff", two: true, run: withUnion(andNot)},
	{name: "diff1", two: true, run: withUnion(func(x, y uint64) uint64 { return y &^ x })},
	{name: "andor", two: true, run: withUnion(and)},
	{name: "one", run: exactlyOne},
}

// The operations on 64 bits that others are made of.
func and(x, y uint64) uint64    { return x & y }
func or(x, y uint64) uint64     { return x | y }
func andNot(x, y uint64) uint64 { return x &^ y }

// withEach combines the result with one source after the other.
func withEach(op func(x, y uint64) uint64) func([]byte, [][]byte) {
	return func(result []byte, others [][]byte) {
		for _, other := range others {
			combine(result, other, op)
		}
	}
}

// withUnion combines the result with the bits that any other source has.
func withUnion(op func(x, y uint64) uint64) func([]byte, [][]byte) {
	return func(result []byte, others [][]byte) {
		union := make([]byte, len(result))
		withEach(or)(union, others)
		combine(result, union, op)
	}
}

// exactlyOne leaves the bits that one source has and no other.
func exactlyOne(result []byte, others [][]byte) {
	several := make([]byte, len(result))
	for _, other := range others {
		both := bytes.Clone(result)
		combine(both, other, and)
		combine(several, both, or)
		combine(result, other, or)
	}
	combine(result, several, andNot)
}

// combine replaces the bits of x by those of op(x, y). y may be shorter: zeros follow it.
func combine(x, y []byte, op func(x, y uint64) uint64) {
	for at := 0; at < len(x); at += 8 {
		storeWord(x[at:], op(loadWord(x[at:]), loadWord(y[min(at, len(y)):])))
	}
}

// loadWord reads the first eight bytes of b, or all and zeros.
func loadWord(b []byte) uint64 {
	if len(b) < 8 {
		var buf [8]byte
		copy(buf[:], b)
		b = buf[:]
	}
	return binary.LittleEndian.Uint64(b)
}

// storeWord writes the first eight bytes of b, or as many as there are.
func storeWord(b []byte, word uint64) {
	if len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, word)
		return
	}
	var buf [8]byte
	binary.LittleEndian.PutUint64(buf[:], word)
	copy(b, buf[:])
}

// parseBitOperation reads the name of an operation that is to work on so many sources.
func parseBitOperation(word []byte, sources int) (op *bitOperation, refusal *reply.Reply) {
	for i := range bitOperations {
		op = &bitOperations[i]
		switch {
		case !is(word, op.name):
		case op.one && sources != 1:
			return nil, refuse(reply.Error("ERR BITOP NOT must be called with a single source key."))
		case op.two && sources < 2:
			return nil, refuse(reply.Errorf("ERR BITOP %s must be called with at least two source keys.", strings.ToUpper(op.name)))
		default:
			return op, nil
		}
	}
	return nil, refuse(reply.Syntax())
}

// BITOP AND | OR | XOR | NOT | DIFF | DIFF1 | ANDOR | ONE destkey key [key ...]
func bitOp(tx *keyspace.Tx, a Args) reply.Reply {
	op, refusal := parseBitOperation(a[1], len(a)-3)
	if refusal != nil {
		return *refusal
	}
	sources, longest := make([][]byte, len(a)-3), 0
	for i, key := range a[3:] {
		s, _, refusal := lookString(&tx.View, key)
		if refusal != nil {
			return *refusal
		}
		sources[i], longest = s.Data, max(longest, len(s.Data))
	}
	if longest == 0 {
		tx.Delete(a[2])
		return reply.Int(0)
	}
	result := overwrite(sources[0], longest, nil)
	op.run(result, sources[1:])
	tx.Set(a[2], result, 0, true)
	return reply.Int(int64(longest))
}
