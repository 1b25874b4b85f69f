package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"shiplog/node"
)

// fakeMember, when set in the environment, makes the test binary a node of a local cluster: "serve" waits for SIGTERM,
// "crash" ends at once, "deaf" does not end at SIGTERM.
const fakeMember = "SHIPLOG_TEST_MEMBER"

func TestMain(m *testing.M) {
	kind := os.Getenv(fakeMember)
	if kind == "" {
		os.Exit(m.Run())
	}
	port := os.Args[slices.Index(os.Args, "--port")+1]
	fmt.Println("member", kind, port)
	if kind == "crash" || strings.HasPrefix(kind, "crash ") && strings.Contains(kind, port) {
		os.Exit(3)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	fmt.Println("listening")
	for range signals {
		if kind != "deaf" {
			os.Exit(0)
		}
	}
}

func TestParseLocal(t *testing.T) {
	for _, tt := range []struct {
		args string
		want string
	}{
		{"", "3 7000 data/cluster []"},
		{"--nodes 5 --base-port 7100 --dir /x", "5 7100 /x []"},
		{"--appendfsync everysec --nodes 2 --requirepass a", "2 7000 data/cluster [--appendfsync everysec --requirepass a]"},
		{"--bind 127.0.0.1 -::1 --nodes 2", "2 7000 data/cluster [--bind 127.0.0.1 -::1]"},
		{"--nodes", "--nodes needs a value"},
		{"--nodes 0", `--nodes: "0" is not a number from 1 to 32`},
		{"--nodes 1", `--nodes: a cluster takes 2 nodes at least, and 3 to survive the loss of one; for a node alone there is "shiplog serve"`},
		{"--nodes x", `--nodes: "x" is not a number from 1 to 32`},
		{"--base-port 0", `--base-port: "0" is not a number from 1 to 65535`},
		{"--base-port 55534", "--base-port 55534: the last node's cluster port would be 65536"},
		{"x", "x: expected --nodes, --base-port, --dir or --directive value"},
		{"--port 1", "--port: local sets this for every node by itself"},
		{"--Cluster-Auth x", "--Cluster-Auth: local sets this for every node by itself"},
	} {
		o, err := parseLocal(strings.Fields(tt.args))
		got := fmt.Sprintf("%d %d %s %v", o.nodes, o.basePort, o.dir, o.directives)
		if err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("local %s:\n got %s\nwant %s", tt.args, got, tt.want)
		}
	}
}

// freeBase finds a port from which on n ports, and those for other nodes, are free.
func freeBase(t *testing.T, n int) int {
	t.Helper()
	for base := 21000; base < 31000; base += 37 {
		if portsFree(plainMembers(t, base, n)) == nil {
			return base
		}
	}
	t.Fatal("no free ports")
	return 0
}

// loaded is a configuration of a command line.
func loaded(t *testing.T, args ...string) *node.Config {
	t.Helper()
	c, err := node.Load(args)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func plainMembers(t *testing.T, base, n int) []*member {
	t.Helper()
	var members []*member
	for i := range n {
		m := &member{port: base + i, config: loaded(t)}
		members = append(members, m)
	}
	return members
}

func TestPlanLocal(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "c")
	base := freeBase(t, 3)
	o := localOptions{nodes: 3, basePort: base, dir: dir, directives: []string{"--maxclients", "7", "--partitions", "4"}}
	var secrets []string
	for range 2 { // the second time continues what the first has begun
		members, err := planLocal(o)
		if err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, checkPlan(t, members, base, dir))
	}
	if secrets[0] != secrets[1] || len(secrets[0]) != 64 {
		t.Errorf("secrets %q, want one of 64 characters twice", secrets)
	}
	if info, err := os.Stat(filepath.Join(dir, "cluster.secret")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the secret's file: %v, %v; want mode 0600", info, err)
	}
	if err := os.Mkdir(filepath.Join(dir, strconv.Itoa(base)), 0o700); err != nil {
		t.Fatal(err)
	}
	o.basePort++
	want := fmt.Sprintf("%s holds the data of a node on port %d, which --base-port %d --nodes 3 leaves out: choose these so that it is in, or another --dir", dir, base, base+1)
	if _, err := planLocal(o); err == nil || err.Error() != want {
		t.Errorf("other ports: got %v\nwant %s", err, want)
	}
}

// TestOwnPorts gives each node ports of its own.
func TestOwnPorts(t *testing.T) {
	given := []string{"--nats-port", "4222", "--Metrics-Port", "9121", "--maxclients", "7", "--metrics-port"}
	for index, want := range map[int]string{
		0: "--nats-port 4222 --Metrics-Port 9121 --maxclients 7 --metrics-port",
		2: "--nats-port 4224 --Metrics-Port 9123 --maxclients 7 --metrics-port",
	} {
		if got := strings.Join(ownPorts(given, index), " "); got != want {
			t.Errorf("node %d: got %s, want %s", index, got, want)
		}
	}
	if got := ownPorts([]string{"--metrics-port", "0"}, 1); got[1] != "0" {
		t.Errorf("0 means none, but node 1 has port %s", got[1])
	}
}

// checkPlan looks at three members and returns the secret that they share.
func checkPlan(t *testing.T, members []*member, base int, dir string) string {
	t.Helper()
	if len(members) != 3 {
		t.Fatalf("%d members, want 3", len(members))
	}
	for i, m := range members {
		c := m.config
		if !c.Cluster.Enabled || c.Net.Port != int64(base+i) || c.BusPort() != int64(base+i+10000) || len(c.Cluster.Join) != 3 ||
			c.Cluster.Expect != 3 || c.Cluster.Copies != 3 || c.Server.Dir != filepath.Join(dir, strconv.Itoa(base+i)) ||
			c.Clients.Max != 7 || c.Partitions() != 4 || c.Cluster.Secret != members[0].config.Cluster.Secret {
			t.Errorf("member %d: %q", i, m.args)
		}
	}
	return members[0].config.Cluster.Secret
}

func TestPlanLocalRefusesBeforeItMakesAnything(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "c")
	for _, tt := range []struct{ args, want string }{
		{"--foo 1", `command line: "--foo 1": unknown directive (shiplog help directives lists them)`},
		{"--bind 10.0.0.1", "listening on 10.0.0.1 needs a password: set requirepass, or bind only to loopback addresses"},
		{"--nodes 2 --replicas 3", "2 nodes cannot hold 3 copies of each partition: expect more nodes, or set replicas to less, or " +
			"allow-fewer-replicas yes; with fewer than 3 copies the loss of one node stops its partitions until it is back"},
	} {
		err := local(append(strings.Fields(tt.args), "--dir", dir), streams{new(bytes.Buffer), new(bytes.Buffer)})
		if err == nil || err.Error() != tt.want {
			t.Errorf("local %s:\n got %v\nwant %s", tt.args, err, tt.want)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Fatalf("local %s made %s", tt.args, dir)
		}
	}
}

func TestPortInUse(t *testing.T) {
	base := freeBase(t, 2)
	l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(base+1+localBus))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	want := fmt.Sprintf("port %d, of the node on port %d, cannot be used: listen tcp 127.0.0.1:%d: bind: address already in use; "+
		"stop what uses it or choose another --base-port", base+1+localBus, base+1, base+1+localBus)
	if err := portsFree(plainMembers(t, base, 2)); err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

// screen is what a local cluster prints; it can be waited for.
type screen struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{} // closed by the next Write
}

func newScreen() *screen { return &screen{changed: make(chan struct{})} }

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
	return s.text.Write(p)
}

// look returns what is printed, and what tells of more.
func (s *screen) look() (string, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String(), s.changed
}

func (s *screen) String() string {
	printed, _ := s.look()
	return printed
}

// fakeCluster runs a local cluster of test binaries. look tells what is missing of a member.
func fakeCluster(t *testing.T, kind string, look func(m *member, nodes int) error) (out *screen, signals chan os.Signal, ended chan error) {
	t.Helper()
	t.Setenv(fakeMember, kind)
	dir := t.TempDir()
	var members []*member
	for i := range 3 {
		port := strconv.Itoa(7000 + i)
		members = append(members, &member{port: 7000 + i, dir: filepath.Join(dir, port), log: filepath.Join(dir, port+".log"),
			args: []string{"--port", port}, config: loaded(t, "--port", port)})
	}
	out, signals, ended = newScreen(), make(chan os.Signal, 2), make(chan error, 1)
	l := &localCluster{program: []string{os.Args[0]}, look: look, out: out, every: 10 * time.Millisecond, echo: 100 * time.Millisecond}
	go func() { ended <- l.run(members, signals) }()
	return out, signals, ended
}

func (s *screen) await(t *testing.T, text string) {
	t.Helper()
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	for {
		printed, changed := s.look()
		if strings.Contains(printed, text) {
			return
		}
		select {
		case <-changed:
		case <-limit.C:
			t.Fatalf("%q was not printed:\n%s", text, printed)
		}
	}
}

func TestLocalIsReadyAndStops(t *testing.T) {
	looks := 0
	out, signals, ended := fakeCluster(t, "serve", func(m *member, nodes int) error {
		content, err := os.ReadFile(m.log)
		if err != nil || !strings.Contains(string(content), "listening") {
			return errors.New("does not listen yet")
		}
		if looks++; looks <= nodes {
			return fmt.Errorf("knows 1 of %d nodes", nodes)
		}
		return nil
	})
	out.await(t, "cluster ready: redis-cli -c -p 7000\n")
	if !strings.Contains(out.String(), "knows 1 of 3 nodes") {
		t.Errorf("nothing was said while waiting:\n%s", out)
	}
	signals <- syscall.SIGTERM
	signals <- syscall.SIGTERM // the echo of the first
	if err := <-ended; err != nil {
		t.Errorf("stopped with %v", err)
	}
	lines := strings.Split(out.String(), "\n")
	if !strings.HasPrefix(lines[0], "node 127.0.0.1:7000  cluster port 17000  pid ") || !strings.HasSuffix(out.String(), "\nstopped\n") {
		t.Errorf("printed:\n%s", out)
	}
}

func TestLocalReportsANodeThatEnds(t *testing.T) {
	out, signals, ended := fakeCluster(t, "crash 7001", func(m *member, _ int) error {
		if m.port == 7001 {
			return errors.New("does not listen yet")
		}
		return nil
	})
	out.await(t, "has ended: exit status 3; the end of ")
	out.await(t, "\n    member crash 7001 7001\n")
	select {
	case err := <-ended:
		t.Fatalf("it ended with %v while two nodes live", err)
	default:
	}
	signals <- syscall.SIGINT
	if err := <-ended; err != nil {
		t.Errorf("stopped with %v", err)
	}
}

func TestLocalEndsWhenAllNodesHaveEnded(t *testing.T) {
	_, _, ended := fakeCluster(t, "crash", func(*member, int) error { return errors.New("does not listen yet") })
	if err := <-ended; !errors.Is(err, errNoNodes) {
		t.Errorf("ended with %v, want %v", err, errNoNodes)
	}
}

func TestSecondSignalKills(t *testing.T) {
	out, signals, ended := fakeCluster(t, "deaf", func(m *member, _ int) error {
		content, err := os.ReadFile(m.log)
		if err != nil || !strings.Contains(string(content), "listening") {
			return errors.New("does not listen yet")
		}
		return nil
	})
	out.await(t, "cluster ready")
	signals <- syscall.SIGINT
	out.await(t, "stopping")
	for {
		select { // until one comes later than an echo would
		case signals <- syscall.SIGINT:
		case err := <-ended:
			if err == nil || err.Error() != "killed before they had stopped: 7000 7001 7002" {
				t.Errorf("ended with %v", err)
			}
			return
		}
	}
}
