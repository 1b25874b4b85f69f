package node

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"shiplog/embedded"
	"shiplog/partitions/coordinator"
)

// founding is what a node whose server has never heard of a meta group knows when it decides whether to begin one. Servers with empty
// logs that elect each other would depose the leader of a cluster that they come to, and its streams, the cluster map among them, would be
// gone. So a cluster begins where everybody who is heard is as empty as this node, and where everybody that it was told of is heard.
type founding struct {
	expect int                  // so many nodes begin by themselves; 0: none do
	asked  bool                 // an operator said so, here
	heard  []coordinator.Report // of all nodes that were heard in the last minute, this one too
	silent func(coordinator.NodeID) bool
}

// blank returns the servers of the nodes that are there and can begin a group, and whether one of them is told to. It returns none once
// anybody was heard who is in one.
func (f *founding) blank() (servers []string, asked bool) {
	asked = f.asked
	for i := range f.heard {
		r := &f.heard[i]
		if !r.Blank || r.Cluster != "" || r.Map != 0 {
			return nil, false
		}
		if f.silent(r.Node.ID) {
			continue
		}
		servers = append(servers, r.Node.Server)
		asked = asked || r.Begins
	}
	return servers, asked
}

// fewest is the least number of nodes of a cluster.
const fewest = 2

// founders returns the servers that this node may begin a group with, itself included, if everybody it was told of is among them; nil: it may not.
func (f *founding) founders() []string {
	servers, asked := f.blank()
	enough := asked || f.expect > 0 && len(servers) >= f.expect
	if !enough || len(servers) < fewest {
		return nil
	}
	return servers
}

// missing returns which of the addresses that a node was told of lead to none of the founders, and why; empty: there are none.
func missing(founders []string, found map[string]string) string {
	for _, address := range slices.Sorted(maps.Keys(found)) {
		switch server := found[address]; {
		case server == "":
			return "nobody answers at " + address
		case !slices.Contains(founders, server):
			return fmt.Sprintf("%s at %s is not heard yet, or is in a cluster", server, address)
		}
	}
	return ""
}

// found has the node's server begin a group with others when it may, until it is in one.
func (m *members) found(ctx context.Context) error {
	tick := time.NewTicker(m.node.cfg.Cluster.Times.Heartbeat)
	defer tick.Stop()
	said := ""
	for m.blank.Load() {
		founders, note := m.founders(ctx)
		if err := m.node.nats.Begin(len(founders)); err != nil {
			note = err.Error()
		}
		if note != said && note != "" {
			m.node.log.Info(note)
		}
		said = note
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		m.blank.Store(m.node.nats.Blank())
	}
	return nil
}

// founders returns the servers that the node may begin a group with, none if it may not, and what operators should know of that.
func (m *members) founders(ctx context.Context) (servers []string, note string) {
	if m.agent.Map() != nil {
		return nil, ""
	}
	view := m.agent.View()
	f := founding{expect: int(m.node.cfg.Cluster.Expect), asked: m.asked.Load(), silent: view.Silent}
	for i := range view.Peers {
		f.heard = append(f.heard, view.Peers[i].Report)
	}
	if servers = f.founders(); servers == nil {
		return nil, ""
	}
	if why := missing(servers, m.serversAt(ctx)); why != "" {
		return nil, "no cluster is begun: " + why
	}
	return servers, "a cluster is begun when all of these servers vote for it: " + strings.Join(servers, ", ")
}

// answerWithin is how long a node may take to say who it is.
const answerWithin = 500 * time.Millisecond

// serversAt asks at each address that this node was told of who is there. Nobody: "".
func (m *members) serversAt(ctx context.Context) map[string]string {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	m.mu.Lock()
	routes := slices.Clone(m.routes)
	m.mu.Unlock()
	names := make([]string, len(routes))
	var all sync.WaitGroup
	for i, address := range routes {
		all.Go(func() { names[i], _ = embedded.ServerAt(ctx, address) }) // nobody, whatever the error is
	}
	all.Wait()
	found := make(map[string]string, len(routes))
	for i, address := range routes {
		found[address] = names[i]
	}
	return found
}
