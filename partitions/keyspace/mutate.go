package keyspace

import "shiplog/wal"

// rows are what effects on a collection change: those in memory, or those that go to Pebble. Nothing that they are given is
// theirs. Sub is a row's key behind the object's number.
type rows interface {
	// put writes a row; fresh says that it was not there.
	put(sub, value []byte, fresh bool)
	// drop removes a row that is there.
	drop(sub []byte)
	// dropRange removes the rows from the row key from on and before to.
	dropRange(from, to []byte)
}

// mutate makes of an effect on a collection what it means for the rows (FORMAT.md). It is the one place that knows, for what is
// in memory and for what is in Pebble, so that both are the same (I1). It reads nothing (I7).
func mutate(e *wal.Effect, to rows) {
	switch e.Op {
	case wal.OpHSet, wal.OpHDel, wal.OpHExpire:
		mutateHash(e, to)
	case wal.OpSAdd, wal.OpSRem:
		mutateSet(e, to)
	case wal.OpZAdd, wal.OpZRem:
		mutateZSet(e, to)
	case wal.OpLPush, wal.OpRPush, wal.OpLPop, wal.OpRPop, wal.OpLSet, wal.OpLInsert, wal.OpLRem:
		mutateList(e, to)
	default:
		mutateStream(e, to)
	}
}
