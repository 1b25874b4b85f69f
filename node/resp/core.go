package resp

import (
	"context"
	"errors"
	"net"
	"sync/atomic"

	"shiplog/node/commands"
	"shiplog/node/reply"
)

// Session runs the commands of one connection. Do, Proto and Authenticated are called by one goroutine at a time, Held and
// Evictable by any.
type Session interface {
	// Do runs one command. a and what it points to are valid until Do returns.
	Do(a commands.Args) commands.Result
	// Proto is the protocol version of the next reply, 2 or 3.
	Proto() int
	// Authenticated tells whether the client may send more than little.
	Authenticated() bool
	// Held is how many bytes the session keeps of what its client has sent: commands that wait for EXEC.
	Held() int
	// Evictable tells whether the connection may be closed because all together hold too much.
	Evictable() bool
	// Close ends the session. It is called once, after the last Do.
	Close()
}

// Peer is where a connection goes.
type Peer struct{ Remote, Local net.Addr }

// Handler makes the sessions of new connections.
type Handler interface {
	// Connect begins a session over t. With a reply instead, that is sent and the connection closed.
	Connect(t commands.Transport, peer Peer) (Session, *reply.Reply)
}

// Causes of the end of a Later's context.
var (
	// ErrGone says that the client has closed its side of the connection, or was disconnected.
	ErrGone = errors.New("resp: the client is gone")
	// ErrStopping says that the server is stopping.
	ErrStopping = errors.New("resp: the server is stopping")
)

// step is what a batch needs next, after what it has encoded is sent.
type step uint8

const (
	stepRead  step = iota // all complete commands have run
	stepMore              // there may be more commands, but the output is full
	stepLater             // the command in later must run before any other
	stepClose             // nothing: the connection ends
)

// core is a connection without its socket: the bytes that came, the session, and the replies that go. It belongs
// to one goroutine, apart from outbox, facts and what is atomic.
type core struct {
	srv    *Server
	sess   Session
	in     parser
	out    output
	outbox outbox
	facts  facts
	later  func(context.Context) commands.Result
	proto  int
	inside bool // a reply that comes in several pieces has begun: nothing else may stand in it
	authed bool
	member member
	host   string // the other side's IP address, or ""
	born   int64  // by the server's coarse clock
}

// facts are what other goroutines may know of a connection.
type facts struct {
	query, output atomic.Int64 // bytes of the buffers
	session       atomic.Int64 // bytes that the session holds
	active        atomic.Int64 // when the last batch ran, by the server's coarse clock
	softSince     atomic.Int64 // since when the output is above its soft limit; 0: it is not
	blocked       atomic.Bool  // a Later runs
	pushed        atomic.Bool  // a push was sent: it may be idle for long
	authed        atomic.Bool
}

// held is all the memory that the connection is known to hold, in bytes.
func (f *facts) held() int64 { return f.query.Load() + f.output.Load() + f.session.Load() }

func (c *core) begin(srv *Server, m member) {
	c.srv, c.member, c.in, c.proto, c.born = srv, m, newParser(), 2, srv.now.Load()
	c.out.keepBig, c.out.pushes = true, &srv.pushes
	c.outbox.proto.Store(2)
	c.facts.active.Store(srv.now.Load())
}

// run executes the commands that are complete.
func (c *core) run(lim *Limits) step {
	b := lim.bounds(c.authenticated())
	for {
		if n := c.out.size(); n >= maxBatch || n >= maxBatchUnauth && !c.authed {
			return stepMore
		}
		args, err := c.in.next(b)
		if err != nil {
			r := reply.Error(err.Error())
			c.out.add(&r, c.proto, nil)
			return stepClose
		}
		if args == nil {
			return c.readOn(lim)
		}
		if st := c.accept(c.sess.Do(args), lim); st != stepRead {
			return st
		}
		if !b.authed {
			b.authed = c.authenticated()
		}
	}
}

// readOn tells whether the command that is arriving may go on to arrive. What waits for EXEC counts like what has
// not run yet, as in Redis.
func (c *core) readOn(lim *Limits) step {
	c.in.forget()
	if c.in.end-c.in.start+c.sess.Held() > lim.query(c.authed) {
		return stepClose
	}
	return stepRead
}

// accept takes the result of a command. What must follow the reply is pushed as soon as the reply has its place, so that
// it stands before the next one.
func (c *core) accept(res commands.Result, lim *Limits) step {
	c.syncProto()
	c.join() // pushes that the command made stand before its reply
	if res.Later != nil {
		c.out.add(&res.Reply, c.proto, nil)
		c.inside = c.inside || res.Reply.Kind != reply.None
		c.later = res.Later
		return stepLater
	}
	if res.Abort {
		c.out.drop()
		return stepClose
	}
	c.out.add(&res.Reply, c.proto, res.Wait)
	c.inside = false
	if res.After != nil {
		res.After()
	}
	if hard := lim.Normal.Hard; hard > 0 && int64(c.out.pending()) > hard {
		c.out.drop()
		return stepClose
	}
	if res.Close {
		return stepClose
	}
	return stepRead
}

// syncProto takes over the protocol version that the session has chosen.
func (c *core) syncProto() {
	if p := c.sess.Proto(); p != c.proto {
		c.proto = p
		c.outbox.proto.Store(int32(p))
	}
}

// authenticated asks the session, and tells the server when the answer has become yes.
func (c *core) authenticated() bool {
	authed := c.sess.Authenticated()
	if authed != c.authed {
		c.authed = authed
		c.facts.authed.Store(authed)
		c.srv.countUnauth(c, !authed)
	}
	return authed
}

// changed tells whether the connection holds something else than the others were told.
func (c *core) changed() bool {
	return c.out.size() > keepOutput || int64(c.in.bytesHeld()) != c.facts.query.Load() ||
		int64(c.sess.Held()) != c.facts.session.Load()
}

// account tells the others what the connection holds now.
func (c *core) account(lim *Limits) {
	query, output, session := int64(c.in.bytesHeld()), int64(cap(c.out.buf)+c.out.bigBytes), int64(c.sess.Held())
	grown := query + output + session - c.facts.held()
	if grown != 0 {
		c.facts.query.Store(query)
		c.facts.output.Store(output)
		c.facts.session.Store(session)
		c.srv.addMemory(grown, lim)
	}
	over := lim.Normal.Soft > 0 && int64(c.out.pending()) > lim.Normal.Soft
	if since := c.facts.softSince.Load(); over != (since != 0) {
		since = 0
		if over {
			since = c.srv.now.Load()
		}
		c.facts.softSince.Store(since)
	}
}

// push queues a push. With ok false too much waited already, and the connection must end. What waits before a push counts: one that is larger than the
// limit by itself, as the change of a large value is, would end its connection each time that its reader comes back for it.
func (c *core) push(r *reply.Reply) (ok bool) {
	waits := c.outbox.waits.Load()
	c.outbox.put(r, &c.srv.pushes)
	c.facts.pushed.Store(true)
	hard := c.srv.cfg.Limits().PubSub.Hard
	return hard <= 0 || waits <= hard
}

// join puts the pushes behind the replies.
func (c *core) join() {
	if !c.inside && c.outbox.waits.Load() > 0 {
		c.outbox.drain(&c.out)
	}
}

// BufferBytes implements commands.Transport.
func (c *core) BufferBytes() (query, output int) {
	return int(c.facts.query.Load()), int(c.facts.output.Load() + c.outbox.waits.Load())
}

// drop forgets what is encoded: the connection ends without it.
func (o *output) drop() {
	o.segs = nil
	o.reset()
	o.buf, o.vecs = nil, nil
}
