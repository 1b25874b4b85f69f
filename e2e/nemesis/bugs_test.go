//go:build bugs

package nemesis

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"shiplog/e2e"
)

// finder is which tests of a package must find a mistake of BUGS.md. A test that waits for what the mistake prevents finds it when its time
// is over.
type finder struct{ bug, dir, tests string }

func finders() []finder {
	const suite = "^(TestLog|TestDeliverLeavesNothingOut)$"
	return []finder{
		{"ack-before-log", "partitions", "."},
		{"no-fence", "wal/jetstream", suite},
		{"lease-ignores-pause", "partitions", "."},
		{"lease-before-read", "partitions", "."},
		{"apply-twice", "partitions", "."},
		{"trim-by-applied", "partitions", "."},
		{"no-flush", "partitions", "."},
		{"expire-by-own-clock", "partitions/keyspace", "."},
		{"split-unit", "partitions", "^TestLargeUnitIsWholeOrAbsent$"},
		{"no-epoch", "partitions", "."},
		{"give-up", "wal/jetstream", suite},
		{"error-when-unknown", "wal/jetstream", suite},
		{"dirty-read", "partitions", "."},
		{"default-sync", "embedded", "^(TestSyncModes|TestCheckSync)$"},
		{"keep-divergent-state", "shipper", "."},
		{"first-available", "wal/jetstream", "^TestDeliverLeavesNothingOut$"},
	}
}

// leastCaught is how many of the mistakes must be found.
const leastCaught = 12

// TestSeededBugs makes every mistake of BUGS.md and counts those that tests find. The same tests must pass without it.
func TestSeededBugs(t *testing.T) {
	told, err := os.ReadFile("BUGS.md")
	if err != nil {
		t.Fatal(err)
	}
	if rows := len(regexp.MustCompile("(?m)^\\| `").FindAll(told, -1)); rows != len(finders()) {
		t.Errorf("BUGS.md tells of %d mistakes, %d are made", rows, len(finders()))
	}
	built, caught := make(map[string]string), 0
	var table strings.Builder
	for _, f := range finders() {
		if !strings.Contains(string(told), "| `"+f.bug+"` |") || !strings.Contains(string(told), "| "+f.dir+" |") {
			t.Errorf("BUGS.md does not tell of %s", f.bug)
		}
		if built[f.dir] == "" {
			built[f.dir] = buildTests(t, f.dir)
		}
		if _, _, err := f.run(t, built[f.dir], ""); err != nil {
			t.Fatalf("%s without a mistake: %v", f.dir, err)
		}
		test, took, err := f.run(t, built[f.dir], f.bug)
		if err == nil {
			fmt.Fprintf(&table, "%-22s NOT caught by %s of %s\n", f.bug, f.tests, f.dir)
			continue
		}
		caught++
		fmt.Fprintf(&table, "%-22s caught after %5.2f s by %s of %s\n", f.bug, took.Seconds(), test, f.dir)
	}
	t.Logf("\n%scaught %d/%d", table.String(), caught, len(finders()))
	if caught < leastCaught {
		t.Errorf("caught %d, want at least %d", caught, leastCaught)
	}
}

// buildTests compiles a package's tests with the mistakes in them.
func buildTests(t *testing.T, dir string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "tests")
	cmd := exec.Command("go", "test", "-c", "-tags", "bugs", "-o", file, "./"+dir)
	cmd.Dir = "../.."
	if out, err := e2e.FinishBuild(cmd); err != nil {
		t.Fatalf("build the tests of %s: %v\n%s", dir, err, out)
	}
	return file
}

// run runs the tests with a mistake and returns the first one that failed, after how long, and an error if one did.
func (f finder) run(t *testing.T, file, bug string) (test string, took time.Duration, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, file, "-test.failfast", "-test.v", "-test.run", f.tests)
	cmd.Dir = filepath.Join("../..", f.dir)
	cmd.Env = append(os.Environ(), "SHIPLOG_BUG="+bug)
	begin := time.Now()
	out, err := e2e.Finish(cmd)
	if err == nil {
		return "", 0, nil
	}
	if failed := regexp.MustCompile(`(?m)^--- FAIL: (\S+)`).FindSubmatch(out); failed != nil {
		return string(failed[1]), time.Since(begin), err
	}
	if ctx.Err() != nil || strings.Contains(string(out), "panic:") {
		return "a test that hung or panicked", time.Since(begin), err
	}
	return "", 0, errors.Join(fmt.Errorf("the tests of %s do not run: %s", f.dir, out), err)
}
