package cluster

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"shiplog/partitions/coordinator"
)

// Nodes that are told how many to expect become a cluster by themselves, and all follow the same map in order.
func TestCreateByExpect(t *testing.T) {
	members := unite(t, 3, func(c *Config) { c.Settings.Expect = 3 })
	m := know(t, members, "a map with epochs", settled)
	if m.Cluster != testCluster || len(m.Nodes) != 3 || len(m.Partitions) != 6 || m.Copies != 3 {
		t.Errorf("the map is %v", m)
	}
	for _, one := range members {
		eventually(t, "OnMap of "+one.self.Name, func() bool {
			one.mu.Lock()
			defer one.mu.Unlock()
			return len(one.maps) > 0 && one.maps[len(one.maps)-1].Version == one.agent.Map().Version
		})
		ordered(t, one)
		eventually(t, "a topology that is well", func() bool { return one.agent.View().Topology(one.agent.Map(), one.self.ID).OK })
	}
	if got := copies(t, members); got != 3 {
		t.Errorf("the map has %d copies, want 3", got)
	}
}

// copies is how many copies there are of the map.
func copies(t *testing.T, members []*member) int {
	t.Helper()
	stream, err := members[0].agent.bucket.js.Stream(t.Context(), bucketStream)
	if err != nil {
		t.Fatal(err)
	}
	return stream.CachedInfo().Config.Replicas
}

// An operator's wish comes to the coordinator from every node, and its answer back.
func TestWish(t *testing.T) {
	members := unite(t, 3, nil)
	other := members[0]
	if other.server.LeadsMeta() {
		other = members[1]
	}
	for _, one := range members {
		eventually(t, "three nodes heard", func() bool { return len(leading(members)) == 1 && len(one.agent.View().Reports()) == 3 })
	}
	var refused Refused
	if err := other.agent.Wish(t.Context(), coordinator.Wish{Verb: coordinator.WishFailover}); !errors.As(err, &refused) {
		t.Errorf("failover without a cluster: %v", err)
	}
	// The coordinator may have heard less than the node that asks.
	eventually(t, "the cluster is created", func() bool {
		return other.agent.Wish(t.Context(), coordinator.Wish{Verb: coordinator.WishCreate, Cluster: testCluster, Nodes: 3, Partitions: 4}) == nil
	})
	m := know(t, members, "a map with epochs", settled)
	if len(m.Partitions) != 4 {
		t.Errorf("%d partitions, want 4", len(m.Partitions))
	}
	if err := other.agent.Wish(t.Context(), coordinator.Wish{Verb: coordinator.WishCreate, Cluster: otherCluster}); !errors.As(err, &refused) || !strings.Contains(err.Error(), testCluster) {
		t.Errorf("a second cluster: %v", err)
	}
	to := m.Partitions[1].Holders[1]
	if err := other.agent.Wish(t.Context(), coordinator.Wish{Verb: coordinator.WishFailover, Partition: 1, To: to}); err != nil {
		t.Errorf("failover: %v", err)
	}
	know(t, members, "the new primary", func(m *coordinator.Map) bool { return m.Partitions[1].Primary == to })
}

// Without a coordinator a wish waits until it may wait no longer.
func TestWishWaits(t *testing.T) {
	members := servers(t, 2)
	members[0].start(t, func(c *Config) { c.Leads = func() bool { return false } })
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := members[0].agent.Wish(ctx, coordinator.Wish{Verb: coordinator.WishCreate}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want that nobody coordinates", err)
	}
	members[0].kill(t)
	if err := members[0].agent.Wish(t.Context(), coordinator.Wish{Verb: coordinator.WishCreate}); !errors.Is(err, ErrStopped) {
		t.Errorf("got %v, want ErrStopped", err)
	}
}

// When the node that coordinates dies, another one does, and names heirs for what the dead one led.
func TestCoordinatorDies(t *testing.T) {
	const within = 10 * time.Second
	members := unite(t, 3, func(c *Config) { c.Settings.Expect = 3 })
	know(t, members, "a map with epochs", settled)
	dead := leading(members)[0]
	rest := slices.DeleteFunc(slices.Clone(members), func(m *member) bool { return m == dead })
	began := time.Now()
	dead.kill(t)
	m := know(t, rest, "heirs that lead", func(m *coordinator.Map) bool {
		return settled(m) && !slices.ContainsFunc(m.Partitions, func(p coordinator.Partition) bool { return p.Primary == dead.self.ID })
	})
	if took := time.Since(began); took > within {
		t.Errorf("it took %v", took)
	} else {
		t.Logf("it took %v, map %d", took, m.Version)
	}
	for _, one := range rest {
		ordered(t, one)
		eventually(t, "a topology without the dead", func() bool {
			topology := one.agent.View().Topology(one.agent.Map(), one.self.ID)
			i := slices.IndexFunc(topology.Nodes, func(n TopologyNode) bool { return n.ID == dead.self.ID })
			return topology.OK && topology.Nodes[i].Failed && one.agent.View().Silent(dead.self.ID)
		})
	}
	if err := rest[0].agent.Wish(t.Context(), coordinator.Wish{Verb: coordinator.WishFailover, Partition: 0, To: rest[0].self.ID}); err != nil {
		t.Errorf("the new coordinator does not grant a wish: %v", err)
	}
}

// A map is stored only in the place of the one it was made from, whoever else stores.
func TestStoreConflict(t *testing.T) {
	members := servers(t, 3)
	for _, m := range members {
		m.start(t, func(c *Config) { c.Leads = func() bool { return false } })
		<-m.agent.connected
	}
	one, other := members[0].agent, members[1].agent
	eventually(t, "the first map is stored", func() bool { return one.store(t.Context(), mapOf(1, 3)) == nil })
	know(t, members, "the first map", anyMap)
	if err := other.store(t.Context(), mapOf(1, 3)); !errors.Is(err, errConflict) {
		t.Errorf("a second first map: %v", err)
	}
	if err := one.store(t.Context(), mapOf(2, 3)); err != nil {
		t.Fatal(err)
	}
	// other has not heard of that yet, as far as it remembers
	other.mu.Lock()
	other.stored = stored{1, mapOf(1, 3)}
	other.newest.Store(mapOf(1, 3))
	other.mu.Unlock()
	rival := mapOf(2, 3)
	rival.Partitions[0].Primary = id(2)
	if err := other.store(t.Context(), rival); !errors.Is(err, errConflict) {
		t.Errorf("a rival's map: %v", err)
	}
	s, err := one.bucket.read(t.Context())
	if err != nil || s.m.Version != 2 || s.m.Partitions[0].Primary != id(0) {
		t.Errorf("stored is %v, %v", s.m, err)
	}
	// it knows the map, but not where it lies
	other.mu.Lock()
	other.stored = stored{1, mapOf(2, 3)}
	other.mu.Unlock()
	if err := other.store(t.Context(), mapOf(3, 3)); err != nil {
		t.Errorf("after it has learned: %v", err)
	}
	know(t, members, "map 3", func(m *coordinator.Map) bool { return m.Version == 3 })
}

// Who has missed every announcement reads the map.
func TestLateNodeReadsTheMap(t *testing.T) {
	members := unite(t, 3, func(c *Config) { c.Settings.Expect = 3 })
	know(t, members, "a map with epochs", settled)
	late := members[0]
	if late.server.LeadsMeta() {
		late = members[1]
	}
	late.end()
	<-late.ended
	late.start(t, func(c *Config) { c.Settings.Expect = 3 })
	know(t, members, "the map", settled)
}

// A map that has fewer copies than it could have gets them.
func TestWiden(t *testing.T) {
	members := servers(t, 3)
	first := leading(members)[0]
	first.start(t, func(c *Config) {
		c.Copies = 1
		c.Settings.Expect, c.Settings.FewerCopies, c.Settings.Copies = 1, true, 1
	})
	know(t, []*member{first}, "a map of one node", anyMap)
	first.end()
	<-first.ended
	for _, m := range members {
		m.start(t, nil)
	}
	know(t, members, "a map of three nodes", func(m *coordinator.Map) bool { return len(m.Nodes) == 3 })
	eventually(t, "three copies", func() bool { return copies(t, members) == 3 })
}

// Streams that are led elsewhere are steered to their primaries.
func TestSteer(t *testing.T) {
	members := unite(t, 3, func(c *Config) { c.Settings.Expect = 3 })
	know(t, members, "a map with epochs", settled)
	for _, m := range members {
		m.mu.Lock()
		m.streams = members[1].self.ID
		m.mu.Unlock()
	}
	eventually(t, "steering", func() bool { return members[0].steers()+members[1].steers()+members[2].steers() > 0 })
}

// Whoever leads coordinates, and nobody else: when the lead moves, so do the wishes.
func TestLeadMoves(t *testing.T) {
	members := servers(t, 3)
	var leads atomic.Int64
	for i, m := range members {
		m.start(t, func(c *Config) {
			c.Settings.Expect, c.Every = 3, 300*time.Millisecond
			c.Leads = func() bool { return leads.Load() == int64(i) }
		})
	}
	know(t, members, "a map with epochs", settled)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for i, m := range members {
		leads.Store(int64(i))
		eventually(t, "one coordinator", func() bool {
			for j, other := range members {
				other.agent.mu.Lock()
				reigns := other.agent.reign != nil
				other.agent.mu.Unlock()
				if reigns != (i == j) {
					return false
				}
			}
			return true
		})
		to := members[(i+1)%3].self.ID
		if err := members[0].agent.Wish(ctx, coordinator.Wish{Verb: coordinator.WishFailover, Partition: 2, To: to}); err != nil {
			t.Fatalf("%s does not grant a wish: %v", m.self.Name, err)
		}
		know(t, members, "the new primary", func(m *coordinator.Map) bool { return m.Partitions[2].Primary == to })
	}
}

// A reign that ends sends whoever waits for an answer to the next one.
func TestAbdicate(t *testing.T) {
	members := servers(t, 2)
	a := members[0].agentOnly(t)
	answers := make(chan *nats.Msg, 2)
	if _, err := a.nc.ChanSubscribe("answers", answers); err != nil {
		t.Fatal(err)
	}
	foreign := mapOf(5, 2)
	foreign.Cluster = otherCluster
	a.learn(stored{1, mapOf(5, 2)}, true)
	a.learn(stored{2, foreign}, true) // the coordinator decides nothing about another's cluster
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	a.cfg.Leads = func() bool { return true }
	go func() { ended <- a.newReign().run(ctx) }()
	eventually(t, "a reign", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.reign != nil
	})
	for range 2 {
		if err := a.nc.PublishRequest(wishSubject, "answers", []byte(`{"verb":"forget"}`)); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.nc.Flush(); err != nil { // what was asked before has come
		t.Fatal(err)
	}
	end()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the reign ended with %v", err)
	}
	eventually(t, "two answers", func() bool { return len(answers) == 2 })
	for range 2 {
		if got := string((<-answers).Data); got != `{"again":true}` {
			t.Errorf("the answer is %s", got)
		}
	}
}

// A heartbeat that cannot be sent is not sent later: it would not be true any more.
func TestSendWithoutConnection(t *testing.T) {
	members := servers(t, 2)
	a := members[0].agentOnly(t)
	r := reportOf(0)
	for _, want := range []uint64{1, 0} {
		before := a.nc.Stats().OutMsgs
		if err := a.send(&r); err != nil {
			t.Error(err)
		}
		if got := a.nc.Stats().OutMsgs - before; got != want {
			t.Errorf("%d messages, want %d", got, want)
		}
		members[0].kill(t)
		eventually(t, "no connection", func() bool { return !a.nc.IsConnected() })
	}
}

// A map reaches every node when it is stored, not when it is read. An announcement may be missed, as while the servers do not know yet who listens where: then one
// of the next maps is heard.
func TestAnnounced(t *testing.T) {
	members := servers(t, 3)
	a, other := members[0].agentOnly(t), members[1].agentOnly(t)
	eventually(t, "a map is heard of", func() bool {
		stored := a.store(t.Context(), mapOf(versionOf(a.Map())+1, 3)) == nil
		return stored && other.Map() != nil
	})
}

// agentOnly is a member's agent that has a connection and hears what is announced, and does nothing else.
func (m *member) agentOnly(t *testing.T) *Agent {
	t.Helper()
	m.agent = New(m.config())
	nc, err := m.server.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	maps := make(chan *nats.Msg, maxUnheard)
	if err := m.agent.attach(nc, make(chan *nats.Msg, maxUnheard), maps); err != nil {
		t.Fatal(err)
	}
	go m.agent.heed(t.Context(), maps)
	return m.agent
}
