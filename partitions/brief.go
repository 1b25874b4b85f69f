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
	First    wal.Seq       // the log begins here, as far as the primary knows; 0: not known
	Tail     wal.Seq       // of the newest record known: on a primary the newest acknowledged
	Stuck    time.Duration // since when the record in flight waits for its outcome
	Keys     int64
	Commands uint64        // run since the start
	Applying time.Duration // spent on bringing a primary's own effects into Pebble, since the start
	Acks     uint64        // records that a primary has had acknowledged, since the start
	AckTime  time.Duration // from when they were sent until then, together
	Lag      time.Duration
	LagKnown bool
	Why      error // it stopped
	Figures  Figures

	at time.Time
}

// How often, and with which pauses, Brief asks for the lock.
const (
	briefTries = 5
	briefPause = time.Millisecond
)

// Brief returns how the partition is, in short. It does not wait for the lock for longer than a few milliseconds: a node that is busy, or whose
// disk is slow, is not to be taken for dead. Then it is as it was, but for the standing, and Stuck counts since then.
func (p *Partition) Brief() Brief {
	for try := range briefTries {
		if p.mu.TryLock() {
			defer p.mu.Unlock()
			b := p.brief()
			p.briefed.Store(&b)
			return b
		}
		if try+1 < briefTries {
			time.Sleep(briefPause)
		}
	}
	b := Brief{Standing: p.standing.Load()}
	if last := p.briefed.Load(); last != nil {
		standing := b.Standing
		b = *last
		b.Standing, b.Stuck = standing, b.Stuck+p.cfg.Now().Sub(b.at)
	}
	return b
}

// Tail returns the sequence of the newest record known, as Brief's. It waits for the lock.
func (p *Partition) Tail() wal.Seq {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tail.Seq
}

func (p *Partition) brief() Brief {
	v := p.store.View(p.now())
	b := Brief{
		at: p.cfg.Now(), Standing: p.standing.Load(), Naming: p.naming, Applied: p.atPebble, Durable: p.durable, First: p.trimmed, Tail: p.tail.Seq,
		Keys: v.Len(), Commands: p.commands, Applying: p.applying, Acks: p.acks, AckTime: p.ackTime,
		LagKnown: p.lag.known, Why: p.stopped, Figures: p.figures(v),
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
