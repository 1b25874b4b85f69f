package node

import (
	"fmt"
	"testing"
	"time"

	"shiplog/partitions/coordinator"
	"shiplog/shipper"
	"shiplog/wal"
)

// names are what givers are called: the store, and nodes by their identities.
func names(nodes []coordinator.Node) string {
	list := []string{}
	for _, n := range nodes {
		if n.ID == storeID {
			list = append(list, n.Name)
		} else {
			list = append(list, string(n.ID))
		}
	}
	return fmt.Sprint(list)
}

func TestWithStore(t *testing.T) {
	const primary, replica, seeding = coordinator.RolePrimary, coordinator.RoleReplica, coordinator.RoleSeeding
	for _, tt := range []struct {
		name   string
		view   []heard
		stored bool
		want   string
	}{
		{"replicas, the store, the primary", []heard{{id: "a", role: primary, applied: 9}, {id: "b", role: replica, applied: 9}, {id: "c", role: replica, applied: 9}}, true, "[b c store a]"},
		{"without a snapshot that fits", []heard{{id: "a", role: primary, applied: 9}, {id: "b", role: replica, applied: 9}}, false, "[b a]"},
		{"the store spares the primary", []heard{{id: "a", role: primary, applied: 9}, {id: "b", role: seeding, applied: 9}}, true, "[store a]"},
		{"only the store", []heard{{id: "a", ago: time.Second, role: primary, applied: 9}}, true, "[store]"},
		{"only replicas", []heard{{id: "a", role: replica, applied: 9}}, true, "[a store]"},
		{"nothing", nil, false, "[]"},
	} {
		v := viewOf(tt.view...)
		if got := names(withStore(v, givers(v, 0, "z"), 0, tt.stored)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	young := viewOf()
	young.Began = young.Now - hearing*young.SilentAfter + 1
	if got := withStore(young, nil, 0, true); len(got) != 0 {
		t.Errorf("%v gives when replicas may not have been heard yet", got)
	}
}

// FuzzWithStore holds that the store takes nobody's place, and comes before whoever is no replica and behind whoever is one.
func FuzzWithStore(f *testing.F) {
	f.Add([]byte{1, 2, 2}, true)
	f.Add([]byte{}, true)
	f.Fuzz(func(t *testing.T, roles []byte, stored bool) {
		var all []heard
		for i, r := range roles[:min(len(roles), 26)] {
			role := []coordinator.Role{coordinator.RoleReplica, coordinator.RolePrimary, coordinator.RoleSeeding, coordinator.RoleStopped, ""}[r%5]
			all = append(all, heard{id: coordinator.NodeID('a' + rune(i)), role: role, applied: uint64(r) * 100, load: float64(r % 7)})
		}
		v := viewOf(all...)
		before := givers(v, 0, "z")
		after := withStore(v, before, 0, stored)
		if want := len(before) + btoi(stored); len(after) != want {
			t.Fatalf("%v becomes %v", before, after)
		}
		for i, at := 0, 0; i < len(after); i++ {
			if after[i].ID == storeID {
				continue
			}
			if after[i] != before[at] {
				t.Errorf("%v becomes %v", before, after)
			}
			at++
			isReplica := roleAt(v, 0, after[i].ID) == coordinator.RoleReplica
			if stored && isReplica == (at < i+1) {
				t.Errorf("%s, replica %t, is on the wrong side of the store in %v", after[i].ID, isReplica, names(after))
			}
		}
		if p := putter(v, 3, "b"); p != "" {
			r := roleAt(v, 0, p)
			if r != coordinator.RoleReplica && r != coordinator.RolePrimary && r != "" {
				t.Errorf("%s puts, which is %s", p, r)
			}
		}
	})
}

func TestPutter(t *testing.T) {
	const primary, replica, seeding = coordinator.RolePrimary, coordinator.RoleReplica, coordinator.RoleSeeding
	three := []heard{{id: "a", role: primary, applied: 5000}, {id: "b", role: replica, applied: 5000}, {id: "c", role: replica, applied: 5000}}
	for _, tt := range []struct {
		name string
		view []heard
		last coordinator.NodeID
		want coordinator.NodeID
	}{
		{"a replica", three, "", "b"},
		{"who has put the last", three, "c", "c"},
		{"not the primary, though it has put the last", three, "a", "b"},
		{"a replica that is up to date", []heard{{id: "a", role: primary, applied: 5000}, {id: "b", role: replica, applied: 1}, {id: "c", role: replica, applied: 4999}}, "b", "c"},
		{"the primary without replicas", []heard{{id: "a", role: primary, applied: 5000}, {id: "b", role: seeding, applied: 5000}}, "b", "a"},
		{"nobody who is silent", []heard{{id: "a", role: primary, applied: 5000, ago: time.Second}}, "a", ""},
		{"nobody", nil, "", ""},
	} {
		if got := putter(viewOf(tt.view...), 0, tt.last); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestIsDue(t *testing.T) {
	now := time.UnixMilli(1700000000000)
	at := wal.Position{Seq: 100}
	stored := func(seq wal.Seq, ago time.Duration) *shipper.Stored {
		return &shipper.Stored{Manifest: &shipper.Manifest{Copied: shipper.Copied{Position: wal.Position{Seq: seq}}}, Taken: now.Add(-ago)}
	}
	for _, tt := range []struct {
		name   string
		newest *shipper.Stored
		at     wal.Position
		every  time.Duration
		want   bool
	}{
		{"never put", nil, at, time.Hour, true},
		{"never put, by command only", nil, at, 0, false},
		{"changed, and old", stored(99, time.Hour), at, time.Hour, true},
		{"changed, and young", stored(99, time.Hour-1), at, time.Hour, false},
		{"unchanged", stored(100, 48*time.Hour), at, time.Hour, false},
		{"newer than this copy", stored(101, 48*time.Hour), at, time.Hour, false},
		{"taken a little in the future", stored(99, -time.Minute), at, time.Hour, false},
		{"taken far in the future", stored(99, -2*time.Hour), at, time.Hour, true},
		{"an empty copy", nil, wal.Position{}, time.Hour, false},
	} {
		if got := isDue(tt.newest, tt.at, tt.every, now); got != tt.want {
			t.Errorf("%s: %t, want %t", tt.name, got, tt.want)
		}
	}
}

// TestStoringHolds holds that a copy counts as durable only up to where its snapshot begins, for as long as that is on its way.
func TestStoringHolds(t *testing.T) {
	s := &storing{holds: make(map[int]storeHold)}
	s.holdFrom(3, 50, time.Hour)
	for _, tt := range []struct {
		partition     int
		durable, want uint64
	}{{3, 70, 50}, {3, 40, 40}, {4, 70, 70}} {
		if got := s.hold(tt.partition, tt.durable); got != tt.want {
			t.Errorf("partition %d: durable up to %d counts as %d, want %d", tt.partition, tt.durable, got, tt.want)
		}
	}
	s.holdFrom(3, 50, -1)
	if got := s.hold(3, 70); got != 70 {
		t.Errorf("afterwards: %d, want 70", got)
	}
	if got := (*storing)(nil).hold(3, 70); got != 70 {
		t.Errorf("without a store: %d, want 70", got)
	}
}

func TestAttemptLeaves(t *testing.T) {
	var last attempt
	now := time.Now()
	all := []coordinator.Node{storeNode(), {ID: "a"}}
	last.failed(storeNode(), 100, now) // it has given something, and then it was damaged
	last.leave()
	if got, _ := last.next(all, func(coordinator.NodeID) bool { return false }, now); got.ID != "a" {
		t.Errorf("next is %s, want the other one at once", got.ID)
	}
}

func TestListedCountsWhatIsNew(t *testing.T) {
	stored := func(taken int64, files ...byte) *shipper.Stored {
		s := &shipper.Stored{Manifest: &shipper.Manifest{}, Taken: time.UnixMilli(taken)}
		for _, f := range files {
			s.Files = append(s.Files, shipper.File{Size: 10 * int64(f), Sum: shipper.Sum{f}})
		}
		return s
	}
	shown := listed([]*shipper.Stored{stored(2, 1, 2, 3), stored(1, 1), stored(3, 3)})
	got := ""
	for _, s := range shown {
		got += fmt.Sprintf("%d of %d, ", s.New, s.Bytes)
	}
	if want := "10 of 10, 50 of 60, 0 of 30, "; got != want {
		t.Errorf("%s want %s", got, want)
	}
}
