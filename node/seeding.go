package node

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"shiplog/partitions"
	"shiplog/partitions/coordinator"
	"shiplog/shipper"
	"shiplog/shipper/corenats"
	"shiplog/wal"
)

// How copies are filled.
const (
	fillsAtOnce = 2                // copies of this node; others wait
	fillAgain   = time.Second      // the pause after a source has failed: by then it is known whether it is silent
	stickFor    = 20 * time.Second // so long a source that has given something is waited for before another one is begun with
	lookWithin  = 3 * time.Second
	weighEvery  = 10 * time.Second // the state's size on disk is asked for
)

// errNoSource says that nobody can fill a copy.
var errNoSource = errors.New("no other node that is heard has an up to date copy to fill this one from")

// filler is what a node has to fill copies: its own, and those of others.
type filler struct {
	shelf   *shipper.Shelf
	pace    *shipper.Pace
	slots   chan struct{} // holds a word for each copy that is being filled
	up      chan struct{} // closed when courier can be asked
	courier func(server string) shipper.Courier
}

func (m *members) openFiller() error {
	pace := shipper.NewPace(m.node.cfg.Cluster.SeedRate)
	if m.node.storing != nil {
		pace = m.node.storing.pace // what is put there gives way to writes just as what is given to others
	}
	shelf, err := shipper.NewShelf(m.node.dir.SnapshotDir(), m.copier, pace)
	m.filler = filler{shelf: shelf, pace: pace, slots: make(chan struct{}, fillsAtOnce), up: make(chan struct{})}
	return err
}

// copier returns this node's copy of a partition, to be copied.
func (m *members) copier(number int) (shipper.Copier, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := m.copies[number]; c != nil {
		return c, nil
	}
	return nil, fmt.Errorf("this node does not hold partition %d", number)
}

// runFiller answers other nodes until ctx ends.
func (m *members) runFiller(ctx context.Context, g *errgroup.Group) {
	g.Go(func() error { return m.filler.shelf.Run(ctx) })
	g.Go(func() error { m.yield(ctx); return nil })
	g.Go(func() error {
		nc, err := m.node.nats.ConnectBulk()
		if err != nil {
			return fmt.Errorf("connect to give snapshots to other nodes: %w", err)
		}
		defer nc.Close()
		m.filler.courier = func(server string) shipper.Courier { return corenats.NewCourier(nc, server) }
		close(m.filler.up)
		return corenats.Serve(ctx, nc, m.self.Server, m.filler.shelf.Answer)
	})
}

// use returns the open partition and keeps it from being closed until done is called; nil when it is not open.
func (c *copyOf) use() (p *partitions.Partition, done func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p = c.partition.Load(); p != nil {
		c.used.Add(1)
	}
	return p, c.used.Done
}

// CopyTo implements shipper.Copier.
func (c *copyOf) CopyTo(dir string) (shipper.Copied, error) {
	p, done := c.use()
	if p == nil {
		return shipper.Copied{}, errors.New("its copy is not open")
	}
	defer done()
	if c.filling.Load() != nil {
		return shipper.Copied{}, errors.New("its copy is being filled itself")
	}
	return p.CopyTo(dir)
}

// filling is a copy that is being filled, until it has come to the end of the log.
type filling struct {
	progress shipper.Progress
	began    time.Time
	from     atomic.Pointer[coordinator.Node]
	resting  atomic.Bool      // the newest attempt has failed, and the next one has not begun
	as       coordinator.Role // what the source was when it was chosen, or storeRole; belongs to fill
}

// openState opens the copy's state. One that cannot come to the end of its log by itself is replaced first.
func (c *copyOf) openState(ctx context.Context, log *shipper.Live) (*partitions.Partition, error) {
	n := c.members.node
	cfg := n.partitionConfig(c.number, len(c.newest().Partitions))
	cfg.Log, cfg.Cluster, cfg.Store.Slots = log, c.membership(), c.slots
	for tail := false; ; {
		p, err := partitions.Open(cfg)
		if err != nil {
			return nil, err
		}
		way := shipper.Tail
		if c.distrust {
			way = shipper.Snapshot
		} else if !tail {
			way = c.wayOf(ctx, log, p.Position())
		}
		if way == shipper.Tail {
			return p, nil
		}
		at := p.Position().Seq
		if err := p.Close(); err != nil {
			return nil, err
		}
		n.log.Warn("a partition's copy is filled from another node's", "partition", c.number, "at", at, "way", way)
		err = c.fill(ctx, &shipper.Seeding{
			Partition: c.number, Dir: cfg.Dir, Log: log,
			Inspect: func(dir string) (shipper.Copied, error) { return partitions.Inspect(dir, cfg.Store) },
			Began:   func(wal.Seq) { c.members.agent.Beat() },
		}, way)
		if errors.Is(err, errNoSource) && way == shipper.Either {
			tail = true
			continue
		}
		if err != nil {
			return nil, err
		}
		c.distrust = false
	}
}

// isOfAnotherHistory tells whether following has shown that the state and the log do not belong together: what was compared before
// was trimmed, and what came next does not continue the state.
func isOfAnotherHistory(err error) bool {
	return errors.Is(err, wal.ErrBrokenChain) || errors.Is(err, wal.ErrIncarnation)
}

// wayOf asks how the copy comes to the end of its log. While nobody answers it tails: the partition asks again by itself.
func (c *copyOf) wayOf(ctx context.Context, log *shipper.Live, at wal.Position) shipper.Way {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	survey, err := shipper.Look(ctx, log, at)
	if err != nil {
		return shipper.Tail
	}
	return shipper.Choose(survey, stateBytes(c.members.agent.View(), c.number, c.members.self.ID))
}

// fill fills the copy's state. It goes on until it has succeeded or ctx ends; errNoSource only where there is another way.
func (c *copyOf) fill(ctx context.Context, s *shipper.Seeding, way shipper.Way) error {
	f := &filling{began: time.Now()}
	s.Progress = &f.progress
	c.filling.Store(f)
	c.members.agent.Beat() // nothing is trimmed from now on
	slots := c.members.filler.slots
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	var last attempt
	for ctx.Err() == nil {
		source, ok := last.next(c.sources(ctx, s.Log, way), c.leads, time.Now())
		err := errNoSource
		if ok {
			err = c.fillFrom(ctx, s, f, source)
		}
		if err == nil {
			c.filled(s, f, source)
			return nil
		}
		if errors.Is(err, errNoSource) && way == shipper.Either {
			c.filling.Store(nil)
			return err
		}
		last.failed(source, f.progress.Fetched.Load(), time.Now())
		if source.ID == storeID {
			last.leave()
			c.members.node.storing.judge(ctx, c.number, err)
		}
		if c.fail(err) && ctx.Err() == nil {
			c.members.node.log.Warn("a partition's copy is not filled yet", "partition", c.number, "from", source.Name, "error", err)
		}
		f.resting.Store(true)
		wait(ctx, pauseAfter(err))
		f.resting.Store(false)
	}
	return context.Cause(ctx)
}

// pauseAfter is how long filling rests after it has failed: where nobody was asked, until somebody may have been heard.
func pauseAfter(err error) time.Duration {
	if errors.Is(err, errNoSource) {
		return lookAgain
	}
	return fillAgain
}

// fillFrom is one attempt.
func (c *copyOf) fillFrom(ctx context.Context, s *shipper.Seeding, f *filling, source coordinator.Node) error {
	select {
	case <-c.members.filler.up:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	f.from.Store(&source)
	if source.ID == storeID {
		f.as = storeRole
		s.From = c.members.node.storing.courier(s.Log)
	} else {
		f.as = roleAt(c.members.agent.View(), c.number, source.ID)
		s.From = c.members.filler.courier(source.Server)
	}
	_, err := s.Run(ctx)
	return err
}

// leads tells whether a node was last heard to lead the partition, or to be about to, or to have just done so.
func (c *copyOf) leads(id coordinator.NodeID) bool {
	role := roleAt(c.members.agent.View(), c.number, id)
	return role == coordinator.RolePrimary || role == coordinator.RolePromoted || role == coordinator.RoleHanding
}

// sources are what the copy can be filled from, the best first.
func (c *copyOf) sources(ctx context.Context, log wal.Log, way shipper.Way) []coordinator.Node {
	stored := way == shipper.Snapshot && c.members.node.storing.fits(ctx, c.number, log)
	return withStore(c.members.agent.View(), givers(c.members.agent.View(), c.number, c.members.self.ID), c.number, stored)
}

// filled says what it took.
func (c *copyOf) filled(s *shipper.Seeding, f *filling, source coordinator.Node) {
	took := time.Since(f.began)
	fetched := f.progress.Fetched.Load()
	c.members.node.log.Info("a partition's copy is filled, and follows the log", "partition", c.number, "from", source.Name, "as", f.as, "at", f.progress.At.Load(),
		"bytes", f.progress.Total.Load(), "fetched", fetched, "took", took.Round(time.Millisecond),
		"MB/s", int64(float64(fetched)/max(took.Seconds(), 0.001)/1e6))
	f.from.Store(&source)
	c.mu.Lock()
	c.why = nil
	c.mu.Unlock()
}

// attempt is what is remembered of the newest attempt to fill a copy, to choose the source of the next one.
type attempt struct {
	source  coordinator.Node
	gave    time.Time // when it last gave something; zero: never
	fetched int64
	tries   map[coordinator.NodeID]int // in vain, since anybody gave something
}

// failed takes note that an attempt has failed, and of how much had come in all until then.
func (a *attempt) failed(source coordinator.Node, fetched int64, now time.Time) {
	if source.ID == "" {
		return
	}
	if fetched > a.fetched {
		a.source, a.gave, a.fetched, a.tries = source, now, fetched, nil
	}
	if a.tries == nil {
		a.tries = make(map[coordinator.NodeID]int)
	}
	a.tries[source.ID]++
}

// leave has what was given not count: the next source is whoever has failed less often.
func (a *attempt) leave() { a.gave = time.Time{} }

// spareFor is how often another source is tried before the primary is asked: what fails at first, as where servers have just met, need not fail again.
const spareFor = 3

// next chooses the source of the next attempt among those that there are, the best first. One that has given something is waited for
// some time, since nobody else has the same files; otherwise whoever has failed less often comes first, and a primary counts as one that has failed spareFor times more.
func (a *attempt) next(from []coordinator.Node, leads func(coordinator.NodeID) bool, now time.Time) (coordinator.Node, bool) {
	if !a.gave.IsZero() && now.Sub(a.gave) < stickFor {
		return a.source, true
	}
	var best coordinator.Node
	least := 0
	for _, node := range from {
		tries := a.tries[node.ID]
		if leads(node.ID) {
			tries += spareFor
		}
		if best.ID == "" || tries < least {
			best, least = node, tries
		}
	}
	return best, best.ID != ""
}

// reportFilling changes the report of a copy that is being filled. It is no heir until it has come near the log's end; the log is kept
// from where its snapshot stands.
func (c *copyOf) reportFilling(r *coordinator.PartitionReport) {
	f := c.filling.Load()
	if f == nil {
		return
	}
	end := logEnd(c.members.agent.View(), c.number, c.members.self.ID)
	open := r.Applied > 0
	if open && (r.Role != coordinator.RoleReplica || end > 0 && r.Applied+nearEnd >= end) {
		c.filling.CompareAndSwap(f, nil)
		return
	}
	r.Role = coordinator.RoleSeeding
	at := f.progress.At.Load()
	if !open {
		r.Durable = at
	}
	r.Seed = coordinator.Seed{
		Have: uint64(f.progress.Have.Load()), Total: uint64(f.progress.Total.Load()), Behind: end - min(end, max(at, r.Applied)),
		Left: f.left(time.Now()),
	}
	if source := f.from.Load(); source != nil {
		r.Seed.From = source.ID
	}
}

// left is about how long fetching goes on, 0 when that is not known.
func (f *filling) left(now time.Time) time.Duration {
	fetched, missing := f.progress.Fetched.Load(), f.progress.Total.Load()-f.progress.Have.Load()
	if fetched == 0 || missing <= 0 {
		return 0
	}
	return time.Duration(float64(now.Sub(f.began)) * float64(missing) / float64(fetched)).Round(time.Second)
}

// weigh finds out, now and then, how large the state is on disk.
func (c *copyOf) weigh() {
	if time.Since(c.weighed) < weighEvery {
		return
	}
	if p, done := c.use(); p != nil {
		c.weighed = time.Now()
		c.bytes.Store(p.StateBytes())
		done()
	}
}
