package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"shiplog/embedded"
	"shiplog/partitions/coordinator"
	"shiplog/partitions/slot"
)

const (
	patience     = 30 * time.Second
	testElection = 400 * time.Millisecond // the servers of a process share it
	testCluster  = "c000000000000000000000000000000000000000"
	otherCluster = "d000000000000000000000000000000000000000"
)

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// locked is a buffer for several writers.
type locked struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// id is the identity of the i-th node.
func id(i int) coordinator.NodeID { return coordinator.NodeID(fmt.Sprintf("%040x", i+1)) }

func nodeOf(i int) coordinator.Node {
	name := fmt.Sprintf("n%d", i)
	return coordinator.Node{ID: id(i), Name: name, Server: name, Host: "127.0.0.1", Port: 7000 + i, BusPort: 17000 + i}
}

// began is the zero of the tests' clock.
var began = time.Now()

func clock() time.Duration { return time.Since(began) }

func settings() coordinator.Settings {
	return coordinator.Settings{SilentAfter: time.Second, StuckAfter: 5 * time.Second, Cluster: testCluster, Partitions: 6, Copies: 3}
}

// member is one node: its server, its agent, and what the agent told it. Its partitions do what the map says, at once.
type member struct {
	self   coordinator.Node
	server *embedded.Server
	agent  *Agent
	text   locked
	end    context.CancelFunc
	ended  chan error

	mu      sync.Mutex // guards the fields below
	maps    []*coordinator.Map
	heard   map[coordinator.NodeID]int
	steered []string
	streams coordinator.NodeID // says that it leads all streams
}

func (m *member) report() coordinator.Report {
	r := coordinator.Report{Node: m.self, Run: m.self.Name}
	known := m.agent.Map()
	if known == nil {
		return r
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r.Map, r.Cluster = known.Version, known.Cluster
	for i := range known.Partitions {
		p := &known.Partitions[i]
		of := coordinator.PartitionReport{Partition: i, Role: coordinator.RoleReplica, Term: p.Term, Epoch: p.Epoch, StreamLeader: m.streams == m.self.ID}
		if p.Primary == m.self.ID {
			of.Role, of.Epoch = coordinator.RolePrimary, p.Term
		}
		r.Partitions = append(r.Partitions, of)
	}
	return r
}

func (m *member) follow(next *coordinator.Map) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.maps = append(m.maps, next)
}

func (m *member) hear(r coordinator.Report) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.heard[r.Node.ID]++
}

func (m *member) steer(_ context.Context, partition int, to coordinator.Node) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.steered = append(m.steered, fmt.Sprintf("%d to %s", partition, to.Server))
	return nil
}

func (m *member) steers() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.steered)
}

// kill stops a member, its server first: its agent says no farewell.
func (m *member) kill(t *testing.T) {
	t.Helper()
	if m.server != nil {
		if err := m.server.Close(); err != nil {
			t.Error(err)
		}
	}
	if m.end != nil {
		m.end()
		if err := <-m.ended; err != nil {
			t.Error(err)
		}
		m.end = nil
	}
}

// config is what a member's agent is made from.
func (m *member) config() Config {
	return Config{
		Connect: func() (*nats.Conn, error) { return m.server.Connect() },
		Self:    m.self, Leads: func() bool { return m.server.LeadsMeta() }, Settings: settings(), Copies: 3,
		Report: m.report, Steer: m.steer, OnMap: m.follow, OnReport: m.hear, Clock: clock, Every: 50 * time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(&m.text, nil)),
	}
}

// start runs a member's agent.
func (m *member) start(t *testing.T, change func(*Config)) {
	t.Helper()
	cfg := m.config()
	if change != nil {
		change(&cfg)
	}
	m.agent = New(cfg)
	ctx, end := context.WithCancel(context.Background())
	m.end, m.ended = end, make(chan error, 1)
	go func() { m.ended <- m.agent.Run(ctx) }()
}

// servers are n members whose servers are one cluster, without agents.
func servers(t *testing.T, n int) []*member {
	t.Helper()
	var members []*member
	var routes []string
	for i := range n {
		m := &member{self: nodeOf(i), heard: make(map[coordinator.NodeID]int)}
		server, err := embedded.Open(embedded.Config{
			Dir: t.TempDir(), Name: m.self.Server, Sync: embedded.SyncNo, Cluster: &embedded.Cluster{Secret: "the secret of the test", Election: testElection},
		})
		if err != nil {
			t.Fatal(err)
		}
		m.server = server
		t.Cleanup(func() {
			m.kill(t)
			if t.Failed() {
				t.Logf("%s:\n%s", m.self.Name, m.text.String())
			}
		})
		members = append(members, m)
		routes = append(routes, net.JoinHostPort("127.0.0.1", strconv.Itoa(server.RoutePort())))
	}
	for _, m := range members {
		if err := errors.Join(m.server.SetRoutes(routes), m.server.Begin(n)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "a leader of the servers", func() bool { return len(leading(members)) == 1 })
	return members
}

// unite is servers with agents.
func unite(t *testing.T, n int, change func(*Config)) []*member {
	t.Helper()
	members := servers(t, n)
	for _, m := range members {
		m.start(t, change)
	}
	return members
}

func leading(members []*member) (leading []*member) {
	for _, m := range members {
		if m.server.LeadsMeta() {
			leading = append(leading, m)
		}
	}
	return leading
}

// know waits until all members follow one map that is as wanted.
func know(t *testing.T, members []*member, what string, want func(*coordinator.Map) bool) *coordinator.Map {
	t.Helper()
	var m *coordinator.Map
	eventually(t, what, func() bool {
		m = members[0].agent.Map()
		return m != nil && want(m) && !slices.ContainsFunc(members, func(other *member) bool {
			known := other.agent.Map()
			return known == nil || known.Version != m.Version
		})
	})
	return m
}

func anyMap(*coordinator.Map) bool { return true }

// settled tells whether every partition has had the epoch of its primary.
func settled(m *coordinator.Map) bool {
	return !slices.ContainsFunc(m.Partitions, func(p coordinator.Partition) bool { return p.Epoch != p.Term })
}

// ordered checks that a member was told of newer maps only.
func ordered(t *testing.T, m *member) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := 1; i < len(m.maps); i++ {
		if m.maps[i].Version <= m.maps[i-1].Version {
			t.Errorf("%s was told of map %d after %d", m.self.Name, m.maps[i].Version, m.maps[i-1].Version)
		}
	}
}

// mapOf is a map of n nodes and as many partitions, each led by the node of its number and held by all.
func mapOf(version uint64, n int) *coordinator.Map {
	m := &coordinator.Map{Version: version, Cluster: testCluster, Copies: n}
	var all []coordinator.NodeID
	for i := range n {
		m.Nodes, all = append(m.Nodes, nodeOf(i)), append(all, id(i))
	}
	for i, slots := range slot.Split(n) {
		m.Partitions = append(m.Partitions, coordinator.Partition{Slots: slots, Holders: slices.Clone(all), Primary: id(i), Term: 1, Epoch: 1})
	}
	return m
}
