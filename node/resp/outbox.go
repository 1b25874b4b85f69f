package resp

import (
	"sync"
	"sync/atomic"

	"shiplog/node/reply"
)

// outbox holds the pushes that have not joined the output. The mutex guards small and large.
type outbox struct {
	waits atomic.Int64 // bytes
	proto atomic.Int32
	mu    sync.Mutex
	small []byte
	large [][]byte // what was pushed behind small, from the first large push on, in order, in buffers of the server's
}

// put encodes a push and returns how many bytes wait.
func (b *outbox) put(r *reply.Reply, lend *pushBuffers) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	buf := &b.small
	if size := sizeOf(r); size >= largePush || len(b.large) > 0 {
		if n := len(b.large); n == 0 || cap(b.large[n-1])-len(b.large[n-1]) < size+pushFrame {
			b.large = append(b.large, lend.take())
		}
		buf = &b.large[len(b.large)-1]
	}
	before := len(*buf)
	*buf = AppendReply(*buf, r, int(b.proto.Load()))
	return b.waits.Add(int64(len(*buf) - before))
}

// drain moves the pushes behind an output.
func (b *outbox) drain(o *output) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(o.buf) == 0 {
		o.buf, b.small = b.small, o.buf
	} else {
		o.buf, b.small = append(o.buf, b.small...), b.small[:0]
	}
	if cap(b.small) > keepOutput {
		b.small = nil
	}
	for _, buf := range b.large {
		o.lend(buf)
	}
	clear(b.large)
	b.large = b.large[:0]
	b.waits.Store(0)
}

// largePush is from where on a push is encoded into a buffer of the server's, and pushFrame what a push takes besides its elements' contents.
const (
	largePush = 4 << 10
	pushFrame = 256
)

// sizeOf is how many bytes the elements of a push have, apart from what frames them.
func sizeOf(r *reply.Reply) (n int) {
	for i := range r.Elems {
		n += len(r.Elems[i].Bytes) + len(r.Elems[i].Text)
	}
	return n
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
