package coordinator

import (
	"fmt"
	"slices"
	"strings"
)

// The steps of a move at which a node may crash, as the world sees them.
const (
	stepFilling    = iota // To is not at the end of the log
	stepHanding           // From still leads
	stepAsking            // the log is to move, and does not yet
	stepRelocating        // JetStream moves it
	stepRelocated         // it has moved, and the map does not say so
	countSteps
)

// Who crashes then. A node may be two of these.
const (
	crashFrom = iota
	crashTo
	crashOther       // one that keeps its copy
	crashCoordinator // whoever coordinates
	countVictims
)

// crashes counts crashes by the step of a move in which they came, and by who it was.
type crashes [countSteps][countVictims]int

// noteCrash counts a crash of a node for each move that is under way.
func (s *sim) noteCrash(n *simNode) {
	if s.stored == nil {
		return
	}
	for p := range s.stored.Partitions {
		part := &s.stored.Partitions[p]
		if part.Move == (Move{}) {
			continue
		}
		at := &s.crashes[s.stepOf(p, part)]
		switch {
		case n.id == part.Move.From:
			at[crashFrom]++
		case n.id == part.Move.To:
			at[crashTo]++
		case slices.Contains(part.Holders, n.id):
			at[crashOther]++
		}
		if slices.ContainsFunc(s.shells, func(sh *simShell) bool { return sh.node == n }) {
			at[crashCoordinator]++
		}
	}
}

// stepOf is how far the move of partition p is.
func (s *sim) stepOf(p int, part *Partition) int {
	l := s.logs[p]
	st := l.lies()
	switch {
	case st.in != "":
		return stepRelocating
	case slices.Contains(st.on, part.Move.To):
		return stepRelocated
	case !s.nodeOf(part.Move.To).seats[p].filled:
		return stepFilling
	case part.Primary == part.Move.From:
		return stepHanding
	}
	return stepAsking
}

func (c *crashes) add(other *crashes) {
	for step := range c {
		for who := range c[step] {
			c[step][who] += other[step][who]
		}
	}
}

// String is one line for each step.
func (c *crashes) String() string {
	var b strings.Builder
	for step, name := range []string{"filling", "handing over", "asking", "relocating", "relocated"} {
		at := c[step]
		fmt.Fprintf(&b, "%s: %d of From, %d of To, %d of others, %d of coordinators; ", name, at[crashFrom], at[crashTo], at[crashOther], at[crashCoordinator])
	}
	return b.String()
}

// missing is a step at which nobody of a kind has crashed, empty when there is none.
func (c *crashes) missing() string {
	for step := range c {
		for who, n := range c[step] {
			if n == 0 {
				return fmt.Sprintf("step %d, victim %d", step, who)
			}
		}
	}
	return ""
}

// size draws how many copies and nodes there are: most often three copies, else as few or as many as a cluster may have, and nodes more for them to go to.
func (s *sim) size() {
	if s.IntN(2) == 0 {
		return
	}
	s.settings.Copies = []int{1, 2, 5}[s.IntN(3)]
	s.settings.Expect = max(3, s.settings.Copies+s.IntN(3))
}

// isUp tells whether most of those nodes run that the log lies on: without them it takes no record.
func (l *simLog) isUp() bool {
	on := l.lies().on
	up := 0
	for _, id := range on {
		if n := l.nodeOf(id); n != nil && !n.down {
			up++
		}
	}
	return up*2 > len(on) || len(on) == 0
}
