package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"syscall"
	"time"

	"shiplog/e2e"
)

// value is what every key holds: redis-benchmark's three bytes.
const value = "xxx"

// silence is how long no server may answer before a load is given up.
const silence = 10 * time.Second

// pressure is a load on a cluster: clients that each send the next pipeline when the last one is answered.
type pressure struct {
	get      bool // GET, or else SET
	pipeline int  // commands in a pipeline
	wait     bool // end each pipeline with WAIT 1 0
	clients  int
	keys     int // in all
	lasts    time.Duration
}

// throughput is what a load came to. Commands are those of the pipelines without their WAITs.
type throughput struct {
	commands int
	took     time.Duration
}

// perSecond is the rate of commands.
func (t throughput) perSecond() float64 { return float64(t.commands) / t.took.Seconds() }

// script is the commands for one node, all of one length and one behind the other, so that a pipeline is a piece of it.
type script struct {
	text []byte
	each int // bytes of a command
}

func newScript(keys []string, get bool) script {
	var s script
	for _, key := range keys {
		if get {
			s.text = e2e.Command(s.text, "GET", key)
		} else {
			s.text = e2e.Command(s.text, "SET", key, value)
		}
	}
	s.each = len(s.text) / len(keys)
	return s
}

// piece is n commands from a random place on.
func (s script) piece(n int, random *rand.Rand) []byte {
	from := random.IntN(len(s.text)/s.each-n+1) * s.each
	return s.text[from : from+n*s.each]
}

// client is one connection of a load: a blocking socket that is read only when it has something.
type client struct {
	fd      int
	script  script
	out     []byte // the pipeline
	in      []byte // of replies: what is not parsed yet
	waiting int    // replies
}

// generator runs all clients in one goroutine, over epoll: the servers need the processors more.
type generator struct {
	pressure
	epoll   int
	clients map[int32]*client // by their sockets
	random  *rand.Rand
	done    int // commands
}

// apply puts a cluster under a load whose keys belong to the primaries that o names. Any error reply ends it with an
// error. Connecting is not in the time.
func (p pressure) apply(ctx context.Context, o *ownership) (throughput, error) {
	g := &generator{pressure: p, epoll: -1, clients: make(map[int32]*client), random: rand.New(rand.NewPCG(3, 4))}
	defer g.close()
	if err := g.connect(o); err != nil {
		return throughput{}, err
	}
	begin := time.Now()
	for _, c := range g.clients {
		if err := g.send(c); err != nil {
			return throughput{}, err
		}
	}
	err := g.run(ctx, begin.Add(p.lasts))
	return throughput{g.done, time.Since(begin)}, err
}

// connect deals the clients out over the primaries in turn.
func (g *generator) connect(o *ownership) (err error) {
	if g.epoll, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	scripts := make(map[string]script)
	for addr, keys := range o.keysOf(g.keys) {
		if len(keys) < g.pipeline {
			return fmt.Errorf("%s has %d of %d keys, too few for a pipeline", addr, len(keys), g.keys)
		}
		scripts[addr] = newScript(keys, g.get)
	}
	primaries := o.primaries()
	for i := range g.pressure.clients {
		addr := primaries[i%len(primaries)]
		fd, err := dial(addr)
		if err != nil {
			return fmt.Errorf("connect to %s: %w", addr, err)
		}
		g.clients[int32(fd)] = &client{fd: fd, script: scripts[addr], in: make([]byte, 0, 16<<10)}
		event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(fd)}
		if err := syscall.EpollCtl(g.epoll, syscall.EPOLL_CTL_ADD, fd, &event); err != nil {
			return fmt.Errorf("epoll: %w", err)
		}
	}
	return nil
}

// dial opens a blocking socket, which net.Dial does not give.
func dial(addr string) (fd int, err error) {
	at, err := netip.ParseAddrPort(addr)
	if err != nil {
		return -1, err
	}
	fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	err = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	if err == nil {
		err = syscall.Connect(fd, &syscall.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()})
	}
	if err != nil {
		_ = syscall.Close(fd) // nothing is lost
		return -1, err
	}
	return fd, nil
}

func (g *generator) close() {
	for _, c := range g.clients {
		_ = syscall.Close(c.fd) // nothing is under way, or the load has failed
	}
	if g.epoll >= 0 {
		_ = syscall.Close(g.epoll)
	}
}

// run answers each answered pipeline with the next until the end, and then waits for those under way.
func (g *generator) run(ctx context.Context, end time.Time) error {
	events := make([]syscall.EpollEvent, len(g.clients))
	for busy := len(g.clients); busy > 0; {
		n, err := syscall.EpollWait(g.epoll, events, int(silence.Milliseconds()))
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("epoll: %w", err)
		}
		if n == 0 {
			return fmt.Errorf("no reply within %v, %d clients wait", silence, busy)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		over := !time.Now().Before(end)
		for _, e := range events[:n] {
			c := g.clients[e.Fd]
			if err := g.receive(c); err != nil {
				return err
			}
			switch {
			case c.waiting > 0:
			case over:
				busy--
			default:
				if err := g.send(c); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// send writes the next pipeline.
func (g *generator) send(c *client) error {
	c.out = append(c.out[:0], c.script.piece(g.pipeline, g.random)...)
	c.waiting = g.pipeline
	if g.wait {
		c.out = append(c.out, "*3\r\n$4\r\nWAIT\r\n$1\r\n1\r\n$1\r\n0\r\n"...)
		c.waiting++
	}
	for rest := c.out; len(rest) > 0; {
		n, err := syscall.Write(c.fd, rest)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("write: %w", err)
		}
		rest = rest[n:]
	}
	return nil
}

// receive reads what has come and takes the replies in it.
func (g *generator) receive(c *client) error {
	n, err := syscall.Read(c.fd, c.in[len(c.in):cap(c.in)])
	if errors.Is(err, syscall.EINTR) {
		return nil
	}
	if n == 0 && err == nil {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	c.in = c.in[:len(c.in)+n]
	rest := c.in
	for c.waiting > 0 {
		size, err := g.check(rest, g.wait && c.waiting == 1)
		if err != nil {
			return err
		}
		if size == 0 {
			break
		}
		rest = rest[size:]
		c.waiting--
	}
	if c.waiting == 0 {
		g.done += g.pipeline
		if len(rest) > 0 {
			return fmt.Errorf("a reply that nobody asked for: %q", rest)
		}
	}
	c.in = c.in[:copy(c.in[:cap(c.in)], rest)]
	return nil
}

// check returns the size of the reply that b begins with, 0 when there is more to come, and an error when it is not
// the one reply that there can be: to a SET, to a GET of a key that is there, or to a WAIT.
func (g *generator) check(b []byte, ofWait bool) (size int, err error) {
	want := []byte("+OK\r\n")
	if ofWait {
		return checkWait(b)
	}
	if g.get {
		want = []byte("$3\r\n" + value + "\r\n")
	}
	switch {
	case bytes.HasPrefix(b, want):
		return len(want), nil
	case bytes.HasPrefix(want, b):
		return 0, nil
	}
	return 0, unexpected(b)
}

// checkWait is check for the reply to WAIT: at least one replica.
func checkWait(b []byte) (size int, err error) {
	end := bytes.Index(b, []byte("\r\n"))
	if len(b) == 0 || b[0] == ':' && end < 0 {
		return 0, nil
	}
	if b[0] == ':' {
		if n, err := strconv.Atoi(string(b[1:end])); err == nil && n >= 1 {
			return end + 2, nil
		}
	}
	return 0, unexpected(b)
}

// unexpected is the error of a reply that ends the run, such as MOVED.
func unexpected(b []byte) error {
	line, _, _ := bytes.Cut(b, []byte("\r\n"))
	return fmt.Errorf("unexpected reply %q", line)
}

// fill sets every key, so that each GET finds a value.
func (p pressure) fill(o *ownership) error {
	const group = 1000
	for addr, keys := range o.keysOf(p.keys) {
		c, err := e2e.Dial(addr)
		if err != nil {
			return err
		}
		defer c.Close() // there are few
		c.Timeout = time.Minute
		for len(keys) > 0 {
			n := min(group, len(keys))
			if err := c.Write(newScript(keys[:n], false).text); err != nil {
				return err
			}
			for range n {
				if v, err := c.Read(); err != nil || v.Text != "OK" {
					return fmt.Errorf("SET at %s: %v, %w", addr, v, err)
				}
			}
			keys = keys[n:]
		}
	}
	return nil
}
