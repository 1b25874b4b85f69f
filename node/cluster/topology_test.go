package cluster

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"shiplog/partitions/coordinator"
)

// says is what one node's heartbeat says of partitions: "primary 5" is the role and the epoch.
type says struct {
	node int
	ago  time.Duration
	of   string // partitions 0, 1, ..., separated by commas
}

// seen is a view in which nodes have said things, in this order, ten seconds after it began.
func seen(t *testing.T, all ...says) View {
	t.Helper()
	const now = 10 * time.Second
	v := View{SilentAfter: time.Second}
	for _, s := range all {
		r := coordinator.Report{Node: nodeOf(s.node), Cluster: testCluster}
		for p, text := range strings.Split(s.of, ",") {
			of := coordinator.PartitionReport{Partition: p}
			if _, err := fmt.Sscanf(text, "%s %d %d", &of.Role, &of.Epoch, &of.Applied); err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			if of.Role == coordinator.RolePrimary {
				of.Tail = of.Applied + 5
			}
			r.Partitions = append(r.Partitions, of)
		}
		v, _ = v.hear(r, now-s.ago, nil)
	}
	v.Now = now
	return v
}

// drawn is a topology in a few words.
func drawn(t *Topology) string {
	var b strings.Builder
	fmt.Fprintf(&b, "ok %t", t.OK)
	for i := range t.Nodes {
		n := &t.Nodes[i]
		fmt.Fprintf(&b, "\n%s epoch %d", n.Name, n.Epoch)
		for _, flag := range []struct {
			name string
			set  bool
		}{{"self", n.Self}, {"connected", n.Connected}, {"suspected", n.Suspected}, {"failed", n.Failed}} {
			if flag.set {
				b.WriteString(" " + flag.name)
			}
		}
	}
	for _, r := range t.Ranges {
		fmt.Fprintf(&b, "\n%d-%d epoch %d: n%d %v", r.Slots.First, r.Slots.Last, r.Epoch, r.Primary, r.Replicas)
	}
	return b.String()
}

// one is a map of three nodes with one partition, which node 0 is to lead.
func one(term, epoch uint64, primary int) *coordinator.Map {
	m := mapOf(9, 3)
	m.Partitions = m.Partitions[:1]
	m.Partitions[0].Slots.Last = 16383
	m.Partitions[0].Term, m.Partitions[0].Epoch, m.Partitions[0].Primary = term, epoch, id(primary)
	slices.Reverse(m.Partitions[0].Holders)
	return m
}

const late = 1500 * time.Millisecond

var topologies = []struct {
	name string
	m    *coordinator.Map
	said []says
	want string
}{
	{"no cluster yet", nil, []says{{1, 0, "replica 0 0"}, {0, 0, "replica 0 0"}, {2, late, "replica 0 0"}}, `
ok false
n0 epoch 0 self connected
n1 epoch 0 connected`},
	{"all is well", one(1, 1, 0), []says{{0, 0, "primary 1 9"}, {1, 0, "replica 1 9"}, {2, 0, "replica 1 9"}}, `
ok true
n0 epoch 1 self connected
n1 epoch 0 connected
n2 epoch 0 connected
0-16383 epoch 1: n0 [1 2]`},
	{"nobody was heard", one(1, 1, 0), nil, `
ok false
n0 epoch 1 self connected
n1 epoch 0 failed
n2 epoch 0 failed
0-16383 epoch 1: n0 [1 2]`},
	{"the primary is silent, no heir is named", one(1, 1, 1), []says{{1, late, "primary 1 9"}, {0, 0, "replica 1 9"}, {2, 0, "replica 1 9"}}, `
ok false
n0 epoch 0 self connected
n1 epoch 1 suspected
n2 epoch 0 connected
0-16383 epoch 1: n1 [0 2]`},
	{"the heir does not serve yet", one(2, 1, 2), []says{{1, late, "primary 1 9"}, {0, 0, "replica 1 9"}, {2, 0, "promoted 1 9"}}, `
ok false
n0 epoch 0 self connected
n1 epoch 1 failed
n2 epoch 0 connected
0-16383 epoch 1: n1 [0 2]`},
	{"the heir serves", one(2, 1, 2), []says{{1, late, "primary 1 9"}, {0, 0, "replica 2 9"}, {2, 0, "primary 2 10"}}, `
ok true
n0 epoch 0 self connected
n1 epoch 0 failed
n2 epoch 2 connected
0-16383 epoch 2: n2 [0 1]`},
	{"the old primary is back and does not know", one(2, 2, 2), []says{{2, 0, "primary 2 10"}, {0, 0, "replica 2 9"}, {1, 0, "primary 1 9"}}, `
ok true
n0 epoch 0 self connected
n1 epoch 0 connected
n2 epoch 2 connected
0-16383 epoch 2: n2 [0 1]`},
	{"handing over", one(2, 1, 2), []says{{1, 0, "primary 1 9"}, {1, 0, "handing 1 9"}, {0, 0, "replica 1 9"}, {2, 0, "promoted 1 9"}}, `
ok false
n0 epoch 0 self connected
n1 epoch 1 connected
n2 epoch 0 connected
0-16383 epoch 1: n1 [0 2]`},
	{"the map knows of a newer epoch", one(3, 3, 2), []says{{1, 0, "primary 1 9"}, {0, 0, "replica 3 9"}}, `
ok false
n0 epoch 0 self connected
n1 epoch 0 connected
n2 epoch 3 failed
0-16383 epoch 3: n2 [0 1]`},
	{"who led is not in the map any more", one(1, 1, 0), []says{{7, 0, "primary 5 9"}, {0, 0, "replica 1 9"}}, `
ok false
n0 epoch 1 self connected
n1 epoch 0 failed
n2 epoch 0 failed
0-16383 epoch 1: n0 [1 2]`},
}

func TestTopology(t *testing.T) {
	for _, tt := range topologies {
		v := seen(t, tt.said...)
		if got := "\n" + drawn(v.Topology(tt.m, id(0))); got != tt.want {
			t.Errorf("%s: got%s\nwant%s", tt.name, got, tt.want)
		}
	}
}

// A silent primary is suspected until others lead, or for as long as can be hoped.
func TestTopologyFailed(t *testing.T) {
	v := seen(t, says{1, 0, "primary 1 9"})
	for _, tt := range []struct {
		after             time.Duration
		suspected, failed bool
	}{{999 * time.Millisecond, false, false}, {time.Second, true, false}, {4900 * time.Millisecond, true, false}, {5 * time.Second, false, true}} {
		v.Now = 10*time.Second + tt.after
		n := v.Topology(one(1, 1, 1), id(0)).Nodes[1]
		if n.Suspected != tt.suspected || n.Failed != tt.failed || n.Pong != tt.after || (n.Ping > 0) != (tt.suspected || tt.failed) {
			t.Errorf("after %v: %+v", tt.after, n)
		}
	}
	if n := (View{Now: time.Second / 2, SilentAfter: time.Second}).Topology(one(1, 1, 1), id(0)).Nodes[1]; n.Suspected || n.Failed || n.Connected || n.Pong >= 0 {
		t.Errorf("a node that may still be heard: %+v", n)
	}
}

func TestTopologyCopies(t *testing.T) {
	v := seen(t, says{0, 0, "primary 1 95"}, says{1, 0, "replica 1 60"}, says{2, 0, "seeding 0 7"})
	got := v.Topology(one(1, 1, 0), id(0))
	want := []TopologyCopy{
		{Role: coordinator.RolePrimary, Applied: 95, Lag: 5},
		{Role: coordinator.RoleReplica, Applied: 60, Lag: 40},
		{Role: coordinator.RoleSeeding, Applied: 7, Lag: 93, Loading: true},
	}
	if !reflect.DeepEqual(got.Ranges[0].Copies, want) {
		t.Errorf("got %+v, want %+v", got.Ranges[0].Copies, want)
	}
	if got.Nodes[1].Applied != 60 {
		t.Errorf("node 1 has applied %d", got.Nodes[1].Applied)
	}
	if c := (View{}).Topology(one(1, 1, 0), id(0)).Ranges[0].Copies; !c[0].Loading || c[0].Role != "" {
		t.Errorf("unheard copies: %+v", c)
	}
}

// All nodes make the same of the same, and no slot is ever without a primary, whatever was said.
func TestTopologyAgrees(t *testing.T) {
	m := mapOf(9, 5)
	roles := []string{"primary", "replica", "promoted", "handing", "stopped"}
	for seed := range 200 {
		var all []says
		for i := range 5 {
			of := make([]string, 5)
			for p := range of {
				of[p] = fmt.Sprintf("%s %d %d", roles[(seed*7+i*3+p*p)%len(roles)], 1+(seed+i*p)%4, seed)
			}
			all = append(all, says{i, time.Duration((seed+i*i)%20) * 100 * time.Millisecond, strings.Join(of, ",")})
		}
		first := seen(t, all...).Topology(m, id(0))
		slices.Reverse(all)
		second := seen(t, all...).Topology(m, id(1))
		if !reflect.DeepEqual(first.Ranges, second.Ranges) || first.OK != second.OK {
			t.Fatalf("seed %d: one node says\n%s\nthe other\n%s", seed, drawn(first), drawn(second))
		}
		for p, r := range first.Ranges {
			if r.Primary < 0 || r.Primary > 4 || len(r.Replicas) != 4 || slices.Contains(r.Replicas, r.Primary) || r.Slots != m.Partitions[p].Slots {
				t.Fatalf("seed %d: %+v", seed, r)
			}
		}
	}
}

// The shard's name is an interface: clients keep it.
func TestShard(t *testing.T) {
	if got, want := shard(testCluster, 3), "ab6bb7005e038083bb91178595d8b418cd25a4a3"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if shard(testCluster, 3) == shard(testCluster, 4) || shard(testCluster, 3) == shard(otherCluster, 3) {
		t.Error("two shards have one name")
	}
}
