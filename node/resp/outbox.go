package resp

import (
	"sync"
	"sync/atomic"

	"shiplog/node/reply"
)

// outbox holds the pushes that have not joined the output. The mutex guards buf and lent.
type outbox struct {
	filled atomic.Bool
	proto  atomic.Int32
	mu     sync.Mutex
	buf    []byte
	lent   bool // buf is one of the server's
}

// put encodes a push and returns how many bytes wait.
func (b *outbox) put(r *reply.Reply, lend *pushBuffers) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.buf == nil && isLargePush(r) {
		b.buf, b.lent = lend.take(), true
	}
	b.buf = AppendReply(b.buf, r, int(b.proto.Load()))
	b.filled.Store(true)
	return len(b.buf)
}

// drain appends the pushes to dst. When that is empty the buffers are exchanged instead; lent tells that it is one of the server's now.
func (b *outbox) drain(dst []byte) (out []byte, lent bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(dst) == 0 {
		dst, b.buf, lent, b.lent = b.buf, dst, b.lent, false
	} else {
		dst, b.buf = append(dst, b.buf...), b.buf[:0]
	}
	if cap(b.buf) > keepOutput {
		b.buf = nil
	}
	b.filled.Store(false)
	return dst, lent
}

// largePush is from where on a push is encoded into a buffer of the server's.
const largePush = 4 << 10

// isLargePush tells whether an element of a push is large.
func isLargePush(r *reply.Reply) bool {
	for i := range r.Elems {
		if len(r.Elems[i].Bytes) >= largePush {
			return true
		}
	}
	return false
}

// pushBuffers are a server's buffers for large pushes, as of changes. Few are on their way at a time: one for each push would be as much garbage
// as all that is pushed, and one for each connection would be kept by many that rarely need it.
type pushBuffers struct{ pool sync.Pool }

// take returns an empty buffer.
func (p *pushBuffers) take() []byte {
	if buf, ok := p.pool.Get().(*[]byte); ok {
		return (*buf)[:0]
	}
	return make([]byte, 0, keepOutput)
}

// give takes one back, unless it has grown.
func (p *pushBuffers) give(buf []byte) {
	if cap(buf) == keepOutput {
		p.pool.Put(&buf)
	}
}
