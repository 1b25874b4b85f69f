package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestClusterDoubtsOldDirectories puts an old copy of a node's directory in the place of the directory, and kills the node that has all that is newer as soon as
// that is noticed; then a node comes back without its log. Neither is believed: the node goes on as a new one, and is filled by the others. Nothing
// that was acknowledged is lost.
func TestClusterDoubtsOldDirectories(t *testing.T) {
	const partitions = 2
	c := startLocal(t, "--partitions", fmt.Sprint(partitions), "--enable-debug-command", "local")
	m, other := c.Members[2], c.Members[1]
	old := filepath.Join(t.TempDir(), "old")
	c.rested(t, m, func() error { return os.CopyFS(old, os.DirFS(m.Dir)) })
	c.well(t)
	load := beginChecked(t, "newer", c.Addrs())
	fill(t, c, "newer", pick(2000, 10000))
	t.Logf("%d steps", load.end(t))
	was, err := answerOf(m, "CLUSTER", "MYID")
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	c.rested(t, m, func() error { return errors.Join(os.RemoveAll(m.Dir), os.Rename(old, m.Dir)) })
	eventually(t, settleWithin, func() error { return hasSaid(m, "its log is a copy") })
	c.killed(t, other)
	c.renewed(t, m, was)
	t.Logf("replaced after %v", time.Since(began).Round(time.Second))
	equalOn(t, c, partitions)
	load.check(t)
	if !long() {
		return
	}
	if was, err = answerOf(m, "CLUSTER", "MYID"); err != nil {
		t.Fatal(err)
	}
	load = beginChecked(t, "meanwhile", c.Addrs()[:2])
	c.rested(t, m, func() error { return os.RemoveAll(filepath.Join(m.Dir, "log")) })
	eventually(t, settleWithin, func() error { return hasSaid(m, "its log is gone") })
	c.renewed(t, m, was)
	t.Logf("%d steps", load.end(t))
	equalOn(t, c, partitions)
}

// rested stops a node, does something while it is down, and starts it again.
func (c *LocalCluster) rested(t *testing.T, m *LocalMember, meanwhile func() error) {
	t.Helper()
	if _, err := c.StopMember(m, settleWithin); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(meanwhile(), c.Restart(m)); err != nil {
		t.Fatal(err)
	}
}

// hasSaid returns an error unless a node has said something since it was started again.
func hasSaid(m *LocalMember, text string) error {
	if !strings.Contains(m.Said(), text) {
		return fmt.Errorf("%s has not said %q", m.Addr, text)
	}
	return nil
}

// renewed waits until a node is another one than it was, has all its copies, and nothing is left of what it was, in the cluster and in its directory.
func (c *LocalCluster) renewed(t *testing.T, m *LocalMember, was string) {
	t.Helper()
	eventually(t, 2*settleWithin, func() error { return hasSaid(m, "what this node was is replaced") })
	c.well(t)
	if is, err := answerOf(m, "CLUSTER", "MYID"); err != nil || is == was {
		t.Errorf("it is %s, %v, and was %s", is, err, was)
	}
	nodes, err := answerOf(c.Members[0], "CLUSTER", "NODES")
	if err != nil || strings.Contains(nodes, was) {
		t.Errorf("%s is still in the cluster: %v: %s", was, err, nodes)
	}
	if left, err := filepath.Glob(filepath.Join(m.Dir, "former*")); err != nil || len(left) > 0 {
		t.Errorf("%v are left, %v", left, err)
	}
}
