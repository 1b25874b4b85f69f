package nemesis

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// NodeHandle is one node's process and what can be done to it from outside. What is asked of a process that does not
// run is an error, except Kill9 and Cont.
type NodeHandle interface {
	// Addr is where clients find the node; CLUSTER SLOTS names it so.
	Addr() string
	// PID is the process's number, 0 when there is none.
	PID() int
	// DataDir is where the node keeps its data.
	DataDir() string
	// Kill9 ends the process with SIGKILL and waits for its end.
	Kill9() error
	// Stop stops the process where it is, with SIGSTOP, and Cont lets it go on.
	Stop() error
	Cont() error
	// Terminate asks the process to end, with SIGTERM, and waits for that; after limit it is killed and that is an error.
	Terminate(limit time.Duration) error
	// Restart starts the process again with the same data and addresses. It does not wait until the node serves.
	Restart() error
}

// Cluster is the system under test. The order of its nodes does not change.
type Cluster interface{ Nodes() []NodeHandle }

// Network is a Cluster that can lose the packets between its nodes. Clients go on reaching all of them.
type Network interface {
	// Cut drops every packet that node from sends to node to, until Mend.
	Cut(from, to int) error
	// Mend undoes every Cut.
	Mend() error
}

// Power is a Cluster whose nodes have disks that can lose their power.
type Power interface {
	// CutPower takes node i's process and everything that is not on its disk.
	CutPower(i int) error
	// RestorePower makes the disk usable again; the node is not started.
	RestorePower(i int) error
}

// stage is what faults find their targets with.
type stage struct {
	cluster    Cluster
	nodes      []NodeHandle
	access     Access
	partitions int
	// settled waits until every partition has taken a write since the call, for as long as a run allows.
	settled func() error
	// replicated waits until every partition has all its copies again, and returns how long that took. Before that, the
	// loss of one more node may stop a partition until the node is back.
	replicated func() (time.Duration, error)
	stale      time.Duration // how long a node misses writes that is to be behind
	moves      moves
}

// primary returns the node that leads the pick-th partition.
func (s *stage) primary(pick int) (int, error) {
	r, err := s.holding(pick)
	if err != nil {
		return 0, err
	}
	return s.at(r.Primary.Addr)
}

// replica returns a node that holds the pick-th partition and does not lead it.
func (s *stage) replica(pick int) (int, error) {
	r, err := s.holding(pick)
	if err != nil {
		return 0, err
	}
	if len(r.Replicas) == 0 {
		return 0, fmt.Errorf("partition %d has no replica", pick%s.partitions)
	}
	return s.at(r.Replicas[pick/s.partitions%len(r.Replicas)].Addr)
}

func (s *stage) holding(pick int) (Range, error) {
	t, err := ReadShards(s.access)
	if err != nil {
		return Range{}, err
	}
	return t.Holding(pick % s.partitions * slotCount / s.partitions)
}

// at returns the node that has an address.
func (s *stage) at(addr string) (int, error) {
	for i, n := range s.nodes {
		if n.Addr() == addr {
			return i, nil
		}
	}
	return 0, fmt.Errorf("no node has the address %s", addr)
}

// coordinator returns the node that the others call their coordinator.
func (s *stage) coordinator() (int, error) { return s.told("shiplog_coordinator") }

// streamLeader returns the node that leads the log of the pick-th partition. Where no node tells that, it is the
// primary, beside which the leader is steered.
func (s *stage) streamLeader(pick int) (int, error) {
	if i, err := s.told(fmt.Sprintf("shiplog_stream_leader_%d", pick%s.partitions)); err == nil {
		return i, nil
	}
	return s.primary(pick)
}

// told asks the nodes in turn for a node's identity in INFO's cluster section, and finds that node.
func (s *stage) told(field string) (int, error) {
	var all error
	for _, n := range s.nodes {
		id, err := s.access.infoField(n.Addr(), "cluster", field)
		if err == nil {
			return s.named(id)
		}
		all = errors.Join(all, err)
	}
	return 0, all
}

// named returns the node with an identity.
func (s *stage) named(id string) (int, error) {
	for i, n := range s.nodes {
		if v, err := s.access.ask(n.Addr(), "CLUSTER", "MYID"); err == nil && v.Text == id {
			return i, nil
		}
	}
	return 0, fmt.Errorf("no node that answers has the identity %s", id)
}

// heal undoes whatever faults have done and starts the nodes that do not run.
func (s *stage) heal() error {
	var all error
	if n, ok := s.cluster.(Network); ok {
		all = errors.Join(all, n.Mend())
	}
	for i, n := range s.nodes {
		all = errors.Join(all, n.Cont())
		if n.PID() != 0 {
			continue
		}
		if p, ok := s.cluster.(Power); ok {
			all = errors.Join(all, p.RestorePower(i))
		}
		all = errors.Join(all, n.Restart())
	}
	return all
}

// version is the version that the first node tells, "" when it tells none.
func (s *stage) version() string {
	for _, field := range []string{"shiplog_version", "redis_version"} {
		if v, err := s.access.infoField(s.nodes[0].Addr(), "server", field); err == nil {
			return v
		}
	}
	return ""
}

// maxRSS is the most memory that one of the processes had resident since it was started, in bytes.
func (s *stage) maxRSS() int64 {
	most := int64(0)
	for _, n := range s.nodes {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.PID())) // of no process: nothing
		for line := range strings.Lines(string(status)) {
			if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
				kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
				most = max(most, kb<<10)
			}
		}
	}
	return most
}

// ended names the nodes whose process does not run.
func (s *stage) ended() string {
	var names []string
	for i, n := range s.nodes {
		if n.PID() == 0 {
			names = append(names, fmt.Sprintf("node %d (%s)", i, n.Addr()))
		}
	}
	return strings.Join(names, ", ")
}
