package nemesis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Options are what a run is made of.
type Options struct {
	Seed       uint64
	Partitions int           // of the cluster, as equal ranges of slots
	Kinds      []Kind        // of faults, each has its turn
	Faulty     time.Duration // how long faults are injected
	Quiet      time.Duration // load before the first fault, and after the last
	Lease      time.Duration // of a primary
	Bound      time.Duration // within this the cluster must serve again after each fault
	Redundancy time.Duration // within this every copy must be whole again after each fault; 0: there is but one of each
	LeastRate  float64       // operations a second that must succeed in the quiet times
	Workers    int           // of each workload
	Think      time.Duration // between a worker's operations
	Pause      time.Duration // between a probe's writes: gaps are not measured finer
	Timeout    time.Duration // of clients
	Password   string
	Revive     bool // nodes that end by themselves are started again: that is what was asked of them
	// Calm ends what goes wrong inside the nodes, before they are healed; nil: nothing does.
	Calm    func() error
	Digests bool // compare the replicas at the end
	Logs    bool // end every node at last, and judge everything by the logs on their disks
	Log     func(format string, args ...any)
}

// DefaultOptions are the options of a short run.
func DefaultOptions(seed uint64) Options {
	return Options{
		Seed: seed, Partitions: 16, Kinds: ShortMix(), Faulty: 60 * time.Second, Quiet: 5 * time.Second,
		Lease: time.Second, Bound: 30 * time.Second, Redundancy: 60 * time.Second, LeastRate: 100, Workers: 3,
		Think: 8 * time.Millisecond, Pause: 50 * time.Millisecond, Timeout: 3 * time.Second,
		Digests: true, Logs: true, Log: func(string, ...any) {},
	}
}

// Run loads a cluster that serves, injects faults, heals it, and judges what the clients saw. It returns an error
// when the run could not be made; what the run found is in the report (Report.Failed).
func Run(ctx context.Context, cluster Cluster, o Options) (*Report, error) {
	r := newRunner(cluster, o)
	r.log("seed %d, %v of faults: %v", o.Seed, o.Faulty, o.Kinds)
	if err := r.prepare(); err != nil {
		return nil, err
	}
	loaded, end := context.WithCancel(ctx)
	clients := r.load(loaded)
	r.report.RateBefore = r.quiet(ctx)
	r.inject(ctx)
	r.heal(ctx)
	r.report.RateAfter = r.quiet(ctx)
	end()
	clients.Wait()
	r.report.MaxRSS = r.stage.maxRSS()
	r.judge()
	return r.report, ctx.Err()
}

// runner is one run.
type runner struct {
	options   Options
	stage     *stage
	begin     time.Time
	probes    *probes
	bank      *bank
	workloads []workload // but the probes
	report    *Report
	handOver  func(partition int) []string // the command that asks a replica to lead
}

func newRunner(cluster Cluster, o Options) *runner {
	r := &runner{options: o, begin: time.Now(), handOver: failoverPartition}
	r.stage = &stage{cluster: cluster, nodes: cluster.Nodes(), partitions: o.Partitions, settled: r.settled, replicated: r.replicated, stale: 2 * time.Second}
	r.stage.access = Access{Password: o.Password, Timeout: o.Timeout}
	for _, n := range r.stage.nodes {
		r.stage.access.Seeds = append(r.stage.access.Seeds, n.Addr())
	}
	r.probes = newProbes(r.begin, o.Partitions, o.Pause)
	r.bank = &bank{history{begin: r.begin}}
	r.workloads = []workload{
		&registers{history: history{begin: r.begin}}, &appenders{history: history{begin: r.begin}},
		r.bank, &counters{history{begin: r.begin}},
	}
	r.report = &Report{
		Seed: o.Seed, Began: r.begin, Nodes: len(r.stage.nodes), Partitions: o.Partitions, LeastRate: o.LeastRate,
	}
	return r
}

func (r *runner) log(format string, args ...any) {
	r.options.Log("%8.3fs %s", time.Since(r.begin).Seconds(), fmt.Sprintf(format, args...))
}

func (r *runner) problem(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	r.report.Problems = append(r.report.Problems, text)
	r.log("PROBLEM: %s", text)
}

// prepare does what must be there before the load.
func (r *runner) prepare() error {
	c := NewClient(r.stage.access)
	defer c.Close()
	r.report.Version = r.stage.version()
	return r.bank.open(c)
}

// load starts the clients; they end with ctx.
func (r *runner) load(ctx context.Context) *sync.WaitGroup {
	all := &sync.WaitGroup{}
	all.Go(func() {
		access := r.stage.access
		access.Timeout = min(access.Timeout, time.Second) // a probe that hangs measures nothing
		r.probes.run(ctx, access)
	})
	for kind, w := range r.workloads {
		for i := range r.options.Workers {
			who := kind*r.options.Workers + i
			rng := rand.New(rand.NewPCG(r.options.Seed, uint64(who)+2))
			all.Go(func() { r.work(ctx, w, who, rng) })
		}
	}
	return all
}

// work is one client.
func (r *runner) work(ctx context.Context, w workload, who int, rng *rand.Rand) {
	access := r.stage.access
	first := rng.IntN(len(access.Seeds)) // not all ask the same node first
	access.Seeds = append(append([]string{}, access.Seeds[first:]...), access.Seeds[:first]...)
	c := NewClient(access)
	defer c.Close()
	for ctx.Err() == nil {
		if w.step(c, who, rng) == Failed {
			sleep(ctx, 20*time.Millisecond)
		}
		sleep(ctx, r.options.Think/2+time.Duration(rng.Int64N(int64(r.options.Think)+1)))
	}
}

// quiet lets the load run and returns how many operations a second succeed.
func (r *runner) quiet(ctx context.Context) float64 {
	before, begin := r.succeeded(), time.Now()
	sleep(ctx, r.options.Quiet)
	rate := float64(r.succeeded()-before) / time.Since(begin).Seconds()
	r.log("quiet: %.0f operations a second", rate)
	return rate
}

func (r *runner) succeeded() int {
	sum := r.probes.count().OK
	for _, w := range r.workloads {
		sum += w.count().OK
	}
	return sum
}

// inject injects faults until their time is over.
func (r *runner) inject(ctx context.Context) {
	plan := newSchedule(r.options.Seed, r.options.Kinds, r.options.Lease)
	deadline := time.Now().Add(r.options.Faulty)
	for ctx.Err() == nil && time.Now().Before(deadline) {
		step := plan.next()
		sleep(ctx, step.Rest)
		r.revive()
		if names := r.stage.ended(); names != "" {
			r.problem("ended without being told to: %s", names)
			return
		}
		if !r.fault(ctx, step) {
			return
		}
	}
}

// fault injects one fault and waits until the cluster serves again. It returns false when there is no use in more
// of them: the cluster does not serve, or a fault was left half done.
func (r *runner) fault(ctx context.Context, step Step) bool {
	f := Fault{Kind: step.Kind, Begin: time.Since(r.begin)}
	r.log("%s for %v (pick %d)", step.Kind, millis(step.Hold), step.Pick)
	target, end, err := r.stage.inject(step.Kind, step.Pick)
	f.Target = target
	r.log("%s hit %s", step.Kind, target)
	if err != nil {
		r.problem("%s: %v", step.Kind, err)
		return target == "" // where nothing was hit, other faults may be
	}
	if end != nil {
		sleep(ctx, step.Hold)
		if err := end(); err != nil {
			r.problem("end %s: %v", step.Kind, err)
		}
	}
	f.End = time.Since(r.begin)
	err = r.settled()
	f.Served = time.Since(r.begin)
	f.Gap, f.ReadGap = r.probes.worstGap(f.Begin, f.Served)
	r.log("served %v after the end, write gap %v, read gap %v", millis(f.Served-f.End), millis(f.Gap), millis(f.ReadGap))
	if err == nil {
		f.Moved, err = r.stage.moved()
	}
	if err == nil {
		f.Redundant, err = r.replicated()
		r.log("moves are over %v later, every copy is back %v after that", millis(f.Moved), millis(f.Redundant))
	}
	r.report.Faults = append(r.report.Faults, f)
	if err != nil {
		r.problem("after %s: %v", step.Kind, err)
	}
	return err == nil
}

// settled waits until every partition has taken a write and answered a read since now.
func (r *runner) settled() error {
	since := time.Since(r.begin)
	for {
		r.revive()
		served, missing := r.probes.servedSince(since)
		if served {
			return nil
		}
		if time.Since(r.begin) > since+r.options.Bound {
			return fmt.Errorf("partition %d takes no write or answers no read within %v", missing, r.options.Bound)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// revive starts nodes again that have ended by themselves, if they may.
func (r *runner) revive() {
	if !r.options.Revive {
		return
	}
	for i, n := range r.stage.nodes {
		if n.PID() != 0 {
			continue
		}
		r.report.Revived++
		r.log("node %d has ended by itself", i)
		if err := n.Restart(); err != nil {
			r.problem("start node %d: %v", i, err)
		}
	}
}

// heal undoes all faults; the cluster must serve within the bound.
func (r *runner) heal(ctx context.Context) {
	if r.options.Calm != nil {
		if err := r.options.Calm(); err != nil {
			r.problem("calm: %v", err)
		}
	}
	if err := r.stage.heal(); err != nil {
		r.problem("heal: %v", err)
	}
	begin := time.Now()
	if err := r.settled(); err != nil && ctx.Err() == nil {
		r.problem("at the end: %v", err)
	}
	r.log("healed, every partition serves after %v", time.Since(begin).Round(time.Millisecond))
}

// judge does the last reads, compares the replicas, and runs the checkers.
func (r *runner) judge() {
	c := NewClient(r.stage.access)
	defer c.Close()
	for _, w := range append(r.workloads, r.probes) {
		if err := w.finish(c); err != nil {
			r.problem("%s: %v", w.name(), err)
		}
		verdict := w.check()
		r.report.Workloads = append(r.report.Workloads, Judged{w.name(), w.count(), verdict})
		r.log("%s: %d ok, %d checked, %d faults found", w.name(), w.count().OK, verdict.Checked, verdict.Faults())
	}
	if r.options.Digests {
		r.report.Digests = CompareReplicas(r.stage.access, r.options.Partitions, r.options.Bound)
		r.log("replicas: %d comparisons, %d different, %d not possible", r.report.Digests.Compared,
			r.report.Digests.Different, r.report.Digests.Behind)
	}
	if r.options.Logs {
		r.report.Logs = r.readLogs()
		r.log("logs: %d records, %d operations checked, %d faults found in %v", r.report.Logs.Records, r.report.Logs.Found.Checked,
			r.report.Logs.Found.Faults(), millis(r.report.Logs.Took))
	}
	r.report.finish()
}
