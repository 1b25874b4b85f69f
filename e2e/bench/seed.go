package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"shiplog/e2e"
)

// What is asked of seeding and of hand-overs.
const (
	seedRate      = 100.0 // MB a second
	redundantIn   = 60.0  // seconds, for a gigabyte
	handOverGap   = 300.0 // ms
	slowerBy      = 2.0   // times the p99 of writes before
	throughputOff = 10.0  // %

	seedWriters = 8
	seedValue   = 100 // bytes of what they write
	chunk       = 64 << 10
)

// seeds measures how fast a copy that is gone is there again, and what writers notice of it and of hand-overs.
func (b *bench) seeds() (all []fact, err error) {
	directives := append([]string{"--partitions", "1", "--appendfsync", "always", "--log-retention-seconds", "0", "--state-flush-seconds", "2",
		"--node-gone-after-seconds", "2"}, strings.Fields(b.with)...)
	dir := filepath.Join(b.scratch, "seeds")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	c, err := e2e.StartLocal(b.shiplog[0], dir, 3, directives...)
	if err != nil {
		return nil, err
	}
	defer c.Kill()
	if err := awaitCheck(c); err != nil {
		return nil, err
	}
	for _, part := range []struct {
		name    string
		measure func(c *e2e.LocalCluster) ([]fact, error)
	}{{"hand-over", b.handOvers}, {"seeding", b.reseed}} {
		if !b.wants(part.name) {
			continue
		}
		facts, failed := part.measure(c)
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", part.name, failed))
		}
		all = append(all, facts...)
	}
	return all, err
}

// awaitCheck waits until every copy is there.
func awaitCheck(c *e2e.LocalCluster) error {
	deadline := time.Now().Add(2 * settleWithin)
	for {
		err := c.Check()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// writing is a load of single SETs, each sent when the one before is acknowledged, that goes where it is sent on.
type writing struct {
	stop chan struct{}
	done sync.WaitGroup

	mu    sync.Mutex
	acked []acked
	errs  []error
}

// acked is a write: when it was acknowledged and how long that took.
type acked struct {
	at   time.Time
	took time.Duration
}

func startWriting(addr string) *writing {
	w := &writing{stop: make(chan struct{})}
	for i := range seedWriters {
		w.done.Go(func() {
			if err := w.write(addr, i); err != nil {
				w.mu.Lock()
				w.errs = append(w.errs, err)
				w.mu.Unlock()
			}
		})
	}
	return w
}

// write is one writer. It follows redirections; any other error ends it.
func (w *writing) write(addr string, writer int) error {
	c, err := e2e.Dial(addr)
	if err != nil {
		return err
	}
	defer func() { c.Close() }()
	payload := strings.Repeat("v", seedValue)
	for n := 0; ; n++ {
		select {
		case <-w.stop:
			return nil
		default:
		}
		began := time.Now()
		v, err := c.Do("SET", fmt.Sprintf("w:%d:%d", writer, n%1000), payload)
		for err == nil && strings.HasPrefix(v.Text, "MOVED ") {
			c.Close()
			if c, err = e2e.Dial(strings.Fields(v.Text)[2]); err != nil {
				return err
			}
			v, err = c.Do("SET", fmt.Sprintf("w:%d:%d", writer, n%1000), payload)
		}
		if err != nil || v.Text != "OK" {
			return fmt.Errorf("SET: %v, %w", v, err)
		}
		now := time.Now()
		w.mu.Lock()
		w.acked = append(w.acked, acked{now, now.Sub(began)})
		w.mu.Unlock()
	}
}

// end stops the load.
func (w *writing) end() error {
	close(w.stop)
	w.done.Wait()
	return errors.Join(w.errs...)
}

// between is the p99 of what took how long, in ms, and how many writes a second there were, in a span of time.
func (w *writing) between(from, to time.Time) (p99, rate float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var took []float64
	for _, a := range w.acked {
		if !a.at.Before(from) && a.at.Before(to) {
			took = append(took, a.took.Seconds()*1e3)
		}
	}
	return quantile(took, 0.99), float64(len(took)) / to.Sub(from).Seconds()
}

// quantile is a part of the sorted values, 0 without any.
func quantile(values []float64, part float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[min(int(part*float64(len(values))), len(values)-1)]
}

// handOvers hands a partition over again and again while clients write. The gap is how long the slowest of the writers waited.
func (b *bench) handOvers(c *e2e.LocalCluster) ([]fact, error) {
	primary, err := c.PrimaryOf(0)
	if err != nil {
		return nil, err
	}
	w := startWriting(primary.Addr)
	var gaps []float64
	for i := range 10 * b.rounds {
		time.Sleep(200 * time.Millisecond)
		began := time.Now()
		to := c.Members[i%len(c.Members)]
		if to == primary {
			to = c.Members[(i+1)%len(c.Members)]
		}
		out, err := exec.Command(b.shiplog[0], "cluster", "failover", "0", c.Members[0].Addr, "--to", to.Addr).CombinedOutput()
		if err != nil {
			return nil, errors.Join(fmt.Errorf("cluster failover: %w: %s", err, out), w.end())
		}
		primary = to
		time.Sleep(200 * time.Millisecond)
		gaps = append(gaps, w.slowest(began, time.Now()))
	}
	if err := w.end(); err != nil {
		return nil, err
	}
	return []fact{
		newFact(fmt.Sprintf("hand-over, the slowest write, median of %d", len(gaps)), "ms", quantile(slices.Clone(gaps), 0.5), 0, 0),
		newFact(fmt.Sprintf("hand-over, the slowest write, p99 of %d", len(gaps)), "ms", quantile(gaps, 0.99), handOverGap, 0),
	}, nil
}

// slowest is how long the slowest write took in a span of time, in ms.
func (w *writing) slowest(from, to time.Time) (most float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.acked {
		if !a.at.Before(from) && a.at.Before(to) {
			most = max(most, a.took.Seconds()*1e3)
		}
	}
	return most
}

// reseed takes a replica's copy away, log and state, while clients write, and measures until it is there again.
func (b *bench) reseed(c *e2e.LocalCluster) ([]fact, error) {
	primary, err := c.PrimaryOf(0)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := fillBytes(primary.Addr, b.megabytes<<20); err != nil {
		return nil, err
	}
	progress("%d MB were written in %v", b.megabytes, time.Since(began).Round(time.Second))
	if err := awaitCheck(c); err != nil {
		return nil, err
	}
	time.Sleep(5 * time.Second) // what was written is flushed, and its log trimmed
	w := startWriting(primary.Addr)
	time.Sleep(2 * time.Second)
	from := time.Now()
	time.Sleep(10 * time.Second) // all three nodes live: that is what is compared with
	to := time.Now()
	start, whole, victim, err := b.replace(c, primary)
	if err != nil {
		return nil, errors.Join(err, w.end())
	}
	if err := w.end(); err != nil {
		return nil, err
	}
	return seedFacts(w, [4]time.Time{from, to, start, whole}, victim.Said())
}

// replace kills a replica, takes away what it has, and starts it again. It returns when, and when all copies were whole.
func (b *bench) replace(c *e2e.LocalCluster, primary *e2e.LocalMember) (start, whole time.Time, victim *e2e.LocalMember, err error) {
	victim = c.Members[slices.IndexFunc(c.Members, func(m *e2e.LocalMember) bool { return m != primary && m != c.Members[0] })]
	if err = c.KillMember(victim); err != nil {
		return start, whole, victim, err
	}
	if err = errors.Join(os.RemoveAll(filepath.Join(victim.Dir, "state")), os.RemoveAll(filepath.Join(victim.Dir, "log"))); err != nil {
		return start, whole, victim, err
	}
	time.Sleep(5 * time.Second) // it counts as gone
	start = time.Now()
	if err = c.Restart(victim); err == nil {
		err = awaitCheck(c)
	}
	return start, time.Now(), victim, err
}

// seedFacts are what was measured between two moments before the node was gone, and two when it was filled, about which it has said something.
func seedFacts(w *writing, at [4]time.Time, text string) ([]fact, error) {
	filled := regexp.MustCompile(`is filled, and follows the log.* partition=0 from=(\S+) .*fetched=(\d+) took=(\S+)`)
	said := filled.FindStringSubmatch(text)
	if said == nil {
		return nil, fmt.Errorf("the copy was not filled: %s", text)
	}
	bytes, _ := strconv.ParseFloat(said[2], 64) // digits
	took, err := time.ParseDuration(said[3])
	if err != nil {
		return nil, err
	}
	before99, before := w.between(at[0], at[1])
	during99, during := w.between(at[2], at[3])
	progress("filled from %s; writes: p99 %.1f ms and %.0f/s before, %.1f ms and %.0f/s meanwhile", said[1], before99, before, during99, during)
	return []fact{
		newFact("seeding a copy", "MB", bytes/1e6, 0, 0),
		newFact("seeding, from the first question to the copy in its place", "MB/s", bytes/1e6/took.Seconds(), 0, seedRate),
		newFact("until all copies are whole, from the node's start", "s", at[3].Sub(at[2]).Seconds(), redundantIn, 0),
		newFact("p99 of writes meanwhile, of that before", "x", during99/before99, slowerBy, 0),
		newFact("throughput of writes that is lost meanwhile", "%", max(0, 100*(1-during/before)), throughputOff, 0),
	}, nil
}

// fillBytes writes so many bytes that cannot be compressed.
func fillBytes(addr string, bytes int) error {
	const inFlight = 32
	c, err := e2e.Dial(addr)
	if err != nil {
		return err
	}
	defer c.Close()
	c.Timeout = time.Minute
	payload := make([]byte, chunk)
	for n := 0; n*chunk < bytes; n += inFlight {
		var raw []byte
		for i := range inFlight {
			_, _ = rand.Read(payload) // never fails
			raw = e2e.Command(raw, "SET", "big:"+strconv.Itoa(n+i), string(payload))
		}
		if err := c.Write(raw); err != nil {
			return err
		}
		for range inFlight {
			if v, err := c.Read(); err != nil || v.Text != "OK" {
				return fmt.Errorf("SET: %v, %w", v, err)
			}
		}
	}
	return nil
}
