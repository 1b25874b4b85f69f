package coordinator

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// swing runs a cluster of 3 nodes and 12 partitions for so long whose load is with the partitions that a leads at first, then with those of b and so on,
// a change each period. It returns how many hand-overs there were.
func swing(t *testing.T, period, length time.Duration) int {
	r := newRig(t)
	r.settings.Expect, r.settings.Partitions, r.settings.Balance = 3, 12, true
	r.do("coordinator", []string{"b"})
	r.do("up", []string{"a", "b", "c"})
	for at := time.Duration(0); at < length; at += period {
		loaded := int(at/period) % 2
		for p := range 12 {
			r.loads[p] = 200
			if p%3 == loaded {
				r.loads[p] = 5000
			}
		}
		r.run(period.String(), true)
	}
	return strings.Count(r.out.String(), "is to lead")
}

// TestSwingingLoad holds that a load which swings between nodes does not have partitions go to and fro.
func TestSwingingLoad(t *testing.T) {
	tests := []struct {
		period, length time.Duration
		most           int
	}{
		{2 * time.Second, 20 * time.Minute, 4},  // a burst here, a burst there
		{10 * time.Second, 20 * time.Minute, 4}, // faster than what a load is judged by
		{30 * time.Second, 20 * time.Minute, 8},
		{2 * time.Minute, 20 * time.Minute, 18},
		{10 * time.Minute, 60 * time.Minute, 18}, // every change is a new load, until the partitions rest for longer
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.period), func(t *testing.T) {
			got := swing(t, test.period, test.length)
			t.Logf("%d hand-overs in %v", got, test.length)
			if got > test.most {
				t.Errorf("%d hand-overs in %v, want at most %d", got, test.length, test.most)
			}
		})
	}
}
