package resp

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"shiplog/node/commands"
	"shiplog/node/reply"
)

// Config is what a Server needs. All fields but Traffic, Loops and Drain are required.
type Config struct {
	// Listeners accept the clients. The Server closes them.
	Listeners []net.Listener
	Handler   Handler
	// Limits returns the limits that hold now. It is called for every batch from many goroutines; what it
	// points to must not change.
	Limits func() *Limits
	// ErrorReply words the error of a Wait. With final true no reply may be sent: the connection is closed.
	ErrorReply func(error) (r reply.Reply, final bool)
	// Loops is the number of event loops; 0 chooses. Below 0 each connection has a goroutine of its own.
	Loops int
	// Traffic is told, a few times a second, how many bytes have come and left since; nil: nobody is.
	Traffic func(in, out uint64)
	// Drain is how long running commands have to finish when the server stops; 0: 2 s.
	Drain time.Duration
}

const (
	defaultDrain = 2 * time.Second
	sweepEvery   = 250 * time.Millisecond
	maxBackOff   = time.Second
)

// member is a connection as the server sees it.
type member interface {
	commands.Transport
	// stop ends the connection as soon as no command runs and all replies have left.
	stop()
}

// Server accepts connections and serves them until it is stopped.
//
// It owns a goroutine for each listener, for each event loop and for the sweep, and for each connection that is not
// on a loop; Run ends when all of them have.
type Server struct {
	cfg      Config
	laters   context.Context // ends when the server stops, with ErrStopping
	stopping context.CancelCauseFunc
	loops    loops
	streams  traffic      // of connections that are not on a loop
	now      atomic.Int64 // coarse clock, in nanoseconds
	memory   atomic.Int64 // buffers of all connections
	pressed  chan struct{}
	conns    sync.WaitGroup
	pushes   pushBuffers
	members
}

// members are the open connections.
type members struct {
	mu       sync.Mutex
	all      map[*core]bool // true: counted as not authenticated
	unauth   int
	unauthIP map[string]int
	closed   bool
}

// New returns a Server that serves nothing before Run.
func New(cfg Config) *Server {
	if cfg.Drain == 0 {
		cfg.Drain = defaultDrain
	}
	s := &Server{cfg: cfg, pressed: make(chan struct{}, 1)}
	s.laters, s.stopping = context.WithCancelCause(context.Background())
	s.all, s.unauthIP = make(map[*core]bool), make(map[string]int)
	s.now.Store(time.Now().UnixNano())
	return s
}

// Run serves until ctx ends: then nothing more is accepted, running commands finish and their replies leave,
// for Config.Drain at most, and all connections are closed. It returns nil unless a listener failed. It is called
// once.
func (s *Server) Run(ctx context.Context) error {
	if err := s.loops.open(s); err != nil {
		s.closeListeners()
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, ln := range s.cfg.Listeners {
		group.Go(func() error { return s.accept(ctx, ln) })
	}
	swept, sweepDone := context.WithCancel(context.Background())
	group.Go(func() error { s.sweepLoop(swept); return nil })
	group.Go(func() error {
		select {
		case <-ctx.Done():
		case <-s.laters.Done(): // closed
		}
		s.drain()
		sweepDone()
		return nil
	})
	return group.Wait()
}

// Close ends the listeners and every connection at once. Run, when it runs, returns soon after. It may be called
// more than once.
func (s *Server) Close() error {
	s.closeListeners()
	s.stopping(ErrStopping)
	for _, c := range s.snapshot(true) {
		c.member.Kill(false)
	}
	return nil
}

func (s *Server) closeListeners() {
	for _, ln := range s.cfg.Listeners {
		_ = ln.Close() // closed twice, it says so, which is no matter
	}
}

// drain stops the connections, gently at first.
func (s *Server) drain() {
	s.closeListeners()
	s.stopping(ErrStopping)
	for _, c := range s.snapshot(true) {
		c.member.stop()
	}
	gone := make(chan struct{})
	go func() {
		s.conns.Wait()
		close(gone)
	}()
	patience := time.NewTimer(s.cfg.Drain)
	defer patience.Stop()
	select {
	case <-gone:
	case <-patience.C:
		for _, c := range s.snapshot(true) {
			c.member.Kill(false)
		}
		<-gone
	}
	s.loops.close()
}

// accept takes connections until the listener is closed. When the process has no file descriptors left it waits,
// ever longer, instead of spinning.
func (s *Server) accept(ctx context.Context, ln net.Listener) error {
	backOff := time.Duration(0)
	for {
		nc, err := ln.Accept()
		switch {
		case err == nil:
			backOff = 0
			s.admit(nc)
			continue
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return nil
		case !passing(err):
			return err
		}
		backOff = min(max(2*backOff, 5*time.Millisecond), maxBackOff)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(backOff):
		}
	}
}

// passing tells whether accepting may work again later.
func passing(err error) bool {
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM,
		syscall.ECONNABORTED, syscall.EINTR, syscall.EAGAIN, syscall.EPERM, syscall.EPROTO} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// admit starts serving a connection, or refuses it.
func (s *Server) admit(nc net.Conn) {
	lim := s.cfg.Limits()
	if tcp, ok := nc.(*net.TCPConn); ok {
		keepAlive(tcp, lim.KeepAlive)
	}
	if s.loops.adopt(nc) {
		return
	}
	c := newStream(s, nc)
	if refusal := s.enter(&c.core, nc); refusal != nil {
		refuse(nc, refusal)
		return
	}
	go c.serve()
}

// keepAlive spaces probes as Redis does, so that a dead peer is found after about twice d.
func keepAlive(tcp *net.TCPConn, d time.Duration) {
	cfg := net.KeepAliveConfig{Enable: d > 0, Idle: d, Interval: max(d/3, time.Second), Count: 3}
	_ = tcp.SetKeepAliveConfig(cfg) // a connection that is gone already is found when it is read
}

// refuse sends a reply and closes the connection, without waiting for a peer that does not read.
func refuse(nc net.Conn, r *reply.Reply) {
	_ = nc.SetWriteDeadline(time.Now().Add(time.Millisecond))
	_, _ = nc.Write(AppendReply(nil, r, 2))
	_ = nc.Close()
}

// enter makes a session for a new connection and registers it. With a reply instead the connection is refused.
func (s *Server) enter(c *core, nc net.Conn) *reply.Reply {
	peer := Peer{Remote: nc.RemoteAddr(), Local: nc.LocalAddr()}
	if host, _, err := net.SplitHostPort(peer.Remote.String()); err == nil {
		c.host = host
	}
	sess, refusal := s.cfg.Handler.Connect(c.member, peer)
	if refusal != nil {
		return refusal
	}
	c.sess, c.authed = sess, sess.Authenticated()
	c.facts.authed.Store(c.authed)
	if refusal := s.register(c); refusal != nil {
		sess.Close()
		return refusal
	}
	return nil
}

func (s *Server) register(c *core) *reply.Reply {
	lim := s.cfg.Limits()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		r := reply.Error("ERR the server is stopping")
		return &r
	}
	if !c.authed {
		if over(s.unauth, lim.Unauthenticated) || over(s.unauthIP[c.host], lim.UnauthPerIP) {
			r := reply.Error("ERR max number of unauthenticated clients reached")
			return &r
		}
		s.unauth++
		s.unauthIP[c.host]++
	}
	s.all[c] = !c.authed
	s.conns.Add(1)
	return nil
}

func over(n, limit int) bool { return limit > 0 && n >= limit }

// leave ends the session of a connection that is closed.
func (s *Server) leave(c *core) {
	c.sess.Close()
	s.countUnauth(c, false)
	s.mu.Lock()
	delete(s.all, c)
	s.mu.Unlock()
	s.memory.Add(-c.facts.held())
	s.conns.Done()
}

// countUnauth keeps count of the connections that are not authenticated.
func (s *Server) countUnauth(c *core, unauth bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	counted, here := s.all[c]
	if !here || counted == unauth {
		return
	}
	s.all[c] = unauth
	n := -1
	if unauth {
		n = 1
	}
	s.unauth += n
	s.unauthIP[c.host] += n
	if s.unauthIP[c.host] == 0 {
		delete(s.unauthIP, c.host)
	}
}

// snapshot returns the open connections; with last true no more may register.
func (s *Server) snapshot(last bool) []*core {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = s.closed || last
	all := make([]*core, 0, len(s.all))
	for c := range s.all {
		all = append(all, c)
	}
	return all
}

// addMemory accounts for n more bytes of buffers, and calls for the sweep when there are too many.
func (s *Server) addMemory(n int64, lim *Limits) {
	if total := s.memory.Add(n); lim.ClientMemory > 0 && n > 0 && total > lim.ClientMemory {
		select {
		case s.pressed <- struct{}{}:
		default:
		}
	}
}
