package main

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// clusterView is the cluster as one node sees it.
type clusterView struct {
	State      string          `json:"state"`
	Spreading  bool            `json:"rebalancing,omitempty"` // copies are being spread over the nodes
	Nodes      []nodeView      `json:"nodes"`
	Partitions []partitionView `json:"partitions"`
}

// nodeView is one node of the cluster.
type nodeView struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Address string `json:"address"` // for clients
	BusPort int    `json:"clusterPort"`
	State   string `json:"state"`          // ok, suspected or failed
	Duty    string `json:"duty,omitempty"` // draining, drained or gone
	Leads   int    `json:"leads"`          // partitions
	Follows int    `json:"follows"`
}

// partitionView is one partition.
type partitionView struct {
	Number   int        `json:"number"`
	Slots    string     `json:"slots"`
	Epoch    int64      `json:"epoch"`
	Load     loadView   `json:"load"`
	Primary  *copyView  `json:"primary"` // nil: there is none
	Replicas []copyView `json:"replicas"`
}

// loadView is what a partition costs its primary, a second.
type loadView struct {
	Commands    int64 `json:"commands"`
	Bytes       int64 `json:"bytes"`       // of those and their replies
	CPUPermille int64 `json:"cpuPermille"` // 1000 is all of one processor
}

func readLoad(a answer) loadView {
	f := a.pairs()
	return loadView{f["commands"].number(), f["bytes"].number(), f["cpu_permille"].number()}
}

// copyView is how a node has a partition. Applied is the sequence of the newest record that it has applied; Lag is how
// many records it lacks.
type copyView struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Address string `json:"address"`
	Applied int64  `json:"applied"`
	Lag     int64  `json:"lag"`
	Health  string `json:"health"`            // online, loading or fail
	Moves   string `json:"moves,omitempty"`   // arriving or leaving, while a copy goes from node to node
	Seeding string `json:"seeding,omitempty"` // how far its filling from another node is
}

// lives tells whether the copy is in use.
func (c *copyView) lives() bool { return c != nil && c.Health == "online" }

// all returns the copies that the partition has, the primary's first.
func (p *partitionView) all() []copyView {
	if p.Primary == nil {
		return p.Replicas
	}
	return append([]copyView{*p.Primary}, p.Replicas...)
}

// view asks the node at addr how it sees the cluster.
func (o *operator) view(addr string) (clusterView, error) {
	c, err := connect(addr, o.access)
	if err != nil {
		return clusterView{}, err
	}
	defer c.close()
	info, err := c.askInfo("CLUSTER", "INFO")
	if err != nil {
		return clusterView{}, err
	}
	nodes, err := c.ask("CLUSTER", "NODES")
	if err != nil {
		return clusterView{}, err
	}
	partitions, err := c.ask("CLUSTER", "PARTITIONS")
	if err != nil {
		return clusterView{}, err
	}
	v := clusterView{State: info["cluster_state"], Nodes: readNodes(nodes.text), Partitions: readPartitions(partitions)}
	v.Spreading = info["cluster_rebalancing"] == "1"
	names := make(map[string]string)
	for word := range strings.SplitSeq(info["cluster_idle_node_names"], ",") {
		id, name, _ := strings.Cut(word, "=")
		names[id] = name
	}
	for i := range v.Nodes {
		v.Nodes[i].Name = names[v.Nodes[i].ID]
		for _, duty := range []string{"draining", "drained", "gone"} {
			if strings.Contains(info["cluster_"+duty+"_nodes"], v.Nodes[i].ID) {
				v.Nodes[i].Duty = duty
			}
		}
	}
	v.count()
	return v, nil
}

// count fills in what the partitions say about the nodes.
func (v *clusterView) count() {
	at := make(map[string]*nodeView)
	for i := range v.Nodes {
		at[v.Nodes[i].ID] = &v.Nodes[i]
	}
	for _, p := range v.Partitions {
		for i, c := range p.all() {
			n := at[c.ID]
			if n == nil {
				continue
			}
			n.Name = cmp.Or(n.Name, c.Name)
			if i == 0 && p.Primary != nil {
				n.Leads++
			} else {
				n.Follows++
			}
		}
	}
}

// readNodes reads the text of CLUSTER NODES: id, ip:port@cport[,more], flags and so on.
func readNodes(text string) []nodeView {
	var nodes []nodeView
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 8 {
			continue
		}
		addr, bus, _ := strings.Cut(words[1], "@")
		bus, _, _ = strings.Cut(bus, ",")
		n := nodeView{ID: words[0], Address: dialable(addr), State: "ok"}
		n.BusPort, _ = strconv.Atoi(bus)
		for flag := range strings.SplitSeq(words[2], ",") {
			switch flag {
			case "fail":
				n.State = "failed"
			case "fail?":
				n.State = "suspected"
			}
		}
		nodes = append(nodes, n)
	}
	return nodes
}

// readPartitions reads the reply of CLUSTER PARTITIONS.
func readPartitions(a answer) []partitionView {
	partitions := make([]partitionView, 0, len(a.list))
	for _, entry := range a.list {
		f := entry.pairs()
		p := partitionView{Number: int(f["number"].number()), Slots: f["slots"].text, Epoch: f["epoch"].number(),
			Load: readLoad(f["load"]), Replicas: []copyView{}}
		if len(f["primary"].list) > 0 {
			primary := readCopy(f["primary"])
			p.Primary = &primary
		}
		for _, replica := range f["replicas"].list {
			p.Replicas = append(p.Replicas, readCopy(replica))
		}
		partitions = append(partitions, p)
	}
	return partitions
}

func readCopy(a answer) copyView {
	f := a.pairs()
	return copyView{ID: f["id"].text, Name: f["name"].text, Address: dialable(f["address"].text),
		Applied: f["applied"].number(), Lag: f["lag"].number(), Health: f["health"].text, Moves: f["moves"].text, Seeding: f["seeding"].text}
}

// dialable writes "host:port" so that an IPv6 host, which Redis does not put into brackets, can be dialled.
func dialable(addr string) string {
	colon := strings.LastIndexByte(addr, ':')
	if colon < 0 {
		return addr
	}
	return net.JoinHostPort(strings.Trim(addr[:colon], "[]"), addr[colon+1:])
}

// exists tells whether the cluster has been created: partitions have been given to nodes.
func (v *clusterView) exists() bool {
	return slices.ContainsFunc(v.Partitions, func(p partitionView) bool { return p.Primary != nil })
}

// find returns the node that people call who: its address, its name, or how its identity begins.
func (v *clusterView) find(who string) (nodeView, error) {
	var called, begin []nodeView
	for _, n := range v.Nodes {
		switch {
		case n.ID == who:
			return n, nil
		case n.Address == who || n.Name == who:
			called = append(called, n)
		case strings.HasPrefix(n.ID, who):
			begin = append(begin, n)
		}
	}
	switch {
	case len(called) == 1:
		return called[0], nil
	case len(called) > 1: // a name given twice, or a node with a new directory at an old address
		return nodeView{}, fmt.Errorf("%d nodes are called %q: give the identity of one, or how it begins; shiplog cluster nodes lists them", len(called), who)
	case len(begin) == 1:
		return begin[0], nil
	case len(begin) == 0:
		return nodeView{}, fmt.Errorf("no node is called %q; shiplog cluster nodes lists them", who)
	}
	return nodeView{}, fmt.Errorf("the identities of %d nodes begin with %q", len(begin), who)
}

// partition returns the partition of a number.
func (v *clusterView) partition(number int) (partitionView, error) {
	for _, p := range v.Partitions {
		if p.Number == number {
			return p, nil
		}
	}
	return partitionView{}, fmt.Errorf("there is no partition %d; shiplog cluster partitions lists them", number)
}
