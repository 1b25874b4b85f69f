package cluster

import (
	"context"
	"log/slog"
	"math"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"

	"shiplog/partitions/coordinator"
)

func TestLead(t *testing.T) {
	says := func(i int, role coordinator.Role, partition int, epoch uint64) coordinator.Report {
		return coordinator.Report{Node: nodeOf(i), Partitions: []coordinator.PartitionReport{{Partition: partition, Role: role, Epoch: epoch}}}
	}
	for _, tt := range []struct {
		name    string
		reports []coordinator.Report
		want    []Leader
	}{
		{"nobody", []coordinator.Report{says(0, coordinator.RoleReplica, 0, 5), says(1, coordinator.RolePromoted, 0, 6)}, nil},
		{"one", []coordinator.Report{says(0, coordinator.RolePrimary, 1, 5)}, []Leader{{}, {id(0), 5}}},
		{"the newest", []coordinator.Report{says(0, coordinator.RolePrimary, 0, 5), says(1, coordinator.RolePrimary, 0, 6), says(0, coordinator.RolePrimary, 0, 5)}, []Leader{{id(1), 6}}},
		{"who was it", []coordinator.Report{says(0, coordinator.RolePrimary, 0, 5), says(0, coordinator.RoleReplica, 0, 5)}, []Leader{{id(0), 5}}},
		{"two at once", []coordinator.Report{says(1, coordinator.RolePrimary, 0, 5), says(0, coordinator.RolePrimary, 0, 5)}, []Leader{{id(0), 5}}},
	} {
		var got []Leader
		for i := range tt.reports {
			before := append([]Leader(nil), got...)
			given := got
			got = lead(got, &tt.reports[i])
			if !reflect.DeepEqual(append([]Leader(nil), given...), before) {
				t.Errorf("%s: what was given away was changed", tt.name)
			}
		}
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestSilent(t *testing.T) {
	v := View{Began: 10 * time.Second, SilentAfter: time.Second}
	for at, i := range []int{2, 0, 2} {
		next, heard := v.hear(coordinator.Report{Node: nodeOf(i)}, 10*time.Second+time.Duration(at)*100*time.Millisecond, nil)
		if !heard {
			t.Fatal("not heard")
		}
		v = next
	}
	for _, tt := range []struct {
		at   time.Duration
		want [3]bool
	}{
		{10900 * time.Millisecond, [3]bool{}},
		{11000 * time.Millisecond, [3]bool{false, true, false}},
		{11100 * time.Millisecond, [3]bool{true, true, false}},
		{11200 * time.Millisecond, [3]bool{true, true, true}},
	} {
		v.Now = tt.at
		reports := 0
		for i := range tt.want {
			if got := v.Silent(id(i)); got != tt.want[i] {
				t.Errorf("at %v node %d silent = %t", tt.at, i, got)
			}
			if !tt.want[i] && v.Peer(id(i)) != nil {
				reports++
			}
		}
		if got := len(v.Reports()); got != reports {
			t.Errorf("at %v %d reports, want %d", tt.at, got, reports)
		}
	}
}

// A node that is gone is forgotten, unless it is in the map; and strangers cannot fill the memory.
func TestForget(t *testing.T) {
	v := View{SilentAfter: time.Second}
	for i := range maxNodes {
		v, _ = v.hear(coordinator.Report{Node: nodeOf(i)}, 0, nil)
	}
	if next, heard := v.hear(coordinator.Report{Node: nodeOf(maxNodes)}, forgetAfter-1, nil); heard || len(next.Peers) != maxNodes {
		t.Errorf("one too many is heard: %d", len(next.Peers))
	}
	if _, heard := v.hear(coordinator.Report{Node: nodeOf(3)}, forgetAfter-1, nil); !heard {
		t.Error("a known one is not heard")
	}
	next, heard := v.hear(coordinator.Report{Node: nodeOf(maxNodes)}, forgetAfter, mapOf(1, 2))
	if !heard || len(next.Peers) != 3 || len(v.Peers) != maxNodes {
		t.Errorf("%d nodes are remembered of %d, want 3", len(next.Peers), len(v.Peers))
	}
}

// lone is an agent without a network, and what is said in its log.
func lone(change func(*Config)) (*Agent, *locked, func() []coordinator.NodeID) {
	var text locked
	var heard []coordinator.NodeID
	start := time.Now()
	cfg := Config{
		Self: nodeOf(0), Settings: settings(), Copies: 3, Clock: func() time.Duration { return time.Since(start) },
		Leads: func() bool { return false }, OnMap: func(*coordinator.Map) {},
		OnReport: func(r coordinator.Report) { heard = append(heard, r.Node.ID) },
		Logger:   slog.New(slog.NewTextHandler(&text, nil)),
	}
	if change != nil {
		change(&cfg)
	}
	return New(cfg), &text, func() []coordinator.NodeID { return heard }
}

// What is not believed is counted, said once a minute, and reaches nobody.
func TestHearIgnores(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, text, heard := lone(func(c *Config) { c.Known = mapOf(7, 3) })
		ctx, end := context.WithCancel(t.Context())
		beats := make(chan *nats.Msg)
		go a.hear(ctx, beats)
		say := func(r coordinator.Report) {
			data, err := encodeReport(&r)
			if err != nil {
				t.Error(err)
			}
			beats <- &nats.Msg{Data: data}
			synctest.Wait()
		}
		foreign, twin, newborn := reportOf(1), reportOf(0), reportOf(2)
		foreign.Cluster, twin.Node.Port, newborn.Cluster = otherCluster, 9999, ""
		for range 100 {
			say(foreign)
			say(twin)
			beats <- &nats.Msg{Data: []byte("{")}
			synctest.Wait()
		}
		say(reportOf(0)) // its own, which it hears without the network
		if got := a.View().Ignored; got != 300 || len(heard()) != 0 || len(a.View().Peers) != 1 {
			t.Errorf("%d ignored, %v heard, %d known", got, heard(), len(a.View().Peers))
		}
		if got := strings.Count(text.String(), "a heartbeat is ignored"); got != 3 {
			t.Errorf("said %d times, want 3:\n%s", got, text.String())
		}
		rest(ctx, complainOnce+1)
		say(foreign)
		if got := strings.Count(text.String(), "a heartbeat is ignored"); got != 4 {
			t.Errorf("said %d times after a minute, want 4", got)
		}
		say(newborn)
		say(reportOf(1))
		if got := heard(); len(got) != 2 || got[0] != id(2) || got[1] != id(1) {
			t.Errorf("heard %v", got)
		}
		end()
	})
}

// A heartbeat that names a newer map has the map read; one that does not, has not.
func TestHeardNamesNewerMap(t *testing.T) {
	a, _, _ := lone(func(c *Config) { c.Known = mapOf(7, 3) })
	for _, tt := range []struct {
		version uint64
		want    int
	}{{6, 0}, {7, 0}, {8, 1}} {
		r := reportOf(1)
		r.Map = tt.version
		a.heard(r)
		if got := len(a.reread); got != tt.want {
			t.Errorf("map %d: %d readings, want %d", tt.version, got, tt.want)
		}
	}
}

// Newer maps reach OnMap in order, the newest one at last, and never one of another cluster.
func TestDeliver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []uint64
		slow := make(chan struct{})
		a, text, _ := lone(func(c *Config) {
			c.Known = mapOf(7, 3)
			c.OnMap = func(m *coordinator.Map) { got = append(got, m.Version); <-slow }
		})
		ctx, end := context.WithCancel(t.Context())
		go a.deliver(ctx)
		foreign := mapOf(20, 3)
		foreign.Cluster = otherCluster
		for revision, m := range []*coordinator.Map{mapOf(6, 3), mapOf(7, 3), mapOf(9, 3), mapOf(8, 3), foreign, mapOf(11, 3), mapOf(12, 3)} {
			before := a.Map().Version
			a.learn(stored{uint64(revision), m}, false)
			synctest.Wait()
			if after := a.Map().Version; after < before {
				t.Errorf("it follows map %d after %d", after, before)
			}
		}
		close(slow)
		synctest.Wait()
		if want := []uint64{9, 12}; !reflect.DeepEqual(got, want) {
			t.Errorf("OnMap got %v, want %v", got, want)
		}
		if a.Map().Version != 12 || !strings.Contains(text.String(), "another cluster") {
			t.Errorf("it follows %v:\n%s", a.Map(), text.String())
		}
		end()
	})
}

// The coordinator goes on from what is stored, or from what is newer and the same cluster's; with another cluster's it does nothing.
func TestBasis(t *testing.T) {
	foreign := mapOf(20, 3)
	foreign.Cluster = otherCluster
	for _, tt := range []struct {
		name          string
		known, stored *coordinator.Map
		want          uint64
		ours          bool
	}{
		{"nothing", nil, nil, 0, true},
		{"nothing stored", mapOf(7, 3), nil, 0, true},
		{"nothing known", nil, mapOf(7, 3), 7, true},
		{"the bucket lost a change", mapOf(7, 3), mapOf(6, 3), 7, true},
		{"another cluster's", mapOf(7, 3), foreign, 7, false},
	} {
		a, _, _ := lone(func(c *Config) { c.Known = tt.known })
		a.learn(stored{3, tt.stored}, true)
		m, revision, ours := a.basis()
		if versionOf(m) != tt.want || revision != 3 || ours != tt.ours {
			t.Errorf("%s: got map %d, revision %d, %t", tt.name, versionOf(m), revision, ours)
		}
	}
}

// Without a connection, or with a map that is none, Run fails at once.
func TestRunFails(t *testing.T) {
	broken := mapOf(1, 3)
	broken.Partitions[0].Primary = ""
	for name, change := range map[string]func(*Config){
		"no connection": func(c *Config) { c.Connect = func() (*nats.Conn, error) { return nil, nats.ErrNoServers } },
		"no map":        func(c *Config) { c.Known = broken },
	} {
		a, _, _ := lone(change)
		if err := a.Run(t.Context()); err == nil {
			t.Errorf("%s: it ran", name)
		}
		if err := a.Wish(t.Context(), coordinator.Wish{}); err == nil {
			t.Errorf("%s: it grants wishes", name)
		}
	}
}

func TestSeldom(t *testing.T) {
	var s seldom
	for _, tt := range []struct {
		at   time.Duration
		want bool
	}{{0, true}, {complainOnce, false}, {complainOnce + 1, true}, {complainOnce + 2, false}, {math.MaxInt64, true}} {
		if got := s.due(tt.at); got != tt.want {
			t.Errorf("at %v: %t", tt.at, got)
		}
	}
}

// Silence counts only while this node listens: after a sleep all others have their time again.
func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _, _ := lone(nil)
		for range 10 {
			a.heard(coordinator.Report{Node: nodeOf(0)})
			rest(t.Context(), 200*time.Millisecond)
		}
		a.heard(coordinator.Report{Node: nodeOf(1)})
		if a.View().Silent(id(1)) || !a.View().Silent(id(2)) {
			t.Error("who was heard is silent, or who was not is not")
		}
		rest(t.Context(), forgetAfter/2)
		a.heard(coordinator.Report{Node: nodeOf(0)})
		if a.View().Silent(id(1)) || a.View().Silent(id(2)) {
			t.Error("a node is silent that had no time to be heard")
		}
		for range 6 {
			rest(t.Context(), 200*time.Millisecond)
			a.heard(coordinator.Report{Node: nodeOf(0)})
		}
		if !a.View().Silent(id(1)) {
			t.Error("a node is not silent that had time to be heard")
		}
	})
}

// Whoever was not heard for one and a half intervals may be dead, and is not for clients: long before it counts as silent.
func TestLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _, _ := lone(nil)
		a.heard(coordinator.Report{Node: nodeOf(1)})
		if rest(t.Context(), 299*time.Millisecond); a.Late(id(1)) {
			t.Error("a heartbeat is late before it is")
		}
		if rest(t.Context(), time.Millisecond); !a.Late(id(1)) || a.View().Silent(id(1)) {
			t.Error("a heartbeat is not late that is, or its node is silent already")
		}
		if a.heard(coordinator.Report{Node: nodeOf(1)}); a.Late(id(1)) {
			t.Error("a node is late that was heard just now")
		}
	})
}

// A new coordinator knows at once who is silent, because its node has listened before.
func TestRecall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _, _ := lone(nil)
		m := mapOf(1, 3)
		speak := func(nodes ...int) {
			rest(t.Context(), 200*time.Millisecond)
			for _, i := range nodes {
				r := coordinator.Report{Node: nodeOf(i), Map: 1, Cluster: testCluster}
				for p := range m.Partitions {
					of := coordinator.PartitionReport{Partition: p, Role: coordinator.RoleReplica, Term: 1, Epoch: 1}
					if p == i {
						of.Role = coordinator.RolePrimary
					}
					r.Partitions = append(r.Partitions, of)
				}
				a.heard(r)
			}
		}
		a.learn(stored{1, m}, true)
		for range 10 {
			speak(0, 1, 2)
		}
		for _, tt := range []struct {
			beats, stores int // since node 1 was heard
		}{{2, 0}, {5, 1}} {
			for range tt.beats {
				speak(0, 2)
			}
			r := a.newReign()
			r.recall()
			basis, _, _ := a.basis()
			r.step(coordinator.Learned{Now: a.clock(), Map: basis})
			if len(r.stores) != tt.stores {
				t.Errorf("after %d heartbeats: %d maps to store, want %d: %v", tt.beats, len(r.stores), tt.stores, r.state)
			} else if tt.stores > 0 {
				if next := <-r.stores; next.Partitions[1].Primary == id(1) || next.Partitions[0].Primary != id(0) || next.Partitions[2].Primary != id(2) {
					t.Errorf("the next map is %v", next)
				}
			}
		}
	})
}
