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
	Holders []NodeID   `json:"holders"` // who holds a copy; in order of preference as primary
	Primary NodeID     `json:"primary"`
	Term    uint64     `json:"term"`
	Epoch   uint64     `json:"epoch"`
	Pinned  bool       `json:"pinned,omitempty"`
}
