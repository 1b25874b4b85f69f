package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"shiplog/partitions/coordinator"
)

// reign is one time of coordinating, from when this node leads JetStream's meta group to when it does not. Its loop hands events to
// coordinator.Step and actions to others, and never waits for the network.
type reign struct {
	a       *Agent
	state   coordinator.State
	heard   chan coordinator.Heard
	learned chan struct{} // what is stored was read, or is newer than before
	stores  chan *coordinator.Map
	steers  chan coordinator.Steer
	chores  chan coordinator.Action
	told    chan coordinator.Event // what came of chores
	wishes  chan *nats.Msg
	asked   map[uint64]*nats.Msg // wishes that are not answered; State bounds them
	last    uint64               // the number of the newest wish
}

func (a *Agent) newReign() *reign {
	return &reign{
		a: a, state: coordinator.New(a.cfg.Settings, a.cfg.Self.ID),
		heard: make(chan coordinator.Heard, maxUnheard), learned: make(chan struct{}, 1), stores: make(chan *coordinator.Map, 1),
		chores: make(chan coordinator.Action, maxChores), told: make(chan coordinator.Event, maxChores),
		steers: make(chan coordinator.Steer, maxSteers), wishes: make(chan *nats.Msg, maxWishes), asked: make(map[uint64]*nats.Msg),
	}
}

// coordinate reigns whenever it is this node's turn. Each reign begins with what this node has heard lately, and knows no map.
func (a *Agent) coordinate(ctx context.Context) {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !a.cfg.Leads() {
			continue
		}
		a.log.Info("this node coordinates the cluster")
		if err := a.newReign().run(ctx); err != nil && ctx.Err() == nil {
			a.log.Info("this node does not coordinate the cluster any more", "why", err)
		}
	}
}

// run coordinates until it is not this node's turn or ctx ends, and says which. The goroutines that it starts have ended then.
func (r *reign) run(ctx context.Context) error {
	ctx, end := context.WithCancelCause(ctx)
	// One of several coordinators gets a wish: one is enough.
	sub, err := r.a.nc.ChanQueueSubscribe(wishSubject, wishQueue, r.wishes)
	if err != nil {
		end(err)
		return fmt.Errorf("listen for wishes: %w", err)
	}
	r.a.enthrone(r)
	r.recall()
	var all sync.WaitGroup
	all.Go(func() { r.keep(ctx) })
	all.Go(func() { r.steer(ctx) })
	all.Go(func() { r.work(ctx) })
	why := r.loop(ctx)
	r.a.enthrone(nil)
	end(why)
	_ = sub.Unsubscribe() // fails only without a connection
	r.abdicate()
	all.Wait()
	return why
}

func (a *Agent) enthrone(r *reign) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.reign = r
}

func (r *reign) loop(ctx context.Context) error {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
			if !r.a.cfg.Leads() {
				return errDeposed
			}
			r.step(coordinator.Tick{Now: r.a.clock()})
		case heard := <-r.heard:
			r.step(heard)
		case told := <-r.told:
			r.step(told)
		case <-r.learned:
			if m, _, ours := r.a.basis(); ours {
				r.step(coordinator.Learned{Now: r.a.clock(), Map: m})
			}
		case msg := <-r.wishes:
			r.ask(msg)
		}
	}
}

// recall lets the coordinator live through what this node has heard lately, as if it had coordinated already. So it need not listen
// anew for as long as it takes to find out who is silent, when the node that coordinated is the one that died.
func (r *reign) recall() {
	v := r.a.View()
	peers := slices.SortedFunc(slices.Values(v.Peers), func(a, b Peer) int { return cmp.Compare(a.Heard, b.Heard) })
	from := max(v.Began, v.Now-2*v.SilentAfter)
	peers = slices.DeleteFunc(peers, func(p Peer) bool { return p.Heard < from })
	for now := from; now < v.Now; now += tickEvery {
		for len(peers) > 0 && peers[0].Heard <= now {
			r.step(coordinator.Heard{Now: peers[0].Heard, Report: peers[0].Report})
			peers = peers[1:]
		}
		r.step(coordinator.Tick{Now: now})
	}
	for _, p := range peers {
		r.step(coordinator.Heard{Now: p.Heard, Report: p.Report})
	}
}

// hear takes a heartbeat if there is room.
func (r *reign) hear(heard coordinator.Heard) {
	select {
	case r.heard <- heard:
	default:
	}
}

func (r *reign) step(e coordinator.Event) {
	var actions []coordinator.Action
	r.state, actions = coordinator.Step(r.state, e)
	for _, action := range actions {
		r.act(action)
	}
}

// act hands an action on. For what finds no room the coordinator asks again.
func (r *reign) act(action coordinator.Action) {
	switch action := action.(type) {
	case coordinator.Store:
		select {
		case r.stores <- action.Map:
		default:
		}
	case coordinator.Steer:
		select {
		case r.steers <- action:
		default:
		}
	case coordinator.Relocate, coordinator.Vacate, coordinator.Expel:
		select {
		case r.chores <- action:
		default:
		}
	case coordinator.Answer:
		r.answer(action)
	case coordinator.Note:
		r.a.log.Info("coordinator: " + action.Text)
	}
}

// keep finds out what is stored, and then stores what it is asked to. The loop learns the outcome each time. What this node knows to have been
// stored is good enough to begin with: if there is a newer map then storing fails, and tells.
func (r *reign) keep(ctx context.Context) {
	for {
		if _, revision, _ := r.a.basis(); revision > 0 {
			break
		}
		s, err := r.a.bucket.read(ctx)
		if err == nil {
			r.a.learn(s, true)
			break
		}
		if !rest(ctx, rereadPause) {
			return
		}
	}
	signal(r.learned)
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-r.stores:
			if err := r.a.store(ctx, m); err != nil && ctx.Err() == nil {
				r.a.log.Warn("the next cluster map is not stored", "version", m.Version, "error", err)
			}
			signal(r.learned)
		}
	}
}

// store puts m in the place of the map that it was made from. It tries until it has, until another one is there, or for storeWithin. It
// may have succeeded also when it fails; then the map is announced, and read the next time.
func (a *Agent) store(ctx context.Context, m *coordinator.Map) error {
	data, err := EncodeMap(m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, storeWithin)
	defer cancel()
	for {
		basis, revision, ours := a.basis()
		if !ours || m.Version != versionOf(basis)+1 || basis != nil && basis.Cluster != m.Cluster {
			return errConflict
		}
		next, err := a.tryStore(ctx, data, revision, m)
		if err == nil {
			a.learn(stored{next, m}, false)
			return nil
		}
		if errors.Is(err, errConflict) {
			if s, unread := a.bucket.read(ctx); unread == nil {
				a.learn(s, true)
			}
		}
		if !rest(ctx, retryPause) {
			return err
		}
	}
}

// tryStore is one attempt. The first map of all needs a bucket.
func (a *Agent) tryStore(ctx context.Context, data []byte, revision uint64, m *coordinator.Map) (uint64, error) {
	if revision == 0 {
		if err := a.bucket.create(ctx, min(len(m.Nodes), a.cfg.Copies)); err != nil {
			return 0, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, tryWithin)
	defer cancel()
	return a.bucket.write(ctx, data, revision)
}

// steer asks for streams to be led where their primaries are.
func (r *reign) steer(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-r.steers:
			if err := r.a.steer(ctx, s); err != nil && ctx.Err() == nil {
				r.a.log.Debug("a stream is not led where its primary is", "partition", s.Partition, "primary", s.To, "error", err)
			}
		}
	}
}

func (a *Agent) steer(ctx context.Context, s coordinator.Steer) error {
	m := a.Map()
	if m == nil {
		return nil
	}
	i := indexOf(m.Nodes, s.To)
	if i < 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, steerWithin)
	defer cancel()
	return a.cfg.Steer(ctx, s.Partition, m.Nodes[i])
}
