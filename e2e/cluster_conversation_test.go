package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// conversation is a client that does something, waits for a word, and ends with a word of its own.
type conversation interface {
	// begin does the first part.
	begin(t *testing.T)
	// tell has the client do the rest.
	tell(t *testing.T)
	// goOn does so, unless the client was told already, and returns what the client says at the end.
	goOn(t *testing.T) string
}

// process is a conversation with a program that prints "set", waits for a line and prints the value.
type process struct {
	why   func() error // it was killed
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Reader
	told  bool
	said  output
}

// talksWithin is how many minutes a program may talk.
const talksWithin, talksWithinLong = 4, 120

// program starts conversations with a program that takes a key, a value and start-up nodes.
func program(words ...string) starter {
	return func(t *testing.T, key, value string, seeds []string) conversation {
		t.Helper()
		limit := time.Duration(pick(talksWithin, talksWithinLong)) * time.Minute
		ctx, cancel := context.WithTimeoutCause(t.Context(), limit, fmt.Errorf("it was killed after %v", limit))
		t.Cleanup(cancel)
		args := append(append(slices.Clone(words[1:]), key, value), seeds...)
		p := &process{why: func() error { return context.Cause(ctx) }, cmd: exec.CommandContext(ctx, words[0], args...)}
		p.cmd.Stderr, p.cmd.WaitDelay = &p.said, exitWithin
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
		t.Fatalf("%s: %v, %v: %s", p.cmd, err, p.why(), tail(p.said.String(), 3000))
	}
	return strings.TrimSuffix(line, "\n")
}

func (p *process) begin(t *testing.T) {
	t.Helper()
	if got := p.line(t); got != "set" {
		t.Fatalf("%s said %q, want set", p.cmd, got)
	}
}

func (p *process) tell(*testing.T) {
	if !p.told {
		_, _ = io.WriteString(p.in, "\n") // when it has ended, its last words follow
	}
	p.told = true
}

func (p *process) goOn(t *testing.T) string {
	t.Helper()
	p.tell(t)
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
	answer     chan error // when it was told: nil when it has got the value
}

func startGoRedis(t *testing.T, key, value string, seeds []string) conversation {
	t.Helper()
	// While a node does not answer, go-redis looks at the cluster again only after this interval, by default a minute.
	options := &redis.ClusterOptions{Addrs: seeds, ClusterStateReloadInterval: time.Second}
	g := &goRedis{client: redis.NewClusterClient(options), key: key, value: value}
	g.client.OnNewNode(noteTries)
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

func (g *goRedis) tell(t *testing.T) {
	if g.answer != nil {
		return
	}
	g.answer = make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	go func() {
		defer cancel()
		var err error
		for ctx.Err() == nil { // it gives a dead node up after less than a second
			if g.value, err = g.client.Get(ctx, g.key).Result(); err == nil {
				break
			}
		}
		g.answer <- err
	}()
}

func (g *goRedis) goOn(t *testing.T) string {
	t.Helper()
	g.tell(t)
	if err := <-g.answer; err != nil {
		t.Fatalf("get: %v", err)
	}
	return g.value
}

// goRedisLoad is a conversation of go-redis in this process: it increments until it is told to stop; no error is forgiven.
type goRedisLoad struct {
	goRedis
	cancel context.CancelFunc
	steps  chan int
	failed chan error
}

func startGoRedisLoad(t *testing.T, key, value string, seeds []string) conversation {
	t.Helper()
	base := startGoRedis(t, key, value, seeds).(*goRedis)
	return &goRedisLoad{goRedis: *base, steps: make(chan int), failed: make(chan error, loadGroups)}
}

// loadGroups is how many commands of a load are under way at once.
const loadGroups = 8

func (g *goRedisLoad) begin(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	g.cancel = cancel
	for group := range loadGroups {
		go func() {
			n := 0
			for ; ctx.Err() == nil; n++ {
				name := fmt.Sprintf("%s:%d:%d", g.key, group, n%97)
				// It is not this context that ends a command: what is sent is to be answered.
				noting, tries := noted(context.WithoutCancel(ctx))
				if got, err := g.client.Incr(noting, name).Result(); err != nil || got != int64(n/97+1) {
					g.failed <- fmt.Errorf("INCR %s: %d, %w; want %d; it tried %s", name, got, err, n/97+1, tries)
					break
				}
			}
			g.steps <- n
		}()
	}
}

func (g *goRedisLoad) tell(*testing.T) { g.cancel() }

func (g *goRedisLoad) goOn(t *testing.T) string {
	t.Helper()
	g.tell(t)
	steps := 0
	for range loadGroups {
		steps += <-g.steps
	}
	for len(g.failed) > 0 {
		t.Error(<-g.failed)
	}
	return strconv.Itoa(steps)
}

// loads has all stock clients count, each about keys of its own.
func loads(t *testing.T, c *LocalCluster, about string) map[string]conversation {
	t.Helper()
	talks := make(map[string]conversation)
	for _, client := range stocks(t, "load") {
		talk := client.start(t, about+" of "+client.name, "", c.Addrs())
		talk.begin(t)
		talks[client.name] = talk
	}
	return talks
}

// endLoads ends what loads has begun: each client has taken steps, and has seen no error.
func endLoads(t *testing.T, talks map[string]conversation) {
	t.Helper()
	for name, talk := range talks {
		if steps, err := strconv.Atoi(talk.goOn(t)); err != nil || steps < 50 {
			t.Errorf("%s took %d steps, %v", name, steps, err)
		} else {
			t.Logf("%s took %d steps", name, steps)
		}
	}
}
