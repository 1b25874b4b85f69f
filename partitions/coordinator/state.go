package coordinator

import (
	"slices"
	"strings"
	"time"
)

// Patience that is not for operators to set.
const (
	promoteAfter = 5 * time.Second  // whoever is named leads within so long, or another is named
	storeAfter   = 5 * time.Second  // a Store that is not answered within so long is given up
	steerAfter   = 3 * time.Second  // between two attempts to steer one stream
	forgetAfter  = 60 * time.Second // what a silent node has reported is of no use any more
	nearTail     = 1000             // so many records behind its primary a replica still counts as caught up
	maxWishes    = 64               // that wait for their Store; more are refused
	maxCopies    = 5                // JetStream's limit
)

// State is all that a coordinator knows. It is a value: Step leaves the one that it was given as it was.
type State struct {
	settings Settings
	self     NodeID
	running  bool          // an event was seen
	now      time.Duration // of the newest event
	began    time.Duration // it has listened since; silence before does not count

	most time.Duration // when most nodes were live

	learned bool // what is stored is known
	current *Map // what is stored; nil: nothing
	pending *Map // what is being stored; nil: nothing
	asked   time.Duration

	peers    []*peer // who was heard, in the order of their identities
	watches  []watch // one for each partition of current
	wishes   []wish  // that are not answered yet, in the order they came
	calm     time.Duration
	rests    time.Duration // until then no move begins that can wait
	absences []absence     // nodes of current that are silent
	expelled []string      // servers that have left the meta group, until the map says so
	swept    sweeps
	loads    loads

	told []string // complaints that operators have been told and that still hold
}

// sweeps is when servers were last asked to be emptied or expelled: those of nodes that live, and of those that are gone.
type sweeps struct{ live, gone time.Duration }

// loads is what is remembered of all load together.
type loads struct {
	uneven time.Duration // it has been since
	last   time.Duration // there was some, if met
	met    bool
}

// peer is a node that was heard; it is never changed.
type peer struct {
	report Report
	heard  time.Duration
}

// watch is what is remembered of a partition's newest naming.
type watch struct {
	term    uint64
	led     time.Duration // when the named one was last heard as primary; the naming counts too
	tries   int           // namings since a primary was last heard
	steered time.Duration
	steers  bool // steered holds a time
	flow    flow
	shifted time.Duration // when it was handed over for its load, the newest of shifts
	shifts  int

	vain NodeID // was named and did not become primary: copies are not led there

	move      Move          // that the following is of
	moves     time.Duration // since when it is known
	servers   []string      // where the stream was found last
	settled   bool          // and no change was under way
	waits     string        // what that waited for
	waited    time.Duration // since when it is that
	relocated time.Duration // when a Relocate was asked for
	relocates bool          // relocated holds a time
}

// New is a coordinator on the node self that knows nothing yet. It decides nothing before its first Learned, and declares nobody
// dead before it has listened for SilentAfter. All settings are needed but those that say what 0 means.
func New(settings Settings, self NodeID) State {
	return State{settings: settings, self: self}
}

// Known is the map that is stored as far as the coordinator knows, nil when there is none. It must not be changed.
func (s State) Known() *Map { return s.current }

// peerOf is the newest report of a node of this cluster, nil when there is none. A node without a
// cluster, which has just started, counts; one of another cluster does not.
func (s *State) peerOf(id NodeID) *peer {
	i, found := slices.BinarySearchFunc(s.peers, id, func(p *peer, id NodeID) int {
		return strings.Compare(string(p.report.Node.ID), string(id))
	})
	if !found || s.isForeign(&s.peers[i].report) {
		return nil
	}
	return s.peers[i]
}

func (s *State) isForeign(r *Report) bool {
	return s.current != nil && r.Cluster != "" && r.Cluster != s.current.Cluster
}

// live is the newest report of a node that was heard lately, nil otherwise.
func (s *State) live(id NodeID) *Report {
	p := s.peerOf(id)
	if p == nil || s.isLate(p) {
		return nil
	}
	return &p.report
}

func (s *State) isLate(p *peer) bool { return s.now-p.heard >= s.settings.SilentAfter }

// isSilent tells whether a node counts as dead. It is not the opposite of live: a node that was never
// heard is neither, until the coordinator has listened for long enough.
func (s *State) isSilent(id NodeID) bool {
	return s.live(id) == nil && s.now-s.began >= s.settings.SilentAfter
}

// hearsMost tells whether most nodes of the map are live. If not, it is probably this node that is cut off, and
// it could not have a map stored anyway: then nobody counts as dead.
func (s *State) hearsMost() bool {
	heard := 0
	for i := range s.current.Nodes {
		if s.live(s.current.Nodes[i].ID) != nil {
			heard++
		}
	}
	return heard*2 > len(s.current.Nodes)
}

// partition is what r says of partition p, nil when nothing.
func (r *Report) partition(p int) *PartitionReport {
	if p < len(r.Partitions) && r.Partitions[p].Partition == p {
		return &r.Partitions[p]
	}
	for i := range r.Partitions {
		if r.Partitions[i].Partition == p {
			return &r.Partitions[i]
		}
	}
	return nil
}

// holding is what a live node of this map's cluster says of partition p, nil when nothing.
func (s *State) holding(id NodeID, p int) *PartitionReport {
	r := s.live(id)
	if r == nil || r.Cluster != s.current.Cluster {
		return nil
	}
	return r.partition(p)
}
