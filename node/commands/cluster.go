package commands

import (
	"slices"

	"shiplog/node/reply"
)

// clusterRows are the commands of the cluster group.
func clusterRows() []Row {
	rows := []Row{
		{Name: "asking", Since: "3.0.0", Arity: 1, Flags: FlagFast,
			Summary:    "Sent by cluster clients after an -ASK redirect",
			Complexity: "O(1)",
			Categories: []string{"connection"},
			Session:    clustered(asking)},
		{Name: "cluster", Since: "3.0.0", Arity: -2,
			Summary:     "A container for cluster commands",
			Complexity:  "Depends on subcommand.",
			Subcommands: slices.Concat(clusterPictureRows(), clusterSlotRows(), clusterChangeRows(), clusterMemberRows(), clusterMoveRows(), clusterIdleRows(), clusterSnapshotRows(), refusedRows())},
		{Name: "readonly", Since: "3.0.0", Arity: 1, Flags: FlagFast | FlagLoading | FlagStale,
			Summary:    "Enables read queries for a connection to a cluster replica node",
			Complexity: "O(1)",
			Categories: []string{"connection"},
			Session:    clustered(readonly)},
		{Name: "readwrite", Since: "3.0.0", Arity: 1, Flags: FlagFast | FlagLoading | FlagStale,
			Summary:    "Disables read queries for a connection to a cluster replica node",
			Complexity: "O(1)",
			Categories: []string{"connection"},
			Session:    clustered(readwrite)},
	}
	for i := range rows {
		rows[i].Group = "cluster"
		for j := range rows[i].Subcommands {
			rows[i].Subcommands[j].Group = "cluster"
		}
	}
	return rows
}

// clustered makes a handler that a lone node refuses.
func clustered(fn func(s *Session, c Cluster, a Args) reply.Reply) func(*Session, Args) reply.Reply {
	return func(s *Session, a Args) reply.Reply {
		if s.srv.cluster == nil {
			return reply.Error("ERR This instance has cluster support disabled")
		}
		return fn(s, s.srv.cluster, a)
	}
}

// pictured makes a handler that only looks at the topology.
func pictured(fn func(t *Topology, a Args) reply.Reply) func(*Session, Args) reply.Reply {
	return clustered(func(_ *Session, c Cluster, a Args) reply.Reply { return fn(c.Topology(), a) })
}

// ASKING
func asking(s *Session, _ Cluster, _ Args) reply.Reply {
	s.standing.Asking = true
	return reply.OK()
}

// READONLY
func readonly(s *Session, _ Cluster, _ Args) reply.Reply {
	s.setReadonly(true)
	return reply.OK()
}

// READWRITE
func readwrite(s *Session, _ Cluster, _ Args) reply.Reply {
	s.setReadonly(false)
	return reply.OK()
}

// setReadonly says whether replicas may answer this connection, and lets CLIENT LIST see it.
func (s *Session) setReadonly(on bool) {
	s.standing.Readonly = on
	s.profile.mu.Lock()
	defer s.profile.mu.Unlock()
	s.profile.readonly = on
}

// mode is the node's mode in Redis's words.
func (srv *Server) mode() string {
	if srv.cluster != nil {
		return "cluster"
	}
	return "standalone"
}

// role is the node's role in Redis's words. A node of a cluster leads some partitions and follows others: it
// is a slave only when it leads none.
func (srv *Server) role() string {
	if t := srv.topology(); srv.following(t) != nil {
		return "slave"
	}
	return "master"
}

// topology returns the picture of the cluster; of a lone node an empty one.
func (srv *Server) topology() *Topology {
	if srv.cluster == nil {
		return new(Topology)
	}
	return srv.cluster.Topology()
}

// following returns a node to name as this one's master, which has none when it leads something itself.
func (srv *Server) following(t *Topology) *TopologyNode {
	self := t.self()
	if self < 0 || len(t.led(self)) > 0 {
		return nil
	}
	if r := t.follows(self); r != nil && r.Primary >= 0 {
		return &t.Nodes[r.Primary]
	}
	return nil
}
