package coordinator

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"shiplog/partitions/lease"
)

// sim is a cluster in one goroutine: nodes with clocks of their own, a network that loses, delays and doubles, logs with a fence,
// coordinators, clients that check what they are told. All chance comes from one seed, so a seed replays exactly.
type sim struct {
	*rand.Rand
	now     time.Duration // real time; nobody in the cluster knows it
	queue   []simEvent    // a heap
	order   uint64
	nodes   []*simNode
	logs    []*simLog
	stored  *Map
	shells  []*simShell
	clients []*simClient
	ids     uint64

	rules    lease.Rules
	settings Settings
	chance   chances
	bug      seededBug
	deaf     bool // a node stays that says that it lives, and hears nothing: what is to be there is never done
	faulty   bool // until the faults stop
	faults   []string
	counts   [countKinds]int
	crashes  crashes
	trace    *strings.Builder // nil: none
}

// chances differ from seed to seed.
type chances struct {
	lose, double, late float64 // of a message; late: an answer that takes very long
	stall              float64 // of one request between reading and answering
	nap                float64 // of the whole node just then
	pace               time.Duration
	tails              bool // a primary follows the log beside its own appends
}

// simEvent is something that happens on a node, or in the world when node is nil.
type simEvent struct {
	at    time.Duration
	order uint64
	node  *simNode
	life  int
	do    func()
}

// What a run counts, so that a test can see that it is not idle.
const (
	countWrites = iota
	countReads
	countEpochs
	countHandovers
	countFenced
	countAmbiguous
	countPauses
	countCrashes
	countCuts
	countRelocates
	countMoves
	countKinds
)

const (
	simFaultTime = 7 * time.Second  // faults begin at once and stop then
	simHealTime  = 60 * time.Second // within so long all must be well
	simBeat      = 200 * time.Millisecond
)

func newSim(seed uint64, bug seededBug) *sim {
	s := &sim{Rand: rand.New(rand.NewPCG(seed, 0x5eed)), bug: bug, faulty: true, queue: make([]simEvent, 0, 256)}
	s.rules.Length = s.between(200*time.Millisecond, 1500*time.Millisecond)
	s.rules.Margin = s.rules.Length / 10
	if bug == bugNoMargin {
		s.rules.Margin = 0
	}
	s.settings = Settings{
		SilentAfter: 500 * time.Millisecond, StuckAfter: 2 * time.Second, Expect: 3 + s.IntN(3), Cluster: "c", Partitions: 1 + s.IntN(2), Copies: 3,
		Balance: s.IntN(2) == 0, BalanceAfter: time.Second,
	}
	if bug == noBug { // the seeded bugs are not of moves, and are found sooner without them
		s.settings.GoneAfter = s.between(time.Second, 20*time.Second)
		s.size()
	}
	s.chance = chances{lose: s.rare(0.15), double: s.rare(0.1), late: s.rare(0.2), stall: s.rare(0.3), nap: s.rare(0.03), tails: s.IntN(2) == 0}
	s.chance.pace = 100 * time.Millisecond << s.IntN(6)
	for p := range s.settings.Partitions {
		s.logs = append(s.logs, newSimLog(s, p))
	}
	for i := range s.settings.Expect {
		s.nodes = append(s.nodes, newSimNode(s, i))
	}
	for _, n := range s.nodes {
		n.start()
	}
	s.newShell(s.anyNode())
	for p := range s.logs {
		for _, writes := range []int{0, 3, 3, 8} {
			c := &simClient{sim: s, log: s.logs[p], writes: writes}
			s.clients = append(s.clients, c)
			s.after(s.between(0, 500*time.Millisecond), c.begin)
		}
	}
	s.after(s.between(0, 2*time.Second), s.fault)
	return s
}

// rare is a probability: none at all in half of the seeds, else up to most.
func (s *sim) rare(most float64) float64 {
	if s.IntN(2) == 0 {
		return 0
	}
	return s.Float64() * most
}

func (s *sim) between(least, most time.Duration) time.Duration {
	return least + time.Duration(s.Int64N(int64(most-least)))
}

func (s *sim) happens(p float64) bool { return p > 0 && s.Float64() < p }

func (s *sim) anyNode() *simNode { return s.nodes[s.IntN(len(s.nodes))] }

// run returns what was wrong, empty when nothing.
func (s *sim) run() []string {
	for len(s.faults) == 0 && s.now < simFaultTime {
		s.next()
	}
	s.heal()
	for len(s.faults) == 0 && !s.isSettled() {
		if s.now > simFaultTime+simHealTime {
			s.wrong("a minute after the last fault not every partition is served")
		}
		s.next()
	}
	for _, c := range s.clients {
		c.stopped = true
	}
	for end := s.now + simHealTime; len(s.faults) == 0 && s.unrest() != ""; s.next() {
		if s.now > end {
			s.wrong("a minute after the last write: %s", s.unrest())
		}
	}
	return s.faults
}

// unrest is what is not yet as it must be in the end.
func (s *sim) unrest() string {
	if d := s.differs(); d != "" || s.deaf || s.bug != noBug {
		return d
	}
	return s.misplaced()
}

// next lets the next event happen. A paused node does it when it wakes; a node that has crashed since then does not.
func (s *sim) next() {
	e := s.pop()
	s.now = e.at
	switch {
	case e.node == nil:
		e.do()
	case e.life != e.node.life:
	case e.node.paused:
		e.node.backlog = append(e.node.backlog, e)
	default:
		e.do()
	}
}

// after is an event of the world.
func (s *sim) after(d time.Duration, do func()) { s.push(simEvent{at: s.now + d, do: do}) }

// after is an event of this life of the node.
func (n *simNode) after(d time.Duration, do func()) {
	n.push(simEvent{at: n.sim.now + d, node: n, life: n.life, do: do})
}

func (s *sim) push(e simEvent) {
	s.order++
	e.order = s.order
	s.queue = append(s.queue, e)
	for i := len(s.queue) - 1; i > 0; {
		up := (i - 1) / 2
		if !s.queue[i].before(&s.queue[up]) {
			return
		}
		s.queue[i], s.queue[up] = s.queue[up], s.queue[i]
		i = up
	}
}

func (s *sim) pop() simEvent {
	first, last := s.queue[0], len(s.queue)-1
	s.queue[0] = s.queue[last]
	s.queue[last] = simEvent{}
	s.queue = s.queue[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if s.queue[child].before(&s.queue[least]) {
				least = child
			}
		}
		if least == i {
			return first
		}
		s.queue[i], s.queue[least] = s.queue[least], s.queue[i]
		i = least
	}
}

func (e *simEvent) before(other *simEvent) bool {
	return e.at < other.at || e.at == other.at && e.order < other.order
}

func (s *sim) wrong(format string, args ...any) {
	text := fmt.Sprintf("at %v: %s", s.now, fmt.Sprintf(format, args...))
	s.faults = append(s.faults, text)
	s.say("WRONG: %s", text)
}

func (s *sim) say(format string, args ...any) {
	if s.trace != nil {
		fmt.Fprintf(s.trace, "%12v  "+format+"\n", append([]any{s.now}, args...)...)
	}
}

// travel is how long a message takes; usually not long.
func (s *sim) travel() time.Duration {
	if s.faulty && s.IntN(50) == 0 {
		return s.between(time.Millisecond, 150*time.Millisecond)
	}
	return s.between(200*time.Microsecond, 3*time.Millisecond)
}

func (s *sim) isLost() bool { return s.faulty && s.happens(s.chance.lose) }
