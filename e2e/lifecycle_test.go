package e2e

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestStart starts on an empty directory, sees the promised last line, and measures how long it takes.
func TestStart(t *testing.T) {
	var took []time.Duration
	underTest(t) // built before the time is taken
	for range 3 {
		begin := time.Now()
		n := startShiplog(t)
		took = append(took, time.Since(begin))
		lines := strings.Split(strings.TrimSpace(n.Output()), "\n")
		if want := "ready to accept connections on " + n.Addr(); !strings.HasSuffix(lines[len(lines)-1], want) {
			t.Errorf("last line: got %q, want it to end in %q", lines[len(lines)-1], want)
		}
		do(t, dial(t, n), "PING")
	}
	t.Logf("ready on an empty directory after %v", took)
	if best := min(took[0], took[1], took[2]); best > time.Second {
		t.Errorf("ready after %v, want at most 1s", best)
	}
}

// TestRestart loads many keys and measures the restart after a clean stop and after a kill.
func TestRestart(t *testing.T) {
	keys := pick(50_000, 1_000_000)
	n := startShiplog(t)
	c := dial(t, n)
	load(t, c, keys, "")
	for _, how := range []string{"stop", "kill"} {
		if how == "kill" {
			n.Kill()
		} else if code, took, err := n.Stop(5 * time.Second); err != nil || code != 0 {
			t.Fatalf("stop: exit code %d after %v: %v", code, took, err)
		}
		begin := time.Now()
		if err := n.Start(); err != nil {
			t.Fatal(err)
		}
		took := time.Since(begin)
		t.Logf("%s: ready with %d keys after %v", how, keys, took)
		if took > 3*time.Second {
			t.Errorf("%s: ready after %v, want at most 3s", how, took)
		}
		expect(t, dial(t, n), strconv.Itoa(keys), "DBSIZE")
	}
}

// load sets n keys, in pipelines of MSET or, with an option such as "PXAT 1", of SET.
func load(t testing.TB, c *Client, n int, option string) {
	t.Helper()
	c.Timeout = time.Minute
	const group, value = 10_000, "0123456789012345678901234567890123456789012345678901234567890123"
	for base := 0; base < n; base += group {
		var raw []byte
		words, replies := []string{"MSET"}, 1
		for i := base; i < min(n, base+group); i++ {
			if option != "" {
				raw = Command(raw, append([]string{"SET", fmt.Sprintf("key:%08d", i), value}, strings.Fields(option)...)...)
			} else {
				words = append(words, fmt.Sprintf("key:%08d", i), value)
			}
		}
		if option == "" {
			raw = Command(nil, words...)
		} else {
			replies = min(n, base+group) - base
		}
		if err := c.Write(raw); err != nil {
			t.Fatal(err)
		}
		for range replies {
			if v, err := reply(c.Read()); err != nil || v.Text != "OK" {
				t.Fatalf("load: %v %v", v, err)
			}
		}
	}
}

// TestTerminate ends a loaded server by SIGTERM: exit code 0 within five seconds, and nothing is lost.
func TestTerminate(t *testing.T) {
	n := startShiplog(t)
	w := newWorkload(t, dial(t, n), seeded(t))
	w.loadFor(t, n, time.Second, func() {
		code, took, err := n.Stop(5 * time.Second)
		if err != nil || code != 0 {
			t.Errorf("SIGTERM: exit code %d after %v: %v", code, took, err)
		}
		t.Logf("ended %v after SIGTERM", took)
	})
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	w.check(t, n)
	if code := exits(t, n, "SHUTDOWN"); code != 0 {
		t.Errorf("SHUTDOWN: exit code %d, want 0", code)
	}
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	w.check(t, n)
}

// exits sends a command that ends the server and returns the exit code.
func exits(t *testing.T, n *Node, words ...string) int {
	t.Helper()
	c := dial(t, n)
	if err := c.Send(words...); err != nil {
		t.Fatal(err)
	}
	code, err := n.Wait(5 * time.Second)
	if err != nil {
		t.Errorf("%v: %v", words, err)
	}
	return code
}

// TestRefusals starts the server in ways that must fail: with one clear line, a code that is not 0, and
// nothing touched.
func TestRefusals(t *testing.T) {
	running := startShiplog(t)
	do(t, dial(t, running), "SET", "k", "v")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "bad.conf")
	if err := os.WriteFile(file, []byte("timeout 0\n\nmaxclients abc\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		dir   string // "" for an empty one
		port  int    // 0 for a free one
		args  []string
		wants string // in the line
	}{
		{"unknown directive", "", 0, []string{"--nonsense", "1"}, "nonsense"},
		{"bad value", "", 0, []string{"--maxclients", "abc"}, "maxclients"},
		{"bad choice", "", 0, []string{"--appendfsync", "sometimes"}, "appendfsync"},
		{"no value", "", 0, []string{"--maxclients"}, "maxclients"},
		{"more databases", "", 0, []string{"--databases", "16"}, "databases"},
		{"open to the world without a password", "", 0, []string{"--bind", "0.0.0.0"}, "requirepass"},
		{"bad file", "", 0, []string{file}, "3"},
		{"no file", "", 0, []string{"/nonexistent.conf"}, "nonexistent"},
		{"port in use", "", taken.Addr().(*net.TCPAddr).Port, nil, "in use"},
		{"directory in use", running.Dir, 0, nil, running.Dir},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := test.dir
			if dir == "" {
				dir = filepath.Join(t.TempDir(), "data")
				if err := os.Mkdir(dir, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			n, err := NewNode(underTest(t), dir, test.args...)
			if err != nil {
				t.Fatal(err)
			}
			if len(test.args) == 1 && strings.HasSuffix(test.args[0], ".conf") {
				n.Program, n.Directives = append(append(Program{}, n.Program...), test.args[0]), nil
			}
			if test.port != 0 {
				n.Port = test.port
			}
			refuses(t, n, test.wants)
		})
	}
	expect(t, dial(t, running), "v", "GET", "k")
}

// TestNewerFormat starts on a data directory that a later version has written.
func TestNewerFormat(t *testing.T) {
	n := startShiplog(t)
	do(t, dial(t, n), "SET", "k", "v")
	if _, _, err := n.Stop(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	format := filepath.Join(n.Dir, "format")
	if err := os.WriteFile(format, []byte("99\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	refuses(t, n, "format")
}

// TestLogDump reads the log of a stopped server from the command line: every write is in it, and a directory in
// use is refused.
func TestLogDump(t *testing.T) {
	n := startShiplog(t)
	c := dial(t, n)
	for i := range 10 {
		do(t, c, "SET", fmt.Sprintf("dumped:%d", i), "v")
	}
	dump := func(extra ...string) (string, error) {
		words := append([]string{"log", "dump", "--dir", n.Dir}, extra...)
		out, err := Finish(exec.Command(n.Program[0], words...))
		return string(out), err
	}
	if out, err := dump(); err == nil || !strings.Contains(out, "in use") {
		t.Errorf("dump of a directory in use: got %q, %v", out, err)
	}
	if _, _, err := n.Stop(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	for _, extra := range [][]string{nil, {"--json"}} {
		out, err := dump(extra...)
		for i := range 10 {
			if key := fmt.Sprintf("dumped:%d", i); err != nil || !strings.Contains(out, key) {
				t.Errorf("dump %v: %q is not in %.2000q, %v", extra, key, out, err)
			}
		}
		for line := range strings.Lines(out) {
			if len(extra) > 0 && !json.Valid([]byte(line)) {
				t.Errorf("dump --json: got %q", line)
			}
		}
	}
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	expect(t, dial(t, n), "10", "DBSIZE")
}

// refuses launches a node that must not start.
func refuses(t *testing.T, n *Node, wants string) {
	t.Helper()
	before := tree(t, n.Dir)
	if err := n.Launch(); err != nil {
		t.Fatal(err)
	}
	code, err := n.Wait(10 * time.Second)
	if err != nil || code <= 0 {
		t.Errorf("exit code %d, %v; want another than 0", code, err)
	}
	line := strings.TrimSuffix(n.Stderr(), "\n")
	if line == "" || strings.Contains(line, "\n") || !strings.Contains(line, wants) {
		t.Errorf("stderr: got %q, want one line with %q", line, wants)
	}
	if after := tree(t, n.Dir); before != after {
		t.Errorf("the data directory was touched:\nbefore %s\nafter  %s", before, after)
	}
}

// tree describes a directory's files with a hash of each, without what a running server may be writing.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		b.WriteString(path + " ")
		if e.Type().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, "%x ", sha256.Sum256(data))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
