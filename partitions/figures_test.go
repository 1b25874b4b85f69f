package partitions

import (
	"testing"
	"time"
)

func TestAppendTimes(t *testing.T) {
	var a AppendTimes
	for _, took := range []time.Duration{0, 100 * time.Microsecond, 100*time.Microsecond + 1, 5 * time.Second, 5*time.Second + 1, time.Hour} {
		a.add(took)
	}
	if want := (AppendTimes{0: 2, 1: 1, 14: 1}); a != want {
		t.Errorf("got %v, want %v", a, want)
	}
	bounds := AppendBounds()
	for i := 1; i < len(bounds); i++ {
		if bounds[i] <= bounds[i-1] {
			t.Errorf("bound %d is %v, behind %v", i, bounds[i], bounds[i-1])
		}
	}
}

// TestTurnsAreCounted has a partition led, handed over, and led again by force.
func TestTurnsAreCounted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCopies(t, 2)
		defer c.stop()
		c.name(0)
		c.until(0, Primary)
		for _, key := range []string{"a", "b"} {
			if err := await(t, c.nodes[0].set(key, "v")); err != nil {
				t.Fatal(err)
			}
		}
		b := c.nodes[0].Brief()
		counted := uint64(0)
		for _, n := range b.Figures.Appends {
			counted += n
		}
		if counted != b.Acks || b.Acks != 2 || b.Figures.AppendedBytes == 0 {
			t.Errorf("%d records in the histogram, %d acknowledged, %d bytes; want 2 and 2", counted, b.Acks, b.Figures.AppendedBytes)
		}
		c.name(1)
		c.until(1, Primary)
		c.name(0, 1) // node 1 does not hear of it
		c.until(0, Primary)
		_ = await(t, c.nodes[1].set("c", "v"))
		c.until(1, Replica)
		for i, want := range []Turns{{Promotions: 2, HandOvers: 1}, {Promotions: 1, Depositions: 1}} {
			if got := c.nodes[i].Brief().Figures.Turns; got != want {
				t.Errorf("node %d: %+v, want %+v", i, got, want)
			}
		}
	})
}
