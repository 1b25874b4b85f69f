package main

import (
	"errors"
	"fmt"
	"time"

	"shiplog/e2e"
)

// growWithin bounds the waiting for a balanced cluster.
const growWithin = 10 * time.Minute

// grow has two nodes join, and measures until all five have their share of copies and of primaries, and every copy is up to date. Nobody writes
// meanwhile: primaries are spread by their number then, and by their load otherwise, which has no simple measure.
func (b *bench) grow(c *e2e.LocalCluster) ([]fact, error) {
	if err := b.fillCluster(c, c.Members[0]); err != nil {
		return nil, err
	}
	start, err := joinTwo(c)
	if err != nil {
		return nil, err
	}
	copied, balanced, err := awaitBalance(c, start)
	if err != nil {
		return nil, err
	}
	return []fact{
		newFact(fmt.Sprintf("3 to 5 nodes, %d MB in %d partitions: copies are even", b.megabytes, growPartitions), "s", copied.Seconds(), 0, 0),
		newFact("3 to 5 nodes: primaries are even too", "s", balanced.Seconds(), balancedIn, 0),
	}, nil
}

// growBusy is grow while clients write as fast as they are answered. It measures until copies are even, and what the writers notice of that: primaries
// follow by load, which has no simple measure. On one machine the two new nodes take from the old ones what they need to run, for good: what writes take
// afterwards is told as well.
func (b *bench) growBusy(c *e2e.LocalCluster) ([]fact, error) {
	if err := b.fillCluster(c, c.Members[0]); err != nil {
		return nil, err
	}
	return b.growUnder(c, 0, "while clients write all they can")
}

// growSteady is growBusy with a part, half by default, of the writes a second that three nodes can take: what a cluster that is to grow should still do.
func (b *bench) growSteady(c *e2e.LocalCluster) ([]fact, error) {
	if err := b.fillCluster(c, c.Members[0]); err != nil {
		return nil, err
	}
	w := startWriting(c.Members[0].Addr, 0)
	time.Sleep(2 * time.Second)
	from := time.Now()
	time.Sleep(5 * time.Second)
	_, most := w.between(from, time.Now())
	if err := w.end(); err != nil {
		return nil, err
	}
	rate := most * b.steady
	progress("three nodes take %.0f writes a second; from here on %.0f", most, rate)
	return b.growUnder(c, rate, fmt.Sprintf("while clients write %.0f/s of the %.0f that three can take", rate, most))
}

// growUnder has two nodes join under a load.
func (b *bench) growUnder(c *e2e.LocalCluster, rate float64, load string) ([]fact, error) {
	w := startWriting(c.Members[0].Addr, rate)
	time.Sleep(2 * time.Second)
	from := time.Now()
	time.Sleep(20 * time.Second)
	start, err := joinTwo(c)
	if err != nil {
		return nil, errors.Join(err, w.end())
	}
	copied, err := awaitCopies(c, start)
	even := time.Now()
	if err == nil {
		time.Sleep(10 * time.Second)
	}
	ended := time.Now()
	if err = errors.Join(err, w.end()); err != nil {
		return nil, err
	}
	after99, after := w.between(even, ended)
	progress("with five nodes and nothing on its way: p99 %.1f ms and %.0f/s", after99, after)
	facts := []fact{newFact(fmt.Sprintf("3 to 5 nodes %s, %d MB in %d partitions: copies are even", load, b.megabytes, growPartitions), "s", copied.Seconds(), balancedIn, 0)}
	return append(facts, w.compared("from the start of two nodes to even copies, "+load, [4]time.Time{from, start, start, start.Add(copied)})...), nil
}

// joinTwo starts two nodes more, and returns when.
func joinTwo(c *e2e.LocalCluster) (start time.Time, err error) {
	start = time.Now()
	for range 2 {
		if _, err := c.Join(); err != nil {
			return start, err
		}
	}
	return start, nil
}

// awaitCopies waits until nodes differ by at most one copy, all of them well, and returns how long after start that was.
func awaitCopies(c *e2e.LocalCluster, start time.Time) (copied time.Duration, err error) {
	for time.Since(start) < growWithin {
		time.Sleep(250 * time.Millisecond)
		copies, _, failed := c.Shares(c.Members[0])
		if err = failed; err == nil {
			err = evenly(c, copies)
		}
		if err == nil {
			progress("copies are even after %v: %v", time.Since(start).Round(time.Second), copies)
			return time.Since(start), nil
		}
	}
	return 0, fmt.Errorf("copies are not even after %v: %w", growWithin, err)
}

// awaitBalance is awaitCopies, and then waits until nodes differ by at most one primary too.
func awaitBalance(c *e2e.LocalCluster, start time.Time) (copied, balanced time.Duration, err error) {
	if copied, err = awaitCopies(c, start); err != nil {
		return 0, 0, err
	}
	for time.Since(start) < growWithin {
		copies, led, failed := c.Shares(c.Members[0])
		if err = failed; err == nil {
			err = errors.Join(evenly(c, copies), evenly(c, led))
		}
		if err == nil {
			return copied, time.Since(start), nil
		}
		time.Sleep(250 * time.Millisecond)
	}
	return copied, 0, fmt.Errorf("not balanced after %v: %w", growWithin, err)
}

// evenly returns an error unless what the nodes have differs by at most one.
func evenly(c *e2e.LocalCluster, have map[string]int) error {
	least, most := have[c.Members[0].Addr], 0
	for _, m := range c.Members {
		least, most = min(least, have[m.Addr]), max(most, have[m.Addr])
	}
	if most-least > 1 {
		return fmt.Errorf("shares are %v", have)
	}
	return nil
}
