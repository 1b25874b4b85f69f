package commands

import (
	"context"

	"shiplog/node/reply"
)

// clusterMemberRows are the sub-commands by which an operator takes nodes out of the cluster, and spreads what is there over those that are in it.
func clusterMemberRows() []Row {
	change := FlagAdmin | FlagStale | FlagNoAsyncLoading
	return []Row{
		{Name: "cluster|drain", Since: "7.0.0", Arity: -3, Flags: change,
			Summary:    "Moves everything that lies on a node to other nodes",
			Syntax:     "node-id CANCEL?",
			Complexity: "O(N) where N is the number of partitions",
			Session:    clustered(clusterDrain)},
		{Name: "cluster|rebalance", Since: "7.0.0", Arity: -2, Flags: change,
			Summary:    "Spreads the copies of partitions evenly over the nodes",
			Syntax:     "CANCEL?",
			Complexity: "O(N) where N is the number of partitions",
			Session:    clustered(clusterRebalance)},
		{Name: "cluster|replace", Since: "7.0.0", Arity: 3, Flags: change,
			Summary:    "Rebuilds on other nodes what a dead node holds",
			Syntax:     "node-id",
			Complexity: "O(N) where N is the number of partitions",
			Session:    clustered(clusterReplace)},
	}
}

// cancels tells whether the words after a sub-command's are CANCEL, or nothing; ok is false when they are something else.
func cancels(words Args) (cancel, ok bool) {
	switch {
	case len(words) == 0:
		return false, true
	case len(words) == 1 && is(words[0], "cancel"):
		return true, true
	}
	return false, false
}

// CLUSTER DRAIN node-id [CANCEL]
func clusterDrain(s *Session, c Cluster, a Args) reply.Reply {
	cancel, ok := cancels(a[3:])
	if !ok {
		return reply.Syntax()
	}
	id := string(a[2])
	if c.Topology().find(id) < 0 {
		return unknownNode(a[2])
	}
	return s.changing(func(ctx context.Context) error { return c.Drain(ctx, id, cancel) })
}

// CLUSTER REBALANCE [CANCEL]
func clusterRebalance(s *Session, c Cluster, a Args) reply.Reply {
	cancel, ok := cancels(a[2:])
	if !ok {
		return reply.Syntax()
	}
	return s.changing(func(ctx context.Context) error { return c.Rebalance(ctx, cancel) })
}

// CLUSTER REPLACE node-id
func clusterReplace(s *Session, c Cluster, a Args) reply.Reply {
	id := string(a[2])
	if c.Topology().find(id) < 0 {
		return unknownNode(a[2])
	}
	return s.changing(func(ctx context.Context) error { return c.Replace(ctx, id) })
}
