package coordinator

import (
	"fmt"
	"slices"
	"strings"
)

// enrol takes nodes that are heard into the map, with nothing to hold yet, and follows those whose addresses change.
func (t *turn) enrol() {
	for _, p := range t.peers {
		if t.isLate(p) {
			continue
		}
		if t.isForeign(&p.report) {
			t.wrong(refusesForeign(&p.report))
			continue
		}
		node := p.report.Node
		switch i, found := t.next().find(node.ID); {
		case !found && t.next().IsFormer(node.ID):
			t.wrong(fmt.Sprintf("node %s was removed from this cluster: start it with an empty directory", node.ID))
		case !found && p.report.Leaving:
		case !found:
			m := t.edit()
			m.Nodes = slices.Insert(m.Nodes, i, node)
			t.note(fmt.Sprintf("node %s joins", node.ID))
		case t.next().Nodes[i] != node:
			t.edit().Nodes[i] = node
		}
	}
}

func refusesForeign(r *Report) string {
	return fmt.Sprintf("node %s belongs to cluster %s: it is not taken into this one", r.Node.ID, r.Cluster)
}

// find is where a node stands in m, or where it should stand.
func (m *Map) find(id NodeID) (int, bool) {
	return slices.BinarySearchFunc(m.Nodes, id, func(n Node, id NodeID) int {
		return strings.Compare(string(n.ID), string(id))
	})
}

// holds lists the partitions that a node holds.
func (m *Map) holds(id NodeID) (partitions []int) {
	for i := range m.Partitions {
		if slices.Contains(m.Partitions[i].Holders, id) {
			partitions = append(partitions, i)
		}
	}
	return partitions
}
