package e2e

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// evenly returns an error unless all nodes have about the same number of copies, and, in the long form, each leads something.
func (c *LocalCluster) evenly(ask *LocalMember) error {
	copies, led, err := c.Shares(ask)
	if err != nil {
		return err
	}
	least, most := 1<<30, 0
	for _, m := range c.Members {
		least, most = min(least, copies[m.Addr]), max(most, copies[m.Addr])
		if long() && led[m.Addr] == 0 {
			return fmt.Errorf("%s leads nothing: %v", m.Addr, led)
		}
	}
	if most-least > 1 {
		return fmt.Errorf("copies are not even: %v", copies)
	}
	return nil
}

// command runs "shiplog cluster ..." and returns what it says.
func (c *LocalCluster) command(words ...string) error {
	out, err := Finish(exec.Command(c.binary, append([]string{"cluster"}, words...)...))
	if err != nil {
		return fmt.Errorf("shiplog cluster %s: %w: %s", strings.Join(words, " "), err, out)
	}
	return nil
}

// killed kills a node and starts it again.
func (c *LocalCluster) killed(t *testing.T, m *LocalMember) {
	t.Helper()
	if err := c.KillMember(m); err != nil {
		t.Fatal(err)
	}
	if err := c.Restart(m); err != nil {
		t.Fatal(err)
	}
}

// moving waits until a copy moves, and returns from where to where.
func (c *LocalCluster) moving(t *testing.T, ask *LocalMember) (from, to *LocalMember) {
	t.Helper()
	eventually(t, settleWithin, func() error {
		all, err := c.partitions(ask)
		if err != nil {
			return err
		}
		for _, p := range all {
			for _, at := range append(slices.Clone(p.Replicas), p.Primary) {
				m, err := c.At(at.Address)
				if err != nil {
					return err
				}
				switch at.Moves {
				case "leaving":
					from = m
				case "arriving":
					to = m
				}
			}
			if from != nil && to != nil {
				return nil
			}
		}
		return errors.New("no copy moves")
	})
	return from, to
}

// coordinator is the node that coordinates.
func (c *LocalCluster) coordinator(t *testing.T) (m *LocalMember) {
	t.Helper()
	eventually(t, settleWithin, func() error {
		for _, m = range c.Members {
			said, _ := answerOf(m, "INFO", "cluster") // who does not answer does not coordinate for long
			me, err := answerOf(m, "CLUSTER", "MYID")
			if err == nil && strings.Contains(said, "shiplog_coordinator:"+me) {
				return nil
			}
		}
		return errors.New("nobody coordinates")
	})
	return m
}

// answerOf is a node's answer to a command.
func answerOf(m *LocalMember, words ...string) (string, error) {
	conn, err := Dial(m.Addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	v, err := conn.Do(words...)
	return v.Text, err
}

// killMidMove kills, at any moment of a move, whoever gives a copy, who gets it, or who coordinates.
func (c *LocalCluster) killMidMove(t *testing.T, rng *rand.Rand, ask *LocalMember) {
	t.Helper()
	from, to := c.moving(t, ask)
	victims := []*LocalMember{from, to, c.coordinator(t)}
	victim := victims[rng.IntN(len(victims))]
	time.Sleep(time.Duration(rng.IntN(1500)) * time.Millisecond) // any moment
	t.Logf("%s is killed while a copy goes from %s to %s", victim.Addr, from.Addr, to.Addr)
	c.killed(t, victim)
}

// well waits until nothing is wrong with the cluster.
func (c *LocalCluster) well(t *testing.T) {
	t.Helper()
	eventually(t, 2*settleWithin, c.Check)
}

// TestClusterGrowsAndShrinks takes a cluster from three nodes to five and back under a load that is checked, and kills a node that gives a copy, one that
// gets it or the one that coordinates in the middle. None of go-redis, ioredis and redis-py sees an error, nothing is lost. Then a node is killed and wiped for good,
// and replaced. The long form does that again and again.
func TestClusterGrowsAndShrinks(t *testing.T) {
	const partitions = 6
	rng := seeded(t)
	c := startLocal(t, "--partitions", fmt.Sprint(partitions), "--enable-debug-command", "local")
	fill(t, c, "first", 2000)
	load := beginChecked(t, "load", c.Addrs())
	inJS := installNPM(t).program("ioredis5", "kills")(t, "ioredis", "", c.Addrs())
	inPython := program("/usr/bin/python3", "testdata/cluster.py", "kills")(t, "redis-py", "", c.Addrs())
	inJS.begin(t)
	inPython.begin(t)
	for range pick(1, 3) {
		c.growsAndShrinks(t, rng)
	}
	t.Logf("%d steps of go-redis, %s of ioredis, %s of redis-py", load.end(t), inJS.goOn(t), inPython.goOn(t))
	equalOn(t, c, partitions)
	c.replaces(t, partitions)
}

// growsAndShrinks has two nodes join, and takes them out again. Nodes are killed meanwhile.
func (c *LocalCluster) growsAndShrinks(t *testing.T, rng *rand.Rand) {
	t.Helper()
	ask := c.Members[0]
	began := time.Now()
	for range 2 {
		if _, err := c.Join(); err != nil {
			t.Fatal(err)
		}
	}
	for range pick(1, 4) {
		c.killMidMove(t, rng, ask)
	}
	eventually(t, 3*settleWithin, func() error { return c.evenly(ask) })
	t.Logf("five nodes have even shares after %v", time.Since(began).Round(time.Second))
	c.well(t)
	began = time.Now()
	for _, m := range c.Members[3:] {
		done := make(chan error, 1)
		go func() { done <- c.command("drain", m.Addr, ask.Addr) }()
		for range pick(1, 2) {
			c.killMidMove(t, rng, ask)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(3 * settleWithin):
			t.Fatalf("%s is not drained", m.Addr)
		}
	}
	t.Logf("two nodes are drained after %v", time.Since(began).Round(time.Second))
	for _, m := range c.Members[3:] {
		if err := c.command("remove", m.Addr, ask.Addr); err != nil {
			t.Fatal(err)
		}
		if err := c.KillMember(m); err != nil {
			t.Fatal(err)
		}
	}
	c.Members = c.Members[:3]
	c.well(t)
}

// replaces kills and wipes a node for good, starts another one, and has it replace the dead one.
func (c *LocalCluster) replaces(t *testing.T, partitions int) {
	dead, ask := c.Members[2], c.Members[0]
	if err := c.KillMember(dead); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dead.Dir); err != nil {
		t.Fatal(err)
	}
	eventually(t, settleWithin, func() error { return c.led(dead) }) // until then go-redis, which cannot reach it, gives up
	load := beginChecked(t, "replaced", []string{ask.Addr, c.Members[1].Addr})
	began := time.Now()
	if _, err := c.Join(); err != nil {
		t.Fatal(err)
	}
	c.Members = append(c.Members[:2:2], c.Members[3])
	eventually(t, settleWithin, func() error { return c.command("replace", dead.Addr, ask.Addr) })
	c.well(t)
	t.Logf("%s is replaced after %v, %d steps", dead.Addr, time.Since(began).Round(time.Second), load.end(t))
	equalOn(t, c, partitions)
}

// equalOn waits until all copies of each partition have equal digests, on the nodes that have one.
func equalOn(t *testing.T, c *LocalCluster, partitions int) {
	t.Helper()
	for p := range partitions {
		eventually(t, settleWithin, func() error {
			said, copies := make(map[string]bool), 0
			for _, m := range c.Members {
				conn, err := Dial(m.Addr)
				if err != nil {
					return err
				}
				v, err := conn.Do("DEBUG", "PARTITION", fmt.Sprint(p))
				conn.Close()
				if err != nil {
					return err
				}
				if !v.IsError() {
					said[v.Text] = true
					copies++
				}
			}
			if len(said) != 1 || copies != c.Copies {
				return fmt.Errorf("partition %d: the %d copies are %v", p, copies, said)
			}
			return nil
		})
	}
}
