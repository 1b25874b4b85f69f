package node

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"shiplog/wal"
)

// A stop waits for the state, but not for ever.
func TestWithin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		late := 0
		for _, c := range []struct {
			takes time.Duration
			want  error
			late  int
		}{{time.Second, broken, 0}, {3 * time.Second, nil, 1}} {
			begin := time.Now()
			got := within(2*time.Second, func() error { time.Sleep(c.takes); return broken }, func() { late++ })
			if got != c.want || late != c.late || time.Since(begin) > 2*time.Second {
				t.Errorf("taking %v: got %v after %v, late %d times, want %v, %d", c.takes, got, time.Since(begin), late, c.want, c.late)
			}
		}
		time.Sleep(time.Minute) // what came late has ended
	})
}

// TestFlushesDoNotComeTogether holds that in each eighth of the time between two flushes at most three of sixteen partitions of a node begin.
func TestFlushesDoNotComeTogether(t *testing.T) {
	const partitions, every, most = 16, time.Minute, 3
	for n := range 50 {
		random := rand.New(rand.NewPCG(uint64(n), 1))
		var node wal.NodeID
		for i := range node {
			node[i] = byte(random.Uint32())
		}
		var begin [8]int
		for p := range partitions {
			first := flushFirst(node, p, every)
			if first <= 0 || first > every {
				t.Fatalf("partition %d: after %v of %v", p, first, every)
			}
			begin[min(int(first*8/every), 7)]++
		}
		if slices.Max(begin[:]) > most {
			t.Errorf("node %x: %v", node, begin)
		}
	}
	if first := flushFirst(wal.NodeID{}, 0, every); first <= 0 {
		t.Errorf("the first of none: %v", first)
	}
}
