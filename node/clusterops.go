package node

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"time"

	"shiplog/node/commands"
	"shiplog/partitions"
	"shiplog/partitions/coordinator"
	"shiplog/partitions/keyspace"
	"shiplog/partitions/slot"
)

var _ commands.Cluster = (*members)(nil)

// Slot returns the slot of a key.
func (m *members) Slot(key []byte) int { return int(slot.Of(key)) }

// Elections returns how many elections this node's groups have had.
func (m *members) Elections() uint64 { return m.node.nats.Elections() }

// errNotHeld is the answer to questions about keys that are elsewhere.
var errNotHeld = errors.New("ERR this node does not hold the slot: ask one that CLUSTER SLOTS names")

// snapshotOf returns the keys of a slot's partition: as its primary or, a little old, as its replica.
func (m *members) snapshotOf(id int) (*keyspace.Snapshot, error) {
	r := m.routing.Load()
	if len(r.partition) == 0 || r.copies[r.partition[id]] == nil {
		return nil, errNotHeld
	}
	p := r.copies[r.partition[id]].partition.Load()
	if p == nil {
		return nil, errNotHeld
	}
	if p.Standing().Role != partitions.Primary {
		return p.ReplicaSnapshot()
	}
	snap, c, err := p.Snapshot()
	if err != nil || c == nil {
		return snap, err
	}
	if <-c.Done(); c.Err() != nil {
		snap.Close()
		return nil, errNotHeld
	}
	return snap, nil
}

// CountKeysInSlot returns how many keys a slot has.
func (m *members) CountKeysInSlot(id int) (int64, error) {
	snap, err := m.snapshotOf(id)
	if err != nil {
		return 0, err
	}
	defer snap.Close()
	n := int64(0)
	snap.EachIn(slot.ID(id), slot.ID(id), func([]byte, keyspace.Value) bool { n++; return true })
	return n, snap.Err()
}

// KeysInSlot returns up to count keys of a slot.
func (m *members) KeysInSlot(id, count int) ([][]byte, error) {
	snap, err := m.snapshotOf(id)
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	var keys [][]byte
	snap.EachIn(slot.ID(id), slot.ID(id), func(key []byte, _ keyspace.Value) bool {
		if len(keys) < count {
			keys = append(keys, slices.Clone(key))
		}
		return len(keys) < count
	})
	return keys, snap.Err()
}

// Failover makes this node lead a partition that it holds, or all of them. The log decides how safely that is done, so force
// and takeover are no different.
func (m *members) Failover(ctx context.Context, _ string, partition int) error {
	if partition >= 0 {
		return m.wish(ctx, coordinator.Wish{Verb: coordinator.WishFailover, Partition: partition, To: m.self.ID})
	}
	return m.wish(ctx, coordinator.Wish{Verb: coordinator.WishFailover, All: true, Node: m.self.ID})
}

// HandOver makes a node lead a partition that it holds.
func (m *members) HandOver(ctx context.Context, partition int, to string) error {
	return m.wish(ctx, coordinator.Wish{Verb: coordinator.WishFailover, Partition: partition, To: coordinator.NodeID(to)})
}

// Forget takes a node out of the cluster.
func (m *members) Forget(ctx context.Context, id string) error {
	return m.wish(ctx, coordinator.Wish{Verb: coordinator.WishForget, Node: coordinator.NodeID(id)})
}

// Drain has everything go away from a node, or lets it hold copies again.
func (m *members) Drain(ctx context.Context, id string, back bool) error {
	return m.wish(ctx, coordinator.Wish{Verb: coordinator.WishDrain, Node: coordinator.NodeID(id), Cancel: back})
}

// Replace rebuilds elsewhere what a dead node holds.
func (m *members) Replace(ctx context.Context, id string) error {
	return m.wish(ctx, coordinator.Wish{Verb: coordinator.WishReplace, Node: coordinator.NodeID(id)})
}

// Rebalance spreads the copies over the nodes, or stops that.
func (m *members) Rebalance(ctx context.Context, not bool) error {
	return m.wish(ctx, coordinator.Wish{Verb: coordinator.WishRebalance, Cancel: not})
}

// Create makes a cluster of the nodes that know each other.
func (m *members) Create(ctx context.Context, partitions, copies int) error {
	s := m.settings()
	if partitions == 0 {
		partitions = s.Partitions
	}
	if copies == 0 {
		copies = s.Copies
	}
	m.asked.Store(true)
	defer m.asked.Store(false)
	return m.wish(ctx, coordinator.Wish{Verb: coordinator.WishCreate, Cluster: s.Cluster, Partitions: partitions, Copies: copies})
}

// Meet makes contact with a node. Whom it knows will be known too.
func (m *members) Meet(_ context.Context, host string, port, busPort int) error {
	if busPort == 0 {
		busPort = port + busOffset
	}
	address := net.JoinHostPort(host, strconv.Itoa(busPort))
	m.mu.Lock()
	defer m.mu.Unlock()
	if slices.Contains(m.routes, address) || address == busAddress(&m.self) {
		return nil
	}
	routes := append(slices.Clone(m.routes), address)
	if err := m.node.dir.comeBack(); err != nil {
		return err
	}
	if err := m.node.nats.Join(m.node.cfg.Cluster.Secret, routes); err != nil {
		return err
	}
	m.routes = routes
	return nil
}

// Digest returns how many records of a partition this node has applied, and a checksum of the state after them.
func (m *members) Digest(partition int) (applied, digest uint64, err error) {
	r := m.routing.Load()
	if partition < 0 || partition >= len(r.copies) || r.copies[partition] == nil {
		return 0, 0, errNotHeld
	}
	p := r.copies[partition].partition.Load()
	if p == nil {
		return 0, 0, errNotHeld
	}
	seq, digest, err := p.Digest()
	return uint64(seq), digest, err
}

// Topology returns the newest picture of the cluster.
func (m *members) Topology() *commands.Topology {
	view := m.agent.View()
	known := m.agent.Map()
	p := pictureOf(view.Topology(known, m.self.ID), string(m.self.ID), time.Now())
	addLeaders(p, view.Reports())
	p.Removed = removed(known)
	return p
}
