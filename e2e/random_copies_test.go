package e2e

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestRandomRebuilt is TestRandom with all groups mixed, in which the server under test loses its state again and again and
// keeps its log: it must make the same state of the log alone, and go on from there.
func TestRandomRebuilt(t *testing.T) {
	form := duel{commands: pick(6_000, 1_000_000), between: pick(400, 50_000), disturb: (*duel).rebuild, known: loadDifferences(t)}
	whole := []string{"--log-retention-seconds", "1000000", "--log-retention-bytes", "1000gb"}
	form.nodes = [2]*Node{startShiplog(t, whole...), startRedis(t)}
	form.disturbedLast(t)
}

// TestRandomReplica is TestRandom with all groups mixed, on the primary of a cluster, with keys of one slot. Again and again
// its replicas must hold what the oracle holds, all copies must be the same to the byte, and one of the replicas goes on as
// the primary. The oracle is in cluster mode, too, and leads all slots, so that what it refuses there is compared as well.
func TestRandomReplica(t *testing.T) {
	oracle := startSharded(t)
	c := startLocal(t, "--partitions", "1", "--enable-debug-command", "yes")
	form := duel{commands: pick(6_000, 1_000_000), between: pick(250, 20_000), known: loadDifferences(t)}
	form.disturb = func(d *duel) { d.succeed(c) }
	form.nodes = [2]*Node{nodeAt(t, primaryOf(t, c)), oracle}
	form.tag = "{x}"
	form.without = []string{"KEYS", "DBSIZE", "RANDOMKEY", "FLUSHALL", "FLUSHDB"} // a cluster has them in no transaction
	form.disturbedLast(t)
}

// disturbedLast runs a form in either protocol, with one more disturbance at the end.
func (d duel) disturbedLast(t *testing.T) {
	for proto := 2; proto <= 3; proto++ {
		t.Run(fmt.Sprintf("RESP%d", proto), func(t *testing.T) {
			began := time.Now()
			run := d.begin(t, proto, shapeFiles(t)...)
			run.gen.leaveOut(d.without)
			if run.run(d.commands / 2); !t.Failed() {
				run.disturb(run)
			}
			d.nodes = run.nodes
			t.Logf("%d commands, %d excused, %d disturbances, %v", run.count, run.excused, run.disturbed+1, time.Since(began))
		})
	}
}

// leaveOut removes commands from those that are made.
func (g *generator) leaveOut(names []string) {
	g.shapes = slices.DeleteFunc(g.shapes, func(s shapeOf) bool { return slices.Contains(names, s.words[0]) })
	g.total = 0
	for _, s := range g.shapes {
		g.total += s.weight
	}
}

// rebuild stops the server under test and takes its state away: it must make it again from the log's first record on.
func (d *duel) rebuild() {
	d.t.Helper()
	n := d.nodes[0]
	before := d.portrait()
	if code, _, err := n.Stop(20 * time.Second); err != nil || code != 0 {
		d.t.Fatalf("stop: exit code %d, %v", code, err)
	}
	state := filepath.Join(n.Dir, "state")
	if held, err := os.ReadDir(state); err != nil || len(held) == 0 {
		d.t.Fatalf("there is no state to take away: %d files, %v", len(held), err)
	}
	if err := os.RemoveAll(state); err != nil {
		d.t.Fatal(err)
	}
	if err := n.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.connect()
	d.compareContents(dial(d.t, n))
	if after := d.portrait(); !slices.Equal(after, before) {
		d.t.Errorf("rebuilt from the log after %d commands:\n%s\nbefore:\n%s", d.count, strings.Join(after, "\n"), strings.Join(before, "\n"))
	}
}

// portrait is what the server under test says of all its keys, where that does not change with time: in the order in which
// it keeps them, and how.
func (d *duel) portrait() []string {
	d.t.Helper()
	c := dial(d.t, d.nodes[0])
	keys, err := scanAll(c, []string{"SCAN", "0"})
	if err != nil {
		d.t.Fatal(err)
	}
	var lines []string
	for _, key := range keys.Elems {
		name := key.Elems[0].Text
		reads := append(contents(d.t, c, name), read{words: []string{"OBJECT", "ENCODING", name}})
		for _, r := range reads {
			if r.rule.name != "near" && r.rule.name != "pending" {
				lines = append(lines, fmt.Sprintf("%q: %v", r.words, do(d.t, c, r.words...)))
			}
		}
	}
	return lines
}

// succeed compares the replicas with the oracle and all copies with each other, and makes one of the replicas the primary.
func (d *duel) succeed(c *LocalCluster) {
	d.t.Helper()
	d.compareContents(dial(d.t, d.nodes[0]))
	eventually(d.t, settleWithin, func() error { return d.sameCopies(c) })
	keys, err := scanAll(dial(d.t, d.nodes[1]), []string{"SCAN", "0", "COUNT", "1000"})
	if err != nil {
		d.t.Fatal(err)
	}
	var replicas []*Node
	for _, m := range c.Members {
		if n := nodeAt(d.t, m); n.Port != d.nodes[0].Port {
			replicas = append(replicas, n)
			d.compareKeys(readerOf(d.t, n, d.tag), names(keys))
		}
	}
	d.nodes[0] = replicas[d.rng.IntN(len(replicas))]
	heir := dial(d.t, d.nodes[0])
	do(d.t, heir, "CLUSTER", "FAILOVER")
	eventually(d.t, settleWithin, func() error { return answers(heir, d.tag) })
	d.connect()
}

// readerOf connects to a replica that may answer reads: it must not lag, and is asked until it knows that it does not.
func readerOf(t *testing.T, n *Node, key string) *Client {
	t.Helper()
	c := dial(t, n)
	do(t, c, "READONLY")
	eventually(t, settleWithin, func() error { return answers(c, key) })
	return c
}

// answers tells whether a node answers a read of a key, and does not refer to another.
func answers(c *Client, key string) error {
	v, err := c.Do("EXISTS", key)
	if err == nil && v.IsError() {
		err = errors.New(v.Text)
	}
	return err
}

// sameCopies wants all copies of the one partition to have come equally far. Those that have must be the same.
func (d *duel) sameCopies(c *LocalCluster) error {
	d.t.Helper()
	digests := make(map[string]string) // by how far the copy has come
	for _, m := range c.Members {
		v, err := askOne(m.Addr, "DEBUG", "PARTITION", "0")
		applied, digest, ok := strings.Cut(v.Text, " digest ")
		if err != nil || !ok {
			return errors.Join(err, fmt.Errorf("%s: %v", m.Addr, v))
		}
		if was, seen := digests[applied]; seen && was != digest {
			d.t.Fatalf("after %d commands two copies that have %s have the digests %s and %s", d.count, applied, was, digest)
		}
		digests[applied] = digest
	}
	if len(digests) > 1 {
		return fmt.Errorf("the copies have come differently far: %v", digests)
	}
	return nil
}

// askOne sends a command over a connection of its own.
func askOne(addr string, words ...string) (Value, error) {
	c, err := Dial(addr)
	if err != nil {
		return Value{}, err
	}
	defer c.Close()
	return c.Do(words...)
}

// primaryOf is the node that leads the first slot.
func primaryOf(t *testing.T, c *LocalCluster) *LocalMember {
	t.Helper()
	m, err := c.PrimaryOf(0)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// nodeAt is a member of a cluster as a node to connect to; others run it.
func nodeAt(t *testing.T, m *LocalMember) *Node {
	t.Helper()
	_, digits, err := net.SplitHostPort(m.Addr)
	port, err2 := strconv.Atoi(digits)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	return &Node{Port: port, Dir: m.Dir}
}

// startSharded starts an oracle in cluster mode that leads all slots.
func startSharded(t *testing.T) *Node {
	t.Helper()
	bus, err := FreePort()
	if err != nil {
		t.Fatal(err)
	}
	n := startRedis(t, "--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(bus))
	c := dial(t, n)
	do(t, c, "CLUSTER", "ADDSLOTSRANGE", "0", "16383")
	eventually(t, 20*time.Second, func() error {
		if info := do(t, c, "CLUSTER", "INFO").Text; !strings.Contains(info, "cluster_state:ok") {
			return errors.New(info)
		}
		return nil
	})
	return n
}
