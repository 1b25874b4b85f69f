package coordinator

import (
	"time"

	"shiplog/partitions/slot"
)

// NodeID is a node's identity: 40 hexadecimal digits, as CLUSTER MYID shows it. Ties go to the lowest.
type NodeID string

// Map is the cluster map: who is in the cluster, which node holds which partition and who is to lead it. It is one
// versioned value, stored by compare-and-set; a Map that was given away is never changed.
type Map struct {
	Version uint64 `json:"version"` // raised by one with every change; the first is 1
	Cluster string `json:"cluster"` // the cluster's identity, 40 hexadecimal digits, never changed
	Copies  int    `json:"copies"`  // of each partition in all, the primary's included
	// Lease is how long a primary may answer reads, and an heir must wait: one value for all nodes, given when the cluster is
	// created, since an heir that goes by a shorter lease than the primary would let stale reads through.
	Lease      Lease       `json:"lease,omitzero"`
	Nodes      []Node      `json:"nodes"` // in the order of their identities
	Partitions []Partition `json:"partitions"`

	Draining  []NodeID `json:"draining,omitempty"`  // nodes that are to be empty, in ascending order
	Gone      []NodeID `json:"gone,omitempty"`      // nodes whose copies are rebuilt elsewhere, in ascending order
	Rebalance bool     `json:"rebalance,omitempty"` // copies are being spread until nodes differ by at most one
	Former    []Former `json:"former,omitempty"`    // nodes that were removed, the newest last
}

// Former is a node that was removed from the cluster, and is not let in again.
type Former struct {
	ID       NodeID `json:"id"`
	Server   string `json:"server"`             // the name of its NATS server
	Expelled bool   `json:"expelled,omitempty"` // which is in JetStream's meta group no more
}

// Lease is the length of a lease, and what an heir waits beyond it, in nanoseconds. The zero Lease says nothing.
type Lease struct {
	Length time.Duration `json:"length"`
	Margin time.Duration `json:"margin"`
}

// Node is one member of the cluster. Host and the ports are where clients and other nodes reach it.
type Node struct {
	ID      NodeID `json:"id"`
	Name    string `json:"name"`
	Server  string `json:"server"` // the name of its NATS server
	Host    string `json:"host"`
	Port    int    `json:"port"`
	BusPort int    `json:"busPort"`
}

// Partition is one contiguous range of slots: its number is its place in Map.Partitions. Primary names
// who is to lead; Term is raised whenever another is named, so that a node can tell an old naming from a new one. Epoch is
// the newest epoch of the log that is known: 0 until its first primary has founded the log, and only then
// may a stream be made for it. Pinned says that an operator chose the primary: balance leaves it alone.
type Partition struct {
	Slots   slot.Range `json:"slots"`
	Holders []NodeID   `json:"holders"` // who holds a copy, or gets or gives one; in order of preference as primary
	Primary NodeID     `json:"primary"`
	Term    uint64     `json:"term"`
	Epoch   uint64     `json:"epoch"`
	Pinned  bool       `json:"pinned,omitempty"`
	Move    Move       `json:"move,omitzero"`
}

// Move is a copy's way from one node to another: both are among the holders until it is over. The zero Move: none is moved.
type Move struct {
	To   NodeID `json:"to"`   // gets the copy
	From NodeID `json:"from"` // gives it up once To has it
}

// Wanted are the nodes that hold the partition when nothing moves any more.
func (p *Partition) Wanted() []NodeID {
	wanted := make([]NodeID, 0, len(p.Holders))
	for _, id := range p.Holders {
		if p.Move == (Move{}) || id != p.Move.From {
			wanted = append(wanted, id)
		}
	}
	return wanted
}
