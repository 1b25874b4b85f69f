package commands

import (
	"cmp"
	"context"
	"slices"
)

// Cluster is what the command layer needs to know of the cluster that the node belongs to. All methods are safe from any
// goroutine. An error's text is the reply's, with or without a leading "ERR ".
type Cluster interface {
	// Topology returns the newest picture of the cluster. It is never changed afterwards; the call is cheap.
	Topology() *Topology
	// Elections returns how many elections the logs that this node holds a copy of have had: it rises with each.
	Elections() uint64
	// CountKeysInSlot returns how many keys a slot has. It is asked for slots that this node leads. It may block.
	CountKeysInSlot(slot int) (int64, error)
	// KeysInSlot returns up to count keys of a slot. It is asked for slots that this node leads. It may block.
	KeysInSlot(slot, count int) ([][]byte, error)
	// Failover makes this node the primary of a partition that it holds a replica of, or of all that it does when partition is
	// negative. mode is "", "force" or "takeover". It blocks until that is under way.
	Failover(ctx context.Context, mode string, partition int) error
	// HandOver makes the node to the primary of a partition that it holds a replica of. It blocks until that is under way.
	HandOver(ctx context.Context, partition int, to string) error
	// Forget takes a node out of the cluster; one that was taken out before is as good. It blocks.
	Forget(ctx context.Context, id string) error
	// Drain has everything that lies on a node go to others, or, when back, lets it hold copies again. It blocks until that is under way.
	Drain(ctx context.Context, id string, back bool) error
	// Replace rebuilds elsewhere what a dead node holds. It blocks until that is under way.
	Replace(ctx context.Context, id string) error
	// Rebalance spreads the copies evenly over the nodes, or, when not, stops that. It blocks until that is under way.
	Rebalance(ctx context.Context, not bool) error
	// Reset makes this node one that belongs to no cluster: it ends its service, and begins anew with another id and no data. It is refused to
	// a node that was not removed from its cluster. It blocks until that is under way.
	Reset(ctx context.Context) error
	// Meet makes contact with a node; busPort 0 means the usual distance from port. It blocks.
	Meet(ctx context.Context, host string, port, busPort int) error
	// Create makes a cluster of the nodes that know each other; 0 partitions or copies: as the settings say. copies
	// counts the primaries too. It blocks.
	Create(ctx context.Context, partitions, copies int) error
	// Digest returns how many records of a partition this node has applied, and a checksum of the state after them. An error says
	// that the partition is not held here. It reads the whole state.
	Digest(partition int) (applied, digest uint64, err error)
	// Slot returns the slot of a key. It keeps nothing of key and allocates nothing.
	Slot(key []byte) int
}

// slotCount is the number of slots of a cluster.
const slotCount = 16384

// Topology is a picture of the cluster as this node sees it. Nodes are in the order of their ids, Ranges in the order of
// their slots, one for each partition. It is never changed.
type Topology struct {
	MyID    string
	OK      bool   // every slot is served
	Version uint64 // of the cluster map; 0: there is no cluster yet
	// Coordinator is the id of the node that decides who leads; empty when it is not known.
	Coordinator string
	Rebalancing bool     // copies are being spread over the nodes
	Removed     []string // ids of nodes that were taken out of the cluster
	Nodes       []TopologyNode
	Ranges      []TopologyRange
}

// TopologyNode is one node. Host and Port are where clients reach it.
type TopologyNode struct {
	ID, Name, Host string
	Port, BusPort  int
	Self           bool
	Suspected      bool // it has not been heard of lately
	Failed         bool // it counts as dead
	Connected      bool
	PingMS, PongMS int64 // Unix times: of a question that is not answered, 0 for none, and of the last sign of life
	Epoch          uint64
	Duty           string // "draining", "drained" or "gone"; empty: it holds copies like others
}

// TopologyRange is the slots First to Last of one partition. Primary and Replicas are indices into Nodes; Primary is -1
// only before the cluster exists. Applied and Loading go by copies: the primary's first, then those of Replicas.
type TopologyRange struct {
	First, Last int
	Partition   int
	ShardID     string
	Epoch       uint64
	LogLeader   string // the id of the node whose copy of the log leads; empty when it is not known
	Primary     int
	Replicas    []int
	Applied     []int64  // the newest record applied; nil: not known
	LogFirst    int64    // where the log begins, as far as the primary knows; 0: not known
	Seeds       []*Seed  // nil where the copy is not being filled
	Load        Load     // of the primary's copy
	Moves       []string // "arriving" or "leaving" while a copy goes from node to node; nil: none does
	Loading     []bool   // it is being filled, or has failed; nil: none is
}

// Load is what a partition costs its primary, a second.
type Load struct {
	Commands float64
	Bytes    float64 // of those and their replies
	CPU      float64 // processors: 1 is all of one
}

// hottest are the partitions with the most load, at most count of them, the heaviest first: by processors, then by commands.
func (t *Topology) hottest(count int) []*TopologyRange {
	var all []*TopologyRange
	for i := range t.Ranges {
		if r := &t.Ranges[i]; r.Load != (Load{}) {
			all = append(all, r)
		}
	}
	slices.SortStableFunc(all, func(a, b *TopologyRange) int {
		return cmp.Or(cmp.Compare(b.Load.CPU, a.Load.CPU), cmp.Compare(b.Load.Commands, a.Load.Commands))
	})
	return all[:min(count, len(all))]
}

// copyOf is one node's copy of one partition, or of several that the same nodes hold.
type copyOf struct {
	node    int
	applied int64
	loading bool
	moves   string
	seed    *Seed // nil: it is not being filled
}

// copies returns the primary's copy and those of the replicas in the order of their nodes' ids.
func (r *TopologyRange) copies() []copyOf {
	all := make([]copyOf, 0, len(r.Replicas)+1)
	for i, node := range slices.Concat([]int{r.Primary}, r.Replicas) {
		c := copyOf{node: node}
		if i < len(r.Applied) {
			c.applied = r.Applied[i]
		}
		if i < len(r.Loading) {
			c.loading = r.Loading[i]
		}
		if i < len(r.Moves) {
			c.moves = r.Moves[i]
		}
		if i < len(r.Seeds) {
			c.seed = r.Seeds[i]
		}
		all = append(all, c)
	}
	slices.SortFunc(all[1:], func(a, b copyOf) int { return a.node - b.node })
	return all
}

// shard is all slots that the same primary and the same replicas hold.
type shard struct {
	id     string
	slots  [][2]int // first and last, not adjacent
	copies []copyOf // the primary's first
}

// shards returns the slots that have a primary by who holds them, in the order of each shard's first slot.
func (t *Topology) shards() []*shard {
	var all []*shard
	for i := range t.Ranges {
		r := &t.Ranges[i]
		if r.Primary < 0 {
			continue
		}
		copies := r.copies()
		at := slices.IndexFunc(all, func(s *shard) bool { return sameNodes(s.copies, copies) })
		if at < 0 {
			all = append(all, &shard{id: r.ShardID, slots: [][2]int{{r.First, r.Last}}, copies: copies})
			continue
		}
		s := all[at]
		s.slots = appendSlots(s.slots, r)
		for i := range copies {
			s.copies[i].applied += copies[i].applied
			s.copies[i].loading = s.copies[i].loading || copies[i].loading
		}
	}
	return all
}

func sameNodes(a, b []copyOf) bool {
	return slices.EqualFunc(a, b, func(a, b copyOf) bool { return a.node == b.node })
}

// appendSlots adds a range, to the last one when it goes on where that ends.
func appendSlots(slots [][2]int, r *TopologyRange) [][2]int {
	if n := len(slots); n > 0 && slots[n-1][1]+1 == r.First {
		slots[n-1][1] = r.Last
		return slots
	}
	return append(slots, [2]int{r.First, r.Last})
}

// led returns the slots that a node leads.
func (t *Topology) led(node int) [][2]int {
	var slots [][2]int
	for i := range t.Ranges {
		if t.Ranges[i].Primary == node {
			slots = appendSlots(slots, &t.Ranges[i])
		}
	}
	return slots
}

// find returns the index of the node with an id, or -1.
func (t *Topology) find(id string) int {
	return slices.IndexFunc(t.Nodes, func(n TopologyNode) bool { return n.ID == id })
}

// self returns the index of this node, or -1.
func (t *Topology) self() int { return t.find(t.MyID) }

// at returns the range that a slot belongs to, or nil.
func (t *Topology) at(slot int) *TopologyRange {
	for i := range t.Ranges {
		if r := &t.Ranges[i]; r.First <= slot && slot <= r.Last {
			return r
		}
	}
	return nil
}

// follows returns the first range that a node holds a replica of, or nil.
func (t *Topology) follows(node int) *TopologyRange {
	for i := range t.Ranges {
		if r := &t.Ranges[i]; slices.Contains(r.Replicas, node) {
			return r
		}
	}
	return nil
}

// follower is one node that holds replicas of partitions that this node leads.
type follower struct {
	node    *TopologyNode
	applied int64 // over all these partitions
}

// followers returns the living nodes that follow this one, in the order of their ids.
func (t *Topology) followers() []follower {
	self := t.self()
	applied := make(map[int]int64)
	for i := range t.Ranges {
		if r := &t.Ranges[i]; r.Primary == self {
			for _, c := range r.copies()[1:] {
				applied[c.node] += c.applied
			}
		}
	}
	var all []follower
	for i := range t.Nodes {
		if sum, follows := applied[i]; follows && !t.Nodes[i].Failed {
			all = append(all, follower{node: &t.Nodes[i], applied: sum})
		}
	}
	return all
}

// applied is how much this node has applied of all partitions that it holds.
func (t *Topology) applied() int64 {
	self, sum := t.self(), int64(0)
	for i := range t.Ranges {
		for _, c := range t.Ranges[i].copies() {
			if c.node == self {
				sum += c.applied
			}
		}
	}
	return sum
}
