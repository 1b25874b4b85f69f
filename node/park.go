package node

import (
	"shiplog/node/commands"
	"shiplog/partitions"
)

// loneParked is what waits for keys in a lone node's partition. It is comparable: Unpark finds by it what Park has parked.
type loneParked struct{ commands.Parked }

// Wake passes on that the wait is over.
func (w loneParked) Wake(c *partitions.Commit, err error) { w.Parked.Wake(waitFor(c, err)) }

// Park runs a command that waits for keys while it is not served.
func (s lone) Park(w commands.Parked, keys [][]byte) (commands.Wait, bool, error) {
	c, served, err := s.Partition.Park(loneParked{w}, keys)
	wait, err := waitFor(c, err)
	return wait, served, err
}

// Unpark takes out what waits.
func (s lone) Unpark(w commands.Parked) bool { return s.Partition.Unpark(loneParked{w}) }

// copyParked is what waits for keys in a cluster's partition.
type copyParked struct {
	commands.Parked
	view *primaryView
}

// Wake passes on that the wait is over.
func (w copyParked) Wake(c *partitions.Commit, err error) { w.Parked.Wake(w.view.wait(c, err)) }

// Park runs a command that waits for keys while it is not served.
func (v *primaryView) Park(w commands.Parked, keys [][]byte) (commands.Wait, bool, error) {
	p := v.copyOf.partition.Load()
	if p == nil {
		return nil, false, commands.ErrRouteAgain
	}
	c, served, err := p.Park(copyParked{w, v}, keys)
	wait, err := v.wait(c, err)
	return wait, served, err
}

// Unpark takes out what waits. A partition that has ended has woken everybody.
func (v *primaryView) Unpark(w commands.Parked) bool {
	p := v.copyOf.partition.Load()
	return p != nil && p.Unpark(copyParked{w, v})
}

// Park never comes to a replica: what may have to wait is not routed to it.
func (v *replicaView) Park(commands.Parked, [][]byte) (commands.Wait, bool, error) {
	return nil, false, commands.ErrRouteAgain
}

// Unpark finds nothing parked.
func (v *replicaView) Unpark(commands.Parked) bool { return false }
