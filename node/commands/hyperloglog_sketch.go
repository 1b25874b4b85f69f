package commands

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// sketch is a HyperLogLog as a string, in the form that Redis gives it:
//
//	Offset | Size | Field       | Meaning
//	     0 |    4 | magic       | "HYLL"
//	     4 |    1 | encoding    | 0: dense, 1: sparse
//	     5 |    3 |             | not used
//	     8 |    8 | cardinality | the last count, little-endian; its highest bit says that it is out of date
//	    16 |      | registers   | dense: 16,384 times 6 bits (hyperloglog_dense.go); sparse: runs (hyperloglog_sparse.go)
//
// The strings come from clients, who may have written anything.
type sketch []byte

// The sizes of a sketch and where its fields stand.
const (
	registerBits  = 14 // of an element's hash choose the register
	registerCount = 1 << registerBits
	rankBits      = 64 - registerBits // of the hash are looked at for the rank
	registerWidth = 6                 // bits

	encodingAt  = 4
	countAt     = 8
	registersAt = 16
	denseSize   = registersAt + registerCount*registerWidth/8

	encodingDense  = 0
	encodingSparse = 1
	countIsOld     = 1 << 63
)

// sketchMagic is what a sketch begins with.
const sketchMagic = "HYLL"

// registers are all registers of a HyperLogLog: the highest rank of the elements that each was chosen for, 0 for none.
type registers [registerCount]byte

// newSketch returns a HyperLogLog without elements, as Redis makes it.
func newSketch() sketch {
	s := make(sketch, registersAt, registersAt+16)
	copy(s, sketchMagic)
	s[encodingAt] = encodingSparse
	return appendRun(s, run{length: registerCount})
}

// valid tells whether s has the head of a sketch, and when it is dense the right size.
func (s sketch) valid() bool {
	return len(s) >= registersAt && string(s[:encodingAt]) == sketchMagic &&
		(s[encodingAt] == encodingSparse || s[encodingAt] == encodingDense && len(s) == denseSize)
}

// dense tells whether all registers stand there one by one.
func (s sketch) dense() bool { return s[encodingAt] == encodingDense }

// count returns how many different elements were added, about; false when the registers make no sense. A count that Redis left is
// trusted.
func (s sketch) count() (n int64, ok bool) {
	if kept := binary.LittleEndian.Uint64(s[countAt:]); kept&countIsOld == 0 {
		return int64(kept), true
	}
	if s.dense() {
		var all registers
		s.mergeInto(&all)
		return all.counts().estimate(), true
	}
	h, ok := s.sparseCounts()
	if !ok {
		return 0, false
	}
	return h.estimate(), true
}

// mergeInto raises those registers of into that are higher in s. It returns false when those of s make no sense.
func (s sketch) mergeInto(into *registers) bool {
	if s.dense() {
		for i := range into {
			into[i] = max(into[i], s.denseRegister(i))
		}
		return true
	}
	return s.mergeSparse(into)
}

// placeOf returns the register that an element belongs to, and its rank there: 1 and the number of zeros that the rest of its
// hash begins with.
func placeOf(element []byte) (register int, rank byte) {
	hash := murmur64A(element, sketchSeed)
	rest := hash>>registerBits | 1<<rankBits
	return int(hash & (registerCount - 1)), byte(bits.TrailingZeros64(rest)) + 1
}

// sketchSeed is the seed of the hash of elements.
const sketchSeed = 0xadc83b19

// murmur64A is Austin Appleby's MurmurHash64A.
func murmur64A(data []byte, seed uint64) uint64 {
	const m, r = 0xc6a4a7935bd1e995, 47
	h := seed ^ uint64(len(data))*m
	for ; len(data) >= 8; data = data[8:] {
		k := binary.LittleEndian.Uint64(data) * m
		k = (k ^ k>>r) * m
		h = (h ^ k) * m
	}
	if len(data) > 0 {
		h = (h ^ loadWord(data)) * m
	}
	h = (h ^ h>>r) * m
	return h ^ h>>r
}

// sketchEdit changes a sketch. The bytes that it began with stay as they are: they are copied before the first change.
type sketchEdit struct {
	data      sketch
	maxSparse int64 // the size above which a sparse one becomes dense
	changed   bool
	near      runPlace // of a sparse one, where to begin to look for a register that is not before it
}

// editSketch begins to change s, or a new one when it is nil.
func editSketch(s sketch, maxSparse int64) *sketchEdit {
	if s == nil {
		return &sketchEdit{data: newSketch(), maxSparse: maxSparse, changed: true}
	}
	return &sketchEdit{data: s, maxSparse: maxSparse}
}

// change makes the bytes the edit's own.
func (e *sketchEdit) change() {
	if !e.changed {
		e.data, e.changed = bytes.Clone(e.data), true
	}
}

// add adds an element. It returns false when the registers make no sense.
func (e *sketchEdit) add(element []byte) bool {
	register, rank := placeOf(element)
	return e.raise(register, rank)
}

// raise makes a register hold rank at least. It returns false when the registers make no sense.
func (e *sketchEdit) raise(register int, rank byte) bool {
	if !e.data.dense() {
		return e.raiseSparse(register, rank)
	}
	if e.data.denseRegister(register) < rank {
		e.change()
		e.data.setDense(register, rank)
	}
	return true
}

// raiseAll raises every register to what it is in union at least. It returns false when the registers make no sense.
func (e *sketchEdit) raiseAll(union *registers) bool {
	for register, rank := range union {
		if rank > 0 && !e.raise(register, rank) {
			return false
		}
	}
	return true
}

// finish returns the sketch with the mark that its count is out of date.
func (e *sketchEdit) finish() sketch {
	e.change()
	e.data[countAt+7] |= countIsOld >> 56
	return e.data
}
