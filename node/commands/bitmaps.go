package commands

import (
	"slices"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// bitmapRows are the commands of the bitmap group, which take a string for a row of bits: bit 0 is the highest of the
// first byte. maxString is asked each time how long a string may become (proto-max-bulk-len); it must not block.
func bitmapRows(maxString func() int64) []Row {
	rows := slices.Concat(bitRows(maxString), bitRangeRows(), bitOpRows(), bitFieldRows(maxString))
	for i := range rows {
		rows[i].Group = "bitmap"
		rows[i].Categories = []string{"bitmap"}
	}
	return rows
}

// bitRows are the commands on one bit.
func bitRows(maxString func() int64) []Row {
	return []Row{
		{Name: "getbit", Since: "2.2.0", Arity: 3, Flags: FlagReadonly | FlagFast,
			Summary:    "Returns the bit value at offset in the string value stored at key",
			Syntax:     "key:key offset:integer",
			Complexity: "O(1)",
			Keys:       oneKey("RO access"),
			Read:       getBit(maxString)},
		{Name: "setbit", Since: "2.2.0", Arity: 4, Flags: FlagWrite | FlagDenyOOM,
			Summary:    "Sets or clears the bit at offset in the string value stored at key",
			Syntax:     "key:key offset:integer value:integer",
			Complexity: "O(1)",
			Keys:       oneKey("RW access update"),
			Write:      setBit(maxString)},
	}
}

// badBitOffset answers an offset that no string can have.
func badBitOffset() *reply.Reply {
	return refuse(reply.Error("ERR bit offset is not an integer or out of range"))
}

// parseBitOffset reads the number of a bit in a string of at most maxString bytes. With width not 0 "#n" is the beginning of
// the n-th field of so many bits.
func parseBitOffset(word []byte, maxString int64, width uint) (offset uint64, refusal *reply.Reply) {
	unit := int64(1)
	if width > 0 && len(word) > 0 && word[0] == '#' {
		unit, word = int64(width), word[1:]
	}
	n, ok := parseInt(word)
	if n *= unit; !ok || n < 0 || n>>3 >= maxString { // a product too big wraps around, as Redis's does
		return 0, badBitOffset()
	}
	return uint64(n), nil
}

// bitAt returns the bit at offset, which is 0 behind the end.
func bitAt(data []byte, offset uint64) byte {
	if offset>>3 >= uint64(len(data)) {
		return 0
	}
	return data[offset>>3] >> (7 - offset&7) & 1
}

// putBit changes the bit at offset, which must be there.
func putBit(data []byte, offset uint64, bit byte) {
	shift := 7 - offset&7
	data[offset>>3] = data[offset>>3]&^(1<<shift) | bit<<shift
}

// grown returns a copy of data that has the bit at offset, with zero bytes where there was nothing.
func grown(data []byte, offset uint64) []byte {
	return overwrite(data, int(offset>>3)+1, nil)
}

// GETBIT key offset
func getBit(maxString func() int64) func(*keyspace.View, Args) reply.Reply {
	return func(v *keyspace.View, a Args) reply.Reply {
		offset, refusal := parseBitOffset(a[2], maxString(), 0)
		if refusal != nil {
			return *refusal
		}
		s, _, refusal := lookString(v, a[1])
		if refusal != nil {
			return *refusal
		}
		return reply.Int(int64(bitAt(s.Data, offset)))
	}
}

// SETBIT key offset value
func setBit(maxString func() int64) func(*keyspace.Tx, Args) reply.Reply {
	return func(tx *keyspace.Tx, a Args) reply.Reply {
		offset, refusal := parseBitOffset(a[2], maxString(), 0)
		if refusal != nil {
			return *refusal
		}
		bit, ok := parseInt(a[3])
		if !ok || bit != 0 && bit != 1 {
			return reply.Error("ERR bit is not an integer or out of range")
		}
		old, _, refusal := lookString(&tx.View, a[1])
		if refusal != nil {
			return *refusal
		}
		before := bitAt(old.Data, offset)
		if before != byte(bit) || offset>>3 >= uint64(len(old.Data)) {
			data := grown(old.Data, offset)
			putBit(data, offset, byte(bit))
			tx.Set(a[1], data, old.ExpireAt, true)
		}
		return reply.Int(int64(before))
	}
}
