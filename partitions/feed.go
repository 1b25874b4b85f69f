package partitions

import (
	"shiplog/partitions/keyspace"
	"shiplog/wal"
)

// Reached returns the position behind the newest whole body that this node knows to be acknowledged: on a replica, the newest that it
// has applied. It is zero while there is none.
func (p *Partition) Reached() wal.Position {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reached()
}

// reached needs the lock.
func (p *Partition) reached() wal.Position {
	switch p.standing.Load().Role {
	case Primary, Handing:
		return p.tail
	case Replica, Promoted:
		return p.store.Position() // changes under the lock alone
	default:
		return wal.Position{}
	}
}

// Content returns the state that this node has applied, at its position. The caller must close it, before the partition is closed.
func (p *Partition) Content() (*keyspace.Content, error) {
	p.mu.Lock()
	stopped := p.stopped
	p.mu.Unlock()
	if stopped != nil {
		return nil, stopped
	}
	return p.store.Content()
}

// Retention returns how much of the log is kept for readers.
func (p *Partition) Retention() Retention { return p.cfg.Retention }
