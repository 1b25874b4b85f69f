package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// settleWithin is how long a cluster may take until all its copies are there again after a node came back.
const settleWithin = 60 * time.Second

// startLocal starts a cluster of three nodes with "shiplog local".
func startLocal(t *testing.T, directives ...string) *LocalCluster {
	t.Helper()
	p := underTest(t)
	if len(p) != 2 || p[1] != "serve" {
		t.Fatalf("%q cannot run local clusters: want BINARY serve", p)
	}
	c, err := StartLocal(p[0], t.TempDir(), 3, directives...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("shiplog local said: %s", tail(c.Output(), 3000))
			for _, m := range c.Members {
				log, _ := os.ReadFile(m.Dir + ".log") // what is there is better than nothing
				t.Logf("last words of %s: %s", m.Addr, tail(string(log), 2000))
				if m.again != nil {
					t.Logf("and of %s started again: %s", m.Addr, tail(m.again.out.String(), 4000))
				}
			}
		}
		c.Kill()
	})
	return c
}

// stock is a client as people install it.
type stock struct {
	name  string
	first []string // commands that it sends to the nodes, among others
	start starter
	// elsewhere keeps the kill away from the node that CLUSTER SLOTS names first.
	elsewhere bool
}

// starter starts a conversation about a key and a value through start-up nodes.
type starter func(t *testing.T, key, value string, seeds []string) conversation

// stocks returns the clients, each with a conversation of a kind.
func stocks(t *testing.T, task string) []stock {
	t.Helper()
	npm := installNPM(t)
	inGo := startGoRedis
	if task == "load" {
		inGo = startGoRedisLoad
	}
	clients := []stock{
		{"redis-py", []string{"INFO", "CLUSTER SLOTS", "COMMAND"}, program("/usr/bin/python3", "testdata/cluster.py", task), true},
		{"go-redis", []string{"HELLO 3", "CLIENT SETINFO", "CLUSTER SLOTS"}, inGo, false},
	}
	for _, of := range []stock{
		{name: "ioredis5", first: []string{"CLIENT SETNAME", "INFO", "CLUSTER INFO", "CLUSTER SLOTS"}},
		{name: "ioredis6", first: []string{"CLIENT SETNAME", "INFO", "CLUSTER INFO", "CLUSTER SLOTS"}},
		{name: "redis5", first: []string{"CLIENT SETINFO", "CLUSTER SLOTS"}},
		{name: "redis6", first: []string{"HELLO 3", "CLIENT SETINFO", "CLUSTER SLOTS"}},
	} {
		if of.start = npm.program(of.name, task); npm.runs(of.name) {
			clients = append(clients, of)
		} else {
			t.Logf("%s needs a newer Node than this machine's", of.name)
		}
	}
	return clients
}

// TestClusterClients has stock clients set and get; then the primary of their keys is killed with -9, and the get of each
// still answers. What each sends first is held.
//
// When the node that CLUSTER SLOTS names first is gone, redis-py before 4.4 can never read the topology again, with Redis
// neither (it copies its own locks: "cannot pickle"; redis/redis-py#2377). That is when a new client is made.
func TestClusterClients(t *testing.T) {
	c := startLocal(t)
	patient := program("/usr/bin/python3", "testdata/cluster.py", "patient")
	clients := append(stocks(t, "session"), stock{"redis-py made anew", []string{"CLUSTER SLOTS"}, patient, false})
	for _, client := range clients {
		t.Run(client.name, func(t *testing.T) { checkFirst(t, c, client) })
	}
	other := slices.DeleteFunc(slices.Clone(clients), func(client stock) bool { return !client.elsewhere })
	t.Run("another node is killed", func(t *testing.T) { surviveKill(t, c, other, false) }) // as long as all lead something
	first := slices.DeleteFunc(clients, func(client stock) bool { return client.elsewhere })
	t.Run("the first node is killed", func(t *testing.T) { surviveKill(t, c, first, true) })
}

// checkFirst lets a client begin with all nodes listened to.
func checkFirst(t *testing.T, c *LocalCluster, client stock) {
	t.Helper()
	r := record(t, c.Addrs())
	leaders, err := c.leaders()
	if err != nil {
		t.Fatal(err)
	}
	talk := client.start(t, "first", "v", r.addrs[:1])
	talk.begin(t)
	talk.goOn(t)
	got := r.first(30)
	for _, name := range client.first {
		if !slices.Contains(got, name) {
			t.Errorf("first commands %q, want %q among them", got, name)
		}
	}
	if n := r.reached(); n < leaders {
		t.Errorf("it spoke to %d nodes of the cluster that it was shown, want all %d that lead", n, leaders)
	}
	t.Logf("first commands: %q", got)
}

// surviveKill kills the primary of all clients' keys between their two gets, and starts it again: the node that CLUSTER SLOTS names first, or another one.
func surviveKill(t *testing.T, c *LocalCluster, clients []stock, first bool) {
	t.Helper()
	victim, err := c.PrimaryOf(0)
	if err != nil {
		t.Fatal(err)
	}
	if !first {
		at := slices.Index(c.Members, victim)
		victim = c.Members[(at+1)%len(c.Members)]
	}
	talks := make([]conversation, len(clients))
	for i, client := range clients {
		talks[i] = client.start(t, keyOn(t, c, client.name, victim), "value of "+client.name, c.Addrs())
		talks[i].begin(t)
	}
	began := time.Now()
	if err := c.KillMember(victim); err != nil {
		t.Fatal(err)
	}
	for _, talk := range talks {
		talk.tell(t)
	}
	for i, talk := range talks {
		if got, want := talk.goOn(t), "value of "+clients[i].name; got != want {
			t.Errorf("%s after the primary was killed: got %q, want %q", clients[i].name, got, want)
		}
		t.Logf("the get of %s after kill -9 took %v at most", clients[i].name, time.Since(began).Round(time.Millisecond))
	}
	if err := c.Restart(victim); err != nil {
		t.Fatal(err)
	}
	eventually(t, settleWithin, c.Check)
}

// keyOn finds a key with a name in its tag that a node leads.
func keyOn(t *testing.T, c *LocalCluster, name string, leader *LocalMember) string {
	t.Helper()
	for i := range 1000 {
		key := fmt.Sprintf("{%s%d}key", name, i)
		primary, err := c.Primary(key)
		if err != nil {
			t.Fatal(err)
		}
		if primary == leader {
			return key
		}
	}
	t.Fatalf("%s leads none of 1000 keys", leader.Addr)
	return ""
}

// TestClusterTools runs Redis's own programs against a cluster as people at a shell do.
func TestClusterTools(t *testing.T) {
	c := startLocal(t)
	host, port, err := net.SplitHostPort(c.Members[0].Addr)
	if err != nil {
		t.Fatal(err)
	}
	var session strings.Builder
	for i := range 100 {
		fmt.Fprintf(&session, "SET tool:%d %d\nGET tool:%d\n", i, i, i)
	}
	out := runs(t, session.String(), "redis-cli", "-c", "-p", port)
	for i := range 100 {
		if !strings.Contains("\n"+out, fmt.Sprintf("\nOK\n%d\n", i)) {
			t.Errorf("redis-cli -c: no answer to key %d: %s", i, tail(out, 500))
		}
	}
	for _, tt := range []struct{ command, want string }{
		{"check", "[OK] All 16384 slots covered."},
		{"info", "[OK] 100 keys in 3 masters."},
		{"call", "PONG"},
	} {
		words := []string{"redis-cli", "--cluster", tt.command, c.Members[0].Addr}
		if tt.command == "call" {
			words = append(words, "PING")
		}
		if out := runs(t, "", words...); !strings.Contains(out, tt.want) || strings.Contains(out, "[ERR]") || strings.Contains(out, "[WARNING]") {
			t.Errorf("%s: got %s\nwant %q", strings.Join(words, " "), out, tt.want)
		}
	}
	benchmark := []string{"redis-benchmark", "--cluster", "-h", host, "-p", port, "-t", "set,get,incr,mset", "-n", "4000", "-q"}
	for _, extra := range [][]string{{"-P", "1"}, {"-P", "16", "-r", "100000"}, {"-P", "16", "--threads", "2"}} {
		out := runs(t, "", append(slices.Clone(benchmark), extra...)...)
		if n := strings.Count(out, "requests per second"); n != 4 || strings.Contains(strings.ToLower(out), "error") || strings.Contains(out, "WARN") {
			t.Errorf("redis-benchmark --cluster %v: got %s", extra, out)
		}
	}
	c.reshardIsTold(t)
	if err := c.Check(); err != nil {
		t.Error(err)
	}
}

// reshardIsTold has redis-cli try to move single slots: it changes nothing, and is told what moves partitions.
func (c *LocalCluster) reshardIsTold(t *testing.T) {
	t.Helper()
	var ids []string
	for _, m := range c.Members[:2] {
		conn, err := Dial(m.Addr)
		if err != nil {
			t.Fatal(err)
		}
		v, err := conn.Do("CLUSTER", "MYID")
		conn.Close()
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, v.Text)
	}
	words := []string{"--cluster", "reshard", c.Members[0].Addr, "--cluster-from", ids[0], "--cluster-to", ids[1], "--cluster-slots", "3", "--cluster-yes"}
	out, err := Finish(exec.Command("redis-cli", words...))
	if err == nil || !strings.Contains(string(out), "goes with its partition") || !strings.Contains(string(out), "CLUSTER MIGRATESLOTS SLOTSRANGE") {
		t.Errorf("redis-cli %s: %v: %s", strings.Join(words, " "), err, tail(string(out), 1000))
	}
}

// TestLocalContinues stops a cluster and starts it again in the same directory: every key is there.
func TestLocalContinues(t *testing.T) {
	p, dir := underTest(t), t.TempDir()
	for round := range 2 {
		c, err := StartLocal(p[0], dir, 3)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Kill)
		client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: c.Addrs()})
		for i := range 50 {
			key := "k" + strconv.Itoa(i)
			if round == 0 {
				if err := client.Set(t.Context(), key, i, 0).Err(); err != nil {
					t.Fatal(err)
				}
			} else if got, err := client.Get(t.Context(), key).Int(); err != nil || got != i {
				t.Errorf("%s in the second round: %d, %v", key, got, err)
			}
		}
		_ = client.Close() // nothing is under way
		if code, err := c.Stop(20 * time.Second); code != 0 || err != nil {
			t.Fatalf("shiplog local ended with %d, %v", code, err)
		}
	}
}
