package resp

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"shiplog/node/commands"
	"shiplog/node/reply"
)

// patience is how long a test waits for what must happen.
const patience = 10 * time.Second

var (
	errLost    = errors.New("not in the log")
	errUnknown = errors.New("not known")
)

// record is a Wait that a test ends.
type record struct {
	done chan struct{}
	err  error
}

func (r *record) Done() <-chan struct{} { return r.done }
func (r *record) Err() error            { return r.err }
func (r *record) end(err error)         { r.err = err; close(r.done) }

// fake is a Handler whose sessions know a few commands.
type fake struct {
	mu       sync.Mutex
	records  map[string]*record
	password atomic.Bool
	sessions atomic.Int64
	done     atomic.Int64      // commands that ran
	conns    chan *fakeSession // each new session
	later    chan context.Context
	release  chan struct{}
	refuse   atomic.Pointer[reply.Reply]
}

type fakeSession struct {
	h      *fake
	t      commands.Transport
	proto  int
	authed bool
	held   atomic.Int64
	keep   atomic.Bool // not evictable
}

func newFake() *fake {
	return &fake{records: map[string]*record{}, conns: make(chan *fakeSession, 4096),
		later: make(chan context.Context, 16), release: make(chan struct{})}
}

func (h *fake) Connect(t commands.Transport, _ Peer) (Session, *reply.Reply) {
	if r := h.refuse.Load(); r != nil {
		return nil, r
	}
	h.sessions.Add(1)
	s := &fakeSession{h: h, t: t, proto: 2, authed: !h.password.Load()}
	h.conns <- s
	return s, nil
}

// record returns the Wait that "WAITON name" waits for.
func (h *fake) record(name string) *record {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.records[name] == nil {
		h.records[name] = &record{done: make(chan struct{})}
	}
	return h.records[name]
}

func (s *fakeSession) Proto() int          { return s.proto }
func (s *fakeSession) Authenticated() bool { return s.authed }
func (s *fakeSession) Held() int           { return int(s.held.Load()) }
func (s *fakeSession) Evictable() bool     { return !s.keep.Load() }
func (s *fakeSession) Close()              { s.h.sessions.Add(-1) }

func (s *fakeSession) Do(a commands.Args) commands.Result {
	defer s.h.done.Add(1)
	name := string(a[0])
	switch {
	case name == "AUTH":
		s.authed = true
		return commands.Result{Reply: reply.OK()}
	case !s.authed:
		return commands.Result{Reply: reply.Error("NOAUTH Authentication required.")}
	case name == "ECHO":
		return commands.Result{Reply: reply.Bulk(a[1])}
	case name == "BIG":
		n, _ := strconv.Atoi(string(a[1]))
		return commands.Result{Reply: reply.Bulk(bytes.Repeat([]byte("b"), n))}
	case name == "WAITON": // WAITON record reply
		return commands.Result{Reply: reply.BulkString(string(a[2])), Wait: s.h.record(string(a[1]))}
	case name == "SILENT":
		return commands.Result{Wait: s.h.record(string(a[1]))}
	case name == "PUSH":
		s.t.Push(reply.Push(reply.BulkString(string(a[1]))))
		return commands.Result{}
	case name == "PUSHAFTER": // PUSHAFTER reply push [LATER|WAITON record]
		r := commands.Result{Reply: reply.BulkString(string(a[1])), After: s.pushLater(string(a[2]))}
		switch {
		case len(a) > 4:
			r.Wait = s.h.record(string(a[4]))
		case len(a) > 3:
			return commands.Result{Later: func(context.Context) commands.Result { return r }}
		}
		return r
	case name == "HELLO":
		s.proto = 3
		return commands.Result{Reply: reply.Map()}
	case name == "BLOCK":
		return commands.Result{Later: s.block}
	case name == "QUIT":
		return commands.Result{Reply: reply.OK(), Close: true}
	case name == "QUEUE": // QUEUE words
		s.held.Add(int64(len(a[1])))
	case name == "KEEP":
		s.keep.Store(true)
	case name == "ABORT":
		return commands.Result{Abort: true}
	case name == "NULL":
		return commands.Result{Reply: reply.Null()}
	}
	return commands.Result{Reply: reply.Status("PONG")}
}

// pushLater makes the After of a Result.
func (s *fakeSession) pushLater(text string) func() {
	return func() { s.t.Push(reply.Push(reply.BulkString(text))) }
}

func (s *fakeSession) block(ctx context.Context) commands.Result {
	s.h.later <- ctx
	select {
	case <-ctx.Done():
		return commands.Result{Reply: reply.Error("UNBLOCKED " + context.Cause(ctx).Error())}
	case <-s.h.release:
		return commands.Result{Reply: reply.BulkString("released")}
	}
}

// bench is a running server.
type bench struct {
	*fake
	t    *testing.T
	srv  *Server
	addr string
	stop context.CancelFunc
	done chan error
	lim  atomic.Pointer[Limits]

	in, out atomic.Uint64 // bytes that Traffic has told
}

// transports runs a test on the event loops and on goroutines.
func transports(t *testing.T, test func(t *testing.T, b *bench)) {
	for _, tr := range []struct {
		name  string
		loops int
	}{{"loops", 2}, {"goroutines", -1}} {
		t.Run(tr.name, func(t *testing.T) { test(t, start(t, tr.loops)) })
	}
}

func start(t *testing.T, loops int) *bench {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{fake: newFake(), t: t, addr: ln.Addr().String(), done: make(chan error, 1)}
	b.lim.Store(&Limits{})
	b.srv = New(Config{Listeners: []net.Listener{ln}, Handler: b, Limits: b.lim.Load, Loops: loops, Drain: patience,
		Traffic: func(in, out uint64) { b.in.Add(in); b.out.Add(out) },
		ErrorReply: func(err error) (reply.Reply, bool) {
			return reply.Error("LOST " + err.Error()), errors.Is(err, errUnknown)
		}})
	ctx, stop := context.WithCancel(t.Context())
	b.stop = stop
	go func() { b.done <- b.srv.Run(ctx) }()
	t.Cleanup(func() {
		_ = b.srv.Close()
		b.ended()
		if n := b.sessions.Load(); n != 0 {
			t.Errorf("%d sessions are still open", n)
		}
	})
	return b
}

// ended waits for the server to have stopped.
func (b *bench) ended() {
	b.t.Helper()
	b.stop()
	select {
	case err := <-b.done:
		if err != nil {
			b.t.Errorf("Run: %v", err)
		}
		b.done <- nil
	case <-time.After(patience):
		buf := make([]byte, 1<<20)
		b.t.Fatalf("the server does not stop:\n%s", buf[:runtime.Stack(buf, true)])
	}
}

type client struct {
	t *testing.T
	net.Conn
	in *bufio.Reader
}

func (b *bench) dial() *client {
	b.t.Helper()
	nc, err := net.Dial("tcp", b.addr)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(patience))
	return &client{t: b.t, Conn: nc, in: bufio.NewReader(nc)}
}

func (c *client) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatal(err)
	}
}

// want reads exactly text.
func (c *client) want(text string) {
	c.t.Helper()
	got := make([]byte, len(text))
	if n, err := io.ReadFull(c.in, got); err != nil || string(got) != text {
		c.t.Fatalf("got %.300q (%v), want %.300q", got[:n], err, text)
	}
}

// wantEnd expects that nothing more comes and the connection is closed.
func (c *client) wantEnd() {
	c.t.Helper()
	rest, err := io.ReadAll(c.in)
	var timeout net.Error
	if len(rest) > 0 || errors.As(err, &timeout) && timeout.Timeout() {
		c.t.Fatalf("got %.300q (%v), want the connection's end", rest, err)
	}
}

// until waits until what holds.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("it never happens that %s", what)
		}
		<-tick.C
	}
}

func TestRepliesInOrder(t *testing.T) {
	transports(t, func(t *testing.T, b *bench) {
		c := b.dial()
		c.send("PING\r\n*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n\r\n*0\r\nNULL\r\nHELLO\r\nNULL\r\nQUIT\r\nPING\r\n")
		c.want("+PONG\r\n$2\r\nhi\r\n$-1\r\n%0\r\n_\r\n+OK\r\n")
		c.wantEnd()
	})
}

// TestPushAfterReply pushes what a command has caused, which must stand between its reply and the next one.
func TestPushAfterReply(t *testing.T) {
	transports(t, func(t *testing.T, b *bench) {
		c := b.dial()
		c.send("HELLO\r\nPUSHAFTER r1 p1\r\nPING\r\nPUSHAFTER r2 p2 LATER\r\nPING\r\nPUSHAFTER r3 p3 WAITON w\r\nPING\r\n")
		c.want("%0\r\n$2\r\nr1\r\n>1\r\n$2\r\np1\r\n+PONG\r\n$2\r\nr2\r\n>1\r\n$2\r\np2\r\n")
		b.record("w").end(nil)
		c.want("+PONG\r\n$2\r\nr3\r\n>1\r\n$2\r\np3\r\n+PONG\r\n")
	})
}

func TestAbortSendsNothing(t *testing.T) {
	transports(t, func(t *testing.T, b *bench) {
		c := b.dial()
		c.send("PING\r\nBIG 100000\r\nABORT\r\nPING\r\n")
		c.wantEnd()
	})
}

func TestReplyCountIsCommandCount(t *testing.T) {
	transports(t, func(t *testing.T, b *bench) {
		c := b.dial()
		const n = 100_000
		go func() { _, _ = io.WriteString(c, strings.Repeat("PING\r\n*0\r\n*2\r\n$4\r\nECHO\r\n$1\r\nx\r\n", n)) }()
		for range n {
			c.want("+PONG\r\n$1\r\nx\r\n")
		}
	})
}

func TestLargeValues(t *testing.T) {
	transports(t, func(t *testing.T, b *bench) {
		c := b.dial()
		value := strings.Repeat("0123456789abcdef", 1<<18) // 4 MB
		frame := fmt.Sprintf("*2\r\n$4\r\nECHO\r\n$%d\r\n%s\r\n", len(value), value)
		answer := fmt.Sprintf("$%d\r\n%s\r\n", len(value), value)
		go func() { _, _ = io.WriteString(c, frame+frame+"BIG 1000000\r\nPING\r\n") }()
		c.want(answer)
		c.want(answer)
		c.want("$1000000\r\n" + strings.Repeat("b", 1_000_000) + "\r\n+PONG\r\n")
		until(t, "the buffers shrink", func() bool { return b.srv.memory.Load() < 2*keepSize })
	})
}

func TestWaitsThatEndOutOfOrder(t *testing.T) {
	transports(t, func(t *testing.T, b *bench) {
		c, other := b.dial(), b.dial()
		c.send("WAITON r1 a\r\nPING\r\nWAITON r2 b\r\nWAITON r1 c\r\nWAITON r3 d\r\n")
		other.send("WAITON r3 x\r\n")
		until(t, "all commands run", func() bool { return b.fake.done.Load() == 6 })
		b.record("r3").end(nil)
		other.want("$1\r\nx\r\n")
		b.record("r2").end(nil)
		c.send("PING\r\n")
		other.send("PING\r\n") // others go on meanwhile
		other.want("+PONG\r\n")
		if n := c.in.Buffered(); n != 0 {
			t.Errorf("%d bytes came before their Wait was done", n)
		}
		b.record("r1").end(nil)
		c.want("$1\r\na\r\n+PONG\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n+PONG\r\n")
	})
}

func TestNothingLeavesBeforeItsWait(t *testing.T) {
	transports(t, func(t *testing.T, b *bench) {
		c := b.dial()
		c.send("WAITON r a\r\n")
		until(t, "the command runs", func() bool { return b.fake.done.Load() == 1 })
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		if got, err := c.in.ReadByte(); err == nil {
			t.Fatalf("%q came before the Wait was done", got)
		}
		_ = c.SetReadDeadline(time.Now().Add(patience))
		b.record("r").end(nil)
		c.want("$1\r\na\r\n")
	})
}

func TestFailedWaits(t *testing.T) {
	big := strings.Repeat("x", bigBulk)
	bigBulkReply := fmt.Sprintf("$%d\r\n%s\r\n", bigBulk, big)
	tests := []struct {
		name, in, want string
		closed         bool
	}{
		{"only those that depend", "PING\r\nWAITON good a\r\nWAITON lost b\r\nPING\r\nWAITON good c\r\nWAITON lost d\r\n",
			"+PONG\r\n$1\r\na\r\n-LOST not in the log\r\n+PONG\r\n$1\r\nc\r\n-LOST not in the log\r\n", false},
		{"no reply to replace", "SILENT lost\r\nWAITON good a\r\n", "$1\r\na\r\n", false},
		{"big replies around", "BIG 65536\r\nWAITON lost b\r\nBIG 65536\r\n",
			strings.ReplaceAll(bigBulkReply+"-LOST not in the log\r\n"+bigBulkReply, "x", "b"), false},
		{"not known", "WAITON good a\r\nPING\r\nWAITON unknown b\r\nPING\r\nWAITON good c\r\n", "$1\r\na\r\n+PONG\r\n", true},
		{"not known and silent", "PING\r\nSILENT unknown\r\nPING\r\n", "+PONG\r\n", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			transports(t, func(t *testing.T, b *bench) {
				c := b.dial()
				c.send(tt.in)
				b.record("good").end(nil)
				b.record("lost").end(errLost)
				b.record("unknown").end(errUnknown)
				c.want(tt.want)
				if tt.closed {
					c.wantEnd()
					return
				}
				c.send("PING\r\n")
				c.want("+PONG\r\n")
			})
		})
	}
}

func TestPushes(t *testing.T) {
	transports(t, func(t *testing.T, b *bench) {
		c := b.dial()
		c.send("HELLO\r\nPING\r\nPUSH own\r\nPING\r\n")
		c.want("%0\r\n+PONG\r\n>1\r\n$3\r\nown\r\n+PONG\r\n")
		s := <-b.conns
		s.t.Push(reply.Push(reply.BulkString("idle")))
		c.want(">1\r\n$4\r\nidle\r\n")
		c.send("WAITON r a\r\n")
		until(t, "the command runs", func() bool { return b.fake.done.Load() == 5 })
		s.t.Push(reply.Push(reply.BulkString("later")))
		b.record("r").end(nil)
		c.want("$1\r\na\r\n>1\r\n$5\r\nlater\r\n")
	})
}

// TestPushesNeverSplitReplies pushes from several goroutines while replies of all sizes leave.
func TestPushesNeverSplitReplies(t *testing.T) {
	transports(t, func(t *testing.T, b *bench) {
		c := b.dial()
		c.send("HELLO\r\n")
		c.want("%0\r\n")
		s := <-b.conns
		const each, replies = 500, 300
		for range 4 {
			go func() {
				for range each {
					s.t.Push(reply.Push(reply.BulkString("note")))
				}
			}()
		}
		go func() { _, _ = io.WriteString(c, strings.Repeat("BIG 70000\r\nPING\r\nBIG 10\r\n", replies/3)) }()
		pushes, got := 0, 0
		for pushes < 4*each || got < replies {
			line, err := c.in.ReadString('\n')
			if err != nil {
				t.Fatalf("after %d pushes and %d replies: %v", pushes, got, err)
			}
			switch line {
			case ">1\r\n":
				c.want("$4\r\nnote\r\n")
				pushes++
				continue
			case "$70000\r\n":
				c.want(strings.Repeat("b", 70000) + "\r\n")
			case "$10\r\n":
				c.want("bbbbbbbbbb\r\n")
			case "+PONG\r\n":
			default:
				t.Fatalf("got %.100q", line)
			}
			got++
		}
	})
}

func TestLater(t *testing.T) {
	transports(t, func(t *testing.T, b *bench) {
		c := b.dial()
		c.send("PING\r\nBLOCK\r\nPING\r\n")
		c.want("+PONG\r\n") // what was earned before does not wait
		<-b.later
		c.send("PING\r\n")
		s := <-b.conns
		s.t.Push(reply.Push(reply.BulkString("p")))
		c.want("*1\r\n$1\r\np\r\n")
		b.release <- struct{}{}
		c.want("$8\r\nreleased\r\n+PONG\r\n+PONG\r\n")
		c.send("BLOCK\r\nBLOCK\r\n")
		<-b.later
		_ = c.Close()
		if ctx := <-b.later; context.Cause(ctx) == nil { // both are told
			<-ctx.Done()
		}
		until(t, "the session ends", func() bool { return b.sessions.Load() == 0 })
	})
}

func TestLaterEndsWithTheServer(t *testing.T) {
	transports(t, func(t *testing.T, b *bench) {
		c, waiting := b.dial(), b.dial()
		c.send("BLOCK\r\n")
		<-b.later
		waiting.send("WAITON r a\r\n")
		until(t, "the command runs", func() bool { return b.fake.done.Load() == 2 })
		b.stop()
		c.want("-UNBLOCKED resp: the server is stopping\r\n")
		c.wantEnd()
		b.record("r").end(nil)
		waiting.want("$1\r\na\r\n") // what runs is finished
		waiting.wantEnd()
		b.ended()
		if _, err := net.Dial("tcp", b.addr); err == nil {
			t.Error("connections are accepted after the end")
		}
	})
}

func TestKill(t *testing.T) {
	transports(t, func(t *testing.T, b *bench) {
		for _, gentle := range []bool{true, false} {
			idle, blocked, waits := b.dial(), b.dial(), b.dial()
			idle.send("PING\r\n")
			idle.want("+PONG\r\n")
			(<-b.conns).t.Kill(gentle)
			idle.wantEnd()
			blocked.send("BLOCK\r\n")
			<-b.later
			ran := b.fake.done.Load()
			waits.send("WAITON never a\r\n")
			until(t, "the command runs", func() bool { return b.fake.done.Load() > ran })
			(<-b.conns).t.Kill(gentle)
			(<-b.conns).t.Kill(false)
			waits.wantEnd()
			if gentle {
				blocked.want("-UNBLOCKED resp: the client is gone\r\n")
			}
			blocked.wantEnd()
		}
	})
}

func TestRefusedConnection(t *testing.T) {
	transports(t, func(t *testing.T, b *bench) {
		r := reply.Error("ERR max number of clients reached")
		b.refuse.Store(&r)
		c := b.dial()
		c.want("-ERR max number of clients reached\r\n")
		c.wantEnd()
	})
}

func TestCloseEndsRun(t *testing.T) {
	transports(t, func(t *testing.T, b *bench) {
		c := b.dial()
		c.send("WAITON never a\r\n")
		until(t, "the command runs", func() bool { return b.fake.done.Load() == 1 })
		for range 2 {
			if err := b.srv.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
		c.wantEnd()
		select {
		case err := <-b.done:
			b.done <- err
		case <-time.After(patience):
			t.Error("Run goes on after Close")
		}
	})
}

// TestDrainIsBounded stops a server under a client that never reads.
func TestDrainIsBounded(t *testing.T) {
	transports(t, func(t *testing.T, b *bench) {
		b.srv.cfg.Drain = 10 * time.Millisecond
		c := b.dial()
		go func() { _, _ = io.WriteString(c, strings.Repeat("BIG 60000\r\n", 10_000)) }()
		until(t, "commands run", func() bool { return b.fake.done.Load() > 10 })
		b.ended()
	})
}

// TestServingDoesNotAllocate counts the allocations of a whole process over many commands.
func TestServingDoesNotAllocate(t *testing.T) {
	transports(t, func(t *testing.T, b *bench) {
		c := b.dial()
		ask, answer := []byte("*1\r\n$4\r\nPING\r\n"), make([]byte, len("+PONG\r\n"))
		const rounds = 5000
		trip := func() {
			for range rounds {
				if _, err := c.Write(ask); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(c, answer); err != nil {
					t.Fatal(err)
				}
			}
		}
		trip()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		trip()
		runtime.ReadMemStats(&after)
		if n := after.Mallocs - before.Mallocs; n > rounds/10 {
			t.Errorf("%d allocations for %d commands", n, rounds)
		}
	})
}

// TestOutputIsBounded runs more commands than the output has room for.
func TestOutputIsBounded(t *testing.T) {
	for _, tt := range []struct {
		authed bool
		bound  int
	}{{false, maxBatchUnauth}, {true, maxBatch}} {
		var c core
		c.begin(New(Config{}), nil)
		c.sess, c.authed = &fakeSession{h: newFake(), proto: 2, authed: tt.authed}, tt.authed
		c.in.add([]byte(strings.Repeat("BIG 1000\r\n", 10_000)))
		for range 3 {
			if next := c.run(&Limits{}); next != stepMore {
				t.Fatalf("authenticated %v: got step %d, want %d", tt.authed, next, stepMore)
			}
			if n := c.out.size(); n < tt.bound || n > tt.bound+2000 {
				t.Errorf("authenticated %v: the output has %d bytes, want about %d", tt.authed, n, tt.bound)
			}
			c.out.reset()
		}
	}
}
