package coordinator

import (
	"fmt"
	"slices"
	"time"

	"shiplog/partitions/lease"
)

// simNode is a node: what it holds of each partition outlives its lives, the rest does not.
type simNode struct {
	*sim
	index   int
	id      NodeID
	offset  time.Duration
	speed   float64
	life    int
	down    bool
	paused  bool
	backlog []simEvent
	noIn    bool // nothing of others, logs and store reaches it
	noOut   bool
	lost    bool // for good
	known   *Map
	seats   []*simSeat
}

// simSeat is a partition on a node.
type simSeat struct {
	*simNode
	log *simLog

	applied int // of the log's records; the state is their fold
	epoch   uint64
	state   [simKeys]int64

	heir   lease.Heir
	role   Role
	mine   uint64 // the epoch that it leads
	held   lease.Held
	valid  bool // the lease was, when last looked at: only a seeded bug goes by it
	handed bool // its HANDOVER is in the log
	term   uint64
	flight *simFlight
	writes []simRequest // wait for the append in flight
	reads  []simRequest // wait for an append, for the lease or the write it brings
	filled bool         // it has come to the end of the log since it is held here
	pulls  bool
	waits  bool // for the end of the old lease
}

func newSimNode(s *sim, index int) *simNode {
	// Two clocks of opposite drift must agree within the margin.
	drift := 0.045 * []float64{-1, s.Float64()*2 - 1, 1}[s.IntN(3)]
	if s.bug == bugNoMargin {
		drift = 0.045 * float64(1-index%2*2) // a margin is for clocks that differ as much as they may
	}
	n := &simNode{sim: s, index: index, id: NodeID(rune('a' + index)), offset: s.between(0, time.Hour), speed: 1 + drift}
	for _, l := range s.logs {
		n.seats = append(n.seats, &simSeat{simNode: n, log: l})
	}
	return n
}

// clock is the node's own: it runs through pauses and crashes.
func (n *simNode) clock() time.Duration {
	return n.offset + time.Duration(float64(n.sim.now)*n.speed)
}

// start begins a life. What was applied but not durable is applied again from the log.
func (n *simNode) start() {
	n.life++
	n.down, n.known = false, nil
	n.say("%s starts", n.id)
	for _, t := range n.seats {
		old := *t
		*t = simSeat{simNode: n, log: t.log, role: RoleReplica, heir: lease.NewHeir(n.clock()), filled: old.filled}
		for durable := old.applied - n.IntN(old.applied+1)/4; t.applied < durable; {
			t.apply(&t.log.records[t.applied])
		}
		t.heir = lease.NewHeir(n.clock())
		if t.applied == 0 || t.log.records[t.applied-1].writer == n.index {
			t.heir.Released()
		}
		t.wake()
	}
	n.after(n.between(0, simBeat), n.beat)
}

// beat is what a node does five times a second.
func (n *simNode) beat() {
	n.after(simBeat, n.beat)
	if !n.noIn && n.stored != nil && n.IntN(8) > 0 && (n.known == nil || n.stored.Version > n.known.Version) {
		n.known = n.stored
		n.settleSeats()
		n.wakeAll()
	}
	for _, t := range n.seats {
		t.valid = t.held.Valid(t.clock())
		t.obey()
		t.lead()
	}
	if n.noOut {
		return
	}
	r := n.report()
	for _, sh := range n.shells {
		if sh.node == n || !sh.node.noIn && !n.isLost() {
			sh.node.after(n.travel(), func() { sh.step(Heard{Now: sh.node.clock(), Report: r}) })
		}
	}
}

func (n *simNode) report() Report {
	r := Report{Node: Node{ID: n.id, Server: string(n.id)}, Run: fmt.Sprint(n.life)}
	if n.known == nil {
		return r
	}
	r.Map, r.Cluster = n.known.Version, n.known.Cluster
	for _, l := range n.logs {
		if slices.Contains(l.lies().on, n.id) {
			r.Streams++
		}
	}
	for p, t := range n.seats {
		if !t.holds() {
			continue
		}
		at := PartitionReport{Partition: p, Role: t.role, Term: t.term, Epoch: t.epoch, Applied: uint64(t.applied)}
		if t.filled = t.filled || t.applied == len(t.log.records); !t.filled {
			at.Role = RoleSeeding
		}
		at.LogBehind = !slices.Contains(t.log.lies().on, t.id)
		if t.role == RolePrimary {
			at.Tail = at.Applied
			if t.flight != nil {
				at.Stuck = t.clock() - t.flight.first
			}
		}
		r.Partitions = append(r.Partitions, at)
	}
	return r
}

func (t *simSeat) holds() bool {
	return t.known != nil && slices.Contains(t.known.Partitions[t.log.p].Holders, t.id)
}

// wake has the node look for the next record of the log soon.
func (t *simSeat) wake() {
	if t.pulls || t.down || t.applied >= len(t.log.records) || t.known != nil && !t.holds() {
		return
	}
	t.pulls = true
	t.after(t.travel(), t.pull)
}

// wipe deletes what is here of a partition.
func (t *simSeat) wipe() {
	*t = simSeat{simNode: t.simNode, log: t.log, role: RoleReplica, heir: lease.NewHeir(t.clock()), pulls: t.pulls}
}

func (n *simNode) wakeAll() {
	for _, t := range n.seats {
		t.wake()
	}
}

// pull takes the next record of the node's copy of the log. A record where its own append should go is that append, or the
// proof that it will never be there.
func (t *simSeat) pull() {
	t.pulls = false
	appends := t.role == RolePrimary || t.role == RoleHanding && !t.handed
	if t.noIn || t.applied >= len(t.log.records) || t.known != nil && !t.holds() || !t.chance.tails && appends {
		return
	}
	r := &t.log.records[t.applied]
	switch {
	case t.flight != nil && t.flight.id == r.id:
		t.acknowledged()
	case t.flight != nil:
		t.fenced()
	case t.role == RolePrimary || t.role == RoleHanding:
		t.depose()
	}
	if t.applied < len(t.log.records) && r.id == t.log.records[t.applied].id {
		t.apply(r)
	}
	t.lead()
	t.wake()
}

// apply is the one way in which a state changes.
func (t *simSeat) apply(r *simRecord) {
	t.applied++
	if r.epoch < t.epoch {
		return
	}
	t.epoch = r.epoch
	for _, w := range r.writes {
		t.state[w.key] = w.value
	}
	t.heir.Received(t.clock())
	if r.writer == t.index || r.kind == simHandover && r.heir == t.index {
		t.heir.Released()
	}
}
