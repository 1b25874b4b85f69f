package coordinator

import "time"

// Event is something that a coordinator learns. Time is part of it: Now is a monotonic clock of the
// coordinator's own node that runs through suspend.
type Event interface{ event() }

// Tick says that time has passed. The shell sends one every 100 ms.
type Tick struct{ Now time.Duration }

// Heard is a heartbeat, also from the coordinator's own node.
type Heard struct {
	Now    time.Duration
	Report Report
}

// Learned is a map that is stored, newer than the one known (nil: none is stored yet). The shell sends it when it begins to
// coordinate, when the map changes by another's hand, and after a Store of its own, successful or not.
type Learned struct {
	Now time.Duration
	Map *Map
}

// Asked is an operator's wish. ID names it in the Answer.
type Asked struct {
	Now  time.Duration
	ID   uint64
	Wish Wish
}

// Located says where a partition's stream lies: what came of a Relocate.
type Located struct {
	Now       time.Duration
	Partition int
	Servers   []string // the names of the servers that have a peer of it
	Settled   bool     // and no change of that is under way
	Waits     string   // what a change that is under way waits for, in JetStream's words; told to operators, and not looked at but for whether it is still the same
}

// Expelled says that a server is not in JetStream's meta group (any more).
type Expelled struct {
	Now    time.Duration
	Server string
}

func (Tick) event()     {}
func (Heard) event()    {}
func (Learned) event()  {}
func (Asked) event()    {}
func (Located) event()  {}
func (Expelled) event() {}

// Wish is what an operator asks the coordinator for.
type Wish struct {
	Verb       string `json:"verb"`                 // one of the Wish constants
	Cluster    string `json:"cluster,omitempty"`    // create: the new cluster's identity
	Nodes      int    `json:"nodes,omitempty"`      // create: refuse unless so many nodes are heard; 0: any
	Partitions int    `json:"partitions,omitempty"` // create
	Copies     int    `json:"copies,omitempty"`     // create
	Partition  int    `json:"partition,omitempty"`  // failover
	To         NodeID `json:"to,omitempty"`         // failover: empty means the best replica
	Node       NodeID `json:"node,omitempty"`       // failover of all partitions that Node holds (when All); forget, drain, replace
	All        bool   `json:"all,omitempty"`
	Cancel     bool   `json:"cancel,omitempty"` // drain: Node is to hold copies again; rebalance: no more
}

// The verbs of a Wish.
const (
	WishCreate   = "create"   // create the cluster of the nodes that are heard
	WishFailover = "failover" // make To the primary of Partition, or Node of all partitions that it holds
	WishForget   = "forget"   // take Node, which is silent and holds nothing, out of the map, for good

	WishDrain     = "drain"     // move everything away from Node
	WishReplace   = "replace"   // rebuild the copies of Node, which is silent, elsewhere, without waiting for GoneAfter
	WishRebalance = "rebalance" // spread the copies until nodes differ by at most one
)

// Action is something that the shell is to do. Actions are idempotent: the same one may come again.
type Action interface{ action() }

// Store asks for Map to be stored if the stored version is Map.Version-1 (0: none). Learned follows.
type Store struct{ Map *Map }

// Steer asks for a partition's stream to be led by the node To.
type Steer struct {
	Partition int
	To        NodeID
}

// Relocate asks for the stream of a partition to lie on the servers of the nodes Wanted: for one step towards that, or, with Look, only
// where it lies. With Clear a consumer is given up that the change has waited for: its reader makes another one. Located follows.
type Relocate struct {
	Partition int
	Wanted    []NodeID
	Look      bool
	Clear     bool
}

// Vacate asks for everything that still lies on a node's server to be led elsewhere. The node holds no partition.
type Vacate struct{ Node NodeID }

// Expel asks for a server to leave JetStream's meta group. Expelled follows.
type Expel struct{ Server string }

// Answer tells an operator what became of the wish: refused if Refusal is not empty, else under way.
type Answer struct {
	ID      uint64
	Refusal string
}

// Note is a line for the operators' log.
type Note struct{ Text string }

func (Store) action()    {}
func (Steer) action()    {}
func (Relocate) action() {}
func (Vacate) action()   {}
func (Expel) action()    {}
func (Answer) action()   {}
func (Note) action()     {}

// Settings are the coordinator's rules.
type Settings struct {
	SilentAfter  time.Duration // a node that is not heard for so long counts as dead; 1 s
	StuckAfter   time.Duration // a primary whose append has no outcome for so long is replaced; 5 s
	Expect       int           // create the cluster by itself when so many nodes are heard; 0: only when asked
	Cluster      string        // the identity of a cluster that is created so
	Partitions   int           // 16
	Copies       int           // 3
	FewerCopies  bool          // create it also with fewer nodes than copies
	Lease        Lease         // that it is created with
	Balance      bool          // move copies and primaries until their counts differ by at most one
	BalanceAfter time.Duration // when all has been quiet for so long; 10 s
	GoneAfter    time.Duration // the copies of a node that is silent for so long are rebuilt elsewhere; 0: never
}
