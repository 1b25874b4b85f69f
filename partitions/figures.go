package partitions

import (
	"time"

	"shiplog/partitions/keyspace"
	"shiplog/wal"
)

// Figures are what a partition holds, and what it has counted since it was opened.
type Figures struct {
	Volatile      int64
	Tally         keyspace.Tally
	Hot           Hot
	AppendedBytes uint64 // of effects in acknowledged records
	Backlog       int    // bytes of effects not yet in Pebble
	Appends       AppendTimes
	Turns         Turns
	Reached       wal.Position // as Reached
}

// Turns count how often the partition has become primary, has handed over to another node, and was ended by another primary's record.
type Turns struct{ Promotions, HandOvers, Depositions uint64 }

// AppendTimes count the records that a primary has had acknowledged by how long that took: element i those of at most AppendBounds()[i] and more than
// the bound before. Those that took longer than the last bound are not in it; Brief.Acks counts all, and Brief.AckTime is their sum.
type AppendTimes [15]uint64

// AppendBounds are the bounds of AppendTimes: from an fsync of a fast disk to what makes the coordinator replace a primary.
func AppendBounds() [15]time.Duration {
	const us, ms = time.Microsecond, time.Millisecond
	return [...]time.Duration{100 * us, 250 * us, 500 * us, ms, 2500 * us, 5 * ms, 10 * ms, 25 * ms, 50 * ms, 100 * ms, 250 * ms, 500 * ms,
		time.Second, 2500 * ms, 5 * time.Second}
}

// add counts a record.
func (a *AppendTimes) add(took time.Duration) {
	for i, bound := range AppendBounds() {
		if took <= bound {
			a[i]++
			return
		}
	}
}

// count counts one more.
func (p *Partition) count(times *uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*times++
}

// figures needs the lock.
func (p *Partition) figures(v *keyspace.View) Figures {
	return Figures{
		Volatile: v.Volatile(), Tally: p.store.Tally(), AppendedBytes: p.appended, Backlog: p.backlog, Appends: p.appends, Turns: p.turned,
		Reached: p.reached(),
		Hot:     Hot{Keys: p.store.HotKeys(), Bytes: p.store.HotBytes(), Watched: p.store.Watched()},
	}
}

// Memory returns how many bytes Pebble has in memory: what is not in its files yet, and blocks of these. It takes no lock of the partition, and must
// not be called after Close.
func (p *Partition) Memory() (memtables, blocks int64) {
	m := p.store.Metrics()
	return int64(m.MemTable.Size), m.BlockCache.Size
}
