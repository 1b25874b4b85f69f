package commands

import "math"

// fieldType is how the bits of a field are a number: in two's complement when signed, the highest bit first.
type fieldType struct {
	signed bool
	width  uint // in bits: 1 to 64, unsigned 1 to 63
}

// fieldOp is one operation of BITFIELD.
type fieldOp struct {
	fieldType
	kind     fieldKind
	offset   uint64 // of the field's first bit
	number   int64  // to set or to add
	overflow overflow
}

// fieldKind is what is done to a field.
type fieldKind uint8

// The kinds of operations.
const (
	fieldGet fieldKind = iota
	fieldSet
	fieldIncrBy
)

// overflow is what happens to a number that does not fit into its field.
type overflow uint8

// The ways to treat a number that does not fit: its low bits are taken, or the nearest number that fits, or nothing is
// done.
const (
	overflowWrap overflow = iota
	overflowSaturate
	overflowFail
)

// load reads the number at offset; behind the end of data there are zeros.
func (t fieldType) load(data []byte, offset uint64) int64 {
	raw := uint64(0)
	for i := range uint64(t.width) {
		raw = raw<<1 | uint64(bitAt(data, offset+i))
	}
	return t.wrap(raw)
}

// store writes a number that fits at offset, which must be there.
func (t fieldType) store(data []byte, offset uint64, number int64) {
	for i := range uint64(t.width) {
		putBit(data, offset+i, byte(uint64(number)>>(uint64(t.width)-1-i)&1))
	}
}

// wrap returns the number that the low bits of raw are.
func (t fieldType) wrap(raw uint64) int64 {
	unused := 64 - t.width
	if t.signed {
		return int64(raw<<unused) >> unused
	}
	return int64(raw << unused >> unused)
}

// bounds are the least and the greatest number that fit.
func (t fieldType) bounds() (least, greatest int64) {
	if t.signed {
		greatest = math.MaxInt64 >> (64 - t.width)
		return -greatest - 1, greatest
	}
	return 0, math.MaxInt64 >> (63 - t.width)
}

// apply returns what the operation answers and what the field holds after it, which held before; ok is false when
// nothing is to be done.
func (op *fieldOp) apply(before int64) (answer, after int64, ok bool) {
	switch op.kind {
	case fieldSet:
		after, ok = op.fit(op.number, 0)
		return before, after, ok
	case fieldIncrBy:
		after, ok = op.fit(before, op.number)
		return after, after, ok
	default:
		return before, before, true
	}
}

// fit returns value+delta as the field can hold it, false when it must not be written.
func (op *fieldOp) fit(value, delta int64) (number int64, ok bool) {
	least, greatest := op.bounds()
	above, below := op.exceeds(value, delta)
	switch {
	case !above && !below:
		return value + delta, true
	case op.overflow == overflowFail:
		return 0, false
	case op.overflow == overflowWrap:
		return op.wrap(uint64(value) + uint64(delta)), true
	case above:
		return greatest, true
	default:
		return least, true
	}
}

// exceeds tells on which side value+delta lies outside of what fits. It asks as Redis does, with differences that wrap around: a
// value far below the least of a narrow signed field counts as above.
func (t fieldType) exceeds(value, delta int64) (above, below bool) {
	least, greatest := t.bounds()
	if !t.signed { // a negative value is one too big
		above = uint64(value) > uint64(greatest) || delta > 0 && delta > greatest-value
		return above, !above && delta < 0 && delta < -value
	}
	room, depth := greatest-value, least-value
	above = value > greatest || t.width != 64 && delta > room || value >= 0 && delta > 0 && delta > room
	below = value < least || t.width != 64 && delta < depth || value < 0 && delta < 0 && delta < depth
	return above, !above && below
}
