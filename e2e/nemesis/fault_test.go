package nemesis

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// fakeCluster is three nodes that answer as a cluster does and write down what is done to them. Node 1 leads the
// first half of the slots, node 2 the second; node 0 coordinates.
type fakeCluster struct {
	nodes  []*fakeHandle
	done   []string
	broken bool // every action fails
}

type fakeHandle struct {
	cluster *fakeCluster
	index   int
	node    *fakeNode
	dead    bool
}

func newFakeCluster(t *testing.T) *fakeCluster {
	t.Helper()
	c := &fakeCluster{}
	answers := make(map[string]string)
	for i := range 3 {
		n := newFakeNode(t, func(line string) string {
			if line == "CLUSTER MYID" {
				return fmt.Sprintf("$3\r\nid%d\r\n", i)
			}
			return answers[line]
		})
		c.nodes = append(c.nodes, &fakeHandle{cluster: c, index: i, node: n})
	}
	answers["CLUSTER SHARDS"] = "*2\r\n" + c.shard(0, 8191, 1, 2, 0) + c.shard(8192, 16383, 2, 0, 1)
	answers["CLUSTER SLOTS"] = c.slots()
	info := "# Cluster\r\ncluster_enabled:1\r\nshiplog_coordinator:id0\r\nshiplog_stream_leader_1:id1\r\n"
	answers["INFO cluster"] = fmt.Sprintf("$%d\r\n%s\r\n", len(info), info)
	return c
}

// shard is a row of CLUSTER SHARDS; the first member leads. A negative one is not whole.
func (c *fakeCluster) shard(first, last int, members ...int) string {
	text := fmt.Sprintf("*4\r\n+slots\r\n*2\r\n:%d\r\n:%d\r\n+nodes\r\n*%d\r\n", first, last, len(members))
	role, health := "master", "online"
	for _, m := range members {
		if m < 0 {
			m, health = -m, "loading"
		}
		host, port, _ := net.SplitHostPort(c.nodes[m].Addr())
		text += fmt.Sprintf("*10\r\n+id\r\n+id%d\r\n+port\r\n:%s\r\n+ip\r\n+%s\r\n+role\r\n+%s\r\n+health\r\n+%s\r\n", m, port, host, role, health)
		role, health = "replica", "online"
	}
	return text
}

// slots is a reply of CLUSTER SLOTS.
func (c *fakeCluster) slots() string {
	text := "*2\r\n"
	for i, n := range c.nodes[1:] {
		host, port, _ := net.SplitHostPort(n.Addr())
		text += fmt.Sprintf("*3\r\n:%d\r\n:%d\r\n*4\r\n+%s\r\n:%s\r\n+id%d\r\n*0\r\n", i*8192, i*8192+8191, host, port, i+1)
	}
	return text
}

func (c *fakeCluster) do(format string, args ...any) error {
	c.done = append(c.done, fmt.Sprintf(format, args...))
	if c.broken {
		return errors.New("broken")
	}
	return nil
}

func (c *fakeCluster) Nodes() []NodeHandle {
	var handles []NodeHandle
	for _, n := range c.nodes {
		handles = append(handles, n)
	}
	return handles
}

func (c *fakeCluster) Cut(from, to int) error   { return c.do("cut %d-%d", from, to) }
func (c *fakeCluster) Mend() error              { return c.do("mend") }
func (c *fakeCluster) CutPower(i int) error     { return c.do("dark %d", i) }
func (c *fakeCluster) RestorePower(i int) error { return c.do("light %d", i) }

func (h *fakeHandle) Addr() string    { return h.node.addr }
func (h *fakeHandle) DataDir() string { return "" }
func (h *fakeHandle) Kill9() error    { return h.cluster.do("kill %d", h.index) }
func (h *fakeHandle) Stop() error     { return h.cluster.do("stop %d", h.index) }
func (h *fakeHandle) Cont() error     { return h.cluster.do("cont %d", h.index) }
func (h *fakeHandle) Restart() error  { return h.cluster.do("start %d", h.index) }

func (h *fakeHandle) Terminate(time.Duration) error { return h.cluster.do("end %d", h.index) }

func (h *fakeHandle) PID() int {
	if h.dead {
		return 0
	}
	return 1
}

func stageOf(c *fakeCluster) *stage {
	s := &stage{cluster: c, nodes: c.Nodes(), partitions: 2, settled: func() error { return c.do("wait") }}
	s.replicated = func() (time.Duration, error) { return 0, c.do("whole") }
	s.access = Access{Timeout: time.Second}
	for _, n := range s.nodes {
		s.access.Seeds = append(s.access.Seeds, n.Addr())
	}
	return s
}

// TestFaultsHit holds what each kind of fault does to which node, and how it is undone.
func TestFaultsHit(t *testing.T) {
	for _, tt := range []struct {
		kind Kind
		pick int
		want string
	}{
		{KillPrimary, 0, "kill 1|start 1"},
		{KillPrimary, 3, "kill 2|start 2"},
		{KillReplica, 0, "kill 2|start 2"},
		{KillReplica, 2, "kill 0|start 0"},
		{KillStreamLeader, 1, "kill 1|start 1"}, // as the nodes say
		{KillStreamLeader, 0, "kill 1|start 1"}, // nobody says: the primary
		{KillCoordinator, 1, "kill 0|start 0"},
		{KillAll, 0, "kill 0|kill 1|kill 2|start 0|start 1|start 2"},
		{StopShort, 1, "stop 2|cont 2"},
		{StopLong, 1, "stop 2|cont 2"},
		{StopCoordinator, 1, "stop 0|cont 0"},
		{Rolling, 0, "end 0|start 0|wait|whole|end 1|start 1|wait|whole|end 2|start 2|wait|whole"},
		{CutPrimary, 0, "cut 1-0|cut 0-1|cut 1-2|cut 2-1|mend"},
		{CutPrimaryOut, 0, "cut 1-0|cut 1-2|mend"},
		{CutPrimaryIn, 0, "cut 0-1|cut 2-1|mend"},
		{CutCoordinator, 0, "cut 0-1|cut 1-0|cut 0-2|cut 2-0|mend"},
		{PowerPrimary, 1, "dark 2|light 2|start 2"},
		{PowerStale, 0, "kill 2|wait|dark 0|stop 1|light 0|start 0|start 2|wait|cont 1"},
		{PowerAll, 1, "dark 0|dark 1|dark 2|light 0|start 0|light 1|start 1|light 2|start 2"},
	} {
		t.Run(fmt.Sprintf("%s %d", tt.kind, tt.pick), func(t *testing.T) {
			c := newFakeCluster(t)
			_, end, err := stageOf(c).inject(tt.kind, tt.pick)
			if err == nil && end != nil {
				err = end()
			}
			if got := strings.Join(c.done, "|"); err != nil || got != tt.want {
				t.Errorf("got %s, %v; want %s", got, err, tt.want)
			}
		})
	}
}

// TestFaultsFail holds that a fault that cannot be injected is an error, whatever its kind.
func TestFaultsFail(t *testing.T) {
	for _, k := range slices.Concat(ProcessKinds(), NetworkKinds(), PowerKinds()) {
		c := newFakeCluster(t)
		c.broken = true
		if _, _, err := stageOf(c).inject(k, 0); err == nil {
			t.Errorf("%s: no error, though nothing could be done", k)
		}
	}
	if _, _, err := stageOf(newFakeCluster(t)).inject("eclipse", 0); err == nil {
		t.Error("an unknown kind is no error")
	}
}

func TestHealUndoesEverything(t *testing.T) {
	c := newFakeCluster(t)
	c.nodes[1].dead = true
	if err := stageOf(c).heal(); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(c.done, "|"), "mend|cont 0|cont 1|light 1|start 1|cont 2"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestHandOver asks the replica, and waits until it leads: here it never does.
func TestHandOver(t *testing.T) {
	c := newFakeCluster(t)
	o := DefaultOptions(1)
	o.Partitions, o.Bound = 2, 10*time.Millisecond
	r := newRunner(c, o)
	r.handOver = func(partition int) []string {
		if got := strings.Join(failoverPartition(partition), " "); got != "CLUSTER FAILOVER PARTITION 1" {
			t.Errorf("got %s", got)
		}
		return []string{"CLUSTER", "MYID"}
	}
	err := r.handOverOnce(1)
	if err == nil || !strings.Contains(err.Error(), "does not lead partition 1") {
		t.Errorf("got %v", err)
	}
	if !strings.Contains(c.nodes[0].node.commands(), "CLUSTER MYID") {
		t.Error("the replica was not asked")
	}
}

// TestRedundant holds what a node must show before the next one may be killed.
func TestRedundant(t *testing.T) {
	c := newFakeCluster(t)
	for _, tt := range []struct{ name, shards, want string }{
		{"all", "*2\r\n" + c.shard(0, 8191, 1, 2, 0) + c.shard(8192, 16383, 2, 0, 1), "<nil>"},
		{"one is loading", "*2\r\n" + c.shard(0, 8191, 1, 2, 0) + c.shard(8192, 16383, 2, 0, -1), "slots 8192 to 16383 on " + c.nodes[1].Addr()},
		{"one is missing", "*2\r\n" + c.shard(0, 8191, 1, 2, 0) + c.shard(8192, 16383, 2, 0), "slots 8192 to 16383 have 1 replicas"},
		{"all are alone", "*2\r\n" + c.shard(0, 8191, 1) + c.shard(8192, 16383, 2), "slots 0 to 8191 have 0 replicas"},
		{"slots are missing", "*1\r\n" + c.shard(0, 8191, 1, 2, 0), "8192 slots have no primary"},
		{"nothing", "*0\r\n", "is empty"},
	} {
		n := newFakeNode(t, func(string) string { return tt.shards })
		if err := fmt.Sprint((Access{Timeout: time.Second}).redundant(n.addr)); !strings.Contains(err, tt.want) {
			t.Errorf("%s: got %s, want %s", tt.name, err, tt.want)
		}
	}
}
