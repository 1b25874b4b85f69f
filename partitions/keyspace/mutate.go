package keyspace

import (
	"encoding/binary"

	"shiplog/wal"
)

// rows are what effects on a collection change: those in memory, or those that go to Pebble. Nothing that they are given is
// theirs, but a value, and the end of a range, stay as they are as long as the effect does. Sub is a row's key behind the object's number.
type rows interface {
	// put writes a row; fresh says that it was not there.
	put(sub, value []byte, fresh bool)
	// drop removes a row that is there.
	drop(sub []byte)
	// dropRange removes the rows from the row key from on and before to.
	dropRange(from, to []byte)
}

// rowKeys is room for what mutate makes of one effect after another.
type rowKeys struct {
	sub, other []byte
	values     []byte // handed out in pieces, which stay as they are
}

// piece returns an empty slice with room for n bytes that nobody else is given.
func (k *rowKeys) piece(n int) []byte {
	const together = 4096
	if n > together/4 {
		return make([]byte, 0, n)
	}
	at := len(k.values)
	if cap(k.values)-at < n {
		k.values, at = make([]byte, 0, together), 0
	}
	k.values = k.values[:at+n]
	return k.values[at : at : at+n]
}

// number returns the 8 bytes of a number, big-endian.
func (k *rowKeys) number(n uint64) []byte {
	return binary.BigEndian.AppendUint64(k.piece(8), n)
}

// joined returns a and b behind it.
func (k *rowKeys) joined(a, b []byte) []byte {
	return append(append(k.piece(len(a)+len(b)), a...), b...)
}

// entry returns the row key of an entry of a stream. It is valid until the next one.
func (k *rowKeys) entry(id StreamID) []byte {
	k.sub = appendEntryKey(k.sub[:0], id)
	return k.sub
}

// member returns the row key of a member. It is valid until the next one.
func (k *rowKeys) member(name []byte) []byte {
	k.sub = appendMember(k.sub[:0], name)
	return k.sub
}

// rank returns the row key of a member by its score. It is valid until the next one.
func (k *rowKeys) rank(score float64, name []byte) []byte {
	k.other = appendRank(k.other[:0], score, name)
	return k.other
}

// mutate makes of an effect on a collection what it means for the rows (FORMAT.md). It is the one place that knows, for what is
// in memory and for what is in Pebble, so that both are the same (I1). It reads nothing (I7).
func mutate(e *wal.Effect, to rows, k *rowKeys) {
	switch e.Op {
	case wal.OpHSet, wal.OpHDel, wal.OpHExpire:
		mutateHash(e, to, k)
	case wal.OpSAdd, wal.OpSRem:
		mutateSet(e, to, k)
	case wal.OpZAdd, wal.OpZRem:
		mutateZSet(e, to, k)
	case wal.OpLPush, wal.OpRPush, wal.OpLPop, wal.OpRPop, wal.OpLSet, wal.OpLInsert, wal.OpLRem:
		mutateList(e, to)
	default:
		mutateStream(e, to, k)
	}
}
