package node

import (
	"context"
	"time"

	"shiplog/embedded"
	"shiplog/partitions"
	"shiplog/wal/jetstream"
)

// measureEvery is how old what is measured of logs may be.
const measureEvery = 2 * time.Second

// measured is what may wait for a disk to be found out, and who shows it does not.
type measured struct {
	logs      map[string]embedded.Held
	elections uint64
}

// measure keeps what is measured of the logs, and the most memory that was used, until ctx ends.
func (n *Node) measure(ctx context.Context) error {
	tick := time.NewTicker(measureEvery)
	defer tick.Stop()
	for {
		n.memory.look()
		n.measured.Store(&measured{logs: n.nats.Held(), elections: n.nats.Elections()})
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// logHeld is what this node's copy of a partition's log held a moment ago, and whether that is known.
func (n *Node) logHeld(partition int) (held embedded.Held, known bool) {
	m := n.measured.Load()
	if m == nil {
		return held, false
	}
	held, known = m.logs[jetstream.StreamName(partition)]
	return held, known
}

// logBytes is what all logs held a moment ago.
func (n *Node) logBytes() (bytes uint64) {
	if m := n.measured.Load(); m != nil {
		for _, held := range m.logs {
			bytes += held.Bytes
		}
	}
	return bytes
}

// appendPercentile is what a share of the records, in percent, did not take longer than to be acknowledged, as the bounds of the histogram have it; 0
// when there are none.
func appendPercentile(times partitions.AppendTimes, all uint64, percent uint64) time.Duration {
	bounds := partitions.AppendBounds()
	sum := uint64(0)
	for i, n := range times {
		if sum += n; sum*100 >= all*percent && all > 0 {
			return bounds[i]
		}
	}
	if all == 0 {
		return 0
	}
	return bounds[len(bounds)-1]
}

// appendTimes are how long all records took to be acknowledged that this node has appended, and how many they are.
func (n *Node) appendTimes() (times partitions.AppendTimes, all uint64) {
	for _, p := range n.holder.held() {
		b := p.Brief()
		all += b.Acks
		for i, count := range b.Figures.Appends {
			times[i] += count
		}
	}
	return times, all
}
