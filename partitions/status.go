package partitions

import (
	"shiplog/partitions/keyspace"
	"shiplog/wal"
)

// Status is what operators and INFO are told of a partition.
type Status struct {
	Keys, Volatile int64
	Tally          keyspace.Tally
	Tail           wal.Position // behind the newest acknowledged record
	Applied        wal.Seq      // of the newest record that is in Pebble
	Durable        wal.Position // what a power cut now would leave of the state
	Trimmed        wal.Seq      // the log begins here, as far as the partition knows
	Records        uint64       // acknowledged since the start, one of them the EPOCH record
	AppendedBytes  uint64       // of their effects
	Pending        int          // bytes of effects not yet acknowledged
	Backlog        int          // bytes of effects not yet in Pebble
	InFlight       bool         // a record is on its way to the log
	Hot            Hot
	FlushedMS      int64 // when the state was last made durable, Unix milliseconds
	Refusal        error // why writes are refused
	Stopped        error // why the partition has ended
	Recovery       Recovery
	StateBytes     uint64 // the state on disk
	MemtableBytes  uint64
	CacheBytes     int64
}

// Hot says what is in memory of the keys.
type Hot struct {
	Keys    int
	Bytes   int64
	Watched int
}

// Status returns how the partition is.
func (p *Partition) Status() Status {
	metrics := p.store.Metrics()
	durable, err := p.store.Durable()
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Status{
		Tally: p.store.Tally(), Tail: p.tail, Applied: p.atPebble, Durable: durable, Trimmed: p.trimmed,
		Records: p.acked, AppendedBytes: p.appended, Backlog: p.backlog, InFlight: p.flight != nil,
		Hot: Hot{Keys: p.store.HotKeys(), Bytes: p.store.HotBytes(), Watched: p.store.Watched()}, FlushedMS: p.flushed.UnixMilli(),
		Refusal: p.refusal, Stopped: p.stopped, Recovery: p.recovery,
		StateBytes: metrics.DiskSpaceUsage(), MemtableBytes: metrics.MemTable.Size, CacheBytes: metrics.BlockCache.Size,
	}
	if p.stopped == nil && err != nil {
		s.Stopped = err
	}
	v := p.store.View(p.now())
	s.Keys, s.Volatile = v.Len(), v.Volatile()
	if p.open == nil {
		return s
	}
	s.Pending = len(p.open.body())
	if p.flight != nil {
		s.Pending += len(p.flight.body())
	}
	return s
}
