package keyspace

import (
	"encoding/binary"
)

// top is what is kept of a collection as a whole, in its header row and in the Value of its key. Rest belongs to the type.
type top struct {
	object uint64 // which collection it is: the rows of its elements begin with it
	count  int64  // of its elements
	flags  byte   // the type's
	rest   []byte
}

// objectBits are the bits of an object's number; above them is its home, the slot under which its rows are.
const objectBits = 48

// objectSize is the length of an object's number in a header row.
const objectSize = 8

// appendTop appends t as a Value of a collection has it.
func appendTop(dst []byte, t *top) []byte {
	dst = binary.BigEndian.AppendUint64(dst, t.object)
	dst = append(dst, t.flags)
	dst = binary.AppendUvarint(dst, uint64(t.count))
	return append(dst, t.rest...)
}

// parseTop decodes what appendTop has written; rest aliases data. It is not ok when data is damaged.
func parseTop(data []byte) (t top, ok bool) {
	if len(data) < objectSize+2 {
		return t, false
	}
	t.object, t.flags = binary.BigEndian.Uint64(data), data[objectSize]
	count, n := binary.Uvarint(data[objectSize+1:])
	if n <= 0 {
		return t, false
	}
	t.count, t.rest = int64(count), data[objectSize+1+n:]
	return t, true
}

// object returns the number of the collection that the value is, 0 for a string.
func (v *Value) object() uint64 {
	if v.Type <= TypeString || len(v.Data) < objectSize {
		return 0
	}
	return binary.BigEndian.Uint64(v.Data)
}

// appendElementKey appends the key of a row of an object.
func appendElementKey[B []byte | string](dst []byte, object uint64, sub B) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(object>>objectBits))
	dst = append(dst, areaElement)
	dst = append(dst, byte(object>>40), byte(object>>32), byte(object>>24), byte(object>>16), byte(object>>8), byte(object))
	return append(dst, sub...)
}

// elementPrefix is the length of what stands before a row's own key.
const elementPrefix = 2 + 1 + objectBits/8

// objectEnd is the first row key behind an object's rows.
func objectEnd(object uint64) []byte { return appendElementKey(nil, object+1, "") }
