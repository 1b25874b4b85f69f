package main

import (
	"fmt"
	"time"
)

// moveLimit is how long an operator waits for copies to move: there may be much in them.
const moveLimit = 24 * time.Hour

// drain moves everything away from a node, and waits for it.
func (o *operator) drain(c clusterOptions) error {
	n, err := o.called(c)
	if err != nil {
		return err
	}
	if c.cancel {
		_, err := o.tell(c.addrs[0], "CLUSTER", "DRAIN", n.ID, "CANCEL")
		return err
	}
	if _, err := o.tell(c.addrs[0], "CLUSTER", "DRAIN", n.ID); err != nil {
		return err
	}
	if err := o.awaitEmpty(c.addrs[0], n, "drained"); err != nil {
		return err
	}
	fmt.Fprintf(o.out, "node %s is drained: nothing lies on it any more, and shiplog cluster remove takes it out of the cluster\n", n.Address)
	return nil
}

// remove takes a node that holds nothing out of the cluster.
func (o *operator) remove(c clusterOptions) error {
	n, err := o.called(c)
	if err != nil {
		return err
	}
	if err := o.forget(c.addrs[0], n); err != nil {
		return err
	}
	fmt.Fprintf(o.out, "node %s is removed: stop it if it still runs; its directory is of no use any more\n", n.Address)
	return nil
}

// replace rebuilds elsewhere what a dead node holds, waits for it, and takes the node out of the cluster.
func (o *operator) replace(c clusterOptions) error {
	n, err := o.called(c)
	if err != nil {
		return err
	}
	if _, err := o.tell(c.addrs[0], "CLUSTER", "REPLACE", n.ID); err != nil {
		return err
	}
	if err := o.awaitEmpty(c.addrs[0], n, "gone"); err != nil {
		return err
	}
	if err := o.forget(c.addrs[0], n); err != nil {
		return err
	}
	fmt.Fprintf(o.out, "node %s is replaced and removed: do not start it again; its directory is of no use any more\n", n.Address)
	return nil
}

// rebalance spreads the copies over the nodes, and waits for it.
func (o *operator) rebalance(c clusterOptions) error {
	addr := c.addrs[0]
	if c.cancel {
		_, err := o.tell(addr, "CLUSTER", "REBALANCE", "CANCEL")
		return err
	}
	if _, err := o.tell(addr, "CLUSTER", "REBALANCE"); err != nil {
		return err
	}
	o.limit = moveLimit
	err := o.await(func() error {
		v, err := o.view(addr)
		if err == nil && (v.Spreading || v.moving() > 0) {
			err = fmt.Errorf("%d copies are moving", v.moving())
		}
		return err
	})
	if err == nil {
		fmt.Fprintln(o.out, "the copies are spread evenly")
	}
	return err
}

// called is the node that a command is about, as the node that is asked knows it.
func (o *operator) called(c clusterOptions) (nodeView, error) {
	v, err := o.view(c.addrs[0])
	if err != nil {
		return nodeView{}, err
	}
	return v.find(c.node)
}

// awaitEmpty waits until a node with a duty holds no copy, and says how many are left.
func (o *operator) awaitEmpty(addr string, n nodeView, duty string) error {
	o.limit = moveLimit
	return o.await(func() error {
		v, err := o.view(addr)
		if err != nil {
			return err
		}
		now, err := v.find(n.ID)
		switch left := now.Leads + now.Follows; {
		case err != nil:
			return err
		case left > 0:
			return fmt.Errorf("%d copies are still on %s, %d are moving", left, n.Address, v.moving())
		case now.Duty != duty:
			return fmt.Errorf("%s holds no copy any more, and is not %s yet", n.Address, duty)
		}
		return nil
	})
}

// forget takes a node out of the cluster, and waits until the node that is asked knows.
func (o *operator) forget(addr string, n nodeView) error {
	if _, err := o.tell(addr, "CLUSTER", "FORGET", n.ID); err != nil {
		return err
	}
	return o.await(func() error {
		v, err := o.view(addr)
		if err != nil {
			return err
		}
		if _, err := v.find(n.ID); err == nil {
			return fmt.Errorf("%s is still in the cluster", n.Address)
		}
		return nil
	})
}

// moving is how many copies are on their way.
func (v *clusterView) moving() (n int) {
	for _, p := range v.Partitions {
		for _, c := range p.all() {
			if c.Moves == "arriving" {
				n++
			}
		}
	}
	return n
}
