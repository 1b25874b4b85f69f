package node

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"shiplog/node/cluster"
	"shiplog/partitions/coordinator"
)

// heard is one node as others hear it, of partition 0.
type heard struct {
	id      coordinator.NodeID
	ago     time.Duration
	role    coordinator.Role
	applied uint64
	durable uint64
	load    float64
	leaving bool
}

// viewOf is a view ten minutes old in which nodes have said things.
func viewOf(all ...heard) cluster.View {
	v := cluster.View{Now: 10 * time.Minute, SilentAfter: time.Second}
	for _, h := range all {
		r := coordinator.Report{Node: coordinator.Node{ID: h.id}, Load: h.load, Leaving: h.leaving}
		if h.role != "" {
			at := coordinator.PartitionReport{Role: h.role, Applied: h.applied, Durable: h.durable}
			if h.role == coordinator.RolePrimary {
				at.Tail = h.applied
			}
			r.Partitions = append(r.Partitions, at)
		}
		v.Peers = append(v.Peers, cluster.Peer{Report: r, Heard: v.Now - h.ago})
	}
	slices.SortFunc(v.Peers, func(a, b cluster.Peer) int {
		return strings.Compare(string(a.Report.Node.ID), string(b.Report.Node.ID))
	})
	return v
}

func TestGivers(t *testing.T) {
	const primary, replica, seeding = coordinator.RolePrimary, coordinator.RoleReplica, coordinator.RoleSeeding
	self := heard{id: "z", role: seeding}
	for _, tt := range []struct {
		name string
		view []heard
		want string
	}{
		{"a replica before the primary", []heard{{id: "a", role: primary, applied: 9}, {id: "b", role: replica, applied: 9}}, "[b a]"},
		{"the idler replica first", []heard{{id: "a", role: replica, applied: 9, load: 5}, {id: "b", role: replica, applied: 9, load: 4}}, "[b a]"},
		{"ties go to the lowest identity", []heard{{id: "b", role: replica, applied: 9}, {id: "a", role: replica, applied: 9}}, "[a b]"},
		{"an idle primary is no better than a busy replica", []heard{{id: "a", role: primary, applied: 9}, {id: "b", role: replica, applied: 9, load: 50}}, "[b a]"},
		{"the primary when there is nobody else", []heard{{id: "a", role: primary, applied: 9}}, "[a]"},
		{"nobody who is silent", []heard{{id: "a", ago: time.Second, role: replica, applied: 9}}, "[]"},
		{"nobody who is leaving", []heard{{id: "a", role: replica, applied: 9, leaving: true}}, "[]"},
		{"nobody who is being filled", []heard{{id: "a", role: seeding, applied: 9}}, "[]"},
		{"nobody who is far behind", []heard{{id: "a", role: replica, applied: 9}, {id: "b", role: primary, applied: 10 + nearEnd}}, "[b]"},
		{"nobody who has nothing", []heard{{id: "a", role: replica}}, "[]"},
		{"nobody who holds no copy", []heard{{id: "a"}}, "[]"},
		{"not itself", []heard{}, "[]"},
	} {
		var got []coordinator.NodeID
		for _, n := range givers(viewOf(append(tt.view, self)...), 0, "z") {
			got = append(got, n.ID)
		}
		if fmt.Sprint(got) != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, got, tt.want)
		}
	}
}

func TestKeepFor(t *testing.T) {
	const replica, seeding = coordinator.RoleReplica, coordinator.RoleSeeding
	for _, tt := range []struct {
		name string
		view []heard
		want uint64
	}{
		{"the least", []heard{{id: "a", role: replica, durable: 7}, {id: "b", role: replica, durable: 5}}, 5},
		{"of a silent one, too", []heard{{id: "a", role: replica, durable: 7}, {id: "b", role: replica, durable: 5, ago: time.Minute - 1}}, 5},
		{"but not of one that is gone", []heard{{id: "a", role: replica, durable: 7}, {id: "b", role: replica, durable: 5, ago: time.Minute}}, 7},
		{"nothing while one is being filled", []heard{{id: "a", role: replica, durable: 7}, {id: "b", role: seeding}}, 0},
		{"what comes behind its snapshot", []heard{{id: "a", role: replica, durable: 7}, {id: "b", role: seeding, durable: 6}}, 6},
		{"nothing while one says nothing", []heard{{id: "a", role: replica, durable: 7}, {id: "b"}}, 0},
		{"without one that was never heard for long", []heard{{id: "a", role: replica, durable: 7}}, 7},
	} {
		if got := keepFor(viewOf(tt.view...), []coordinator.NodeID{"a", "b"}, 0, time.Minute); uint64(got) != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
	young := viewOf(heard{id: "a", role: replica, durable: 7})
	young.Began = young.Now - time.Second
	if got := keepFor(young, []coordinator.NodeID{"a", "b"}, 0, time.Minute); got != 0 {
		t.Errorf("one that was not heard yet: %d, want 0", got)
	}
}

func TestAttempts(t *testing.T) {
	a, b := coordinator.Node{ID: "a"}, coordinator.Node{ID: "b"}
	both := []coordinator.Node{a, b}
	now := time.Now()
	var last attempt
	next := func(from []coordinator.Node, after time.Duration, want coordinator.NodeID) {
		t.Helper()
		got, ok := last.next(from, func(id coordinator.NodeID) bool { return id == "p" }, now.Add(after))
		if got.ID != want || ok != (want != "") {
			t.Errorf("after %v of %v: %q, want %q", after, from, got.ID, want)
		}
	}
	next(nil, 0, "")
	next(both, 0, "a")
	last.failed(a, 0, now)
	next(both, 0, "b")
	last.failed(b, 0, now)
	next(both, 0, "a")
	last.failed(a, 100, now) // it has given something
	next([]coordinator.Node{b}, stickFor-1, "a")
	next([]coordinator.Node{b}, stickFor, "b")
	last.failed(a, 100, now.Add(stickFor))
	next(both, stickFor, "b")

	last = attempt{}
	p := coordinator.Node{ID: "p"}
	next([]coordinator.Node{p}, 0, "p")
	for range spareFor {
		next([]coordinator.Node{a, p}, 0, "a")
		last.failed(a, 0, now)
	}
	next([]coordinator.Node{a, p}, 0, "a") // it comes first
	last.failed(a, 0, now)
	next([]coordinator.Node{a, p}, 0, "p")
}

// TestGiversAwaitReplicas holds that a node that has just begun to listen does not take the primary for the only one who can give.
func TestGiversAwaitReplicas(t *testing.T) {
	v := viewOf(heard{id: "a", role: coordinator.RolePrimary, applied: 9})
	v.Began = v.Now - hearing*v.SilentAfter + 1
	if got := givers(v, 0, "z"); len(got) != 0 {
		t.Errorf("%v give when the others may not have been heard yet", got)
	}
	v.Began--
	if got := givers(v, 0, "z"); len(got) != 1 {
		t.Errorf("%v give, want the primary: nobody else was heard", got)
	}
}
