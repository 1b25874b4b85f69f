package e2e

import (
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// stopWithin is how long a node may take to stop after SIGTERM.
const stopWithin = 5 * time.Second

// TestClusterHandOver hands partitions over, one after another, while all stock clients write: none of them sees an error.
func TestClusterHandOver(t *testing.T) {
	c := startLocal(t)
	talks := loads(t, c, "load")
	for partition := range 8 {
		c.handOver(t, partition*2)
	}
	endLoads(t, talks)
	t.Run("notices", func(t *testing.T) { hearNotices(t, c) })
}

// handOver has another node lead a partition.
func (c *LocalCluster) handOver(t *testing.T, partition int) {
	t.Helper()
	out, err := Finish(exec.Command(c.binary, "cluster", "failover", strconv.Itoa(partition), c.Members[0].Addr))
	if err != nil {
		t.Errorf("cluster failover %d: %v: %s", partition, err, out)
	}
}

// TestClusterRolling stops and starts each node in turn while go-redis writes: it sees no error. A node stops quickly, and
// what it led is led by others before it has ended.
func TestClusterRolling(t *testing.T) {
	c := startLocal(t)
	load := startGoRedisLoad(t, "rolling", "", c.Addrs())
	load.begin(t)
	for _, m := range c.Members {
		took, err := c.StopMember(m, 2*stopWithin)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.led(m); err != nil || took > stopWithin {
			t.Errorf("node %s took %v to stop, want at most %v; after it: %v", m.Addr, took, stopWithin, err)
		}
		t.Logf("node %s stopped within %v", m.Addr, took.Round(time.Millisecond))
		if err := c.Restart(m); err != nil {
			t.Fatal(err)
		}
		eventually(t, settleWithin, c.Check)
	}
	t.Logf("%s steps", load.goOn(t))
}

// TestClusterRedirectsBeforeItStops has a node stop while a client of it goes on without looking at the topology: it is told where to go for as long as clients need to
// read the topology again, and sees no error before that.
func TestClusterRedirectsBeforeItStops(t *testing.T) {
	c := startLocal(t)
	leaver := c.Members[0]
	key := keyOn(t, c, "leaving", leaver)
	conn, err := Dial(leaver.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	stopped := make(chan error, 1)
	go func() { _, err := c.StopMember(leaver, 2*stopWithin); stopped <- err }()
	var first, last time.Time
	for {
		v, err := conn.Do("INCR", key)
		if err != nil {
			break // the connection is closed
		}
		switch text := v.Text; {
		case !v.IsError() && first.IsZero():
		case v.IsError() && strings.HasPrefix(text, "MOVED "):
			if last = time.Now(); first.IsZero() {
				first = last
			}
		default:
			t.Errorf("INCR: %v after %v of redirections", v, last.Sub(first))
		}
	}
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	if told := last.Sub(first); first.IsZero() || told < 300*time.Millisecond || told > stopWithin {
		t.Errorf("it was redirected for %v, want about half a second", told)
	}
}

// led returns an error unless all slots are led by nodes other than m, and each of these answers for them.
func (c *LocalCluster) led(m *LocalMember) error {
	for slot := 0; slot < 16384; slot += 512 {
		leader, err := c.PrimaryOf(slot)
		if err != nil {
			return err
		}
		if leader == m {
			return fmt.Errorf("slot %d is still led by %s", slot, m.Addr)
		}
	}
	return nil
}

// TestClusterStops tells all nodes to stop at the same time: none waits for the others for long.
func TestClusterStops(t *testing.T) {
	c := startLocal(t)
	began := time.Now()
	var all sync.WaitGroup
	for _, m := range c.Members {
		if err := syscall.Kill(m.PID, syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range c.Members {
		all.Go(func() {
			if err := c.Await(fmt.Sprintf("(pid %d) has ended: exit status 0", m.PID), 2*stopWithin); err != nil {
				t.Error(err)
			}
			if took := time.Since(began); took > stopWithin {
				t.Errorf("node %s took %v to stop, want at most %v", m.Addr, took, stopWithin)
			}
		})
	}
	all.Wait()
	t.Logf("all had stopped after %v", time.Since(began).Round(time.Millisecond))
}

// TestClusterReplicaReads has clients read from replicas too: what was acknowledged is seen everywhere soon, and writes go to
// primaries.
func TestClusterReplicaReads(t *testing.T) {
	c := startLocal(t)
	t.Run("redis-py", func(t *testing.T) {
		talk := program("/usr/bin/python3", "testdata/cluster.py", "replicas")(t, "age", "", c.Addrs())
		talk.begin(t)
		time.Sleep(2 * time.Second) // how long it is at work
		if steps, err := strconv.Atoi(talk.goOn(t)); err != nil || steps < 100 {
			t.Errorf("it took %d steps, %v", steps, err)
		}
	})
	t.Run("go-redis", func(t *testing.T) {
		client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: c.Addrs(), ReadOnly: true, RouteRandomly: true})
		t.Cleanup(func() { _ = client.Close() })
		before := c.reads(t)
		longest := time.Duration(0)
		for n := range 1000 {
			key := fmt.Sprintf("age:%d", n%97)
			if err := client.Set(t.Context(), key, n, 0).Err(); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			for {
				got, err := client.Get(t.Context(), key).Int()
				if err != nil && !errors.Is(err, redis.Nil) {
					t.Fatal(err)
				}
				if age := time.Since(began); got >= n {
					longest = max(longest, age)
					break
				} else if age > 2*time.Second {
					t.Fatalf("%s is still %d after %v, want %d", key, got, age, n)
				}
			}
		}
		t.Logf("a write was seen after %v at most", longest)
		after := c.reads(t)
		for i := range after {
			if n := after[i] - before[i]; n < 100 {
				t.Errorf("node %s answered %d reads: they are not spread", c.Members[i].Addr, n)
			}
		}
	})
	t.Run("limits", func(t *testing.T) { directiveLimits(t, c) })
}

// reads returns how many keys were looked up on each node.
func (c *LocalCluster) reads(t *testing.T) []int64 {
	t.Helper()
	counts := make([]int64, len(c.Members))
	for i, m := range c.Members {
		conn, err := Dial(m.Addr)
		if err != nil {
			t.Fatal(err)
		}
		v, err := conn.Do("INFO", "stats")
		conn.Close()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(v.Text) {
			if name, value, _ := strings.Cut(strings.TrimSpace(line), ":"); name == "keyspace_hits" || name == "keyspace_misses" {
				n, err := strconv.ParseInt(value, 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				counts[i] += n
			}
		}
	}
	return counts
}
