package embedded

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	patience     = 30 * time.Second
	testElection = 400 * time.Millisecond // the same in all tests: the servers of a process share it
	testSecret   = "the secret of the test"
)

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

func join(t *testing.T, name string, change func(*Config)) *Server {
	t.Helper()
	cfg := Config{Dir: t.TempDir(), Name: name, Sync: SyncNo, Cluster: &Cluster{Secret: testSecret, Election: testElection}}
	if change != nil {
		change(&cfg)
	}
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// addresses are those of the servers' routes.
func addresses(servers ...*Server) (routes []string) {
	for _, s := range servers {
		routes = append(routes, net.JoinHostPort(loopback, strconv.Itoa(s.RoutePort())))
	}
	return routes
}

// unite starts n servers that know nobody, and then tells each of all and lets them begin.
func unite(t *testing.T, n int) (servers []*Server) {
	t.Helper()
	for i := range n {
		servers = append(servers, join(t, fmt.Sprintf("n%d", i), nil))
	}
	begin(t, servers)
	return servers
}

// begin tells each server of all, and lets them begin a group together.
func begin(t *testing.T, servers []*Server) {
	t.Helper()
	acquaint(t, servers)
	for _, s := range servers {
		if err := s.Begin(len(servers)); err != nil {
			t.Fatal(err)
		}
	}
}

// acquaint tells each server of all.
func acquaint(t *testing.T, servers []*Server) {
	t.Helper()
	for _, s := range servers {
		if err := s.SetRoutes(addresses(servers...)); err != nil {
			t.Fatal(err)
		}
	}
}

func leaders(servers []*Server) (leading []*Server) {
	for _, s := range servers {
		if s.LeadsMeta() {
			leading = append(leading, s)
		}
	}
	return leading
}

// united waits until one server leads all the others.
func united(t *testing.T, servers []*Server) *Server {
	t.Helper()
	eventually(t, "one leader with all servers", func() bool {
		leading := leaders(servers)
		return len(leading) == 1 && len(leading[0].running(t).JetStreamClusterPeers()) == len(servers)
	})
	return leaders(servers)[0]
}

func (s *Server) running(t *testing.T) *server.Server {
	t.Helper()
	current, err := s.server()
	if err != nil {
		t.Fatal(err)
	}
	return current
}

func client(t *testing.T, s *Server) jetstream.JetStream {
	t.Helper()
	nc, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// made makes a replicated stream as soon as the cluster can.
func made(t *testing.T, js jetstream.JetStream, cfg jetstream.StreamConfig) *jetstream.StreamInfo {
	t.Helper()
	var info *jetstream.StreamInfo
	eventually(t, "stream "+cfg.Name, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		stream, err := js.CreateStream(ctx, cfg)
		if err != nil {
			return false
		}
		info = stream.CachedInfo()
		return true
	})
	return info
}

// Servers that were started alone become one cluster when they are told of each other, and stay one over restarts.
func TestSetRoutesUnites(t *testing.T) {
	for _, n := range []int{2, 3, 5} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			servers := unite(t, n)
			leader := united(t, servers)
			js := client(t, servers[0])
			made(t, js, jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}, Replicas: min(n, 3)})
			if got := len(leader.Peers()); got != n-1 {
				t.Errorf("the leader has %d peers, want %d", got, n-1)
			}
			eventually(t, "publishing", func() bool { return tried(t.Context(), js) == nil })
			port := leader.RoutePort()
			if err := leader.Restart(); err != nil {
				t.Fatal(err)
			}
			if leader.RoutePort() != port {
				t.Errorf("the routes' port is %d after a restart, was %d", leader.RoutePort(), port)
			}
			united(t, servers)
			eventually(t, "publishing after the restart", func() bool {
				return tried(t.Context(), js) == nil
			})
		})
	}
}

// Until they know of each other, no server leads anything, and none is sick.
func TestLoneServerOfAClusterWaits(t *testing.T) {
	s := join(t, "n0", nil)
	if err := s.Healthy(); err != nil {
		t.Error(err)
	}
	if s.LeadsMeta() || s.LeadsStream("S") || len(s.Peers()) > 0 {
		t.Error("it leads")
	}
	if formed, err := Formed(s.cfg.Dir); err != nil || formed {
		t.Errorf("formed = %t, %v", formed, err)
	}
}

// A lone server leads everything, so that its owner need not ask which kind it is.
func TestLoneServerLeads(t *testing.T) {
	s := open(t, t.TempDir(), SyncNo)
	stream(t, s)
	if !s.LeadsMeta() || !s.LeadsStream("S") || s.RoutePort() != 0 || s.Name() != "test" {
		t.Error("it does not lead")
	}
	if s.SetRoutes(nil) == nil || s.SetTags(nil) == nil {
		t.Error("it took routes and tags")
	}
}

// New routes reach a server of a formed cluster without a restart.
func TestSetRoutesOfFormedCluster(t *testing.T) {
	servers := unite(t, 3)
	united(t, servers)
	newcomer := join(t, "n3", func(c *Config) { c.Cluster.Routes = addresses(servers...) })
	before := servers[0].running(t)
	if err := servers[0].SetRoutes(addresses(append(slices.Clone(servers), newcomer)...)); err != nil {
		t.Fatal(err)
	}
	if servers[0].running(t) != before {
		t.Error("the server was restarted")
	}
	leader := united(t, append(servers, newcomer))
	if err := leader.Healthy(); err != nil {
		t.Error(err)
	}
	if err := servers[0].SetRoutes([]string{"nonsense"}); err == nil {
		t.Error("nonsense was taken for a route")
	}
}

// A stream lies where the tags say, also when they were given late.
func TestSetTagsPlacesStreams(t *testing.T) {
	servers := unite(t, 4)
	united(t, servers)
	js := client(t, servers[0])
	for p, holders := range [][]int{{0, 1, 2}, {1, 2, 3}, {0, 2, 3}} {
		for i, s := range servers {
			tags := []string{"other"}
			if slices.Contains(holders, i) {
				tags = append(tags, fmt.Sprint("p", p))
			}
			if err := s.SetTags(tags); err != nil {
				t.Fatal(err)
			}
		}
		info := made(t, js, jetstream.StreamConfig{
			Name: fmt.Sprint("S", p), Subjects: []string{fmt.Sprint("s", p)}, Replicas: 3, Placement: &jetstream.Placement{Tags: []string{fmt.Sprint("p", p)}},
		})
		got := []string{info.Cluster.Leader}
		for _, peer := range info.Cluster.Replicas {
			got = append(got, peer.Name)
		}
		var want []string
		for _, i := range holders {
			want = append(want, fmt.Sprint("n", i))
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("the stream is on %v, want %v", got, want)
		}
		eventually(t, "one leader of the stream", func() bool {
			leading := 0
			for _, s := range servers {
				if s.LeadsStream(fmt.Sprint("S", p)) {
					leading++
				}
			}
			return leading == 1
		})
	}
}

// childRoutes names the environment variable that makes this test binary a server of the cluster at these routes.
const childRoutes = "SHIPLOG_TEST_ROUTES"

// TestChild is the server that TestElectionTimers kills.
func TestChild(t *testing.T) {
	routes := os.Getenv(childRoutes)
	if routes == "" {
		return // only in a child process
	}
	s := join(t, "child", func(c *Config) { c.Cluster.Routes = strings.Split(routes, ",") })
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent ends
	_ = s.Close()
}

// child starts a process with a server in the cluster, and returns how to kill it.
func child(t *testing.T, servers []*Server) (kill func()) {
	t.Helper()
	command := exec.Command(os.Args[0], "-test.run=^TestChild$")
	command.Env = append(os.Environ(), childRoutes+"="+strings.Join(addresses(servers...), ","), "TMPDIR="+t.TempDir())
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		_ = command.Process.Kill()
		_ = command.Wait() // it was killed
		_ = stdin.Close()
	})
	t.Cleanup(kill)
	return kill
}

// When a process is killed the streams that it led have another leader as soon as the timers promise.
func TestElectionTimers(t *testing.T) {
	servers := unite(t, 2)
	kill := child(t, servers)
	if shortest, longest := servers[0].ElectionTimers(); shortest != testElection || longest != 2*testElection {
		t.Errorf("timers are %v to %v, want %v to twice that", shortest, longest, testElection)
	}
	js := client(t, servers[0])
	made(t, js, jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}, Replicas: 3})
	leads := func(s *Server) bool { return s.LeadsStream("S") }
	const request, preferred = "$JS.API.STREAM.LEADER.STEPDOWN.S", `{"placement":{"preferred":"child"}}`
	asked := time.Time{}
	eventually(t, "the child leads", func() bool {
		if slices.ContainsFunc(servers, leads) && time.Since(asked) > testElection {
			asked = time.Now()
			_, _ = js.Conn().Request(request, []byte(preferred), testElection) // again, if it does not come to that
		}
		ctx, cancel := context.WithTimeout(t.Context(), testElection)
		defer cancel()
		stream, err := js.Stream(ctx, "S")
		return err == nil && stream.CachedInfo().Cluster.Leader == "child"
	})
	before := servers[0].Elections()
	kill()
	began := time.Now()
	eventually(t, "another leader", func() bool { return slices.ContainsFunc(servers, leads) })
	if after := servers[0].Elections(); after <= before {
		t.Errorf("%d elections were counted before the leader was killed and %d after it", before, after)
	}
	took := time.Since(began)
	t.Logf("after %v", took)
	if took < testElection/2 || took > stockTimers().min {
		t.Errorf("the election took %v: other timers are in force", took)
	}
}

func TestTune(t *testing.T) {
	if err := tune(testElection); err != nil {
		t.Fatal(err)
	}
	if err := tune(testElection); err != nil {
		t.Errorf("the same again: %v", err)
	}
	for _, other := range []time.Duration{2 * testElection, shortestElection - 1} {
		if tune(other) == nil {
			t.Errorf("%v was taken", other)
		}
	}
	if timersInForce() != timersFor(testElection) {
		t.Errorf("the timers are %v", timersInForce())
	}
	var text bytes.Buffer
	s := join(t, "n0", func(c *Config) {
		c.Cluster.Election, c.Logger = time.Minute, slog.New(slog.NewTextHandler(&text, nil))
	})
	if shortest, _ := s.ElectionTimers(); shortest != testElection || !strings.Contains(text.String(), "elections take the time") {
		t.Errorf("other timers (%v) are not announced: %s", shortest, text.String())
	}
}

func TestClusterRefuses(t *testing.T) {
	taken := join(t, "n0", nil)
	for name, change := range map[string]func(*Cluster){
		"no secret":          func(c *Cluster) { c.Secret = "" },
		"no such port":       func(c *Cluster) { c.Port = 70000 },
		"route without port": func(c *Cluster) { c.Routes = []string{"127.0.0.1"} },
		"port in use":        func(c *Cluster) { c.Port = taken.RoutePort() },
	} {
		cluster := &Cluster{Secret: testSecret, Election: testElection}
		change(cluster)
		if s, err := Open(Config{Dir: t.TempDir(), Name: "n1", Sync: SyncNo, Cluster: cluster}); err == nil {
			_ = s.Close()
			t.Errorf("%s: opened", name)
		}
	}
}

// A server of a cluster listens for routes and, on loopback, for clients: nothing else.
func TestClusterListens(t *testing.T) {
	s := join(t, "n0", nil)
	want := map[string]bool{}
	for _, port := range []int{s.RoutePort(), s.running(t).Addr().(*net.TCPAddr).Port} {
		want[fmt.Sprintf("0100007F:%04X", port)] = true
	}
	if got := listening(t); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("listening on %v, want %v", got, want)
	}
}

// knock says hello at a port and returns what it answers behind its INFO.
func knock(t *testing.T, port int, hello map[string]any) string {
	t.Helper()
	conn, err := net.Dial("tcp", net.JoinHostPort(loopback, strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	info, err := in.ReadString('\n')
	if err != nil || !strings.Contains(info, `"auth_required":true`) || strings.Contains(info, "connect_urls") {
		t.Errorf("info = %s, %v", info, err)
	}
	connect, err := json.Marshal(hello)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "CONNECT %s\r\nPING\r\n", connect); err != nil {
		t.Fatal(err)
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return err.Error()
		}
		if strings.HasPrefix(line, "-ERR") || strings.HasPrefix(line, "PONG") {
			return strings.TrimSpace(line)
		}
	}
}

func TestClusterRefusesStrangers(t *testing.T) {
	s := join(t, "n0", nil)
	clients := s.running(t).Addr().(*net.TCPAddr).Port
	const refused = "-ERR 'Authorization Violation'"
	route := func(user, password string) map[string]any {
		return map[string]any{"user": user, "pass": password, "name": "stranger", "cluster": clusterName}
	}
	guest := func(user, password string) map[string]any {
		return map[string]any{"user": user, "pass": password, "lang": "go", "protocol": 1}
	}
	right := (&Cluster{Secret: testSecret}).routePassword()
	for name, c := range map[string]struct {
		port  int
		hello map[string]any
		want  string
	}{
		"route without a secret":     {s.RoutePort(), route("", ""), refused},
		"route with another secret":  {s.RoutePort(), route(clusterName, (&Cluster{Secret: "x"}).routePassword()), refused},
		"route with the bare secret": {s.RoutePort(), route(clusterName, testSecret), refused},
		"route with the secret":      {s.RoutePort(), route(clusterName, right), "PONG"},
		"client without a password":  {clients, guest("", ""), refused},
		"client with another":        {clients, guest("engine", "x"), refused},
		"client with the routes'":    {clients, guest(clusterName, right), refused},
		"the system's user":          {clients, guest("system", ""), refused},
		"client with the password":   {clients, guest(s.user, s.password), "PONG"},
	} {
		if got := knock(t, c.port, c.hello); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// locked is a buffer for several writers.
type locked struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Servers with different secrets never meet, and what is said about it names no secret.
// Servers with another secret are not let in, until they are told the right one.
func TestSecretsKeepApart(t *testing.T) {
	var text locked
	logger := slog.New(slog.NewTextHandler(&text, nil))
	one := join(t, "n0", func(c *Config) { c.Logger = logger })
	other := join(t, "n1", func(c *Config) {
		c.Logger, c.Cluster.Secret, c.Cluster.Routes = logger, "not the same secret", addresses(one)
	})
	if err := one.SetRoutes(addresses(one, other)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a complaint", func() bool { return strings.Count(text.String(), "authentication error") > 3 })
	for _, s := range []*Server{one, other} { // who calls takes itself for let in until it is told otherwise
		routes, err := s.running(t).Routez(nil)
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(routes.Routes, func(r *server.RouteInfo) bool { return !r.DidSolicit }) {
			t.Errorf("%s lets the other in", s.Name())
		}
	}
	for _, secret := range []string{testSecret, "not the same secret", one.cluster.routePassword(), other.cluster.routePassword(), one.password} {
		if strings.Contains(text.String(), secret) {
			t.Errorf("the log names a secret: %s", text.String())
		}
	}
	if err := other.Join(testSecret, addresses(one)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "both are let in by each other", func() bool {
		routes, err := one.running(t).Routez(nil)
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(routes.Routes, func(r *server.RouteInfo) bool { return r.RemoteName == "n1" })
	})
}

func TestClusterClosed(t *testing.T) {
	s := join(t, "n0", nil)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.SetTags(nil), s.SetRoutes(nil)); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
	if s.LeadsMeta() || s.LeadsStream("S") || s.Peers() != nil {
		t.Error("it leads")
	}
}
