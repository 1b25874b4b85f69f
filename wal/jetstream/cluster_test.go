package jetstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	natsjs "github.com/nats-io/nats.go/jetstream"

	"shiplog/embedded"
	"shiplog/wal"
	"shiplog/wal/waltest"
)

const testElection = 500 * time.Millisecond

// cluster starts n servers that know each other, named n0, n1 and so on; each has its name as a tag.
func cluster(t testing.TB, n int) []*embedded.Server {
	servers, _ := clusterOf(t, n)
	return servers
}

// clusterOf also returns how each server can be started again.
func clusterOf(t testing.TB, n int) (servers []*embedded.Server, configs []embedded.Config) {
	t.Helper()
	var routes []string
	for i := range n {
		name := fmt.Sprintf("n%d", i)
		config := embedded.Config{Dir: t.TempDir(), Name: name, Sync: embedded.SyncNo, Cluster: &embedded.Cluster{
			Secret: "secret", Election: testElection, Tags: []string{name},
		}}
		server := serveAs(t, config)
		config.Cluster.Port = server.RoutePort()
		servers, configs = append(servers, server), append(configs, config)
		routes = append(routes, net.JoinHostPort("127.0.0.1", strconv.Itoa(server.RoutePort())))
	}
	for i, server := range servers {
		configs[i].Cluster.Routes = routes
		if err := errors.Join(server.SetRoutes(routes), server.Begin(n)); err != nil {
			t.Fatal(err)
		}
	}
	return servers, configs
}

func serveAs(t testing.TB, config embedded.Config) *embedded.Server {
	t.Helper()
	server, err := embedded.Open(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// openOn opens a log with three copies from one of the servers.
func openOn(t testing.TB, server *embedded.Server, change func(*Config)) *Log {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cfg := Config{Connect: server.Connect, Dial: server.Dial, Server: server.Name(), Replicas: 3, AckWait: 250 * time.Millisecond}
	if change != nil {
		change(&cfg)
	}
	log, err := Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	})
	return log
}

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
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

// leadBy makes a server lead the log's stream.
func leadBy(t testing.TB, log *Log, server *embedded.Server) {
	t.Helper()
	if err := transfer(t.Context(), log, server); err != nil {
		t.Fatal(err)
	}
}

// transfer asks for another leader until it leads. Between two requests it waits, since another one would only disturb the first.
func transfer(ctx context.Context, log *Log, to *embedded.Server) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		err := log.StepDown(ctx, to.Name())
		for began := time.Now(); time.Since(began) < 2*testElection; <-tick.C {
			if to.LeadsStream(log.name) {
				return nil
			}
			if err != nil {
				break
			}
		}
	}
	return fmt.Errorf("%s does not lead: %w", to.Name(), ctx.Err())
}

// clusterHarness is one stream on a cluster; its writers are on one server after the other.
type clusterHarness struct {
	servers   []*embedded.Server
	partition int
	limit     int64
	writers   int
}

func (h *clusterHarness) Limit(bytes uint64) { h.limit = int64(bytes) }

func (h *clusterHarness) Writer(t *testing.T) waltest.Writer {
	server := h.servers[h.writers%len(h.servers)]
	w := writer{faults: newFaults()}
	w.Log = openOn(t, server, func(c *Config) {
		c.Partition = h.partition
		c.MaxBytes = h.limit
		c.AckWait = 100 * time.Millisecond
		c.Dial = w.faults.between(server.Dial)
	})
	if h.writers == 0 { // not where the first writer is
		leadBy(t, w.Log, h.servers[1])
	}
	h.writers++
	return w
}

// A log with three copies keeps the contract too, also for writers that are not where its leader is.
func TestReplicatedLog(t *testing.T) {
	servers := cluster(t, 3)
	partition := 0
	waltest.Run(t, func(*testing.T) waltest.Harness {
		partition++
		return &clusterHarness{servers: servers, partition: partition}
	})
}

// follower is a tail that checks what it is given.
type follower struct {
	mu   sync.Mutex
	last wal.Seq
	err  error
}

func (f *follower) take(seq wal.Seq, message []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if want := fmt.Sprint("message ", seq); seq != f.last+1 || string(message) != want {
		f.err = fmt.Errorf("got %d %q after %d", seq, message, f.last)
		return f.err
	}
	f.last = seq
	return nil
}

func (f *follower) at() (wal.Seq, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last, f.err
}

// follow tails a log until the test ends.
func follow(t *testing.T, log *Log) *follower {
	t.Helper()
	f, ended := &follower{}, make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer close(ended)
		_ = log.Tail(ctx, 1, f.take)
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return f
}

// reaches waits until a follower has everything to last.
func (f *follower) reaches(t *testing.T, who string, last wal.Seq) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s has message %d", who, last), func() bool {
		at, err := f.at()
		if err != nil {
			t.Fatalf("%s: %v", who, err)
		}
		return at >= last
	})
}

// consumers returns on which servers the consumers of a log are that somebody reads from, sorted.
func consumers(t *testing.T, log *Log) (on []string) {
	t.Helper()
	stream, err := log.js.Stream(t.Context(), log.name)
	if err != nil {
		t.Fatal(err)
	}
	for info := range stream.ListConsumers(t.Context()).Info() {
		on = append(on, info.Cluster.Leader)
	}
	slices.Sort(on)
	return on
}

// A tail reads its own server's copy, wherever the leader is, and leaves no other consumer behind.
func TestTailReadsTheOwnCopy(t *testing.T) {
	servers := cluster(t, 3)
	var logs []*Log
	var followers []*follower
	for _, server := range servers {
		logs = append(logs, openOn(t, server, nil))
	}
	for _, log := range logs {
		followers = append(followers, follow(t, log))
	}
	for seq := wal.Seq(1); seq <= 20; seq++ {
		if err := appended(t, logs[0], seq, fmt.Sprint("message ", seq)); err != nil {
			t.Fatal(err)
		}
	}
	for i, f := range followers {
		f.reaches(t, servers[i].Name(), 20)
	}
	if got := consumers(t, logs[0]); fmt.Sprint(got) != "[n0 n1 n2]" {
		t.Errorf("consumers are on %v, want one on each server", got)
	}
}

// A server without a copy reads somebody's.
func TestTailWithoutACopy(t *testing.T) {
	servers := cluster(t, 3)
	only := func(c *Config) { c.Replicas, c.Tags = 1, []string{"n1"} }
	far, near := openOn(t, servers[0], only), openOn(t, servers[1], only)
	for seq := wal.Seq(1); seq <= 3; seq++ {
		if err := appended(t, far, seq, fmt.Sprint("message ", seq)); err != nil {
			t.Fatal(err)
		}
	}
	follow(t, far).reaches(t, "n0", 3)
	follow(t, near).reaches(t, "n1", 3)
	if got := consumers(t, near); fmt.Sprint(got) != "[n1 n1]" {
		t.Errorf("consumers are on %v, want both on n1", got)
	}
	if err := near.Refound(t.Context(), 10); !errors.Is(err, ErrReplicated) {
		t.Errorf("refound = %v, want ErrReplicated", err)
	}
}

// appendLoop appends from seq on until stop is closed, and returns the last sequence that was stored and the
// longest time that an append took.
func appendLoop(t *testing.T, log *Log, seq wal.Seq, stop <-chan struct{}) (last wal.Seq, longest time.Duration) {
	t.Helper()
	for ; ; seq++ {
		select {
		case <-stop:
			return seq - 1, longest
		default:
		}
		began := time.Now()
		if err := appended(t, log, seq, fmt.Sprint("message ", seq)); err != nil {
			t.Errorf("append %d: %v", seq, err)
			return seq - 1, longest
		}
		longest = max(longest, time.Since(began))
	}
}

// Leaders come and go under a writer: nothing is lost, nothing is twice.
func TestStepDownUnderAppends(t *testing.T) {
	servers := cluster(t, 3)
	log := openOn(t, servers[0], nil)
	followers := []*follower{follow(t, log), follow(t, openOn(t, servers[1], nil))}
	stop, changed := make(chan struct{}), make(chan error, 1)
	go func() {
		defer close(stop)
		for i := range 6 {
			to := servers[(i+1)%len(servers)]
			began := time.Now()
			if err := transfer(context.Background(), log, to); err != nil {
				changed <- err
				return
			}
			t.Logf("%s leads after %v", to.Name(), time.Since(began))
		}
		changed <- nil
	}()
	last, longest := appendLoop(t, log, 1, stop)
	if err := <-changed; err != nil {
		t.Error(err)
	}
	t.Logf("%d appends, the longest took %v", last, longest)
	for i, f := range followers {
		f.reaches(t, fmt.Sprint("follower ", i), last)
	}
	if got, err := log.Bounds(t.Context()); err != nil || got.Last != last {
		t.Errorf("bounds = %+v, %v; want the end at %d", got, err, last)
	}
}

// childRoutes names the environment variable that makes this test binary a server of the cluster at these routes.
const childRoutes = "SHIPLOG_TEST_ROUTES"

// TestChild is the server that TestLeaderIsKilled kills.
func TestChild(t *testing.T) {
	routes := os.Getenv(childRoutes)
	if routes == "" {
		return // only in a child process
	}
	server, err := embedded.Open(embedded.Config{Dir: t.TempDir(), Name: "child", Sync: embedded.SyncNo, Cluster: &embedded.Cluster{
		Secret: "secret", Election: testElection, Routes: strings.Split(routes, ","),
	}})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent ends
	_ = server.Close()
}

// child starts a process with a server in the cluster, and returns how to kill it.
func child(t *testing.T, servers []*embedded.Server) (kill func()) {
	t.Helper()
	var routes []string
	for _, server := range servers {
		routes = append(routes, net.JoinHostPort("127.0.0.1", strconv.Itoa(server.RoutePort())))
	}
	command := exec.Command(os.Args[0], "-test.run=^TestChild$")
	command.Env = append(os.Environ(), childRoutes+"="+strings.Join(routes, ","), "TMPDIR="+t.TempDir())
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

// When the process that leads the stream is killed, appends take an election longer, and not much more.
func TestLeaderIsKilled(t *testing.T) {
	servers := cluster(t, 2)
	kill := child(t, servers)
	log := openOn(t, servers[0], nil)
	f := follow(t, log)
	eventually(t, "the child leads", func() bool {
		if err := log.StepDown(t.Context(), "child"); err != nil {
			return false
		}
		leader, err := log.Leader(t.Context())
		return err == nil && leader == "child"
	})
	const before, after = 50, 50
	longest := time.Duration(0)
	for seq := wal.Seq(1); seq <= before+after; seq++ {
		if seq == before {
			go kill()
		}
		began := time.Now()
		if err := appended(t, log, seq, fmt.Sprint("message ", seq)); err != nil {
			t.Fatal(err)
		}
		longest = max(longest, time.Since(began))
	}
	t.Logf("the longest append took %v", longest)
	if longest < testElection/2 || longest > 7*testElection {
		t.Errorf("the longest append took %v, want about an election of %v to %v", longest, testElection, 2*testElection)
	}
	f.reaches(t, "n0", before+after)
	if leader, err := log.Leader(t.Context()); err != nil || leader != "n0" && leader != "n1" {
		t.Errorf("leader = %q, %v", leader, err)
	}
}

// What is published while there is no quorum may be stored long after: it is neither done nor failed until then, and then it is
// done once.
func TestNoQuorumDecidesNothing(t *testing.T) {
	servers, configs := clusterOf(t, 3)
	log := openOn(t, servers[0], nil)
	f := follow(t, log)
	leadBy(t, log, servers[0])
	if err := appended(t, log, 1, "message 1"); err != nil {
		t.Fatal(err)
	}
	for _, server := range servers[1:] {
		if err := server.Close(); err != nil {
			t.Fatal(err)
		}
	}
	outcome := make(chan error, 1)
	log.Append(2, []byte("message 2"), func(err error) { outcome <- err })
	eventually(t, "several attempts and reads", func() bool {
		log.appends.mu.Lock()
		defer log.appends.mu.Unlock()
		if len(log.appends.pending) == 0 {
			return true
		}
		a := log.appends.pending[0]
		return a.attempts+a.vain > 3 // the leader answers reads until it notices that it is alone
	})
	select {
	case err := <-outcome:
		t.Fatalf("an append without a quorum is decided: %v", err)
	default:
	}
	serveAs(t, configs[1])
	select {
	case err := <-outcome:
		if err != nil {
			t.Fatalf("append: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("the append is not stored when there is a quorum again")
	}
	if err := appended(t, log, 3, "message 3"); err != nil {
		t.Fatal(err)
	}
	f.reaches(t, "n0", 3)
	if got, err := log.Bounds(t.Context()); err != nil || got.Last != 3 {
		t.Errorf("bounds = %+v, %v; want the end at 3", got, err)
	}
}

// Acknowledgements are lost at random places while leaders change: each append is stored once.
func TestLostAcknowledgementsUnderLeaderChanges(t *testing.T) {
	servers := cluster(t, 3)
	faults := newFaults()
	log := openOn(t, servers[0], func(c *Config) { c.Dial, c.AckWait = faults.between(servers[0].Dial), 30*time.Millisecond })
	const n = 60
	for seq := wal.Seq(1); seq <= n; seq++ {
		switch seq % 3 {
		case 0:
			faults.Fault(seq, waltest.LoseAck)
		case 1:
			faults.Fault(seq, waltest.HoldAck)
		}
		if seq%20 == 5 {
			to := servers[int(seq/20)%3].Name()
			go func() { _ = log.StepDown(context.Background(), to) }() // an error is a change that did not happen
		}
		if err := appended(t, log, seq, fmt.Sprint("message ", seq)); err != nil {
			t.Fatal(err)
		}
		if seq%10 == 0 {
			faults.Heal() // late acknowledgements come now
		}
	}
	follow(t, log).reaches(t, "n0", n)
	if got, err := log.Bounds(t.Context()); err != nil || got.Last != n {
		t.Errorf("bounds = %+v, %v; want the end at %d", got, err, n)
	}
}

// A log that is made lies on the servers with its tags, and Open waits for them.
func TestOpenPlacesByTags(t *testing.T) {
	servers := cluster(t, 4)
	opened := make(chan *Log, 1)
	go func() {
		defer close(opened)
		opened <- openOn(t, servers[0], func(c *Config) { c.Tags = []string{"p0"} })
	}()
	for _, server := range servers[1:] {
		if err := server.SetTags([]string{"p0"}); err != nil {
			t.Fatal(err)
		}
	}
	log := <-opened
	if log == nil {
		t.Fatal("not opened")
	}
	info, err := log.cluster(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	on := []string{info.Leader}
	for _, peer := range info.Replicas {
		on = append(on, peer.Name)
	}
	if slices.Sort(on); fmt.Sprint(on) != "[n1 n2 n3]" {
		t.Errorf("the log is on %v, want n1 to n3", on)
	}
}

// Open gives up with its context, and says what it waited for.
func TestOpenEndsWithContext(t *testing.T) {
	servers := cluster(t, 3)
	existing := openOn(t, servers[0], nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := Open(ctx, Config{Partition: 1, Connect: servers[0].Connect, Dial: servers[0].Dial, Server: "n0", Replicas: 3, Tags: []string{"nobody"}})
	var api *natsjs.APIError
	if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &api) || api.ErrorCode != errNoPeers {
		t.Errorf("open = %v, want the deadline and the server's reason", err)
	}
	again := openOn(t, servers[1], func(c *Config) { c.Existing, c.Replicas = true, 1 })
	if again.cfg.Replicas != existing.cfg.Replicas {
		t.Errorf("opened with %d replicas, want %d as they are", again.cfg.Replicas, existing.cfg.Replicas)
	}
	missing := Config{Partition: 2, Connect: servers[0].Connect, Dial: servers[0].Dial, Server: "n0", Replicas: 3, Existing: true}
	if _, err := Open(t.Context(), missing); !errors.Is(err, ErrNoLog) {
		t.Errorf("open of no log = %v, want ErrNoLog", err)
	}
}

// While nobody takes the messages in, they are sent again soon, however patient the log is.
func TestUnheardAppendsAreSentAgain(t *testing.T) {
	log := open(t, serve(t, embedded.SyncNo), func(c *Config) { c.AckWait = time.Hour })
	if err := log.js.DeleteStream(t.Context(), log.name); err != nil {
		t.Fatal(err)
	}
	outcome := make(chan error, 1)
	log.Append(1, []byte("message 1"), func(err error) { outcome <- err })
	eventually(t, "several attempts", func() bool {
		log.appends.mu.Lock()
		defer log.appends.mu.Unlock()
		return log.appends.pending[0].attempts > 3
	})
	if _, err := log.js.CreateStream(t.Context(), log.cfg.streamConfig(1)); err != nil {
		t.Fatal(err)
	}
	if err := <-outcome; err != nil {
		t.Fatal(err)
	}
	follow(t, log).reaches(t, "the log", 1)
}
