package commands

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"shiplog/node/reply"
)

// trackState is what the session itself needs to know for each command.
type trackState struct {
	caching bool // CLIENT CACHING was said for the next command
	quiet   bool // CLIENT NO-TOUCH
}

// trackOptions are what CLIENT TRACKING ON has set; they do not change afterwards.
type trackOptions struct {
	bcast, optin, optout, noloop bool
	redirect                     uint64 // id of the client that gets the messages, 0: the client itself
	prefixes                     []string
	broken                       atomic.Bool // the client that gets the messages is gone
}

// tracker knows which clients may have which keys in their caches (CLIENT TRACKING). In the default mode a
// client is told once that a key that it has read has changed; in broadcast mode, each time that a key with one of its
// prefixes changes.
type tracker struct {
	clients  atomic.Int64 // that track
	mu       sync.Mutex
	keys     map[string]map[uint64]struct{}
	items    int64 // sum of the sizes of keys' sets
	max      int64 // keys; 0: no limit
	prefixes map[string]map[uint64]struct{}
}

func (t *tracker) start() {
	t.keys = make(map[string]map[uint64]struct{})
	t.prefixes = make(map[string]map[uint64]struct{})
}

// limit bounds the keys that are remembered (tracking-table-max-keys).
func (t *tracker) limit(n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.max = n
}

// remember notes that client id has read key. It returns a key that had to be forgotten to make room, and
// who had read that.
func (t *tracker) remember(key []byte, id uint64) (forgotten string, readers []uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	ids := t.keys[string(key)]
	if ids == nil {
		forgotten, readers = t.makeRoom()
		ids = make(map[uint64]struct{}, 1)
		t.keys[string(key)] = ids
	}
	if _, known := ids[id]; !known {
		ids[id] = struct{}{}
		t.items++
	}
	return forgotten, readers
}

func (t *tracker) makeRoom() (forgotten string, readers []uint64) {
	if t.max <= 0 || int64(len(t.keys)) < t.max {
		return "", nil
	}
	for key := range t.keys { // any will do
		return key, t.forget(key)
	}
	return "", nil
}

// forget takes key out and returns who had read it.
func (t *tracker) forget(key string) []uint64 {
	ids := t.keys[key]
	readers := make([]uint64, 0, len(ids))
	for id := range ids {
		readers = append(readers, id)
	}
	t.items -= int64(len(ids))
	delete(t.keys, key)
	return readers
}

// touched returns who must be told that key has changed.
func (t *tracker) touched(key string) []uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	readers := t.forget(key)
	for prefix, ids := range t.prefixes {
		if !strings.HasPrefix(key, prefix) {
			continue
		}
		for id := range ids {
			readers = append(readers, id)
		}
	}
	return readers
}

// clear forgets all keys.
func (t *tracker) clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.keys)
	t.items = 0
}

func (t *tracker) addPrefixes(id uint64, prefixes []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, prefix := range prefixes {
		if t.prefixes[prefix] == nil {
			t.prefixes[prefix] = make(map[uint64]struct{})
		}
		t.prefixes[prefix][id] = struct{}{}
	}
}

func (t *tracker) removePrefixes(id uint64, prefixes []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, prefix := range prefixes {
		delete(t.prefixes[prefix], id)
		if len(t.prefixes[prefix]) == 0 {
			delete(t.prefixes, prefix)
		}
	}
}

// sizes returns how many keys, readers of keys and prefixes are known.
func (t *tracker) sizes() (keys, items, prefixes int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return int64(len(t.keys)), t.items, int64(len(t.prefixes))
}

// TrackingActive tells whether any client tracks keys: only then need Touched and TouchedAll be called.
func (srv *Server) TrackingActive() bool { return srv.tracking.clients.Load() > 0 }

// Touched tells the clients that may have key in their caches that it has changed. origin is the
// session that changed it, 0 for none. It is called for each changed key, under the partition's lock or
// later, but not before the change can be read. It does not block.
func (srv *Server) Touched(key string, origin uint64) {
	changed := reply.Array(reply.BulkString(key))
	for _, id := range srv.tracking.touched(key) {
		srv.invalidate(id, changed, origin)
	}
}

// TouchedAll is Touched for all keys at once.
func (srv *Server) TouchedAll() {
	srv.tracking.clear()
	for _, s := range srv.clients.all() {
		srv.invalidate(s.id, reply.Null(), 0) // NOLOOP does not hold for all keys, as in Redis
	}
}

// invalidate tells the client id, if it still tracks, to forget keys.
func (srv *Server) invalidate(id uint64, keys reply.Reply, origin uint64) {
	s := srv.clients.find(id)
	if s == nil {
		return
	}
	options := s.tracked.Load()
	if options == nil || options.noloop && origin == id {
		return
	}
	to := s
	if options.redirect != 0 {
		if to = srv.clients.find(options.redirect); to == nil {
			options.broken.Store(true)
			if s.Proto() == 3 {
				s.push(reply.Push(reply.BulkString("tracking-redir-broken"), reply.Int(int64(options.redirect))))
			}
			return
		}
	}
	if to.Proto() == 3 { // a client of RESP2 would have to subscribe to __redis__:invalidate
		to.push(reply.Push(reply.BulkString("invalidate"), keys))
	}
}

// trackKeys remembers the keys that a reading command is about to read. It runs under the partition's lock: a change
// comes either before, and is read, or after, and is told.
func (s *Session) trackKeys(row *Row, a Args) {
	options := s.tracked.Load()
	if options == nil || options.bcast || row.Flags&FlagReadonly == 0 ||
		options.optin && !s.track.caching || options.optout && s.track.caching {
		return
	}
	row.EachKey(a, func(key []byte) bool {
		forgotten, readers := s.srv.tracking.remember(key, s.id)
		for _, id := range readers {
			s.srv.invalidate(id, reply.Array(reply.BulkString(forgotten)), 0)
		}
		return true
	})
}

// trackingOn begins or renews tracking.
func (s *Session) trackingOn(options *trackOptions) {
	if before := s.tracked.Load(); before != nil {
		options.prefixes = append(slices.Clone(before.prefixes), options.prefixes...)
	} else {
		s.srv.tracking.clients.Add(1)
	}
	if options.bcast && len(options.prefixes) == 0 {
		options.prefixes = []string{""}
	}
	s.srv.tracking.addPrefixes(s.id, options.prefixes)
	s.tracked.Store(options)
}

// trackingOff ends tracking. The keys that the client has read stay remembered until they change.
func (s *Session) trackingOff() {
	options := s.tracked.Swap(nil)
	s.track.caching = false
	if options == nil {
		return
	}
	s.srv.tracking.clients.Add(-1)
	s.srv.tracking.removePrefixes(s.id, options.prefixes)
}

// outbound keeps the order of the replies and messages of a session that gets messages. Another connection may change a key after
// this one has read it and before its reply is in the output: told then, the client would forget the key first and
// keep the old value afterwards. So what comes while a command runs is sent after its reply.
type outbound struct {
	mu      sync.Mutex
	running bool
	held    []reply.Reply
	notices atomic.Bool // the client wants to know which slots leave
	end     func()      // Session.endOutbound, made once
}

// maxHeld is how many messages wait for one command's reply; more become one message that all keys have changed.
const maxHeld = 4096

// push sends an out-of-band message, or holds it back until the command that runs has its reply in the output.
func (s *Session) push(r reply.Reply) {
	o := &s.outbound
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case !o.running:
		s.transport.Push(r)
	case len(o.held) < maxHeld:
		o.held = append(o.held, r)
	case s.tracked.Load() == nil: // a redirection will tell
	default: // one message for all keys takes the place of all
		o.held = append(o.held[:0], reply.Push(reply.BulkString("invalidate"), reply.Null()))
	}
}

// doTracked runs a command of a session that gets messages.
func (s *Session) doTracked(a Args) Result {
	o := &s.outbound
	o.mu.Lock()
	o.running = true
	o.mu.Unlock()
	return s.thenPush(s.do(a))
}

// thenPush makes the held messages follow the result's reply, and what the command itself has to follow it come behind them.
func (s *Session) thenPush(r Result) Result {
	if later := r.Later; later != nil {
		r.Later = func(ctx context.Context) Result { return s.thenPush(later(ctx)) }
		return r
	}
	after := r.After
	if r.After = s.outbound.end; after != nil {
		r.After = func() {
			s.endOutbound()
			after()
		}
	}
	return r
}

// endOutbound sends what was held back.
func (s *Session) endOutbound() {
	o := &s.outbound
	o.mu.Lock()
	defer o.mu.Unlock()
	o.running = false
	for _, r := range o.held {
		s.transport.Push(r)
	}
	o.held = nil
}
