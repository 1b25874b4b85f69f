package keyspace

import (
	"encoding/binary"
	"errors"

	"github.com/cespare/xxhash/v2"

	"shiplog/partitions/slot"
	"shiplog/wal"
)

// The areas of the database (FORMAT.md). Rows of keys begin with the slot, so that slots can be counted,
// split off and dropped by range; what belongs to the whole partition stands behind all slots.
const (
	areaExpiry  byte = 'e' // of a slot: when a key expires
	areaHeader  byte = 'h' // of a slot: a key's type and, for strings, its data, for collections its top
	areaElement byte = 'r' // of a slot: what a collection that was made there consists of
	areaIndex        = "\xff\xfei"
	areaFields       = "\xff\xfej"
	rowCounts        = "\xff\xffc"
	rowFormat        = "\xff\xfff"
	rowApplied       = "\xff\xffp"
)

const (
	formatVersion = 2 // 1 had no collections
	hashSize      = 6
	keyPrefix     = 2 + 1 + hashSize // slot, area, hash
	headerPrefix  = 2                // type, flags
	indexPrefix   = 3 + 8            // area, deadline
	flagRaw       = 1
	flagText      = 2
)

// slotsEnd is the first row key behind all slots.
const slotsEnd = "\x40\x00"

// errRow says that a row does not have the shape that FORMAT.md gives it.
var errRow = errors.New("a stored row is damaged")

// appendRowKey appends the row key of key in the given area.
func appendRowKey(dst []byte, id slot.ID, area byte, key []byte) []byte {
	return append(appendCursorKey(dst, cursorFor(id, key), area), key...)
}

// appendIndexKey appends the row key that says that key expires at the given Unix millisecond.
func appendIndexKey[K []byte | string](dst []byte, at int64, key K) []byte {
	dst = append(dst, areaIndex...)
	dst = binary.BigEndian.AppendUint64(dst, uint64(at))
	return append(dst, key...)
}

// parseIndexKey returns the deadline and the key of an index row.
func parseIndexKey(row []byte) (at int64, key []byte, ok bool) {
	if len(row) < indexPrefix {
		return 0, nil, false
	}
	return int64(binary.BigEndian.Uint64(row[3:])), row[indexPrefix:], true
}

// appendHeader appends the header row of a string.
func appendHeader(dst []byte, v *Value) []byte {
	flags := byte(0)
	if v.Raw {
		flags |= flagRaw
	}
	if v.Text {
		flags |= flagText
	}
	dst = append(dst, byte(v.Type), flags)
	return append(dst, v.Data...)
}

// parseHeader decodes a header row. The result's Data aliases row.
func parseHeader(row []byte) (Value, error) {
	if len(row) < headerPrefix || row[1]&^(flagRaw|flagText) != 0 {
		return Value{}, errRow
	}
	v := Value{Type: Type(row[0]), Raw: row[1]&flagRaw != 0, Text: row[1]&flagText != 0, Data: row[headerPrefix:]}
	if v.Type == TypeString {
		return v, nil
	}
	if _, sound := parseTop(v.Data); !sound || v.Type < TypeString || v.Type > TypeStream || row[1] != 0 {
		return Value{}, errRow
	}
	return v, nil
}

// cursorFor is the place of a key in the order of keys: its slot, then its hash. It fits into 62 bits.
func cursorFor(id slot.ID, key []byte) uint64 { return cursorWith(id, xxhash.Sum64(key)) }

// cursorWith is cursorFor a key whose XXH64 is known. Of that the upper bits give the keys of one slot their order: SCAN's cursor and
// RANDOMKEY rest on it.
func cursorWith(id slot.ID, hash uint64) uint64 { return uint64(id)<<(8*hashSize) | hash>>16 }

// cursorOf is the place of a row in the order of keys.
func cursorOf(row []byte) uint64 {
	return uint64(binary.BigEndian.Uint16(row))<<(8*hashSize) |
		uint64(binary.BigEndian.Uint16(row[3:]))<<32 | uint64(binary.BigEndian.Uint32(row[5:]))
}

// appendCursorKey appends the first row key in the given area at or behind a cursor.
func appendCursorKey(dst []byte, cursor uint64, area byte) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(cursor>>(8*hashSize)))
	dst = append(dst, area)
	return append(dst, byte(cursor>>40), byte(cursor>>32), byte(cursor>>24), byte(cursor>>16), byte(cursor>>8), byte(cursor))
}

// positionSize is the length of the row that holds the applied position.
const positionSize = 16 + 8 + 8 + 8 + 8 + 8

// appendPosition appends the row of the applied position.
func appendPosition(dst []byte, p wal.Position) []byte {
	dst = append(dst, p.Incarnation[:]...)
	dst = binary.BigEndian.AppendUint64(dst, uint64(p.Seq))
	dst = binary.BigEndian.AppendUint64(dst, uint64(p.Epoch))
	dst = binary.BigEndian.AppendUint64(dst, p.Index)
	dst = binary.BigEndian.AppendUint64(dst, p.Chain)
	return binary.BigEndian.AppendUint64(dst, uint64(p.CommitMS))
}

func parsePosition(row []byte) (p wal.Position, err error) {
	if len(row) != positionSize {
		return p, errRow
	}
	copy(p.Incarnation[:], row)
	p.Seq = wal.Seq(binary.BigEndian.Uint64(row[16:]))
	p.Epoch = wal.Epoch(binary.BigEndian.Uint64(row[24:]))
	p.Index = binary.BigEndian.Uint64(row[32:])
	p.Chain = binary.BigEndian.Uint64(row[40:])
	p.CommitMS = int64(binary.BigEndian.Uint64(row[48:]))
	return p, nil
}

// counts are the numbers of keys that DBSIZE and INFO answer, and the number of the newest collection.
type counts struct {
	keys     int64
	volatile int64 // keys with an expiry
	objects  uint64
}

// change adds n to the counts that a key of this shape belongs to.
func (c *counts) change(exists, volatile bool, n int64) {
	if exists {
		c.keys += n
		if volatile {
			c.volatile += n
		}
	}
}

// flush sets the counts to what they are without keys. Numbers of collections are never used again.
func (c *counts) flush() { *c = counts{objects: c.objects} }

// object takes note of a collection's number.
func (c *counts) object(object uint64) {
	c.objects = max(c.objects, object&(1<<objectBits-1))
}

func appendCounts(dst []byte, c counts) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(c.keys))
	dst = binary.BigEndian.AppendUint64(dst, uint64(c.volatile))
	return binary.BigEndian.AppendUint64(dst, c.objects)
}

// parseCounts decodes the row of counts; format 1 had no number of collections.
func parseCounts(row []byte) (c counts, err error) {
	if len(row) != 16 && len(row) != 24 {
		return c, errRow
	}
	c.keys = int64(binary.BigEndian.Uint64(row))
	c.volatile = int64(binary.BigEndian.Uint64(row[8:]))
	if len(row) == 24 {
		c.objects = binary.BigEndian.Uint64(row[16:])
	}
	return c, nil
}
