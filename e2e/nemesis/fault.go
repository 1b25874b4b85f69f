package nemesis

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Kind names a kind of fault.
type Kind string

// The kinds of faults.
const (
	KillPrimary      Kind = "kill-primary"       // kill -9 of a partition's primary
	KillStreamLeader Kind = "kill-stream-leader" // kill -9 of the node that leads a partition's log
	KillCoordinator  Kind = "kill-coordinator"   // kill -9 of the coordinator's node
	KillReplica      Kind = "kill-replica"       // kill -9 of a partition's replica
	KillAll          Kind = "kill-all"           // kill -9 of every node at once
	StopShort        Kind = "stop-short"         // SIGSTOP of a primary for less than the lease
	StopLong         Kind = "stop-long"          // SIGSTOP of a primary for longer than the lease
	StopCoordinator  Kind = "stop-coordinator"   // SIGSTOP of the coordinator's node for longer than the lease
	Rolling          Kind = "rolling"            // SIGTERM and restart of one node after the other
	CutPrimary       Kind = "cut-primary"        // a primary and the other nodes do not hear each other
	CutPrimaryOut    Kind = "cut-primary-out"    // the other nodes do not hear a primary
	CutPrimaryIn     Kind = "cut-primary-in"     // a primary does not hear the other nodes
	CutCoordinator   Kind = "cut-coordinator"    // the coordinator's node and the others do not hear each other
	PowerPrimary     Kind = "power-primary"      // power cut of a primary
	PowerAll         Kind = "power-all"          // power cut of every node at once
	PowerStale       Kind = "power-stale"        // power cut of one node while another is behind and the primary is stopped
)

// ShortMix is what a run of a minute and a half is made of: faults that need nothing but processes.
func ShortMix() []Kind {
	return []Kind{KillPrimary, KillStreamLeader, KillCoordinator, KillReplica, StopShort, StopLong, Rolling}
}

// ProcessKinds are all faults of processes, NetworkKinds those of the network, PowerKinds those of disks.
func ProcessKinds() []Kind { return append(ShortMix(), KillAll, StopCoordinator) }

// NetworkKinds are the faults that need a Network.
func NetworkKinds() []Kind { return []Kind{CutPrimary, CutPrimaryOut, CutPrimaryIn, CutCoordinator} }

// PowerKinds are the faults that need a Power.
func PowerKinds() []Kind { return []Kind{PowerPrimary, PowerAll, PowerStale} }

// terminateLimit is how long a node may take to end after SIGTERM.
const terminateLimit = 30 * time.Second

// inject begins a fault. It returns what was hit and how to end it; end is nil when it is over already. pick chooses
// among the partitions.
func (s *stage) inject(k Kind, pick int) (target string, end func() error, err error) {
	switch k {
	case Rolling:
		return "every node", nil, s.roll()
	case PowerStale:
		return s.powerStale(pick)
	}
	if strings.HasPrefix(string(k), moveFault) {
		return s.injectMove(k, pick)
	}
	hit, err := s.targets(k, pick)
	if err != nil {
		return "", nil, fmt.Errorf("find what to hit: %w", err)
	}
	for _, i := range hit {
		target += fmt.Sprintf("node %d, ", i)
	}
	target = strings.TrimSuffix(target, ", ")
	var begin func(i int) error
	switch k {
	case KillPrimary, KillStreamLeader, KillCoordinator, KillReplica, KillAll:
		begin, end = func(i int) error { return s.nodes[i].Kill9() }, s.each(hit, s.start)
	case StopShort, StopLong, StopCoordinator:
		begin, end = func(i int) error { return s.nodes[i].Stop() }, s.each(hit, func(i int) error { return s.nodes[i].Cont() })
	case CutPrimary, CutPrimaryOut, CutPrimaryIn, CutCoordinator:
		begin, end = func(i int) error { return s.isolate(i, k != CutPrimaryIn, k != CutPrimaryOut) }, s.mend
	case PowerPrimary, PowerAll:
		begin, end = s.powerCut, s.each(hit, s.powerOn)
	default:
		return "", nil, fmt.Errorf("no such kind of fault")
	}
	return target, end, s.each(hit, begin)()
}

// targets returns the nodes that a fault hits.
func (s *stage) targets(k Kind, pick int) ([]int, error) {
	var i int
	var err error
	switch k {
	case KillAll, PowerAll:
		all := make([]int, len(s.nodes))
		for i := range all {
			all[i] = i
		}
		return all, nil
	case KillStreamLeader:
		i, err = s.streamLeader(pick)
	case KillReplica:
		i, err = s.replica(pick)
	case KillCoordinator, StopCoordinator, CutCoordinator:
		i, err = s.coordinator()
	default:
		i, err = s.primary(pick)
	}
	return []int{i}, err
}

// each returns a function that does something to all of the given nodes, also when it fails for one.
func (s *stage) each(nodes []int, do func(i int) error) func() error {
	return func() error {
		var all error
		for _, i := range nodes {
			if err := do(i); err != nil {
				all = errors.Join(all, fmt.Errorf("node %d: %w", i, err))
			}
		}
		return all
	}
}

func (s *stage) start(i int) error { return s.nodes[i].Restart() }

// roll restarts one node after the other, each when the cluster serves and has all copies again.
func (s *stage) roll() error {
	for i, n := range s.nodes {
		if err := n.Terminate(terminateLimit); err != nil {
			return fmt.Errorf("end node %d: %w", i, err)
		}
		if err := n.Restart(); err != nil {
			return fmt.Errorf("start node %d: %w", i, err)
		}
		if err := s.settled(); err != nil {
			return fmt.Errorf("after the restart of node %d: %w", i, err)
		}
		if _, err := s.replicated(); err != nil {
			return fmt.Errorf("after the restart of node %d: %w", i, err)
		}
	}
	return nil
}

// isolate loses what node i sends to the others, or what they send to it, or both.
func (s *stage) isolate(i int, out, in bool) error {
	network, ok := s.cluster.(Network)
	if !ok {
		return errors.New("the cluster has no network that can be cut")
	}
	var all error
	for other := range s.nodes {
		if other == i {
			continue
		}
		if out {
			all = errors.Join(all, network.Cut(i, other))
		}
		if in {
			all = errors.Join(all, network.Cut(other, i))
		}
	}
	return all
}

func (s *stage) mend() error { return s.cluster.(Network).Mend() } // it cut before

func (s *stage) powerCut(i int) error {
	power, ok := s.cluster.(Power)
	if !ok {
		return errors.New("the cluster has no power that can be cut")
	}
	return power.CutPower(i)
}

// powerStale leaves the cluster to a node that was dead while writes were acknowledged, and one whose power was cut
// just after: what those two acknowledge must contain what the second had acknowledged before. The primary,
// which has it all, is stopped until the fault ends.
func (s *stage) powerStale(pick int) (target string, end func() error, err error) {
	primary, err := s.primary(pick)
	if err != nil || len(s.nodes) != 3 {
		return "", nil, fmt.Errorf("a primary and two others are needed, of %d nodes: %w", len(s.nodes), err)
	}
	stale, cut := (primary+1)%3, (primary+2)%3
	target = fmt.Sprintf("stale node %d, power of node %d, stopped node %d", stale, cut, primary)
	if err := s.nodes[stale].Kill9(); err != nil {
		return target, nil, err
	}
	if err := s.settled(); err != nil {
		return target, nil, fmt.Errorf("without node %d: %w", stale, err)
	}
	time.Sleep(s.stale)
	err = errors.Join(s.powerCut(cut), s.nodes[primary].Stop())
	err = errors.Join(err, s.powerOn(cut), s.nodes[stale].Restart())
	if err != nil {
		return target, nil, err
	}
	return target, s.nodes[primary].Cont, s.settled()
}

func (s *stage) powerOn(i int) error {
	power, ok := s.cluster.(Power)
	if !ok {
		return errors.New("the cluster has no power to restore")
	}
	if err := power.RestorePower(i); err != nil {
		return err
	}
	return s.nodes[i].Restart()
}

// lasting returns the least and the most time that a fault lasts.
func lasting(k Kind, lease time.Duration) (least, most time.Duration) {
	switch {
	case k == Rolling:
		return 0, 0
	case k == StopShort:
		return lease / 4, lease * 9 / 10
	case slices.Contains([]Kind{StopLong, StopCoordinator}, k):
		return lease * 11 / 10, lease*2 + 3*time.Second
	case slices.Contains(NetworkKinds(), k):
		return lease + time.Second, lease + 8*time.Second
	case strings.HasPrefix(string(k), moveFault):
		return lease, lease + 5*time.Second // some of the copies have moved by then
	}
	return 100 * time.Millisecond, 6 * time.Second // a restart within the detection time, and long after it
}
