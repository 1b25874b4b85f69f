package wal

import (
	"fmt"
	"iter"
)

// PartSize is the usual size of the parts of a body that is larger than one message.
const PartSize = 1 << 20

// keptBuffer is the largest buffer that an Assembler keeps for the next body of several parts.
const keptBuffer = 2 * PartSize

// Split cuts a body into the parts of its messages: each is at most size bytes, the first is marked
// PartFirst, the last PartLast, a single one both. An empty body is one empty part. The parts alias
// body. size must be positive.
func Split(body []byte, size int) iter.Seq2[Part, []byte] {
	if size <= 0 {
		panic("wal: parts need a positive size")
	}
	return func(yield func(Part, []byte) bool) {
		mark, rest := PartFirst, body
		for len(rest) > size {
			if !yield(mark, rest[:size:size]) {
				return
			}
			mark, rest = 0, rest[size:]
		}
		yield(mark|PartLast, rest)
	}
}

// Assembler makes whole bodies out of the parts that Split cut, so that a unit larger than one message
// is applied whole or not at all (I8). Feed it the records that Position.Next accepted, never stale ones. It is for
// one goroutine at a time.
type Assembler struct {
	limit   int
	parts   []byte
	pending bool
}

// NewAssembler returns an Assembler that refuses bodies of several parts larger than limit bytes. Its
// memory grows with the bytes that arrive, never with what a record announces.
func NewAssembler(limit int) *Assembler { return &Assembler{limit: limit} }

// Pending says whether a body is begun and not whole: the reader is between two units, and the position
// it is at must not be made durable.
func (a *Assembler) Pending() bool { return a.pending }

// Add takes the next accepted record. whole is true when everything up to this record can be applied;
// body is then the unit's effects: r's own body if it has only one part, else bytes that are valid
// until the next Add. An EPOCH record is one empty part, and drops a body that its deposed writer did
// not finish. The error is ErrTooLarge, or ErrDamaged for parts that do not fit together.
func (a *Assembler) Add(r *Record) (body []byte, whole bool, err error) {
	if !a.pending || r.Kind == KindEpoch {
		a.drop()
	}
	first, last := r.Part&PartFirst != 0, r.Part&PartLast != 0
	if first == a.pending {
		return nil, false, fmt.Errorf("%w: part %02b while a body is begun: %t", ErrDamaged, r.Part, a.pending)
	}
	if first && last {
		return r.Body, true, nil
	}
	if len(a.parts)+len(r.Body) > a.limit {
		return nil, false, fmt.Errorf("%w of %d bytes", ErrTooLarge, a.limit)
	}
	a.parts = append(a.parts, r.Body...)
	a.pending = !last
	if !last {
		return nil, false, nil
	}
	return a.parts, true, nil
}

// drop forgets the body that was begun, and lets go of a buffer that only a rare large one needs.
func (a *Assembler) drop() {
	a.pending = false
	if cap(a.parts) > keptBuffer {
		a.parts = nil
	}
	a.parts = a.parts[:0]
}
