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
	ackTook                           mean
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
	r.AckTook = c.ackTook.of(b.Acks, b.AckTime)
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

// mean makes what one of a number of events has taken lately out of their count, and of what they took together.
type mean struct {
	mu    sync.Mutex
	at    time.Time
	count uint64
	took  time.Duration
	value time.Duration
}

// meanOver is about what a mean is of: one heartbeat.
const meanOver = 150 * time.Millisecond

func (m *mean) of(count uint64, took time.Duration) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if m.at.IsZero() || now.Sub(m.at) >= meanOver {
		m.value = 0
		if !m.at.IsZero() && count > m.count {
			m.value = (took - m.took) / time.Duration(count-m.count)
		}
		m.at, m.count, m.took = now, count, took
	}
	return m.value
}
