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
			if d, p = d.see(&test.seen[i], self, false); p != (parting{}) {
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

// A node that stops finishes the notices that it has begun, and begins none.
func TestDepartureOfNodeThatStops(t *testing.T) {
	self, other := wal.NodeID{1}, wal.NodeID{2}
	primary := partitions.Standing{Role: partitions.Primary, Leader: self}
	handing := partitions.Standing{Role: partitions.Handing}
	follower := partitions.Standing{Role: partitions.Replica, Leader: other}
	d, _ := departure{}.see(&primary, self, false)
	begun, p := d.see(&handing, self, false)
	if !p.leaving {
		t.Fatal("a hand-over is not announced")
	}
	if _, p := begun.see(&follower, self, true); !p.left || p.to != other {
		t.Errorf("a notice that was begun is not finished: %v", p)
	}
	d, p = d.see(&handing, self, true)
	if p != (parting{}) {
		t.Errorf("a node that stops begins a notice: %v", p)
	}
	if d, p = d.see(&follower, self, true); p != (parting{}) || d.led {
		t.Errorf("a node that stops ends a notice that was not begun: %v, %v", p, d)
	}
}
