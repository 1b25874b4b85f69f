package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
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

	balancedIn = 180.0 // seconds, three nodes that become five, with a gigabyte

	growPartitions = 16

	seedWriters = 8
	seedValue   = 100 // bytes of what they write
	chunk       = 64 << 10
)

// seeds measures how fast a copy that is gone is there again, and what writers notice of it and of hand-overs.
func (b *bench) seeds() (all []fact, err error) {
	for _, part := range []struct {
		name       string
		partitions int
		measure    func(c *e2e.LocalCluster) ([]fact, error)
	}{{"hand-over", 1, b.handOvers}, {"seeding", 1, b.reseed}, {"3to5", growPartitions, b.grow}, {"3to5-writes", growPartitions, b.growBusy},
		{"3to5-steady", growPartitions, b.growSteady}} {
		if !b.wants(part.name) {
			continue
		}
		facts, failed := b.seedPart(part.name, part.partitions, part.measure)
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", part.name, failed))
		}
		all = append(all, facts...)
	}
	return all, err
}

// seedPart measures something on three nodes of its own, whose files are deleted afterwards.
func (b *bench) seedPart(name string, partitions int, measure func(c *e2e.LocalCluster) ([]fact, error)) ([]fact, error) {
	directives := append([]string{"--partitions", strconv.Itoa(partitions), "--appendfsync", "always", "--log-retention-seconds", "0",
		"--state-flush-seconds", "2", "--node-gone-after-seconds", "2"}, strings.Fields(b.with)...)
	dir := filepath.Join(b.scratch, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	c, err := e2e.StartLocal(b.shiplog[0], dir, 3, directives...)
	if err != nil {
		return nil, err
	}
	defer c.Kill()
	if err := awaitCheck(c); err != nil {
		return nil, err
	}
	return measure(c)
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

// handOvers hands a partition over again and again while clients write. The gap is how long the slowest of the writers waited.
func (b *bench) handOvers(c *e2e.LocalCluster) ([]fact, error) {
	primary, err := c.PrimaryOf(0)
	if err != nil {
		return nil, err
	}
	w := startWriting(primary.Addr, 0)
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

// reseed takes a replica's copy away, log and state, and measures until it is there again: first while nobody writes, then while clients do.
func (b *bench) reseed(c *e2e.LocalCluster) ([]fact, error) {
	primary, err := c.PrimaryOf(0)
	if err != nil {
		return nil, err
	}
	if err := b.fillCluster(c, primary); err != nil {
		return nil, err
	}
	quiet, err := b.replace(c, primary)
	if err != nil {
		return nil, err
	}
	w := startWriting(primary.Addr, 0)
	time.Sleep(2 * time.Second)
	from := time.Now()
	time.Sleep(10 * time.Second) // all three nodes live: that is what is compared with
	to := time.Now()
	busy, err := b.replace(c, primary)
	if err = errors.Join(err, w.end()); err != nil {
		return nil, err
	}
	facts := []fact{
		newFact("seeding a copy", "MB", quiet.bytes/1e6, 0, 0),
		newFact("seeding while nobody writes, from the first question to the copy in its place", "MB/s", quiet.rate(), 0, seedRate),
		newFact("until all copies are whole while nobody writes, from the node's start", "s", quiet.whole.Sub(quiet.start).Seconds(), redundantIn, 0),
		newFact("seeding while clients write", "MB/s", busy.rate(), 0, 0),
		newFact("until all copies are whole while clients write, from the node's start", "s", busy.whole.Sub(busy.start).Seconds(), redundantIn, 0),
	}
	facts = append(facts, w.compared("while the copy is filled", [4]time.Time{from, to, busy.began, busy.filled})...)
	return append(facts, w.compared("from the node's start to all copies whole", [4]time.Time{from, to, busy.start, busy.whole})...), nil
}

// fillCluster writes what is going to be copied, and waits until it is flushed, and its log trimmed.
func (b *bench) fillCluster(c *e2e.LocalCluster, ask *e2e.LocalMember) error {
	began := time.Now()
	if err := fillBytes(ask.Addr, b.megabytes<<20); err != nil {
		return err
	}
	progress("%d MB were written in %v", b.megabytes, time.Since(began).Round(time.Second))
	if err := awaitCheck(c); err != nil {
		return err
	}
	time.Sleep(5 * time.Second)
	return nil
}

// refill is how a copy has come back.
type refill struct {
	start, whole  time.Time // of its node; all copies
	began, filled time.Time // of the copy alone: asking for a snapshot, the snapshot in its place
	bytes         float64   // fetched
}

// rate is MB a second.
func (r *refill) rate() float64 { return r.bytes / 1e6 / max(r.filled.Sub(r.began).Seconds(), 0.001) }

// replace kills a replica, takes away what it has, and starts it again.
func (b *bench) replace(c *e2e.LocalCluster, primary *e2e.LocalMember) (r refill, err error) {
	victim := c.Members[slices.IndexFunc(c.Members, func(m *e2e.LocalMember) bool { return m != primary && m != c.Members[0] })]
	if err = c.KillMember(victim); err != nil {
		return r, err
	}
	if err = errors.Join(os.RemoveAll(filepath.Join(victim.Dir, "state")), os.RemoveAll(filepath.Join(victim.Dir, "log"))); err != nil {
		return r, err
	}
	time.Sleep(5 * time.Second) // it counts as gone
	r.start = time.Now()
	if err = c.Restart(victim); err == nil {
		err = awaitCheck(c)
	}
	r.whole = time.Now()
	return r, errors.Join(err, r.read(victim.Said()))
}

// read finds in what the node has said when its copy was filled.
func (r *refill) read(text string) (err error) {
	filled := regexp.MustCompile(`time=(\S+) .*is filled, and follows the log.* partition=0 from=(\S+) .*fetched=(\d+) took=(\S+)`)
	said := filled.FindStringSubmatch(text)
	if said == nil {
		return fmt.Errorf("the copy was not filled: %s", text)
	}
	r.bytes, _ = strconv.ParseFloat(said[3], 64) // digits
	took, err := time.ParseDuration(said[4])
	if err != nil {
		return err
	}
	progress("filled from %s in %v", said[2], took)
	r.filled, err = time.Parse(time.RFC3339, said[1])
	r.began = r.filled.Add(-took)
	return err
}
