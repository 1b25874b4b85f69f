package resp

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"shiplog/node/commands"
	"shiplog/node/reply"
)

// stream is a connection served by a goroutine of its own, over any net.Conn. While a Later runs it owns a second
// one, which watches for the peer to go away, and for pushes to an idle connection a third, which writes them.
type stream struct {
	core
	nc       net.Conn
	write    sync.Mutex // its holder may write; held for the whole of a batch
	dead     chan struct{}
	once     sync.Once   // closes dead
	ending   atomic.Bool // no more commands are read
	flushing atomic.Bool // the goroutine that writes pushes is on its way
}

func newStream(srv *Server, nc net.Conn) *stream {
	s := &stream{nc: nc, dead: make(chan struct{})}
	s.begin(srv, s)
	return s
}

// serve runs until the connection ends.
func (s *stream) serve() {
	defer s.finish()
	for {
		n, err := s.nc.Read(s.in.space(s.in.need()))
		s.in.end += n
		s.srv.streams.in.Add(uint64(n))
		if n == 0 && err != nil {
			return
		}
		if !s.batch() || s.ending.Load() {
			return
		}
	}
}

func (s *stream) finish() {
	s.write.Lock()
	s.flush() // pushes
	s.write.Unlock()
	s.Kill(false)
	s.srv.leave(&s.core)
}

// batch runs the commands that have arrived and sends their replies. With false the connection is to end.
func (s *stream) batch() bool {
	lim := s.srv.cfg.Limits()
	s.facts.active.Store(s.srv.now.Load())
	s.write.Lock()
	defer s.write.Unlock()
	for {
		next := s.run(lim)
		for next == stepLater {
			if !s.flush() {
				return false
			}
			if next = s.accept(s.block(), lim); next == stepRead {
				next = stepMore
			}
		}
		if s.out.size() > keepOutput {
			s.account(lim)
		}
		if !s.flush() || next == stepClose || s.ending.Load() {
			return false
		}
		if next == stepRead {
			s.in.settle()
			s.account(lim)
			return true
		}
	}
}

// flush waits until the replies may leave and writes them. With false the connection is to end.
func (s *stream) flush() bool {
	for w := s.out.waiting(); w != nil; w = s.out.waiting() {
		select {
		case <-w.Done():
		case <-s.dead:
			s.out.drop()
			return false
		}
	}
	known := len(s.out.segs) == 0 || s.out.resolve(s.srv.cfg.ErrorReply, s.proto)
	if known {
		s.join()
	}
	return s.send() && known
}

func (s *stream) send() bool {
	var err error
	size := s.out.size()
	switch {
	case size == 0:
		return true
	case len(s.out.bigs) == 0:
		_, err = s.nc.Write(s.out.buf)
	default:
		vecs := s.out.vectors()
		_, err = vecs.WriteTo(s.nc)
	}
	s.srv.streams.out.Add(uint64(size))
	s.out.reset()
	return err == nil
}

// block runs what may block, without keeping pushes from leaving, until it is done. Its context ends when the client
// goes away or the server stops.
func (s *stream) block() commands.Result {
	ctx, cancel := context.WithCancelCause(s.srv.laters)
	s.facts.blocked.Store(true)
	s.write.Unlock()
	watched := make(chan []byte)
	go func() { watched <- s.watch(cancel) }()
	res := s.later(ctx)
	s.later = nil
	_ = s.nc.SetReadDeadline(time.Unix(1, 0)) // ends the watch
	s.in.add(<-watched)
	s.write.Lock()
	s.facts.blocked.Store(false)
	s.facts.active.Store(s.srv.now.Load())
	if !s.ending.Load() {
		_ = s.nc.SetReadDeadline(time.Time{})
	}
	if s.ending.Load() { // it may have begun to end in between
		_ = s.nc.SetReadDeadline(time.Unix(1, 0))
	}
	cancel(nil)
	return res
}

// watch reads ahead, within a bound, to learn that the peer has gone. It returns what it has read.
func (s *stream) watch(cancel context.CancelCauseFunc) []byte {
	ahead := make([]byte, 0, 512)
	for len(ahead) < readSize {
		if len(ahead) == cap(ahead) {
			ahead = append(make([]byte, 0, 2*cap(ahead)), ahead...)
		}
		n, err := s.nc.Read(ahead[len(ahead):cap(ahead)])
		ahead = ahead[:len(ahead)+n]
		s.srv.streams.in.Add(uint64(n))
		if err != nil {
			if s.ending.Load() || !errors.Is(err, os.ErrDeadlineExceeded) {
				cancel(ErrGone)
			}
			return ahead
		}
	}
	return ahead
}

// Push implements commands.Transport.
func (s *stream) Push(r reply.Reply) {
	if !s.push(&r) {
		s.Kill(false)
		return
	}
	if s.flushing.CompareAndSwap(false, true) {
		go s.flushPushes()
	}
}

// flushPushes writes pushes once no batch runs. A batch that ends has taken them along.
func (s *stream) flushPushes() {
	s.write.Lock()
	defer s.write.Unlock()
	s.flushing.Store(false)
	if s.join(); !s.send() {
		s.Kill(false)
	}
}

// Kill implements commands.Transport.
func (s *stream) Kill(gentle bool) {
	s.ending.Store(true)
	if gentle {
		_ = s.nc.SetReadDeadline(time.Unix(1, 0))
		return
	}
	s.once.Do(func() {
		close(s.dead)
		_ = s.nc.Close()
	})
}

func (s *stream) stop() { s.Kill(true) }
