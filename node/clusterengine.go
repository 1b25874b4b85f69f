package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"shiplog/node/commands"
	"shiplog/node/reply"
	"shiplog/partitions"
	"shiplog/partitions/keyspace"
	"shiplog/partitions/slot"
	"shiplog/wal"
)

// clusterEngine is what the command layer sees of a node of a cluster.
type clusterEngine struct {
	*engine
	members *members
}

var _ commands.Engine = (*clusterEngine)(nil)

// slotOf returns the slot of a command's keys. several is true when they have more than one.
func slotOf(row *commands.Row, a commands.Args) (id slot.ID, keyed, several bool) {
	row.EachKey(a, func(key []byte) bool {
		at := slot.Of(key)
		if keyed && at != id {
			several = true
			return false
		}
		id, keyed = at, true
		return true
	})
	return id, keyed, several
}

// Route finds out where a command's keys are. Nobody is sent to a node whose heartbeat is overdue: clients follow few redirections, and would use them
// up between it and this node before it counts as dead.
func (e *clusterEngine) Route(row *commands.Row, a commands.Args, as commands.Standing) (commands.Partition, *reply.Reply, commands.Hold) {
	id, keyed, several := slotOf(row, a)
	if several {
		return nil, refuse(crossSlot), nil
	}
	r := e.members.routing.Load()
	if len(r.partition) == 0 {
		return nil, refuse(notCreated), nil
	}
	if !keyed {
		return e.anywhere(r)
	}
	number := r.partition[id]
	c := r.copies[number]
	var standing *partitions.Standing
	if c != nil {
		if p := c.partition.Load(); p != nil {
			standing = p.Standing()
			if standing.Role == partitions.Primary {
				return &c.serving, nil, nil
			}
			if as.Readonly && row.Flags&commands.FlagReadonly != 0 && p.Shows() {
				return &c.reading, nil, nil
			}
		}
	}
	leader, changed := r.leaderOf(number, standing)
	self := e.members.self.ID
	if leader.ID != "" && leader.ID != self && !e.members.agent.Late(leader.ID) && !r.isToLead(number, standing, self) {
		moved := reply.Errorf("MOVED %d %s:%d", id, leader.Host, leader.Port)
		return nil, &moved, nil
	}
	return nil, nil, &interregnum{standing: standing, leader: changed}
}

// What a cluster says to commands that it cannot run.
const (
	crossSlot  = "CROSSSLOT Keys in request don't hash to the same slot"
	notCreated = "CLUSTERDOWN Hash slot not served: the cluster is not created yet (shiplog cluster create)"
	unserved   = "CLUSTERDOWN Hash slot not served"
)

func refuse(text string) *reply.Reply {
	r := reply.Error(text)
	return &r
}

// anywhere returns a partition for a command whose words name no key.
func (e *clusterEngine) anywhere(r *routing) (commands.Partition, *reply.Reply, commands.Hold) {
	for _, c := range r.copies {
		if c != nil {
			if p := c.partition.Load(); p != nil && p.Standing().Role == partitions.Primary {
				return &c.serving, nil, nil
			}
		}
	}
	return nil, refuse(unserved), nil
}

// Everywhere returns the partitions that this node leads, and those that it hands over: commands on all keys wait for them to be
// somebody's.
func (e *clusterEngine) Everywhere() []commands.Partition {
	var led []commands.Partition
	for _, c := range e.members.routing.Load().copies {
		if c == nil {
			continue
		}
		if p := c.partition.Load(); p != nil {
			if role := p.Standing().Role; role == partitions.Primary || role == partitions.Handing {
				led = append(led, &c.serving)
			}
		}
	}
	return led
}

// interregnum holds commands while their partition changes its primary.
type interregnum struct {
	standing *partitions.Standing // nil when this node has no copy
	leader   <-chan struct{}
}

// Await waits until the copy here stands otherwise or another leader is heard of.
func (b *interregnum) Await(ctx context.Context) *reply.Reply {
	var changed <-chan struct{}
	if b.standing != nil {
		changed = b.standing.Changed()
	}
	look := time.NewTimer(lookAgain) // a leader may have fallen silent or be heard again
	defer look.Stop()
	select {
	case <-changed:
	case <-b.leader:
	case <-look.C:
	case <-ctx.Done():
		return refuse(unserved)
	}
	return nil
}

// lookAgain is how often is looked for what nobody tells.
const lookAgain = 50 * time.Millisecond

// primaryView is a copy as the command layer has it while this node leads it.
type primaryView struct{ copyOf *copyOf }

var _ commands.Partition = (*primaryView)(nil)

// again makes a partition's error that leaves nothing done one that has the command routed again, unless the client is to know it.
func again(err error) error {
	if err == nil || errors.Is(err, partitions.ErrRefused) || errors.Is(err, partitions.ErrTooLarge) || errors.Is(err, partitions.ErrOutpaced) {
		return err
	}
	if errors.Is(err, partitions.ErrOccupied) {
		return fmt.Errorf("%w: %w", commands.ErrRouteAgain, commands.ErrOccupied)
	}
	return fmt.Errorf("%w: %w", commands.ErrRouteAgain, err)
}

// wait makes a Wait of a Commit.
func (v *primaryView) wait(c *partitions.Commit, err error) (commands.Wait, error) {
	if err != nil || c == nil {
		return nil, again(err)
	}
	return fate{c, v.copyOf}, nil
}

// View runs a reading command.
func (v *primaryView) View(r commands.Reader) (commands.Wait, error) {
	p := v.copyOf.partition.Load()
	if p == nil {
		return nil, commands.ErrRouteAgain
	}
	return v.wait(p.View(r))
}

// Update runs a writing command or transaction.
func (v *primaryView) Update(w commands.Writer) (commands.Wait, error) {
	p := v.copyOf.partition.Load()
	if p == nil {
		return nil, commands.ErrRouteAgain
	}
	return v.wait(p.Update(w))
}

// Occupy runs a script, or a transaction with scripts.
func (v *primaryView) Occupy(w commands.Occupant, writes bool) (commands.Wait, error) {
	p := v.copyOf.partition.Load()
	if p == nil {
		return nil, commands.ErrRouteAgain
	}
	return v.wait(p.Occupy(w, writes))
}

// Snapshot returns the partition as it is now.
func (v *primaryView) Snapshot() (*keyspace.Snapshot, commands.Wait, error) {
	p := v.copyOf.partition.Load()
	if p == nil {
		return nil, nil, commands.ErrRouteAgain
	}
	snap, c, err := p.Snapshot()
	wait, err := v.wait(c, err)
	return snap, wait, err
}

// Cost counts what commands have cost.
func (v *primaryView) Cost(c commands.Cost) { v.copyOf.cost.add(c) }

// Watch adds key to what w watches. A partition that ends is watched by nobody: EXEC will not find it.
func (v *primaryView) Watch(key []byte, w *keyspace.Watch) {
	if p := v.copyOf.partition.Load(); p != nil {
		p.Watch(key, w)
	}
}

// Unwatch forgets what w watches.
func (v *primaryView) Unwatch(w *keyspace.Watch) {
	if p := v.copyOf.partition.Load(); p != nil {
		p.Unwatch(w)
	}
}

// replicaView is a copy as READONLY clients have it.
type replicaView struct{ copyOf *copyOf }

var _ commands.Partition = (*replicaView)(nil)

// View runs a reading command on what the replica has applied.
func (v *replicaView) View(r commands.Reader) (commands.Wait, error) {
	p := v.copyOf.partition.Load()
	if p == nil {
		return nil, commands.ErrRouteAgain
	}
	return nil, again(p.ReplicaView(r))
}

// Update never comes to a replica.
func (v *replicaView) Update(commands.Writer) (commands.Wait, error) {
	return nil, commands.ErrRouteAgain
}

// Occupy runs a script that only reads.
func (v *replicaView) Occupy(w commands.Occupant, writes bool) (commands.Wait, error) {
	p := v.copyOf.partition.Load()
	if p == nil || writes {
		return nil, commands.ErrRouteAgain
	}
	return nil, again(p.ReplicaOccupy(w))
}

// Snapshot returns what the replica has applied.
func (v *replicaView) Snapshot() (*keyspace.Snapshot, commands.Wait, error) {
	p := v.copyOf.partition.Load()
	if p == nil {
		return nil, nil, commands.ErrRouteAgain
	}
	snap, err := p.ReplicaSnapshot()
	return snap, nil, again(err)
}

// Cost counts what commands have cost.
func (v *replicaView) Cost(c commands.Cost) { v.copyOf.cost.add(c) }

// Watch watches nothing: a replica runs no transaction that writes.
func (v *replicaView) Watch([]byte, *keyspace.Watch) {}

// Unwatch forgets nothing.
func (v *replicaView) Unwatch(*keyspace.Watch) {}

// fate is a Commit that knows whose it is.
type fate struct {
	*partitions.Commit
	copyOf *copyOf
}

// Err says why the record is not in the log.
func (f fate) Err() error {
	if err := f.Commit.Err(); err != nil {
		return &lost{f.copyOf, err}
	}
	return nil
}

// lost is the error of a record that its partition did not get into the log.
type lost struct {
	copyOf *copyOf
	err    error
}

func (l *lost) Error() string { return l.err.Error() }
func (l *lost) Unwrap() error { return l.err }

// ErrorReply words what a partition could not do. A record that another primary has shut out is not in the log and never
// will be: its commands are not done, and are to be sent to that primary.
func (e *clusterEngine) ErrorReply(err error) (r reply.Reply, final bool) {
	var l *lost
	if !errors.As(err, &l) || !errors.Is(err, partitions.ErrDeposed) {
		return e.engine.ErrorReply(err)
	}
	c := l.copyOf
	routing := e.members.routing.Load()
	var standing *partitions.Standing
	if p := c.partition.Load(); p != nil {
		standing = p.Standing()
	}
	leader, _ := routing.leaderOf(uint16(c.number), standing)
	if leader.ID == "" || leader.ID == e.members.self.ID {
		return reply.Error(unserved), false
	}
	return reply.Errorf("MOVED %d %s:%d", c.slots.First, leader.Host, leader.Port), false
}

// Facts describes the node by all its partitions.
func (e *clusterEngine) Facts() commands.Facts {
	var sum partitions.Status
	var tail, applied, durable wal.Seq
	for _, p := range e.members.held() {
		s := p.Status()
		tail, applied, durable = tail+s.Tail.Seq, applied+s.Applied, durable+s.Durable.Seq
		add(&sum, &s, p.Standing().Role == partitions.Primary)
	}
	sum.Tail.Seq, sum.Applied, sum.Durable.Seq = tail, applied, durable
	f := e.factsOf(sum)
	return f
}

// add adds a partition's figures to the node's. Keys are counted where the partition is led.
func add(sum, s *partitions.Status, led bool) {
	if led {
		sum.Keys, sum.Volatile = sum.Keys+s.Keys, sum.Volatile+s.Volatile
	}
	sum.Tally.Hits, sum.Tally.Misses = sum.Tally.Hits+s.Tally.Hits, sum.Tally.Misses+s.Tally.Misses
	sum.Tally.Expired += s.Tally.Expired
	sum.Tail.Epoch = max(sum.Tail.Epoch, s.Tail.Epoch)
	sum.Records, sum.AppendedBytes = sum.Records+s.Records, sum.AppendedBytes+s.AppendedBytes
	sum.Pending, sum.Backlog = sum.Pending+s.Pending, sum.Backlog+s.Backlog
	sum.Hot.Keys, sum.Hot.Bytes, sum.Hot.Watched = sum.Hot.Keys+s.Hot.Keys, sum.Hot.Bytes+s.Hot.Bytes, sum.Hot.Watched+s.Hot.Watched
	sum.FlushedMS = max(sum.FlushedMS, s.FlushedMS)
	sum.StateBytes, sum.MemtableBytes, sum.CacheBytes = sum.StateBytes+s.StateBytes, sum.MemtableBytes+s.MemtableBytes, sum.CacheBytes+s.CacheBytes
	sum.InFlight = sum.InFlight || s.InFlight
	if sum.Refusal == nil {
		sum.Refusal = s.Refusal
	}
}

// SyncLog waits until the replicas of everything that this node leads have applied what is acknowledged now. What is acknowledged
// is on the disks of a majority of the copies already.
func (e *clusterEngine) SyncLog(ctx context.Context, _ uint64, replicas int) (local, others int) {
	if e.node.syncLog(ctx) == nil {
		local = 1
	}
	goals := make(map[int]uint64)
	for _, c := range e.members.all() {
		if p := c.partition.Load(); p != nil && p.Standing().Role == partitions.Primary {
			goals[c.number] = uint64(p.Tail())
		}
	}
	tick := time.NewTicker(e.node.cfg.Cluster.Times.Heartbeat / 4)
	defer tick.Stop()
	for {
		if others = e.members.applied(goals); others >= replicas {
			return local, others
		}
		select {
		case <-ctx.Done():
			return local, others
		case <-tick.C:
		}
	}
}

// applied returns how many other copies have applied all that goals ask for: the least of all partitions.
func (m *members) applied(goals map[int]uint64) int {
	count := make(map[int]int, len(goals))
	reports := m.agent.View().Reports()
	for i := range reports {
		heard := &reports[i]
		if heard.Node.ID == m.self.ID {
			continue
		}
		for j := range heard.Partitions {
			r := &heard.Partitions[j]
			if goal, led := goals[r.Partition]; led && r.Applied >= goal {
				count[r.Partition]++
			}
		}
	}
	least := len(reports)
	for number := range goals {
		least = min(least, count[number])
	}
	if len(goals) == 0 {
		return 0
	}
	return least
}
