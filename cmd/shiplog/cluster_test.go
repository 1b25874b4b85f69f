package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeCopy is a copy of a partition: which node has it, how far it is and how it does.
type fakeCopy struct {
	node    int
	applied int
	health  string
}

// fakeTown is a cluster of nodes that answer CLUSTER's sub-commands from what the test has put there.
type fakeTown struct {
	mu         sync.Mutex
	addrs      []string
	flags      map[int]string // of a node in CLUSTER NODES, when it is not "master"
	known      map[int]int    // how many nodes a node knows, when that is not all
	partitions [][]fakeCopy   // the primary first; none: there is no cluster yet
	differs    map[int]bool   // nodes that see the partitions in another order
	password   string
	told       []string // commands that change something, with the node that got them
	onTold     func(node int, command string)
	lone       bool              // there is no cluster
	answers    map[string]string // of a node to a command, by "NODE: COMMAND"
}

// newTown starts n nodes.
func newTown(t *testing.T, n int) *fakeTown {
	t.Helper()
	town := &fakeTown{flags: make(map[int]string), known: make(map[int]int), differs: make(map[int]bool), onTold: func(int, string) {}}
	for i := range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		town.addrs = append(town.addrs, l.Addr().String())
		go town.serve(l, i)
	}
	return town
}

func (town *fakeTown) serve(l net.Listener, node int) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			r := bufio.NewReader(conn)
			authenticated := false
			for {
				words, err := readWords(r)
				if err != nil {
					return
				}
				reply := "-NOAUTH Authentication required.\r\n"
				if words[0] == "AUTH" && words[1] == town.password {
					authenticated, reply = true, "+OK\r\n"
				} else if town.password == "" || authenticated {
					reply = town.answer(node, strings.Join(words, " "))
				}
				if _, err := io.WriteString(conn, reply); err != nil {
					return
				}
			}
		}()
	}
}

// readWords reads one command.
func readWords(r *bufio.Reader) ([]string, error) {
	c := asker{r: r}
	a, err := c.read(0)
	words := make([]string, len(a.list))
	for i, word := range a.list {
		words[i] = word.text
	}
	return words, err
}

func (town *fakeTown) answer(node int, command string) string {
	town.mu.Lock()
	defer town.mu.Unlock()
	if town.lone && !strings.HasPrefix(command, "CLUSTER SNAPSHOT") {
		return "-ERR This instance has cluster support disabled\r\n"
	}
	switch command {
	case "CLUSTER INFO":
		state := "fail"
		if len(town.partitions) > 0 {
			state = "ok"
		}
		return bulk("cluster_state:" + state + "\r\ncluster_known_nodes:" + strconv.Itoa(len(town.addrs)) + "\r\n")
	case "CLUSTER MYID":
		return bulk(fakeID(node))
	case "CLUSTER NODES":
		return bulk(town.nodes(node))
	case "CLUSTER PARTITIONS":
		return town.shown(node)
	}
	town.told = append(town.told, fmt.Sprintf("%d: %s", node, command))
	town.onTold(node, command)
	if answer, has := town.answers[fmt.Sprintf("%d: %s", node, command)]; has {
		return answer
	}
	return "+OK\r\n"
}

func fakeID(node int) string { return strings.Repeat(strconv.Itoa(node+1), 40) }

func bulk(text string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text) }

func (town *fakeTown) nodes(self int) string {
	var b strings.Builder
	for i, addr := range town.addrs {
		if known, limited := town.known[self]; limited && i != self && i >= known {
			continue
		}
		flags := "master"
		if town.flags[i] != "" {
			flags = town.flags[i]
		}
		fmt.Fprintf(&b, "%s %s@%d %s - 0 0 1 connected\n", fakeID(i), addr, 17000+i, flags)
	}
	return b.String()
}

func (town *fakeTown) shown(self int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(town.partitions))
	for i, copies := range town.partitions {
		fmt.Fprintf(&b, "*16\r\n%s:%d\r\n%s%s", bulk("number"), i, bulk("slots"), bulk(fmt.Sprintf("%d-%d", i*100, i*100+99)))
		fmt.Fprintf(&b, "%s*6\r\n%s:%d\r\n%s:%d\r\n%s:%d\r\n", bulk("load"), bulk("commands"), 50*i, bulk("bytes"), 700*i, bulk("cpu_permille"), 125*i)
		fmt.Fprintf(&b, "%s:%d\r\n%s:%d\r\n%s:0\r\n%s", bulk("epoch"), 5, bulk("applied"), copies[0].applied, bulk("lag"), bulk("primary"))
		if town.differs[self] {
			copies = []fakeCopy{copies[1], copies[0]}
		}
		b.WriteString(town.copyOf(copies[0], copies[0].applied))
		fmt.Fprintf(&b, "%s*%d\r\n", bulk("replicas"), len(copies)-1)
		for _, c := range copies[1:] {
			b.WriteString(town.copyOf(c, copies[0].applied))
		}
	}
	return b.String()
}

func (town *fakeTown) copyOf(c fakeCopy, newest int) string {
	if c.node < 0 {
		return "$-1\r\n"
	}
	return "*12\r\n" + bulk("id") + bulk(fakeID(c.node)) + bulk("name") + bulk("node-"+strconv.Itoa(c.node)) + bulk("address") +
		bulk(town.addrs[c.node]) + fmt.Sprintf("%s:%d\r\n%s:%d\r\n", bulk("applied"), c.applied, bulk("lag"), newest-c.applied) +
		bulk("health") + bulk(c.health)
}

// wholeTown is three nodes with two partitions of three copies.
func wholeTown(t *testing.T) *fakeTown {
	t.Helper()
	town := newTown(t, 3)
	town.partitions = [][]fakeCopy{
		{{0, 70, "online"}, {1, 70, "online"}, {2, 70, "online"}},
		{{1, 9, "online"}, {2, 9, "online"}, {0, 9, "online"}},
	}
	return town
}

// asks runs a cluster command at the town's first node with short waits. Addresses in its output are "A", "B" and "C".
func (town *fakeTown) asks(t *testing.T, words ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	o := &operator{out: &out, every: time.Millisecond, limit: 100 * time.Millisecond}
	c, err := parseCluster(words[0], append(words[1:], town.addrs[0]))
	if err != nil {
		t.Fatal(err)
	}
	if o.access, err = c.access(); err != nil {
		t.Fatal(err)
	}
	err = clusterTasks()[words[0]](o, c)
	if err != nil {
		err = fmt.Errorf("%s", town.named(err.Error()))
	}
	return town.named(out.String()), err
}

func (town *fakeTown) named(text string) string {
	for i, addr := range town.addrs {
		text = strings.ReplaceAll(text, addr, string(rune('A'+i)))
	}
	return text
}

// squeezed makes every run of spaces one space: columns are as wide as the addresses that a test happens to get.
func squeezed(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return strings.Join(lines, "\n")
}

func TestClusterTables(t *testing.T) {
	town := wholeTown(t)
	town.flags[2] = "master,fail"
	town.partitions[0][2] = fakeCopy{2, 60, "fail"}
	town.partitions[1][1] = fakeCopy{2, 4, "loading"}
	id := fakeID
	for command, want := range map[string]string{
		"info": "state ok\nnodes 3\nnodes that failed 1\npartitions 2\npartitions without primary 0\ncopies of each 3\n" +
			"automatic failover yes",
		"nodes": "NAME ADDRESS CLUSTER PORT STATE DUTY LEADS FOLLOWS ID\nnode-0 A 17000 ok - 1 1 " + id(0) +
			"\nnode-1 B 17001 ok - 1 1 " + id(1) + "\nnode-2 C 17002 failed - 0 2 " + id(2),
		"partitions": "PARTITION SLOTS EPOCH PRIMARY APPLIED COMMANDS/S BYTES/S CPU REPLICAS\n0 0-99 5 A 70 0 0 0.0% B, C (failed) (10 behind)\n" +
			"1 100-199 5 B 9 50 700 12.5% C (loading) (5 behind), A\n\nthe most load: partition 1 on B",
	} {
		out, err := town.asks(t, command)
		if got := squeezed(out); err != nil || got != want {
			t.Errorf("cluster %s: %v\n%s\nwant:\n%s", command, err, got, want)
		}
	}
}

func TestClusterJSON(t *testing.T) {
	town := wholeTown(t)
	for command, want := range map[string]string{
		"info":       `{"state":"ok","nodes":3,"failedNodes":0,"partitions":2,"partitionsWithoutPrimary":0,"copies":3,"automaticFailover":true}`,
		"nodes":      `[{"id":"` + fakeID(0) + `","name":"node-0","address":"A","clusterPort":17000,"state":"ok","leads":1,"follows":1},`,
		"partitions": `[{"number":0,"slots":"0-99","epoch":5,"load":{"commands":0,"bytes":0,"cpuPermille":0},"primary":{"id":"` + fakeID(0) + `","name":"node-0","address":"A","applied":70,"lag":0,"health":"online"},"replicas":[{`,
		"check":      `{"problems":[]}`,
	} {
		out, err := town.asks(t, command, "--json")
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if err := json.Compact(&got, []byte(out)); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(got.String(), want) {
			t.Errorf("cluster %s --json:\n%s\nwant it to begin with\n%s", command, &got, want)
		}
	}
}

// TestFewCopiesAreNotHidden holds that whoever looks at a cluster of two copies is told what that costs.
func TestFewCopiesAreNotHidden(t *testing.T) {
	town := wholeTown(t)
	for i := range town.partitions {
		town.partitions[i] = town.partitions[i][:2]
	}
	for _, command := range []string{"info", "check"} {
		out, err := town.asks(t, command)
		if got := squeezed(out); err != nil || !strings.Contains(got, "automatic failover") || !strings.Contains(got, noFailover) {
			t.Errorf("cluster %s: %v\n%s\nwant it to say that there is no automatic failover", command, err, out)
		}
	}
}

func TestClusterCheck(t *testing.T) {
	for name, tt := range map[string]struct {
		damage func(town *fakeTown)
		want   string
	}{
		"whole": {func(*fakeTown) {}, "ok: 3 nodes agree on 2 partitions with 3 copies each, all of them live\n"},
		"a node has failed": {func(town *fakeTown) {
			town.flags[2] = "master,fail"
			town.partitions[0][2].health = "fail"
		}, "node C is failed\npartition 0 (slots 0-99) has 1 of 2 replicas\n"},
		"no primary lives": {func(town *fakeTown) { town.partitions[1][0].health = "fail" },
			"partition 1 (slots 100-199) has no primary that lives\n"},
		"no primary at all": {func(town *fakeTown) { town.partitions[1][0].node = -1 }, "partition 1 (slots 100-199) has no primary that lives\n"},
		"a replica is late": {func(town *fakeTown) { town.partitions[0][1].applied = 60 }, "partition 0: replica B is more than 1s behind: it lacks 10 records\n"},
		"another map":       {func(town *fakeTown) { town.differs[1] = true }, "node B has another map of the cluster\n"},
		"no cluster":        {func(town *fakeTown) { town.partitions = nil }, "there is no cluster yet: shiplog cluster create makes one\n"},
		"a node is silent":  {func(town *fakeTown) { town.addrs = append(town.addrs, "127.0.0.1:1") }, "node D does not answer: connect to D: dial tcp D: connect: connection refused\n"},
	} {
		t.Run(name, func(t *testing.T) {
			town := wholeTown(t)
			tt.damage(town)
			out, err := town.asks(t, "check")
			if out != tt.want || (err == nil) != strings.HasPrefix(tt.want, "ok") {
				t.Errorf("error %v, printed:\n%s\nwant:\n%s", err, out, tt.want)
			}
		})
	}
}

// TestLateReplicas holds that only a replica is late that says itself that it has not what its primary said at the first look, whatever others know of them.
func TestLateReplicas(t *testing.T) {
	surveyed := func(a, b, c int64) survey {
		copies := func(a, b, c int64) clusterView {
			return clusterView{Partitions: []partitionView{{Primary: &copyView{ID: "a", Address: "A", Applied: a}, Replicas: []copyView{
				{ID: "b", Address: "B", Applied: b, Health: "online"}, {ID: "c", Address: "C", Applied: c, Health: "online"}}}}}
		}
		return survey{first: copies(0, 0, 0), views: map[string]clusterView{"A": copies(a, 0, 1000), "B": copies(0, b, 0), "C": copies(0, 0, c)}}
	}
	want := "partition 0: replica C is more than 1s behind: it lacks 1 records"
	later := surveyed(90, 70, 69)
	if got := later.late(surveyed(70, 0, 0)); len(got) != 1 || got[0] != want {
		t.Errorf("got %q, want only %q", got, want)
	}
}

func TestClusterFailover(t *testing.T) {
	for name, tt := range map[string]struct {
		words []string
		told  string
		err   string
	}{
		"the replica that is furthest": {[]string{"0"}, "2: CLUSTER FAILOVER PARTITION 0", ""},
		"by name":                      {[]string{"0", "--to", "node-1"}, "1: CLUSTER FAILOVER PARTITION 0", ""},
		"by identity":                  {[]string{"1", "--to", "333"}, "2: CLUSTER FAILOVER PARTITION 1", ""},
		"the primary":                  {[]string{"0", "--to", "node-0"}, "", "A leads partition 0 already"},
		"nobody":                       {[]string{"0", "--to", "x"}, "", `no node is called "x"; shiplog cluster nodes lists them`},
		"no partition":                 {[]string{"7"}, "", "there is no partition 7; shiplog cluster partitions lists them"},
	} {
		t.Run(name, func(t *testing.T) {
			town := wholeTown(t)
			town.partitions[0][1].applied = 69
			town.onTold = func(node int, command string) {
				var partition int
				if _, err := fmt.Sscanf(command, "CLUSTER FAILOVER PARTITION %d", &partition); err != nil {
					t.Errorf("told %q", command)
				}
				for i, c := range town.partitions[partition] {
					if c.node == node {
						copies := town.partitions[partition]
						copies[0], copies[i] = copies[i], copies[0]
					}
				}
			}
			out, err := town.asks(t, append([]string{"failover"}, tt.words...)...)
			if got := strings.Join(town.told, "; "); got != tt.told {
				t.Errorf("told %q, want %q", got, tt.told)
			}
			if tt.err != "" {
				if err == nil || err.Error() != tt.err {
					t.Errorf("got %v, want %s", err, tt.err)
				}
			} else if err != nil || !strings.Contains(out, "is led by "+string(rune('A'+int(tt.told[0]-'0')))) {
				t.Errorf("error %v, printed %q", err, out)
			}
		})
	}
}

// TestFailoverJSON holds that a program that asks for a failover reads one JSON value and nothing else, also when something was waited for.
func TestFailoverJSON(t *testing.T) {
	town := wholeTown(t)
	town.onTold = func(int, string) {
		copies := town.partitions[0]
		copies[0], copies[1] = copies[1], copies[0]
	}
	out, err := town.asks(t, "failover", "0", "--to", "node-1", "--json")
	var got struct {
		Partition        int
		Primary, Address string
		Milliseconds     *int64
	}
	if e := json.Unmarshal([]byte(out), &got); err != nil || e != nil || got.Partition != 0 || got.Primary != fakeID(1) || got.Address != "B" || got.Milliseconds == nil {
		t.Errorf("%v, %v: %s", err, e, out)
	}
}

// TestFailoverWithoutReplica waits for a replica, and gives up when none comes.
func TestFailoverWithoutReplica(t *testing.T) {
	town := wholeTown(t)
	for i := range town.partitions[0][1:] {
		town.partitions[0][1+i].health = "loading"
	}
	out, err := town.asks(t, "failover", "0")
	if want := "partition 0 has no replica that lives"; err == nil || err.Error() != "given up after 100ms: "+want || out != "waiting: "+want+"\n" {
		t.Errorf("error %v, printed %q", err, out)
	}
}

func TestFailoverThatDoesNotHappen(t *testing.T) {
	town := wholeTown(t)
	out, err := town.asks(t, "failover", "0")
	if err == nil || err.Error() != "given up after 100ms: partition 0 is not led by B yet" || out != "waiting: partition 0 is not led by B yet\n" {
		t.Errorf("error %v, printed %q", err, out)
	}
}

func TestClusterCreate(t *testing.T) {
	town := newTown(t, 3)
	town.password = "secret"
	made := wholeTown(t).partitions
	town.onTold = func(_ int, command string) {
		if strings.HasPrefix(command, "CLUSTER CREATE") {
			town.partitions = made
		}
	}
	var out bytes.Buffer
	o := &operator{out: &out, access: access{"secret"}, every: time.Millisecond, limit: 10 * time.Second}
	if err := o.create(clusterOptions{addrs: town.addrs, partitions: 2, replicas: 3}); err != nil {
		t.Fatal(err)
	}
	var want []string
	for i, addr := range town.addrs[1:] {
		want = append(want, fmt.Sprintf("0: CLUSTER MEET %s %d", strings.ReplaceAll(addr, ":", " "), 17001+i))
	}
	want = append(want, "0: CLUSTER CREATE PARTITIONS 2 REPLICAS 3")
	if got := strings.Join(town.told, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("told:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
	if want := "created: 3 nodes, 2 partitions with 3 copies each\n"; !strings.HasSuffix(out.String(), want) {
		t.Errorf("printed %q, want %q at the end", &out, want)
	}
	err := o.create(clusterOptions{addrs: town.addrs})
	if want := "A is part of a cluster of 3 nodes already"; err == nil || town.named(err.Error()) != want {
		t.Errorf("a second time: %v, want %s", err, want)
	}
	o.access = access{}
	err = o.create(clusterOptions{addrs: town.addrs})
	if want := "A wants a password: give --password or --password-file"; err == nil || town.named(err.Error()) != want {
		t.Errorf("without a password: %v, want %s", err, want)
	}
}

func TestClusterCreateSaysWhatItWaitsFor(t *testing.T) {
	town := newTown(t, 3)
	town.known[1] = 1
	out, err := town.asks(t, "create", town.addrs[1], town.addrs[2])
	if want := "waiting: B knows 2 of 3 nodes\n"; err == nil || out != want {
		t.Errorf("error %v, printed %q, want %q", err, out, want)
	}
}

func TestParseCluster(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"cluster", "cluster: expected one of check, create, drain, failover, info, nodes, partitions, rebalance, remove, replace, snapshot, snapshots"},
		{"cluster x", `cluster: there is no "x", only check, create, drain, failover, info, nodes, partitions, rebalance, remove, replace, snapshot, snapshots`},
		{"cluster create", "cluster create: expected HOST:PORT of every node"},
		{"cluster create a:1 a:1", "cluster create: a:1 is there twice"},
		{"cluster create a:1 b", `cluster create: "b" is not HOST:PORT`},
		{"cluster create a:1", "cluster create: a cluster takes 2 nodes at least, and 3 to survive the loss of one"},
		{"cluster create a:1 b:1 --partitions -1", "cluster create: --partitions and --replicas are 1 or more"},
		{"cluster create a:1 --json", "cluster create: flag provided but not defined: -json"},
		{"cluster info a:1 b:1", `cluster info: unexpected "b:1"`},
		{"cluster info a:0", `cluster info: "a:0" is not HOST:PORT`},
		{"cluster info a:1 --password x --password-file y", "cluster info: --password or --password-file, not both"},
		{"cluster failover", "cluster failover: expected the number of a partition"},
		{"cluster failover x", `cluster failover: "x" is not the number of a partition`},
		{"cluster drain", "cluster drain: expected a node: its address, its name, or how its identity begins"},
		{"cluster replace n --json", "cluster replace: flag provided but not defined: -json"},
		{"cluster remove n a", `cluster remove: "a" is not HOST:PORT`},
		{"local --nodes 0", `local: --nodes: "0" is not a number from 1 to 32`},
	} {
		var stdout, stderr bytes.Buffer
		code := run(strings.Fields(tt.args), &stdout, &stderr)
		if want := "shiplog: " + tt.want + ": see shiplog help\n"; code != exitUsage || stderr.String() != want {
			t.Errorf("shiplog %s: code %d, %q; want 2, %q", tt.args, code, &stderr, want)
		}
	}
	c, err := parseCluster("failover", strings.Fields("--password p 3 --to node-1 h:1"))
	if err != nil || c.partition != 3 || c.to != "node-1" || c.password != "p" || len(c.addrs) != 1 || c.addrs[0] != "h:1" {
		t.Errorf("got %+v, %v", c, err)
	}
	if c, err := parseCluster("drain", strings.Fields("node-1 --cancel h:1")); err != nil || c.node != "node-1" || !c.cancel || c.addrs[0] != "h:1" {
		t.Errorf("got %+v, %v", c, err)
	}
	if c, err := parseCluster("check", nil); err != nil || len(c.addrs) != 1 || c.addrs[0] != anyNode {
		t.Errorf("without an address: %+v, %v", c, err)
	}
}

// TestFindIsNotGuessing holds that a name that two nodes have means neither of them.
func TestFindIsNotGuessing(t *testing.T) {
	v := &clusterView{Nodes: []nodeView{
		{ID: "aa1", Name: "db", Address: "h:1"}, {ID: "aa2", Name: "db", Address: "h:2"}, {ID: "b3", Name: "other", Address: "h:2"}, {ID: "c4", Name: "aa1"},
	}}
	for who, want := range map[string]string{
		"aa1": "aa1", "b": "b3", "other": "b3", "h:1": "aa1",
		"db":  `2 nodes are called "db": give the identity of one, or how it begins; shiplog cluster nodes lists them`,
		"h:2": `2 nodes are called "h:2": give the identity of one, or how it begins; shiplog cluster nodes lists them`,
		"aa":  `the identities of 2 nodes begin with "aa"`,
		"x":   `no node is called "x"; shiplog cluster nodes lists them`,
	} {
		n, err := v.find(who)
		if got := n.ID; err == nil && got != want || err != nil && err.Error() != want {
			t.Errorf("%s: got %q, %v; want %s", who, got, err, want)
		}
	}
}

func TestDialable(t *testing.T) {
	for addr, want := range map[string]string{"127.0.0.1:1": "127.0.0.1:1", "::1:7000": "[::1]:7000", "[::1]:7000": "[::1]:7000", "h:1": "h:1"} {
		if got := dialable(addr); got != want {
			t.Errorf("dialable(%q) = %q, want %q", addr, got, want)
		}
	}
}
