package resp

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"shiplog/node/reply"
)

// Connections that share buffers for large pushes each send what was pushed to them, in order, also when a buffer grows, and when pushes stand behind replies.
func TestPushesInSharedBuffers(t *testing.T) {
	var shared pushBuffers
	rng := rand.New(rand.NewPCG(1, 2))
	type conn struct {
		box        outbox
		out        []byte
		lent       bool
		sent, want bytes.Buffer
	}
	conns := [3]*conn{{}, {}, {}}
	for i := range 3000 {
		c := conns[rng.IntN(len(conns))]
		switch rng.IntN(3) {
		case 0:
			r := reply.Push(reply.BulkString("note"), reply.Bulk([]byte(strings.Repeat(fmt.Sprint(i), 1+rng.IntN(20_000)))))
			c.want.Write(AppendReply(nil, &r, 2))
			if got, waits := c.box.put(&r, &shared), len(c.box.buf); got != waits {
				t.Fatalf("%d bytes wait, put says %d", waits, got)
			}
		case 1: // as core.join does
			buf, lent := c.box.drain(c.out)
			c.out, c.lent = buf, c.lent || lent
		case 2: // as loop.reuse does
			c.sent.Write(c.out)
			if c.lent {
				shared.give(c.out)
			}
			c.out, c.lent = nil, false
		}
	}
	for i, c := range conns {
		buf, _ := c.box.drain(c.out)
		c.sent.Write(buf)
		if !bytes.Equal(c.sent.Bytes(), c.want.Bytes()) {
			t.Errorf("connection %d was sent %d bytes that are not the %d that were pushed", i, c.sent.Len(), c.want.Len())
		}
	}
	var box outbox
	small := reply.Push(reply.BulkString("small"))
	if box.put(&small, &shared); cap(box.buf) >= keepOutput {
		t.Errorf("a small push holds %d bytes", cap(box.buf))
	}
}
