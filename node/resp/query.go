package resp

// The sizes of a query buffer.
const (
	readSize = 16 << 10  // what is read at once, at least
	keepSize = 256 << 10 // a larger buffer is let go as soon as it is empty
	keepIdle = 512       // the same, where batches are read into a buffer that is lent
)

// queryBuffer holds the bytes of one connection that are not yet parsed: data[start:end]. data is the connection's own
// buffer, or one that is lent to it for a batch, so that connections that wait for nothing hold no memory.
type queryBuffer struct {
	data       []byte
	start, end int
	own        []byte
	lent       bool
}

func (q *queryBuffer) unread() []byte { return q.data[q.start:q.end] }

func (q *queryBuffer) consume(n int) { q.start += n }

func (q *queryBuffer) empty() bool { return q.start == q.end }

// lend gives the connection the use of data until settle, when what is unread is little against it.
func (q *queryBuffer) lend(data []byte) {
	if q.lent || q.end-q.start > len(data)/4 {
		return
	}
	q.end = copy(data, q.unread())
	q.data, q.start, q.lent = data, 0, true
}

// space returns room to read into, at least one byte. need is the least number of bytes that the command
// that is arriving will have: a large argument gets a buffer of its size, but only once a third of it is there, so
// that what was announced costs nothing and what arrives is copied a constant number of times.
func (q *queryBuffer) space(need int) []byte {
	if q.data == nil {
		q.own = make([]byte, readSize)
		q.data = q.own
	}
	if q.empty() {
		q.start, q.end = 0, 0
	}
	if q.end == len(q.data) && q.start >= len(q.data)/2 {
		q.end = copy(q.data, q.unread())
		q.start = 0
	}
	if q.end == len(q.data) {
		q.move(make([]byte, q.grown(need)))
	}
	return q.data[q.end:]
}

// grown is the size of the next larger buffer: twice the size, or exactly what the command needs when that
// is between one and a half and three times as much.
func (q *queryBuffer) grown(need int) int {
	if size := len(q.data); need < size+size/2 || need > 3*size {
		return max(2*size, readSize)
	}
	return need
}

// move puts the unread bytes into own, which becomes the connection's own buffer.
func (q *queryBuffer) move(own []byte) {
	q.end = copy(own, q.unread())
	q.start, q.data, q.own, q.lent = 0, own, own, false
}

// settle ends a batch: a buffer that was lent is given back, what is left in it is copied, and a large buffer that
// is empty is let go.
func (q *queryBuffer) settle() {
	left := q.end - q.start
	if left == 0 && len(q.own) > keepSize || q.lent && left == 0 && len(q.own) > keepIdle {
		q.own = nil
	}
	switch {
	case left == 0:
		q.data, q.start, q.end, q.lent = q.own, 0, 0, false
	case q.lent && left <= len(q.own):
		q.move(q.own)
	case q.lent:
		q.move(make([]byte, max(2*left, keepIdle)))
	}
}

// add appends bytes that were read elsewhere.
func (q *queryBuffer) add(b []byte) {
	for len(b) > 0 {
		n := copy(q.space(0), b)
		q.end += n
		b = b[n:]
	}
}
