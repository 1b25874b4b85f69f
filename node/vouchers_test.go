package node

import (
	"testing"
	"time"
)

// TestHeldUpHeartbeatsVouchForNothing has heartbeats come in time, then all at once after they were held up, then in time again.
func TestHeldUpHeartbeatsVouchForNothing(t *testing.T) {
	const beat = 200 * time.Millisecond
	v := vouchers{every: beat}
	now := time.Hour
	hear := func(step string, want bool) {
		t.Helper()
		if got := v.hear(idA, now, time.Second); got != want {
			t.Errorf("%s: got %v, want %v", step, got, want)
		}
	}
	hear("the first", false)
	now += beat
	hear("the second", false)
	for range 10 {
		now += beat
		hear("in time", true)
	}
	now += 2 * beat
	hear("one was lost", true)
	now += 3 * time.Second
	for range 15 {
		now += time.Millisecond
		hear("held up", false)
	}
	now += beat
	hear("in time again, not for long", false)
	now += beat
	hear("in time again", true)
	if v.hear(idB, now, time.Second) {
		t.Error("another node vouches with its first heartbeat")
	}
}

// TestDeposedPrimaryVouchesForNothing holds that only the newest primary, and only while the map names it, says how long the log is.
func TestDeposedPrimaryVouchesForNothing(t *testing.T) {
	m := twoNodes()
	r := newRouting(nil, nil).follow(m, nil)
	a, b := m.Nodes[0], m.Nodes[1]
	l := r.leaders[0]
	l.hear(&a, 1)
	if !l.isNow(idA, 1) {
		t.Error("A leads and is not believed")
	}
	named := twoNodes()
	named.Version, named.Partitions[0].Primary, named.Partitions[0].Term = 2, idB, 2
	r.follow(named, nil)
	if l.isNow(idA, 1) {
		t.Error("A is believed although B is named")
	}
	l.hear(&b, 2)
	l.hear(&a, 1)
	if l.isNow(idA, 1) || !l.isNow(idB, 2) {
		t.Error("A of an older epoch is believed, or B is not")
	}
}
