package node

import (
	"context"
	"slices"
	"time"

	"shiplog/partitions/coordinator"
)

// succession is what a node asks for next about one that it was: over tells that nothing of it is left in the cluster. No wish, and not over: there is
// nothing to do but to wait.
func succession(m *coordinator.Map, self, former coordinator.NodeID) (wish coordinator.Wish, over bool) {
	switch {
	case !isIn(m, self):
		return coordinator.Wish{}, false // whoever is not in the cluster replaces nobody
	case !isIn(m, former):
		gone := slices.IndexFunc(m.Former, func(f coordinator.Former) bool { return f.ID == former })
		return coordinator.Wish{}, gone < 0 || m.Former[gone].Expelled
	case !slices.Contains(m.Gone, former):
		return coordinator.Wish{Verb: coordinator.WishReplace, Node: former}, false
	case slices.ContainsFunc(m.Partitions, func(p coordinator.Partition) bool { return slices.Contains(p.Holders, former) }):
		return coordinator.Wish{}, false // its copies are being rebuilt
	}
	return coordinator.Wish{Verb: coordinator.WishForget, Node: former}, false
}

// isIn tells whether a node is in a map; nobody is in none.
func isIn(m *coordinator.Map, id coordinator.NodeID) bool {
	return m != nil && slices.ContainsFunc(m.Nodes, func(n coordinator.Node) bool { return n.ID == id })
}

// succeedEvery is how often a node looks what is left of its earlier lives.
const succeedEvery = 500 * time.Millisecond

// predecessors are those that a node was, of which former are known to it, and those of the map that are where it is: a copy of a directory knows
// nothing of lives that came after it.
func predecessors(m *coordinator.Map, self *coordinator.Node, former []string) []string {
	all := slices.Clip(former)
	for i := range m.Nodes {
		n := &m.Nodes[i]
		if n.ID != self.ID && n.Host == self.Host && n.BusPort == self.BusPort && !slices.Contains(all, string(n.ID)) {
			all = append(all, string(n.ID))
		}
	}
	return all
}

// succeedFormer has the cluster replace what this node was before, until nothing is left of it.
func (m *members) succeedFormer(ctx context.Context) error {
	tick := time.NewTicker(succeedEvery)
	defer tick.Stop()
	for left := m.node.dir.formerIDs(); len(left) > 0; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		known := m.agent.Map()
		if !isIn(known, m.self.ID) {
			continue
		}
		if err := m.node.dir.dropFormer(); err != nil { // the cluster lives without it
			m.node.log.Error("cannot delete what an earlier life of this node has left", "error", err)
		}
		left = m.succeed(ctx, known, predecessors(known, &m.self, left))
	}
	return nil
}

// succeed takes one step to have the first of former replaced, and returns those that are not.
func (m *members) succeed(ctx context.Context, known *coordinator.Map, former []string) (left []string) {
	wish, over := succession(known, m.self.ID, coordinator.NodeID(former[0]))
	switch {
	case over:
		m.node.log.Info("what this node was is replaced", "was", former[0], "is", m.self.ID)
		former = former[1:]
		if err := m.node.dir.keepFormer(former); err != nil {
			m.node.log.Error("cannot note which earlier lives of this node are replaced", "error", err)
		}
	case wish.Verb != "":
		if err := m.wish(ctx, wish); err != nil {
			m.node.log.Debug("what this node was is not replaced yet", "wish", wish.Verb, "was", former[0], "error", err)
		}
	}
	return former
}
