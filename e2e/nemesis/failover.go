package nemesis

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Failovers is how long partitions took no writes when their primary was taken away again and again.
type Failovers struct {
	What    string          `json:"what"`
	Count   int             `json:"count"`
	P50     time.Duration   `json:"p50"` // in JSON times are nanoseconds
	P99     time.Duration   `json:"p99"`
	Max     time.Duration   `json:"max"`
	Failed  int             `json:"failed"`  // writes that got an error meanwhile
	Unknown int             `json:"unknown"` // writes that got no reply
	Found   Verdict         `json:"found"`   // about the writes of the whole measurement
	Gaps    []time.Duration `json:"gaps"`    // in the order in which they were measured

	ReadGaps  []time.Duration `json:"readGaps"`
	ReadP50   time.Duration   `json:"readP50"`
	ReadMax   time.Duration   `json:"readMax"`
	Redundant time.Duration   `json:"redundant"` // the longest from when the partitions were served until every copy was back
}

// String is the measurement on one line for people.
func (f *Failovers) String() string {
	return fmt.Sprintf("%d times %s: write gap p50 %v, p99 %v, max %v; read gap p50 %v, max %v; all copies back after at most %v; %d operations failed, %d unknown, %d faults found %v",
		f.Count, f.What, millis(f.P50), millis(f.P99), millis(f.Max), millis(f.ReadP50), millis(f.ReadMax), millis(f.Redundant), f.Failed, f.Unknown, f.Found.Faults(), f.Found.Examples)
}

// JSON is the measurement for programs.
func (f *Failovers) JSON() ([]byte, error) { return json.MarshalIndent(f, "", "  ") }

// MeasureKills kills the primary of one partition after the other with SIGKILL, n times, and starts it again when
// its partitions are served. The gap is that of the partition, with one writer for each.
func MeasureKills(ctx context.Context, cluster Cluster, o Options, n int) (*Failovers, error) {
	return measure(ctx, newRunner(cluster, o), n, measurement{"kill -9 of a primary", (*runner).killOnce})
}

// MeasureHandovers asks a replica of one partition after the other to lead it, n times, and waits until it does.
func MeasureHandovers(ctx context.Context, cluster Cluster, o Options, n int) (*Failovers, error) {
	return measure(ctx, newRunner(cluster, o), n, measurement{"hand-over", (*runner).handOverOnce})
}

// measurement is what is done to a partition, and returns when its writes go on.
type measurement struct {
	what string
	once func(r *runner, partition int) error
}

func measure(ctx context.Context, r *runner, n int, m measurement) (*Failovers, error) {
	loaded, end := context.WithCancel(ctx)
	defer end()
	ended := make(chan struct{})
	go func() { r.probes.run(loaded, r.stage.access); close(ended) }()
	f := &Failovers{What: m.what}
	err := r.settled()
	before := r.probes.count()
	for i := 0; i < n && err == nil && ctx.Err() == nil; i++ {
		partition := i % r.options.Partitions
		begin := time.Since(r.begin)
		if err = m.once(r, partition); err != nil {
			err = fmt.Errorf("%s %d, partition %d: %w", m.what, i, partition, err)
			break
		}
		gap, read := r.probes.gap(partition, begin, time.Since(r.begin))
		f.Gaps, f.ReadGaps = append(f.Gaps, gap), append(f.ReadGaps, read)
		r.log("%s %d, partition %d: no writes for %v, no reads for %v", m.what, i, partition, millis(gap), millis(read))
		var redundant time.Duration
		redundant, err = r.replicated()
		f.Redundant = max(f.Redundant, redundant)
	}
	after := r.probes.count()
	end()
	<-ended
	err = errors.Join(err, r.sumUp(f))
	f.Failed, f.Unknown = after.Failed-before.Failed, after.Unknown-before.Unknown
	return f, errors.Join(err, ctx.Err())
}

// sumUp does the last reads and the figures.
func (r *runner) sumUp(f *Failovers) error {
	c := NewClient(r.stage.access)
	defer c.Close()
	err := r.probes.finish(c)
	f.Found = r.probes.check()
	f.Count, f.P50, f.P99 = len(f.Gaps), quantile(f.Gaps, 50), quantile(f.Gaps, 99)
	if f.Count > 0 {
		f.Max, f.ReadP50, f.ReadMax = slices.Max(f.Gaps), quantile(f.ReadGaps, 50), slices.Max(f.ReadGaps)
	}
	return err
}

func (r *runner) killOnce(partition int) error {
	victim, err := r.stage.primary(partition)
	if err != nil {
		return err
	}
	if err := r.stage.nodes[victim].Kill9(); err != nil {
		return err
	}
	if err := r.settled(); err != nil {
		return err
	}
	return r.stage.nodes[victim].Restart()
}

func (r *runner) handOverOnce(partition int) error {
	replica, err := r.stage.replica(partition)
	if err != nil {
		return err
	}
	addr := r.stage.nodes[replica].Addr()
	if _, err := r.stage.access.ask(addr, r.handOver(partition)...); err != nil {
		return err
	}
	if err := r.until(func() error {
		t, err := r.stage.access.topologyFrom(addr)
		if err != nil {
			return err
		}
		holding, err := t.Holding(partition * slotCount / r.options.Partitions)
		if err == nil && holding.Primary.Addr != addr {
			err = fmt.Errorf("%s does not lead partition %d but %s", addr, partition, holding.Primary.Addr)
		}
		return err
	}); err != nil {
		return err
	}
	return r.settled()
}

// failoverPartition is the command with which a replica is asked to lead a partition.
func failoverPartition(partition int) []string {
	return []string{"CLUSTER", "FAILOVER", "PARTITION", strconv.Itoa(partition)}
}

// steady is for how long every node must show every copy before that is believed: a node that was killed and started again at
// once is shown by the others as it was, until they hear it.
const steady = 500 * time.Millisecond

// replicated waits until every node shows every partition with all its copies, if that is asked for. It returns how long
// that took.
func (r *runner) replicated() (time.Duration, error) {
	if r.options.Redundancy == 0 {
		return 0, nil
	}
	begin := time.Now()
	since := begin // all is well
	for {
		r.revive()
		var err error
		for _, n := range r.stage.nodes {
			err = cmp.Or(err, r.stage.access.redundant(n.Addr()))
		}
		now := time.Now()
		if err != nil {
			since = now
		}
		if now.Sub(since) >= steady {
			return since.Sub(begin), nil
		}
		if now.Sub(begin) > r.options.Redundancy {
			return now.Sub(begin), fmt.Errorf("not every copy is back within %v: %w", r.options.Redundancy, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// until waits for a condition, as long as the cluster may take to serve.
func (r *runner) until(condition func() error) error {
	deadline := time.Now().Add(r.options.Bound)
	for {
		err := condition()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
}
