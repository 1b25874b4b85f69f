package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// create makes a cluster of nodes that run and are part of none.
func (o *operator) create(c clusterOptions) error {
	buses := make(map[string]int)
	for _, addr := range c.addrs {
		bus, err := o.candidate(addr)
		if err != nil {
			return err
		}
		buses[addr] = bus
	}
	first := c.addrs[0]
	for _, addr := range c.addrs[1:] {
		host, port, err := net.SplitHostPort(addr)
		if err != nil {
			return err
		}
		if _, err := o.tell(first, "CLUSTER", "MEET", host, port, strconv.Itoa(buses[addr])); err != nil {
			return err
		}
	}
	if err := o.await(func() error { return o.acquainted(c.addrs) }); err != nil {
		return fmt.Errorf("%w: nodes must have the same cluster-auth and reach each other's cluster-port; their logs say what is in the way", err)
	}
	words := []string{"CLUSTER", "CREATE"}
	if c.partitions > 0 {
		words = append(words, "PARTITIONS", strconv.Itoa(c.partitions))
	}
	if c.replicas > 0 {
		words = append(words, "REPLICAS", strconv.Itoa(c.replicas))
	}
	if _, err := o.tell(first, words...); err != nil {
		return err
	}
	if err := o.await(func() error { return o.whole(c.addrs) }); err != nil {
		return err
	}
	v, err := o.view(first)
	if err != nil {
		return err
	}
	s := v.summary()
	fmt.Fprintf(o.out, "created: %d nodes, %d partitions with %d copies each\n", s.Nodes, s.Partitions, s.Copies)
	o.warn(s)
	return nil
}

// warn says what a cluster of few copies costs.
func (o *operator) warn(s clusterSummary) {
	if !s.Failover {
		fmt.Fprintln(o.out, "automatic failover:", noFailover)
	}
}

// tell sends one command to a node on a connection of its own.
func (o *operator) tell(addr string, words ...string) (answer, error) {
	c, err := connect(addr, o.access)
	if err != nil {
		return answer{}, err
	}
	defer c.close()
	return c.ask(words...)
}

// candidate refuses a node that cannot become part of a new cluster and returns its port for other nodes.
func (o *operator) candidate(addr string) (busPort int, err error) {
	v, err := o.view(addr)
	switch {
	case err != nil && strings.Contains(err.Error(), "cluster support disabled"):
		return 0, fmt.Errorf("%s is a lone node: start it with --cluster-enabled yes", addr)
	case err != nil:
		return 0, err
	case v.exists():
		return 0, fmt.Errorf("%s is part of a cluster of %d nodes already", addr, len(v.Nodes))
	}
	a, err := o.tell(addr, "CLUSTER", "MYID")
	if err != nil {
		return 0, err
	}
	self, err := v.find(a.text)
	if err != nil {
		return 0, fmt.Errorf("%s does not know itself: %w", addr, err)
	}
	return self.BusPort, nil
}

// acquainted returns which nodes do not know as many nodes as there are to be.
func (o *operator) acquainted(addrs []string) error {
	return o.each(addrs, func(v *clusterView) error {
		if len(v.Nodes) < len(addrs) {
			return fmt.Errorf("knows %d of %d nodes", len(v.Nodes), len(addrs))
		}
		return nil
	})
}

// whole returns which nodes do not see a whole cluster.
func (o *operator) whole(addrs []string) error {
	return o.each(addrs, func(v *clusterView) error {
		led := 0
		for _, p := range v.Partitions {
			if p.Primary.lives() {
				led++
			}
		}
		if v.State != "ok" || led < len(v.Partitions) || led == 0 {
			return fmt.Errorf("sees %d of %d partitions with a primary", led, len(v.Partitions))
		}
		return nil
	})
}

// each puts together what is wrong at the nodes.
func (o *operator) each(addrs []string, wrong func(v *clusterView) error) error {
	var list []string
	for _, addr := range addrs {
		v, err := o.view(addr)
		if err == nil {
			err = wrong(&v)
		}
		if err != nil {
			list = append(list, addr+" "+strings.TrimPrefix(err.Error(), addr+": "))
		}
	}
	if len(list) == 0 {
		return nil
	}
	return errors.New(strings.Join(list, ", "))
}

// failover makes a replica of a partition its primary and waits for it.
func (o *operator) failover(c clusterOptions) error {
	heir, err := o.chooseHeir(c)
	if err != nil {
		return err
	}
	began := time.Now()
	if _, err := o.tell(heir.Address, "CLUSTER", "FAILOVER", "PARTITION", strconv.Itoa(c.partition)); err != nil {
		return err
	}
	err = o.await(func() error {
		v, err := o.view(heir.Address)
		if err != nil {
			return err
		}
		p, err := v.partition(c.partition)
		if err == nil && (!p.Primary.lives() || p.Primary.ID != heir.ID) {
			err = fmt.Errorf("partition %d is not led by %s yet", c.partition, heir.Address)
		}
		return err
	})
	if err != nil {
		return err
	}
	took := time.Since(began).Milliseconds()
	if c.json {
		return printJSON(o.out, map[string]any{"partition": c.partition, "primary": heir.ID, "address": heir.Address, "milliseconds": took})
	}
	fmt.Fprintf(o.out, "partition %d is led by %s, %d ms after it was asked for\n", c.partition, heir.Address, took)
	return nil
}

// chooseHeir returns the node to lead a partition. A partition whose copies have just changed may have no replica that can for a
// moment: that is waited for.
func (o *operator) chooseHeir(c clusterOptions) (heir nodeView, err error) {
	waited := o.await(func() error {
		var v clusterView
		if v, err = o.view(c.addrs[0]); err != nil {
			return nil
		}
		heir, err = v.heir(c.partition, c.to)
		if errors.Is(err, errNoReplica) {
			return err
		}
		return nil
	})
	return heir, cmp.Or(waited, err)
}

// errNoReplica says that no replica could lead now.
var errNoReplica = errors.New("no replica that lives")

// heir is the node to lead a partition: the one that is called to, or the living replica that is furthest.
func (v *clusterView) heir(partition int, to string) (nodeView, error) {
	p, err := v.partition(partition)
	if err != nil {
		return nodeView{}, err
	}
	if to == "" {
		var best *copyView
		for i := range p.Replicas {
			if r := &p.Replicas[i]; r.lives() && (best == nil || r.Applied > best.Applied) {
				best = r
			}
		}
		if best == nil {
			return nodeView{}, fmt.Errorf("partition %d has %w", partition, errNoReplica)
		}
		to = best.ID
	}
	n, err := v.find(to)
	if err != nil {
		return n, err
	}
	switch {
	case p.Primary != nil && p.Primary.ID == n.ID:
		return n, fmt.Errorf("%s leads partition %d already", n.Address, partition)
	case n.State == "failed":
		return n, fmt.Errorf("%s has failed and cannot lead", n.Address)
	}
	for _, r := range p.Replicas {
		if r.ID == n.ID {
			return n, nil
		}
	}
	return n, fmt.Errorf("%s has no copy of partition %d", n.Address, partition)
}
