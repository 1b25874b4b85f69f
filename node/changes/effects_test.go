package changes

import (
	"encoding/binary"
	"math"
	"math/rand/v2"

	"shiplog/partitions/slot"
	"shiplog/wal"
)

// sample is one effect of every operation, as the log has it but for what only the engine needs.
func sample() []wal.Effect {
	id := wal.StreamID{MS: 7, Seq: 3}
	key, field, who := []byte("k"), []byte("f"), []byte("c")
	fields := wal.AppendStreamField(wal.AppendStreamField(nil, []byte("a")), []byte("1"))
	previous := binary.BigEndian.AppendUint64(nil, math.Float64bits(1))
	state := appendStreamState(nil, streamSummary{last: id, deleted: wal.StreamID{MS: 5}, added: 9})
	return []wal.Effect{
		{Op: wal.OpSet, Key: key, Value: []byte("v"), ExpireAt: 90_000},
		{Op: wal.OpDel, Key: key},
		{Op: wal.OpExpire, Key: key, ExpireAt: 90_000},
		{Op: wal.OpPersist, Key: key},
		{Op: wal.OpFlush},
		{Op: wal.OpHSet, Key: key, Field: field, Value: []byte("v")},
		{Op: wal.OpHDel, Key: key, Field: field},
		{Op: wal.OpHExpire, Key: key, Field: field, ExpireAt: 90_000},
		{Op: wal.OpSAdd, Key: key, Field: field},
		{Op: wal.OpSRem, Key: key, Field: field},
		{Op: wal.OpZAdd, Key: key, Field: field, Score: 2.5, Prev: previous},
		{Op: wal.OpZRem, Key: key, Field: field, Score: 2.5},
		{Op: wal.OpLPush, Key: key, Value: []byte("v")},
		{Op: wal.OpRPush, Key: key, Value: []byte("v")},
		{Op: wal.OpLPop, Key: key, Count: 1},
		{Op: wal.OpRPop, Key: key, Count: 70},
		{Op: wal.OpLSet, Key: key, Index: 4, Value: []byte("v")},
		{Op: wal.OpLInsert, Key: key, Index: 4, Value: []byte("v")},
		{Op: wal.OpLRem, Key: key, Index: 4},
		{Op: wal.OpXAdd, Key: key, ID: id, Value: fields},
		{Op: wal.OpXDel, Key: key, ID: id},
		{Op: wal.OpXTrim, Key: key, ID: id, Count: 2},
		{Op: wal.OpXGroup, Key: key, Field: field, ID: id, Index: -1},
		{Op: wal.OpXUngroup, Key: key, Field: field},
		{Op: wal.OpXConsumer, Key: key, Field: field, Who: who, At: 5, Rare: wal.Rare{Active: 6}},
		{Op: wal.OpXUnconsumer, Key: key, Field: field, Who: who},
		{Op: wal.OpXPend, Key: key, Field: field, ID: id, Who: who, At: 5, Count: 2},
		{Op: wal.OpXAck, Key: key, Field: field, ID: id, Who: who},
		{Op: wal.OpXSetID, Key: key, Whole: wal.Whole{Head: state}},
		{Op: wal.OpRename, Key: key, PrevExpireAt: 90_000, Marks: wal.MarkRename, Whole: wal.Whole{To: []byte("k2")}},
	}
}

// shown makes a change of an effect.
func shown(e wal.Effect) Change {
	if e.Cause == 0 {
		e.Cause = wal.CauseClient
	}
	if e.Op != wal.OpFlush {
		e.Slot = slot.Of(e.Key)
	}
	return Change{Partition: 2, Incarnation: wal.Incarnation{1, 2}, Sequence: 12, Index: 3, Unit: 2, Epoch: 4, CommitMS: 60_000, Effect: e}
}

// garbled returns the effects of sample with random bytes, times and marks.
func garbled(r *rand.Rand) []wal.Effect {
	random := func() []byte {
		b := make([]byte, r.IntN(12))
		for i := range b {
			b[i] = byte(r.IntN(256) >> r.IntN(3))
		}
		return b
	}
	effects := sample()
	for i := range effects {
		e := &effects[i]
		e.Cause = wal.Cause(1 + r.IntN(6))
		e.Marks |= wal.Marks(r.IntN(16)) &^ wal.MarkRename
		e.Command = "CMD"
		for _, b := range []*[]byte{&e.Key, &e.Field, &e.Who, &e.To} {
			if *b != nil {
				*b = random()
			}
		}
		switch e.Op {
		case wal.OpXAdd:
			e.Value = wal.AppendStreamField(wal.AppendStreamField(nil, random()), random())
		case wal.OpZAdd, wal.OpZRem:
			e.Score = []float64{0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), r.NormFloat64(), 1e300, 3}[r.IntN(7)]
		default:
			if e.Value != nil {
				e.Value = random()
			}
		}
		if e.Op == wal.OpDel && r.IntN(2) == 0 {
			e.Marks |= wal.MarkObject
		}
	}
	return effects
}
