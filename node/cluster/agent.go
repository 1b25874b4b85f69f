package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"shiplog/partitions/coordinator"
)

// Agent is one node's part in the cluster. Its methods may be called from several goroutines, Run once.
type Agent struct {
	cfg   Config
	clock func() time.Duration
	log   *slog.Logger

	connected chan struct{} // closed when nc and bucket are set
	stopped   chan struct{} // closed when Run has returned
	nc        *nats.Conn
	bucket    *bucket

	view    atomic.Pointer[View]            // written by the goroutine that hears
	newest  atomic.Pointer[coordinator.Map] // that the node follows; written under mu
	ignored atomic.Uint64
	own     chan coordinator.Report // from the goroutine that sends to the one that hears
	news    chan struct{}           // newest is newer than what OnMap got
	reread  chan struct{}           // somebody knows a newer map
	soon    chan struct{}           // a heartbeat is wanted

	complained struct{ heartbeat, foreign, twin, read, send, widen, absent seldom }

	mu     sync.Mutex // guards the fields below
	stored stored     // as far as it is known
	reign  *reign     // nil while this node does not coordinate
}

// New is an Agent that has neither begun nor a connection.
func New(cfg Config) *Agent {
	if cfg.Every <= 0 {
		cfg.Every = beatEvery
	}
	if cfg.Settings.SilentAfter <= 0 {
		cfg.Settings.SilentAfter = time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	a := &Agent{
		cfg: cfg, clock: cfg.Clock, log: cfg.Logger,
		connected: make(chan struct{}), stopped: make(chan struct{}),
		own: make(chan coordinator.Report, 1), news: make(chan struct{}, 1), reread: make(chan struct{}, 1), soon: make(chan struct{}, 1),
	}
	now := a.clock()
	self := coordinator.Report{Node: cfg.Self}
	a.view.Store(&View{Now: now, Began: now, SilentAfter: cfg.Settings.SilentAfter, LateAfter: cfg.Every * 3 / 2, Peers: []Peer{{Report: self, Heard: now}}})
	if cfg.Known != nil {
		a.newest.Store(cfg.Known)
	}
	return a
}

// Run takes part in the cluster until ctx ends, and returns nil then. It fails at once if Known is no map, or if there is no connection.
// It owns the goroutines that it starts, and those of the reigns of this node.
func (a *Agent) Run(ctx context.Context) error {
	defer close(a.stopped)
	if a.cfg.Known != nil {
		if err := checkMap(a.cfg.Known); err != nil {
			return fmt.Errorf("the cluster map that the node knew: %w", err)
		}
	}
	nc, err := a.cfg.Connect()
	if err != nil {
		return fmt.Errorf("take part in the cluster: %w", err)
	}
	defer nc.Close()
	beats, maps := make(chan *nats.Msg, maxUnheard), make(chan *nats.Msg, maxUnheard)
	if err := a.attach(nc, beats, maps); err != nil {
		return fmt.Errorf("take part in the cluster: %w", err)
	}
	var all sync.WaitGroup
	all.Go(func() { a.beat(ctx) })
	all.Go(func() { a.hear(ctx, beats) })
	all.Go(func() { a.heed(ctx, maps) })
	all.Go(func() { a.look(ctx) })
	all.Go(func() { a.deliver(ctx) })
	all.Go(func() { a.coordinate(ctx) })
	all.Wait()
	return nil
}

// attach subscribes to what nodes say. Messages for which there is no room are lost.
func (a *Agent) attach(nc *nats.Conn, beats, maps chan *nats.Msg) error {
	if _, err := nc.ChanSubscribe(beatSubject, beats); err != nil {
		return err
	}
	if _, err := nc.ChanSubscribe(announced, maps); err != nil {
		return err
	}
	b, err := openBucket(nc)
	if err != nil {
		return err
	}
	a.nc, a.bucket = nc, b
	close(a.connected)
	return nil
}

// Map returns the newest map of the node's cluster, nil while none is known. It must not be changed.
func (a *Agent) Map() *coordinator.Map { return a.newest.Load() }

// View returns who was heard how until now. It takes no lock.
func (a *Agent) View() View {
	v := *a.view.Load()
	v.Now, v.Ignored = a.clock(), a.ignored.Load()
	return v
}

// Late is View().Late for one node.
func (a *Agent) Late(id coordinator.NodeID) bool { return a.View().Late(id) }

// deliver gives newer maps to OnMap.
func (a *Agent) deliver(ctx context.Context) {
	last := uint64(0)
	if a.cfg.Known != nil {
		last = a.cfg.Known.Version
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.news:
		}
		if m := a.newest.Load(); m != nil && m.Version > last {
			last = m.Version
			a.cfg.OnMap(m)
		}
	}
}

// seldom lets something be said once in complainOnce.
type seldom struct{ last atomic.Int64 }

// due tells whether it may be said now, and counts that as saying it.
func (s *seldom) due(now time.Duration) bool {
	last := s.last.Load()
	return (last == 0 || now-time.Duration(last) >= complainOnce) && s.last.CompareAndSwap(last, max(int64(now), 1))
}

// signal wakes whoever waits on c, now or when it comes to it.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// rest waits for d, and tells whether ctx goes on.
func rest(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
