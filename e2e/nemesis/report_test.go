package nemesis

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestSchedule holds that a seed gives the same faults again, each kind in turn, and other seeds others.
func TestSchedule(t *testing.T) {
	draw := func(seed uint64) (steps []Step) {
		s := newSchedule(seed, ProcessKinds(), 2*time.Second)
		for range 3 * len(ProcessKinds()) {
			steps = append(steps, s.next())
		}
		return steps
	}
	if !slices.Equal(draw(7), draw(7)) {
		t.Error("the same seed gives other faults")
	}
	if slices.Equal(draw(7), draw(8)) {
		t.Error("another seed gives the same faults")
	}
	times := make(map[Kind]int)
	for _, step := range draw(7) {
		times[step.Kind]++
		least, most := lasting(step.Kind, 2*time.Second)
		if step.Hold < least || step.Hold > most {
			t.Errorf("%+v: want between %v and %v", step, least, most)
		}
	}
	for _, k := range ProcessKinds() {
		if times[k] != 3 {
			t.Errorf("%s: got %d times, want 3", k, times[k])
		}
	}
}

func TestStopsAreShorterAndLongerThanTheLease(t *testing.T) {
	lease := 3 * time.Second
	if _, most := lasting(StopShort, lease); most >= lease {
		t.Errorf("a short stop lasts up to %v", most)
	}
	if least, _ := lasting(StopLong, lease); least <= lease {
		t.Errorf("a long stop lasts only %v", least)
	}
}

func TestQuantile(t *testing.T) {
	var all []time.Duration
	for i := range 100 {
		all = append(all, time.Duration(100-i))
	}
	for percent, want := range map[int]time.Duration{50: 50, 99: 99, 100: 100, 0: 1} {
		if got := quantile(all, percent); got != want {
			t.Errorf("%d%%: got %d, want %d", percent, got, want)
		}
	}
	if got := quantile(nil, 50); got != 0 {
		t.Errorf("of none: got %d", got)
	}
}

func TestReportFails(t *testing.T) {
	good := func() *Report {
		return &Report{RateBefore: 10, RateAfter: 10, LeastRate: 10, Faults: []Fault{{Kind: KillAll, Gap: time.Second}}}
	}
	for _, tt := range []struct {
		name   string
		spoil  func(r *Report)
		failed bool
	}{
		{"good", func(*Report) {}, false},
		{"a lost write", func(r *Report) { r.Workloads = []Judged{{Found: Verdict{Lost: 1}}} }, true},
		{"an undecided history", func(r *Report) { r.Workloads = []Judged{{Found: Verdict{Undecided: 1}}} }, true},
		{"different replicas", func(r *Report) { r.Digests.Different = 1 }, true},
		{"replicas that cannot be compared", func(r *Report) { r.Digests.Behind = 1 }, true},
		{"too little load", func(r *Report) { r.RateAfter = 9 }, true},
		{"no fault", func(r *Report) { r.Faults = nil }, true},
		{"a problem", func(r *Report) { r.Problems = []string{"partition 1 takes no write"} }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := good()
			tt.spoil(r)
			r.finish()
			if r.Failed() != tt.failed {
				t.Errorf("got failed %v: %v", r.Failed(), r)
			}
		})
	}
}

func TestReportFigures(t *testing.T) {
	r := &Report{Workloads: []Judged{{"register", Tally{OK: 5, Failed: 2, Unknown: 1, Reasons: map[string]int{"unknown: timeout": 1, "CLUSTERDOWN": 2}}, Verdict{Checked: 6, Stale: 1, Examples: []string{"what was stale"}}}}}
	r.Faults = []Fault{
		{Kind: KillPrimary, End: 2 * time.Second, Served: 5 * time.Second, Gap: time.Second}, {Kind: KillPrimary, Gap: 3 * time.Second},
		{Kind: Rolling, Gap: time.Second},
	}
	r.finish()
	want := Gap{Kind: KillPrimary, Count: 2, P50: time.Second, P99: 3 * time.Second, Max: 3 * time.Second, Served: 3 * time.Second}
	if len(r.Gaps) != 2 || r.Gaps[0] != want {
		t.Errorf("got gaps %+v, want %+v first", r.Gaps, want)
	}
	for _, part := range []string{"kill-primary", "rolling", "what was stale", "register", "stale", "not done: 2 CLUSTERDOWN, 1 unknown: timeout"} {
		if !strings.Contains(r.String(), part) {
			t.Errorf("the table does not show %q:\n%v", part, r)
		}
	}
	raw, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(raw, &back); err != nil || back.Total.Found.Stale != 1 || back.Total.Ops.Unknown != 1 {
		t.Errorf("got %+v, %v", back.Total, err)
	}
}

func TestDigests(t *testing.T) {
	for _, tt := range []struct {
		name  string
		found []digest
		want  Digests
	}{
		{"equal", []digest{{"a", 5, "x"}, {"b", 5, "x"}, {"c", 5, "x"}}, Digests{Compared: 3}},
		{"one differs", []digest{{"a", 5, "x"}, {"b", 5, "y"}, {"c", 5, "x"}}, Digests{Compared: 3, Different: 2}},
		{"one is behind", []digest{{"a", 5, "x"}, {"b", 4, "y"}, {"c", 5, "x"}}, Digests{Compared: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var d Digests
			d.compare(0, tt.found)
			if d.Compared != tt.want.Compared || d.Different != tt.want.Different {
				t.Errorf("got %+v, want %+v", d, tt.want)
			}
			if behind := lagging(tt.found) != ""; behind != (tt.name == "one is behind") {
				t.Errorf("lagging: got %q", lagging(tt.found))
			}
		})
	}
}

// TestCompareReplicas asks nodes that answer, one of them with another state.
func TestCompareReplicas(t *testing.T) {
	answer := func(text string) func(string) string { return func(string) string { return "+" + text + "\r\n" } }
	a, b := newFakeNode(t, answer("applied 7 digest aa")), newFakeNode(t, answer("applied 7 digest bb"))
	none := newFakeNode(t, func(string) string { return "-ERR not held\r\n" })
	d := CompareReplicas(Access{Seeds: []string{a.addr, none.addr, b.addr}, Timeout: time.Second}, 1, time.Second)
	if d.Compared != 1 || d.Different != 1 || d.Behind != 0 {
		t.Errorf("got %+v, want one comparison that differs", d)
	}
	d = CompareReplicas(Access{Seeds: []string{a.addr, none.addr}, Timeout: time.Second}, 1, time.Millisecond)
	if d.Behind != 1 {
		t.Errorf("got %+v, want nothing to compare", d)
	}
	if a.commands() == "" || !strings.HasPrefix(a.commands(), "DEBUG PARTITION 0") {
		t.Errorf("asked %q", a.commands())
	}
}

// TestPartitionOf holds the ranges against their definition.
func TestPartitionOf(t *testing.T) {
	for _, n := range []int{1, 3, 7, 16} {
		p := newProbes(time.Now(), n, 0)
		for i, key := range p.keys {
			if slot := Slot(key); slot < i*slotCount/n || slot >= (i+1)*slotCount/n {
				t.Errorf("%d partitions: key %q of slot %d is not in partition %d", n, key, slot, i)
			}
		}
	}
}

func TestGaps(t *testing.T) {
	p := newProbes(time.Now(), 1, 0)
	p.acks[0] = []time.Duration{10, 20, 90, 100, 300}
	if served, _ := p.servedSince(100); served {
		t.Error("served, though no read was answered")
	}
	for _, tt := range []struct{ from, to, want time.Duration }{
		{0, 15, 10}, {30, 40, 70}, {15, 95, 70}, {95, 95, 10}, {100, 200, 200}, {301, 400, 0}, {0, 1000, 200},
	} {
		if got, read := p.worstGap(tt.from, tt.to); got != tt.want || read != 0 {
			t.Errorf("from %d to %d: got %d, reads %d, want %d, reads 0", tt.from, tt.to, got, read, tt.want)
		}
	}
}
