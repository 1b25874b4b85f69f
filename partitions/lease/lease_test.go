package lease

import (
	"testing"
	"testing/quick"
	"time"
)

const ms = time.Millisecond

func rules() Rules { return Rules{Length: 1000 * ms, Margin: 100 * ms} }

func TestHeld(t *testing.T) {
	for _, tt := range []struct {
		name    string
		renewed []time.Duration // when the acknowledged appends were sent
		now     time.Duration
		want    time.Duration // what remains
	}{
		{"none", nil, 0, 0},
		{"none, late", nil, 5000 * ms, 0},
		{"just sent", []time.Duration{50 * ms}, 50 * ms, 1000 * ms},
		{"last moment", []time.Duration{50 * ms}, 1049 * ms, 1 * ms},
		{"over", []time.Duration{50 * ms}, 1050 * ms, 0},
		{"long over", []time.Duration{50 * ms}, time.Hour, 0},
		{"renewed", []time.Duration{50 * ms, 700 * ms}, 1050 * ms, 650 * ms},
		{"acknowledged out of order", []time.Duration{700 * ms, 50 * ms}, 1050 * ms, 650 * ms},
		{"sent at the clock's beginning", []time.Duration{0}, 999 * ms, 1 * ms},
		{"a clock below zero", []time.Duration{-5000 * ms}, -4500 * ms, 500 * ms},
	} {
		var h Held
		for _, at := range tt.renewed {
			h.Renew(rules(), at)
		}
		if got := h.Remaining(tt.now); got != tt.want {
			t.Errorf("%s: %v remain, want %v", tt.name, got, tt.want)
		}
		if got, want := h.Valid(tt.now), tt.want > 0; got != want {
			t.Errorf("%s: valid %t, want %t", tt.name, got, want)
		}
	}
}

func TestHeir(t *testing.T) {
	received := func(at ...time.Duration) func(*Heir) {
		return func(h *Heir) {
			for _, now := range at {
				h.Received(now)
			}
		}
	}
	released := func(h *Heir) { h.Received(300 * ms); h.Released() }
	for _, tt := range []struct {
		name  string
		begin Heir
		steps func(*Heir)
		now   time.Duration
		want  time.Duration // how long it is to wait
	}{
		{"unknown beginning", Heir{}, received(), time.Hour, 1100 * ms},
		{"zero, then a record", Heir{}, received(200 * ms), 300 * ms, 1000 * ms},
		{"just started", NewHeir(200 * ms), received(), 200 * ms, 1100 * ms},
		{"started a lease ago", NewHeir(200 * ms), received(), 1200 * ms, 100 * ms},
		{"started a lease and margin ago", NewHeir(200 * ms), received(), 1300 * ms, 0},
		{"received", NewHeir(0), received(100*ms, 900*ms), 1000 * ms, 1000 * ms},
		{"received, the last moment", NewHeir(0), received(900 * ms), 1999 * ms, 1 * ms},
		{"received, over", NewHeir(0), received(900 * ms), 2000 * ms, 0},
		{"a reading from before", NewHeir(500 * ms), received(900*ms, 800*ms), 2000 * ms, 0},
		{"released", NewHeir(0), released, 300 * ms, 0},
		{"released, then a record", NewHeir(0), func(h *Heir) { released(h); h.Received(400 * ms) }, 500 * ms, 1000 * ms},
		{"released again", NewHeir(0), func(h *Heir) { released(h); h.Received(400 * ms); h.Released() }, 500 * ms, 0},
		{"released with an unknown beginning", Heir{}, func(h *Heir) { h.Released() }, 0, 0},
	} {
		h := tt.begin
		tt.steps(&h)
		if got := h.Wait(rules(), tt.now); got != tt.want {
			t.Errorf("%s: waits %v, want %v", tt.name, got, tt.want)
		}
		if got, want := h.MayLead(rules(), tt.now), tt.want == 0; got != want {
			t.Errorf("%s: may lead %t, want %t", tt.name, got, want)
		}
	}
}

// TestHeirLeadsAfterLease holds what the rules are for: on clocks with any offset and with a drift that Margin covers, an
// append is received after it was sent, and no lease that it gave is valid when the heir may lead.
func TestHeirLeadsAfterLease(t *testing.T) {
	r := rules()
	clock := func(offset int32, drift int8) func(time.Duration) time.Duration {
		speed := 1 + 0.045*float64(drift)/128
		return func(real time.Duration) time.Duration {
			return time.Duration(offset)*ms + time.Duration(float64(real)*speed)
		}
	}
	holds := func(offsets [2]int32, drifts [2]int8, sent, travel, past uint16) bool {
		primary, heir := clock(offsets[0], drifts[0]), clock(offsets[1], drifts[1])
		real := time.Duration(sent) * ms
		var held Held
		held.Renew(r, primary(real))
		waiting := NewHeir(heir(0))
		real += time.Duration(travel) * ms / 100
		waiting.Received(heir(real))
		real += time.Duration(past) * ms / 20
		return !waiting.MayLead(r, heir(real)) || !held.Valid(primary(real))
	}
	if err := quick.Check(holds, &quick.Config{MaxCount: 100_000}); err != nil {
		t.Error(err)
	}
}
