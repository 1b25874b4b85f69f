package commands

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"shiplog/node/reply"
)

// TestClusterAsRedis compares what a node of a cluster answers with what redis-server 7.0.15 has answered in a cluster
// of the same nodes.
func TestClusterAsRedis(t *testing.T) {
	c := newClusterRig(t, 3).connect()
	c.do("hello 3")
	c.do("readonly") // replicas are not named to others, on purpose
	commands, want := captured(t, "cluster.txt")
	if len(commands) < 45 {
		t.Fatalf("only %d commands", len(commands))
	}
	for i, command := range commands {
		got := c.run(strings.Fields(command)...).Reply
		if exact(alike(command, got)) != exact(alike(command, want[i])) {
			t.Errorf("%s\n got %s\nwant %s", command, show(alike(command, got)), show(alike(command, want[i])))
		}
	}
}

// alike takes away what is different on purpose.
func alike(command string, r reply.Reply) reply.Reply {
	switch command {
	case "CLUSTER INFO": // nodes do not send Redis's messages
		r.Text = regexp.MustCompile(`cluster_stats_messages_[\w-]+:\d+\r\n`).ReplaceAllString(r.Text, "")
	case "CLUSTER NODES": // all are masters; the order is by id
		lines := strings.Split(regexp.MustCompile(`slave \w+`).ReplaceAllString(r.Text, "master -"), "\n")
		slices.Sort(lines)
		r.Text = strings.Join(lines, "\n")
	case "CLUSTER SHARDS": // the order is by slots
		slices.SortFunc(r.Elems, func(a, b reply.Reply) int { return strings.Compare(exact(a), exact(b)) })
	case "CLUSTER LINKS": // the order is by id; when they began is not known
		for i := range r.Elems {
			r.Elems[i].Elems[5].Int = 0
		}
		slices.SortFunc(r.Elems, func(a, b reply.Reply) int { return strings.Compare(exact(a), exact(b)) })
	case "HELLO":
		r.Elems[7].Int = 0 // the connection's id
	}
	return r
}

func TestClusterIsDisabledOnALoneNode(t *testing.T) {
	c := newRig(t).connect()
	commands, want := captured(t, "cluster_solo.txt")
	for i, command := range commands {
		if got := c.run(strings.Fields(command)...).Reply; exact(got) != exact(want[i]) {
			t.Errorf("%s: got %s, want %s", command, show(got), show(want[i]))
		}
	}
	for i := range c.srv.table.Lookup([]byte("cluster")).Subcommands {
		row := &c.srv.table.Lookup([]byte("cluster")).Subcommands[i]
		words := strings.Split(row.Name, "|")
		for len(words) < max(row.Arity, -row.Arity) {
			words = append(words, "1")
		}
		want := "-ERR This instance has cluster support disabled"
		if strings.HasPrefix(row.Name, "cluster|snapshot") {
			want = "-ERR this node has no snapshot store: set snapshot-store to a directory that all nodes see"
		}
		if got := c.words(words...); got != want {
			t.Errorf("%v: got %s, want %s", words, got, want)
		}
	}
}

// spreadTopology is what a cluster of three nodes usually is here: each leads some partitions and follows the others.
func spreadTopology() *Topology {
	t := capturedTopology()
	t.Nodes = t.Nodes[:3]
	t.Ranges = []TopologyRange{
		{Partition: 0, First: 0, Last: 4095, ShardID: "s0", Epoch: 3, Primary: 1, Replicas: []int{2, 0}, Applied: []int64{30, 28, 25}},
		{Partition: 1, First: 4096, Last: 8191, ShardID: "s1", Epoch: 1, Primary: 1, Replicas: []int{0, 2}, Applied: []int64{9, 9, 7}},
		{Partition: 2, First: 8192, Last: 12287, ShardID: "s2", Epoch: 2, Primary: 0, Replicas: []int{1, 2}, Applied: []int64{5, 5, 1},
			Loading: []bool{false, false, true}},
		{Partition: 3, First: 12288, Last: 16383, ShardID: "s3", Epoch: 8, Primary: 1, Replicas: []int{2, 0}, Applied: []int64{4, 4, 4}},
	}
	return t
}

func TestClusterPictureOfNodesThatLeadAndFollow(t *testing.T) {
	r := newClusterRig(t, 1)
	r.cluster.topology = spreadTopology()
	c := r.connect()
	a, b, d := "[127.0.0.1 7914 "+nodeA+" {}]", "[127.0.0.1 7912 "+nodeB+" {}]", "[127.0.0.1 7911 "+nodeC+" {}]"
	c.expect(
		"cluster slots", "[[0 8191 "+b+"] [8192 12287 "+a+"] [12288 16383 "+b+"]]",
		"readonly", "+OK",
		"cluster slots", "[[0 8191 "+b+" "+b+" "+d+"] [8192 12287 "+a+" "+b+" "+d+"] [12288 16383 "+b+" "+a+" "+d+"]]",
		"cluster myshardid", "s2",
	)
	r.cluster.topology.Ranges[3].Replicas = []int{2}
	c.expect("cluster slots", "[[0 8191 "+b+" "+b+" "+d+"] [8192 12287 "+a+" "+b+" "+d+"] [12288 16383 "+b+" "+d+" "+b+"]]",
		"readwrite", "+OK", "cluster slots", "[[0 8191 "+b+"] [8192 12287 "+a+"] [12288 16383 "+b+"]]")
	r.cluster.topology.Ranges[3].Replicas = []int{2, 0}
	nodes := c.do("cluster nodes")
	for _, want := range []string{
		nodeA + " 127.0.0.1:7914@17914 myself,master - 0 1795514217000 5 connected 8192-12287\n",
		nodeB + " 127.0.0.1:7912@17912 master - 0 1795514218563 2 connected 0-8191 12288-16383\n",
		nodeC + " 127.0.0.1:7911@17911 master - 0 1795514216558 5 connected\n",
	} {
		if !strings.Contains(nodes, want) {
			t.Errorf("CLUSTER NODES has no %qin\n%s", want, nodes)
		}
	}
	node := func(id, port, role, offset, health string) string {
		return "{id " + id + " port " + port + " ip 127.0.0.1 endpoint 127.0.0.1 role " + role + " replication-offset " + offset + " health " + health + "}"
	}
	c.expect("cluster shards", "["+
		"{slots [0 8191 12288 16383] nodes ["+node(nodeB, "7912", "master", "43", "online")+" "+
		node(nodeA, "7914", "replica", "38", "online")+" "+node(nodeC, "7911", "replica", "39", "online")+"]} "+
		"{slots [8192 12287] nodes ["+node(nodeA, "7914", "master", "5", "online")+" "+
		node(nodeB, "7912", "replica", "5", "online")+" "+node(nodeC, "7911", "replica", "1", "loading")+"]}]")
	if got := c.do("cluster replicas " + nodeC); got != "[]" {
		t.Errorf("replicas of who leads nothing: %s", got)
	}
	if got, want := c.do("cluster replicas "+nodeB), "["+nodeA+" 127.0.0.1:7914@17914 myself,slave "+nodeB+" 0 1795514217000 5 connected "+
		nodeC+" 127.0.0.1:7911@17911 slave "+nodeB+" 0 1795514216558 5 connected]"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestClusterPartitions(t *testing.T) {
	r := newClusterRig(t, 1)
	r.cluster.topology = spreadTopology()
	r.cluster.topology.Ranges = r.cluster.topology.Ranges[2:3]
	r.cluster.topology.Nodes[1].Failed = true
	r.cluster.topology.Ranges[0].Load = Load{Commands: 1234.9, Bytes: 56789, CPU: 0.25}
	r.connect().expect("cluster partitions", "[{number 2 slots 8192-12287 epoch 2 applied 5 lag 4 load {commands 1234 bytes 56789 cpu_permille 250} "+
		"primary {id "+nodeA+" name n7914 address 127.0.0.1:7914 applied 5 lag 0 health online} "+
		"replicas [{id "+nodeB+" name n7912 address 127.0.0.1:7912 applied 5 lag 0 health fail} "+
		"{id "+nodeC+" name n7911 address 127.0.0.1:7911 applied 1 lag 4 health loading}]}]")
}

func TestHottestPartitions(t *testing.T) {
	r := newClusterRig(t, 1)
	top := spreadTopology()
	r.cluster.topology = top
	c := r.connect()
	if info := c.do("info shiplog"); strings.Contains(info, "hot0:") {
		t.Errorf("without load: %s", info)
	}
	top.Ranges[1].Load = Load{Commands: 10, Bytes: 100, CPU: 0.5}
	top.Ranges[2].Load = Load{Commands: 1000, Bytes: 200, CPU: 0.25}
	top.Ranges[0].Load = Load{Commands: 2000, Bytes: 200, CPU: 0.25}
	line := func(n int, r *TopologyRange, load string) string {
		return fmt.Sprintf("hot%d:partition=%d,primary=%s,%s\r\n", n, r.Partition, top.Nodes[r.Primary].ID, load)
	}
	want := line(0, &top.Ranges[1], "commands_per_sec=10,bytes_per_sec=100,cpu=0.500") +
		line(1, &top.Ranges[0], "commands_per_sec=2000,bytes_per_sec=200,cpu=0.250") +
		line(2, &top.Ranges[2], "commands_per_sec=1000,bytes_per_sec=200,cpu=0.250")
	if info := c.do("info shiplog"); !strings.Contains(info, want) || strings.Contains(info, "hot3:") {
		t.Errorf("got %s\nwant %s in it", info, want)
	}
}

func TestClusterPictureOfFailures(t *testing.T) {
	r := newClusterRig(t, 1)
	top := spreadTopology()
	top.OK = false
	top.Nodes[1].Failed, top.Nodes[1].Connected = true, false
	top.Nodes[2].Suspected, top.Nodes[2].Connected = true, false
	top.Ranges[0].Primary, top.Ranges[0].Replicas = 2, []int{0, 1}
	top.Ranges[2].Last, top.Ranges[3].First = 8192, 8193
	r.cluster.topology = top
	c := r.connect()
	info := c.do("cluster info")
	for _, want := range []string{"cluster_state:fail\r\n", "cluster_slots_assigned:16384\r\n", "cluster_slots_ok:1\r\n",
		"cluster_slots_pfail:4096\r\n", "cluster_slots_fail:12287\r\n", "cluster_known_nodes:3\r\n", "cluster_size:3\r\n"} {
		if !strings.Contains(info, want) {
			t.Errorf("no %q in\n%s", want, info)
		}
	}
	nodes := c.do("cluster nodes")
	for _, want := range []string{
		" master,fail - 0 1795514218563 2 disconnected 4096-8191 8193-16383\n", " master,fail? - 0 1795514216558 5 disconnected 0-4095\n",
		" myself,master - 0 1795514217000 5 connected 8192\n",
	} {
		if !strings.Contains(nodes, want) {
			t.Errorf("no %q in\n%s", want, nodes)
		}
	}
	c.do("readonly")
	slots := c.run("cluster", "slots").Reply
	if got := show(slots.Elems[0]); strings.Contains(got, nodeB) {
		t.Errorf("a replica that has failed is shown: %s", got)
	}
	if got := show(slots.Elems[1]); !strings.Contains(got, nodeB) {
		t.Errorf("a primary that has failed makes a hole: %s", got)
	}
	if got := len(c.run("cluster", "links").Reply.Elems); got != 0 {
		t.Errorf("%d links to nodes that are not connected", got)
	}
}

func TestClusterBeforeItExists(t *testing.T) {
	r := newClusterRig(t, 1)
	top := &Topology{MyID: nodeA, Nodes: capturedTopology().Nodes[:1], Ranges: []TopologyRange{{First: 0, Last: 16383, Primary: -1}}}
	r.cluster.topology = top
	c := r.connect()
	c.expect("cluster slots", "[]", "cluster shards", "[]", "cluster links", "[]", "cluster myshardid", nodeA,
		"cluster nodes", nodeA+" 127.0.0.1:7914@17914 myself,master - 0 1795514217000 5 connected\n",
		"cluster set-config-epoch 1", "+OK", "cluster failover", "-ERR You should send CLUSTER FAILOVER to a replica",
		"cluster countkeysinslot 5", "0", "cluster partitions", "[{number 0 slots 0-16383 epoch 0 applied 0 lag 0 load {commands 0 bytes 0 cpu_permille 0} primary null replicas []}]",
		"cluster bumpepoch", "+STILL 5", "role", "[master 0 []]")
	if info := c.do("cluster info"); !strings.Contains(info, "cluster_state:fail\r\ncluster_slots_assigned:0\r\ncluster_slots_ok:0\r\n") ||
		!strings.Contains(info, "cluster_size:0\r\n") {
		t.Errorf("got\n%s", info)
	}
	top.Ranges = []TopologyRange{{Last: 99}, {First: 100, Last: 199, Primary: -1}, {First: 200, Last: 16383}}
	self := "[127.0.0.1 7914 " + nodeA + " {}]"
	c.expect("cluster slots", "[[0 99 "+self+"] [200 16383 "+self+"]]")
	top.Ranges = nil
	c.expect("cluster slots", "[]", "cluster partitions", "[]", "cluster failover partition 0", "-ERR There is no partition 0")
}

// TestClusterMembers checks what wishes become that change who is in the cluster.
func TestClusterMembers(t *testing.T) {
	r := newClusterRig(t, 1)
	r.cluster.topology = spreadTopology()
	c := r.connect()
	for _, tt := range []struct{ line, want, asked string }{
		{"cluster drain " + nodeC, "+OK", "drain " + nodeC + " false"},
		{"cluster drain " + nodeC + " cancel", "+OK", "drain " + nodeC + " true"},
		{"cluster drain " + nodeC + " x", "-ERR syntax error", ""},
		{"cluster drain x", "-ERR Unknown node x", ""},
		{"cluster replace " + nodeC, "+OK", "replace " + nodeC},
		{"cluster replace x", "-ERR Unknown node x", ""},
		{"cluster rebalance", "+OK", "rebalance false"},
		{"cluster rebalance CANCEL", "+OK", "rebalance true"},
		{"cluster rebalance now", "-ERR syntax error", ""},
	} {
		r.cluster.asked = nil
		if got := c.do(tt.line); got != tt.want || strings.Join(r.cluster.asked, " ") != tt.asked {
			t.Errorf("%s: got %s and %q, want %s and %q", tt.line, got, r.cluster.asked, tt.want, tt.asked)
		}
	}
}

// TestClusterOperators checks what an operator's wishes become.
func TestClusterOperators(t *testing.T) {
	r := newClusterRig(t, 1)
	r.cluster.topology = spreadTopology()
	r.cluster.topology.Removed = []string{nodeD}
	c := r.connect()
	for _, tt := range []struct{ line, want, asked string }{
		{"cluster failover", "+OK", `failover "" -1`},
		{"cluster failover FORCE", "+OK", `failover "force" -1`},
		{"cluster failover takeover partition 0", "+OK", `failover "takeover" 0`},
		{"cluster failover partition 3", "+OK", `failover "" 3`},
		{"cluster failover partition 2", "-ERR This node is the primary of partition 2 already", ""},
		{"cluster failover partition 4", "-ERR There is no partition 4", ""},
		{"cluster failover partition -1", "-ERR There is no partition -1", ""},
		{"cluster failover partition x", "-ERR value is not an integer or out of range", ""},
		{"cluster failover partition", "-ERR syntax error", ""},
		{"cluster failover force partition 1 x", "-ERR unknown subcommand or wrong number of arguments for 'failover'. Try CLUSTER HELP.", ""},
		{"cluster forget " + nodeC, "+OK", "forget " + nodeC},
		{"cluster forget " + nodeD, "+OK", "forget " + nodeD},
		{"cluster forget x", "-ERR Unknown node x", ""},
		{"cluster reset", "+OK", "reset"},
		{"cluster reset HARD", "+OK", "reset"},
		{"cluster reset soft", "+OK", "reset"},
		{"cluster reset x", "-ERR syntax error", ""},
		{"cluster reset hard soft", "-ERR unknown subcommand or wrong number of arguments for 'reset'. Try CLUSTER HELP.", ""},
		{"cluster meet 10.0.0.1 7000", "+OK", "meet 10.0.0.1 7000 0"},
		{"cluster meet host 7000 17000", "+OK", "meet host 7000 17000"},
		{"cluster meet host 7000 65536", "-ERR Invalid node address specified: host:7000", ""},
		{"cluster create", "+OK", "create 0 0"},
		{"cluster create replicas 3 partitions 32", "+OK", "create 32 3"},
		{"cluster create partitions", "-ERR syntax error", ""},
		{"cluster create partitions 0", "-ERR syntax error", ""},
		{"cluster create partitions x", "-ERR value is not an integer or out of range", ""},
		{"cluster create copies 3", "-ERR syntax error", ""},
		{"cluster countkeysinslot 9000", "9000", ""},
		{"cluster countkeysinslot 0", "0", ""},
		{"cluster getkeysinslot 9000 2", "[key9000 key9000]", ""},
		{"cluster getkeysinslot 4000 2", "[]", ""},
		{"cluster slot-stats slotsrange 8190 8193", "[[8192 {key-count 8192}] [8193 {key-count 8193}]]", ""},
		{"cluster slot-stats slotsrange 1 0", "-ERR Start slot number 1 is greater than end slot number 0", ""},
		{"cluster slot-stats slotsrange 0 16384", "-ERR Invalid or out of range slot", ""},
		{"cluster slot-stats orderby key-count limit 1", "[[12287 {key-count 12287}]]", ""},
		{"cluster slot-stats orderby KEY-COUNT asc limit 2", "[[8192 {key-count 8192}] [8193 {key-count 8193}]]", ""},
		{"cluster slot-stats orderby cpu-usec", "-ERR Unrecognized sort metric for ORDERBY.", ""},
		{"cluster slot-stats orderby key-count limit 0", "-ERR Limit has to lie in between 1 and 16384 (maximum number of slots).", ""},
		{"cluster slot-stats orderby key-count limit", "-ERR syntax error", ""},
		{"cluster slot-stats slotsrange 1", "-ERR syntax error", ""},
	} {
		r.cluster.asked = nil
		if got := c.do(tt.line); got != tt.want || strings.Join(r.cluster.asked, " ") != tt.asked {
			t.Errorf("%s: got %s and %q, want %s and %q", tt.line, got, r.cluster.asked, tt.want, tt.asked)
		}
	}
	r.cluster.refusal = errors.New("ERR nobody listens")
	for _, line := range []string{"cluster failover", "cluster forget " + nodeB, "cluster meet 10.0.0.1 1", "cluster create", "cluster reset",
		"cluster countkeysinslot 9000", "cluster getkeysinslot 9000 1"} {
		if got := c.do(line); got != "-ERR nobody listens" {
			t.Errorf("%s: got %s", line, got)
		}
	}
	for _, line := range []string{"addslots 1", "addslotsrange 1 2", "delslots 1", "delslotsrange 1 2", "flushslots"} {
		name := strings.ToUpper(strings.Fields(line)[0])
		if got := c.do("cluster " + line); !strings.HasPrefix(got, "-ERR CLUSTER "+name+" is not supported: ") {
			t.Errorf("%s: got %s", line, got)
		}
	}
}

func TestClusterHelp(t *testing.T) {
	if help := newClusterRig(t, 1).connect().do("cluster help"); !strings.Contains(help, "+FAILOVER") || !strings.Contains(help, "+PARTITIONS") {
		t.Errorf("HELP says %s", help)
	}
}

// TestRoles shows the same node as one that leads, one that only follows and one that holds nothing.
func TestDebugPartition(t *testing.T) {
	r := newClusterRig(t, 1)
	r.settings.values["enable-debug-command"] = "yes"
	r.srv.Retune()
	c := r.connect()
	c.expect("debug partition 0", "+applied 7 digest 0000000000000abc", "debug partition x", "-ERR value is not an integer or out of range")
	r.cluster.refusal = errors.New("ERR it is not here")
	c.expect("debug partition 1", "-ERR it is not here")
}

func TestRoles(t *testing.T) {
	r := newClusterRig(t, 1)
	r.engine.facts.Log.LastSeq = 100
	top := spreadTopology()
	r.cluster.topology = top
	c := r.connect()
	has := func(what, text string, lines ...string) {
		t.Helper()
		for _, line := range lines {
			if !strings.Contains(text, line+"\r\n") {
				t.Errorf("%s: no %q in\n%s", what, line, text)
			}
		}
	}
	c.expect("role", "[master 100 [[127.0.0.1 7912 5] [127.0.0.1 7911 1]]]")
	has("it leads", c.do("info"), "redis_mode:cluster", "cluster_enabled:1", "role:master", "connected_slaves:2", "master_repl_offset:100",
		"partition0:slots=0-4095,role=replica,epoch=3,applied=25,lag=5,first=0",
		"partition2:slots=8192-12287,role=primary,epoch=2,applied=5,lag=0,first=0")
	if info := c.do("info replication"); !regexp.MustCompile(`slave0:ip=127.0.0.1,port=7912,state=online,offset=5,lag=\d+\r\n`).MatchString(info) {
		t.Errorf("slave0 is not as it should be in\n%s", info)
	}
	top.Nodes[2].PongMS = 0
	if info := c.do("info replication"); !strings.Contains(info, "slave1:ip=127.0.0.1,port=7911,state=online,offset=1,lag=-1\r\n") {
		t.Errorf("slave1 is not as it should be in\n%s", info)
	}
	top.Nodes[1].Failed = true
	c.expect("role", "[master 100 [[127.0.0.1 7911 1]]]")
	top.Nodes[1].Failed = false

	top.Ranges[2].Primary, top.Ranges[2].Replicas = 1, []int{0, 2}
	c.expect("role", "[slave 127.0.0.1 7912 connected 43]")
	has("it follows", c.do("info replication"), "role:slave", "master_host:127.0.0.1", "master_port:7912", "master_link_status:up",
		"slave_repl_offset:43", "connected_slaves:0")
	if got := c.do("hello"); !strings.Contains(got, "mode cluster role slave") {
		t.Errorf("HELLO says %s", got)
	}

	for i := range top.Ranges {
		top.Ranges[i].Replicas = []int{2}
	}
	c.expect("role", "[master 100 []]")
}

// TestClusterInfoNames: a node that holds no copy has a name nowhere else.
func TestClusterInfoNames(t *testing.T) {
	r := newClusterRig(t, 1)
	r.cluster.topology = spreadTopology()
	r.cluster.topology.Nodes = append(r.cluster.topology.Nodes, TopologyNode{ID: "new", Name: "idle", Host: "10.0.0.9", Port: 1})
	if got, want := r.connect().do("cluster info"), "cluster_idle_node_names:new=idle\r\n"; !strings.Contains(got, want) {
		t.Errorf("got %s, want %s in it", got, want)
	}
}
