package coordinator

import (
	"fmt"
	"slices"
	"time"
)

// maxFormer is how many removed nodes are remembered whose servers have left.
const maxFormer = 64

// absence is since when a node of the map is silent.
type absence struct {
	id    NodeID
	since time.Duration
}

// depart finds out who is gone, and who is back.
func (t *turn) depart() {
	if !t.hearsMost() {
		t.absences = nil // it is this node that is away
		return
	}
	var next []absence
	for i := range t.current.Nodes {
		id := t.current.Nodes[i].ID
		if t.live(id) != nil {
			t.isBack(id)
			continue
		}
		if !t.isSilent(id) {
			continue
		}
		a := absence{id, t.now}
		if known := slices.IndexFunc(t.absences, func(a absence) bool { return a.id == id }); known >= 0 {
			a = t.absences[known]
		}
		next = append(next, a)
		if after := t.settings.GoneAfter; after > 0 && t.now-a.since >= after {
			t.isGone(id, fmt.Sprintf("it is silent for %v", after))
		}
	}
	t.absences = next
}

// isGone notes that the copies of a node are to be rebuilt elsewhere, unless it has just been removed.
func (t *turn) isGone(id NodeID, why string) {
	if _, found := t.next().find(id); !found {
		return
	}
	if i, found := slices.BinarySearch(t.next().Gone, id); !found {
		t.note(fmt.Sprintf("node %s is gone, its copies are rebuilt elsewhere: %s", id, why))
		m := t.edit()
		m.Gone = slices.Insert(m.Gone, i, id)
	}
}

func (t *turn) isBack(id NodeID) {
	if i, found := slices.BinarySearch(t.next().Gone, id); found {
		t.note(fmt.Sprintf("node %s is back", id))
		m := t.edit()
		m.Gone = slices.Delete(m.Gone, i, i+1)
	}
}

// sweep has servers emptied whose nodes hold nothing, and those expelled whose nodes were removed.
func (t *turn) sweep() {
	t.settle()
	if t.now-t.swept.live < sweepEvery {
		return
	}
	t.swept.live = t.now
	m := t.current
	for _, id := range m.Draining {
		if r := t.live(id); len(m.holds(id)) == 0 && r != nil && r.Streams > 0 {
			t.act(Vacate{Node: id})
		}
	}
	if t.now-t.swept.gone >= clearEvery {
		t.swept.gone = t.now
		for _, id := range m.Gone {
			if len(m.holds(id)) == 0 {
				t.act(Vacate{Node: id})
			}
		}
	}
	for i := range m.Former {
		if f := &m.Former[i]; !f.Expelled {
			t.act(Expel{Server: f.Server})
		}
	}
}

// settle notes which servers were expelled, and forgets the oldest of too many.
func (t *turn) settle() {
	expelled := t.expelled
	t.expelled = nil
	for i := range t.current.Former {
		f := &t.current.Former[i]
		if f.Expelled || !slices.Contains(expelled, f.Server) {
			continue
		}
		t.expelled = append(t.expelled, f.Server) // until it is stored
		t.edit().Former[i].Expelled = true
	}
	if m := t.next(); len(m.Former) > maxFormer && m.Former[0].Expelled {
		m := t.edit()
		m.Former = slices.Delete(m.Former, 0, 1)
	}
}

// IsFormer tells whether a node was removed from the cluster.
func (m *Map) IsFormer(id NodeID) bool {
	return slices.ContainsFunc(m.Former, func(f Former) bool { return f.ID == id })
}

// isExpelled tells whether the server of a node that was removed has left the meta group.
func (m *Map) isExpelled(id NodeID) bool {
	return slices.ContainsFunc(m.Former, func(f Former) bool { return f.ID == id && f.Expelled })
}

// isDrained tells whether nothing lies on a node any more, and nothing is to.
func (t *turn) isDrained(id NodeID) bool {
	r := t.live(id)
	return slices.Contains(t.current.Draining, id) && len(t.next().holds(id)) == 0 && r != nil && r.Streams == 0
}

func (t *turn) tryDrain(w *wish) (done bool, refusal string) {
	if _, found := t.current.find(w.Node); !found {
		return false, fmt.Sprintf("there is no node %s", w.Node)
	}
	if slices.Contains(t.current.Draining, w.Node) != w.Cancel {
		return true, ""
	}
	at, drains := slices.BinarySearch(t.next().Draining, w.Node)
	switch {
	case w.Cancel && drains:
		m := t.edit()
		m.Draining = slices.Delete(m.Draining, at, at+1)
	case !w.Cancel && !drains:
		if left := t.staying(w.Node); left < t.current.Copies {
			return false, fmt.Sprintf("%d copies need %d nodes, and without node %s there are %d that stay: start another one first",
				t.current.Copies, t.current.Copies, w.Node, left)
		}
		m := t.edit()
		m.Draining = slices.Insert(m.Draining, at, w.Node)
	}
	return false, ""
}

// staying is how many nodes may hold copies, without one.
func (t *turn) staying(without NodeID) (n int) {
	for i := range t.next().Nodes {
		if id := t.next().Nodes[i].ID; id != without && t.mayHold(id) {
			n++
		}
	}
	return n
}

func (t *turn) tryReplace(w *wish) (done bool, refusal string) {
	_, found := t.current.find(w.Node)
	switch {
	case !found:
		return false, fmt.Sprintf("there is no node %s", w.Node)
	case slices.Contains(t.current.Gone, w.Node):
		return true, ""
	case t.live(w.Node) != nil:
		return false, fmt.Sprintf("node %s is heard: drain it instead", w.Node)
	case !t.isSilent(w.Node):
		return false, fmt.Sprintf("node %s may be alive: try again in %v", w.Node, t.settings.SilentAfter)
	}
	t.isGone(w.Node, "an operator said so")
	return false, ""
}

func (t *turn) tryRebalance(w *wish) (done bool, refusal string) {
	if t.current.Rebalance != w.Cancel || !w.tried && !w.Cancel && !t.isUneven() && t.isLevel() {
		return true, ""
	}
	if t.next().Rebalance == w.Cancel {
		t.edit().Rebalance = !w.Cancel
	}
	return false, ""
}
