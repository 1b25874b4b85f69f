package coordinator

import (
	"cmp"
	"fmt"
	"slices"
)

// begin begins as many moves as may be under way: from nodes that are to be empty, and to spread copies.
func (t *turn) begin() {
	if t.mayMove() {
		t.empty()
	}
	for t.next().Rebalance && t.mayMoveAway() {
		p, move := t.evening()
		if move == (Move{}) {
			return
		}
		t.start(p, move)
	}
}

func (t *turn) mayMove() bool { return t.next().moves("") < maxMoves }

// mayMoveAway is mayMove for a copy that does well where it is. Clients do not wait for its sake: each copy that is on its way takes processors and disks of
// the nodes that serve them, and what has piled up meanwhile is to be done before the next one.
func (t *turn) mayMoveAway() bool {
	if t.serves() {
		return t.next().moves("") < busyMoves && t.now >= t.rests
	}
	return t.mayMove()
}

// serves tells whether clients have the nodes do something now.
func (t *turn) serves() bool {
	load := 0.0
	for i := range t.current.Partitions {
		if r := t.holding(t.current.Partitions[i].Primary, i); r != nil {
			load += r.Load
		}
	}
	return load >= busyFrom
}

// start begins a move.
func (t *turn) start(p int, move Move) {
	t.note(fmt.Sprintf("partition %d: its copy on %s goes to %s", p, move.From, move.To))
	part := &t.edit().Partitions[p]
	part.Holders, part.Move = append(part.Holders, move.To), move
}

// empty moves copies away from nodes that are draining or gone.
func (t *turn) empty() {
	for i := range t.current.Partitions {
		part := &t.next().Partitions[i]
		if t.isMoving(i) || part.Epoch == 0 {
			continue
		}
		from := slices.IndexFunc(part.Holders, func(id NodeID) bool { return !t.mayHold(id) })
		if from < 0 {
			continue
		}
		if t.fittest(i, false) == "" {
			t.homeless(i, part.Holders[from])
			continue
		}
		to := t.fittest(i, true)
		if gone := slices.Contains(t.next().Gone, part.Holders[from]); to == "" || !t.mayMove() || !gone && !t.mayMoveAway() {
			continue
		}
		if !part.isLedBy(t.holding(part.Primary, i)) || t.whole(i) < t.current.Copies/2+1 {
			continue // as soon as it is well enough
		}
		t.start(i, Move{To: to, From: part.Holders[from]})
	}
}

// isMoving tells whether a copy of partition i is on its way, or was until this turn: one move for a map.
func (t *turn) isMoving(i int) bool {
	return t.next().Partitions[i].Move != (Move{}) || t.current.Partitions[i].Move != (Move{})
}

// whole is how many copies of partition i are up to date, with all of the log.
func (t *turn) whole(i int) (n int) {
	for _, id := range t.next().Partitions[i].Holders {
		if t.isWhole(id, i) {
			n++
		}
	}
	return n
}

// takers are the nodes that can be given copies: they live and stay. They are in the order of what they have already, the
// lowest identity first.
func (t *turn) takers() []NodeID {
	var takers []NodeID
	m := t.next()
	for i := range m.Nodes {
		id := m.Nodes[i].ID
		if r := t.live(id); r != nil && !r.Leaving && r.Cluster == m.Cluster && t.mayHold(id) {
			takers = append(takers, id)
		}
	}
	copies := m.copies()
	slices.SortStableFunc(takers, func(a, b NodeID) int { return cmp.Compare(copies[a], copies[b]) })
	return takers
}

// fittest is the node that takes a copy of partition i; empty: there is none. Limited: none that gets as many as it may at once.
func (t *turn) fittest(i int, limited bool) NodeID {
	m := t.next()
	for _, id := range t.takers() {
		if !slices.Contains(m.Partitions[i].Holders, id) && (!limited || m.moves(id) < maxMovesTo) {
			return id
		}
	}
	return ""
}

// isUneven tells whether of nodes that can be given copies one has two or more less than another.
func (t *turn) isUneven() bool {
	takers, copies := t.takers(), t.next().copies()
	return len(takers) > 0 && copies[takers[len(takers)-1]]-copies[takers[0]] > 1
}

// evening is a move from a node with many copies to one with few; the zero Move: there is none, or none that may be now. The difference must be two or
// more, so each of them makes the whole more even, and it ends.
func (t *turn) evening() (p int, move Move) {
	takers, copies := t.takers(), t.next().copies()
	for _, to := range takers {
		if t.next().moves(to) >= maxMovesTo {
			continue
		}
		for _, from := range slices.Backward(takers) {
			if copies[from]-copies[to] < 2 {
				break
			}
			if p := t.spare(from, to); p >= 0 {
				return p, Move{To: to, From: from}
			}
		}
	}
	return 0, Move{}
}

// spare is a partition whose copy can go from one node to another, at best one that it does not lead; -1: there is none now.
func (t *turn) spare(from, to NodeID) int {
	best := -1
	for i := range t.current.Partitions {
		part := &t.next().Partitions[i]
		switch {
		case t.isMoving(i) || part.Epoch == 0 || part.Pinned && part.Primary == from:
		case !slices.Contains(part.Holders, from) || slices.Contains(part.Holders, to):
		case !part.isLedBy(t.holding(part.Primary, i)) || t.whole(i) < len(part.Holders):
		case part.Primary != from:
			return i
		case best < 0:
			best = i
		}
	}
	return best
}
