package node

import (
	"testing"

	"shiplog/partitions"
	"shiplog/wal"
)

func TestDeparture(t *testing.T) {
	self, other := wal.NodeID{1}, wal.NodeID{2}
	at := func(role partitions.Role, leader wal.NodeID) partitions.Standing {
		return partitions.Standing{Role: role, Leader: leader}
	}
	primary, handing := at(partitions.Primary, self), at(partitions.Handing, wal.NodeID{})
	promoted, follower := at(partitions.Promoted, wal.NodeID{}), at(partitions.Replica, other)
	leaderless := at(partitions.Replica, wal.NodeID{})
	leaving, left, stayed := parting{leaving: true}, parting{left: true, to: other}, parting{left: true, to: self}
	tests := []struct {
		name  string
		seen  []partitions.Standing
		wants []parting
	}{
		{"a hand-over", []partitions.Standing{leaderless, promoted, primary, handing, leaderless, follower, follower}, []parting{leaving, left}},
		{"it was never led here", []partitions.Standing{leaderless, follower, promoted, follower}, nil},
		{"the hand-over was too fast to be seen", []partitions.Standing{primary, follower}, []parting{left}},
		{"named again before another led", []partitions.Standing{primary, handing, promoted, primary}, []parting{leaving, stayed}},
		{"there and back", []partitions.Standing{primary, handing, follower, promoted, primary, handing, follower}, []parting{leaving, left, leaving, left}},
		{"its own record is the newest", []partitions.Standing{primary, at(partitions.Replica, self), follower}, []parting{left}},
		{"it stops", []partitions.Standing{primary, handing, at(partitions.Stopped, wal.NodeID{})}, []parting{leaving}},
	}
	for _, test := range tests {
		var d departure
		var got []parting
		for i := range test.seen {
			var p parting
			if d, p = d.see(&test.seen[i], self); p != (parting{}) {
				got = append(got, p)
			}
		}
		if len(got) != len(test.wants) {
			t.Errorf("%s: got %v, want %v", test.name, got, test.wants)
			continue
		}
		for i := range got {
			if got[i] != test.wants[i] {
				t.Errorf("%s: got %v, want %v", test.name, got, test.wants)
			}
		}
	}
}
