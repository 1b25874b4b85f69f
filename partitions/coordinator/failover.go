package coordinator

import (
	"fmt"
	"slices"
	"time"
)

// watch keeps what is remembered of the namings up to date.
func (t *turn) watch() {
	if t.current == nil {
		return
	}
	if t.hearsMost() {
		t.most = t.now
	} else {
		t.began = t.now
	}
	next := make([]watch, len(t.current.Partitions))
	copy(next, t.watches)
	for i := range next {
		w, part := &next[i], &t.current.Partitions[i]
		if w.term != part.Term {
			w.term, w.led, w.tries = part.Term, t.now, w.tries+1
		}
		if w.move != part.Move { // what was found before says nothing
			w.move, w.moves, w.servers, w.settled, w.waits, w.relocates = part.Move, t.now, nil, false, "", false
		}
		if p := t.peerOf(part.Primary); p != nil && part.isLedBy(p.report.partition(i)) && p.heard >= w.led {
			w.led, w.tries = p.heard, 0
			if w.vain == part.Primary {
				w.vain = ""
			}
			w.measure(p.report.partition(i), p.heard)
		}
	}
	t.watches = next
}

// isLedBy tells whether the named node does what it was named for. One that follows an older naming may be about to hand over; one
// of an older epoch was deposed and does not know it.
func (p *Partition) isLedBy(r *PartitionReport) bool {
	return r != nil && r.Role == RolePrimary && r.Term >= p.Term && r.Epoch >= p.Epoch
}

// patience is how long the named node of partition i may take until it leads. It grows with each naming in
// vain: when it is the log that does not answer, naming others cures nothing.
func (t *turn) patience(i int) time.Duration {
	if t.current.Partitions[i].Epoch == 0 {
		return 4 * promoteAfter // it makes the stream
	}
	return promoteAfter << min(max(t.watches[i].tries-1, 0), 2)
}

// followEpochs takes over the highest epoch that a holder reports.
func (t *turn) followEpochs() {
	for i := range t.current.Partitions {
		part := &t.next().Partitions[i]
		epoch := part.Epoch
		for _, id := range part.Holders {
			if r := t.holding(id, i); r != nil {
				epoch = max(epoch, r.Epoch)
			}
		}
		if epoch > part.Epoch {
			t.edit().Partitions[i].Epoch = epoch
		}
	}
}

// failover names another where the named primary is unfit.
func (t *turn) failover() {
	if t.now-t.most >= t.settings.SilentAfter {
		t.wrong("most nodes are silent: nobody is replaced until a majority is heard")
	}
	for i := range t.current.Partitions {
		part := &t.next().Partitions[i]
		if part.Term != t.current.Partitions[i].Term {
			continue // an operator's wish of this turn
		}
		why := t.unfit(i)
		if why == "" {
			continue
		}
		heir := t.heir(i, part.Primary)
		if heir == "" {
			t.wrong(fmt.Sprintf("partition %d: its primary %s %s, and no other node that holds a copy can lead", i, part.Primary, why))
			continue
		}
		t.note(fmt.Sprintf("partition %d: %s is to lead, because %s %s", i, heir, part.Primary, why))
		if why == notPrimary {
			t.watches[i].vain = part.Primary
		}
		t.name(i, heir, false)
	}
}

// notPrimary is why somebody is replaced who was named, and lives, and does not lead.
const notPrimary = "does not become primary"

// unfit says why the primary of partition i should be another one, empty when it should not.
func (t *turn) unfit(i int) string {
	part := &t.current.Partitions[i]
	r := t.live(part.Primary)
	if r == nil {
		if t.isSilent(part.Primary) {
			return "is silent"
		}
		return ""
	}
	at := t.holding(part.Primary, i)
	switch {
	case r.Leaving:
		return "is leaving"
	case at != nil && at.Role == RoleStopped:
		return "has stopped: " + at.Why
	case part.isLedBy(at) && at.Stuck > t.settings.StuckAfter:
		return "has an append without an outcome"
	case t.now-max(t.watches[i].led, t.began) >= t.patience(i):
		return notPrimary
	}
	return ""
}

// heir is the best node to lead partition i but not: the one with the most of the log, then the one whose node leads the stream,
// then the lowest identity; empty when there is none. Which one it is matters only for how soon it leads.
func (t *turn) heir(i int, not NodeID) NodeID {
	var best NodeID
	var with PartitionReport
	move := t.current.Partitions[i].Move
	holders := slices.Sorted(slices.Values(t.current.Partitions[i].Holders))
	for _, id := range holders {
		if id == not || t.whyNotLead(id, i) != "" {
			continue
		}
		if best != "" && best != move.From && best != move.To && (id == move.From || id == move.To) {
			continue // another copy stays where it is
		}
		r := PartitionReport{Partition: i}
		if at := t.holding(id, i); at != nil {
			r = *at
		}
		if best == "" || isBetter(&r, &with) {
			best, with = id, r
		}
	}
	return best
}

func isBetter(a, b *PartitionReport) bool {
	if a.Epoch != b.Epoch {
		return a.Epoch > b.Epoch
	}
	if a.Applied != b.Applied {
		return a.Applied > b.Applied
	}
	return a.StreamLeader && !b.StreamLeader
}

// whyNotLead says why a holder of partition i cannot be named, empty when it can.
func (t *turn) whyNotLead(id NodeID, i int) string {
	r := t.live(id)
	switch {
	case r == nil:
		return "is not heard: start it"
	case r.Leaving:
		return "is leaving: start it again"
	case r.Cluster != t.current.Cluster:
		return "does not follow the cluster map yet: try again"
	}
	at := r.partition(i)
	switch {
	case at == nil && t.current.Partitions[i].Epoch == 0:
		return "" // nobody has anything yet
	case at == nil:
		return "does not have the partition yet: try again"
	case at.Role == RoleStopped:
		return "has stopped the partition: " + at.Why
	case at.Role == RoleSeeding && t.current.Partitions[i].Epoch != 0: // before its first epoch there is nothing to be filled with
		return "is still being filled: try again"
	}
	return ""
}

// name makes a node the one that is to lead partition i.
func (t *turn) name(i int, id NodeID, pinned bool) {
	part := &t.edit().Partitions[i]
	part.Primary, part.Term, part.Pinned = id, part.Term+1, pinned
}
