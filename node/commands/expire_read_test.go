package commands

import "testing"

func TestTTLRoundsToTheNearestSecond(t *testing.T) {
	r := newKeyRig(t)
	for _, c := range []struct {
		ms   string
		want int64
	}{{"1", 0}, {"499", 0}, {"500", 1}, {"1499", 1}, {"1500", 2}, {"100000", 100}} {
		r.do("set", "k", "v", "px", c.ms)
		if got := r.do("ttl", "k").Int; got != c.want {
			t.Errorf("TTL with %s ms left = %d, want %d", c.ms, got, c.want)
		}
	}
}

func TestTimePasses(t *testing.T) {
	r := newKeyRig(t)
	r.line("set k v px 1000")
	for _, c := range []struct {
		passed    int64
		pttl, get string
	}{{0, "1000", `"v"`}, {400, "600", `"v"`}, {600, "0", `"v"`}, {1, "-2", "nil"}} {
		r.now += c.passed
		if got := render(r.line("pttl k")); got != c.pttl {
			t.Errorf("PTTL after %d ms more = %s, want %s", c.passed, got, c.pttl)
		}
		if got := render(r.line("get k")); got != c.get {
			t.Errorf("GET after %d ms more = %s, want %s", c.passed, got, c.get)
		}
	}
}
