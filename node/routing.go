package node

import (
	"encoding/hex"
	"sync"

	"shiplog/partitions"
	"shiplog/partitions/coordinator"
	"shiplog/partitions/slot"
	"shiplog/wal"
)

// routing is what a command's slot leads to: this node's copy of the partition, or who leads it. Its tables never change; what
// they point to does.
type routing struct {
	version   uint64
	partition []uint16 // of each slot; empty before there is a cluster
	copies    []*copyOf
	leaders   []*leader
	nodes     map[coordinator.NodeID]*coordinator.Node
}

// newRouting is routing before there is a cluster.
func newRouting(copies []*copyOf, leaders []*leader) *routing {
	return &routing{copies: copies, leaders: leaders}
}

// follow returns the routing of a newer map. Who leads stays known: the map says only who shall.
func (r *routing) follow(m *coordinator.Map, copies map[int]*copyOf) *routing {
	next := &routing{
		version: m.Version, partition: make([]uint16, slot.Count), copies: make([]*copyOf, len(m.Partitions)),
		leaders: make([]*leader, len(m.Partitions)), nodes: make(map[coordinator.NodeID]*coordinator.Node, len(m.Nodes)),
	}
	for i := range m.Partitions {
		part := &m.Partitions[i]
		for id := int(part.Slots.First); id <= int(part.Slots.Last); id++ {
			next.partition[id] = uint16(i)
		}
		next.copies[i] = copies[i]
		if i < len(r.leaders) {
			next.leaders[i] = r.leaders[i]
		} else {
			next.leaders[i] = newLeader()
		}
		next.leaders[i].shallBe(part.Primary)
	}
	for i := range m.Nodes {
		next.nodes[m.Nodes[i].ID] = &m.Nodes[i]
	}
	return next
}

// leaderOf returns who leads a partition, the zero Node if that is not known, and a channel that is closed when heartbeats say otherwise.
// standing is how this node's copy stands, nil without one: it may have seen in the log who leads before a heartbeat says so.
//
// Whoever was heard to lead in an earlier epoch than the newest that the copy knows leads no more. So no two nodes send clients to each other: the one that was named has
// its own epoch in its log, and takes the word only of somebody who led later. The log is believed only beyond what was heard: a node that was started just now reads
// old records, which say who led long ago.
func (r *routing) leaderOf(partition uint16, standing *partitions.Standing) (coordinator.Node, <-chan struct{}) {
	leader, epoch, changed := r.leaders[partition].is()
	if standing == nil || uint64(standing.Epoch) <= epoch {
		return leader, changed
	}
	leader = coordinator.Node{}
	if epoch > 0 && standing.Role == partitions.Replica && standing.Leader != (wal.NodeID{}) {
		if n := r.nodes[coordinator.NodeID(hex.EncodeToString(standing.Leader[:]))]; n != nil {
			leader = *n
		}
	}
	return leader, changed
}

// isToLead tells whether this node is to lead a partition as far as it knows, or is about to. Then it sends nobody to whoever led before, as its log may say: that node may have seen
// the EPOCH record already that makes this one the primary, before this one knows that it is in the log, and would send clients back here.
func (r *routing) isToLead(partition uint16, standing *partitions.Standing, self coordinator.NodeID) bool {
	return standing != nil && standing.Role == partitions.Promoted || r.leaders[partition].isNamed(self)
}

// leader is who leads a partition, as far as heartbeats say.
type leader struct {
	mu      sync.Mutex
	node    coordinator.Node // the zero Node: nobody
	epoch   uint64
	named   coordinator.NodeID // by the map
	changed chan struct{}      // closed when any of this has changed
}

func newLeader() *leader { return &leader{changed: make(chan struct{})} }

// hear takes a primary's own word.
func (l *leader) hear(n *coordinator.Node, epoch uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if epoch < l.epoch || epoch == l.epoch && l.node.ID != "" && *n == l.node {
		return
	}
	l.node, l.epoch = *n, epoch
	l.change()
}

// isNow tells whether a node leads in an epoch as far as anybody has said: neither another nor a later epoch is known.
func (l *leader) isNow(id coordinator.NodeID, epoch uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.node.ID == id && l.named == id && l.epoch == epoch
}

// isNamed tells whether the map names a node.
func (l *leader) isNamed(id coordinator.NodeID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.named == id
}

// notLeading takes the word of a node that it leads no more.
func (l *leader) notLeading(id coordinator.NodeID, epoch uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.node.ID != id || epoch < l.epoch {
		return
	}
	l.node = coordinator.Node{}
	l.change()
}

// shallBe takes the map's word.
func (l *leader) shallBe(named coordinator.NodeID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.named != named {
		l.named = named
		l.change()
	}
}

func (l *leader) change() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// is returns who leads in which epoch, or the zero Node while the map has named another one, and a channel that is closed when that
// changes.
func (l *leader) is() (n coordinator.Node, epoch uint64, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.node.ID == l.named {
		n = l.node
	}
	return n, l.epoch, l.changed
}
