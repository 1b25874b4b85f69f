package coordinator

import (
	"slices"
	"time"
)

// simShell is a coordinator on a node. There may be several at a time.
type simShell struct {
	*sim
	node    *simNode
	state   State
	retired bool
}

// newShell begins to coordinate on a node; the coordinators before may not know for a while.
func (s *sim) newShell(n *simNode) {
	if n.down || n.lost {
		return
	}
	for _, old := range s.shells {
		s.after(s.between(0, 3*time.Second), old.retire)
	}
	sh := &simShell{sim: s, node: n, state: New(s.settings, n.id)}
	s.shells = append(slices.Clip(s.shells), sh)
	s.say("%s coordinates", n.id)
	n.after(0, func() {
		sh.step(Learned{Now: n.clock(), Map: s.stored})
		sh.tick()
	})
}

func (sh *simShell) retire() {
	if sh.retired {
		return
	}
	sh.retired = true
	sh.say("%s no longer coordinates", sh.node.id)
	sh.shells = slices.DeleteFunc(slices.Clone(sh.shells), func(other *simShell) bool { return other == sh })
	if len(sh.shells) == 0 {
		sh.sim.after(sh.between(100*time.Millisecond, time.Second), sh.sim.needShell)
	}
}

func (s *sim) needShell() {
	if len(s.shells) > 0 {
		return
	}
	s.newShell(s.anyNode())
	if len(s.shells) == 0 {
		s.after(100*time.Millisecond, s.needShell)
	}
}

func (n *simNode) retireShells() {
	for _, sh := range n.shells {
		if sh.node == n {
			sh.retire()
		}
	}
}

func (sh *simShell) tick() {
	if sh.retired {
		return
	}
	sh.node.after(100*time.Millisecond, sh.tick)
	sh.step(Tick{Now: sh.node.clock()})
}

func (sh *simShell) step(e Event) {
	if sh.retired {
		return
	}
	state, actions := Step(sh.state, e)
	sh.state = state
	for _, a := range actions {
		if sh.trace != nil {
			sh.say("%s decides: %v", sh.node.id, a)
		}
		if relocate, ok := a.(Relocate); ok && !sh.node.noOut && !sh.isLost() {
			sh.sim.after(sh.travel(), func() { sh.relocate(relocate) })
		}
		if expel, ok := a.(Expel); ok && !sh.node.noOut && !sh.isLost() {
			sh.node.after(sh.travel(), func() { sh.step(Expelled{Now: sh.node.clock(), Server: expel.Server}) })
		}
		if store, ok := a.(Store); ok && !sh.node.noOut && !sh.isLost() {
			sh.sim.after(sh.travel(), func() { sh.store(store.Map) })
		}
	}
}

// store is the compare-and-set. Who asked learns what is stored, unless the answer is lost; the others may learn of it, too.
func (sh *simShell) store(m *Map) {
	version := uint64(0)
	if sh.stored != nil {
		version = sh.stored.Version
	}
	if m.Version == version+1 {
		sh.judgeMap(sh.stored, m)
		sh.stored = m
	}
	for _, other := range sh.shells {
		if !other.node.noIn && !sh.isLost() {
			other.node.after(sh.travel(), func() { other.step(Learned{Now: other.node.clock(), Map: sh.stored}) })
		}
	}
}

// wish is an operator who wants a partition to be led by a node; an empty one means another than now.
func (s *sim) wish(to NodeID) {
	if len(s.shells) == 0 {
		return
	}
	s.ask(Wish{Verb: WishFailover, Partition: s.IntN(len(s.logs)), To: to})
}
