package coordinator

import (
	"math"
	"slices"
	"time"
)

// The rules of measuring load.
const (
	smoothOver = time.Minute      // what is older counts little
	busyFrom   = 100              // commands a second, of all partitions: below that primaries are counted and not weighed
	idleAfter  = 2 * time.Minute  // when that has been so for so long
	steadyFor  = 10 * time.Second // the load is to have been uneven for so long
	restAfter  = 2 * time.Minute  // a partition that was handed over for its load is not handed over for it again before; twice as long after each more
	maxRests   = 5                // from so many on it is not longer any more
	newAfter   = 30 * time.Minute // after so long they are counted from the beginning
)

// flow is what a partition costs its primary, a second, smoothed.
type flow struct {
	commands, bytes, cpu float64
	weight               float64 // of what it was made of: less than 1 while little was heard
	at                   time.Duration
}

// take is the flow after one more report, of the time at.
func (f flow) take(r *PartitionReport, at time.Duration) flow {
	if f.at == 0 {
		return flow{at: at}
	}
	fresh := 1 - math.Exp(-float64(at-f.at)/float64(smoothOver))
	return flow{
		commands: f.commands + fresh*(r.Load-f.commands), bytes: f.bytes + fresh*(r.Bytes-f.bytes), cpu: f.cpu + fresh*(r.CPU-f.cpu),
		weight: f.weight + fresh*(1-f.weight), at: at,
	}
}

// measures are the three of them, as if all of their past were known.
func (f flow) measures() [3]float64 {
	if f.weight == 0 {
		return [3]float64{}
	}
	return [3]float64{f.commands / f.weight, f.bytes / f.weight, f.cpu / f.weight}
}

// measure takes what the primary reports of its load at a time, unless that was taken already.
func (w *watch) measure(r *PartitionReport, at time.Duration) {
	if at > w.flow.at {
		w.flow = w.flow.take(r, at)
	}
}

// weights are the partitions' parts of all load, which add up to 1: the mean of their parts of the commands, the bytes and the
// time of processors. What nobody has any of does not count.
func weights(watches []watch) []float64 {
	parts := make([]float64, len(watches))
	sums, known := [3]float64{}, 0.0
	for i := range watches {
		for k, v := range watches[i].flow.measures() {
			sums[k] += v
		}
	}
	for _, sum := range sums {
		if sum > 0 {
			known++
		}
	}
	for i := range watches {
		for k, v := range watches[i].flow.measures() {
			if sums[k] > 0 {
				parts[i] += v / sums[k] / known
			}
		}
		parts[i] = (1-countsAsToo)*parts[i] + countsAsToo/float64(len(watches))
	}
	return parts
}

// isBusy tells whether primaries are to be weighed: there is load, or was a moment ago.
func (t *turn) isBusy() bool {
	total := 0.0
	for i := range t.watches {
		total += t.watches[i].flow.measures()[0]
	}
	if total >= busyFrom {
		t.loads.last, t.loads.met = t.now, true
	}
	return t.loads.met && t.now-t.loads.last < idleAfter
}

// overloaded is the partition whose hand-over spreads the load best, and where to; an empty node while there is none, or it has not been so for
// long enough.
func (t *turn) overloaded() (partition int, to NodeID) {
	partition, to = t.lightest()
	switch {
	case to == "":
		t.loads.uneven = t.now
	case t.now-t.loads.uneven >= steadyFor:
		t.watches[partition].shift(t.now)
		return partition, to
	}
	return 0, ""
}

// lightest is the hand-over that spreads the load best now; an empty node when there is none.
func (t *turn) lightest() (partition int, to NodeID) {
	w := weights(t.watches)
	burdens := make([]burden, len(t.current.Partitions))
	for i := range burdens {
		part := &t.current.Partitions[i]
		burdens[i] = burden{weight: w[i], primary: part.Primary}
		if part.Pinned || t.watches[i].rests(t.now) {
			continue
		}
		for _, id := range slices.Sorted(slices.Values(part.Holders)) {
			if id != part.Primary && t.mayCarry(id) {
				burdens[i].heirs = append(burdens[i].heirs, id)
			}
		}
	}
	var nodes []NodeID
	for i := range t.current.Nodes {
		if id := t.current.Nodes[i].ID; len(t.current.holds(id)) > 0 && t.mayCarry(id) {
			nodes = append(nodes, id)
		}
	}
	return lighten(burdens, nodes)
}

// rests tells whether the partition was handed over for its load not long ago.
func (w *watch) rests(now time.Duration) bool {
	return w.shifts > 0 && now-w.shifted < restAfter<<(min(w.shifts, maxRests)-1)
}

// shift takes note that the partition is handed over for its load.
func (w *watch) shift(now time.Duration) {
	if now-w.shifted >= newAfter {
		w.shifts = 0
	}
	w.shifts, w.shifted = w.shifts+1, now
}

// mayCarry tells whether a node can be given more to do.
func (t *turn) mayCarry(id NodeID) bool { return t.live(id) != nil && t.mayHold(id) }
