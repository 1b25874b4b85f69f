package partitions

import (
	"fmt"
	"sync"
	"time"

	"shiplog/partitions/lease"
	"shiplog/wal"
)

// Role is what this node does for a partition.
type Role uint8

// The roles. A node begins as Replica.
const (
	Replica  Role = 1 // follows the log, and answers reads that may be a little old
	Promoted Role = 2 // was named primary: catches up with the log and waits until the old lease is over
	Primary  Role = 3 // serves
	Handing  Role = 4 // was primary, and another one is about to be
	Stopped  Role = 5 // has failed
)

// String returns the role in the words of the documentation.
func (r Role) String() string {
	switch r {
	case Replica:
		return "replica"
	case Promoted:
		return "promoted"
	case Primary:
		return "primary"
	case Handing:
		return "handing"
	case Stopped:
		return "stopped"
	}
	return fmt.Sprintf("Role(%d)", uint8(r))
}

// Standing is how a partition stands on this node at one moment, for those who route commands. It never changes.
type Standing struct {
	Role   Role
	Epoch  wal.Epoch  // of the newest EPOCH record known here
	Leader wal.NodeID // who wrote it; all zero while nobody is known to lead

	changed chan struct{}
}

// Changed is closed when another Standing has taken this one's place.
func (s *Standing) Changed() <-chan struct{} { return s.changed }

// Standing returns how the partition stands now. It takes no lock.
func (p *Partition) Standing() *Standing { return p.standing.Load() }

// stand changes how the partition stands. It needs the lock.
func (p *Partition) stand(s Standing) {
	old := p.standing.Load()
	if old.Role == s.Role && old.Epoch == s.Epoch && old.Leader == s.Leader {
		return
	}
	if s.Role == Primary && old.Role != Primary {
		p.turned.Promotions++
	}
	s.changed = make(chan struct{})
	p.standing.Store(&s)
	close(old.changed)
}

// Membership makes a partition one of several copies, of which one is named primary.
type Membership struct {
	Rules  lease.Rules
	Clock  func() time.Duration // runs through suspend; nil: the system's
	MaxLag func() time.Duration // a replica that may be further behind answers no reads; cheap; nil: 1 second
	// Keep returns the least sequence that every copy of the partition, also those that are not heard now, has durably in its
	// state: the log is not trimmed beyond it. nil: this node's own is enough.
	Keep func() wal.Seq
	// Stored returns the sequence of the newest snapshot that lies where copies of the partition can be filled from, 0 when there is none. The log is kept from
	// it, as far as Retention.Stored allows. It must not block. nil: there is never one.
	Stored func() wal.Seq
}

// Naming says who shall be primary. A higher term is newer.
type Naming struct {
	Primary wal.NodeID
	Term    uint64
}

// tenure is what concerns being primary or becoming it.
type tenure struct {
	naming    Naming
	promoted  time.Time // when this node began to try
	ledBy     uint64    // the term of the naming by which this node began to lead
	spent     bool      // that is the newest naming, and another primary has ended it: it takes a newer one, or a hand-over, to lead again
	held      lease.Held
	leaseFrom time.Duration // the newest record left
	heir      lease.Heir
	follows   wal.Position // how far the replica has come, parts of unfinished bodies included
	lag       lag
}

// turns are the words between the goroutines of a partition that changes its role. Each channel holds one word.
type turns struct {
	ready  sync.Once
	named  chan struct{} // the naming has changed
	moved  chan struct{} // the replica has taken a record
	fallen chan error    // the log holds another primary's record
}

func (t *turns) init() {
	t.named, t.moved, t.fallen = make(chan struct{}, 1), make(chan struct{}, 1), make(chan error, 1)
}

// tell leaves a word if none is left already.
func tell[T any](to chan T, word T) {
	select {
	case to <- word:
	default:
	}
}

// Name tells the partition who shall be primary. An older naming than the one known is ignored. It does not block.
//
// A primary that is named anew asks the log whether it still is: another one may have led in between, and an idle primary
// would not notice.
func (p *Partition) Name(n Naming) {
	p.mu.Lock()
	var question *message
	if n.Term > p.naming.Term {
		p.naming, p.spent = n, false
		tell(p.turns.named, struct{}{})
		if p.serving && n.Primary == p.cfg.Node {
			p.open.barrier = true
			question = p.send()
		}
	}
	p.mu.Unlock()
	p.append(question)
}

// Naming returns the newest naming known.
func (p *Partition) Naming() Naming {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.naming
}

// named tells whether this node is to lead.
func (p *Partition) named() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.naming.Primary == p.cfg.Node && !p.spent
}

// clock reads the clock of leases. A partition without rivals needs none.
func (p *Partition) clock() time.Duration {
	if p.cfg.Cluster == nil {
		return 0
	}
	return p.cfg.Cluster.Clock()
}

// renew takes note that a record was acknowledged: the lease counts from before it was sent (I6).
func (p *Partition) renew() {
	if m := p.cfg.Cluster; m != nil {
		if bug("lease-ignores-pause") {
			p.leaseFrom = p.clock()
		}
		p.held.Renew(m.Rules, p.leaseFrom)
	}
}

// proven returns the Commit that a reply has to wait for which saw the effects of group number. Beyond that group, it proves
// that this node was still primary when it looked: by its lease, checked now that it has looked, or else by a
// record that is sent after this moment and acknowledged (I6). The caller sends what is due when it has given up the lock.
func (p *Partition) proven(number uint64) *Commit {
	m := p.cfg.Cluster
	if m == nil || number == p.open.number {
		return p.commitOf(number)
	}
	left := p.held.Remaining(m.Clock())
	if left < m.Rules.Length/3 && p.flight == nil {
		p.open.barrier = true
	}
	if left <= 0 {
		p.open.barrier = true
		return p.open.commit
	}
	return p.commitOf(number)
}

// depose ends this node's term because the log holds another primary's record: what is in flight and what came after it is
// not in the log and will not be. Those who wait are told; the rest is the business of reign.
func (p *Partition) depose(why error) {
	p.serving, p.spent = false, p.naming.Term == p.ledBy
	p.evict(why)
	p.stand(Standing{Role: Handing, Epoch: p.tail.Epoch})
	if p.flight != nil {
		p.flight.commit.finish(why)
		p.flight = nil
	}
	p.open.commit.finish(why)
	p.open = p.newGroup()
	p.room.Broadcast()
	p.dismiss(ErrNotServing)
	tell(p.turns.fallen, why)
}
