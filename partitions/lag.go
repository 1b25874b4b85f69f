package partitions

import (
	"runtime"
	"time"

	"shiplog/partitions/keyspace"
	"shiplog/wal"
)

// lag says how old what a replica shows may be. A log that is idle says nothing, so the primary's heartbeats are
// the measure: they tell how long the log was at a time.
type lag struct {
	known  bool
	caught time.Duration // at that time the replica had all that there was
	goal   wal.Seq       // a length of the log that the replica has not reached
	heard  time.Duration // when it was heard
}

// hear takes note that the log was at tail when the clock showed now.
func (l *lag) hear(tail, applied wal.Seq, now time.Duration) {
	switch {
	case applied >= tail:
		l.known, l.caught, l.goal = true, now, 0
	case l.goal == 0:
		l.goal, l.heard = tail, now
	}
}

// apply takes note of what is applied.
func (l *lag) apply(applied wal.Seq) {
	if l.goal != 0 && applied >= l.goal {
		l.known, l.caught, l.goal = true, l.heard, 0
	}
}

// hearTries is how often HeardTail asks for the lock.
const hearTries = 20

// HeardTail tells a replica that the primary's log ended at tail a moment ago. It does not wait: whoever hears for all partitions must not
// be held up by one that is busy, and will hear again.
func (p *Partition) HeardTail(tail wal.Seq) {
	for range hearTries {
		if p.mu.TryLock() {
			defer p.mu.Unlock()
			p.lag.hear(tail, p.follows.Seq, p.clock())
			return
		}
		runtime.Gosched()
	}
}

// Lag returns how old what a replica shows may be, and whether that is known.
func (p *Partition) Lag() (age time.Duration, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.clock() - p.lag.caught, p.lag.known
}

// ReplicaView runs a command that reads on a replica's state, which is that of the log some moments ago. It returns ErrNotServing
// when the partition is no replica, and ErrLagging when it may be further behind than it should.
func (p *Partition) ReplicaView(r Reader) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.mayShow(); err != nil {
		return err
	}
	if p.occupied != nil {
		return ErrOccupied
	}
	v := p.store.View(p.now())
	r.Read(v)
	if err := v.Err(); err != nil {
		return p.stop(err)
	}
	v.Count()
	p.commands++
	return nil
}

// ReplicaSnapshot returns the whole state of a replica. The caller must close it. The errors are ReplicaView's.
func (p *Partition) ReplicaSnapshot() (*keyspace.Snapshot, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.mayShow(); err != nil {
		return nil, err
	}
	if p.occupied != nil {
		return nil, ErrOccupied
	}
	return p.store.View(p.now()).Snapshot(), nil
}

// mayShow tells whether a replica may answer reads.
func (p *Partition) mayShow() error {
	switch role := p.standing.Load().Role; {
	case p.stopped != nil:
		return p.stopped
	case role != Replica && role != Promoted:
		return ErrNotServing
	case !p.lag.known || p.clock()-p.lag.caught > p.cfg.Cluster.MaxLag():
		return ErrLagging
	}
	return nil
}

// Shows tells whether a replica may answer reads now.
func (p *Partition) Shows() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mayShow() == nil
}
