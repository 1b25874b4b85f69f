package e2e

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestClusterToolsMove has redis-cli add nodes and take them away again while every stock client counts: none of them sees an error, and
// each counter has every increment once. The node that was taken away is a new one then, which can be added again.
func TestClusterToolsMove(t *testing.T) {
	const partitions = 4
	c := startLocal(t, "--partitions", fmt.Sprint(partitions), "--enable-debug-command", "local")
	talks := loads(t, c, "moves")
	ask, count := c.Members[0], pick(1, 2)
	for range count {
		c.adds(t, ask)
	}
	eventually(t, 3*settleWithin, func() error { return c.evenly(ask) })
	for range count {
		c.takesAway(t, ask)
	}
	endLoads(t, talks)
	c.well(t)
	equalOn(t, c, partitions)
}

// adds starts a node that knows nobody, and has redis-cli add it.
func (c *LocalCluster) adds(t *testing.T, ask *LocalMember) {
	t.Helper()
	began := time.Now()
	m, err := c.Another()
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, settleWithin, func() error { _, err := answerOf(m, "PING"); return err })
	out := runs(t, "", "redis-cli", "--cluster", "add-node", m.Addr, ask.Addr)
	if !strings.Contains(out, "[OK] New node added correctly.") {
		t.Fatalf("redis-cli --cluster add-node: %s", out)
	}
	eventually(t, settleWithin, func() error { // the first order to spread copies may come before the node is known
		copies, _, err := c.Shares(ask)
		if err == nil && copies[m.Addr] == 0 {
			err = errors.Join(fmt.Errorf("%s holds nothing", m.Addr), c.command("rebalance", ask.Addr))
		}
		return err
	})
	t.Logf("%s holds copies after %v", m.Addr, time.Since(began).Round(time.Millisecond))
}

// takesAway drains the last node, and has redis-cli remove it.
func (c *LocalCluster) takesAway(t *testing.T, ask *LocalMember) {
	t.Helper()
	m := c.Members[len(c.Members)-1]
	id, err := answerOf(m, "CLUSTER", "MYID")
	if err != nil {
		t.Fatal(err)
	}
	words := []string{"--cluster", "del-node", ask.Addr, id}
	if out, err := Finish(exec.Command("redis-cli", words...)); !strings.Contains(string(out), "is not empty") && !strings.Contains(string(out), "holds copies") {
		t.Errorf("redis-cli removes a node that holds copies: %v: %s", err, out)
	}
	if err := c.command("drain", m.Addr, ask.Addr); err != nil {
		t.Fatal(err)
	}
	if out := runs(t, "", append([]string{"redis-cli"}, words...)...); strings.Contains(out, "ERR") {
		t.Errorf("redis-cli --cluster del-node: %s", out)
	}
	c.Members = c.Members[:len(c.Members)-1]
	eventually(t, settleWithin, func() error { // it starts over
		again, err := answerOf(m, "CLUSTER", "NODES")
		if err == nil && (strings.Contains(again, id) || strings.Count(again, "\n") != 1) {
			err = fmt.Errorf("the node that was taken away knows %s", again)
		}
		return err
	})
	for range 10 { // and stays alone, though the others call its address: they would take it in at once
		time.Sleep(200 * time.Millisecond)
		for _, who := range []struct {
			m     *LocalMember
			nodes int
		}{{m, 1}, {ask, len(c.Members)}} {
			known, err := answerOf(who.m, "CLUSTER", "NODES")
			if err != nil || strings.Count(known, "\n") != who.nodes {
				t.Fatalf("%s knows %v %s, want %d nodes", who.m.Addr, err, known, who.nodes)
			}
		}
	}
	if err := c.KillMember(m); err != nil {
		t.Fatal(err)
	}
}
