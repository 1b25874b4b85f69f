package resp

import (
	"context"
	"syscall"
	"unsafe"

	"shiplog/node/commands"
	"shiplog/node/reply"
)

// sock is a connection on a loop. Only the loop's goroutine touches it, apart from the methods of
// commands.Transport.
type sock struct {
	core
	loop     *loop
	fd       int
	next     step // what to do once the output is sent
	readable bool // there may be bytes to read
	hung     bool // the peer will send no more, or the connection is broken
	queued   bool // in loop.again
	parked   bool // the output waits for a Wait
	full     bool // the socket takes no more at present
	ending   bool // no more commands are run
	added    bool // the loop has it; before, it may not be touched
	closed   bool
	cancel   context.CancelCauseFunc // of the Later that runs, or nil
}

// add begins to serve a connection.
func (l *loop) add(s *sock) {
	s.added = true
	for s.fd >= len(l.socks) {
		l.socks = append(l.socks, make([]*sock, max(64, len(l.socks)))...)
	}
	l.socks[s.fd] = s
	if err := l.register(s.fd); err != nil {
		l.drop(s)
		return
	}
	l.advance(s)
}

// event takes note of what has happened to a connection, and goes on with it.
func (l *loop) event(s *sock, events uint32) {
	const hang = syscall.EPOLLRDHUP | syscall.EPOLLHUP | syscall.EPOLLERR
	if events&(syscall.EPOLLIN|hang) != 0 {
		s.readable = true
	}
	if events&hang != 0 {
		s.hung = true
		if s.cancel != nil {
			s.cancel(ErrGone)
		}
	}
	if events&(syscall.EPOLLOUT|hang) != 0 {
		s.full = false
	}
	l.advance(s)
}

// advance does for one connection what can be done without waiting: at most one batch, so that none keeps
// the others from their turn.
func (l *loop) advance(s *sock) {
	ran := false
	for !s.closed && !s.parked {
		switch {
		case s.out.size() > 0 || len(s.out.segs) > 0 || !s.inside && s.outbox.waits.Load() > 0:
			if !l.flush(s) {
				return
			}
		case s.cancel != nil:
			return
		case s.next == stepClose || s.ending:
			l.drop(s)
		case s.next == stepLater:
			l.block(s)
		case s.next == stepRead && !s.readable:
			return
		case ran:
			l.requeue(s)
			return
		default:
			ran = true
			l.batch(s)
		}
	}
}

func (l *loop) requeue(s *sock) {
	if !s.queued {
		s.queued = true
		l.again = append(l.again, s)
	}
}

// batch reads, when all that was read before has run, and runs the commands that have arrived.
func (l *loop) batch(s *sock) {
	if s.next == stepRead {
		s.in.lend(l.lent)
		if !l.read(s) {
			return
		}
	}
	s.facts.active.Store(s.srv.now.Load())
	if s.out.buf == nil {
		s.out.buf = l.take()
	}
	s.next = s.run(l.lim)
	s.in.settle()
	if s.changed() {
		s.account(l.lim)
	}
	if s.out.size() == 0 && len(s.out.segs) == 0 {
		l.reuse(s)
	}
}

// read reads once. With false there is nothing to run.
func (l *loop) read(s *sock) bool {
	space := s.in.space(s.in.need())
	n, _, errno := syscall.RawSyscall(syscall.SYS_READ, uintptr(s.fd), uintptr(unsafe.Pointer(&space[0])), uintptr(len(space)))
	switch {
	case errno == syscall.EAGAIN:
		s.readable = false
	case errno == syscall.EINTR:
	case errno != 0 || n == 0:
		s.in.settle()
		l.drop(s)
		return false
	default:
		s.in.end += int(n)
		l.traffic.in.Add(uint64(n))
		s.readable = s.hung || int(n) == len(space) // a short read has emptied the socket
		return true
	}
	s.in.settle()
	return false
}

// flush sends the output once its Waits are done. With false it cannot be sent now, or the connection has ended.
func (l *loop) flush(s *sock) bool {
	if len(s.out.segs) > 0 {
		if w := s.out.waiting(); w != nil {
			l.park(s, w)
			return false
		}
		if !s.out.resolve(s.srv.cfg.ErrorReply, s.proto) {
			s.next = stepClose
		}
	}
	if !s.full { // pushes that the socket does not take are counted where they are
		s.join()
	}
	return s.out.size() == 0 || l.send(s)
}

// send writes as much as the socket takes.
func (l *loop) send(s *sock) bool {
	for !s.full {
		n, errno := s.writeOnce()
		switch {
		case errno == syscall.EAGAIN:
			s.full = true
		case errno == syscall.EINTR:
		case errno != 0:
			l.drop(s)
			return false
		default:
			s.out.sent += n
			l.traffic.out.Add(uint64(n))
			if s.out.pending() == 0 {
				l.reuse(s)
				return true
			}
		}
	}
	s.account(l.lim)
	return false
}

func (s *sock) writeOnce() (int, syscall.Errno) {
	if len(s.out.bigs) == 0 {
		buf := s.out.buf[s.out.sent:]
		n, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(s.fd), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)))
		return int(n), errno
	}
	const maxVecs = 256
	var iov [maxVecs]syscall.Iovec
	vecs := s.out.vectors()
	vecs = vecs[:min(len(vecs), maxVecs)]
	for i, v := range vecs {
		iov[i].Base = &v[0]
		iov[i].SetLen(len(v))
	}
	n, _, errno := syscall.RawSyscall(syscall.SYS_WRITEV, uintptr(s.fd), uintptr(unsafe.Pointer(&iov[0])), uintptr(len(vecs)))
	return int(n), errno
}

// reuse takes back the output buffer of a connection that has nothing to send.
func (l *loop) reuse(s *sock) {
	s.out.reset()
	l.give(s.out.buf)
	s.out.buf = nil
	if s.facts.output.Load() != 0 {
		s.account(l.lim)
	}
}

// block runs the Later of a connection on a goroutine of its own.
func (l *loop) block(s *sock) {
	ctx, cancel := context.WithCancelCause(s.srv.laters)
	s.cancel = cancel
	if s.hung {
		cancel(ErrGone)
	}
	later := s.later
	s.later = nil
	s.facts.blocked.Store(true)
	go func() {
		res := later(ctx)
		l.post(func() { l.unblock(s, res) })
	}()
}

// unblock goes on with a connection whose Later is done.
func (l *loop) unblock(s *sock, res commands.Result) {
	s.cancel(nil)
	s.cancel = nil
	s.facts.blocked.Store(false)
	s.facts.active.Store(s.srv.now.Load())
	if s.closed {
		l.leave(s)
		return
	}
	if s.out.buf == nil {
		s.out.buf = l.take()
	}
	if s.next = s.accept(res, l.lim); s.next == stepRead {
		s.next = stepMore // commands that came with the one that blocked
	}
	l.advance(s)
}

// drop ends a connection at once. Its session is closed when no Later uses it.
func (l *loop) drop(s *sock) {
	if s.closed {
		return
	}
	s.closed = true
	if s.fd < len(l.socks) && l.socks[s.fd] == s {
		l.socks[s.fd] = nil
	}
	_ = syscall.Close(s.fd)
	if s.cancel != nil {
		s.cancel(ErrGone)
		return
	}
	l.leave(s)
}

func (l *loop) leave(s *sock) {
	s.out.drop()
	s.srv.leave(&s.core)
}

// Push implements commands.Transport.
func (s *sock) Push(r reply.Reply) {
	if !s.push(&r) {
		s.Kill(false)
		return
	}
	s.loop.post(func() {
		if s.added {
			s.loop.advance(s)
		}
	})
}

// Kill implements commands.Transport.
func (s *sock) Kill(gentle bool) {
	s.loop.post(func() {
		s.ending = true
		if !s.added {
			return
		}
		if !gentle {
			s.loop.drop(s)
			return
		}
		if s.cancel != nil {
			s.cancel(ErrGone)
		}
		s.loop.advance(s)
	})
}

func (s *sock) stop() { s.Kill(true) }
