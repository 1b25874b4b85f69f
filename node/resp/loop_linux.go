package resp

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"shiplog/node/commands"
)

const (
	lendSize  = bigBulk // a loop's read buffer
	maxEvents = 256
	maxSpare  = 256                                                             // output buffers that a loop keeps
	edges     = syscall.EPOLLIN | syscall.EPOLLOUT | syscall.EPOLLRDHUP | 1<<31 /* EPOLLET */
)

// loops are the event loops of a server.
type loops struct {
	all  []*loop
	next atomic.Uint32
	done sync.WaitGroup
}

func (ls *loops) open(srv *Server) error {
	n := srv.cfg.Loops
	if n == 0 {
		n = runtime.GOMAXPROCS(0)
	}
	for range n {
		l, err := openLoop(srv)
		if err != nil {
			ls.close()
			return err
		}
		ls.all = append(ls.all, l)
		ls.done.Go(l.run)
	}
	return nil
}

// close ends the loops, which have no connections any more.
func (ls *loops) close() {
	for _, l := range ls.all {
		l.post(func() { l.quit = true })
	}
	ls.done.Wait()
}

// take returns what came and left on the loops since.
func (ls *loops) take() (in, out uint64) {
	for _, l := range ls.all {
		i, o := l.traffic.take()
		in, out = in+i, out+o
	}
	return in, out
}

// adopt serves a plain socket on one of the loops. With false it is no plain socket or there are no loops.
func (ls *loops) adopt(nc net.Conn) bool {
	plain, ok := nc.(syscall.Conn)
	if !ok || len(ls.all) == 0 {
		return false
	}
	l := ls.all[int(ls.next.Add(1))%len(ls.all)]
	fd, err := detach(plain)
	if err != nil {
		return false
	}
	s := &sock{loop: l, fd: fd}
	s.begin(l.srv, s)
	if refusal := l.srv.enter(&s.core, nc); refusal != nil {
		_ = syscall.Close(fd)
		refuse(nc, refusal)
		return true
	}
	_ = nc.Close() // the loop has a descriptor of its own
	l.post(func() { l.add(s) })
	return true
}

// detach returns a second descriptor of a socket, which is not known to the runtime's poller.
func detach(plain syscall.Conn) (fd int, err error) {
	raw, err := plain.SyscallConn()
	if err != nil {
		return 0, err
	}
	var errno syscall.Errno
	err = raw.Control(func(old uintptr) {
		r, _, e := syscall.RawSyscall(syscall.SYS_FCNTL, old, syscall.F_DUPFD_CLOEXEC, 0)
		fd, errno = int(r), e
	})
	if err == nil && errno != 0 {
		err = errno
	}
	return fd, err
}

// loop is an event loop: one goroutine that owns its sockets. Everybody else asks it by mail.
//
// It also owns a goroutine for each Later that runs, and for each distinct Wait that connections are parked on if that
// cannot tell by itself when it is done.
type loop struct {
	srv     *Server
	poll    *os.File // the epoll descriptor, itself known to the runtime's poller
	raw     syscall.RawConn
	n       int                  // events found by found
	found   func(_ uintptr) bool // looks for events; made once
	epfd    int
	wakeFD  int
	mail    mailbox
	quit    bool
	gone    chan struct{} // closed when the loop has ended
	socks   []*sock       // by descriptor
	again   []*sock       // have more to do without an event
	parked  map[<-chan struct{}][]*sock
	lent    []byte
	spare   [][]byte
	lists   [][]*sock
	events  [maxEvents]syscall.EpollEvent
	scratch []*sock
	lim     *Limits
	traffic traffic
}

// mailbox holds what others want done on the loop's goroutine, in order. The mutex guards jobs.
type mailbox struct {
	mu     sync.Mutex
	jobs   []func()
	spare  []func()
	asleep atomic.Bool
}

func openLoop(srv *Server) (*loop, error) {
	epfd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create an epoll instance: %w", err)
	}
	wake, _, errno := syscall.RawSyscall(syscall.SYS_EVENTFD2, 0, syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if errno != 0 {
		_ = syscall.Close(epfd)
		return nil, fmt.Errorf("create an eventfd: %w", errno)
	}
	l := &loop{srv: srv, epfd: epfd, wakeFD: int(wake), lent: make([]byte, lendSize)}
	l.found = func(uintptr) bool {
		l.n = l.ready()
		return l.n > 0
	}
	l.gone, l.parked = make(chan struct{}), make(map[<-chan struct{}][]*sock)
	if err := l.register(l.wakeFD); err != nil {
		_ = syscall.Close(epfd)
		_ = syscall.Close(l.wakeFD)
		return nil, err
	}
	_ = syscall.SetNonblock(epfd, true) // what os.NewFile needs to leave the waiting to the runtime's poller
	l.poll = os.NewFile(uintptr(epfd), "epoll")
	l.raw, err = l.poll.SyscallConn()
	return l, err
}

func (l *loop) register(fd int) error {
	event := syscall.EpollEvent{Events: edges & 0xffffffff, Fd: int32(fd)}
	if err := syscall.EpollCtl(l.epfd, syscall.EPOLL_CTL_ADD, fd, &event); err != nil {
		return fmt.Errorf("register a descriptor: %w", err)
	}
	return nil
}

// run is the loop.
func (l *loop) run() {
	defer func() {
		close(l.gone)
		_ = l.poll.Close()
		_ = syscall.Close(l.wakeFD)
	}()
	for !l.quit {
		n := l.wait()
		l.lim = l.srv.cfg.Limits()
		for i := range l.events[:n] {
			e := &l.events[i]
			if fd := int(e.Fd); fd < len(l.socks) && l.socks[fd] != nil {
				l.event(l.socks[fd], e.Events)
			}
		}
		l.open()
		l.continued()
	}
}

// wait returns the number of events that have happened, and sleeps when there is nothing else to do until there
// is one.
func (l *loop) wait() (n int) {
	if n = l.ready(); n > 0 || len(l.again) > 0 {
		return n
	}
	l.mail.asleep.Store(true)
	if !l.mail.empty() {
		l.mail.asleep.Store(false)
		return 0
	}
	err := l.raw.Read(l.found)
	l.mail.asleep.Store(false)
	if err != nil {
		panic("resp: the epoll descriptor was closed under its loop: " + err.Error())
	}
	return l.n
}

// ready asks for events without waiting.
func (l *loop) ready() int {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(l.epfd),
		uintptr(unsafe.Pointer(&l.events[0])), maxEvents, 0, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// post has job run on the loop's goroutine. After the loop has ended it is not run.
func (l *loop) post(job func()) {
	l.mail.mu.Lock()
	l.mail.jobs = append(l.mail.jobs, job)
	l.mail.mu.Unlock()
	if l.mail.asleep.CompareAndSwap(true, false) {
		one := [8]byte{1}
		_, _, _ = syscall.RawSyscall(syscall.SYS_WRITE, uintptr(l.wakeFD), uintptr(unsafe.Pointer(&one)), 8)
	}
}

func (m *mailbox) empty() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.jobs) == 0
}

// open does what the mail asks for.
func (l *loop) open() {
	m := &l.mail
	m.mu.Lock()
	jobs := m.jobs
	m.jobs, m.spare = m.spare[:0], nil
	m.mu.Unlock()
	for _, job := range jobs {
		job()
	}
	clear(jobs)
	m.spare = jobs
}

// continued goes on with the connections that had more to do than one turn allows.
func (l *loop) continued() {
	l.again, l.scratch = l.scratch[:0], l.again
	for _, s := range l.scratch {
		s.queued = false
		l.advance(s)
	}
	clear(l.scratch)
}

// park puts a connection aside until w is done.
func (l *loop) park(s *sock, w commands.Wait) {
	s.parked = true
	done := w.Done()
	list, known := l.parked[done]
	if !known {
		if n := len(l.lists); n > 0 {
			list, l.lists = l.lists[n-1], l.lists[:n-1]
		}
		l.await(w, done)
	}
	l.parked[done] = append(list, s)
}

// notifier is a Wait that tells by itself when it is done, which spares a goroutine.
type notifier interface{ Notify(fn func()) }

// await sees to it that the loop is told when a Wait is done.
func (l *loop) await(w commands.Wait, done <-chan struct{}) {
	tell := func() { l.post(func() { l.unpark(done) }) }
	if n, ok := w.(notifier); ok {
		n.Notify(tell)
		return
	}
	go func() {
		select {
		case <-done:
			tell()
		case <-l.gone:
		}
	}()
}

// unpark goes on with the connections whose Wait is done.
func (l *loop) unpark(done <-chan struct{}) {
	list := l.parked[done]
	delete(l.parked, done)
	for _, s := range list {
		s.parked = false
		l.advance(s)
	}
	clear(list)
	l.lists = append(l.lists, list[:0])
}

// take returns an empty output buffer.
func (l *loop) take() []byte {
	if n := len(l.spare); n > 0 {
		buf := l.spare[n-1]
		l.spare = l.spare[:n-1]
		return buf
	}
	return make([]byte, 0, 1024)
}

// give returns an output buffer that is done with.
func (l *loop) give(buf []byte) {
	if cap(buf) > 0 && cap(buf) <= keepOutput && len(l.spare) < maxSpare {
		l.spare = append(l.spare, buf[:0])
	}
}
