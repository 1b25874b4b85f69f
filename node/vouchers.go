package node

import (
	"time"

	"shiplog/partitions/coordinator"
)

// vouchers knows whose heartbeats are news. What a primary says of its log tells a replica how old its own state is, so it must not
// have been on its way for long: heartbeats that were held up, by the network or because this node was stopped, come all at once when the holding up ends,
// and are believed again when they have come in time for a while.
type vouchers struct {
	every time.Duration // between two heartbeats
	heard map[coordinator.NodeID]pace
}

// pace is when a node was heard last, and since when without a gap.
type pace struct{ last, since time.Duration }

// hear takes note of a heartbeat and tells whether what it says of a log can be taken for what is so now, give or take half of
// the lag that is allowed. A heartbeat that comes after so long, or after more than two have been lost, was held up.
func (v *vouchers) hear(id coordinator.NodeID, now, lag time.Duration) bool {
	p, known := v.heard[id]
	if !known || now-p.last >= max(lag/2, 2*v.every+v.every/2) {
		p.since = now
	}
	p.last = now
	if v.heard == nil || len(v.heard) >= maxPaces {
		v.heard = make(map[coordinator.NodeID]pace)
	}
	v.heard[id] = p
	return now-p.since >= 2*v.every
}

// maxPaces bounds what is remembered; beyond it everybody is heard anew.
const maxPaces = 1024

// maxLag is how old what a replica shows may be, as it is set now.
func (m *members) maxLag() time.Duration { return m.node.settings.Config().Cluster.Times.ReplicaLag }

// hearsMost tells whether this node hears most of the cluster, itself included: else another may lead what a node beside it still claims to.
func (m *members) hearsMost() bool {
	known := m.agent.Map()
	if known == nil {
		return false
	}
	view, heard := m.agent.View(), 0
	for i := range known.Nodes {
		if id := known.Nodes[i].ID; id == m.self.ID || !view.Silent(id) {
			heard++
		}
	}
	return heard*2 > len(known.Nodes)
}
