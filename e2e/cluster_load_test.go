package e2e

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// A load that is not even: so many SETs a second to each partition that one node leads at first, and to each other one.
const (
	hotRate, coldRate = 60, 3
	loadedPartitions  = 24
)

// skewedLoad is go-redis at work on keys with hash tags.
type skewedLoad struct {
	tags   [loadedPartitions]string // of each partition
	rates  [loadedPartitions]int
	acked  [loadedPartitions]atomic.Int64
	failed atomic.Int64
	why    atomic.Value // an error
}

// begin has each partition written to at its rate until the test ends.
func (l *skewedLoad) begin(t *testing.T, c *LocalCluster) {
	t.Helper()
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: c.Addrs()})
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	t.Cleanup(func() { stop(); all.Wait(); _ = client.Close() })
	for p, rate := range l.rates {
		all.Go(func() {
			tick := time.NewTicker(time.Second / time.Duration(rate))
			defer tick.Stop()
			for n := 0; ctx.Err() == nil; n++ {
				err := client.Set(context.WithoutCancel(ctx), fmt.Sprintf("{%s}:%d", l.tags[p], n%100), n, 0).Err()
				if err != nil {
					l.failed.Add(1)
					l.why.Store(err)
				} else {
					l.acked[p].Add(1)
				}
				select {
				case <-ctx.Done():
				case <-tick.C:
				}
			}
		})
	}
}

// aim finds a hash tag for each partition, and makes those hot that the node leads.
func (l *skewedLoad) aim(t *testing.T, c *LocalCluster, hot *LocalMember) {
	t.Helper()
	all, err := c.partitions(c.Members[0])
	if err != nil {
		t.Fatal(err)
	}
	for n, missing := 0, len(all); missing > 0; n++ {
		tag := fmt.Sprint("t", n)
		v, err := c.ask("CLUSTER", "KEYSLOT", tag)
		if err != nil {
			t.Fatal(err)
		}
		id, _ := v.Int()
		for _, p := range all {
			var first, last int64
			if _, err := fmt.Sscanf(p.Slots, "%d-%d", &first, &last); err != nil {
				t.Fatal(err)
			}
			if l.tags[p.Number] != "" || id < first || id > last {
				continue
			}
			l.tags[p.Number], l.rates[p.Number] = tag, coldRate
			if p.Primary.Address == hot.Addr {
				l.rates[p.Number] = hotRate
			}
			missing--
		}
	}
}

// ledBy is who leads each partition, and how often primaries have changed.
func (c *LocalCluster) ledBy(t *testing.T) (by map[int]string, epochs int64) {
	t.Helper()
	all, err := c.partitions(c.Members[0])
	if err != nil {
		t.Fatal(err)
	}
	by = make(map[int]string)
	for _, p := range all {
		by[p.Number] = p.Primary.Address
		epochs += p.Epoch
	}
	return by, epochs
}

// heaviest measures for a while how many times the mean the node with the most to do has done.
func (l *skewedLoad) heaviest(t *testing.T, c *LocalCluster, lasts time.Duration) (float64, error) {
	t.Helper()
	var before [loadedPartitions]int64
	for p := range before {
		before[p] = l.acked[p].Load()
	}
	_, since := c.ledBy(t)
	time.Sleep(lasts)
	by, now := c.ledBy(t)
	if now != since {
		return 0, errors.New("primaries have changed meanwhile")
	}
	sum, most, of := 0.0, 0.0, make(map[string]float64)
	for p := range before {
		n := float64(l.acked[p].Load() - before[p])
		sum += n
		of[by[p]] += n
		most = max(most, of[by[p]])
	}
	return most * float64(len(c.Members)) / sum, nil
}

// TestClusterSpreadsLoad writes to the partitions of one node twenty times as much as to others: they are listed as those with the most load. In the long form
// they are handed over until no node has more than 1.2 times the mean to do, and then stay where they are.
func TestClusterSpreadsLoad(t *testing.T) {
	c := startLocal(t, "--partitions", fmt.Sprint(loadedPartitions))
	c.well(t)
	var l skewedLoad
	hot := c.Members[1]
	l.aim(t, c, hot)
	_, at := c.ledBy(t)
	l.begin(t, c)
	began := time.Now()
	eventually(t, settleWithin, func() error { return c.lists(hot, &l) })
	if !long() {
		return
	}
	eventually(t, 10*time.Minute, func() error {
		times, err := l.heaviest(t, c, 10*time.Second)
		if err == nil && times > 1.2 {
			err = fmt.Errorf("a node does %.2f times the mean", times)
		}
		return err
	})
	_, then := c.ledBy(t)
	t.Logf("no node does more than 1.2 times the mean after %v, %d hand-overs", time.Since(began).Round(time.Second), then-at)
	time.Sleep(30 * time.Second) // what follows from it
	_, then = c.ledBy(t)
	times, err := l.heaviest(t, c, 3*time.Minute)
	t.Logf("a node does at most %.2f times the mean, %v", times, err)
	if _, now := c.ledBy(t); now != then || err != nil || times > 1.2 {
		t.Errorf("%d hand-overs under an even load that stays the same, %.2f times the mean on a node, want none and 1.2 at most: %v", now-then, times, err)
	}
	if n := l.failed.Load(); n > 0 {
		t.Errorf("%d SETs failed, one with %v", n, l.why.Load())
	}
}

// lists returns an error unless those that are listed as having the most load are all hot, by the command and by INFO.
func (c *LocalCluster) lists(hot *LocalMember, l *skewedLoad) error {
	out, err := Printed(exec.Command(c.binary, "cluster", "partitions", c.Members[0].Addr))
	if err != nil {
		return err
	}
	_, listed, _ := strings.Cut(string(out), "the most load: ")
	if strings.Count(listed, "partition ") != 3 || strings.Count(listed, hot.Addr) != 3 {
		return fmt.Errorf("listed is %q, want three of %s", listed, hot.Addr)
	}
	info, err := answerOf(c.Members[0], "INFO", "shiplog")
	if err != nil {
		return err
	}
	for n := range 5 {
		_, line, found := strings.Cut(info, fmt.Sprintf("hot%d:partition=", n))
		var p int
		if _, err := fmt.Sscanf(line, "%d,", &p); !found || err != nil || l.rates[p] != hotRate {
			return fmt.Errorf("hot%d is partition %d: %.100s", n, p, line)
		}
	}
	return nil
}
