package node

import (
	"time"

	"shiplog/node/cluster"
	"shiplog/partitions/coordinator"
	"shiplog/wal"
)

// keepFor is the sequence from which on holders of a partition need its log: the least that one of them has durably, 0 when one of them
// has not said. A copy that is being filled says where its snapshot stands, and 0 before it has one: so nothing is trimmed that it is going to
// read. Who has been silent for as long as gone is not waited for any more, and is filled anew when it is back: a node that died must not
// fill the disks of all others. max when nobody needs anything.
func keepFor(v cluster.View, holders []coordinator.NodeID, number int, gone time.Duration) wal.Seq {
	least := ^uint64(0)
	for _, holder := range holders {
		heard := v.Began
		peer := v.Peer(holder)
		if peer != nil {
			heard = max(heard, peer.Heard)
		}
		if v.Now-heard >= gone {
			continue
		}
		if peer == nil {
			return 0
		}
		at := partitionOf(&peer.Report, number)
		if at == nil {
			return 0
		}
		least = min(least, at.Durable)
	}
	return wal.Seq(least)
}
