package coordinator

import (
	"fmt"
	"slices"
	"time"
)

// simStream is where a log lies: JetStream in small. It adds a peer, lets it catch up, and takes the old one out, one at a time, and only
// while most of its peers are up.
type simStream struct {
	on  []NodeID // nil: nobody has looked yet
	in  NodeID   // is being added; empty: nothing is under way
	out NodeID   // leaves after that
}

// lies is where a log lies. It begins where the map has it when the log is founded.
func (l *simLog) lies() *simStream {
	if l.stream.on == nil && l.stored != nil {
		l.stream.on = slices.Clone(l.stored.Partitions[l.p].Wanted())
	}
	return &l.stream
}

// isTagged tells whether a node's server is one that the log may be put on: the node has to know.
func (l *simLog) isTagged(id NodeID) bool {
	n := l.nodeOf(id)
	return n != nil && !n.down && n.known != nil && slices.Contains(n.known.Partitions[l.p].Holders, id) && n.known.Partitions[l.p].Move.From != id
}

func (s *sim) nodeOf(id NodeID) *simNode {
	i := slices.IndexFunc(s.nodes, func(n *simNode) bool { return n.id == id })
	if i < 0 {
		return nil
	}
	return s.nodes[i]
}

// relocate is what becomes of a Relocate.
func (sh *simShell) relocate(a Relocate) {
	l := sh.logs[a.Partition]
	st := l.lies()
	sh.counts[countRelocates]++
	going := slices.Clone(st.on)
	if st.in != "" {
		going = append(slices.DeleteFunc(going, func(id NodeID) bool { return id == st.out }), st.in)
	}
	missing := slices.IndexFunc(a.Wanted, func(id NodeID) bool { return !slices.Contains(going, id) && l.isTagged(id) })
	extra := slices.IndexFunc(going, func(id NodeID) bool { return !slices.Contains(a.Wanted, id) })
	switch {
	case missing < 0 || extra < 0 || a.Look:
	case st.in == "":
		st.in, st.out = a.Wanted[missing], going[extra]
		l.sim.after(l.between(20*time.Millisecond, 800*time.Millisecond), l.changePeers)
	case going[extra] == st.in:
		st.in = a.Wanted[missing]
	}
	if sh.node.noIn || sh.isLost() {
		return
	}
	e := Located{Partition: a.Partition, Settled: st.in == ""}
	for _, id := range st.on {
		e.Servers = append(e.Servers, string(id))
	}
	sh.node.after(sh.travel(), func() { e.Now = sh.node.clock(); sh.step(e) })
}

// changePeers ends what is under way, as soon as the one that comes and most of those that are there are up.
func (l *simLog) changePeers() {
	st := &l.stream
	up := 0
	for _, id := range st.on {
		if n := l.nodeOf(id); !n.down {
			up++
		}
	}
	if up*2 <= len(st.on) || l.nodeOf(st.in).down {
		l.sim.after(100*time.Millisecond, l.changePeers)
		return
	}
	st.on = append(slices.DeleteFunc(slices.Clone(st.on), func(id NodeID) bool { return id == st.out }), st.in)
	l.say("log %d lies on %v", l.p, st.on)
	st.in, st.out = "", ""
	l.counts[countMoves]++
}

// settleSeats has a node drop what it does not hold any more, and begin what it holds now.
func (n *simNode) settleSeats() {
	for _, t := range n.seats {
		if t.known == nil || t.holds() {
			continue
		}
		if t.role != RoleReplica {
			t.depose()
		}
		if t.applied > 0 {
			t.say("%s gives up partition %d", t.id, t.log.p)
		}
		t.wipe()
	}
}

// judgeMap holds what must be true of every map that is stored.
func (s *sim) judgeMap(before, m *Map) {
	for _, fault := range m.faults() {
		s.wrong("map %d: %s", m.Version, fault)
	}
	if before == nil {
		return
	}
	for p := range m.Partitions {
		a, b := &before.Partitions[p], &m.Partitions[p]
		if !movesWell(a, b) {
			s.wrong("map %d: the holders of partition %d from %v %v to %v %v", m.Version, p, a.Holders, a.Move, b.Holders, b.Move)
		}
		if ended := a.Move != (Move{}) && b.Move == (Move{}); ended {
			s.judgeEnd(p, b)
		}
	}
}

// judgeEnd holds that the log lies where the copies are when a move is over, and that the copies have most of the log.
func (s *sim) judgeEnd(p int, part *Partition) {
	l := s.logs[p]
	on, holders := slices.Sorted(slices.Values(l.lies().on)), slices.Sorted(slices.Values(part.Holders))
	if !slices.Equal(on, holders) {
		s.wrong("the move of partition %d is over, and its log lies on %v instead of %v", p, on, holders)
	}
	filled := 0
	for _, id := range part.Holders {
		if s.nodeOf(id).seats[p].filled {
			filled++
		}
	}
	if filled <= len(part.Holders)/2 {
		s.wrong("the move of partition %d is over, and %d of its copies are filled", p, filled)
	}
}

// member is an operator who has nodes drained, replaced, removed, or copies spread.
func (s *sim) member() {
	if len(s.shells) == 0 {
		return
	}
	w := Wish{Node: s.anyNode().id}
	switch s.IntN(6) {
	case 0, 1:
		w.Verb = WishDrain
	case 2:
		w.Verb, w.Cancel = WishDrain, true
	case 3:
		w.Verb = WishForget
	case 4:
		w.Verb = WishReplace
	case 5:
		w.Verb = WishRebalance
	}
	s.ask(w)
}

// ask sends a wish to a coordinator.
func (s *sim) ask(w Wish) {
	sh := s.shells[s.IntN(len(s.shells))]
	s.ids++
	id := s.ids
	sh.node.after(s.travel(), func() { sh.step(Asked{Now: sh.node.clock(), ID: id, Wish: w}) })
}

// misplaced says what is not where it should be, empty when all is: moves that do not end, copies on nodes that are to be empty although others
// could take them, and uneven shares.
func (s *sim) misplaced() string {
	m := s.stored
	if m == nil {
		return ""
	}
	takers := make(map[NodeID]int)
	for i := range m.Nodes {
		id := m.Nodes[i].ID
		if n := s.nodeOf(id); !n.lost && !slices.Contains(m.Draining, id) {
			takers[id] = 0
		}
	}
	if len(takers) < m.Copies {
		return "" // there is nowhere to go
	}
	for p := range m.Partitions {
		part := &m.Partitions[p]
		if part.Move != (Move{}) {
			return fmt.Sprintf("partition %d still moves from %s to %s", p, part.Move.From, part.Move.To)
		}
		for _, id := range part.Holders {
			if _, stays := takers[id]; !stays {
				return fmt.Sprintf("partition %d is still on %s", p, id)
			}
			takers[id]++
		}
	}
	if !s.settings.Balance {
		return ""
	}
	least, most := 1<<30, 0
	for _, n := range takers {
		least, most = min(least, n), max(most, n)
	}
	if most-least > 1 {
		return fmt.Sprintf("copies are not even: %v", takers)
	}
	return ""
}
