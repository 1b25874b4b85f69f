package e2e

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
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
			}
		}
		c.Kill()
	})
	return c
}

// conversation is a client that sets and gets a key, waits for a word, and gets it again.
type conversation interface {
	// begin sets and gets.
	begin(t *testing.T)
	// goOn gets again and returns the value.
	goOn(t *testing.T) string
}

// TestClusterClients has stock clients set and get; then the primary of their key is killed with -9, and their get
// still answers. What each sends first through its only start-up node is held.
func TestClusterClients(t *testing.T) {
	c := startLocal(t)
	npm := installNPM(t)
	for _, client := range []struct {
		name  string
		first []string // commands that it sends to a start-up node, among others
		start func(t *testing.T, key, value string, seeds []string) conversation
	}{
		{"redis-py", []string{"INFO", "CLUSTER SLOTS"}, program("/usr/bin/python3", "testdata/cluster.py")},
		{"go-redis", []string{"HELLO 3", "CLUSTER SLOTS"}, startGoRedis},
		{"ioredis5", []string{"CLIENT SETNAME", "CLUSTER SLOTS"}, npm.program("ioredis5")},
		{"ioredis6", []string{"CLIENT SETNAME", "CLUSTER SLOTS"}, npm.program("ioredis6")},
		{"redis5", []string{"CLIENT SETINFO", "CLUSTER SLOTS"}, npm.program("redis5")},
		{"redis6", []string{"HELLO 3", "CLUSTER SLOTS"}, npm.program("redis6")},
	} {
		if !npm.runs(client.name) {
			t.Logf("%s needs a newer Node than this machine's", client.name)
			continue
		}
		t.Run(client.name, func(t *testing.T) {
			checkFirst(t, c, client.start, client.first)
			survivesKill(t, c, client.start, client.name)
		})
	}
	if code, err := c.Stop(20 * time.Second); code != 0 || err != nil {
		t.Errorf("shiplog local ended with %d, %v", code, err)
	}
}

// checkFirst lets a client begin through one start-up node that listens in.
func checkFirst(t *testing.T, c *LocalCluster, start func(*testing.T, string, string, []string) conversation, want []string) {
	t.Helper()
	r := record(t, c.Members[0].Addr)
	client := start(t, "first", "v", []string{r.addr})
	client.begin(t)
	client.goOn(t)
	got := r.first(20)
	for _, name := range want {
		if !slices.Contains(got, name) {
			t.Errorf("first commands %q, want %q among them", got, name)
		}
	}
	t.Logf("first commands: %q", got)
}

// survivesKill kills the primary of a client's key between its two gets, and starts it again.
func survivesKill(t *testing.T, c *LocalCluster, start func(*testing.T, string, string, []string) conversation, name string) {
	t.Helper()
	key, value := "{"+name+"}key", "value of "+name
	client := start(t, key, value, c.Addrs())
	client.begin(t)
	primary, err := c.Primary(key)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := c.KillMember(primary); err != nil {
		t.Fatal(err)
	}
	if got := client.goOn(t); got != value {
		t.Errorf("after the primary was killed: got %q, want %q", got, value)
	}
	t.Logf("the get after kill -9 took %v", time.Since(began).Round(time.Millisecond))
	if err := c.Restart(primary); err != nil {
		t.Fatal(err)
	}
	eventually(t, settleWithin, c.Check)
}

// process is a conversation with a program that prints "set", waits for a line and prints the value.
type process struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Reader
	said  output
}

// program starts conversations with a program that takes a key, a value and start-up nodes.
func program(words ...string) func(*testing.T, string, string, []string) conversation {
	return func(t *testing.T, key, value string, seeds []string) conversation {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		t.Cleanup(cancel)
		args := append(append(slices.Clone(words[1:]), key, value), seeds...)
		p := &process{cmd: exec.CommandContext(ctx, words[0], args...)}
		p.cmd.Stderr = &p.said
		in, err := p.cmd.StdinPipe()
		out, err2 := p.cmd.StdoutPipe()
		if err := errors.Join(err, err2, p.cmd.Start()); err != nil {
			t.Fatal(err)
		}
		p.in, p.lines = in, bufio.NewReader(out)
		return p
	}
}

func (p *process) line(t *testing.T) string {
	t.Helper()
	line, err := p.lines.ReadString('\n')
	if err != nil {
		_ = p.cmd.Wait() // what it said is more
		t.Fatalf("%s: %v: %s", p.cmd, err, tail(p.said.String(), 3000))
	}
	return strings.TrimSuffix(line, "\n")
}

func (p *process) begin(t *testing.T) {
	t.Helper()
	if got := p.line(t); got != "set" {
		t.Fatalf("%s said %q, want set", p.cmd, got)
	}
}

func (p *process) goOn(t *testing.T) string {
	t.Helper()
	if _, err := io.WriteString(p.in, "\n"); err != nil {
		t.Fatal(err)
	}
	got := p.line(t)
	t.Logf("it said: %s", tail(p.said.String(), 1000))
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("%s: %v: %s", p.cmd, err, tail(p.said.String(), 3000))
	}
	return got
}

// goRedis is a conversation of go-redis in this process.
type goRedis struct {
	client     *redis.ClusterClient
	key, value string
}

func startGoRedis(t *testing.T, key, value string, seeds []string) conversation {
	t.Helper()
	// While a node does not answer, go-redis looks at the cluster again only after this interval, by default a minute.
	options := &redis.ClusterOptions{Addrs: seeds, ClusterStateReloadInterval: time.Second}
	g := &goRedis{client: redis.NewClusterClient(options), key: key, value: value}
	t.Cleanup(func() { _ = g.client.Close() })
	return g
}

func (g *goRedis) begin(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	if err := g.client.Set(ctx, g.key, g.value, 0).Err(); err != nil {
		t.Fatal(err)
	}
	if got, err := g.client.Get(ctx, g.key).Result(); err != nil || got != g.value {
		t.Fatalf("get: %q, %v", got, err)
	}
	pipe := g.client.Pipeline()
	for i := range 200 {
		pipe.Set(ctx, g.key+strconv.Itoa(i)+"x", i, 0)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		t.Fatal(err)
	}
	if n, err := g.client.DBSize(ctx).Result(); err != nil || n < 201 {
		t.Errorf("dbsize over all nodes: %d, %v; want 201 or more", n, err)
	}
}

func (g *goRedis) goOn(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var all error
	for ctx.Err() == nil { // it gives a dead node up after less than a second
		got, err := g.client.Get(ctx, g.key).Result()
		if err == nil {
			return got
		}
		all = err
	}
	t.Fatalf("get: %v", all)
	return ""
}

// packages are JavaScript clients that npm has installed.
type packages struct {
	dir  string
	node int // Node's major version
}

// installNPM installs the pinned packages of testdata/npm, once per lock file for all runs.
func installNPM(t *testing.T) packages {
	t.Helper()
	version := strings.TrimPrefix(strings.TrimSpace(runs(t, "", "node", "--version")), "v")
	major, err := strconv.Atoi(strings.Split(version, ".")[0])
	if err != nil {
		t.Fatalf("node --version says %q", version)
	}
	lock, err := os.ReadFile("testdata/npm/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(lock)
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	p := packages{dir: filepath.Join(cache, "shiplog-e2e", "npm-"+hex.EncodeToString(sum[:8])), node: major}
	if _, err := os.Stat(p.dir); err == nil {
		return p
	}
	if err := os.MkdirAll(filepath.Dir(p.dir), 0o755); err != nil {
		t.Fatal(err)
	}
	fresh, err := os.MkdirTemp(filepath.Dir(p.dir), "new-")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"package.json", "package-lock.json"} {
		content, err := os.ReadFile(filepath.Join("testdata/npm", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(fresh, name), content, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	runs(t, "", "npm", "ci", "--prefix", fresh, "--ignore-scripts", "--no-audit", "--no-fund")
	if err := os.Rename(fresh, p.dir); err != nil && !errors.Is(err, os.ErrExist) {
		t.Fatal(err)
	}
	return p
}

// runs tells whether this machine's Node is new enough for a client: version 6 of both needs Node 20.
func (p packages) runs(name string) bool { return p.node >= 20 || !strings.HasSuffix(name, "redis6") }

// program starts conversations with one of the packages.
func (p packages) program(name string) func(*testing.T, string, string, []string) conversation {
	script, err := filepath.Abs("testdata/npm/session.cjs")
	return func(t *testing.T, key, value string, seeds []string) conversation {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return program("env", "NODE_PATH="+filepath.Join(p.dir, "node_modules"), "node", script, name)(t, key, value, seeds)
	}
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
	benchmark := []string{"redis-benchmark", "--cluster", "-h", host, "-p", port, "-t", "set,get,incr,mset", "-n", "10000", "-q"}
	for _, extra := range [][]string{{"-P", "1"}, {"-P", "16", "-r", "100000"}, {"-P", "16", "--threads", "2"}} {
		out := runs(t, "", append(slices.Clone(benchmark), extra...)...)
		if n := strings.Count(out, "requests per second"); n != 4 || strings.Contains(strings.ToLower(out), "error") || strings.Contains(out, "WARN") {
			t.Errorf("redis-benchmark --cluster %v: got %s", extra, out)
		}
	}
	if err := c.Check(); err != nil {
		t.Error(err)
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
