package node

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"shiplog/embedded"
	"shiplog/node/cluster"
	"shiplog/partitions/coordinator"
	"shiplog/wal/jetstream"
)

// countEvery is how often the server is asked how many streams it has a part of.
const countEvery = time.Second

// holds tells whether a node has a copy of a partition, or gets one.
func holds(m *coordinator.Map, partition int, id coordinator.NodeID) bool {
	return slices.Contains(m.Partitions[partition].Holders, id)
}

// tags are what this node's server is marked with: a stream is put on servers that have its tag. Who gives up a copy has the tag no
// more, or else the log could come back. Nothing else is put on a server that is to be empty.
func (m *members) tags(now *coordinator.Map) (tags []string) {
	for i := range now.Partitions {
		if holds(now, i, m.self.ID) && now.Partitions[i].Move.From != m.self.ID {
			tags = append(tags, tagOf(i))
		}
	}
	if slices.Contains(now.Draining, m.self.ID) {
		tags = append(tags, embedded.NoPlacement)
	}
	return tags
}

// tellIdle tells operators when this node has nothing to hold, and why.
func (m *members) tellIdle(now *coordinator.Map) {
	why := m.whyIdle(now)
	switch {
	case why == m.idle || why == "":
	case now.IsFormer(m.self.ID):
		m.node.log.Error(why)
	default:
		m.node.log.Info(why)
	}
	m.idle = why
}

// whyIdle says why this node holds nothing by a map, and nothing if it holds something.
func (m *members) whyIdle(now *coordinator.Map) string {
	for i := range now.Partitions {
		if holds(now, i, m.self.ID) {
			return ""
		}
	}
	switch {
	case now.IsFormer(m.self.ID):
		return "this node was removed from the cluster: stop it, or have CLUSTER RESET make a new node of it"
	case slices.Contains(now.Draining, m.self.ID):
		return "this node holds no partition any more: it was drained"
	default:
		return "this node holds no partition yet, and sends clients to those that do"
	}
}

// take begins the copies that this node shall hold by a newer map, has those end that it shall not hold any more, and returns all that
// it holds.
func (m *members) take(next *coordinator.Map) []*copyOf {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []*copyOf
	for i := range next.Partitions {
		c := m.copies[i]
		if !holds(next, i, m.self.ID) {
			m.giveUp(i, c)
			continue
		}
		if c == nil && !m.ended && m.parting[i] == nil {
			c = newCopy(m, next, i)
			m.copies[i] = c
			if m.start != nil {
				m.start(c)
			}
		}
		if c != nil {
			all = append(all, c)
		}
	}
	m.cleaned = true
	m.routing.Store(m.routing.Load().follow(next, m.copies))
	return all
}

// giveUp ends a copy, nil: there is none, and deletes its state. The caller holds mu.
func (m *members) giveUp(number int, c *copyOf) {
	if m.ended || m.parting[number] != nil {
		return // whatever is left is deleted at the next start
	}
	delete(m.copies, number)
	if c == nil || c.end == nil {
		if !m.cleaned {
			m.deleteState(number) // it ended while a copy was given up
		}
		return
	}
	m.parting[number] = c
	c.end()
	m.aside(func() error {
		<-c.done
		m.parted(number)
		return nil
	})
}

// parted deletes the state of a copy that has ended. If this node is to hold it again by now, another one is begun.
func (m *members) parted(number int) {
	m.deleteState(number)
	m.node.log.Info("a partition's copy is given up", "partition", number)
	m.mu.Lock()
	delete(m.parting, number)
	m.mu.Unlock()
	if now := m.agent.Map(); now != nil && holds(now, number, m.self.ID) {
		for _, c := range m.take(now) {
			c.follow(now)
		}
	}
}

// deleteState deletes what there is on the disk of a partition that this node does not hold.
func (m *members) deleteState(number int) {
	dir := m.node.dir.StateDir(number)
	found, err := filepath.Glob(dir + "*")
	for _, path := range found {
		if rest := strings.TrimPrefix(path, dir); err == nil && (rest == "" || rest[0] == '.') {
			err = os.RemoveAll(path)
		}
	}
	if err != nil {
		m.node.log.Error("cannot delete the state of a partition that is not held here any more", "partition", strconv.Itoa(number), "error", err)
	}
}

// relocate has the stream of a partition lie on the servers of nodes, one step at a time, and says where it lies.
func (m *members) relocate(ctx context.Context, r cluster.Relocation) (cluster.Location, error) {
	nc, err := m.node.nats.Connect()
	if err != nil {
		return cluster.Location{}, err
	}
	defer nc.Close()
	var place jetstream.Place
	if r.Clear {
		name, err := jetstream.Clear(ctx, nc, r.Partition)
		if name != "" {
			m.node.log.Warn("a consumer is deleted that the move of a partition's log has waited for", "partition", r.Partition, "consumer", name, "error", err)
		}
	}
	if r.Look {
		place, err = jetstream.Locate(ctx, nc, r.Partition)
	} else {
		dead := serversOf(r.Gone)
		for i := range r.Gone {
			dead = append(dead, embedded.PeerID(r.Gone[i].Server))
		}
		place, err = jetstream.Relocate(ctx, nc, r.Partition, jetstream.Aim{Wanted: serversOf(r.Wanted), Dead: dead})
	}
	return cluster.Location(place), err
}

// serversOf are the names of nodes' servers.
func serversOf(nodes []coordinator.Node) []string {
	names := make([]string, len(nodes))
	for i := range nodes {
		names[i] = nodes[i].Server
	}
	return names
}

// vacate has everything leave the server of a node that holds no partition.
func (m *members) vacate(ctx context.Context, node coordinator.Node) error {
	return m.node.nats.Vacate(ctx, node.Server)
}

// steer asks the leader of a partition's stream to give way to a node.
func (m *members) steer(ctx context.Context, partition int, to coordinator.Node) error {
	nc, err := m.node.nats.Connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	return jetstream.StepDown(ctx, nc, partition, to.Server)
}
