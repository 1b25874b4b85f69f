package nemesis

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// moveFault are the kinds of faults of the network that hit a node in the middle of a move of copies: "move-HOW-WHOM".
const moveFault = "move-"

// MoveKinds are the faults that need a Network of more nodes than there are copies. Copies are on their way from node to node, and the one that gives them, the one
// that gets them or the one that coordinates is cut off, in both directions or in one, or its links come and go.
func MoveKinds() (all []Kind) {
	for _, how := range []string{"cut", "out", "in", "flap"} {
		for _, whom := range []string{"source", "target", "coordinator"} {
			all = append(all, Kind(moveFault+how+"-"+whom))
		}
	}
	return all
}

// moves is what a run does with copies: a node is emptied, and filled again, another one is killed and replaced, and filled again, and so on.
type moves struct {
	turn   int
	node   int // that is emptied, or filled
	id     string
	filled bool // it holds copies, or is to hold them
	begun  bool // and it was not waited for yet
}

// moveWithin is how long moves may take that nothing hinders.
const moveWithin = 3 * time.Minute

// anyMoment is how many milliseconds a move may have gone on when the network is hit.
const anyMoment = 1500

// everyThird move of a node's copies away is begun by killing the node.
const everyThird = 3

// injectMove begins to move copies, and hits the network when some are on their way.
func (s *stage) injectMove(k Kind, pick int) (target string, end func() error, err error) {
	how, whom, _ := strings.Cut(strings.TrimPrefix(string(k), moveFault), "-")
	if _, ok := s.cluster.(Network); !ok {
		return "", nil, errors.New("the cluster has no network that can be cut")
	}
	what, err := s.beginMove(pick)
	if err != nil {
		return "", nil, err
	}
	source, to, err := s.onItsWay()
	if err != nil {
		return what, nil, err
	}
	time.Sleep(time.Duration(pick%anyMoment) * time.Millisecond)
	hit := to
	switch {
	case whom == "source" && s.nodes[source].PID() != 0:
		hit = source
	case whom == "coordinator":
		if hit, err = s.coordinator(); err != nil {
			return what, nil, err
		}
	}
	target = fmt.Sprintf("node %d while %s, from node %d to %d", hit, what, source, to)
	if how == "flap" {
		return target, s.flap(hit), nil
	}
	return target, s.mend, s.isolate(hit, how != "in", how != "out")
}

// beginMove has a node emptied, or filled again, and says what.
func (s *stage) beginMove(pick int) (what string, err error) {
	m := &s.moves
	m.turn++
	m.begun = true
	if m.turn > 1 && !m.filled {
		m.filled = true
		return fmt.Sprintf("node %d is filled", m.node), errors.Join(s.tell("CLUSTER", "DRAIN", m.id, "CANCEL"), s.tell("CLUSTER", "REBALANCE"))
	}
	m.node, m.filled = pick/anyMoment%len(s.nodes), false
	v, err := s.access.ask(s.nodes[m.node].Addr(), "CLUSTER", "MYID")
	if err != nil {
		return "", err
	}
	m.id = v.Text
	if m.turn/2%everyThird != everyThird-1 {
		return fmt.Sprintf("node %d is drained", m.node), s.tell("CLUSTER", "DRAIN", m.id)
	}
	return fmt.Sprintf("node %d is dead and replaced", m.node), errors.Join(s.nodes[m.node].Kill9(), s.tell("CLUSTER", "REPLACE", m.id))
}

// tell sends an operator's wish to the nodes in turn until one grants it: a coordinator may just have died, and a node counts as dead only after a while.
func (s *stage) tell(words ...string) error {
	deadline := time.Now().Add(moveWithin / 6)
	for {
		var all error
		for _, n := range s.nodes {
			err := s.wish(n.Addr(), words...)
			if err == nil {
				return nil
			}
			all = errors.Join(all, err)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: %w", strings.Join(words, " "), all)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// wish is ask for what takes until a coordinator has thought of it.
func (s *stage) wish(addr string, words ...string) error {
	c, err := s.access.dial(addr, 5*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = answer(c.Do(words...))
	return err
}

// placing is where copies are, and where they go, as a node sees it.
type placing struct {
	holds  map[string]int // copies of each address
	onWays [][2]string    // from and to, of each partition that moves
}

// placingOf asks one node.
func (a Access) placingOf(addr string) (p placing, err error) {
	v, err := a.ask(addr, "CLUSTER", "PARTITIONS")
	if err != nil {
		return p, err
	}
	p.holds = make(map[string]int)
	for _, row := range v.Elems {
		var way [2]string
		for _, at := range append(slices.Clone(fieldOf(row, "replicas").Elems), fieldOf(row, "primary")) {
			address := fieldOf(at, "address").Text
			p.holds[address]++
			switch fieldOf(at, "moves").Text {
			case "leaving":
				way[0] = address
			case "arriving":
				way[1] = address
			}
		}
		if way[0] != "" || way[1] != "" {
			p.onWays = append(p.onWays, way)
		}
	}
	return p, nil
}

// onItsWay waits until a copy moves, and returns from which node to which.
func (s *stage) onItsWay() (from, to int, err error) {
	deadline := time.Now().Add(moveWithin / 6)
	for {
		for _, n := range s.nodes {
			p, err := s.access.placingOf(n.Addr())
			if err != nil {
				continue
			}
			for _, way := range p.onWays {
				from, err := s.at(way[0])
				to, err2 := s.at(way[1])
				if errors.Join(err, err2) == nil {
					return from, to, nil
				}
			}
		}
		if time.Now().After(deadline) {
			return 0, 0, errors.New("no copy moves")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// How long the links of a node that flaps are there, and are not.
const (
	flapUp   = 70 * time.Millisecond
	flapDown = 130 * time.Millisecond
)

// flap has the links of a node come and go until it is called off: what is sent meanwhile is lost, or is late.
func (s *stage) flap(i int) (end func() error) {
	stop := make(chan struct{})
	var all error
	var flaps sync.WaitGroup
	flaps.Go(func() {
		for {
			all = errors.Join(all, s.isolate(i, true, true))
			time.Sleep(flapDown)
			all = errors.Join(all, s.mend())
			select {
			case <-stop:
				return
			case <-time.After(flapUp):
			}
		}
	})
	return func() error {
		close(stop)
		flaps.Wait()
		return all
	}
}

// moved waits until what was begun is done, as every node sees it, and starts a node that was replaced. It returns how long that took.
func (s *stage) moved() (time.Duration, error) {
	if !s.moves.begun {
		return 0, nil
	}
	begin := time.Now()
	for {
		err := s.whyMoving()
		if err == nil {
			break
		}
		if took := time.Since(begin); took > moveWithin {
			return took, fmt.Errorf("the copies have not moved within %v: %w", moveWithin, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	took := time.Since(begin)
	s.moves.begun = false
	if n := s.nodes[s.moves.node]; n.PID() == 0 {
		return took, n.Restart()
	}
	return took, nil
}

// whyMoving says what is not done yet of what was begun; nil: nothing.
func (s *stage) whyMoving() error {
	m := &s.moves
	for _, n := range s.nodes {
		if n.PID() == 0 {
			continue
		}
		p, err := s.access.placingOf(n.Addr())
		if err != nil {
			return err
		}
		mine := p.holds[s.nodes[m.node].Addr()]
		counts := slices.Collect(maps.Values(p.holds))
		switch {
		case len(p.onWays) > 0:
			return fmt.Errorf("%s sees copies move: %v", n.Addr(), p.onWays)
		case !m.filled && mine > 0:
			return fmt.Errorf("%s sees %d copies on node %d", n.Addr(), mine, m.node)
		case m.filled && (len(counts) < len(s.nodes) || slices.Max(counts)-slices.Min(counts) > 1):
			return fmt.Errorf("%s sees copies that are not even: %v", n.Addr(), p.holds)
		}
	}
	if m.filled || s.nodes[m.node].PID() == 0 {
		return nil
	}
	drained, err := s.access.infoOf(s.nodes[m.node].Addr(), "cluster_drained_nodes")
	if err == nil && !strings.Contains(drained, m.id) {
		err = fmt.Errorf("node %d is not drained: %q", m.node, drained)
	}
	return err
}

// infoOf is a line of CLUSTER INFO; "" without it.
func (a Access) infoOf(addr, field string) (string, error) {
	v, err := a.ask(addr, "CLUSTER", "INFO")
	for line := range strings.Lines(v.Text) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), field+":"); ok {
			return value, err
		}
	}
	return "", err
}
