package coordinator

import (
	"fmt"

	"shiplog/partitions/slot"
)

// expect creates the cluster by itself when there are as many nodes as were expected.
func (t *turn) expect() {
	if t.settings.Expect == 0 {
		return
	}
	refusal := t.create(Wish{Verb: WishCreate, Nodes: t.settings.Expect})
	if refusal != "" && len(t.fresh()) >= t.settings.Expect {
		t.wrong("the cluster cannot be created: " + refusal)
	}
}

// fresh are the nodes that a new cluster can be made of.
func (t *turn) fresh() (nodes []Node) {
	for _, p := range t.peers {
		r := &p.report
		switch {
		case t.isLate(p) || r.Leaving:
		case r.Cluster != "" || r.Map != 0:
			t.wrong(refusesForeign(r))
		default:
			nodes = append(nodes, r.Node)
		}
	}
	return nodes
}

// create makes the first map of the nodes that are heard, or says why not.
func (t *turn) create(w Wish) (refusal string) {
	w = w.filled(t.settings)
	nodes := t.fresh()
	switch {
	case w.Cluster == "":
		return "no identity was given for it"
	case w.Partitions < 1 || w.Partitions > slot.Count:
		return fmt.Sprintf("%d partitions: ask for 1 to %d", w.Partitions, slot.Count)
	case w.Copies < 1 || w.Copies > maxCopies:
		return fmt.Sprintf("%d copies: ask for 1 to %d", w.Copies, maxCopies)
	case len(nodes) == 0:
		return "no node without a cluster is heard: start nodes with empty directories"
	case len(nodes) < w.Nodes:
		return fmt.Sprintf("%d of %d nodes are heard: start the others", len(nodes), w.Nodes)
	case len(nodes) < w.Copies && !t.settings.FewerCopies:
		return fmt.Sprintf("%d copies need %d nodes, %d are heard: start more nodes, or allow fewer copies, which means that %s",
			w.Copies, w.Copies, len(nodes), cost(len(nodes)))
	}
	if len(nodes) < w.Copies {
		t.note(fmt.Sprintf("the cluster is created with %d copies instead of %d: %s", len(nodes), w.Copies, cost(len(nodes))))
	}
	if len(nodes) == 2 {
		t.note("a cluster of two nodes has no automatic failover: it takes a majority, and of two that is both")
	}
	t.draft = &Map{Version: 1, Cluster: w.Cluster, Copies: min(w.Copies, len(nodes)), Lease: t.settings.Lease, Nodes: nodes}
	t.draft.Partitions = place(nodes, w.Partitions, t.draft.Copies)
	return ""
}

// filled is a wish to create with everything that was left open.
func (w Wish) filled(s Settings) Wish {
	if w.Cluster == "" {
		w.Cluster = s.Cluster
	}
	if w.Partitions == 0 {
		w.Partitions = s.Partitions
	}
	if w.Copies == 0 {
		w.Copies = s.Copies
	}
	return w
}

// cost says what so many copies cannot do.
func cost(copies int) string {
	switch copies {
	case 1:
		return "a node that is lost takes its acknowledged writes with it"
	case 2:
		return "every write needs both copies, and the loss of one node stops all writes"
	}
	return fmt.Sprintf("the loss of %d nodes stops writes", copies-(copies-1)/2)
}

// place spreads n partitions over nodes. Each next partition takes the next nodes in a circle, so that nodes differ by at most one copy. The
// primary is the first of them; but where circle and copies have a common divisor the first ones come round to the
// same few nodes, and with each round the primary is one further on: then nodes differ by at most one primary, too.
func place(nodes []Node, n, copies int) []Partition {
	common := divisor(len(nodes), copies)
	round := len(nodes) / common
	partitions := make([]Partition, n)
	for p, slots := range slot.Split(n) {
		first := p / round % common
		holders := make([]NodeID, copies)
		for i := range holders {
			holders[i] = nodes[(p*copies+(first+i)%copies)%len(nodes)].ID
		}
		partitions[p] = Partition{Slots: slots, Holders: holders, Primary: holders[0], Term: 1}
	}
	return partitions
}

// divisor is the greatest common divisor.
func divisor(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
