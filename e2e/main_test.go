package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestMain refuses to run without the programs that the tests compare with, rather than testing less.
func TestMain(m *testing.M) {
	if missing := missingPrograms(); len(missing) > 0 {
		fmt.Fprintf(os.Stderr, "e2e needs %s: apt-get install redis-server redis-tools python3-redis e2fsprogs nodejs npm\n",
			strings.Join(missing, ", "))
		os.Exit(1)
	}
	Sweep()
	code := m.Run()
	_ = os.RemoveAll(Scratch()) // best effort: it lies in the temporary directory
	os.Exit(code)
}

func missingPrograms() (missing []string) {
	for _, name := range []string{"redis-server", "redis-cli", "redis-benchmark", "mkfs.ext4", "mount", "node", "npm"} {
		if _, err := exec.LookPath(name); err != nil {
			missing = append(missing, name)
		}
	}
	if _, err := Finish(exec.Command("/usr/bin/python3", "-c", "import redis")); err != nil {
		missing = append(missing, "python3-redis for /usr/bin/python3")
	}
	return missing
}

// underTest is the program under test, built once per run.
func underTest(t testing.TB) Program {
	t.Helper()
	p, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var built = sync.OnceValues(func() (Program, error) {
	if err := os.MkdirAll(Scratch(), 0o755); err != nil {
		return nil, err
	}
	return Build("..", filepath.Join(Scratch(), "shiplog"))
})

// startShiplog starts the server under test on an empty directory with appendfsync always, unless a directive
// says otherwise.
func startShiplog(t testing.TB, directives ...string) *Node {
	t.Helper()
	return startIn(t, t.TempDir(), directives...)
}

// startIn is startShiplog on a given directory.
func startIn(t testing.TB, dir string, directives ...string) *Node {
	t.Helper()
	return start(t, underTest(t), dir, append([]string{"--appendfsync", "always"}, directives...)...)
}

// startRedis starts the oracle.
func startRedis(t testing.TB, directives ...string) *Node {
	t.Helper()
	return start(t, Redis(), t.TempDir(), directives...)
}

func start(t testing.TB, p Program, dir string, directives ...string) *Node {
	t.Helper()
	n, err := NewNode(p, dir, directives...)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.Kill()
		if t.Failed() {
			t.Logf("last words of %s: %s", filepath.Base(p[0]), tail(n.Output(), 3000))
		}
	})
	return n
}

func tail(text string, n int) string {
	return text[max(0, len(text)-n):]
}

// dial connects to a node for the length of the test.
func dial(t testing.TB, n *Node) *Client {
	t.Helper()
	c, err := Dial(n.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// do sends a command whose reply must be neither an error nor a broken connection.
func do(t testing.TB, c *Client, words ...string) Value {
	t.Helper()
	v, err := c.Do(words...)
	if err != nil {
		t.Fatalf("%.80q: %v", words, err)
	}
	if v.IsError() {
		t.Fatalf("%.80q: got error %q", words, v.Text)
	}
	return v
}

// expect sends a command and compares its reply's text.
func expect(t testing.TB, c *Client, want string, words ...string) {
	t.Helper()
	v, err := c.Do(words...)
	if err != nil {
		t.Fatalf("%.80q: %v", words, err)
	}
	if v.Text != want {
		t.Errorf("%.80q: got %v, want %q", words, v, want)
	}
}

// long tells whether the long forms of the tests are asked for.
func long() bool { return os.Getenv("SHIPLOG_LONG") == "1" }

// pick returns the long figure in long runs and the ordinary one otherwise.
func pick(ordinary, inLong int) int {
	if long() {
		return inLong
	}
	return ordinary
}

// seeded returns a random source whose seed is printed, and given by SHIPLOG_SEED when set.
func seeded(t testing.TB) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("SHIPLOG_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("SHIPLOG_SEED: %v", err)
		}
	}
	t.Logf("replay with SHIPLOG_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, seed))
}

// eventually polls until what returns nil.
func eventually(t testing.TB, limit time.Duration, what func() error) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for {
		err := what()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %v", limit, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
