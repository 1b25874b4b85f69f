package node

import (
	"context"
	"encoding/hex"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"shiplog/partitions"
	"shiplog/partitions/coordinator"
	"shiplog/partitions/lease"
	"shiplog/partitions/slot"
	"shiplog/shipper"
	"shiplog/wal"
	"shiplog/wal/jetstream"
)

// copyOf is this node's copy of one partition, from the moment on that the cluster map gives it one.
type copyOf struct {
	members   *members
	number    int
	slots     slot.Range
	partition atomic.Pointer[partitions.Partition] // nil until its log and its state are open
	serving   primaryView                          // the partition as the command layer has it while it leads
	reading   replicaView                          // and while it does not
	cost      cost
	done      chan struct{} // closed when run has returned
	leadsLog  atomic.Bool   // this node leads the partition's stream; look keeps it
	holdsLog  atomic.Bool   // and holds all of it

	end context.CancelFunc // nil: it was not begun; guarded by members.mu

	mu  sync.Mutex
	log *copyLog
	now *coordinator.Map // the newest map
	why error            // it does not run

	filling atomic.Pointer[filling] // nil when the copy is not being filled
	used    sync.WaitGroup          // of the open partition; Add is called under mu
	weighed time.Time               // when bytes was asked for; belongs to look
	bytes   atomic.Uint64           // of the state on disk

	distrust bool // the state is to be replaced whatever it looks like; belongs to run
}

// copyLog is the log of a copy, and the stream that it is.
type copyLog struct {
	*shipper.Live
	stream *jetstream.Log
}

func newCopy(m *members, now *coordinator.Map, number int) *copyOf {
	c := &copyOf{members: m, number: number, slots: now.Partitions[number].Slots, done: make(chan struct{}), now: now}
	c.serving.copyOf, c.reading.copyOf = c, c
	return c
}

// How long a copy that could not be opened waits before it tries again, and how long an append may stay unanswered before the log is asked.
const (
	openAgain = 200 * time.Millisecond
	openFor   = 3 * time.Second        // one try: then what the newest map says counts
	ackWait   = 100 * time.Millisecond // a leader that steps down loses what was on its way
)

// run opens the copy's log and state as soon as they can be, and follows or leads until ctx ends. What goes wrong is reported, and
// concerns this partition only.
func (c *copyOf) run(ctx context.Context) {
	defer close(c.done)
	for ctx.Err() == nil {
		err := c.live(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		c.members.node.log.Error("a partition is not held here any more", "partition", c.number, "error", err)
		c.fail(err)
		c.distrust = c.distrust || isOfAnotherHistory(err)
		wait(ctx, openAgain)
	}
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// live is one life of the copy: it opens, runs and closes it.
func (c *copyOf) live(ctx context.Context) (err error) {
	log, err := c.openLog(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	c.mu.Lock()
	c.log = log
	c.mu.Unlock()
	p, err := c.openState(ctx, log.Live)
	if err != nil {
		return err
	}
	defer func() {
		c.mu.Lock()
		c.partition.Store(nil)
		c.mu.Unlock()
		c.members.node.feeds.leavePartition(c.number)
		c.used.Wait()
		err = errors.Join(err, p.Close())
	}()
	c.fail(nil)
	c.partition.Store(p)
	c.follow(c.newest())
	told, ended := context.WithCancel(ctx)
	defer ended()
	go c.tell(told, p) // ends with this life
	return p.Run(ctx)
}

// tell lets others know at once when the copy's role changes: commands wait for it. Clients that want to know are told too.
func (c *copyOf) tell(ctx context.Context, p *partitions.Partition) {
	var told departure
	for {
		s := p.Standing()
		told = c.announce(told, s)
		select {
		case <-ctx.Done():
			if told.announced { // this node will not see in the log who leads
				c.announceLeft(nodeID(c.newest().Partitions[c.number].Primary))
			}
			return
		case <-s.Changed():
			c.members.agent.Beat()
		}
	}
}

// membership is what the partition has to know of being one of several copies.
func (c *copyOf) membership() *partitions.Membership {
	t := c.members.node.cfg.Cluster.Times
	rules := lease.Rules{Length: t.Lease, Margin: t.LeaseMargin}
	if agreed := c.newest().Lease; agreed.Length > 0 {
		rules = lease.Rules(agreed)
	}
	return &partitions.Membership{
		Rules: rules, Clock: c.members.clock, MaxLag: c.members.maxLag, Keep: c.keep, Stored: c.stored,
	}
}

// openLog opens the partition's log as soon as that can be done. Only who is named to lead a partition that nobody has led yet
// makes one: a log that is missing otherwise is lost, not new.
func (c *copyOf) openLog(ctx context.Context) (*copyLog, error) {
	for {
		m := c.newest()
		part := &m.Partitions[c.number]
		cfg := c.members.node.logConfig(c.number)
		cfg.Replicas, cfg.Tags, cfg.Server = m.Copies, []string{tagOf(c.number)}, c.members.self.Server
		cfg.AckWait = ackWait
		cfg.Existing = part.Epoch != 0 || part.Primary != c.members.self.ID
		trying, end := context.WithTimeout(ctx, openFor)
		log, err := jetstream.Open(trying, cfg)
		end()
		if err == nil {
			return &copyLog{shipper.NewLive(log), log}, nil
		}
		if c.fail(err) && !errors.Is(err, jetstream.ErrNoLog) { // its primary is about to make it
			c.members.node.log.Warn("a partition's log is not open yet", "partition", c.number, "error", err)
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if errors.Is(err, jetstream.ErrForeignStream) {
			return nil, err
		}
		wait(ctx, openAgain)
	}
}

// fail notes why the copy does not run, nil when it does, and tells whether that is news.
func (c *copyOf) fail(why error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	news := c.why == nil || why == nil || c.why.Error() != why.Error()
	c.why = why
	return news
}

// newest returns the newest cluster map.
func (c *copyOf) newest() *coordinator.Map {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// follow takes a cluster map, and tells the partition who shall lead.
func (c *copyOf) follow(m *coordinator.Map) {
	part := &m.Partitions[c.number]
	c.mu.Lock()
	c.now = m
	log := c.log
	c.mu.Unlock()
	if log != nil {
		log.stream.Leaving(part.Move.From == c.members.self.ID)
	}
	if p := c.partition.Load(); p != nil {
		p.Name(partitions.Naming{Primary: nodeID(part.Primary), Term: part.Term})
	}
}

// heardTail takes what the primary says of itself.
func (c *copyOf) heardTail(r *coordinator.PartitionReport) {
	if p := c.partition.Load(); p != nil {
		p.HeardTail(wal.Seq(r.Tail))
	}
}

// keep is how much of the log every copy has durably, as far as heartbeats say.
func (c *copyOf) keep() wal.Seq {
	holders := c.newest().Partitions[c.number].Holders
	return keepFor(c.members.agent.View(), holders, c.number, c.members.node.cfg.Cluster.Times.GoneAfter)
}

// stored is where the newest snapshot of this life of the log is that the store holds, 0 when there is none.
func (c *copyOf) stored() wal.Seq {
	p := c.partition.Load()
	if p == nil {
		return 0
	}
	newest := c.members.node.storing.newest(c.number, p.Reached().Incarnation)
	if newest == nil {
		return 0
	}
	return newest.Position.Seq
}

func (c *copyOf) abandonLog() {
	c.mu.Lock()
	log := c.log
	c.mu.Unlock()
	if log != nil {
		_ = log.Close()
	}
}

// look asks the log's server how this node's copy of the stream is. It may wait for a disk.
func (c *copyOf) look() {
	name := jetstream.StreamName(c.number)
	c.leadsLog.Store(c.members.node.nats.LeadsStream(name))
	c.holdsLog.Store(c.members.node.nats.HoldsAll(name))
	c.weigh()
}

// report is what the heartbeat says of this copy, and how many commands it has run.
func (c *copyOf) report() (coordinator.PartitionReport, uint64) {
	r, b := c.state()
	if b == nil {
		return r, 0
	}
	c.cost.report(&r, b)
	return r, b.Commands
}

// state is what there is to say of this copy but for what it costs. The Brief is nil while it is not open.
func (c *copyOf) state() (coordinator.PartitionReport, *partitions.Brief) {
	r := coordinator.PartitionReport{Partition: c.number, Role: coordinator.RoleReplica}
	r.LogBehind = !c.holdsLog.Load()
	p := c.partition.Load()
	if p == nil {
		r.Role = coordinator.RoleSeeding // nothing of it can be used yet
		c.mu.Lock()
		if c.why != nil {
			r.Why = c.why.Error()
		}
		c.mu.Unlock()
		c.reportFilling(&r)
		return r, nil
	}
	b := p.Brief()
	r.Role, r.Term, r.Epoch = roleOf(b.Standing.Role), b.Naming.Term, uint64(b.Standing.Epoch)
	r.Applied, r.Durable, r.Tail, r.Stuck = uint64(b.Applied), uint64(b.Durable), uint64(b.Tail), b.Stuck
	r.Durable = c.members.node.storing.hold(c.number, r.Durable)
	r.First = uint64(b.First)
	r.Keys = b.Keys
	r.StreamLeader = c.leadsLog.Load()
	r.StateBytes = c.bytes.Load()
	if b.Why != nil {
		r.Why = b.Why.Error()
	}
	c.reportFilling(&r)
	return r, &b
}

func roleOf(r partitions.Role) coordinator.Role {
	switch r {
	case partitions.Primary:
		return coordinator.RolePrimary
	case partitions.Promoted:
		return coordinator.RolePromoted
	case partitions.Handing:
		return coordinator.RoleHanding
	case partitions.Stopped:
		return coordinator.RoleStopped
	default:
		return coordinator.RoleReplica
	}
}

// nodeID is an identity as the log has it; all zero for what is none.
func nodeID(id coordinator.NodeID) (n wal.NodeID) {
	if len(id) != hex.EncodedLen(len(n)) {
		return n
	}
	if _, err := hex.Decode(n[:], []byte(id)); err != nil {
		return wal.NodeID{}
	}
	return n
}
