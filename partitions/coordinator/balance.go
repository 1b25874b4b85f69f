package coordinator

import (
	"fmt"
	"slices"
)

// balance moves one primary from a node with many to a node with few, when all has been well and quiet for long enough. The move
// itself ends the quiet, so the next one waits as long again.
//
// Where that is not wanted it is done on an operator's wish, until nothing is left to be moved.
func (t *turn) balance() {
	if !t.settings.Balance && !t.current.Rebalance {
		return
	}
	if t.draft != nil || !t.isWell() {
		t.calm, t.loads.uneven = t.now, t.now
		return
	}
	if t.now-t.calm < t.settings.BalanceAfter {
		t.loads.uneven = t.now
		return
	}
	if t.isUneven() {
		if !t.current.Rebalance {
			t.note("copies are moved until they are spread evenly")
			t.edit().Rebalance = true
		}
		return
	}
	p, to := t.unbalanced()
	if to == "" {
		return
	}
	t.note(fmt.Sprintf("partition %d: %s is to lead instead of %s, which has more to do than others", p, to, t.current.Partitions[p].Primary))
	t.name(p, to, false)
}

// isWell tells whether all nodes are heard or count as dead, a majority is heard, and all copies of those are there and up to date. A node that
// stays dead must not leave what it led on one of the others for good.
func (t *turn) isWell() bool {
	for i := range t.current.Nodes {
		id := t.current.Nodes[i].ID
		if r := t.live(id); r == nil && !t.isSilent(id) || r != nil && r.Leaving {
			return false
		}
	}
	if !t.hearsMost() {
		return false
	}
	for i := range t.current.Partitions {
		part := &t.current.Partitions[i]
		primary := t.holding(part.Primary, i)
		if part.Move != (Move{}) || !part.isLedBy(primary) {
			return false
		}
		for _, id := range part.Holders {
			at := t.holding(id, i)
			if id == part.Primary || t.isSilent(id) {
				continue
			}
			if at == nil || at.Role != RoleReplica || at.Applied+nearTail < primary.Tail {
				return false
			}
		}
	}
	return true
}

// isLevel tells whether no primary is to be moved, however quiet it is.
func (t *turn) isLevel() bool {
	if t.isBusy() {
		_, to := t.lightest()
		return to == ""
	}
	_, to := t.unbalanced()
	return to == ""
}

// unbalanced is the partition whose move to a live node evens out the most, and where to; an empty node when there is none. Under load that is a question
// of load, and of how many partitions a node leads otherwise. A node that leads only
// one more than another stays as it is. Of equal moves it is the one of the first partition, and of the lowest identity.
func (t *turn) unbalanced() (partition int, to NodeID) {
	if t.isBusy() {
		return t.overloaded()
	}
	m := t.current
	led := make(map[NodeID]int, len(m.Nodes))
	for i := range m.Partitions {
		led[m.Partitions[i].Primary]++
	}
	most := 1
	for i := range m.Partitions {
		part := &m.Partitions[i]
		if part.Pinned {
			continue
		}
		for _, id := range slices.Sorted(slices.Values(part.Holders)) {
			if more := led[part.Primary] - led[id]; more > most && t.live(id) != nil && t.mayHold(id) {
				partition, to, most = i, id, more
			}
		}
	}
	return partition, to
}

// steer asks for streams to be led where their primaries are: an append then saves a hop.
func (t *turn) steer() {
	if t.current == nil {
		return
	}
	for i := range t.current.Partitions {
		part, w := &t.current.Partitions[i], &t.watches[i]
		if w.steers && t.now-w.steered < steerAfter {
			continue
		}
		primary := t.holding(part.Primary, i)
		if !part.isLedBy(primary) || primary.StreamLeader || !t.isLedElsewhere(i) {
			continue
		}
		w.steered, w.steers = t.now, true
		t.act(Steer{Partition: i, To: part.Primary})
	}
}

// isLedElsewhere tells whether another node than the primary's says that it leads the stream of partition i.
func (t *turn) isLedElsewhere(i int) bool {
	part := &t.current.Partitions[i]
	for _, id := range part.Holders {
		if at := t.holding(id, i); id != part.Primary && at != nil && at.StreamLeader {
			return true
		}
	}
	return false
}
