package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// TestClusterMovesCopies moves the copies of clusters that have one, and in the long form two and five of each partition: away from a node, and in the long form
// to one that joins, under a load that is checked. Then who gives a copy, or gets it, is killed in the middle of that, while nobody writes: with so few copies there is nobody who could
// take over. Nothing is lost.
func TestClusterMovesCopies(t *testing.T) {
	all := []int{1}
	if long() {
		all = []int{1, 2, 5}
	}
	for _, copies := range all {
		t.Run(fmt.Sprint(copies), func(t *testing.T) { movesCopies(t, copies) })
	}
}

func movesCopies(t *testing.T, copies int) {
	partitions := pick(2, 4)
	rng := seeded(t)
	p := underTest(t)
	c, err := StartLocal(p[0], t.TempDir(), max(3, copies), "--partitions", fmt.Sprint(partitions), "--replicas", fmt.Sprint(copies), "--enable-debug-command", "local")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Kill)
	c.Copies = copies
	fill(t, c, "first", 500)
	c.well(t)
	ask := c.Members[0]
	load := beginChecked(t, "load", c.Addrs())
	began := time.Now()
	next := c.Members[2]
	if long() {
		if next, err = c.Join(); err != nil {
			t.Fatal(err)
		}
		eventually(t, settleWithin, func() error { return c.holds(ask, next.Addr, true) })
	}
	if err := c.command("drain", c.Members[1].Addr, ask.Addr); err != nil {
		t.Fatal(err)
	}
	t.Logf("copies have moved after %v, %d steps", time.Since(began).Round(time.Second), load.end(t))
	equalOn(t, c, partitions)
	done := make(chan error, 1)
	if err := c.command("drain", c.Members[1].Addr, "--cancel", ask.Addr); err != nil {
		t.Fatal(err)
	}
	began = time.Now()
	go func() { done <- c.command("drain", next.Addr, ask.Addr) }()
	c.killMidMove(t, rng, ask)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	c.well(t)
	t.Logf("the node is drained %v later, through a kill", time.Since(began).Round(time.Second))
	if err := c.holds(ask, next.Addr, false); err != nil {
		t.Error(err)
	}
	_ = load.client.Close()
	load.client = redis.NewClusterClient(&redis.ClusterOptions{Addrs: c.Addrs()}) // the other one has connections to a node that was killed
	load.check(t)
	equalOn(t, c, partitions)
}

// holds returns an error unless a node holds copies, or none, and none moves.
func (c *LocalCluster) holds(ask *LocalMember, addr string, any bool) error {
	copies, _, err := c.Shares(ask)
	if err == nil && copies[addr] > 0 != any {
		err = fmt.Errorf("%s holds %d copies", addr, copies[addr])
	}
	return err
}
