package node

import (
	"sync"
	"sync/atomic"
	"time"

	"shiplog/node/commands"
	"shiplog/partitions"
	"shiplog/partitions/coordinator"
)

// cost is what a copy costs this node.
type cost struct {
	bytes atomic.Int64 // of commands and their replies, about
	took  atomic.Int64 // nanoseconds that they ran, about

	commandsRate, bytesRate, timeRate rate
}

// add counts what commands have cost.
func (c *cost) add(more commands.Cost) {
	c.bytes.Add(more.Bytes)
	c.took.Add(int64(more.Took))
}

// report adds what the copy costs to what a heartbeat says of it.
func (c *cost) report(r *coordinator.PartitionReport, b *partitions.Brief) {
	r.Load = c.commandsRate.of(b.Commands)
	r.Bytes = c.bytesRate.of(uint64(c.bytes.Load()))
	r.CPU = c.timeRate.of(uint64(c.took.Load())+uint64(b.Applying)) / float64(time.Second)
}

// rate makes a number of events a second out of their count.
type rate struct {
	mu    sync.Mutex
	at    time.Time
	count uint64
	value float64
}

func (r *rate) of(count uint64) float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if passed := now.Sub(r.at); passed >= time.Second {
		if !r.at.IsZero() && count >= r.count {
			r.value = float64(count-r.count) / passed.Seconds()
		}
		r.at, r.count = now, count
	}
	return r.value
}
