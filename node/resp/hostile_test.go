package resp

import (
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"shiplog/node/reply"
)

func heapMB() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse+m.StackInuse) >> 20
}

// crowd opens n connections and writes text to each without ever reading, until the socket takes no more.
func crowd(b *bench, n int, text string) {
	b.t.Helper()
	for range n {
		nc, err := net.Dial("tcp", b.addr)
		if err != nil {
			b.t.Fatal(err)
		}
		b.t.Cleanup(func() { _ = nc.Close() })
		_ = nc.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
		_, _ = io.WriteString(nc, text)
	}
}

// TestUnauthenticatedCrowd is CVE-2025-21605: errors that nobody reads must not fill the memory.
func TestUnauthenticatedCrowd(t *testing.T) {
	transports(t, func(t *testing.T, b *bench) {
		b.password.Store(true)
		before := heapMB()
		crowd(b, 1000, strings.Repeat("GET key\r\n", 20_000))
		if grown := heapMB() - before; grown > 120 {
			t.Errorf("1,000 connections hold %d MB", grown)
		}
		c := b.dial()
		c.send("AUTH\r\nPING\r\n")
		c.want("+OK\r\n+PONG\r\n")
	})
}

// TestAnnouncingCrowd is CVE-2021-32675: what is announced and not sent costs nothing.
func TestAnnouncingCrowd(t *testing.T) {
	transports(t, func(t *testing.T, b *bench) {
		before := heapMB()
		crowd(b, 1000, "*1048576\r\n$536870912\r\n")
		until(t, "all are connected", func() bool { return b.sessions.Load() == 1000 })
		if grown := heapMB() - before; grown > 60 {
			t.Errorf("1,000 connections hold %d MB", grown)
		}
	})
}

// TestErrorFlood is CVE-2025-48367: others are served while protocol errors rain.
func TestErrorFlood(t *testing.T) {
	transports(t, func(t *testing.T, b *bench) {
		c := b.dial()
		stop := make(chan struct{})
		flooded := make(chan struct{})
		go func() {
			defer close(flooded)
			for {
				select {
				case <-stop:
					return
				default:
				}
				if nc, err := net.Dial("tcp", b.addr); err == nil {
					_, _ = io.WriteString(nc, "*1\r\n!\r\n")
					_, _ = io.Copy(io.Discard, nc)
					_ = nc.Close()
				}
			}
		}()
		for range 200 {
			c.send("PING\r\n")
			c.want("+PONG\r\n")
		}
		close(stop)
		<-flooded
	})
}

func TestProtocolErrorsCloseTheConnection(t *testing.T) {
	transports(t, func(t *testing.T, b *bench) {
		for in, want := range map[string]string{
			"PING\r\n*x\r\n":                   "+PONG\r\n-ERR Protocol error: invalid multibulk length\r\n",
			strings.Repeat("A", maxLine):       "-ERR Protocol error: too big inline request\r\n",
			"*2000000000\r\n":                  "-ERR Protocol error: invalid multibulk length\r\n",
			"*1\r\n$4\r\nPING\r\n*1\r\n:1\r\n": "+PONG\r\n-ERR Protocol error: expected '$', got ':'\r\n",
		} {
			c := b.dial()
			c.send(in)
			c.want(want)
			c.wantEnd()
		}
	})
}

// TestSlowReader stalls only itself, holds little, and gets everything in the end.
func TestSlowReader(t *testing.T) {
	transports(t, func(t *testing.T, b *bench) {
		slow, c := b.dial(), b.dial()
		const n = 3000
		go func() { _, _ = io.WriteString(slow, strings.Repeat("BIG 30000\r\n", n)) }()
		for range 100 {
			c.send("PING\r\n")
			c.want("+PONG\r\n")
		}
		until(t, "the slow reader stalls", func() bool {
			now := b.fake.done.Load()
			runtime.Gosched()
			return now > 100 && now == b.fake.done.Load()
		})
		if held := b.srv.memory.Load(); held > 8*maxBatch {
			t.Errorf("%d bytes are held for a slow reader", held)
		}
		for range n {
			slow.want("$30000\r\n")
			slow.want(strings.Repeat("b", 30000) + "\r\n")
		}
	})
}

func TestOutputLimits(t *testing.T) {
	transports(t, func(t *testing.T, b *bench) {
		b.lim.Store(&Limits{Normal: OutputLimit{Hard: 1 << 20}, PubSub: OutputLimit{Hard: 1 << 20}})
		c := b.dial()
		c.send("BIG 2000000\r\n")
		c.wantEnd()
		<-b.conns
		c = b.dial() // never reads
		s := <-b.conns
		note := reply.BulkString(strings.Repeat("n", 100_000))
		until(t, "pushes nobody reads end the connection", func() bool {
			s.t.Push(note)
			return b.sessions.Load() == 0
		})
		_ = c
	})
}

// Who pushes is told of all that waits for a client, also where it waits to be sent.
func TestPushesThatWaitAreCounted(t *testing.T) {
	const sockets = 24 << 20 // more than the kernel takes
	transports(t, func(t *testing.T, b *bench) {
		_ = b.dial() // never reads
		s := <-b.conns
		for _, size := range []int{50_000, 2000} {
			_, before := s.t.BufferBytes()
			note := reply.Push(reply.BulkString("note"), reply.Bulk(make([]byte, size)))
			pushed := 0
			for ; pushed < sockets+8<<20; pushed += size {
				s.t.Push(note)
			}
			if _, output := s.t.BufferBytes(); output-before < pushed-sockets {
				t.Errorf("%d bytes wait, of %d that were pushed", output-before, pushed)
			}
		}
	})
}

// TestLargePush has one push that is larger than the limit reach its reader.
func TestLargePush(t *testing.T) {
	transports(t, func(t *testing.T, b *bench) {
		b.lim.Store(&Limits{PubSub: OutputLimit{Hard: 1 << 20}})
		c := b.dial()
		s := <-b.conns
		value := strings.Repeat("v", 3<<20)
		s.t.Push(reply.Push(reply.BulkString("note"), reply.BulkString(value)))
		c.want("*2\r\n$4\r\nnote\r\n$3145728\r\n" + value + "\r\n")
	})
}

func TestQueryBufferLimit(t *testing.T) {
	transports(t, func(t *testing.T, b *bench) {
		b.lim.Store(&Limits{QueryBufferLimit: 100_000})
		c := b.dial()
		_, _ = io.WriteString(c, "*1\r\n$1000000\r\n"+strings.Repeat("x", 1_000_000))
		c.wantEnd()
	})
}

// TestClientMemory closes the connection that holds most and no other.
func TestClientMemory(t *testing.T) {
	transports(t, func(t *testing.T, b *bench) {
		b.lim.Store(&Limits{ClientMemory: 4 << 20})
		hog, small := b.dial(), b.dial()
		small.send("PING\r\n")
		small.want("+PONG\r\n")
		_, _ = io.WriteString(hog, "*2\r\n$4\r\nECHO\r\n$100000000\r\n"+strings.Repeat("x", 8<<20))
		hog.wantEnd()
		small.send("PING\r\n")
		small.want("+PONG\r\n")
	})
}

// TestQueuedMemory counts what sessions hold like what buffers hold, and spares who must not be closed for it.
func TestQueuedMemory(t *testing.T) {
	transports(t, func(t *testing.T, b *bench) {
		b.lim.Store(&Limits{ClientMemory: 4 << 20})
		queue := "*2\r\n$5\r\nQUEUE\r\n$1000000\r\n" + strings.Repeat("x", 1_000_000) + "\r\n"
		keeper, hog := b.dial(), b.dial()
		keeper.send("KEEP\r\n" + strings.Repeat(queue, 5))
		keeper.want(strings.Repeat("+PONG\r\n", 6))
		_, _ = io.WriteString(hog, queue) // it may be closed before all is written
		until(t, "the one that may be closed is", func() bool { return b.sessions.Load() == 1 })
		keeper.send("PING\r\n")
		keeper.want("+PONG\r\n")
		_ = keeper.Close()
		until(t, "nothing is held any more", func() bool { return b.srv.memory.Load() == 0 })
	})
}

// TestQueuedBytesAreQueryBytes bounds what one client can have queued as what it can have unread.
func TestQueuedBytesAreQueryBytes(t *testing.T) {
	transports(t, func(t *testing.T, b *bench) {
		b.lim.Store(&Limits{QueryBufferLimit: 100_000})
		c := b.dial()
		c.send(strings.Repeat("QUEUE "+strings.Repeat("x", 1000)+"\r\n", 101))
		c.want(strings.Repeat("+PONG\r\n", 101))
		c.wantEnd()
	})
}

func TestUnauthenticatedCaps(t *testing.T) {
	transports(t, func(t *testing.T, b *bench) {
		b.password.Store(true)
		b.lim.Store(&Limits{UnauthPerIP: 2, Unauthenticated: 100})
		first, second := b.dial(), b.dial()
		second.send("PING\r\n")
		second.want("-NOAUTH Authentication required.\r\n")
		first.send("PING\r\n")
		first.want("-NOAUTH Authentication required.\r\n")
		third := b.dial()
		third.want("-ERR max number of unauthenticated clients reached\r\n")
		third.wantEnd()
		first.send("AUTH\r\n")
		first.want("+OK\r\n")
		third = b.dial()
		third.send("AUTH\r\n")
		third.want("+OK\r\n")
	})
}

// TestOverdue decides with a clock of its own.
func TestOverdue(t *testing.T) {
	lim := &Limits{Timeout: 10 * time.Second, AuthDeadline: 5 * time.Second, Normal: OutputLimit{Soft: 1, SoftFor: 3 * time.Second}}
	tests := []struct {
		name string
		set  func(c *core)
		at   time.Duration
		want bool
	}{
		{"active", func(c *core) { c.facts.active.Store(int64(5 * time.Second)) }, 14 * time.Second, false},
		{"idle", func(*core) {}, 11 * time.Second, true},
		{"idle but blocked", func(c *core) { c.facts.blocked.Store(true) }, 11 * time.Second, false},
		{"idle but sent pushes", func(c *core) { c.facts.pushed.Store(true) }, 11 * time.Second, false},
		{"not authenticated yet", func(c *core) { c.facts.authed.Store(false) }, 4 * time.Second, false},
		{"never authenticated", func(c *core) { c.facts.authed.Store(false) }, 6 * time.Second, true},
		{"above the soft limit", func(c *core) { c.facts.softSince.Store(int64(time.Second)) }, 3 * time.Second, false},
		{"above it for long", func(c *core) { c.facts.softSince.Store(int64(time.Second)) }, 5 * time.Second, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var c core
			c.facts.authed.Store(true)
			tt.set(&c)
			if got := c.overdue(lim, int64(tt.at)); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestTimeoutAndAuthDeadline(t *testing.T) {
	transports(t, func(t *testing.T, b *bench) {
		b.password.Store(true)
		b.lim.Store(&Limits{AuthDeadline: time.Nanosecond})
		b.dial().wantEnd()
		b.password.Store(false)
		b.lim.Store(&Limits{Timeout: time.Nanosecond})
		b.dial().wantEnd()
	})
}
