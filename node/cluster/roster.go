package cluster

import (
	"slices"
	"strings"
	"time"

	"shiplog/partitions/coordinator"
)

// Peer is a node as it was last heard.
type Peer struct {
	Report coordinator.Report
	Heard  time.Duration // when, by the Agent's clock
}

// Leader is who was last heard to lead a partition, and in which epoch; the zero Leader: nobody yet.
type Leader struct {
	Node  coordinator.NodeID
	Epoch uint64
}

// View is who was heard how until Now, and it never changes. Node identities are in ascending order.
type View struct {
	Now         time.Duration // by the Agent's clock, as all its times
	Began       time.Duration // the Agent has listened since, without having been asleep
	SilentAfter time.Duration
	LateAfter   time.Duration
	Peers       []Peer
	Leaders     []Leader // by partition; it may be shorter than there are partitions
	Ignored     uint64   // heartbeats that were malformed, of another cluster, or too many
}

// Reports returns the newest heartbeat of each node that is not silent. It must not be changed.
func (v View) Reports() []coordinator.Report {
	reports := make([]coordinator.Report, 0, len(v.Peers))
	for i := range v.Peers {
		if !v.Silent(v.Peers[i].Report.Node.ID) {
			reports = append(reports, v.Peers[i].Report)
		}
	}
	return reports
}

// Peer returns a node as it was last heard, nil if it was not.
func (v View) Peer(id coordinator.NodeID) *Peer {
	if i, found := find(v.Peers, id); found {
		return &v.Peers[i]
	}
	return nil
}

// Silent tells whether a node counts as dead: it was not heard for so long, though this node has listened.
func (v View) Silent(id coordinator.NodeID) bool { return v.Now-v.since(id) >= v.SilentAfter }

// Late tells whether a node's heartbeat is overdue: it may be dead, long before it counts as that. Nobody should be sent there meanwhile.
func (v View) Late(id coordinator.NodeID) bool { return v.Now-v.since(id) >= v.LateAfter }

// since is from when on the silence of a node counts.
func (v View) since(id coordinator.NodeID) time.Duration {
	if p := v.Peer(id); p != nil {
		return max(p.Heard, v.Began)
	}
	return v.Began
}

func find(peers []Peer, id coordinator.NodeID) (int, bool) {
	return slices.BinarySearchFunc(peers, id, func(p Peer, id coordinator.NodeID) int {
		return strings.Compare(string(p.Report.Node.ID), string(id))
	})
}

// hear returns the view after a heartbeat. A node that is silent for long and in no map is forgotten; if there are too many nodes
// then another one is not heard.
func (v View) hear(r coordinator.Report, now time.Duration, m *coordinator.Map) (next View, heard bool) {
	v.Now = now
	peers := slices.DeleteFunc(slices.Clone(v.Peers), func(p Peer) bool {
		return now-p.Heard >= forgetAfter && (m == nil || indexOf(m.Nodes, p.Report.Node.ID) < 0)
	})
	i, found := find(peers, r.Node.ID)
	switch {
	case found:
		peers[i] = Peer{Report: r, Heard: now}
	case len(peers) >= maxNodes:
		return v, false
	default:
		peers = slices.Insert(peers, i, Peer{Report: r, Heard: now})
	}
	v.Peers, v.Leaders = peers, lead(v.Leaders, &r)
	return v, true
}

// lead is who leads after a heartbeat: whoever says so with the highest epoch. Who says nothing any more is remembered
// until another one leads. There is one leader in an epoch (I5); if there seem to be two, all nodes take the same one.
func lead(leaders []Leader, r *coordinator.Report) []Leader {
	changed := false
	for i := range r.Partitions {
		p := &r.Partitions[i]
		if p.Role != coordinator.RolePrimary {
			continue
		}
		var known Leader
		if p.Partition < len(leaders) {
			known = leaders[p.Partition]
		}
		if p.Epoch < known.Epoch || p.Epoch == known.Epoch && known.Node != "" && known.Node <= r.Node.ID {
			continue
		}
		if !changed {
			leaders, changed = slices.Clone(leaders), true
		}
		for len(leaders) <= p.Partition {
			leaders = append(leaders, Leader{})
		}
		leaders[p.Partition] = Leader{Node: r.Node.ID, Epoch: p.Epoch}
	}
	return leaders
}
