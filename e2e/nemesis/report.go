package nemesis

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is what a run did and found.
type Report struct {
	Version    string    `json:"version"`
	Seed       uint64    `json:"seed"`
	Began      time.Time `json:"began"`
	Seconds    float64   `json:"seconds"`
	Nodes      int       `json:"nodes"`
	Partitions int       `json:"partitions"`
	RateBefore float64   `json:"rateBefore"` // operations a second before the faults, and after them
	RateAfter  float64   `json:"rateAfter"`
	LeastRate  float64   `json:"leastRate"`
	Workloads  []Judged  `json:"workloads"`
	Total      Judged    `json:"total"`
	Faults     []Fault   `json:"faults"`
	Gaps       []Gap     `json:"gaps"`
	Digests    Digests   `json:"digests"`
	Logs       LogFound  `json:"logs"`
	Unclear    Unclear   `json:"unclear"`
	Revived    int       `json:"revived"`            // nodes that ended by themselves, as they were asked to
	MaxRSS     int64     `json:"maxRSS"`             // of one node, in bytes
	Problems   []string  `json:"problems,omitempty"` // why the run failed, other than what checkers found
}

// Judged is one workload's operations and what its checker found.
type Judged struct {
	Workload string  `json:"workload"`
	Ops      Tally   `json:"ops"`
	Found    Verdict `json:"found"`
}

// Fault is one fault that was injected. Times are since the run began; in JSON they are nanoseconds.
type Fault struct {
	Kind   Kind          `json:"kind"`
	Target string        `json:"target"`
	Begin  time.Duration `json:"begin"`
	End    time.Duration `json:"end"`    // it was undone
	Served time.Duration `json:"served"` // every partition took a write again
	Gap    time.Duration `json:"gap"`    // the longest time in which a partition took none

	ReadGap   time.Duration `json:"readGap"`         // the longest time in which a partition answered no read
	Moved     time.Duration `json:"moved,omitempty"` // from Served until the copies were where they were to go
	Redundant time.Duration `json:"redundant"`       // from then until every copy of every partition was whole again
}

// Gap is the write gaps of one kind of fault: of each fault that of the partition that waited longest.
type Gap struct {
	Kind   Kind          `json:"kind"`
	Count  int           `json:"count"`
	P50    time.Duration `json:"p50"`
	P99    time.Duration `json:"p99"`
	Max    time.Duration `json:"max"`
	Served time.Duration `json:"served"` // the longest from the end of a fault until every partition served

	ReadMax   time.Duration `json:"readMax"`         // the longest time in which a partition answered no read
	Moved     time.Duration `json:"moved,omitempty"` // the longest from Served until copies that moved were there
	Redundant time.Duration `json:"redundant"`       // the longest from then until every copy was back
}

// Unclear counts the appends to the log that were left without a clear answer on purpose.
type Unclear struct {
	NotSent  int `json:"notSent"`  // the message was lost: it was not in the log when its answer did not come
	NoAnswer int `json:"noAnswer"` // the answer was lost
	Late     int `json:"late"`     // the answer was held back
}

// finish sums up.
func (r *Report) finish() {
	r.Seconds = time.Since(r.Began).Seconds()
	r.Total.Workload = "all"
	for _, w := range r.Workloads {
		r.Total.Ops.add(w.Ops)
		r.Total.Found.add(w.Found)
	}
	r.Total.Found.Examples = nil // they stand beside their workloads
	r.Gaps = gapsOf(r.Faults)
	if r.RateBefore < r.LeastRate || r.RateAfter < r.LeastRate {
		r.Problems = append(r.Problems, fmt.Sprintf("too little load to prove anything: %.0f operations a second before the faults, %.0f after, want %.0f",
			r.RateBefore, r.RateAfter, r.LeastRate))
	}
	if len(r.Faults) == 0 {
		r.Problems = append(r.Problems, "no fault was injected")
	}
}

// gapsOf sums up faults by kind, in the order of kinds.
func gapsOf(faults []Fault) []Gap {
	by := make(map[Kind][]Fault)
	for _, f := range faults {
		by[f.Kind] = append(by[f.Kind], f)
	}
	var gaps []Gap
	for kind, faults := range by {
		g := Gap{Kind: kind, Count: len(faults)}
		var all []time.Duration
		for _, f := range faults {
			all = append(all, f.Gap)
			g.Served = max(g.Served, f.Served-f.End)
			g.ReadMax = max(g.ReadMax, f.ReadGap)
			g.Moved, g.Redundant = max(g.Moved, f.Moved), max(g.Redundant, f.Redundant)
		}
		g.P50, g.P99, g.Max = quantile(all, 50), quantile(all, 99), slices.Max(all)
		gaps = append(gaps, g)
	}
	slices.SortFunc(gaps, func(x, y Gap) int { return cmp.Compare(x.Kind, y.Kind) })
	return gaps
}

// quantile returns the smallest value that percent of all do not exceed; 0 of none.
func quantile(all []time.Duration, percent int) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[max(0, (len(sorted)*percent+99)/100-1)]
}

// Failed tells whether the run found a fault, or could not be made as it was asked for.
func (r *Report) Failed() bool {
	return r.Total.Found.Faults() > 0 || r.Logs.Found.Faults() > 0 || r.Digests.Different+r.Digests.Behind > 0 || len(r.Problems) > 0
}

// JSON is the report for programs.
func (r *Report) JSON() ([]byte, error) { return json.MarshalIndent(r, "", "  ") }

// String is the report as tables for people.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "version %s, seed %d, %.0f s, %d nodes, %d partitions, %d faults; %.0f operations a second before the faults, %.0f after\n\n",
		r.Version, r.Seed, r.Seconds, r.Nodes, r.Partitions, len(r.Faults), r.RateBefore, r.RateAfter)
	t := tabwriter.NewWriter(&b, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "workload\tok\tfailed\tunknown\tchecked\tlost\tduplicated\tstale\tillegal\tundecided\t")
	for _, w := range append(slices.Clone(r.Workloads), r.Total) {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", w.Workload, w.Ops.OK, w.Ops.Failed, w.Ops.Unknown,
			w.Found.Checked, w.Found.Lost, w.Found.Duplicated, w.Found.Stale, w.Found.Illegal, w.Found.Undecided)
	}
	fmt.Fprintln(t, "\nfault\ttimes\twrite gap p50\tp99\tmax\tread gap max\tserves after\tmoved after\tall copies after\t")
	for _, g := range r.Gaps {
		fmt.Fprintf(t, "%s\t%d\t%v\t%v\t%v\t%v\t%v\t%v\t%v\t\n", g.Kind, g.Count, millis(g.P50), millis(g.P99), millis(g.Max), millis(g.ReadMax),
			millis(g.Served), millis(g.Moved), millis(g.Redundant))
	}
	_ = t.Flush() // b never fails
	fmt.Fprintf(&b, "\nreplicas: %d comparisons, %d different, %d not possible\n",
		r.Digests.Compared, r.Digests.Different, r.Digests.Behind)
	l := &r.Logs
	fmt.Fprintf(&b, "logs: %d records (%d terms of primaries, %d records of deposed ones), %d operations checked: %d lost, %d duplicated, %d stale, %d illegal, %d undecided; unknown writes in them: %d, not in them: %d\n",
		l.Records, l.Terms, l.Stale, l.Found.Checked, l.Found.Lost, l.Found.Duplicated, l.Found.Stale, l.Found.Illegal, l.Found.Undecided,
		l.Found.UnknownDone, l.Found.UnknownNotDone)
	fmt.Fprintf(&b, "unknown writes that were done: %d, that were not: %d; most memory of a node: %d MB\n",
		r.Total.Found.UnknownDone, r.Total.Found.UnknownNotDone, r.MaxRSS>>20)
	if u := r.Unclear; u != (Unclear{}) {
		fmt.Fprintf(&b, "appends without a clear answer: %d not sent, %d answers lost, %d late\n", u.NotSent, u.NoAnswer, u.Late)
	}
	fmt.Fprintf(&b, "not done: %s\n", strings.Join(r.reasons(), ", "))
	for _, line := range r.complaints() {
		fmt.Fprintln(&b, line)
	}
	return b.String()
}

// reasons are why operations did not succeed, and how often, the most frequent first.
func (r *Report) reasons() []string {
	by := r.Total.Ops.Reasons
	names := slices.SortedFunc(maps.Keys(by), func(x, y string) int {
		return cmp.Or(cmp.Compare(by[y], by[x]), cmp.Compare(x, y))
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%d %s", by[name], name)
	}
	return names
}

// complaints are the words beside the figures.
func (r *Report) complaints() []string {
	lines := slices.Clone(r.Digests.Examples)
	for _, w := range r.Workloads {
		for _, e := range w.Found.Examples {
			lines = append(lines, w.Workload+": "+e)
		}
	}
	for _, e := range r.Logs.Found.Examples {
		lines = append(lines, "logs: "+e)
	}
	for _, p := range r.Problems {
		lines = append(lines, "PROBLEM: "+p)
	}
	return lines
}

func millis(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
