package coordinator

import (
	"fmt"
	"slices"
)

// wish is an operator's wish that is not answered. It is answered when the map that is stored grants it; so a
// wish whose Store lost to another coordinator's is tried again.
type wish struct {
	id uint64
	Wish
	tried bool
}

// ask takes a wish into the queue.
func (t *turn) ask(a Asked) {
	if len(t.wishes) >= maxWishes {
		t.act(Answer{ID: a.ID, Refusal: "too many wishes at once: try again"})
		return
	}
	t.wishes = append(slices.Clip(t.wishes), wish{id: a.ID, Wish: a.Wish})
}

// grant answers the wishes that are fulfilled or cannot be, and puts the others into the draft.
func (t *turn) grant() {
	if len(t.wishes) == 0 {
		return
	}
	var open []wish
	for _, w := range t.wishes {
		done, refusal := t.try(&w)
		if done || refusal != "" {
			t.act(Answer{ID: w.id, Refusal: refusal})
			continue
		}
		w.tried = true
		open = append(open, w)
	}
	t.wishes = open
}

// try tells whether a wish is fulfilled by the map that is stored; if not it changes the draft so that it will be.
func (t *turn) try(w *wish) (done bool, refusal string) {
	if w.Verb == WishCreate {
		return t.tryCreate(w)
	}
	if t.current == nil {
		return false, "there is no cluster: create it first"
	}
	switch w.Verb {
	case WishFailover:
		if w.All {
			return t.tryFailoverAll(w)
		}
		return t.tryFailover(w)
	case WishForget:
		return t.tryForget(w)
	case WishDrain:
		return t.tryDrain(w)
	case WishReplace:
		return t.tryReplace(w)
	case WishRebalance:
		return t.tryRebalance(w)
	}
	return false, fmt.Sprintf("unknown wish %q", w.Verb)
}

func (t *turn) tryCreate(w *wish) (done bool, refusal string) {
	w.Wish = w.filled(t.settings)
	switch {
	case t.current != nil && w.tried && t.current.Cluster == w.Cluster:
		return true, ""
	case t.next() != nil:
		return false, fmt.Sprintf("cluster %s exists: nodes that are started with its secret join it by themselves", t.next().Cluster)
	}
	return false, t.create(w.Wish)
}

func (t *turn) tryFailover(w *wish) (done bool, refusal string) {
	if w.Partition < 0 || w.Partition >= len(t.current.Partitions) {
		return false, fmt.Sprintf("there is no partition %d: ask for 0 to %d", w.Partition, len(t.current.Partitions)-1)
	}
	part := &t.next().Partitions[w.Partition]
	if w.To == "" {
		if w.To = t.heir(w.Partition, part.Primary); w.To == "" {
			return false, fmt.Sprintf("no replica of partition %d can lead: start the nodes that hold it", w.Partition)
		}
	}
	if stored := &t.current.Partitions[w.Partition]; stored.Primary == w.To && stored.Pinned {
		return true, ""
	}
	if !slices.Contains(part.Holders, w.To) {
		return false, fmt.Sprintf("node %s holds no copy of partition %d: ask for one of %v", w.To, w.Partition, part.Holders)
	}
	if part.Primary == w.To {
		t.edit().Partitions[w.Partition].Pinned = true
		return false, ""
	}
	if why := t.whyNotLead(w.To, w.Partition); why != "" {
		return false, fmt.Sprintf("node %s %s", w.To, why)
	}
	t.name(w.Partition, w.To, true)
	return false, ""
}

// tryFailoverAll is tryFailover for all partitions that a node holds: all or none of them.
func (t *turn) tryFailoverAll(w *wish) (done bool, refusal string) {
	if _, found := t.current.find(w.Node); !found {
		return false, fmt.Sprintf("there is no node %s", w.Node)
	}
	draft := t.draft
	if draft != nil {
		draft = draft.clone()
	}
	done = true
	for _, p := range t.current.holds(w.Node) {
		one, refusal := t.tryFailover(&wish{Wish: Wish{Partition: p, To: w.Node}})
		if refusal != "" {
			t.draft = draft
			return false, fmt.Sprintf("partition %d: %s", p, refusal)
		}
		done = done && one
	}
	return done, ""
}

func (t *turn) tryForget(w *wish) (done bool, refusal string) {
	if _, stored := t.current.find(w.Node); !stored {
		if !t.current.IsFormer(w.Node) {
			return false, fmt.Sprintf("there is no node %s", w.Node)
		}
		// While its server counts in JetStream's group, the loss of others may cost the majority.
		return t.current.isExpelled(w.Node), ""
	}
	held := t.next().holds(w.Node)
	switch {
	case len(held) > 0:
		return false, fmt.Sprintf("node %s holds copies of %d partitions: drain it first, or have it replaced if it is dead (shiplog cluster drain, replace)",
			w.Node, len(held))
	case t.isDrained(w.Node):
	case t.live(w.Node) != nil:
		return false, fmt.Sprintf("node %s is heard: drain it, or stop it first", w.Node)
	case !t.isSilent(w.Node):
		return false, fmt.Sprintf("node %s may be alive: try again in %v", w.Node, t.settings.SilentAfter)
	}
	t.remove(w.Node)
	return false, ""
}

// remove takes a node out of the map, for good.
func (t *turn) remove(id NodeID) {
	i, found := t.next().find(id)
	if !found {
		return
	}
	m := t.edit()
	m.Former = append(m.Former, Former{ID: id, Server: m.Nodes[i].Server})
	m.Nodes = slices.Delete(m.Nodes, i, i+1)
	isIt := func(other NodeID) bool { return other == id }
	m.Draining, m.Gone = slices.DeleteFunc(m.Draining, isIt), slices.DeleteFunc(m.Gone, isIt)
	t.note(fmt.Sprintf("node %s is removed", id))
}
