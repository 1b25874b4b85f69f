package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"

	"shiplog/node"
)

// TestExitCodes holds the code and the one line of everything that is refused, and that nothing was made.
func TestExitCodes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	for _, tt := range []struct {
		args string
		code int
		line string
	}{
		{"", exitUsage, "shiplog: which command? see shiplog help\n"},
		{"foo", exitUsage, "shiplog: unknown command \"foo\": see shiplog help\n"},
		{"help foo", exitUsage, "shiplog: no help on \"foo\": see shiplog help\n"},
		{"log", exitUsage, "shiplog: log: expected dump: see shiplog help\n"},
		{"log dump --x", exitUsage, "shiplog: log dump: flag provided but not defined: -x: see shiplog help\n"},
		{"log dump x", exitUsage, "shiplog: log dump: unexpected \"x\": see shiplog help\n"},
		{"log dump --partition -1", exitUsage, "shiplog: log dump: no partition -1: see shiplog help\n"},
		{"serve --dir " + dir + " --port x", exitFailed, "shiplog: command line: \"--port x\": argument couldn't be parsed into an integer\n"},
		{"serve --dir " + dir + " --foo", exitFailed, "shiplog: command line: \"--foo\": unknown directive (shiplog help directives lists them)\n"},
		{"serve --dir " + dir + " --bind *", exitFailed, "shiplog: listening on * needs a password: set requirepass, or bind only to loopback addresses\n"},
		{"serve --dir " + dir + " --bind 198.51.100.1 --requirepass x", exitFailed, "shiplog: 198.51.100.1 is not an address of this machine; change it with --bind\n"},
		{"log dump --dir " + dir, exitFailed, "shiplog: " + dir + " is not a data directory of shiplog\n"},
	} {
		var stdout, stderr bytes.Buffer
		code := run(strings.Fields(tt.args), &stdout, &stderr)
		if code != tt.code || stderr.String() != tt.line || stdout.Len() != 0 {
			t.Errorf("shiplog %s: code %d, stderr %q, stdout %q; want %d, %q", tt.args, code, &stderr, &stdout, tt.code, tt.line)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Fatalf("shiplog %s made %s", tt.args, dir)
		}
	}
}

func TestHelp(t *testing.T) {
	for args, want := range map[string]string{
		"help":            "shiplog serve [FILE]",
		"--help":          "shiplog serve [FILE]",
		"serve --help":    "Exit code:",
		"help serve":      "Exit code:",
		"log --help":      "--partition N",
		"local --help":    "--base-port PORT",
		"help cluster":    "failover PARTITION",
		"help directives": "appendfsync",
		"version":         "shiplog " + node.Version + " (",
	} {
		var stdout, stderr bytes.Buffer
		if code := run(strings.Fields(args), &stdout, &stderr); code != exitOK || !strings.Contains(stdout.String(), want) {
			t.Errorf("shiplog %s: code %d, %q, %q; want %q in it", args, code, &stdout, &stderr, want)
		}
	}
}

// fakeNode is a server that tells what happened to it.
type fakeNode struct {
	run    func(ctx context.Context) error
	ready  chan struct{}
	closed int
}

func (n *fakeNode) Run(ctx context.Context) error { return n.run(ctx) }
func (n *fakeNode) Ready() <-chan struct{}        { return n.ready }
func (n *fakeNode) Addr() string                  { return "127.0.0.1:7000" }
func (n *fakeNode) Close() error                  { n.closed++; return nil }

// serveFake runs serve with a node whose Run is given, and returns what was written.
func serveFake(t *testing.T, n *fakeNode, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	n.ready = make(chan struct{})
	open := func(_ *node.Config, log *slog.Logger) (server, error) {
		log.Info("opening")
		log.Debug("not shown")
		return n, nil
	}
	var out, messages bytes.Buffer
	err = serve(args, open, streams{&out, &messages})
	if n.closed != 1 {
		t.Errorf("closed %d times, want once", n.closed)
	}
	return out.String(), messages.String(), err
}

func TestServeStopsAtSignal(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		n := new(fakeNode)
		n.run = func(ctx context.Context) error {
			close(n.ready)
			if err := syscall.Kill(os.Getpid(), sig); err != nil {
				return err
			}
			<-ctx.Done()
			return nil
		}
		stdout, stderr, err := serveFake(t, n, "--dir", "/tmp/x", "--appendfsync", "everysec")
		want := version() + `
mode: solo, one node with one partition
durability: appendfsync everysec, an acknowledged write survives a crash of the server; a power cut may lose up to about a second of acknowledged writes
data directory: /tmp/x
ready to accept connections on 127.0.0.1:7000
`
		if err != nil || stdout != want {
			t.Errorf("error %v, stdout:\n%s\nwant:\n%s", err, stdout, want)
		}
		if !strings.Contains(stderr, `level=notice msg=opening`) || strings.Contains(stderr, "not shown") {
			t.Errorf("messages %q, want opening at level notice only", stderr)
		}
	}
}

// TestServeStartsOver has a node asked to start over: it is closed, and opened again without whom to join.
func TestServeStartsOver(t *testing.T) {
	var joins [][]string
	var nodes []*fakeNode
	open := func(c *node.Config, _ *slog.Logger) (server, error) {
		joins = append(joins, c.Cluster.Join)
		n := &fakeNode{ready: make(chan struct{})}
		close(n.ready)
		n.run = func(context.Context) error {
			if len(nodes) == 1 {
				return node.ErrReset
			}
			return nil
		}
		nodes = append(nodes, n)
		return n, nil
	}
	var out, messages bytes.Buffer
	err := serve(strings.Fields("--dir /tmp/x --cluster-enabled yes --cluster-auth 0123456789abcdef --port 7000 --join 10.0.0.1:17000"), open, streams{&out, &messages})
	if err != nil || len(nodes) != 2 || nodes[0].closed != 1 || nodes[1].closed != 1 {
		t.Fatalf("error %v, %d nodes opened", err, len(nodes))
	}
	if len(joins[0]) != 1 || len(joins[1]) != 0 {
		t.Errorf("joined %q", joins)
	}
	if got := out.String(); strings.Count(got, "ready to accept") != 2 || !strings.Contains(got, "\nreset: this node starts over") {
		t.Errorf("it said %s", got)
	}
}

func TestMode(t *testing.T) {
	const cluster = "--cluster-enabled yes --cluster-auth 0123456789abcdef "
	for args, want := range map[string]string{
		"":                                 "mode: solo, one node with one partition",
		cluster:                            "mode: cluster, other nodes on port 16379",
		cluster + "--port 7000 --expect 3": "mode: cluster, other nodes on port 17000; with 3 nodes it creates a cluster of 16 partitions with 3 copies each",
		cluster + "--partitions 4 --expect 2 --allow-fewer-replicas yes": "mode: cluster, other nodes on port 16379; with 2 nodes it creates " +
			"a cluster of 4 partitions with 2 copies each; fewer than 3 copies: no automatic failover, the loss of a node stops " +
			"its partitions until it is back",
	} {
		if got := mode(loaded(t, strings.Fields(args)...)); got != want {
			t.Errorf("%s:\n got %s\nwant %s", args, got, want)
		}
	}
}

func TestServeReportsFailure(t *testing.T) {
	broken := errors.New("broken")
	stdout, _, err := serveFake(t, &fakeNode{run: func(context.Context) error { return broken }})
	if !errors.Is(err, broken) || strings.Contains(stdout, "ready") {
		t.Errorf("error %v, stdout %q; want %v and no word of being ready", err, stdout, broken)
	}
}

func TestServeWritesLogFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.log")
	n := &fakeNode{run: func(context.Context) error { return nil }}
	_, stderr, err := serveFake(t, n, "--logfile", name)
	if err != nil || stderr != "" {
		t.Errorf("error %v, stderr %q; want none", err, stderr)
	}
	if content, err := os.ReadFile(name); err != nil || !strings.Contains(string(content), "msg=opening") {
		t.Errorf("log file %q, %v", content, err)
	}
	n = &fakeNode{run: func(context.Context) error { return nil }}
	if _, _, err := serveFake(t, n, "--logfile", "/nonexistent/x.log"); err == nil {
		t.Error("a log file that cannot be written was accepted")
	}
}

func TestRefusedStartMakesNoLogFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.log")
	refused := errors.New("refused")
	open := func(*node.Config, *slog.Logger) (server, error) { return nil, refused }
	var out bytes.Buffer
	if err := serve([]string{"--logfile", name}, open, streams{&out, &out}); !errors.Is(err, refused) || out.Len() > 0 {
		t.Errorf("error %v, output %q", err, &out)
	}
	if _, err := os.Stat(name); err == nil {
		t.Error("the log file was made")
	}
}

func TestRevision(t *testing.T) {
	settings := []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.modified", Value: "true"}}
	if got, want := revision(settings), "commit 0123456789ab+, "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := revision(nil); got != "" {
		t.Errorf("got %q, want nothing", got)
	}
}
