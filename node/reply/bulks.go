package reply

import "strconv"

// BulkArray collects bulk strings as they are sent, which is the same in RESP2 and RESP3: an array of very many then costs neither a Reply nor
// an allocation for each. The zero BulkArray is empty.
type BulkArray struct {
	buf   []byte
	count int
}

// Add appends a bulk string, and keeps nothing of b.
func (a *BulkArray) Add(b []byte) {
	a.buf = strconv.AppendInt(append(a.buf, '$'), int64(len(b)), 10)
	a.buf = append(a.buf, '\r', '\n')
	a.buf = append(append(a.buf, b...), '\r', '\n')
	a.count++
}

// Len is how many bulk strings there are.
func (a *BulkArray) Len() int { return a.count }

// Size is how many bytes they take.
func (a *BulkArray) Size() int { return len(a.buf) }

// Reset empties it. Replies made of it before must be of no more use.
func (a *BulkArray) Reset() { a.buf, a.count = a.buf[:0], 0 }

// Reply is the array. It holds good until the next Add or Reset.
func (a *BulkArray) Reply() Reply {
	if a.count == 0 {
		return Array()
	}
	return Reply{Kind: KindBulkArray, Int: int64(a.count), Bytes: a.buf}
}
