package coordinator

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// FuzzStep feeds a coordinator with any events in any order and holds what must be true of every step.
func FuzzStep(f *testing.F) {
	f.Add([]byte{})
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 1))
		data := make([]byte, 600)
		for i := range data {
			data[i] = byte(random.Uint32())
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		first, again := &fuzzed{t: t, data: data}, &fuzzed{t: t, data: data}
		first.play()
		again.play()
		if !slices.Equal(first.actions, again.actions) {
			t.Error("the same events gave other actions")
		}
	})
}

// fuzzed is one coordinator with a store whose answers may be late or missing.
type fuzzed struct {
	t       *testing.T
	data    []byte
	now     time.Duration
	state   State
	stored  *Map
	given   []*Map   // all maps that went in or came out
	printed []string // and how they looked then
	actions []string
	unknown bool // a Store is unanswered
	asked   time.Duration
}

func (f *fuzzed) byte() byte {
	if len(f.data) == 0 {
		return 0
	}
	b := f.data[0]
	f.data = f.data[1:]
	return b
}

func (f *fuzzed) play() {
	f.state = New(Settings{
		SilentAfter: time.Second, StuckAfter: 2 * time.Second, Expect: 3, Cluster: "c1", Partitions: 4, Copies: 3,
		Balance: true, BalanceAfter: 3 * time.Second, GoneAfter: 4 * time.Second,
	}, "a")
	for len(f.data) > 0 {
		f.step(f.event())
	}
	for i, m := range f.given {
		if got := m.String(); got != f.printed[i] {
			f.t.Errorf("a map was changed after it was given away, to %s\nfrom %s", got, f.printed[i])
		}
	}
}

func (f *fuzzed) event() Event {
	b := f.byte()
	f.now += time.Duration(b>>4) * 20 * time.Millisecond
	switch b % 16 {
	case 0, 1, 2:
		f.now += time.Duration(f.byte()) * 2 * time.Millisecond
		return Tick{Now: f.now}
	case 3:
		return Learned{Now: f.now, Map: f.give(f.stored)}
	case 4:
		f.meddle()
		return Tick{Now: f.now}
	case 5:
		return Asked{Now: f.now, ID: uint64(b), Wish: f.wish()}
	case 6:
		return f.located()
	}
	return Heard{Now: f.now, Report: f.report()}
}

// located says anything about a stream, often what is wanted, or that a server has left.
func (f *fuzzed) located() Event {
	b := f.byte()
	if f.stored == nil || b > 240 {
		return Expelled{Now: f.now, Server: "s-" + string(f.id())}
	}
	p := int(b) % len(f.stored.Partitions)
	e := Located{Now: f.now, Partition: p, Settled: b&64 == 0}
	for _, id := range f.stored.Partitions[p].Wanted() {
		if f.byte()%8 == 0 {
			id = f.id()
		}
		e.Servers = append(e.Servers, "s-"+string(id))
	}
	return e
}

func (f *fuzzed) id() NodeID {
	b := f.byte()
	if b > 245 {
		return ""
	}
	return NodeID(rune('a' + b%5))
}

func (f *fuzzed) wish() Wish {
	verbs := []string{WishCreate, WishFailover, WishFailover, WishForget, "dance", WishDrain, WishReplace, WishRebalance, WishDrain, WishForget}
	return Wish{
		Verb: verbs[int(f.byte())%len(verbs)], Partition: int(f.byte()%6) - 1, To: []NodeID{"", f.id()}[f.byte()%2], Node: f.id(), All: f.byte()%4 == 0,
		Cancel: f.byte()%4 == 0,
	}
}

func (f *fuzzed) report() Report {
	id := f.id()
	r := Report{Node: Node{ID: id, Server: "s-" + string(id), Port: 7000 + int(f.byte()/250)}, Leaving: f.byte()%16 == 0, Streams: int(f.byte() & 1)}
	if f.stored == nil || f.byte()%8 == 0 {
		return r
	}
	r.Cluster, r.Map = f.stored.Cluster, f.stored.Version
	if f.byte()%32 == 0 {
		r.Cluster = "other"
	}
	roles := []Role{RolePrimary, RoleReplica, RoleReplica, RolePromoted, RoleHanding, RoleSeeding, RoleStopped, RoleReplica}
	for p := range f.stored.Partitions {
		part, b := &f.stored.Partitions[p], f.byte()
		at := PartitionReport{Partition: p, Role: roles[b>>5], Term: part.Term, Epoch: part.Epoch + uint64(b&1), Applied: uint64(b % 7), StreamLeader: b&2 != 0}
		if b&4 != 0 {
			at.Role = RoleReplica
			if part.Primary == r.Node.ID {
				at.Role = RolePrimary
			}
		}
		at.Load, at.CPU = float64(b>>3)*100, float64(b&3)
		at.Stuck = time.Duration(f.byte()) * 10 * time.Millisecond
		at.LogBehind = b&24 == 24
		r.Partitions = append(r.Partitions, at)
	}
	return r
}

// meddle is another coordinator's change.
func (f *fuzzed) meddle() {
	if f.stored == nil {
		return
	}
	m := f.stored.clone()
	m.Version++
	part := &m.Partitions[int(f.byte())%len(m.Partitions)]
	part.Primary, part.Term = part.Holders[int(f.byte())%len(part.Holders)], part.Term+1
	f.stored = m
}

func (f *fuzzed) give(m *Map) *Map {
	if m != nil {
		f.given, f.printed = append(f.given, m), append(f.printed, m.String())
	}
	return m
}

func (f *fuzzed) step(e Event) {
	was := f.state
	before := was.String()
	next, actions := Step(f.state, e)
	if was.String() != before {
		f.t.Fatalf("%T changed the state before it, from\n%s\nto\n%s", e, before, was)
	}
	if learned, ok := e.(Learned); ok && (was.current == nil || learned.Map != nil && learned.Map.Version >= was.current.Version) {
		f.unknown = false
	}
	f.state = next
	for _, a := range actions {
		f.actions = append(f.actions, fmt.Sprint(a))
		switch a := a.(type) {
		case Store:
			f.checkStore(a.Map)
			f.answer(a.Map)
		case Steer:
			if part := f.state.Known().Partitions[a.Partition]; part.Primary != a.To {
				f.t.Errorf("steers partition %d to %s, which is not its primary", a.Partition, a.To)
			}
		}
	}
}

// answer stores a map or not, and tells the coordinator at once or not.
func (f *fuzzed) answer(m *Map) {
	f.give(m)
	f.unknown, f.asked = true, f.now
	b := f.byte()
	version := uint64(0)
	if f.stored != nil {
		version = f.stored.Version
	}
	if m.Version == version+1 && b&1 == 0 {
		f.stored = m
	}
	if b&6 != 0 {
		f.step(Learned{Now: f.now, Map: f.give(f.stored)})
	}
}

func (f *fuzzed) checkStore(m *Map) {
	known := f.state.Known()
	faults := m.faults()
	switch {
	case f.unknown && f.now-f.asked < storeAfter:
		faults = append(faults, "stores while a Store is unanswered")
	case known == nil:
		if m.Version != 1 {
			faults = append(faults, "the first map is not version 1")
		}
		faults = append(faults, m.unevenness()...)
	default:
		faults = append(faults, changesBadly(known, m)...)
	}
	if len(faults) > 0 {
		f.t.Fatalf("%q\nfrom %v\nto %v", faults, known, m)
	}
}

// changesBadly is what must not be in the way from one map to the next.
func changesBadly(from, to *Map) (faults []string) {
	if to.Version != from.Version+1 || to.Cluster != from.Cluster || to.Copies != from.Copies || len(to.Partitions) != len(from.Partitions) {
		return []string{"not the next map of this cluster"}
	}
	if to.String()[len("map 1"):] == from.String()[len("map 1"):] {
		faults = append(faults, "nothing changes")
	}
	for i := range to.Partitions {
		a, b := &from.Partitions[i], &to.Partitions[i]
		raised := uint64(0)
		if a.Primary != b.Primary {
			raised = 1
		}
		if b.Term != a.Term+raised {
			faults = append(faults, fmt.Sprintf("partition %d: term %d follows %d", i, b.Term, a.Term))
		}
		if !movesWell(a, b) || a.Slots != b.Slots || b.Epoch < a.Epoch {
			faults = append(faults, fmt.Sprintf("partition %d: holders, slots or epoch", i))
		}
	}
	if moves := to.moves(""); moves > maxMoves {
		faults = append(faults, fmt.Sprintf("%d copies move at once", moves))
	}
	for i := range from.Nodes {
		if id := from.Nodes[i].ID; !slices.ContainsFunc(to.Nodes, func(n Node) bool { return n.ID == id }) && (!to.IsFormer(id) || len(from.holds(id)) > 0) {
			faults = append(faults, fmt.Sprintf("node %s is lost", id))
		}
	}
	return faults
}

// movesWell tells whether a partition's holders change as a move begins, is diverted, is turned round or ends.
func movesWell(from, to *Partition) bool {
	none := Move{}
	plus := func(ids []NodeID, id NodeID) []NodeID {
		return slices.Sorted(slices.Values(append(slices.Clone(ids), id)))
	}
	a, b := from.Wanted(), to.Wanted()
	slices.Sort(a)
	slices.Sort(b)
	stay := slices.DeleteFunc(slices.Clone(from.Holders), func(id NodeID) bool { return id == from.Move.To || id == from.Move.From })
	slices.Sort(stay)
	switch {
	case from.Move == to.Move:
		return slices.Equal(from.Holders, to.Holders)
	case from.Move == none: // begins
		return slices.Equal(slices.Sorted(slices.Values(to.Holders)), plus(from.Holders, to.Move.To)) && slices.Contains(from.Holders, to.Move.From)
	case to.Move == none: // ends
		return slices.Equal(a, b) && from.Primary != from.Move.From
	case to.Move == Move{To: from.Move.From, From: from.Move.To}: // is turned round
		return slices.Equal(slices.Sorted(slices.Values(to.Holders)), slices.Sorted(slices.Values(from.Holders)))
	}
	return to.Move.From == from.Move.From && from.Primary != from.Move.To && slices.Equal(b, plus(stay, to.Move.To))
}
