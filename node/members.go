package node

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"shiplog/embedded"
	"shiplog/node/cluster"
	"shiplog/node/commands"
	"shiplog/partitions"
	"shiplog/partitions/coordinator"
)

// How long a node that is told to stop waits at most for others to take over what it leads, and how long it then still tells clients who does: a client that
// has read the old topology just before, or reads it again only after 200 ms as go-redis does, meets no closed connection.
const (
	leaveWithin = 2500 * time.Millisecond
	tellOn      = 500 * time.Millisecond
)

// members holds those partitions that the cluster map gives this node, one copy of each.
type members struct {
	node    *Node
	self    coordinator.Node
	agent   *cluster.Agent
	clock   func() time.Duration
	up      chan struct{} // closed when clients may come
	leaving atomic.Bool
	rate    rate

	told
	vouched vouchers // used by hear only
	idle    string   // used by follow only: what operators were told of why it holds nothing

	mu sync.Mutex
	holding
	routes  []string // of the NATS server
	routing atomic.Pointer[routing]
	start   func(*copyOf)      // set by run
	aside   func(func() error) // the same: runs beside the copies
	ended   bool
	filler  filler
}

// told is what heartbeats say of the node beside its partitions: others keep it, since finding it out may wait for a disk.
type told struct {
	free        atomic.Uint64 // bytes of the disk; look keeps it, and the next
	streams     atomic.Int64  // that the server has a part of
	coordinates atomic.Bool
	blank       atomic.Bool // its server is in no meta group; found keeps it
	asked       atomic.Bool // it is to make a cluster of the nodes that it hears; Create keeps it
}

// holding are the copies that a node has. members.mu guards it.
type holding struct {
	copies  map[int]*copyOf
	parting map[int]*copyOf // those that it gives up and that have not ended
	cleaned bool            // what was left of those that it gave up is deleted
}

func newMembers(n *Node) *members {
	return &members{node: n, clock: partitions.BootClock(), up: make(chan struct{}), holding: holding{copies: make(map[int]*copyOf), parting: make(map[int]*copyOf)}}
}

// clusterConfig is what the node's NATS server has to know of the cluster: whom it is told to join, and who was there last.
func (n *Node) clusterConfig(known *coordinator.Map) *embedded.Cluster {
	c := n.cfg
	announced := c.Announced()
	routes := slices.Clone(c.Cluster.Join)
	if known != nil {
		for i := range known.Nodes {
			routes = append(routes, busAddress(&known.Nodes[i]))
		}
	}
	return &embedded.Cluster{
		Host: c.Net.Bind[0].Host, Port: int(c.BusPort()),
		Advertise: net.JoinHostPort(announced.Host, strconv.Itoa(int(announced.BusPort))),
		Routes:    routes, Secret: c.Cluster.Secret, Election: c.Cluster.Times.Election,
	}
}

// busAddress is where a node is reached by other nodes.
func busAddress(n *coordinator.Node) string { return net.JoinHostPort(n.Host, strconv.Itoa(n.BusPort)) }

// open makes the node's part in the cluster. What the node knew of the cluster when it was last stopped holds until it hears more.
func (m *members) open() error {
	n, c := m.node, &m.node.cfg.Cluster
	announced := n.cfg.Announced()
	id := hex.EncodeToString(n.dir.NodeID[:])
	m.self = coordinator.Node{
		ID: coordinator.NodeID(id), Name: c.Name, Server: n.nats.Name(),
		Host: announced.Host, Port: int(announced.Port), BusPort: int(announced.BusPort),
	}
	if m.self.Name == "" {
		m.self.Name = id[:8]
	}
	known, err := n.dir.readMap()
	if err != nil {
		return err
	}
	if err := m.openFiller(); err != nil {
		return err
	}
	m.routes = n.clusterConfig(known).Routes
	m.blank.Store(n.nats.Blank())
	m.vouched = vouchers{every: c.Times.Heartbeat}
	m.agent = cluster.New(cluster.Config{
		Connect: n.nats.Connect, Self: m.self, Leads: n.nats.LeadsMeta, Report: m.report, Settings: m.settings(),
		Copies: int(min(c.Copies, 3)), Steer: m.steer, Relocate: m.relocate, Vacate: m.vacate, Expel: n.nats.Expel, OnMap: m.follow, OnReport: m.hear,
		Clock: m.clock, Every: c.Times.Heartbeat, Logger: n.log, Known: known,
	})
	m.routing.Store(newRouting(nil, nil))
	if known != nil {
		m.follow(known)
	}
	return nil
}

// settings are the coordinator's rules, as this node would apply them.
func (m *members) settings() coordinator.Settings {
	c := m.node.cfg
	var identity [20]byte
	rand.Read(identity[:]) // never fails
	return coordinator.Settings{
		SilentAfter: c.Cluster.Times.SilentAfter, StuckAfter: stuckAfter,
		Expect: int(c.Cluster.Expect), Cluster: hex.EncodeToString(identity[:]),
		Partitions: int(c.Partitions()), Copies: int(c.Cluster.Copies), FewerCopies: c.Cluster.FewerCopies,
		Lease:   coordinator.Lease{Length: c.Cluster.Times.Lease, Margin: c.Cluster.Times.LeaseMargin},
		Balance: c.Cluster.Rebalance, BalanceAfter: balanceAfter, GoneAfter: c.Cluster.Times.GoneAfter,
	}
}

// When the coordinator replaces a primary whose log does not answer, and after how much quiet it moves one to spread them evenly.
const (
	stuckAfter   = 5 * time.Second
	balanceAfter = 10 * time.Second
)

func (m *members) run(ctx, serving context.Context, g *errgroup.Group) {
	g.Go(func() error {
		background, end := context.WithCancelCause(context.WithoutCancel(ctx))
		defer end(nil)
		stop := context.AfterFunc(serving, func() { // the agent stays until every copy has ended
			m.awaitEnds()
			end(context.Cause(serving))
		})
		defer stop()
		return m.agent.Run(background)
	})
	g.Go(func() error { return m.look(serving) })
	g.Go(func() error { return m.found(serving) })
	g.Go(func() error { return m.succeedFormer(serving) })
	m.runFiller(serving, g)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.start = func(c *copyOf) {
		holding, end := context.WithCancel(serving)
		c.end = end
		g.Go(func() error { defer end(); c.run(holding); return nil })
	}
	m.aside = g.Go
	for _, c := range m.copies {
		m.start(c)
	}
	close(m.up)
}

func (m *members) ready() <-chan struct{} { return m.up }

// leave lets others know that this node will stop, and waits until they lead what it leads and clients could hear of it, or there is nobody who could lead, or
// for long enough.
func (m *members) leave() {
	m.leaving.Store(true)
	led := m.leads()
	within, end := context.WithTimeout(context.Background(), leaveWithin)
	defer end()
	for m.leads() && m.succeeded() {
		if within.Err() != nil {
			return
		}
		wait(within, lookAgain)
	}
	if led && m.succeeded() {
		wait(within, tellOn)
	}
}

// leads tells whether this node leads a partition or is about to hand one over.
func (m *members) leads() bool {
	for _, p := range m.held() {
		if role := p.Standing().Role; role == partitions.Primary || role == partitions.Handing {
			return true
		}
	}
	return false
}

// succeeded tells whether there is another node that lives and stays.
func (m *members) succeeded() bool {
	reports := m.agent.View().Reports()
	return slices.ContainsFunc(reports, func(r coordinator.Report) bool { return r.Node.ID != m.self.ID && !r.Leaving })
}

// awaitEnds blocks until every copy has ended.
func (m *members) awaitEnds() {
	m.mu.Lock()
	m.ended = true // none is begun any more
	m.mu.Unlock()
	for _, c := range m.all() {
		<-c.done
	}
}

// all returns the copies in the order of their numbers.
func (m *members) all() []*copyOf {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]*copyOf, 0, len(m.copies))
	for _, c := range m.copies {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *copyOf) int { return a.number - b.number })
	return all
}

func (m *members) held() []*partitions.Partition {
	var open []*partitions.Partition
	for _, c := range m.all() {
		if p := c.partition.Load(); p != nil {
			open = append(open, p)
		}
	}
	return open
}

func (m *members) engine(base *engine) commands.Engine {
	return &clusterEngine{engine: base, members: m}
}

func (m *members) abandonLog() {
	for _, c := range m.all() {
		c.abandonLog()
	}
}

func (m *members) close() error { return nil } // each copy closes what it has opened when its run ends

// follow takes a newer cluster map: it begins copies that this node shall hold, and passes on who shall lead. The agent calls it.
func (m *members) follow(next *coordinator.Map) {
	if err := m.node.dir.writeMap(next); err != nil {
		m.node.log.Error("cannot keep the cluster map", "error", err)
	}
	m.tellIdle(next)
	for _, c := range m.take(next) {
		c.follow(next)
	}
	if err := m.node.nats.SetTags(m.tags(next)); err != nil {
		m.node.log.Error("cannot say which partitions this node holds", "error", err)
	}
}

// tagOf marks the NATS servers that hold a partition.
func tagOf(partition int) string { return "p" + strconv.Itoa(partition) }

// hear takes a heartbeat. The agent calls it.
func (m *members) hear(r coordinator.Report) {
	routing := m.routing.Load()
	vouches := m.vouched.hear(r.Node.ID, m.clock(), m.maxLag()) && m.hearsMost()
	for i := range r.Partitions {
		p := &r.Partitions[i]
		if p.Partition < 0 || p.Partition >= len(routing.leaders) {
			continue
		}
		if p.Role == coordinator.RolePrimary {
			routing.leaders[p.Partition].hear(&r.Node, p.Epoch)
			if c := routing.copies[p.Partition]; vouches && c != nil && routing.leaders[p.Partition].isNow(r.Node.ID, p.Epoch) {
				c.heardTail(p)
			}
		} else {
			routing.leaders[p.Partition].notLeading(r.Node.ID, p.Epoch)
		}
	}
}

// look keeps what heartbeats say of the log's server and of the disk, which may wait for a disk: the server holds its locks while it forces
// records to it, and a heartbeat must not come late for that.
func (m *members) look(ctx context.Context) error {
	tick := time.NewTicker(m.node.cfg.Cluster.Times.Heartbeat)
	defer tick.Stop()
	counted := -countEvery
	for {
		if free, err := diskFree(m.node.dir.Path); err == nil {
			m.free.Store(uint64(free))
		}
		m.coordinates.Store(m.node.nats.LeadsMeta())
		if m.clock()-counted >= countEvery {
			counted = m.clock()
			m.streams.Store(int64(m.node.nats.Streams()))
		}
		for _, c := range m.all() {
			c.look()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// report is this node's heartbeat. It waits for nobody.
func (m *members) report() coordinator.Report {
	r := coordinator.Report{
		Node: m.self, Run: m.node.commands.RunID(), Leaving: m.leaving.Load(), FreeDisk: m.free.Load(),
		Coordinates: m.coordinates.Load(), Streams: int(m.streams.Load()),
		Blank: m.blank.Load(), Begins: m.asked.Load(),
	}
	if known := m.agent.Map(); known != nil {
		r.Map, r.Cluster = known.Version, known.Cluster
	}
	total := uint64(0)
	for _, c := range m.all() {
		p, commands := c.report()
		r.Partitions = append(r.Partitions, p)
		total += commands
	}
	r.Load = m.rate.of(total)
	return r
}

// wish asks the coordinator for something.
func (m *members) wish(ctx context.Context, w coordinator.Wish) error {
	ctx, cancel := context.WithTimeout(ctx, wishWithin)
	defer cancel()
	if err := m.agent.Wish(ctx, w); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("ERR no coordinator answers within %v: a majority of the nodes must be up and know each other", wishWithin)
		}
		return err
	}
	return nil
}

const wishWithin = 10 * time.Second
