package reply

import (
	"bytes"
	"slices"
	"strconv"
)

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

// AddBy appends what fn appends to a buffer as a bulk string.
func (a *BulkArray) AddBy(fn func(dst []byte) []byte) {
	const guess = "$000\r\n"
	at := len(a.buf)
	a.buf = fn(append(a.buf, guess...))
	size := len(a.buf) - at - len(guess)
	if size >= 100 && size < 1000 { // most changes are
		a.buf[at+1], a.buf[at+2], a.buf[at+3] = byte('0'+size/100), byte('0'+size/10%10), byte('0'+size%10)
	} else {
		a.buf = slices.Replace(a.buf, at+1, at+4, []byte(strconv.Itoa(size))...)
	}
	a.buf = append(a.buf, '\r', '\n')
	a.count++
}

// Len is how many bulk strings there are.
func (a *BulkArray) Len() int { return a.count }

// Size is how many bytes they take.
func (a *BulkArray) Size() int { return len(a.buf) }

// keepBulks is how large a buffer is that Reset keeps.
const keepBulks = 256 << 10

// Reset empties it. Replies made of it before must be of no more use.
func (a *BulkArray) Reset() {
	if cap(a.buf) > keepBulks {
		a.buf = nil
	}
	a.buf, a.count = a.buf[:0], 0
}

// Reply is the array. It holds good until the next Add or Reset.
func (a *BulkArray) Reply() Reply {
	if a.count == 0 {
		return Array()
	}
	return Reply{Kind: KindArray, Int: int64(a.count), Bytes: a.buf}
}

// Words gathers bulk strings for an aggregate: encoded at once, up to wordsPacked bytes, and others as they are, so that large ones are
// not copied. The zero Words is empty.
type Words struct {
	packed   BulkArray
	rest     []Reply
	expected int64
}

const (
	wordsPacked = 64 << 10
	wordFrame   = 8 // bytes beside a word, if that is not very long
)

// NewWords returns an empty Words that as many bulk strings are expected in. What it allocates goes by the length of the first.
func NewWords(expected int64) Words { return Words{expected: expected} }

// Add appends a bulk string, which must not change any more.
func (w *Words) Add(b []byte) {
	if w.rest == nil && w.pack(b) {
		return
	}
	w.rest = append(w.rest, Bulk(b))
}

// AddCopy appends a copy of b.
func (w *Words) AddCopy(b []byte) {
	if w.rest == nil && w.pack(b) {
		return
	}
	w.rest = append(w.rest, Bulk(bytes.Clone(b)))
}

// pack encodes b if there is room.
func (w *Words) pack(b []byte) bool {
	size := int64(len(b)) + wordFrame
	if int64(w.packed.Size())+size > wordsPacked {
		return false
	}
	if w.packed.buf == nil {
		w.packed.buf = make([]byte, 0, min(max(w.expected, 1)*size, wordsPacked))
	}
	w.packed.Add(b)
	return true
}

// Reply is the aggregate of the given kind: an array, a map or a set. Nothing may be added any more.
func (w *Words) Reply(kind Kind) Reply {
	r := w.packed.Reply()
	r.Kind, r.Elems = kind, w.rest
	return r
}
