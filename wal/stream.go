package wal

import (
	"encoding/binary"
	"math"
	"strconv"
)

// StreamID is the id of a stream's entry.
type StreamID struct{ MS, Seq uint64 }

// MaxStreamID returns the greatest id that there is.
func MaxStreamID() StreamID { return StreamID{math.MaxUint64, math.MaxUint64} }

// String is the id as commands show it.
func (id StreamID) String() string {
	var buf [2*20 + 1]byte
	return string(strconv.AppendUint(append(strconv.AppendUint(buf[:0], id.MS, 10), '-'), id.Seq, 10))
}

// Compare returns -1, 0 or 1 as id is less than, equal to or greater than other.
func (id StreamID) Compare(other StreamID) int {
	switch {
	case id == other:
		return 0
	case id.MS < other.MS || id.MS == other.MS && id.Seq < other.Seq:
		return -1
	default:
		return 1
	}
}

// Next returns the id that follows; it is not ok when id is the greatest that there is.
func (id StreamID) Next() (next StreamID, ok bool) {
	switch {
	case id.Seq < math.MaxUint64:
		return StreamID{id.MS, id.Seq + 1}, true
	case id.MS < math.MaxUint64:
		return StreamID{id.MS + 1, 0}, true
	default:
		return StreamID{}, false
	}
}

// Before returns the id that precedes; it is not ok when id is the least that there is.
func (id StreamID) Before() (before StreamID, ok bool) {
	switch {
	case id.Seq > 0:
		return StreamID{id.MS, id.Seq - 1}, true
	case id.MS > 0:
		return StreamID{id.MS - 1, math.MaxUint64}, true
	default:
		return StreamID{}, false
	}
}

// What Index says in an OpXPend.
const (
	PendFirst = 0 // the entry was not pending in the group
	PendMoved = 1 // it was pending for the consumer that Value names
	PendAgain = 2 // it was pending for Who
)

// AppendStreamField appends a field or a value of an entry, as Value of an OpXAdd has them: in turn, each behind its length as
// an unsigned varint.
func AppendStreamField(dst, field []byte) []byte { return appendBytes(dst, field) }

// StreamFields returns the fields and values of an entry in turn; they alias value. It is not ok when value is damaged.
func StreamFields(value []byte) (fields [][]byte, ok bool) {
	n := 0
	for rest := value; len(rest) > 0; n++ {
		size, k := binary.Uvarint(rest)
		if k <= 0 || size > uint64(len(rest)-k) {
			return nil, false
		}
		rest = rest[k+int(size):]
	}
	fields = make([][]byte, 0, n)
	for rest := value; len(rest) > 0; {
		size, k := binary.Uvarint(rest)
		end := k + int(size)
		fields = append(fields, rest[k:end:end])
		rest = rest[end:]
	}
	return fields, true
}
