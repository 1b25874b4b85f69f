package coordinator

import "slices"

// The streams of a script's cluster: which servers they lie on. Unless they are held, each Relocate takes one server that is wanted in and one that is not
// out, as JetStream does, and the coordinators learn where the stream lies then.

// lies is where a partition's stream lies.
func (r *rig) lies(p int) []NodeID {
	if r.streams == nil {
		r.streams = map[int][]NodeID{}
	}
	if r.streams[p] == nil {
		part := &r.stored.Partitions[p]
		r.streams[p] = slices.DeleteFunc(slices.Clone(part.Holders), func(id NodeID) bool { return part.Move != (Move{}) && id == part.Move.To })
	}
	return r.streams[p]
}

func (r *rig) relocate(by string, a Relocate) {
	on := slices.Clone(r.lies(a.Partition))
	missing := slices.IndexFunc(a.Wanted, func(id NodeID) bool { return !slices.Contains(on, id) })
	extra := slices.IndexFunc(on, func(id NodeID) bool { return !slices.Contains(a.Wanted, id) })
	if !r.heldStreams && !a.Look && missing >= 0 && extra >= 0 {
		on[extra] = a.Wanted[missing]
		r.streams[a.Partition] = on
	}
	servers := make([]string, len(on))
	for i, id := range on {
		servers[i] = "s-" + string(id)
	}
	e := Located{Now: r.now, Partition: a.Partition, Servers: servers, Settled: true}
	if r.streamWaits != "" {
		e.Settled, e.Waits = false, r.streamWaits
	}
	r.feed(by, e)
}

// streamsOn is how many streams a node's server has a part of.
func (r *rig) streamsOn(id NodeID) (n int) {
	for p := range r.streams {
		if slices.Contains(r.streams[p], id) {
			n++
		}
	}
	return n
}

// sweep does what Vacate and Expel ask for.
func (r *rig) sweep(by string, a Action) {
	switch a := a.(type) {
	case Vacate:
		r.node(string(a.Node)).report.Streams = 0
	case Expel:
		r.feed(by, Expelled{Now: r.now, Server: a.Server})
	}
}
