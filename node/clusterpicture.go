package node

import (
	"time"

	"shiplog/node/cluster"
	"shiplog/node/commands"
	"shiplog/partitions/coordinator"
)

// pictureOf words a topology as the command layer has it. now is the time that ages are counted from.
func pictureOf(t *cluster.Topology, self string, now time.Time) *commands.Topology {
	p := &commands.Topology{MyID: self, OK: t.OK, Version: t.Version, Rebalancing: t.Rebalancing}
	for i := range t.Nodes {
		n := &t.Nodes[i]
		node := commands.TopologyNode{
			ID: string(n.ID), Name: n.Name, Host: n.Host, Port: n.Port, BusPort: n.BusPort,
			Self: n.Self, Suspected: n.Suspected, Failed: n.Failed, Connected: n.Connected,
			Epoch: n.Epoch, Duty: string(n.Duty),
		}
		if n.Ping > 0 {
			node.PingMS = now.Add(-n.Ping).UnixMilli()
		}
		if n.Pong >= 0 && !n.Self {
			node.PongMS = now.Add(-n.Pong).UnixMilli()
		}
		p.Nodes = append(p.Nodes, node)
	}
	for i := range t.Ranges {
		r := &t.Ranges[i]
		next := commands.TopologyRange{
			First: int(r.Slots.First), Last: int(r.Slots.Last), ShardID: r.Shard,
			Primary: r.Primary, Replicas: r.Replicas, Partition: r.Partition, Epoch: r.Epoch, LogFirst: int64(r.First),
		}
		if len(r.Copies) > 0 {
			next.Load = commands.Load(r.Copies[0].Load)
		}
		for _, c := range r.Copies {
			next.Applied = append(next.Applied, int64(c.Applied))
			next.Loading = append(next.Loading, c.Loading)
			next.Seeds = append(next.Seeds, seedOf(&c))
			next.Moves = append(next.Moves, c.Moves)
		}
		p.Ranges = append(p.Ranges, next)
	}
	return p
}

// removed are the nodes that were taken out of the cluster; known may be nil.
func removed(known *coordinator.Map) (ids []string) {
	if known == nil {
		return nil
	}
	for i := range known.Former {
		ids = append(ids, string(known.Former[i].ID))
	}
	return ids
}

// addLeaders adds what nodes say they lead besides their partitions: the cluster, and logs.
func addLeaders(p *commands.Topology, heard []coordinator.Report) {
	for i := range heard {
		r := &heard[i]
		if r.Coordinates {
			p.Coordinator = string(r.Node.ID)
		}
		for j := range r.Partitions {
			if part := &r.Partitions[j]; part.StreamLeader && part.Partition < len(p.Ranges) {
				p.Ranges[part.Partition].LogLeader = string(r.Node.ID)
			}
		}
	}
}

// seedOf is how far the filling of a copy is, nil if it is not being filled.
func seedOf(c *cluster.TopologyCopy) *commands.Seed {
	if c.Role != coordinator.RoleSeeding || c.Seed == (coordinator.Seed{}) {
		return nil
	}
	s := &c.Seed
	from := string(s.From)
	if s.From == storeID {
		from = "the snapshot store"
	}
	return &commands.Seed{From: from, Have: int64(s.Have), Total: int64(s.Total), Behind: int64(s.Behind), Left: s.Left}
}
