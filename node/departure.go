package node

import (
	"encoding/hex"

	"shiplog/node/commands"
	"shiplog/partitions"
	"shiplog/partitions/coordinator"
	"shiplog/wal"
)

// departure is what clients of this node have been told of a partition: whether it is led here, and whether they wait to hear who leads it.
type departure struct{ led, announced bool }

// parting is what they are to be told next. The zero parting is nothing.
type parting struct {
	leaving bool
	left    bool
	to      wal.NodeID // who leads now
}

// see takes how the partition stands now. Standings may be missed between two that are seen.
//
// A node that stops begins no notice: what lies unread in a connection hides from its client that the connection is closed after it. go-redis takes such a
// connection from its pool for a good one (9.23, internal/pool isHealthyConn), and a command that meets a few of them has used up its tries.
func (d departure) see(s *partitions.Standing, self wal.NodeID, stops bool) (departure, parting) {
	switch {
	case s.Role == partitions.Primary && d.announced: // nobody else has led
		return departure{led: true}, parting{left: true, to: self}
	case s.Role == partitions.Primary:
		return departure{led: true}, parting{}
	case s.Role == partitions.Handing && d.led && !d.announced && !stops:
		return departure{led: true, announced: true}, parting{leaving: true}
	case d.led && s.Role == partitions.Replica && s.Leader != (wal.NodeID{}) && s.Leader != self:
		if stops && !d.announced {
			return departure{}, parting{}
		}
		return departure{}, parting{left: true, to: s.Leader}
	}
	return d, parting{}
}

// announce tells clients what d makes of how the partition stands, and returns what they know then.
func (c *copyOf) announce(d departure, s *partitions.Standing) departure {
	m := c.members
	d, p := d.see(s, m.node.dir.NodeID, m.leaving.Load())
	switch {
	case p.leaving:
		m.node.commands.SlotsLeaving(int(c.slots.First), int(c.slots.Last))
	case p.left:
		c.announceLeft(p.to)
	}
	return d
}

// announceLeft tells clients who leads the partition.
func (c *copyOf) announceLeft(to wal.NodeID) {
	m := c.members
	if n := m.routing.Load().nodes[coordinator.NodeID(hex.EncodeToString(to[:]))]; n != nil {
		m.node.commands.SlotsLeft(int(c.slots.First), int(c.slots.Last), addressOf(&m.self), addressOf(n))
	}
}

func addressOf(n *coordinator.Node) commands.Address {
	return commands.Address{Host: n.Host, Port: n.Port}
}
