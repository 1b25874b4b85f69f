package node

import (
	"testing"

	"shiplog/node/commands"
	"shiplog/partitions"
	"shiplog/partitions/coordinator"
	"shiplog/partitions/slot"
	"shiplog/wal"
)

const (
	idA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	idB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

// twoNodes is a map of two partitions: A shall lead the first, B the second.
func twoNodes() *coordinator.Map {
	m := &coordinator.Map{Version: 1, Copies: 2, Nodes: []coordinator.Node{{ID: idA, Host: "a", Port: 1}, {ID: idB, Host: "b", Port: 2}}}
	for i, r := range slot.Split(2) {
		m.Partitions = append(m.Partitions, coordinator.Partition{Slots: r, Holders: []coordinator.NodeID{idA, idB}, Primary: m.Nodes[i].ID, Term: 1})
	}
	return m
}

func TestRoutingKnowsThePartitionOfEachSlot(t *testing.T) {
	r := newRouting(nil, nil).follow(twoNodes(), nil)
	for id, want := range map[int]uint16{0: 0, 8191: 0, 8192: 1, slot.Count - 1: 1} {
		if got := r.partition[id]; got != want {
			t.Errorf("slot %d is of partition %d, want %d", id, got, want)
		}
	}
}

// Who leads is who says so with the highest epoch, and nobody while the map has named another.
func TestLeaderFollowsHeartbeatsAndTheMap(t *testing.T) {
	m := twoNodes()
	r := newRouting(nil, nil).follow(m, nil)
	a, b := m.Nodes[0], m.Nodes[1]
	expect := func(step string, want coordinator.NodeID) {
		t.Helper()
		if got, _ := r.leaderOf(0, nil); got.ID != want {
			t.Errorf("%s: %q leads, want %q", step, got.ID, want)
		}
	}
	l := r.leaders[0]
	expect("nobody has spoken", "")
	_, before := r.leaderOf(0, nil)
	l.hear(&a, 1)
	expect("A leads", idA)
	select {
	case <-before:
	default:
		t.Error("who waits for a leader is not told")
	}
	l.hear(&b, 0)
	expect("B speaks of an older epoch", idA)
	named := twoNodes()
	named.Version, named.Partitions[0].Primary, named.Partitions[0].Term = 2, idB, 2
	r = r.follow(named, nil)
	expect("the map has named B", "")
	l.hear(&b, 2)
	expect("B leads", idB)
	l.hear(&a, 1)
	expect("A does not know it yet", idB)
	l.notLeading(idA, 1)
	expect("A knows it", idB)
	l.notLeading(idB, 2)
	expect("B leads no more", "")
}

// A replica may see in its log who leads before a heartbeat says so.
func TestLogTellsTheLeader(t *testing.T) {
	m := twoNodes()
	r := newRouting(nil, nil).follow(m, nil)
	r.leaders[0].hear(&m.Nodes[0], 3)
	leader := func(b byte) (id wal.NodeID) {
		for i := range id {
			id[i] = b
		}
		return id
	}
	for name, c := range map[string]struct {
		standing *partitions.Standing
		want     coordinator.NodeID
	}{
		"no copy":              {nil, idA},
		"the log says more":    {&partitions.Standing{Role: partitions.Replica, Epoch: 4, Leader: leader(0xbb)}, idB},
		"the log says less":    {&partitions.Standing{Role: partitions.Replica, Epoch: 2, Leader: leader(0xbb)}, idA},
		"the log says as much": {&partitions.Standing{Role: partitions.Replica, Epoch: 3, Leader: leader(0xbb)}, idA},
		"the log says no one":  {&partitions.Standing{Role: partitions.Replica, Epoch: 4}, ""},
		"a stranger":           {&partitions.Standing{Role: partitions.Replica, Epoch: 4, Leader: leader(0xcc)}, ""},
		"being promoted":       {&partitions.Standing{Role: partitions.Promoted, Epoch: 4, Leader: leader(0xbb)}, ""},
		"handing over":         {&partitions.Standing{Role: partitions.Handing, Epoch: 4}, ""},
	} {
		if got, _ := r.leaderOf(0, c.standing); got.ID != c.want {
			t.Errorf("%s: %q leads, want %q", name, got.ID, c.want)
		}
	}
}

// A node that was started just now has old records before it.
func TestLogIsNotBelievedBeforeAHeartbeat(t *testing.T) {
	m := twoNodes()
	r := newRouting(nil, nil).follow(m, nil)
	old := &partitions.Standing{Role: partitions.Replica, Epoch: 4}
	for i := range old.Leader {
		old.Leader[i] = 0xbb
	}
	if got, _ := r.leaderOf(0, old); got.ID != "" {
		t.Errorf("%q leads, and nobody was heard", got.ID)
	}
	r.leaders[0].hear(&m.Nodes[0], 3)
	if got, _ := r.leaderOf(0, old); got.ID != idB {
		t.Errorf("%q leads, want %q", got.ID, idB)
	}
}

// Whoever is to lead sends nobody away, also while its log says that another one has just led.
func TestWhoIsToLeadSendsNobodyAway(t *testing.T) {
	m := twoNodes()
	r := newRouting(nil, nil).follow(m, nil)
	promoted := &partitions.Standing{Role: partitions.Promoted, Epoch: 4}
	follows := &partitions.Standing{Role: partitions.Replica, Epoch: 4, Leader: wal.NodeID{0xbb}}
	for _, tt := range []struct {
		name      string
		partition uint16
		standing  *partitions.Standing
		self      coordinator.NodeID
		want      bool
	}{
		{"it is named", 0, follows, idA, true},
		{"it is named and holds nothing yet", 0, nil, idA, true},
		{"another one is named", 1, follows, idA, false},
		{"another one is named after it was", 1, promoted, idA, true},
		{"it has no copy", 1, nil, idA, false},
	} {
		if got := r.isToLead(tt.partition, tt.standing, tt.self); got != tt.want {
			t.Errorf("%s: got %t", tt.name, got)
		}
	}
}

func TestSlotOf(t *testing.T) {
	table := commands.NewServer(commands.Config{Engine: &engine{}, Settings: NewSettings(mustLoad(t))}).Table()
	words := func(line ...string) (a commands.Args) {
		for _, w := range line {
			a = append(a, []byte(w))
		}
		return a
	}
	for _, c := range []struct {
		line           []string
		keyed, several bool
	}{
		{[]string{"get", "k"}, true, false},
		{[]string{"mget", "{t}a", "{t}b"}, true, false},
		{[]string{"mget", "a", "b"}, true, true},
		{[]string{"mset", "{t}a", "1", "{t}b", "2"}, true, false},
		{[]string{"rename", "a", "b"}, true, true},
		{[]string{"dbsize"}, false, false},
	} {
		a := words(c.line...)
		id, keyed, several := slotOf(table.Resolve(a), a)
		if keyed != c.keyed || several != c.several || keyed && id != slot.Of(a[1]) {
			t.Errorf("%v: slot %d, keyed %t, several %t", c.line, id, keyed, several)
		}
	}
}

func TestNodeIDOfTheMap(t *testing.T) {
	want := wal.NodeID{0xaa, 0xbb}
	for text, ok := range map[coordinator.NodeID]bool{
		"aabb000000000000000000000000000000000000": true, "": false, "aabb": false,
		"xxbb000000000000000000000000000000000000": false, "aabb00000000000000000000000000000000000000": false,
	} {
		if got := nodeID(text); ok && got != want || !ok && got != (wal.NodeID{}) {
			t.Errorf("%q is %x", text, got)
		}
	}
}
