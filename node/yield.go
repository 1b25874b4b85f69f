package node

import (
	"context"
	"time"

	"shiplog/node/cluster"
	"shiplog/partitions/coordinator"
	"shiplog/shipper"
)

// yield has this node give less to copies that are filled from it while that makes writes slower, until ctx ends.
func (m *members) yield(ctx context.Context) {
	c := &m.node.cfg.Cluster
	if c.SeedRate == 0 {
		return // who wants no limit wants none
	}
	tick := time.NewTicker(c.Times.Heartbeat)
	defer tick.Stop()
	for y := (shipper.Yield{Most: c.SeedRate, Least: c.SeedRateMin}); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := m.clock()
		y = y.Next(shipper.Seen{At: now, Took: ackTook(m.agent.View(), m.holds), Given: m.filler.pace.Given()})
		rate, rest := y.Rate()
		m.filler.pace.Set(rate)
		m.filler.pace.Rest(rest - now)
	}
}

// holds tells whether this node holds a copy of a partition.
func (m *members) holds(partition int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.copies[partition] != nil
}

// hardlyAny is how many commands a second count as none: a record now and then says nothing about what others wait for.
const hardlyAny = 10

// ackTook is what appends to those partitions take whose logs wait for this node, each weighted with its load; 0 when there are hardly any.
func ackTook(v cluster.View, holds func(partition int) bool) time.Duration {
	sum, weights := 0.0, 0.0
	reports := v.Reports()
	for i := range reports {
		for j := range reports[i].Partitions {
			p := &reports[i].Partitions[j]
			if p.Role != coordinator.RolePrimary || p.AckTook == 0 || p.Load < hardlyAny || !holds(p.Partition) {
				continue
			}
			sum, weights = sum+p.Load*float64(p.AckTook), weights+p.Load
		}
	}
	if weights == 0 {
		return 0
	}
	return time.Duration(sum / weights)
}
