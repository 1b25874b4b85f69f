package node

import (
	"errors"
	"fmt"

	"shiplog/node/changes"
	"shiplog/node/reply"
	"shiplog/partitions"
	"shiplog/partitions/slot"
	"shiplog/shipper"
	"shiplog/wal"
)

// errNotOpen says that a copy is here, and that its log and its state are not open: yet, or any more.
var errNotOpen = errors.New("the partition is not open here now")

// copySource is this node's copy of a partition, for those who read its log and its state.
type copySource struct {
	number    int
	slots     slot.Range
	log       changes.Log
	partition *partitions.Partition
}

func (s *copySource) Partition() int        { return s.number }
func (s *copySource) Slots() slot.Range     { return s.slots }
func (s *copySource) Log() changes.Log      { return s.log }
func (s *copySource) Reached() wal.Position { return s.partition.Reached() }

// allSlots are those of a lone node's partition.
func allSlots() slot.Range { return slot.Range{First: 0, Last: slot.Count - 1} }

func (s *solo) source(partition int) (*copySource, error) {
	if partition != 0 {
		return nil, changes.ErrNotHeld
	}
	return &copySource{slots: allSlots(), log: shipper.Along{Live: s.wal}, partition: s.partition}, nil
}

func (s *solo) partitions() int { return 1 }

func (s *solo) slots(int) slot.Range { return allSlots() }

// elsewhere answers that the only partition cannot be read now: the node is stopping.
func (s *solo) elsewhere(partition int) reply.Reply {
	if partition == 0 {
		return reply.Errorf("TRYAGAIN %v", errNotOpen)
	}
	return noSuchPartition(partition, 1)
}

func noSuchPartition(partition, of int) reply.Reply {
	return reply.Errorf("ERR no such partition: %d of %d", partition, of)
}

func (m *members) source(partition int) (*copySource, error) {
	r := m.routing.Load()
	if partition < 0 || partition >= len(r.copies) || r.copies[partition] == nil {
		return nil, changes.ErrNotHeld
	}
	c := r.copies[partition]
	p := c.partition.Load()
	c.mu.Lock()
	log := c.log
	c.mu.Unlock()
	if p == nil || log == nil {
		return nil, fmt.Errorf("%w: %w", changes.ErrNotHeld, errNotOpen)
	}
	return &copySource{number: partition, slots: c.slots, log: shipper.Along{Live: log.Live}, partition: p}, nil
}

func (m *members) partitions() int { return len(m.routing.Load().copies) }

func (m *members) slots(partition int) slot.Range {
	if known := m.agent.Map(); known != nil && partition < len(known.Partitions) {
		return known.Partitions[partition].Slots
	}
	return slot.Range{}
}

// elsewhere sends a client to a node that holds a partition: to the one that leads it.
func (m *members) elsewhere(partition int) reply.Reply {
	r := m.routing.Load()
	if len(r.copies) == 0 {
		return *refuse(notCreated)
	}
	if partition < 0 || partition >= len(r.copies) {
		return noSuchPartition(partition, len(r.copies))
	}
	leader, _ := r.leaderOf(uint16(partition), nil)
	if leader.ID == "" || leader.ID == m.self.ID {
		return *refuse(unserved)
	}
	return reply.Errorf("MOVED %d %s:%d", m.slots(partition).First, leader.Host, leader.Port)
}
