package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The shell pipeline rebuilds the keys in a plain redis-server: from the log alone, and from a snapshot.
func TestChangesPipeline(t *testing.T) {
	n := startShiplog(t)
	c := dial(t, n)
	do(t, c, "SET", "gone", "x")
	do(t, c, "DEL", "gone")
	for i := range 300 {
		do(t, c, "SET", fmt.Sprint("s:", i), fmt.Sprint(i, "\r\n\x00\xff"), "PX", "100000000")
		do(t, c, "HSET", fmt.Sprint("h:", i%7), fmt.Sprint(i), "v")
		do(t, c, "RPUSH", "list", fmt.Sprint(i))
		do(t, c, "ZADD", "zset", fmt.Sprint(i), fmt.Sprint("m", i))
		do(t, c, "XADD", "stream", fmt.Sprint(i+1, "-1"), "f", fmt.Sprint(i))
	}
	do(t, c, "RENAME", "h:1", "renamed")
	for _, from := range []string{"--from begin", "--with-snapshot"} {
		target := startRedis(t)
		shell := fmt.Sprintf("%s changes %s %s --format resp | redis-cli -p %d --pipe", underTest(t)[0], n.Addr(), from, target.Port)
		out, err := Finish(exec.Command("sh", "-c", shell))
		if err != nil || !strings.Contains(string(out), "errors: 0") {
			t.Fatalf("%s: %v: %s", from, err, out)
		}
		other := dial(t, target)
		if want, got := do(t, c, "DBSIZE").String(), do(t, other, "DBSIZE").String(); got != want {
			t.Errorf("%s: %s keys, want %s", from, got, want)
		}
		for _, key := range do(t, c, "KEYS", "*").Elems {
			if want, got := serverPortrait(t, c, key.Text), serverPortrait(t, other, key.Text); got != want {
				t.Errorf("%s: %s is %s, want %s", from, key.Text, got, want)
			}
		}
	}
}

// follow runs "shiplog changes --follow" with its output appended to a file, and returns how to kill it.
func follow(t *testing.T, addr, checkpoint, output string) (kill func()) {
	t.Helper()
	file, err := os.OpenFile(output, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	noError(t, err)
	var said bytes.Buffer
	cmd := exec.Command(underTest(t)[0], "changes", addr, "--from", "begin", "--follow", "--checkpoint", checkpoint)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = file, &said, exitWithin
	noError(t, cmd.Start())
	killed := false
	kill = func() {
		if killed {
			return
		}
		killed = true
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
		_ = file.Close()
		if said.Len() > 0 {
			t.Errorf("it said %s", said.String())
		}
	}
	t.Cleanup(kill)
	return kill
}

// The command follows a cluster through failures of nodes and its own death: what it has printed is every change, in order within each partition; what
// it has printed twice has the same position.
func TestChangesCommandThroughFailures(t *testing.T) {
	c := startLocal(t, "--partitions", "4")
	rng := seeded(t)
	dir := t.TempDir()
	checkpoint, output := filepath.Join(dir, "checkpoint"), filepath.Join(dir, "output")
	w := writeNumbers(t, c)
	seed := func() string { return c.Members[rng.IntN(len(c.Members))].Addr }
	kill := follow(t, seed(), checkpoint, output)
	for round := range pick(2, 40) {
		w.await(t, 300)
		victim := c.Members[rng.IntN(len(c.Members))]
		noError(t, c.KillMember(victim))
		w.await(t, 300)
		noError(t, c.Restart(victim))
		eventually(t, settleWithin, c.Check)
		c.handOver(t, round%4)
		kill()
		kill = follow(t, seed(), checkpoint, output)
		w.await(t, 300)
	}
	w.stop()
	conn, err := DialTimeout(c.Members[0].Addr, 20*time.Second)
	noError(t, err)
	defer conn.Close()
	var logged [4][]string
	for p := range logged {
		logged[p] = loggedChanges(t, conn, p)
	}
	eventually(t, 30*time.Second, func() error { return printedAll(t, output, logged[:]) })
	kill()
}

// printedAll tells whether the output has all changes, each partition's in order, but for some that come again in the order in which they came.
func printedAll(t *testing.T, output string, logged [][]string) error {
	t.Helper()
	content, err := os.ReadFile(output)
	noError(t, err)
	places := make(map[string]int)
	for _, all := range logged {
		for i, line := range all {
			places[line] = i
		}
	}
	reached := make([]int, len(logged))
	lines := strings.Split(string(content), "\n")
	for i, line := range lines[:len(lines)-1] { // a kill may cut a line
		place, known := places[line]
		if !known {
			if strings.HasSuffix(line, "}") && strings.Count(line, `"v":1`) == 1 {
				t.Fatalf("line %d is in no log: %s", i, line)
			}
			if at := strings.LastIndex(line, `{"v":1`); at > 0 { // cut off, and the next life began behind it
				place, known = places[line[at:]]
				line = line[at:]
			}
			if !known {
				t.Fatalf("line %d is in no log: %s", i, line)
			}
		}
		p, err := strconv.Atoi(strings.TrimSuffix(betweenText(line, `"partition":`, ","), ","))
		noError(t, err)
		if place > reached[p] {
			t.Fatalf("partition %d: change %d is missing, %d came", p, reached[p], place)
		}
		if place == reached[p] {
			reached[p]++
		}
	}
	for p := range logged {
		if reached[p] < len(logged[p]) {
			return fmt.Errorf("partition %d: %d of %d changes are printed", p, reached[p], len(logged[p]))
		}
	}
	return nil
}

func betweenText(text, before, behind string) string {
	_, rest, _ := strings.Cut(text, before)
	found, _, _ := strings.Cut(rest, behind)
	return found
}

// The words of the command, what it refuses, and what it prints.
func TestChangesCommand(t *testing.T) {
	n := startShiplog(t)
	c := dial(t, n)
	do(t, c, "SET", "a:1", "one")
	do(t, c, "SADD", "b:1", "m")
	do(t, c, "DEL", "a:1")
	changes := func(words ...string) (string, error) {
		out, err := Finish(exec.Command(underTest(t)[0], append([]string{"changes", n.Addr()}, words...)...))
		return string(out), err
	}
	for _, tt := range []struct {
		words string
		want  []string
	}{
		{"--match a:*", []string{`"op":"set"`, `"op":"del"`}},
		{"--types set", []string{`"op":"sadd"`}},
		{"--ops del", []string{`"op":"del"`}},
		{"--from 10m --ops set", []string{`"op":"set"`}},
		{"--from end", nil},
		{"--with-snapshot", []string{`"snapshot":true`}},
		{"--format table --ops sadd", []string{`sadd     "b:1"                member="m"`}},
	} {
		out, err := changes(strings.Fields(tt.words)...)
		lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
		if len(tt.want) == 0 {
			lines = slices.DeleteFunc(lines, func(l string) bool { return l == "" })
		}
		if err != nil || len(lines) != len(tt.want) {
			t.Errorf("%s: %v: %s", tt.words, err, out)
			continue
		}
		for i, want := range tt.want {
			if !strings.Contains(lines[i], want) {
				t.Errorf("%s: line %d is %s, want %s", tt.words, i, lines[i], want)
			}
		}
	}
	for words, want := range map[string]string{
		"--format xml": "json, resp or table", "--from yesterday": "--from is a token", "--with-snapshot --from end": "cannot be given too",
		"--types car": "unknown type 'car'", "extra": "--words",
	} {
		if out, err := changes(strings.Fields(words)...); err == nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v: %s, want %q", words, err, out, want)
		}
	}
}

// A reader that comes too late is told so: nothing is skipped.
func TestChangesCommandTooLate(t *testing.T) {
	n := startShiplog(t, "--log-retention-seconds", "0", "--state-flush-seconds", "1")
	c := dial(t, n)
	checkpoint := filepath.Join(t.TempDir(), "checkpoint")
	words := []string{"changes", n.Addr(), "--checkpoint", checkpoint}
	out, err := Finish(exec.Command(underTest(t)[0], words...))
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for i := range 200 {
		do(t, c, "SET", fmt.Sprint(i), "v")
	}
	do(t, c, "SAVE")
	eventually(t, 20*time.Second, func() error {
		do(t, c, "SET", "more", "v")
		out, err := Finish(exec.Command(underTest(t)[0], words[:2]...))
		if err != nil || strings.Contains(string(out), `"key":"0"`) {
			return fmt.Errorf("the log is not trimmed yet: %v", err)
		}
		return nil
	})
	n.Kill()
	noError(t, n.Start()) // it has nothing in memory that the log lacks
	if out, err := Finish(exec.Command(underTest(t)[0], words...)); err == nil || !strings.Contains(string(out), "no longer has what follows") {
		t.Errorf("%v: %.300s", err, out)
	}
}

// redis-py reads changes as any command's reply.
func TestChangesWithRedisPy(t *testing.T) {
	n := startShiplog(t)
	if got := runs(t, "", "/usr/bin/python3", "testdata/changes.py", strconv.Itoa(n.Port)); got != "ok\n" {
		t.Errorf("got %q", got)
	}
}
