package commands

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"shiplog/node/reply"
)

// clusterPictureRows are the sub-commands that show the cluster.
func clusterPictureRows() []Row {
	varies := []string{"nondeterministic_output"}
	return []Row{
		{Name: "cluster|info", Since: "3.0.0", Arity: 2, Flags: FlagStale,
			Summary:    "Provides info about Redis Cluster node state",
			Complexity: "O(1)",
			Tips:       varies,
			Session:    pictured(clusterInfo)},
		{Name: "cluster|nodes", Since: "3.0.0", Arity: 2, Flags: FlagStale,
			Summary:    "Get Cluster config for the node",
			Complexity: "O(N) where N is the total number of Cluster nodes",
			Tips:       varies,
			Session:    pictured(clusterNodes)},
		{Name: "cluster|slots", Since: "3.0.0", Arity: 2, Flags: FlagStale,
			Summary:    "Get array of Cluster slot to node mappings",
			Complexity: "O(N) where N is the total number of Cluster nodes",
			Tips:       varies,
			History:    []Change{{"4.0.0", "Added node IDs."}, {"7.0.0", "Added additional networking metadata field."}},
			Deprecated: Deprecation{"7.0.0", "`CLUSTER SHARDS`"},
			Session:    clustered(clusterSlots)},
		{Name: "cluster|shards", Since: "7.0.0", Arity: 2, Flags: FlagStale,
			Summary:    "Get array of cluster slots to node mappings",
			Complexity: "O(N) where N is the total number of cluster nodes",
			Tips:       varies,
			Session:    pictured(clusterShards)},
		{Name: "cluster|links", Since: "7.0.0", Arity: 2, Flags: FlagStale,
			Summary:    "Returns a list of all TCP links to and from peer nodes in cluster",
			Complexity: "O(N) where N is the total number of Cluster nodes",
			Tips:       varies,
			Session:    pictured(clusterLinks)},
		{Name: "cluster|partitions", Since: "7.0.0", Arity: 2, Flags: FlagStale,
			Summary:    "Returns every partition with its primary, its replicas and how far they are",
			Complexity: "O(N) where N is the number of partitions",
			Tips:       varies,
			Session:    pictured(clusterPartitions)},
		{Name: "cluster|replicas", Since: "5.0.0", Arity: 3, Flags: FlagStale | FlagAdmin,
			Summary:    "List replica nodes of the specified master node",
			Syntax:     "node-id",
			Complexity: "O(1)",
			Tips:       varies,
			Session:    pictured(clusterReplicas)},
		{Name: "cluster|slaves", Since: "3.0.0", Arity: 3, Flags: FlagStale | FlagAdmin,
			Summary:    "List replica nodes of the specified master node",
			Syntax:     "node-id",
			Complexity: "O(1)",
			Tips:       varies,
			Deprecated: Deprecation{"5.0.0", "`CLUSTER REPLICAS`"},
			Session:    pictured(clusterReplicas)},
		{Name: "cluster|myid", Since: "3.0.0", Arity: 2, Flags: FlagStale,
			Summary:    "Return the node id",
			Complexity: "O(1)",
			Session:    pictured(func(t *Topology, _ Args) reply.Reply { return reply.BulkString(t.MyID) })},
		{Name: "cluster|myshardid", Since: "7.2.0", Arity: 2, Flags: FlagStale | FlagLoading,
			Summary:    "Return the node shard id",
			Complexity: "O(1)",
			Tips:       varies,
			Session:    pictured(clusterMyShardID)},
		{Name: "cluster|help", Since: "5.0.0", Arity: 2, Flags: FlagStale | FlagLoading,
			Summary:    "Show helpful text about the different subcommands",
			Complexity: "O(1)",
			Session:    clustered(func(s *Session, _ Cluster, a Args) reply.Reply { return help(s, a) })},
	}
}

// CLUSTER INFO
func clusterInfo(t *Topology, _ Args) reply.Reply {
	var assigned, suspected, failed int
	var newest, mine uint64
	leading := make(map[int]bool)
	for i := range t.Ranges {
		r := &t.Ranges[i]
		if r.Primary < 0 {
			continue
		}
		n := r.Last - r.First + 1
		assigned += n
		leading[r.Primary] = true
		switch p := &t.Nodes[r.Primary]; {
		case p.Failed:
			failed += n
		case p.Suspected:
			suspected += n
		}
	}
	for i := range t.Nodes {
		newest = max(newest, t.Nodes[i].Epoch)
		if t.Nodes[i].ID == t.MyID {
			mine = t.Nodes[i].Epoch
		}
	}
	state := "fail"
	if t.OK {
		state = "ok"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "cluster_state:%s\r\ncluster_slots_assigned:%d\r\ncluster_slots_ok:%d\r\ncluster_slots_pfail:%d\r\n",
		state, assigned, assigned-suspected-failed, suspected)
	fmt.Fprintf(&b, "cluster_slots_fail:%d\r\ncluster_known_nodes:%d\r\ncluster_size:%d\r\ncluster_current_epoch:%d\r\n",
		failed, len(t.Nodes), len(leading), newest)
	fmt.Fprintf(&b, "cluster_my_epoch:%d\r\n", mine)
	b.WriteString("cluster_stats_messages_sent:0\r\ncluster_stats_messages_received:0\r\n")
	b.WriteString("total_cluster_links_buffer_limit_exceeded:0\r\n")
	for _, duty := range []string{"draining", "drained", "gone"} {
		if ids := t.onDuty(duty); ids != "" {
			fmt.Fprintf(&b, "cluster_%s_nodes:%s\r\n", duty, ids)
		}
	}
	if t.Rebalancing {
		b.WriteString("cluster_rebalancing:1\r\n")
	}
	if names := t.names(); names != "" {
		fmt.Fprintf(&b, "cluster_idle_node_names:%s\r\n", names)
	}
	return reply.Verbatim(b.String())
}

// names lists those nodes with a name that hold no copy, as ID=NAME with commas between them. No other command says their names.
func (t *Topology) names() string {
	holds := make(map[int]bool)
	for i := range t.Ranges {
		holds[t.Ranges[i].Primary] = true
		for _, n := range t.Ranges[i].Replicas {
			holds[n] = true
		}
	}
	var all []string
	for i := range t.Nodes {
		if n := &t.Nodes[i]; n.Name != "" && !holds[i] {
			all = append(all, n.ID+"="+n.Name)
		}
	}
	return strings.Join(all, ",")
}

// onDuty lists the nodes with a duty, with commas between them.
func (t *Topology) onDuty(duty string) string {
	var ids []string
	for i := range t.Nodes {
		if t.Nodes[i].Duty == duty {
			ids = append(ids, t.Nodes[i].ID)
		}
	}
	return strings.Join(ids, ",")
}

// CLUSTER NODES
//
// Every node is shown as a master: it leads some partitions, or may at any time.
func clusterNodes(t *Topology, _ Args) reply.Reply {
	var b strings.Builder
	for i := range t.Nodes {
		b.WriteString(t.Nodes[i].line("master", "-"))
		for _, slots := range t.led(i) {
			b.WriteString(" " + spanOf(slots))
		}
		b.WriteByte('\n')
	}
	return reply.Verbatim(b.String())
}

// line is the node as CLUSTER NODES shows it, without its slots.
func (n *TopologyNode) line(role, master string) string {
	flags, link := role, "disconnected"
	if n.Self {
		flags = "myself," + flags
	}
	switch {
	case n.Failed:
		flags += ",fail"
	case n.Suspected:
		flags += ",fail?"
	}
	if n.Connected || n.Self {
		link = "connected"
	}
	return fmt.Sprintf("%s %s:%d@%d %s %s %d %d %d %s", n.ID, n.Host, n.Port, n.BusPort, flags, master, n.PingMS, n.PongMS, n.Epoch, link)
}

// spanOf writes slots as CLUSTER NODES does: one slot is not a range.
func spanOf(slots [2]int) string {
	if slots[0] == slots[1] {
		return strconv.Itoa(slots[0])
	}
	return fmt.Sprintf("%d-%d", slots[0], slots[1])
}

// CLUSTER REPLICAS node-id
// CLUSTER SLAVES node-id
func clusterReplicas(t *Topology, a Args) reply.Reply {
	master := t.find(string(a[2]))
	if master < 0 {
		return unknownNode(a[2])
	}
	follows := make(map[int]bool)
	for i := range t.Ranges {
		if r := &t.Ranges[i]; r.Primary == master {
			for _, node := range r.Replicas {
				follows[node] = true
			}
		}
	}
	lines := []string{}
	for i := range t.Nodes {
		if follows[i] {
			lines = append(lines, t.Nodes[i].line("slave", t.Nodes[master].ID))
		}
	}
	return reply.Bulks(lines...)
}

// unknownNode answers the id of a node that is not in the cluster.
func unknownNode(id []byte) reply.Reply {
	return reply.Errorf("ERR Unknown node %s", cString(id, len(id)))
}

// CLUSTER SLOTS
//
// Replicas are named to connections that have said READONLY; others learn where to send what. Every node leads some ranges and
// follows in others, and a client that takes a replica to be nothing else loses the node: redis-py turns a primary into a replica
// when it is redirected to one that it knew as a replica of the same slot, and then leaves out what else it leads in SCAN and
// FLUSHALL; ioredis may read from a replica although nobody asked it to.
func clusterSlots(s *Session, c Cluster, _ Args) reply.Reply {
	t := c.Topology()
	var entries []reply.Reply
	var last []int // the nodes of the newest entry
	end := -1      // and its last slot
	shown := t.primaries
	if s.standing.Readonly {
		shown = t.places()
	}
	for i := range t.Ranges {
		r := &t.Ranges[i]
		if r.Primary < 0 {
			continue
		}
		nodes := shown(r)
		if end+1 == r.First && slices.Equal(last, nodes) {
			entries[len(entries)-1].Elems[1] = reply.Int(int64(r.Last))
			end = r.Last
			continue
		}
		entry := []reply.Reply{reply.Int(int64(r.First)), reply.Int(int64(r.Last))}
		for _, n := range nodes {
			entry = append(entry, t.Nodes[n].address())
		}
		entries, last, end = append(entries, reply.Array(entry...)), nodes, r.Last
	}
	return reply.Array(entries...)
}

// primaries shows a range by its primary only.
func (t *Topology) primaries(r *TopologyRange) []int { return []int{r.Primary} }

// places returns what shows one range after another by its primary and its replicas, in a way that redis-py can read from
// them: it believes what a node was when it was named first, so one that leads anything must not be named as a replica
// before; and it counts round all ranges of a primary with one counter, so they must name equally many nodes. A place that
// would break this, or whose node has failed, is the primary's.
func (t *Topology) places() func(r *TopologyRange) []int {
	width := make(map[int]int)
	for i := range t.Ranges {
		r := &t.Ranges[i]
		width[r.Primary] = max(width[r.Primary], 1+len(r.Replicas))
	}
	met := make(map[int]bool)
	return func(r *TopologyRange) []int {
		met[r.Primary] = true
		nodes := []int{r.Primary}
		for _, c := range r.copies()[1:] {
			_, leads := width[c.node]
			if t.Nodes[c.node].Failed || leads && !met[c.node] {
				c.node = r.Primary
			}
			nodes = append(nodes, c.node)
		}
		for len(nodes) < width[r.Primary] {
			nodes = append(nodes, r.Primary)
		}
		return nodes
	}
}

// address is the node as CLUSTER SLOTS shows it.
func (n *TopologyNode) address() reply.Reply {
	return reply.Array(reply.BulkString(n.Host), reply.Int(int64(n.Port)), reply.BulkString(n.ID), reply.Map())
}

// CLUSTER SHARDS
func clusterShards(t *Topology, _ Args) reply.Reply {
	var entries []reply.Reply
	for _, s := range t.shards() {
		var slots, nodes []reply.Reply
		for _, span := range s.slots {
			slots = append(slots, reply.Int(int64(span[0])), reply.Int(int64(span[1])))
		}
		for i, c := range s.copies {
			role := "replica"
			if i == 0 {
				role = "master"
			}
			n := &t.Nodes[c.node]
			nodes = append(nodes, pairs("id", n.ID, "port", n.Port, "ip", n.Host, "endpoint", n.Host, "role", role,
				"replication-offset", c.applied, "health", n.health(c.loading)))
		}
		entries = append(entries, pairs("slots", reply.Array(slots...), "nodes", reply.Array(nodes...)))
	}
	return reply.Array(entries...)
}

// health is how a node's copy is, in the words of CLUSTER SHARDS.
func (n *TopologyNode) health(loading bool) string {
	switch {
	case n.Failed:
		return "fail"
	case loading:
		return "loading"
	default:
		return "online"
	}
}

// pairs makes a map of names and values.
func pairs(named ...any) reply.Reply {
	elems := make([]reply.Reply, len(named))
	for i, part := range named {
		switch v := part.(type) {
		case string:
			elems[i] = reply.BulkString(v)
		case int:
			elems[i] = reply.Int(int64(v))
		case int64:
			elems[i] = reply.Int(v)
		case reply.Reply:
			elems[i] = v
		}
	}
	return reply.Map(elems...)
}

// CLUSTER MYSHARDID
//
// It names the first shard that the node leads, else the first that it follows.
func clusterMyShardID(t *Topology, _ Args) reply.Reply {
	self, id := t.self(), t.MyID
	for _, s := range t.shards() {
		if s.copies[0].node == self {
			return reply.BulkString(s.id)
		}
		for _, c := range s.copies {
			if c.node == self && id == t.MyID {
				id = s.id
			}
		}
	}
	return reply.BulkString(id)
}

// CLUSTER LINKS
//
// Nodes talk over one connection each way, whose age and buffers are not known here.
func clusterLinks(t *Topology, _ Args) reply.Reply {
	var links []reply.Reply
	for i := range t.Nodes {
		if n := &t.Nodes[i]; n.Connected && !n.Self {
			for _, direction := range []string{"to", "from"} {
				links = append(links, pairs("direction", direction, "node", n.ID, "create-time", 0, "events", "r",
					"send-buffer-allocated", 0, "send-buffer-used", 0))
			}
		}
	}
	return reply.Array(links...)
}

// reply is the load as a map of whole numbers.
func (l Load) reply() reply.Reply {
	return pairs("commands", int64(l.Commands), "bytes", int64(l.Bytes), "cpu_permille", int64(l.CPU*1000))
}

// CLUSTER PARTITIONS
//
// Lag counts the records that a replica lacks; a partition's is that of the replica which lacks most.
func clusterPartitions(t *Topology, _ Args) reply.Reply {
	entries := make([]reply.Reply, len(t.Ranges))
	for i := range t.Ranges {
		r := &t.Ranges[i]
		var primary reply.Reply
		var replicas []reply.Reply
		var applied, most int64
		for j, c := range r.copies() {
			if c.node < 0 {
				primary = reply.Null()
				continue
			}
			if j == 0 {
				applied = c.applied
			}
			lag := max(applied-c.applied, 0)
			most = max(most, lag)
			n := &t.Nodes[c.node]
			facts := []any{"id", n.ID, "name", n.Name, "address", fmt.Sprintf("%s:%d", n.Host, n.Port), "applied", c.applied, "lag", lag,
				"health", n.health(c.loading)}
			if c.moves != "" {
				facts = append(facts, "moves", c.moves)
			}
			if c.seed != nil {
				facts = append(facts, "seeding", c.seed.String())
			}
			shown := pairs(facts...)
			if j == 0 {
				primary = shown
			} else {
				replicas = append(replicas, shown)
			}
		}
		entries[i] = pairs("number", r.Partition, "slots", fmt.Sprintf("%d-%d", r.First, r.Last), "epoch", int64(r.Epoch),
			"applied", applied, "lag", most, "load", r.Load.reply(), "primary", primary, "replicas", reply.Array(replicas...))
	}
	return reply.Array(entries...)
}
