package commands

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
	"shiplog/partitions/slot"
)

// fakeCluster is a node of a cluster: it leads partitions of equal ranges of slots, each with a real keyspace, until a test
// says otherwise.
type fakeCluster struct {
	*fakeEngine
	ranges   []slot.Range
	parts    []*fakePartition
	mu       sync.Mutex           // guards moved and holds
	moved    map[int]*reply.Reply // where a partition is that is not here
	holds    map[int]*fakeHold    // partitions between two primaries
	topology *Topology
	standing Standing // of the last command that was routed
	routed   int
	asked    []string // what an operator wanted
	refusal  error    // what an operator is told
}

// fakeHold is a Hold that a test ends.
type fakeHold struct {
	over  chan struct{}
	final *reply.Reply
}

func (h *fakeHold) Await(ctx context.Context) *reply.Reply {
	select {
	case <-h.over:
		return h.final
	case <-ctx.Done():
		return refuse(reply.Error("CLUSTERDOWN the hold is over"))
	}
}

// clusterRig is a rig whose node is one of a cluster.
type clusterRig struct {
	*rig
	cluster *fakeCluster
}

func newClusterRig(t testing.TB, partitions int) *clusterRig {
	t.Helper()
	r := newRig(t)
	r.settings.values["cluster-hold-ms"] = "2000"
	c := &fakeCluster{fakeEngine: r.engine, ranges: slot.Split(partitions), topology: capturedTopology(),
		moved: make(map[int]*reply.Reply), holds: make(map[int]*fakeHold)}
	for _, slots := range c.ranges {
		store, err := keyspace.Open(t.TempDir(), keyspace.Options{Logger: silent{}, Slots: slots})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := store.Abandon(); err != nil {
				t.Error(err)
			}
		})
		c.parts = append(c.parts, &fakePartition{store: store})
	}
	r.srv = NewServer(Config{Engine: c, Cluster: c, Settings: r.settings, Version: "1.2.3"})
	r.srv.table = NewTable(append(allRows(r.settings, &r.srv.scripts.cache), probeRows())...)
	return &clusterRig{rig: r, cluster: c}
}

func (c *fakeCluster) Route(row *Row, a Args, as Standing) (Partition, *reply.Reply, Hold) {
	c.standing = as
	c.routed++
	at, crossed := -1, false
	row.EachKey(a, func(key []byte) bool {
		n := c.Slot(key)
		crossed = at >= 0 && at != n
		at = n
		return !crossed
	})
	if crossed {
		return nil, refuse(crossSlot()), nil
	}
	n := c.partition(at)
	c.mu.Lock()
	defer c.mu.Unlock()
	if hold := c.holds[n]; hold != nil {
		return nil, nil, hold
	}
	if moved := c.moved[n]; moved != nil {
		return nil, moved, nil
	}
	return c.parts[n], nil, nil
}

// movedTo is where partitions are that have moved.
func movedTo() reply.Reply { return reply.Error("MOVED 5 10.0.0.9:6379") }

// move takes a partition away, or brings it back.
func (c *fakeCluster) move(partition int, away bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.moved, partition)
	if away {
		c.moved[partition] = refuse(movedTo())
	}
}

// hold puts a partition between two primaries.
func (c *fakeCluster) hold(partition int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holds[partition] = &fakeHold{over: make(chan struct{})}
}

// release ends the hold of a partition.
func (c *fakeCluster) release(partition int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.holds[partition].over)
	delete(c.holds, partition)
}

// partition returns the number of a slot's partition.
func (c *fakeCluster) partition(at int) int {
	return slices.IndexFunc(c.ranges, func(r slot.Range) bool { return r.Contains(slot.ID(at)) })
}

func (c *fakeCluster) Everywhere() []Partition {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []Partition
	for n, p := range c.parts {
		if c.moved[n] == nil {
			all = append(all, p)
		}
	}
	return all
}

func (c *fakeCluster) Topology() *Topology { return c.topology }
func (c *fakeCluster) Elections() uint64   { return 42 }

func (c *fakeCluster) Digest(int) (applied, digest uint64, err error) { return 7, 0xabc, c.refusal }

func (c *fakeCluster) Slot(key []byte) int { return int(slot.Of(key)) }

func (c *fakeCluster) CountKeysInSlot(at int) (int64, error) { return int64(at), c.refusal }

func (c *fakeCluster) KeysInSlot(at, count int) ([][]byte, error) {
	if at == 0 { // as in what was captured
		count = 0
	}
	return slices.Repeat([][]byte{[]byte("key" + strconv.Itoa(at))}, count), c.refusal
}

func (c *fakeCluster) note(format string, args ...any) error {
	c.asked = append(c.asked, fmt.Sprintf(format, args...))
	return c.refusal
}

func (c *fakeCluster) Failover(_ context.Context, mode string, partition int) error {
	return c.note("failover %q %d", mode, partition)
}

func (c *fakeCluster) HandOver(_ context.Context, partition int, to string) error {
	return c.note("hand over %d %s", partition, to)
}

func (c *fakeCluster) Forget(_ context.Context, id string) error { return c.note("forget %s", id) }

func (c *fakeCluster) Drain(_ context.Context, id string, back bool) error {
	return c.note("drain %s %t", id, back)
}

func (c *fakeCluster) Replace(_ context.Context, id string) error { return c.note("replace %s", id) }

func (c *fakeCluster) Rebalance(_ context.Context, not bool) error {
	return c.note("rebalance %t", not)
}

func (c *fakeCluster) Reset(context.Context) error { return c.note("reset") }

func (c *fakeCluster) Meet(_ context.Context, host string, port, busPort int) error {
	return c.note("meet %s %d %d", host, port, busPort)
}

func (c *fakeCluster) Create(_ context.Context, partitions, copies int) error {
	return c.note("create %d %d", partitions, copies)
}

// keyIn returns a key of a partition; different names give different keys of the same slot.
func (r *clusterRig) keyIn(partition int, name string) string {
	for i := 0; ; i++ {
		key := fmt.Sprintf("{%d}%s", i, name)
		if r.cluster.partition(r.cluster.Slot([]byte(key))) == partition {
			return key
		}
	}
}

// Ids of the nodes of the cluster that testdata/cluster.txt was captured from.
const (
	nodeA = "005c5075424196aada7390106a111391e84f6845"
	nodeB = "4d32a8d2e1376ac3357d65e0306d3a55f51b4ceb"
	nodeC = "f8141c4f89e81a085fc9824a9c564e0cba91e8a2"
	nodeD = "f88fca8fcfcd254f19bc4ad95cdda0244127569d"
)

// capturedTopology is the cluster of testdata/cluster.txt, seen by nodeA. Its first range is two, to be merged.
func capturedTopology() *Topology {
	node := func(id string, port int, pong int64, epoch uint64) TopologyNode {
		return TopologyNode{ID: id, Name: "n" + strconv.Itoa(port), Host: "127.0.0.1", Port: port, BusPort: port + 10000, Connected: true,
			PongMS: pong, Epoch: epoch}
	}
	t := &Topology{MyID: nodeA, OK: true, Version: 7, Nodes: []TopologyNode{
		node(nodeA, 7914, 1795514217000, 5), node(nodeB, 7912, 1795514218563, 2),
		node(nodeC, 7911, 1795514216558, 5), node(nodeD, 7913, 1795514219566, 3),
	}, Ranges: []TopologyRange{
		{Partition: 0, First: 0, Last: 2730, ShardID: "shard0", Primary: 0, Replicas: []int{2}, Applied: []int64{700, 700}, Epoch: 5},
		{Partition: 1, First: 2731, Last: 5460, ShardID: "shard1", Primary: 0, Replicas: []int{2}, Applied: []int64{82, 82}, Epoch: 4},
		{Partition: 2, First: 5461, Last: 10922, ShardID: "shard2", Primary: 1},
		{Partition: 3, First: 10923, Last: 16383, ShardID: "shard3", Primary: 3},
	}}
	t.Nodes[0].Self = true
	return t
}

// captured reads what redis-server 7.0.15 has answered: a command and a reply in RESP3 on each line.
func captured(t *testing.T, file string) (commands []string, replies []reply.Reply) {
	t.Helper()
	f, err := os.Open("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		command, quoted, _ := strings.Cut(lines.Text(), "\t")
		var raw string
		if err := json.Unmarshal([]byte(quoted), &raw); err != nil {
			t.Fatalf("%s: %v", command, err)
		}
		r, rest, err := parseReply(raw)
		if err != nil || rest != "" {
			t.Fatalf("%s: %v, %q is left", command, err, rest)
		}
		commands, replies = append(commands, command), append(replies, r)
	}
	return commands, replies
}

// parseReply reads one reply in RESP3.
func parseReply(raw string) (r reply.Reply, rest string, err error) {
	line, rest, found := strings.Cut(raw, "\r\n")
	if !found {
		return r, raw, errors.New("a line does not end")
	}
	mark, text := line[0], line[1:]
	n, _ := strconv.Atoi(text)
	switch mark {
	case '+':
		return reply.Status(text), rest, nil
	case '-':
		return reply.Error(text), rest, nil
	case ':':
		return reply.Int(int64(n)), rest, nil
	case '_':
		return reply.Null(), rest, nil
	case '$':
		return reply.BulkString(rest[:n]), rest[n+2:], nil
	case '=':
		return reply.Verbatim(rest[len("txt:"):n]), rest[n+2:], nil
	case '%':
		r, n = reply.Map(), 2*n
	case '*':
		r = reply.Array()
	default:
		return r, raw, fmt.Errorf("what is %q?", line)
	}
	for range n {
		var e reply.Reply
		if e, rest, err = parseReply(rest); err != nil {
			return r, rest, err
		}
		r.Elems = append(r.Elems, e)
	}
	return r, rest, nil
}

// exact writes a reply so that two are written alike only when they are sent alike.
func exact(r reply.Reply) string {
	r = unpacked(r)
	parts := make([]string, len(r.Elems))
	for i := range r.Elems {
		parts[i] = exact(r.Elems[i])
	}
	return fmt.Sprintf("%d %d %q [%s]", r.Kind, r.Int, r.Text+string(r.Bytes), strings.Join(parts, ", "))
}
