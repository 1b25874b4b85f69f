package cluster

import (
	"context"
	"slices"

	"shiplog/partitions/coordinator"
)

// work moves streams, and has servers emptied and expelled, one after the other. What comes of it the loop is told; what fails the
// coordinator asks for again.
func (r *reign) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case chore := <-r.chores:
			told, err := r.do(ctx, chore)
			if err != nil && ctx.Err() == nil {
				r.a.log.Debug("a change of the cluster waits", "what", chore, "error", err)
			}
			if told == nil {
				continue
			}
			select {
			case r.told <- told:
			case <-ctx.Done():
				return
			}
		}
	}
}

// do does one chore, and returns what the coordinator is to be told, nil if nothing.
func (r *reign) do(ctx context.Context, chore coordinator.Action) (coordinator.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, choreWithin)
	defer cancel()
	a := r.a
	m := a.Map()
	if m == nil {
		return nil, nil
	}
	switch chore := chore.(type) {
	case coordinator.Relocate:
		wanted, known := nodesOf(m, chore.Wanted)
		if !known || chore.Partition >= len(m.Partitions) || !slices.Equal(m.Partitions[chore.Partition].Wanted(), chore.Wanted) {
			return nil, nil // of an older map
		}
		gone, _ := nodesOf(m, m.Gone)
		at, err := a.cfg.Relocate(ctx, Relocation{chore.Partition, wanted, gone, chore.Look, chore.Clear})
		if len(at.Servers) == 0 {
			return nil, err
		}
		return coordinator.Located{Now: a.clock(), Partition: chore.Partition, Servers: at.Servers, Settled: at.Settled, Waits: at.Waits}, err
	case coordinator.Vacate:
		if nodes, known := nodesOf(m, []coordinator.NodeID{chore.Node}); known {
			return nil, a.cfg.Vacate(ctx, nodes[0])
		}
	case coordinator.Expel:
		if err := a.cfg.Expel(ctx, chore.Server); err != nil {
			return nil, err
		}
		return coordinator.Expelled{Now: a.clock(), Server: chore.Server}, nil
	}
	return nil, nil
}

// nodesOf finds nodes of a map, all or none.
func nodesOf(m *coordinator.Map, ids []coordinator.NodeID) (nodes []coordinator.Node, known bool) {
	for _, id := range ids {
		i := indexOf(m.Nodes, id)
		if i < 0 {
			return nil, false
		}
		nodes = append(nodes, m.Nodes[i])
	}
	return nodes, true
}
