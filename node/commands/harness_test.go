package commands

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// rig is a Server on a fake node with one partition whose state is a real keyspace.
type rig struct {
	t        testing.TB
	srv      *Server
	engine   *fakeEngine
	settings *fakeSettings
}

func newRig(t testing.TB, settings ...[2]string) *rig {
	t.Helper()
	store, err := keyspace.Open(t.TempDir(), keyspace.Options{Logger: silent{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Abandon(); err != nil {
			t.Error(err)
		}
	})
	r := &rig{t: t, engine: &fakeEngine{partition: &fakePartition{store: store}}, settings: newFakeSettings()}
	for _, pair := range settings {
		r.settings.values[pair[0]] = pair[1]
	}
	r.srv = NewServer(Config{Engine: r.engine, Settings: r.settings, Version: "1.2.3"})
	r.srv.table = NewTable(append(allRows(r.settings, &r.srv.scripts.cache), probeRows())...)
	return r
}

// connect returns a client of the rig's server.
func (r *rig) connect() *client {
	r.t.Helper()
	c := &client{t: r.t, rig: r}
	port := len(r.engine.clients) + 1000
	s, refusal := r.srv.Connect(c, ConnInfo{Remote: "10.0.0.1:" + strconv.Itoa(port), Local: "10.0.0.2:6379", FD: 8})
	if refusal != nil {
		r.t.Fatalf("connect: %s", refusal.Text)
	}
	c.Session = s
	r.engine.clients = append(r.engine.clients, c)
	return c
}

// client is a connection that keeps what it is sent.
type client struct {
	*Session
	t      testing.TB
	rig    *rig
	mu     sync.Mutex
	pushed []string
	killed bool
}

func (c *client) Push(r reply.Reply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pushed = append(c.pushed, show(r))
}

func (c *client) Kill(bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.killed = true
}

func (c *client) BufferBytes() (query, output int) { return 26, 5 }

// pushes returns and forgets the messages pushed so far.
func (c *client) pushes() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := strings.Join(c.pushed, " ")
	c.pushed = nil
	return out
}

// do runs a command, whose words are separated by spaces, to its end.
func (c *client) do(line string) string { return c.words(strings.Fields(line)...) }

func (c *client) words(words ...string) string {
	r := c.run(words...)
	return show(r.Reply)
}

func (c *client) run(words ...string) Result {
	a := make(Args, len(words))
	for i, word := range words {
		a[i] = []byte(word)
	}
	r := c.Do(a)
	for _, word := range a { // the connection's buffer is used again
		for i := range word {
			word[i] = '!'
		}
	}
	for r.Later != nil {
		r = r.Later(c.t.Context())
	}
	if r.After != nil {
		r.After()
	}
	return r
}

// expect runs commands and compares each reply.
func (c *client) expect(pairs ...string) {
	c.t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if got := c.do(pairs[i]); got != pairs[i+1] {
			c.t.Errorf("%s: got %s, want %s", pairs[i], got, pairs[i+1])
		}
	}
}

// words makes a command of a line.
func words(line string) Args {
	var a Args
	for _, word := range strings.Fields(line) {
		a = append(a, []byte(word))
	}
	return a
}

// reset forgets what the fake log holds.
func (c *client) reset() { c.rig.engine.partition.body = c.rig.engine.partition.body[:0] }

// unpacked is an aggregate with all its elements in Elems, those too that are encoded already.
func unpacked(r reply.Reply) reply.Reply {
	if len(r.Bytes) == 0 || r.Kind != reply.KindArray && r.Kind != reply.KindMap && r.Kind != reply.KindSet {
		return r
	}
	var elems []reply.Reply
	for rest := string(r.Bytes); rest != ""; {
		e, more, err := parseReply(rest)
		if err != nil {
			panic(fmt.Sprintf("elements %q: %v", r.Bytes, err))
		}
		elems, rest = append(elems, e), more
	}
	if int64(len(elems)) != r.Int {
		panic(fmt.Sprintf("%d elements in %q, said to be %d", len(elems), r.Bytes, r.Int))
	}
	r.Elems, r.Bytes, r.Int = append(elems, r.Elems...), nil, 0
	return r
}

// show writes a reply in one line.
func show(r reply.Reply) string {
	r = unpacked(r)
	var parts []string
	for _, e := range r.Elems {
		parts = append(parts, show(e))
	}
	all := strings.Join(parts, " ")
	switch r.Kind {
	case reply.None:
		return "nothing"
	case reply.KindNull:
		return "null"
	case reply.KindNullArray:
		return "null-array"
	case reply.KindStatus:
		return "+" + r.Text
	case reply.KindError:
		return "-" + r.Text
	case reply.KindInt:
		return strconv.FormatInt(r.Int, 10)
	case reply.KindDouble:
		return fmt.Sprint(r.Float())
	case reply.KindBool:
		return fmt.Sprint(r.Int == 1)
	case reply.KindArray:
		return "[" + all + "]"
	case reply.KindMap, reply.KindPairMap:
		return "{" + all + "}"
	case reply.KindSet:
		return "(" + all + ")"
	case reply.KindPush:
		return ">" + all + "<"
	default:
		return r.Text + string(r.Bytes)
	}
}

// silent drops what Pebble logs.
type silent struct{}

func (silent) Infof(string, ...any)  {}
func (silent) Errorf(string, ...any) {}
func (silent) Fatalf(f string, a ...any) {
	panic(fmt.Sprintf(f, a...))
}

// fakePartition runs commands on a store whose records are never acknowledged.
type fakePartition struct {
	mu     sync.Mutex
	store  *keyspace.Store
	body   []byte
	refuse error
	wait   Wait // what Update answers with
	parked []fakePlace
	views  int
	units  int
	cost   Cost
}

func (p *fakePartition) Cost(c Cost) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cost.Bytes, p.cost.Took = p.cost.Bytes+c.Bytes, p.cost.Took+c.Took
}

func (p *fakePartition) View(r Reader) (Wait, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse != nil {
		return nil, p.refuse
	}
	p.views++
	r.Read(p.store.View(time.Now().UnixMilli()))
	return nil, nil
}

func (p *fakePartition) Update(w Writer) (Wait, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse != nil {
		return nil, p.refuse
	}
	p.unit(w)
	p.attend()
	return p.wait, nil
}

// Occupy holds the lock all the time, as far as the unit does not want to give it up.
func (p *fakePartition) Occupy(w Occupant, _ bool) (Wait, error) {
	p.mu.Lock()
	if p.refuse != nil {
		p.mu.Unlock()
		return nil, p.refuse
	}
	loose := false
	w.Lend(func(do func()) error {
		if loose {
			p.mu.Lock()
			loose = false
		}
		do()
		return nil
	}, func() {
		if !loose {
			p.mu.Unlock()
			loose = true
		}
	})
	p.unit(w)
	p.attend()
	p.mu.Unlock()
	return p.wait, nil
}

func (p *fakePartition) unit(w Writer) {
	p.units++
	tx := p.store.Begin(time.Now().UnixMilli(), 1, &p.body)
	tx.SetOrigin(w.Origin())
	w.Write(tx)
	tx.Commit()
}

func (p *fakePartition) Watch(key []byte, w *keyspace.Watch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.store.Watch(key, w, time.Now().UnixMilli())
}

func (p *fakePartition) Unwatch(w *keyspace.Watch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.store.Unwatch(w)
}

func (p *fakePartition) Snapshot() (*keyspace.Snapshot, Wait, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse != nil {
		return nil, nil, p.refuse
	}
	return p.store.View(time.Now().UnixMilli()).Snapshot(), nil, nil
}

// Errors of the fake partition: one that is refused and one whose outcome is not known.
var (
	errRefused = errors.New("the disk is full")
	errUnknown = errors.New("nobody knows")
)

// fakeEngine is a node with one partition.
type fakeEngine struct {
	noted     []string
	suspects  []string
	partition *fakePartition
	clients   []*client
	facts     Facts
	elsewhere *reply.Reply
	shutdowns []ShutdownMode
	syncing   bool
	waited    chan struct{} // when not nil, SyncLog reports here and blocks until its context ends
}

func (e *fakeEngine) Route(*Row, Args, Standing) (Partition, *reply.Reply, Hold) {
	if e.elsewhere != nil {
		return nil, e.elsewhere, nil
	}
	return e.partition, nil, nil
}

func (e *fakeEngine) Everywhere() []Partition { return []Partition{e.partition} }

func (e *fakeEngine) ErrorReply(err error) (reply.Reply, bool) {
	return reply.Errorf("MISCONF %v", err), errors.Is(err, errUnknown)
}

func (e *fakeEngine) Facts() Facts { return e.facts }

func (e *fakeEngine) Sync(context.Context) error { return nil }

func (e *fakeEngine) StartSync() bool { return !e.syncing }

func (e *fakeEngine) SyncLog(ctx context.Context, _ uint64, _ int) (local, others int) {
	if e.waited != nil && ctx.Err() == nil {
		e.waited <- struct{}{}
		<-ctx.Done()
	}
	return 1, 0
}

func (e *fakeEngine) SetActiveExpire(bool) {}

func (e *fakeEngine) Shutdown(how ShutdownMode) error {
	e.shutdowns = append(e.shutdowns, how)
	return nil
}

func (e *fakeEngine) AbortShutdown() bool { return false }

func (e *fakeEngine) Note(_ int, text string) { e.noted = append(e.noted, text) }

func (e *fakeEngine) Suspect(remote, _ string) { e.suspects = append(e.suspects, remote) }

// fakeSettings are settings in a map.
type fakeSettings struct{ values map[string]string }

func newFakeSettings() *fakeSettings {
	return &fakeSettings{values: map[string]string{
		"requirepass": "", "maxclients": "100", "slowlog-log-slower-than": "-1", "slowlog-max-len": "128",
		"busy-reply-threshold": "5000", "latency-monitor-threshold": "0", "latency-tracking": "yes",
		"latency-tracking-info-percentiles": "50 99 99.9", "enable-debug-command": "no", "tracking-table-max-keys": "1000",
		"proto-max-bulk-len": "1048576",
	}}
}

func (s *fakeSettings) Lookup(pattern string) (out [][2]string) {
	if value, known := s.values[strings.ToLower(pattern)]; known {
		return [][2]string{{pattern, value}}
	}
	for name, value := range s.values {
		if Match([]byte(pattern), []byte(name), true) {
			out = append(out, [2]string{name, value})
		}
	}
	return out
}

func (s *fakeSettings) Set(pairs [][2]string) error {
	for _, pair := range pairs {
		if _, known := s.values[pair[0]]; !known {
			return fmt.Errorf("Unknown option or number of arguments for CONFIG SET - '%s'", pair[0])
		}
	}
	for _, pair := range pairs {
		s.values[pair[0]] = pair[1]
	}
	return nil
}

func (s *fakeSettings) Rewrite() error {
	return errors.New("The server is running without a config file")
}

func (s *fakeSettings) String(name string) string { return s.values[name] }

func (s *fakeSettings) Int(name string) int64 {
	n, _ := strconv.ParseInt(s.values[name], 10, 64)
	return n
}

func (s *fakeSettings) Limits() keyspace.Limits { return defaultLimits() }

// defaultLimits are those of redis-server 7.0.15.
func defaultLimits() keyspace.Limits {
	return keyspace.Limits{Hash: keyspace.PackLimits{Entries: 512, Value: 64}, Set: keyspace.PackLimits{Value: 64},
		ZSet: keyspace.PackLimits{Entries: 128, Value: 64}, Integers: 512, ListNode: -2,
		Stream: keyspace.NodeLimits{Bytes: 4096, Entries: 100}, Sparse: 3000}
}

// probeRows are data commands of the tests' own.
func probeRows() []Row {
	key := []KeySpec{{Flags: "RO access", Index: 1, Step: 1}}
	return []Row{
		{Name: "t.read", Arity: 2, Flags: FlagReadonly | FlagFast, Keys: key, Read: func(v *keyspace.View, a Args) reply.Reply {
			value, ok := v.Get(a[1])
			if !ok {
				return reply.Null()
			}
			return reply.Bulk(value.Data)
		}},
		{Name: "t.write", Arity: 3, Flags: FlagWrite | FlagDenyOOM, Keys: key, Write: func(tx *keyspace.Tx, a Args) reply.Reply {
			tx.Set(a[1], a[2], 0, false)
			return reply.OK()
		}},
		{Name: "t.fail", Arity: 1, Flags: FlagWrite, Write: func(*keyspace.Tx, Args) reply.Reply { return reply.WrongType() }},
		{Name: "t.walk", Arity: 1, Flags: FlagReadonly | FlagOffLoop, Snapshot: func(snap *keyspace.Snapshot, _ Args) reply.Reply {
			n := 0
			snap.Each(func([]byte, keyspace.Value) bool { n++; return true })
			return reply.Int(int64(n))
		}},
	}
}
