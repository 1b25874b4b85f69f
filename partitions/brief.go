package partitions

import (
	"time"

	"shiplog/wal"
)

// Brief is what a heartbeat tells of a partition. It is cheap to ask for.
type Brief struct {
	Standing *Standing
	Naming   Naming
	Applied  wal.Seq       // of the newest record that is in Pebble
	Durable  wal.Seq       // up to here the state is on the disk, at least
	Tail     wal.Seq       // of the newest record known: on a primary the newest acknowledged
	Stuck    time.Duration // since when the record in flight waits for its outcome
	Keys     int64
	Commands uint64 // run since the start
	Lag      time.Duration
	LagKnown bool
	Why      error // it stopped
}

// Brief returns how the partition is, in short.
func (p *Partition) Brief() Brief {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := Brief{
		Standing: p.standing.Load(), Naming: p.naming, Applied: p.atPebble, Durable: p.durable, Tail: p.tail.Seq,
		Keys: p.store.View(p.now()).Len(), Commands: p.commands, LagKnown: p.lag.known, Why: p.stopped,
	}
	if p.lag.known {
		b.Lag = p.clock() - p.lag.caught
	}
	if p.flight != nil {
		b.Stuck = p.cfg.Now().Sub(p.sentAt)
	}
	return b
}

// Digest returns the sequence of the newest record applied to the state, and a checksum of the state then. It reads everything.
func (p *Partition) Digest() (applied wal.Seq, digest uint64, err error) {
	at, digest, err := p.store.Digest()
	return at.Seq, digest, err
}
