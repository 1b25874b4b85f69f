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
		out        output
		sent, want bytes.Buffer
	}
	conns := [3]*conn{{}, {}, {}}
	send := func(c *conn) {
		for _, b := range c.out.vectors() {
			c.sent.Write(b)
		}
		c.out.reset()
	}
	for i := range 3000 {
		c := conns[rng.IntN(len(conns))]
		switch rng.IntN(4) {
		case 0, 1:
			r := reply.Push(reply.BulkString("note"), reply.Bulk([]byte(strings.Repeat(fmt.Sprint(i), 1+rng.IntN(1+rng.IntN(20_000))))))
			c.want.Write(AppendReply(nil, &r, 2))
			if got, waits := c.box.put(&r, &shared), int64(c.want.Len()-c.sent.Len()-c.out.size()); got != waits {
				t.Fatalf("%d bytes wait, put says %d", waits, got)
			}
		case 2:
			c.out.pushes = &shared
			c.box.drain(&c.out)
		case 3:
			send(c)
		}
	}
	for i, c := range conns {
		c.box.drain(&c.out)
		send(c)
		if !bytes.Equal(c.sent.Bytes(), c.want.Bytes()) {
			t.Errorf("connection %d was sent %d bytes that are not the %d that were pushed", i, c.sent.Len(), c.want.Len())
		}
	}
	var box outbox
	small := reply.Push(reply.BulkString("small"))
	if box.put(&small, &shared); cap(box.small) >= keepOutput {
		t.Errorf("a small push holds %d bytes", cap(box.small))
	}
}
