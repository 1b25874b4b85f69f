package coordinator

import (
	"fmt"
	"time"
)

// fault does something bad and plans the next.
func (s *sim) fault() {
	if !s.faulty {
		return
	}
	n := s.victim()
	kinds := 12
	if s.bug != noBug {
		kinds = 10
	}
	switch s.IntN(kinds) {
	case 0, 1:
		n.pause(s.between(20*time.Millisecond, 2*time.Second))
	case 2:
		n.crash(s.between(10*time.Millisecond, 2*time.Second))
	case 3, 4, 5:
		n.cut(s.IntN(3), s.between(100*time.Millisecond, 2*time.Second))
	case 6:
		s.newShell(n)
	case 7, 8:
		s.wish("")
	case 10, 11:
		s.member()
	case 9:
		n.pause(s.between(200*time.Millisecond, 1500*time.Millisecond))
		s.anyNode().cut(s.IntN(3), s.between(100*time.Millisecond, 2*time.Second))
	}
	s.after(s.between(20*time.Millisecond, s.chance.pace), s.fault)
}

// victim is a node, more often one that leads.
func (s *sim) victim() *simNode {
	l := s.logs[s.IntN(len(s.logs))]
	for _, n := range s.nodes {
		if n.seats[l.p].role == RolePrimary && s.IntN(3) > 0 {
			return n
		}
	}
	return s.anyNode()
}

// heal ends all faults for good, but that one node may stay dead, or deaf: it says that it lives and hears nobody.
func (s *sim) heal() {
	s.faulty = false
	s.say("all faults end")
	for _, sh := range s.shells {
		sh.retired = true
	}
	s.shells = nil
	lost := s.anyNode()
	switch kind := s.IntN(3); {
	case s.stored == nil: // all are expected
	case s.settings.Copies < 3: // all are needed
	case kind == 0:
		lost.resume()
		lost.lost, lost.noIn, lost.noOut = true, true, false
		s.deaf = true
		if lost.down {
			lost.start()
		}
		s.say("%s stays deaf", lost.id)
	case kind == 1:
		lost.crash(time.Hour)
		lost.lost = true
		s.say("%s stays dead", lost.id)
	}
	for _, n := range s.nodes {
		if n.lost {
			continue
		}
		n.resume()
		n.noIn, n.noOut = false, false
		if n.down {
			n.start()
		}
	}
	s.needShell()
}

// pause stops a node as SIGSTOP does; its clock goes on.
func (n *simNode) pause(d time.Duration) {
	if n.paused || n.down {
		return
	}
	n.counts[countPauses]++
	n.say("%s pauses for %v", n.id, d)
	n.paused = true
	n.sim.after(d, n.resume)
}

func (n *simNode) resume() {
	if !n.paused || n.lost {
		return
	}
	n.say("%s resumes", n.id)
	n.paused = false
	backlog := n.backlog
	n.backlog = nil
	for _, e := range backlog {
		e.at = n.sim.now + n.between(0, time.Millisecond) // in any order, as goroutines wake
		n.push(e)
	}
	n.wantBack()
}

// wantBack has an operator ask for a node to lead again what it led before it was gone.
func (n *simNode) wantBack() {
	if n.faulty && n.IntN(3) == 0 {
		n.sim.after(n.between(0, 500*time.Millisecond), func() { n.wish(n.id) })
	}
}

// crash ends a life of the node; another one begins after d.
func (n *simNode) crash(d time.Duration) {
	if n.down {
		return
	}
	n.counts[countCrashes]++
	n.noteCrash(n)
	n.say("%s crashes for %v", n.id, d)
	n.life++
	n.down, n.paused, n.backlog = true, false, nil
	n.retireShells()
	n.sim.after(d, func() {
		if n.down && !n.lost {
			n.start()
		}
	})
}

// cut takes a node off the others, the logs and the store, but not off the clients: 0 both ways, 1 in, 2 out.
func (n *simNode) cut(way int, d time.Duration) {
	if n.noIn || n.noOut {
		return
	}
	n.counts[countCuts]++
	n.noIn, n.noOut = way != 2, way != 1
	n.say("%s is cut off for %v: in %t, out %t", n.id, d, n.noIn, n.noOut)
	n.sim.after(d, func() {
		if n.lost {
			return
		}
		n.say("%s is connected", n.id)
		n.noIn, n.noOut = false, false
		n.wakeAll()
		n.wantBack()
	})
}

// isSettled tells whether every partition has been served since the faults ended.
func (s *sim) isSettled() bool {
	for _, l := range s.logs {
		if l.served < 4 || l.primaries() != 1 {
			return false
		}
	}
	return true
}

// differs says which copy is not the fold of the log, empty when all are.
func (s *sim) differs() string {
	for _, l := range s.logs {
		state := l.fold()
		for _, n := range s.nodes {
			t := n.seats[l.p]
			if !n.lost && t.holds() && (t.applied != len(l.records) || t.state != state || t.epoch != l.epoch) {
				return fmt.Sprintf("%s has partition %d at record %d epoch %d state %v, the log is at %d, %d, %v",
					n.id, l.p, t.applied, t.epoch, t.state, len(l.records), l.epoch, state)
			}
		}
	}
	return ""
}
