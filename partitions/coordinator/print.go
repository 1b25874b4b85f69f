package coordinator

import (
	"fmt"
	"slices"
	"strings"
)

// String is a line for the map, one for each node and one for each partition.
func (m *Map) String() string {
	if m == nil {
		return "no map"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "map %d of cluster %s, copies %d", m.Version, m.Cluster, m.Copies)
	for i := range m.Nodes {
		n := &m.Nodes[i]
		fmt.Fprintf(&b, "\nnode %s name %s server %s at %s:%d bus %d", n.ID, n.Name, n.Server, n.Host, n.Port, n.BusPort)
	}
	for i := range m.Partitions {
		p := &m.Partitions[i]
		fmt.Fprintf(&b, "\npartition %d slots %d-%d primary %s term %d epoch %d holders %s",
			i, p.Slots.First, p.Slots.Last, p.Primary, p.Term, p.Epoch, join(p.Holders))
		if p.Pinned {
			b.WriteString(" pinned")
		}
		if p.Move != (Move{}) {
			fmt.Fprintf(&b, " moves from %s to %s", p.Move.From, p.Move.To)
		}
	}
	for _, id := range m.Draining {
		fmt.Fprintf(&b, "\ndraining %s", id)
	}
	for _, id := range m.Gone {
		fmt.Fprintf(&b, "\ngone %s", id)
	}
	if m.Rebalance {
		b.WriteString("\nrebalance")
	}
	for _, f := range m.Former {
		fmt.Fprintf(&b, "\nformer %s server %s expelled %t", f.ID, f.Server, f.Expelled)
	}
	return b.String()
}

func join(ids []NodeID) string { return strings.Trim(fmt.Sprint(ids), "[]") }

// String is what is stored, what is being stored, and who is heard how.
func (s State) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "coordinator %s at %v, listens since %v, calm since %v\n%v", s.self, s.now, s.began, s.calm, s.current)
	if s.pending != nil {
		fmt.Fprintf(&b, "\nstores map %d since %v", s.pending.Version, s.asked)
	}
	for _, p := range s.peers {
		fmt.Fprintf(&b, "\nheard %s at %v, map %d of cluster %q", p.report.Node.ID, p.heard, p.report.Map, p.report.Cluster)
		if p.report.Leaving {
			b.WriteString(", leaving")
		}
		for i := range p.report.Partitions {
			b.WriteString("\n  " + p.report.Partitions[i].String())
		}
	}
	for i, w := range s.watches {
		fmt.Fprintf(&b, "\npartition %d: term %d led at %v, tries %d", i, w.term, w.led, w.tries)
		if len(w.servers) > 0 {
			fmt.Fprintf(&b, ", on %v, settled %t", w.servers, w.settled)
		}
	}
	for _, w := range s.wishes {
		fmt.Fprintf(&b, "\nwish %d: %s", w.id, w.Verb)
	}
	for _, a := range s.absences {
		fmt.Fprintf(&b, "\nsilent %s since %v", a.id, a.since)
	}
	for _, text := range slices.Concat(s.told) {
		b.WriteString("\ncomplains: " + text)
	}
	return b.String()
}

// String is one line.
func (r PartitionReport) String() string {
	text := fmt.Sprintf("%d %s term %d epoch %d applied %d", r.Partition, r.Role, r.Term, r.Epoch, r.Applied)
	if r.Tail != 0 {
		text += fmt.Sprintf(" tail %d", r.Tail)
	}
	if r.Stuck != 0 {
		text += fmt.Sprintf(" stuck %v", r.Stuck)
	}
	if r.StreamLeader {
		text += " stream"
	}
	if r.Why != "" {
		text += fmt.Sprintf(" why %q", r.Why)
	}
	return text
}

// String is the whole map.
func (a Store) String() string { return "store " + a.Map.String() }

// String is one line.
func (a Steer) String() string { return fmt.Sprintf("steer partition %d to %s", a.Partition, a.To) }

// String is one line.
func (a Relocate) String() string {
	what := fmt.Sprintf("relocate partition %d to %s", a.Partition, join(a.Wanted))
	if a.Look {
		what = fmt.Sprintf("locate partition %d, is it on %s", a.Partition, join(a.Wanted))
	}
	if a.Clear {
		what += ", without the consumer that it waits for"
	}
	return what
}

// String is one line.
func (a Vacate) String() string { return fmt.Sprintf("vacate %s", a.Node) }

// String is one line.
func (a Expel) String() string { return "expel " + a.Server }

// String is one line.
func (a Answer) String() string {
	if a.Refusal == "" {
		return fmt.Sprintf("answer %d: granted", a.ID)
	}
	return fmt.Sprintf("answer %d: refused: %s", a.ID, a.Refusal)
}

// String is one line.
func (a Note) String() string { return "note " + a.Text }
