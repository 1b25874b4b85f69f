package commands

import (
	"encoding/binary"
	"math/bits"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// bitRangeRows are the commands that look at a range of bits.
func bitRangeRows() []Row {
	units := []Change{{"7.0.0", "Added the `BYTE|BIT` option."}}
	return []Row{
		{Name: "bitcount", Since: "2.6.0", Arity: -2, Flags: FlagReadonly,
			Summary:    "Count set bits in a string",
			Syntax:     "key:key index(start:integer end:integer index_unit(BYTE|BIT)?~7.0.0)?",
			Complexity: "O(N)",
			History:    units,
			Keys:       oneKey("RO access"),
			Read:       bitCount},
		{Name: "bitpos", Since: "2.8.7", Arity: -3, Flags: FlagReadonly,
			Summary:    "Find first bit set or clear in a string",
			Syntax:     "key:key bit:integer index(start:integer end_index(end:integer index_unit(BYTE|BIT)?~7.0.0)?)?",
			Complexity: "O(N)",
			History:    units,
			Keys:       oneKey("RO access"),
			Read:       bitPos},
	}
}

// bitRange is the bits from first to last, both included; none when first is greater.
type bitRange struct{ first, last int64 }

// empty tells whether there is nothing in the range.
func (r bitRange) empty() bool { return r.first > r.last }

// The bits that an index of a range counts.
const (
	unitBit  int64 = 1
	unitByte int64 = 8
)

// parseUnit reads BYTE or BIT.
func parseUnit(word []byte) (unit int64, refusal *reply.Reply) {
	switch {
	case is(word, "bit"):
		return unitBit, nil
	case is(word, "byte"):
		return unitByte, nil
	default:
		return 0, refuse(reply.Syntax())
	}
}

// resolveRange returns the bits from start to end of a string of size bytes: indexes of units, both included and, when
// negative, counted from the end.
func resolveRange(start, end, unit, size int64) bitRange {
	total := size * 8 / unit
	if start < 0 {
		start = max(0, start+total)
	}
	if end < 0 {
		end = max(0, end+total)
	}
	end = min(end, total-1)
	if start > end {
		return bitRange{first: 0, last: -1}
	}
	return bitRange{first: start * unit, last: end*unit + unit - 1}
}

// BITCOUNT key [start end [BYTE | BIT]]
func bitCount(v *keyspace.View, a Args) reply.Reply {
	s, found, refusal := lookString(v, a[1])
	if refusal != nil {
		return *refusal
	}
	if !found {
		return reply.Int(0)
	}
	r, refusal := parseCountRange(a[2:], int64(len(s.Data)))
	if refusal != nil {
		return *refusal
	}
	return reply.Int(r.count(s.Data))
}

// parseCountRange reads what BITCOUNT counts in a string of size bytes.
func parseCountRange(words Args, size int64) (r bitRange, refusal *reply.Reply) {
	switch len(words) {
	case 0:
		return bitRange{first: 0, last: size*8 - 1}, nil
	case 2, 3:
	default:
		return r, refuse(reply.Syntax())
	}
	start, startOK := parseInt(words[0])
	end, endOK := parseInt(words[1])
	if !startOK || !endOK {
		return r, refuse(reply.NotInteger())
	}
	if start < 0 && end < 0 && start > end {
		return bitRange{first: 0, last: -1}, nil // Redis does not look at the unit then
	}
	unit := unitByte
	if len(words) == 3 {
		if unit, refusal = parseUnit(words[2]); refusal != nil {
			return r, refusal
		}
	}
	return resolveRange(start, end, unit, size), nil
}

// count returns how many bits of data in the range are set.
func (r bitRange) count(data []byte) int64 {
	if r.empty() {
		return 0
	}
	n := ones(data[r.first>>3 : r.last>>3+1])
	before := data[r.first>>3] >> (8 - r.first&7)
	after := data[r.last>>3] << (r.last&7 + 1)
	return n - int64(bits.OnesCount8(before)) - int64(bits.OnesCount8(after))
}

// ones returns how many bits of data are set.
func ones(data []byte) int64 {
	n := 0
	for ; len(data) >= 8; data = data[8:] {
		n += bits.OnesCount64(binary.LittleEndian.Uint64(data))
	}
	for _, b := range data {
		n += bits.OnesCount8(b)
	}
	return int64(n)
}

// BITPOS key bit [start [end [BYTE | BIT]]]
func bitPos(v *keyspace.View, a Args) reply.Reply {
	bit, ok := parseInt(a[2])
	if !ok {
		return reply.NotInteger()
	}
	if bit != 0 && bit != 1 {
		return reply.Error("ERR The bit argument must be 1 or 0.")
	}
	s, found, refusal := lookString(v, a[1])
	if refusal != nil {
		return *refusal
	}
	if !found { // zero bits without end
		return reply.Int(-bit)
	}
	r, open, refusal := parsePosRange(a[3:], int64(len(s.Data)))
	if refusal != nil {
		return *refusal
	}
	at := r.find(s.Data, byte(bit))
	if at < 0 && bit == 0 && open && !r.empty() {
		at = r.last + 1
	}
	return reply.Int(at)
}

// parsePosRange reads where BITPOS searches in a string of size bytes. An open range ends with the string, and zero bits are
// thought to follow.
func parsePosRange(words Args, size int64) (r bitRange, open bool, refusal *reply.Reply) {
	start, end, unit := int64(0), size-1, unitByte
	if len(words) > 3 {
		return r, false, refuse(reply.Syntax())
	}
	ok := true
	if len(words) > 0 {
		start, ok = parseInt(words[0])
	}
	if ok && len(words) > 2 {
		if unit, refusal = parseUnit(words[2]); refusal != nil {
			return r, false, refusal
		}
	}
	if ok && len(words) > 1 {
		end, ok = parseInt(words[1])
	}
	if !ok {
		return r, false, refuse(reply.NotInteger())
	}
	return resolveRange(start, end, unit, size), len(words) < 2, nil
}

// find returns the first bit in the range that is bit, -1 when there is none.
func (r bitRange) find(data []byte, bit byte) int64 {
	if r.empty() {
		return -1
	}
	flip := bit - 1 // all ones to look for a zero
	for at := r.first >> 3; at <= r.last>>3; at++ {
		if at+7 <= r.last>>3 && binary.LittleEndian.Uint64(data[at:]) == uint64(flip)*0x0101010101010101 {
			at += 7
			continue
		}
		b := data[at] ^ flip
		if at == r.first>>3 {
			b &= 0xff >> (r.first & 7)
		}
		if found := at<<3 + int64(bits.LeadingZeros8(b)); b != 0 && found <= r.last {
			return found
		}
	}
	return -1
}
