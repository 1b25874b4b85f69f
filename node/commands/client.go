package commands

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// Session is one connection as the command layer sees it. Do, Proto, Authenticated and Close belong to the
// goroutine that serves the connection; what other connections may see or change is behind atomics and profile.
type Session struct {
	srv           *Server
	transport     Transport
	conn          ConnInfo
	id            uint64
	authenticated bool
	replies       replyMode
	call          call
	outcome       Result // what a Session handler wants besides its reply
	multi         transaction
	watched       *watchSet
	parked        *parkedCall // the command that waits for its keys, nil for none
	track         trackState
	standing      Standing
	proto         atomic.Int32
	held          atomic.Int64 // bytes of what is queued and watched
	last          atomic.Pointer[Row]
	tracked       atomic.Pointer[trackOptions] // nil: the client does not track
	profile       profile
	outbound      outbound
	times
}

// times are moments in a session's life, by the server's monotonic clock.
type times struct {
	born      time.Duration
	began     time.Duration // the present command began to run
	holdUntil time.Duration // the present command may be held until then; 0: it has not been held
	lastAt    atomic.Int64  // the last command came
}

// profile is what CLIENT LIST shows of a session and other sessions may touch.
type profile struct {
	mu          sync.Mutex
	name        string
	libName     string
	libVersion  string
	noEvict     bool
	noTouch     bool
	readonly    bool
	queued      int // commands in MULTI, -1 without
	queuedBytes int
	killed      bool
	unblock     func(cause error) bool // set while the session is blocked
}

// replyMode is what CLIENT REPLY has set.
type replyMode uint8

const (
	repliesOn replyMode = iota
	repliesSkipNext
	repliesSkip
	repliesOff
)

// call is the command that runs now, in the shape that a partition takes. It lives in the Session, so that
// running a command allocates nothing.
type call struct {
	s     *Session
	row   *Row
	args  Args
	reply reply.Reply
	feed  reply.Feed // of the reply that is being sent piece by piece
	since uint8      // commands since the last one that was measured
}

// Read runs the command on v.
func (c *call) Read(v *keyspace.View) { c.reply = c.s.read(c.row, v, c.args) }

// Write runs the command on tx.
func (c *call) Write(tx *keyspace.Tx) { c.reply = c.s.write(c.row, tx, c.args) }

// Origin is the session's id.
func (c *call) Origin() uint64 { return c.s.id }

func newSession(srv *Server, t Transport, c ConnInfo) *Session {
	s := &Session{srv: srv, transport: t, conn: c}
	s.born = srv.now()
	s.call.s = s
	s.outbound.end = s.endOutbound
	s.proto.Store(2)
	s.lastAt.Store(int64(s.born))
	s.profile.queued = -1
	return s
}

// ID returns the connection's id, as CLIENT ID answers it.
func (s *Session) ID() uint64 { return s.id }

// Proto returns the version of RESP that the next reply is to be written in, 2 or 3. After Do of HELLO or RESET it is already
// the new one.
func (s *Session) Proto() int { return int(s.proto.Load()) }

// Authenticated tells whether the connection may use commands; until then the transport keeps tighter limits.
func (s *Session) Authenticated() bool { return s.authenticated || s.srv.tune().password == "" }

// Idle returns how long ago the last command came.
func (s *Session) Idle() time.Duration { return s.srv.now() - time.Duration(s.lastAt.Load()) }

// Held returns about how many bytes the session keeps for its client between commands: those queued by MULTI and the
// keys that it watches. Safe from any goroutine.
func (s *Session) Held() int { return int(s.held.Load()) }

// Evictable tells whether the connection may be closed when clients use too much memory (CLIENT NO-EVICT). Safe from
// any goroutine.
func (s *Session) Evictable() bool {
	s.profile.mu.Lock()
	defer s.profile.mu.Unlock()
	return !s.profile.noEvict
}

// Failure says what to do when a Result's Wait has failed: the reply to send in the place of the Result's, or, with
// final true, that the connection must be closed without any.
func (s *Session) Failure(err error) (r reply.Reply, final bool) {
	r, final = s.srv.engine.ErrorReply(err)
	if !final {
		s.srv.countError(r.Text)
	}
	return r, final
}

// Close ends the session: it gives up what it waits for, watches, tracks and has queued. The transport calls it once,
// when no Do and no Later runs any more.
func (s *Session) Close() {
	if s.parked != nil { // its Later never ran
		s.parked.abandon()
	}
	_ = s.endFeed() // nobody waits for the rest
	s.discard()
	s.trackingOff()
	s.notify(false)
	s.endFeeds()
	s.srv.clients.remove(s)
}

// Later makes the present command finish where it may block: fn's Result is the command's. The reply that
// a handler returns beside it is not used.
func (s *Session) Later(fn func(ctx context.Context) Result) reply.Reply {
	s.outcome.Later = fn
	return reply.Reply{}
}
