package coordinator

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Limits of moving copies.
const (
	maxMoves      = 4                // copies on their way at once
	busyMoves     = 1                // the same of copies that are moved only to spread them or to empty a node that is there, while clients are served
	busyRest      = 3 * time.Second  // after one of those, if it did not take less
	maxMovesTo    = 2                // to one node
	relocateEvery = time.Second      // between two attempts to have one stream moved
	clearAfter    = 5 * time.Second  // a stream that has waited so long for the same consumer goes on without it
	slowMove      = 30 * time.Second // operators are told where a log is whose move takes longer
	sweepEvery    = time.Second      // between two attempts to have servers emptied or expelled
	clearEvery    = 10 * time.Second // the same, of servers that are gone, and do not say what they still have
)

// move brings the moves that are under way further, and begins others.
func (t *turn) move() {
	if !t.hearsMost() {
		return
	}
	for i := range t.current.Partitions {
		if part := &t.next().Partitions[i]; part.Move != (Move{}) && part.Term == t.current.Partitions[i].Term {
			t.shift(i)
		}
	}
	t.begin()
	if m := t.current; m.Rebalance && t.next().Rebalance && t.next().moves("") == 0 && !t.isUneven() && (t.settings.Balance || t.isLevel()) {
		t.note("the copies are spread evenly")
		t.edit().Rebalance = false
	}
}

// shift decides the next step of the move of partition i. What was done is seen from what is reported.
func (t *turn) shift(i int) {
	part := &t.next().Partitions[i]
	to, from := part.Move.To, part.Move.From
	if t.now-t.watches[i].moves >= slowMove {
		t.tellSlow(i)
	}
	switch {
	case !t.mayHold(to) && !t.mustEnd(i):
		t.divert(i)
	case !t.isReady(to, i):
	case part.Primary == from && part.isLedBy(t.holding(from, i)):
		t.handAway(i, from)
	case !part.isLedBy(t.holding(part.Primary, i)):
	case t.isRelocated(i) && t.isWhole(to, i):
		t.finish(i)
	case !t.isSafe(i):
		t.wrong(fmt.Sprintf("partition %d: its log waits to be moved from %s to %s until most of its copies are up to date", i, from, to))
		t.relocate(i, true) // it may have moved
	default:
		t.relocate(i, false)
	}
}

// tellSlow tells what a move that takes long may be waiting for.
func (t *turn) tellSlow(i int) {
	part, w := &t.next().Partitions[i], &t.watches[i]
	var behind []NodeID
	for _, id := range part.Holders {
		if !t.isWhole(id, i) {
			behind = append(behind, id)
		}
	}
	state := "moves: " + w.waits
	if w.settled {
		state = "stays there"
	}
	t.wrong(fmt.Sprintf("partition %d: its copy is slow to move from %s to %s: not up to date: %s; the log lies on %s and %s",
		i, part.Move.From, part.Move.To, listed(behind), listed(w.servers), state))
}

// listed lists words.
func listed[word ~string](words []word) string {
	if len(words) == 0 {
		return "none"
	}
	var all []string
	for _, w := range words {
		all = append(all, string(w))
	}
	return strings.Join(all, ", ")
}

// mayHold tells whether a node is to hold copies: it is in the map, and neither draining nor gone.
func (t *turn) mayHold(id NodeID) bool {
	m := t.next()
	_, found := m.find(id)
	return found && !slices.Contains(m.Draining, id) && !slices.Contains(m.Gone, id)
}

// isReady tells whether a node's copy of partition i is filled and near the end of the log.
func (t *turn) isReady(id NodeID, i int) bool {
	at := t.holding(id, i)
	if at == nil || at.Role == RoleSeeding || at.Role == RoleStopped {
		return false
	}
	primary := t.holding(t.next().Partitions[i].Primary, i)
	return primary != nil && at.Applied+nearTail >= primary.Tail
}

// isWhole tells whether a node's copy is ready, and its part of the log is all that is committed.
func (t *turn) isWhole(id NodeID, i int) bool {
	return t.isReady(id, i) && !t.holding(id, i).LogBehind
}

// isSafe tells whether most of those that hold the log of partition i, and most of those that will, have all of it.
func (t *turn) isSafe(i int) bool {
	part := &t.next().Partitions[i]
	before, after := 0, 0
	for _, id := range part.Holders {
		if id == part.Move.To {
			after++ // it is ready
			continue
		}
		if t.isWhole(id, i) {
			before++
			if id != part.Move.From {
				after++
			}
		}
	}
	majority := t.current.Copies/2 + 1
	return before >= majority && after >= majority
}

// isRelocated tells whether the stream of partition i was found where it is to lie.
func (t *turn) isRelocated(i int) bool {
	w := &t.watches[i]
	wanted := t.next().Partitions[i].Wanted()
	if !w.settled || len(w.servers) != len(wanted) {
		return false
	}
	for _, id := range wanted {
		at, found := t.next().find(id)
		if !found || !slices.Contains(w.servers, t.next().Nodes[at].Server) {
			return false
		}
	}
	return true
}

// relocate asks for the stream of partition i to be moved, or only looked for.
func (t *turn) relocate(i int, look bool) {
	w := &t.watches[i]
	if w.relocates && t.now-w.relocated < relocateEvery {
		return
	}
	w.relocated, w.relocates = t.now, true
	stalled := !w.settled && w.waits != "" && t.now-w.waited >= clearAfter
	t.act(Relocate{Partition: i, Wanted: t.next().Partitions[i].Wanted(), Look: look, Clear: stalled})
}

// mustEnd tells whether the move of partition i has to end where it goes although nothing is to stay there: that node leads it, and no other can. Its copy
// moves on from there. So it is with a single copy, whose old node is to be empty too.
func (t *turn) mustEnd(i int) bool {
	to := t.next().Partitions[i].Move.To
	return t.next().Partitions[i].isLedBy(t.holding(to, i)) && t.successor(i, to) == ""
}

// successor is who can lead partition i instead of a node: of those that are ready the one that leads the least; empty: nobody.
func (t *turn) successor(i int, not NodeID) (heir NodeID) {
	m := t.next()
	led := make(map[NodeID]int, len(m.Nodes))
	for p := range m.Partitions {
		led[m.Partitions[p].Primary]++
	}
	for _, id := range m.Partitions[i].Holders {
		if id != not && id != t.watches[i].vain && t.mayHold(id) && t.isReady(id, i) && t.whyNotLead(id, i) == "" && (heir == "" || led[id] < led[heir]) {
			heir = id
		}
	}
	return heir
}

// handAway has another node lead partition i than not, which is to give up its copy.
func (t *turn) handAway(i int, not NodeID) {
	heir := t.successor(i, not)
	if heir == "" {
		t.wrong(fmt.Sprintf("partition %d: no other node can lead it instead of %s, which gives up its copy", i, not))
		return
	}
	t.note(fmt.Sprintf("partition %d: %s is to lead instead of %s, which gives up its copy", i, heir, not))
	t.name(i, heir, false)
}

// finish ends the move of partition i. The new copy takes the place of the old one.
func (t *turn) finish(i int) {
	part := &t.edit().Partitions[i]
	t.note(fmt.Sprintf("partition %d: its copy has moved from %s to %s", i, part.Move.From, part.Move.To))
	t.rests = t.now + min(t.now-t.watches[i].moves, busyRest)
	part.Holders = slices.DeleteFunc(part.Holders, func(id NodeID) bool { return id == part.Move.To })
	part.Holders[slices.Index(part.Holders, part.Move.From)] = part.Move.To
	part.Move = Move{}
}

// divert gives the move of partition i another end, since the node that was to get the copy is not to hold any. If no other can,
// the move is turned round.
func (t *turn) divert(i int) {
	part := t.next().Partitions[i]
	if part.Primary == part.Move.To {
		t.handAway(i, part.Move.To)
		return
	}
	to := t.fittest(i, true)
	if to == "" && !t.mayHold(part.Move.From) {
		t.homeless(i, part.Move.From)
		return
	}
	edited := &t.edit().Partitions[i]
	if to == "" {
		edited.Move = Move{To: part.Move.From, From: part.Move.To}
	} else {
		edited.Holders[slices.Index(edited.Holders, part.Move.To)] = to
		edited.Move.To = to
	}
	t.note(fmt.Sprintf("partition %d: its copy goes to %s instead of %s", i, edited.Move.To, part.Move.To))
}

func (t *turn) homeless(i int, from NodeID) {
	t.wrong(fmt.Sprintf("partition %d: no node can take its copy from %s: start another node", i, from))
}

// moves is how many copies are on their way to a node; to any if it is empty.
func (m *Map) moves(to NodeID) (n int) {
	for i := range m.Partitions {
		if move := m.Partitions[i].Move; move != (Move{}) && (to == "" || move.To == to) {
			n++
		}
	}
	return n
}

// copies is how many copies each node has when nothing moves any more.
func (m *Map) copies() map[NodeID]int {
	copies := make(map[NodeID]int, len(m.Nodes))
	for i := range m.Partitions {
		for _, id := range m.Partitions[i].Wanted() {
			copies[id]++
		}
	}
	return copies
}
