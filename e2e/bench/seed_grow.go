package main

import (
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
	start := time.Now()
	for range 2 {
		if _, err := c.Join(); err != nil {
			return nil, err
		}
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

// awaitBalance waits until nodes differ by at most one copy, and by at most one primary too, all copies well, and returns how long after start that was.
func awaitBalance(c *e2e.LocalCluster, start time.Time) (copied, balanced time.Duration, err error) {
	for time.Since(start) < growWithin {
		time.Sleep(250 * time.Millisecond)
		copies, led, failed := c.Shares(c.Members[0])
		if failed != nil {
			err = failed
			continue
		}
		if err = evenly(c, copies); err != nil {
			continue
		}
		if copied == 0 {
			copied = time.Since(start)
			progress("copies are even after %v: %v", copied.Round(time.Second), copies)
		}
		if err = evenly(c, led); err == nil {
			return copied, time.Since(start), nil
		}
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
