package commands

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"strings"

	"shiplog/node/reply"
)

// clusterChangeRows are the sub-commands by which an operator changes the cluster.
func clusterChangeRows() []Row {
	change := FlagAdmin | FlagStale | FlagNoAsyncLoading
	return []Row{
		{Name: "cluster|create", Since: "7.0.0", Arity: -2, Flags: change,
			Summary:    "Makes a cluster of the nodes that know each other",
			Syntax:     "PARTITIONS=count:integer? REPLICAS=copies:integer?",
			Complexity: "O(N) where N is the number of partitions",
			Session:    clustered(clusterCreate)},
		{Name: "cluster|failover", Since: "3.0.0", Arity: -2, Flags: change,
			Summary:    "Forces a replica to perform a manual failover of its master.",
			Syntax:     "options(FORCE|TAKEOVER)? PARTITION=number:integer?",
			Complexity: "O(1)",
			Session:    clustered(clusterFailover)},
		{Name: "cluster|forget", Since: "3.0.0", Arity: 3, Flags: change,
			Summary:    "Remove a node from the nodes table",
			Syntax:     "node-id",
			Complexity: "O(1)",
			Session:    clustered(clusterForget)},
		{Name: "cluster|meet", Since: "3.0.0", Arity: -4, Flags: change,
			Summary:    "Force a node cluster to handshake with another node",
			Syntax:     "ip port:integer cluster_bus_port:integer?~4.0.0",
			Complexity: "O(1)",
			History:    []Change{{"4.0.0", "Added the optional `cluster_bus_port` argument."}},
			Session:    clustered(clusterMeet)},
		{Name: "cluster|reset", Since: "3.0.0", Arity: -2, Flags: FlagAdmin | FlagNoScript | FlagStale,
			Summary:    "Reset a Redis Cluster node",
			Syntax:     "hard_soft(HARD|SOFT)?",
			Complexity: "O(N) where N is the number of known nodes. The command may execute a FLUSHALL as a side effect.",
			Session:    clustered(clusterReset)},
	}
}

// clusterIdleRows are sub-commands of Redis that have nothing to do here and need no refusal.
func clusterIdleRows() []Row {
	change := FlagAdmin | FlagStale | FlagNoAsyncLoading
	return []Row{
		{Name: "cluster|bumpepoch", Since: "3.0.0", Arity: 2, Flags: change,
			Summary:    "Advance the cluster config epoch",
			Complexity: "O(1)",
			Session:    pictured(clusterBumpEpoch)},
		{Name: "cluster|count-failure-reports", Since: "3.0.0", Arity: 3, Flags: FlagAdmin | FlagStale,
			Summary:    "Return the number of failure reports active for a given node",
			Syntax:     "node-id",
			Complexity: "O(N) where N is the number of failure reports",
			Tips:       []string{"nondeterministic_output"},
			Session:    pictured(clusterFailureReports)},
		{Name: "cluster|saveconfig", Since: "3.0.0", Arity: 2, Flags: change,
			Summary:    "Forces the node to save cluster state on disk",
			Complexity: "O(1)",
			Session:    pictured(func(*Topology, Args) reply.Reply { return reply.OK() })},
		{Name: "cluster|set-config-epoch", Since: "3.0.0", Arity: 3, Flags: change,
			Summary:    "Set the configuration epoch in a new node",
			Syntax:     "config-epoch:integer",
			Complexity: "O(1)",
			Session:    pictured(clusterSetConfigEpoch)},
	}
}

// refusedRows are the sub-commands of Redis by which an operator does by hand what the coordinator does here.
func refusedRows() []Row {
	change := FlagAdmin | FlagStale | FlagNoAsyncLoading
	slots := "slots are assigned by the coordinator: CLUSTER CREATE makes a cluster, CLUSTER FAILOVER PARTITION n makes this node lead a partition"
	ranges := "start-slot_end-slot(start-slot:integer end-slot:integer)*"
	return []Row{
		{Name: "cluster|addslots", Since: "3.0.0", Arity: -3, Flags: change,
			Summary:    "Assign new hash slots to receiving node",
			Syntax:     "slot:integer*",
			Complexity: "O(N) where N is the total number of hash slot arguments",
			Session:    coordinated(slots)},
		{Name: "cluster|addslotsrange", Since: "7.0.0", Arity: -4, Flags: change,
			Summary:    "Assign new hash slots to receiving node",
			Syntax:     ranges,
			Complexity: "O(N) where N is the total number of the slots between the start slot and end slot arguments.",
			Session:    coordinated(slots)},
		{Name: "cluster|delslots", Since: "3.0.0", Arity: -3, Flags: change,
			Summary:    "Set hash slots as unbound in receiving node",
			Syntax:     "slot:integer*",
			Complexity: "O(N) where N is the total number of hash slot arguments",
			Session:    coordinated(slots)},
		{Name: "cluster|delslotsrange", Since: "7.0.0", Arity: -4, Flags: change,
			Summary:    "Set hash slots as unbound in receiving node",
			Syntax:     ranges,
			Complexity: "O(N) where N is the total number of the slots between the start slot and end slot arguments.",
			Session:    coordinated(slots)},
		{Name: "cluster|flushslots", Since: "3.0.0", Arity: 2, Flags: change,
			Summary:    "Delete a node's own slots information",
			Complexity: "O(1)",
			Session:    coordinated(slots)},
	}
}

// coordinated makes the handler of a sub-command that is not done by hand here; instead says what to do.
func coordinated(instead string) func(*Session, Args) reply.Reply {
	return pictured(func(_ *Topology, a Args) reply.Reply {
		return reply.Errorf("ERR CLUSTER %s is not supported: %s", strings.ToUpper(cString(a[1], echoed)), instead)
	})
}

// changing runs something that changes the cluster where it may block.
func (s *Session) changing(fn func(ctx context.Context) error) reply.Reply {
	return s.Later(func(ctx context.Context) Result {
		if err := fn(ctx); err != nil {
			r := worded(err)
			s.srv.countError(r.Text)
			return Result{Reply: r}
		}
		return Result{Reply: reply.OK()}
	})
}

// CLUSTER CREATE [PARTITIONS count] [REPLICAS copies]
func clusterCreate(s *Session, c Cluster, a Args) reply.Reply {
	var partitions, copies int
	for words := a[2:]; len(words) > 0; words = words[2:] {
		if len(words) == 1 {
			return reply.Syntax()
		}
		n, ok := parseInt(words[1])
		switch {
		case !ok:
			return reply.NotInteger()
		case is(words[0], "partitions") && 1 <= n && n <= slotCount:
			partitions = int(n)
		case is(words[0], "replicas") && 1 <= n && n <= slotCount:
			copies = int(n)
		default:
			return reply.Syntax()
		}
	}
	return s.changing(func(ctx context.Context) error { return c.Create(ctx, partitions, copies) })
}

// CLUSTER FAILOVER [FORCE | TAKEOVER] [PARTITION number]
//
// Without a number it is for every partition that this node follows.
func clusterFailover(s *Session, c Cluster, a Args) reply.Reply {
	mode, partition, words := "", int64(-1), a[2:]
	if len(words) > 0 && (is(words[0], "force") || is(words[0], "takeover")) {
		mode, words = strings.ToLower(string(words[0])), words[1:]
	}
	switch {
	case len(words) == 0:
	case len(words) == 2 && is(words[0], "partition"):
		n, ok := parseInt(words[1])
		if !ok {
			return reply.NotInteger()
		}
		partition = n
	case len(a) == 3:
		return reply.Syntax()
	default:
		return subSyntax(a)
	}
	if r := failoverRefusal(c.Topology(), partition, len(words) > 0); r != nil {
		return *r
	}
	return s.changing(func(ctx context.Context) error { return c.Failover(ctx, mode, int(partition)) })
}

// failoverRefusal returns why this node cannot become primary of a partition, or of any when none is named, or nil.
func failoverRefusal(t *Topology, partition int64, named bool) *reply.Reply {
	self := t.self()
	at := slices.IndexFunc(t.Ranges, func(r TopologyRange) bool { return int64(r.Partition) == partition })
	switch {
	case named && at < 0:
		return refuse(reply.Errorf("ERR There is no partition %d", partition))
	case named && t.Ranges[at].Primary == self && self >= 0:
		return refuse(reply.Errorf("ERR This node is the primary of partition %d already", partition))
	case named && !slices.Contains(t.Ranges[at].Replicas, self), !named && t.follows(self) == nil:
		return refuse(reply.Error("ERR You should send CLUSTER FAILOVER to a replica"))
	default:
		return nil
	}
}

// CLUSTER FORGET node-id
//
// All nodes forget at once, so one that was removed is forgotten again without complaint: redis-cli --cluster del-node tells every node.
func clusterForget(s *Session, c Cluster, a Args) reply.Reply {
	t := c.Topology()
	id := string(a[2])
	switch {
	case t.find(id) < 0 && !slices.Contains(t.Removed, id):
		return unknownNode(a[2])
	case id == t.MyID:
		return reply.Error("ERR I tried hard but I can't forget myself...")
	}
	return s.changing(func(ctx context.Context) error { return c.Forget(ctx, id) })
}

// CLUSTER RESET [HARD | SOFT]
//
// A node that was removed is not let in again under its old id, so SOFT gives it another one as HARD does.
func clusterReset(s *Session, c Cluster, a Args) reply.Reply {
	if len(a) > 3 {
		return subSyntax(a)
	}
	if len(a) == 3 && !is(a[2], "hard") && !is(a[2], "soft") {
		return reply.Syntax()
	}
	return s.changing(c.Reset)
}

// CLUSTER MEET ip port [cluster_bus_port]
func clusterMeet(s *Session, c Cluster, a Args) reply.Reply {
	if len(a) > 5 {
		return subSyntax(a)
	}
	port, ok := parseInt(a[3])
	if !ok {
		return reply.Errorf("ERR Invalid TCP base port specified: %s", a[3])
	}
	busPort := int64(0)
	if len(a) == 5 {
		if busPort, ok = parseInt(a[4]); !ok {
			return reply.Errorf("ERR Invalid TCP bus port specified: %s", a[4])
		}
	}
	host := string(bytes.TrimSpace(a[2]))
	if host == "" || port < 1 || port > 65535 || busPort < 0 || busPort > 65535 {
		return reply.Errorf("ERR Invalid node address specified: %s:%s", a[2], a[3])
	}
	return s.changing(func(ctx context.Context) error { return c.Meet(ctx, host, int(port), int(busPort)) })
}

// CLUSTER BUMPEPOCH
//
// Epochs belong to partitions' logs and rise by themselves.
func clusterBumpEpoch(t *Topology, _ Args) reply.Reply {
	epoch := uint64(0)
	if self := t.self(); self >= 0 {
		epoch = t.Nodes[self].Epoch
	}
	return reply.Status("STILL " + strconv.FormatUint(epoch, 10))
}

// CLUSTER COUNT-FAILURE-REPORTS node-id
//
// Nodes do not vote on each other's failure: there is nothing to count.
func clusterFailureReports(t *Topology, a Args) reply.Reply {
	if t.find(string(a[2])) < 0 {
		return unknownNode(a[2])
	}
	return reply.Int(0)
}

// CLUSTER SET-CONFIG-EPOCH config-epoch
func clusterSetConfigEpoch(t *Topology, a Args) reply.Reply {
	epoch, ok := parseInt(a[2])
	switch {
	case !ok:
		return reply.NotInteger()
	case epoch < 0:
		return reply.Errorf("ERR Invalid config epoch specified: %d", epoch)
	case len(t.Nodes) > 1:
		return reply.Error("ERR The user can assign a config epoch only when the node does not know any other node.")
	default:
		return reply.OK()
	}
}
