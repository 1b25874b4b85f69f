package node

import (
	"cmp"
	"slices"

	"shiplog/node/cluster"
	"shiplog/partitions/coordinator"
)

// nearEnd is so many records behind the end of the log that a copy counts as one that is up to date.
const nearEnd = 1000

// hearing is so many times as long as a node is silent before it counts as dead that others have to be heard from: servers that do not reach each other at once
// try again after a second.
const hearing = 3

// allHeard tells whether everybody who lives had time to be heard since this node began to listen.
func allHeard(v cluster.View) bool { return v.Now-v.Began >= hearing*v.SilentAfter }

// givers are the nodes that a copy of a partition can be filled from, the best first: replicas that are up to date, the node with the
// least load first, and the primary only behind all of them, and not before the others had time to be heard. Ties go to the lowest identity.
func givers(v cluster.View, number int, self coordinator.NodeID) []coordinator.Node {
	type candidate struct {
		report *coordinator.Report
		leads  bool
	}
	var all []candidate
	end := logEnd(v, number, self)
	reports := v.Reports()
	for i := range reports {
		r := &reports[i]
		at := partitionOf(r, number)
		if at == nil || r.Node.ID == self || r.Leaving || at.Applied == 0 || at.Applied+nearEnd < end {
			continue
		}
		switch at.Role {
		case coordinator.RoleReplica:
			all = append(all, candidate{r, false})
		case coordinator.RolePrimary, coordinator.RolePromoted, coordinator.RoleHanding:
			if allHeard(v) {
				all = append(all, candidate{r, true})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int { // reports come in the order of identities
		if a.leads != b.leads {
			return cmp.Compare(btoi(a.leads), btoi(b.leads))
		}
		return cmp.Compare(a.report.Load, b.report.Load)
	})
	nodes := make([]coordinator.Node, len(all))
	for i, c := range all {
		nodes[i] = c.report.Node
	}
	return nodes
}

// The snapshot store among the nodes that a copy can be filled from. No node draws its identity.
const (
	storeID   coordinator.NodeID = "0000000000000000000000000000000000000000"
	storeRole coordinator.Role   = "store"
)

// storeNode is the snapshot store in the place of a node.
func storeNode() coordinator.Node { return coordinator.Node{ID: storeID, Name: string(storeRole)} }

// withStore adds the snapshot store to the givers of a partition, if it has a snapshot that the log goes on from: behind the replicas, whose snapshots are
// newer, and before the primary, who has enough to do. As the primary it waits until replicas had time to be heard.
func withStore(v cluster.View, givers []coordinator.Node, number int, stored bool) []coordinator.Node {
	at := slices.IndexFunc(givers, func(n coordinator.Node) bool { return roleAt(v, number, n.ID) != coordinator.RoleReplica })
	if at < 0 {
		at = len(givers)
	}
	if !stored || at == 0 && !allHeard(v) {
		return givers
	}
	return slices.Insert(slices.Clone(givers), at, storeNode())
}

// putter is the node that puts a partition's snapshots into the store: a replica that is up to date, the one that has put the last if it is one, since most
// of its files are there, and else one of them by the partition's number, which spreads the work; the primary only where there is no
// replica. Empty while nobody can. Nodes that have heard different things may name two: each puts a snapshot then, which does no harm.
func putter(v cluster.View, number int, last coordinator.NodeID) coordinator.NodeID {
	var replicas []coordinator.NodeID
	var primary coordinator.NodeID
	for _, n := range givers(v, number, "") {
		if roleAt(v, number, n.ID) == coordinator.RoleReplica {
			replicas = append(replicas, n.ID)
		} else {
			primary = n.ID
		}
	}
	switch {
	case slices.Contains(replicas, last):
		return last
	case len(replicas) > 0:
		slices.Sort(replicas)
		return replicas[number%len(replicas)]
	}
	return primary
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// roleAt is what a node was last heard to do for a partition, empty when it has not said.
func roleAt(v cluster.View, number int, id coordinator.NodeID) coordinator.Role {
	if p := v.Peer(id); p != nil {
		if at := partitionOf(&p.Report, number); at != nil {
			return at.Role
		}
	}
	return ""
}

// logEnd is the newest record of a partition that other nodes that are heard know.
func logEnd(v cluster.View, number int, self coordinator.NodeID) (end uint64) {
	reports := v.Reports()
	for i := range reports {
		if at := partitionOf(&reports[i], number); at != nil && reports[i].Node.ID != self {
			end = max(end, at.Tail, at.Applied)
		}
	}
	return end
}

// stateBytes is how large the state of a partition is elsewhere, 0 when nobody says.
func stateBytes(v cluster.View, number int, self coordinator.NodeID) (bytes uint64) {
	reports := v.Reports()
	for i := range reports {
		if at := partitionOf(&reports[i], number); at != nil && reports[i].Node.ID != self && at.Role != coordinator.RoleSeeding {
			bytes = max(bytes, at.StateBytes)
		}
	}
	return bytes
}

// partitionOf is what a node says of a partition, nil when nothing.
func partitionOf(r *coordinator.Report, number int) *coordinator.PartitionReport {
	i, found := slices.BinarySearchFunc(r.Partitions, number, func(p coordinator.PartitionReport, number int) int { return p.Partition - number })
	if !found {
		return nil
	}
	return &r.Partitions[i]
}
