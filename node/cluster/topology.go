package cluster

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"shiplog/partitions/coordinator"
	"shiplog/partitions/slot"
)

// Topology is the cluster as clients are to see it. Nodes are in the order of their identities, Ranges in the order of
// their slots; there are none before the cluster exists, and after that they cover every slot, always.
type Topology struct {
	Cluster string // empty: there is none yet
	Version uint64 // of the map
	OK      bool   // every partition is led by a node that is heard
	// Rebalancing says that copies are being spread over the nodes.
	Rebalancing bool
	Nodes       []TopologyNode
	Ranges      []TopologyRange
}

// TopologyNode is one node. Where it can be reached is what the map says, so that all nodes say the same.
type TopologyNode struct {
	coordinator.Node
	Self      bool
	Connected bool // it is heard
	Suspected bool // it is silent, and nobody has concluded anything from that yet
	Failed    bool // it is silent, and others lead instead or it is silent for long
	// Pong is how long ago it was heard; negative: never. Ping is for how long it is overdue; 0: it is not.
	Pong, Ping time.Duration
	Epoch      uint64 // the highest epoch in which it leads a partition; 0: it leads none
	Duty       Duty
	Applied    uint64 // records, over all its partitions
}

// Duty is what a node is there for, when that is not to hold copies like all others.
type Duty string

// The duties. A drained node has nothing left, and can be removed.
const (
	DutyDraining Duty = "draining"
	DutyDrained  Duty = "drained"
	DutyGone     Duty = "gone"
)

// TopologyRange is one partition. Primary and Replicas are indices into the topology's Nodes; Replicas are in ascending order.
type TopologyRange struct {
	Partition int
	Slots     slot.Range
	Shard     string // 40 hexadecimal digits, the same for ever
	Primary   int
	Replicas  []int
	Epoch     uint64
	First     uint64         // where its log begins, as far as its primary knows; 0: not known
	Copies    []TopologyCopy // the primary's, then that of each of Replicas
}

// TopologyCopy is how a node has a partition.
type TopologyCopy struct {
	Role    coordinator.Role // empty: the node has said nothing about it
	Applied uint64           // sequence of the newest record applied
	Lag     uint64           // records between that and the end of the log, as far as anybody heard lately says
	Seed    coordinator.Seed // how far its filling is, if its role is seeding
	Load    Load
	Moves   string // "arriving" or "leaving" while a copy goes from node to node; empty: it stays
	Loading bool   // it cannot serve yet, or not everything that is committed is in its copy of the log
}

// Load is what a copy costs its node, a second.
type Load struct {
	Commands float64
	Bytes    float64 // of those and their replies
	CPU      float64 // processors
}

// failedAfter is how many times the time after which a node is silent it may stay so before it counts as failed, whatever it led.
const failedAfter = 5

// Topology is how the cluster looks from a map and what is heard; m is nil while there is none. Nodes that have the same map and
// have heard the same make the same of it, but for Self, Ping and Pong.
//
// A partition's primary is whoever was heard to lead it with the highest epoch, also if that was long ago: until its heir says that it
// serves there is no better answer. Where that is not known, or older than the map, it is who the map says is to lead.
func (v View) Topology(m *coordinator.Map, self coordinator.NodeID) *Topology {
	t := &Topology{}
	if m != nil {
		t.Cluster, t.Version, t.OK = m.Cluster, m.Version, true
	}
	nodes := v.nodes(m, self)
	t.Nodes = make([]TopologyNode, len(nodes))
	for i := range nodes {
		t.Nodes[i] = v.node(&nodes[i], self)
	}
	if m == nil {
		return t
	}
	for i := range t.Nodes {
		t.Nodes[i].Duty = v.duty(m, t.Nodes[i].ID)
	}
	t.Rebalancing = m.Rebalance
	t.Ranges = make([]TopologyRange, len(m.Partitions))
	named := make([]bool, len(nodes))
	for p := range m.Partitions {
		t.Ranges[p] = v.ranged(m, p, nodes)
		t.OK = t.OK && v.isLed(&t.Ranges[p], nodes)
		leader := &t.Nodes[t.Ranges[p].Primary]
		leader.Epoch = max(leader.Epoch, t.Ranges[p].Epoch)
		named[indexOf(nodes, m.Partitions[p].Primary)] = true
	}
	for i := range t.Nodes {
		if n := &t.Nodes[i]; n.Suspected && (!named[i] || n.Ping >= (failedAfter-1)*v.SilentAfter) {
			n.Suspected, n.Failed = false, true
		}
	}
	return t
}

// nodes are those of the map and this one; before there is a map, all that are heard.
func (v View) nodes(m *coordinator.Map, self coordinator.NodeID) []coordinator.Node {
	var nodes []coordinator.Node
	if m != nil {
		nodes = slices.Clone(m.Nodes)
	}
	for i := range v.Peers {
		n := v.Peers[i].Report.Node
		if n.ID == self && indexOf(nodes, self) < 0 || m == nil && n.ID != self && !v.Silent(n.ID) {
			nodes = append(nodes, n)
			slices.SortFunc(nodes, func(a, b coordinator.Node) int { return strings.Compare(string(a.ID), string(b.ID)) })
		}
	}
	return nodes
}

func (v View) node(n *coordinator.Node, self coordinator.NodeID) TopologyNode {
	t := TopologyNode{Node: *n, Self: n.ID == self, Pong: -1}
	if p := v.Peer(n.ID); p != nil {
		t.Pong = v.Now - p.Heard
		for i := range p.Report.Partitions {
			t.Applied += p.Report.Partitions[i].Applied
		}
	}
	if !t.Self && v.Silent(n.ID) {
		t.Suspected, t.Ping = true, max(v.Now-v.since(n.ID)-v.SilentAfter, 1)
	}
	t.Connected = t.Self || t.Pong >= 0 && !t.Suspected
	return t
}

// ranged is partition p of m. Nodes are the map's, and maybe this one.
func (v View) ranged(m *coordinator.Map, p int, nodes []coordinator.Node) TopologyRange {
	part := &m.Partitions[p]
	t := TopologyRange{Partition: p, Slots: part.Slots, Shard: shard(m.Cluster, p), Epoch: part.Epoch, Primary: indexOf(nodes, part.Primary)}
	if p < len(v.Leaders) {
		if leader := v.Leaders[p]; leader.Node != "" && leader.Epoch >= part.Epoch {
			if i := indexOf(nodes, leader.Node); i >= 0 {
				t.Primary, t.Epoch = i, leader.Epoch
			}
		}
	}
	for _, id := range part.Holders {
		if i := indexOf(nodes, id); i != t.Primary {
			t.Replicas = append(t.Replicas, i)
		}
	}
	slices.Sort(t.Replicas)
	end := uint64(0)
	for _, i := range append([]int{t.Primary}, t.Replicas...) {
		c := TopologyCopy{Loading: true}
		if r := v.copyOf(nodes[i].ID, p); r != nil {
			c = TopologyCopy{Role: r.Role, Applied: r.Applied, Seed: r.Seed, Loading: isLoading(r), Load: Load{r.Load, r.Bytes, r.CPU}}
			if !v.Silent(nodes[i].ID) {
				end = max(end, r.Tail, r.Applied)
			}
		}
		c.Moves = movesOf(part, nodes[i].ID)
		t.Copies = append(t.Copies, c)
	}
	if r := v.copyOf(nodes[t.Primary].ID, p); r != nil && r.Role == coordinator.RolePrimary {
		t.First = r.First
	}
	for i := range t.Copies {
		t.Copies[i].Lag = end - min(end, t.Copies[i].Applied)
	}
	return t
}

// movesOf is what becomes of a node's copy.
func movesOf(p *coordinator.Partition, id coordinator.NodeID) string {
	switch {
	case p.Move == (coordinator.Move{}):
		return ""
	case p.Move.To == id:
		return "arriving"
	case p.Move.From == id:
		return "leaving"
	}
	return ""
}

// duty is that of a node. It is drained when it holds no partition, and says that its server has nothing else.
func (v View) duty(m *coordinator.Map, id coordinator.NodeID) Duty {
	switch {
	case slices.Contains(m.Gone, id):
		return DutyGone
	case !slices.Contains(m.Draining, id):
		return ""
	}
	holds := slices.ContainsFunc(m.Partitions, func(p coordinator.Partition) bool { return slices.Contains(p.Holders, id) })
	if p := v.Peer(id); !holds && p != nil && p.Report.Streams == 0 {
		return DutyDrained
	}
	return DutyDraining
}

// isLoading tells whether a copy is not yet one to count on.
func isLoading(r *coordinator.PartitionReport) bool {
	switch r.Role {
	case coordinator.RolePrimary:
		return false
	case coordinator.RoleReplica, coordinator.RoleHanding:
		return r.LogBehind
	}
	return true
}

// copyOf is what a node last said of a partition, nil if nothing.
func (v View) copyOf(id coordinator.NodeID, p int) *coordinator.PartitionReport {
	peer := v.Peer(id)
	if peer == nil {
		return nil
	}
	of := peer.Report.Partitions
	i, found := slices.BinarySearchFunc(of, p, func(r coordinator.PartitionReport, p int) int { return r.Partition - p })
	if !found {
		return nil
	}
	return &of[i]
}

// isLed tells whether the primary that is shown is heard and says that it is one.
func (v View) isLed(t *TopologyRange, nodes []coordinator.Node) bool {
	return t.Copies[0].Role == coordinator.RolePrimary && !v.Silent(nodes[t.Primary].ID)
}

// shard names a partition for ever: clients compare it, and nobody reads anything out of it.
func shard(cluster string, partition int) string {
	sum := sha1.Sum(fmt.Appendf(nil, "shiplog %s %d", cluster, partition))
	return hex.EncodeToString(sum[:])
}
