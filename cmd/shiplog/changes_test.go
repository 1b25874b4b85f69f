package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"shiplog/node/changes"
	"shiplog/wal"
)

// tokenAt is the token of a partition behind a record.
func tokenAt(partition int, seq wal.Seq) string {
	p := changes.Position{Partition: partition, Position: wal.Position{Incarnation: wal.Incarnation{7}, Seq: seq, Epoch: 1, Index: uint64(seq)}}
	return changes.Token{Partitions: []changes.Position{p}}.String()
}

func batchOf(partition int, seq wal.Seq, items ...string) *batch {
	b := &batch{partition: partition, token: tokenAt(partition, seq)}
	for _, item := range items {
		b.items = append(b.items, answer{text: item})
	}
	return b
}

// Where a feed begins, in the words of CHANGES READ.
func TestParseFrom(t *testing.T) {
	now, token := time.UnixMilli(1_700_000_000_000), tokenAt(0, 3)
	for _, tt := range []struct {
		word   string
		follow bool
		want   string
	}{
		{"", false, "BEGIN"}, {"", true, "END"}, {"begin", true, "BEGIN"}, {"End", false, "END"}, {token, false, token},
		{"1700000000000", false, "TIME 1700000000000"}, {"10m", false, "TIME 1699999400000"}, {"2023-11-14T22:13:20Z", false, "TIME 1700000000000"},
		{"yesterday", false, ""}, {"-5m", false, ""}, {"-5", false, ""},
	} {
		if got, err := parseFrom(tt.word, tt.follow, now); got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("--from %q, follow %v: got %q, %v; want %q", tt.word, tt.follow, got, err, tt.want)
		}
	}
}

// What the command line may say, and what not.
func TestParseChanges(t *testing.T) {
	o, err := parseChanges(strings.Fields("10.0.0.1:7000 --follow --match user:* --types hash --ops hset,hdel --format table --checkpoint file"), time.Now())
	if err != nil || o.addr != "10.0.0.1:7000" || !o.follow || o.from != "END" || o.format != "table" || o.checkpoint != "file" ||
		!slices.Equal(o.filter, []string{"MATCH", "user:*", "TYPES", "hash", "OPS", "hset,hdel"}) {
		t.Errorf("got %+v, %v", o, err)
	}
	for _, words := range []string{"nowhere", "--format xml", "--with-snapshot --from begin", "--with-snapshot --ops set", "--from never", "--follow 1.2.3.4:5", "--sideways"} {
		if _, err := parseChanges(strings.Fields(words), time.Now()); err == nil {
			t.Errorf("shiplog changes %s is no error", words)
		}
	}
}

// Changes of all partitions are printed as they come; the checkpoint is written when every partition has a token, and never says more than what
// was handed over. Who goes on from it goes on in each partition.
func TestCheckpoint(t *testing.T) {
	var out bytes.Buffer
	file := filepath.Join(t.TempDir(), "checkpoint")
	o := changesOptions{from: "BEGIN", format: "json", checkpoint: file}
	f := newFeed(o, &out)
	if err := f.begin(t.Context(), 2); err != nil || f.at[0] != "BEGIN" || f.at[1] != "BEGIN" {
		t.Fatalf("it begins at %q, %v", f.at, err)
	}
	takes := func(b *batch) {
		t.Helper()
		if err := errors.Join(f.take(b), f.save(true)); err != nil {
			t.Fatal(err)
		}
	}
	takes(batchOf(1, 5, "{1}", "{2}"))
	if _, err := os.Stat(file); err == nil {
		t.Error("there is a checkpoint, and nothing is known of partition 0")
	}
	takes(batchOf(0, 9, "{3}"))
	takes(batchOf(1, 6))
	if got, want := out.String(), "{1}\n{2}\n{3}\n"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
	next := newFeed(o, &out)
	if err := next.begin(t.Context(), 2); err != nil || next.at[0] != tokenAt(0, 9) || next.at[1] != tokenAt(1, 6) {
		t.Errorf("it goes on at %q, %v", next.at, err)
	}
	if err := newFeed(o, &out).begin(t.Context(), 3); err == nil {
		t.Error("the checkpoint of two partitions is taken for one of three")
	}
	broken := newFeed(o, iotest.TruncateWriter(&out, 0))
	broken.out = bufio.NewWriter(failing{})
	if err := broken.begin(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(file)
	if err := broken.take(batchOf(0, 20, "{4}")); err == nil {
		t.Error("what cannot be printed is no error")
	}
	if after, _ := os.ReadFile(file); !bytes.Equal(before, after) {
		t.Error("the checkpoint counts what was not printed")
	}
	if err := os.WriteFile(file, []byte("rubbish\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := newFeed(o, &out).begin(t.Context(), 2); err == nil {
		t.Error("rubbish is taken for a checkpoint")
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(file), ".checkpoint-*")); len(left) > 0 {
		t.Errorf("%q are left", left)
	}
}

// failing is a full disk.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("no space") }

// The forms: lines of JSON, commands without anything between, rows for people.
func TestChangesForms(t *testing.T) {
	const item = `{"v":1,"partition":3,"slot":12,"incarnation":"00","sequence":77,"index":2,"epoch":1,"time":1700000000123,"type":"hash","op":"hset","cause":"expire",` +
		`"unit":2,"first":true,"last":true,"key64":"/w==","field":"f \"1\"","value":"` + "\u00e9" + `"}`
	for format, want := range map[string]string{
		"json":  item + "\n" + item + "\n",
		"resp":  item + item,
		"table": `77.2    hset     base64:/w==          field="f \"1\"" value="é" (expire)` + "\n",
	} {
		var out bytes.Buffer
		f := newFeed(changesOptions{format: format}, &out)
		f.at = []string{"", "", "", "BEGIN"}
		if err := f.take(batchOf(3, 77, item, item)); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); format != "table" && got != want || !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", format, got, want)
		}
	}
	if err := printRow(bufio.NewWriter(&bytes.Buffer{}), "no JSON"); err == nil {
		t.Error("what is no JSON is a row")
	}
}

// What an answer says of where to go on.
func TestVerdicts(t *testing.T) {
	refused := func(text string) error { return fmt.Errorf("%w: %s", errReply, text) }
	for _, tt := range []struct {
		err    error
		moved  string
		passes bool
	}{
		{errors.New("connection refused"), "", true},
		{refused("MOVED 1024 10.0.0.2:7001"), "10.0.0.2:7001", true},
		{refused("TRYAGAIN partition 3 is here, but not open yet"), "", true},
		{refused("CLUSTERDOWN nobody leads"), "", true},
		{refused("LOADING"), "", true},
		{refused("TRIMMED a b"), "", false},
		{refused("FOREIGN the token"), "", false},
		{refused("NOAUTH Authentication required."), "", false},
	} {
		if moved, passes := verdictOn(tt.err); moved != tt.moved || passes != tt.passes {
			t.Errorf("%v: got %q, %v; want %q, %v", tt.err, moved, passes, tt.moved, tt.passes)
		}
	}
	if got := explain(refused("TRIMMED first snapshot")).Error(); !strings.Contains(got, "--with-snapshot") || !strings.Contains(got, "begins at first)") {
		t.Errorf("TRIMMED is explained as %q", got)
	}
}

// A partition is asked for where an answer sends it, which need not be known before; without an answer at the next node.
func TestTurn(t *testing.T) {
	n := newNodes("a:1", access{})
	n.addrs = append(n.addrs, "b:1", "c:1")
	at := n.where
	for _, step := range []struct{ moved, want string }{{"", "b:1"}, {"c:1", "c:1"}, {"", "a:1"}, {"d:1", "d:1"}, {"", "a:1"}, {"", "b:1"}} {
		n.turn(5, step.moved)
		if got := at(5); got != step.want {
			t.Fatalf("sent to %q it asks at %s, want %s", step.moved, got, step.want)
		}
	}
	if got := at(6); got != "a:1" {
		t.Errorf("another partition is asked for at %s", got)
	}
}

// scripted is a node that gives each connection's commands these answers, and knows nobody else.
func scripted(t *testing.T, answers func(words string) string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() { // ends with the listener
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serveScript(conn, answers) // ends with the connection
		}
	}()
	return l.Addr().String()
}

func serveScript(conn net.Conn, answers func(words string) string) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	for {
		var n, size int
		if _, err := fmt.Fscanf(r, "*%d\r\n", &n); err != nil {
			return
		}
		words := make([]string, n)
		for i := range words {
			if _, err := fmt.Fscanf(r, "$%d\r\n", &size); err != nil {
				return
			}
			word := make([]byte, size+2)
			for got := 0; got < len(word); {
				k, err := r.Read(word[got:])
				if err != nil {
					return
				}
				got += k
			}
			words[i] = string(word[:size])
		}
		reply := answers(strings.Join(words, " "))
		if _, err := conn.Write([]byte(reply)); err != nil || reply == "" {
			return
		}
	}
}

// A question goes where the partition has gone: over MOVED, a node that is down, and one that has it but not yet.
func TestAskFollowsThePartition(t *testing.T) {
	tries := 0
	home := scripted(t, func(words string) string {
		switch {
		case words == "CLUSTER NODES":
			return "$0\r\n\r\n"
		case strings.HasPrefix(words, "CHANGES READ 4"):
			if tries++; tries < 3 {
				return "-TRYAGAIN partition 4 is here, but not open yet\r\n"
			}
			return "*2\r\n$1\r\nt\r\n*0\r\n"
		}
		return "-ERR unknown command\r\n"
	})
	front := scripted(t, func(words string) string {
		if words == "CLUSTER NODES" {
			return "$0\r\n\r\n"
		}
		return "-MOVED 77 " + home + "\r\n"
	})
	n := newNodes(front, access{})
	defer n.close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	a, err := n.ask(ctx, 4, 0, []string{"CHANGES", "READ", "4"}, true)
	if err != nil || len(a.list) != 2 || a.list[0].text != "t" {
		t.Fatalf("got %+v, %v", a, err)
	}
	if _, err := n.ask(ctx, 4, 0, []string{"CHANGES", "SIDEWAYS"}, true); err == nil || !strings.Contains(err.Error(), "unknown command") {
		t.Errorf("what is refused for good: got %v", err)
	}
}

// Who is asked is who the cluster is now: a node that has left it may be another's. One that tells of nobody else takes nobody away.
func TestMerge(t *testing.T) {
	told := func(words ...string) (nodes []nodeView) {
		for _, word := range words {
			addr, failed := strings.CutPrefix(word, "!")
			state := "ok"
			if failed {
				state = "failed"
			}
			nodes = append(nodes, nodeView{Address: addr, State: state})
		}
		return nodes
	}
	for _, tt := range []struct {
		known string
		told  []nodeView
		want  string
	}{
		{"a", told("a", "b", "c"), "a b c"},
		{"a b c", told("!b", "c", "d"), "c d b a"},
		{"b c a", told("d", "e", "f"), "d e f a"},
		{"b c a", told("c"), "c b a"},
		{"b c a", nil, "b c a"},
		{"a", told("", "b"), "b a"},
	} {
		if got := strings.Join(merge(strings.Fields(tt.known), "a", tt.told), " "); got != tt.want {
			t.Errorf("%s, told of %v: got %s, want %s", tt.known, tt.told, got, tt.want)
		}
	}
}

// All nodes that there were at the beginning are replaced, while the partition is read at one of them that stays to the last.
func TestAskOutlivesTheNodesThatItKnew(t *testing.T) {
	var line string // of CLUSTER NODES: all that there are
	listed := func(addrs ...string) (line string) {
		for i, addr := range addrs {
			line += fmt.Sprintf("%040d %s@1 master - 0 0 1 connected\n", i, addr)
		}
		return fmt.Sprintf("$%d\r\n%s\r\n", len(line), line)
	}
	dies := false
	newer := scripted(t, func(words string) string {
		if words == "CLUSTER NODES" {
			return line
		}
		return "*2\r\n$5\r\nnewer\r\n*0\r\n"
	})
	older := scripted(t, func(words string) string {
		switch {
		case dies:
			return ""
		case words == "CLUSTER NODES":
			return line
		}
		return "*2\r\n$5\r\nolder\r\n*0\r\n"
	})
	gone := "127.0.0.1:1" // nobody listens there
	line = listed(older, gone)
	n := newNodes(older, access{})
	defer n.close()
	now := time.Unix(1_000_000, 0)
	n.now = func() time.Time { return now }
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	asked := func(want string) {
		t.Helper()
		if a, err := n.ask(ctx, 0, 0, []string{"CHANGES", "READ", "0"}, true); err != nil || a.list[0].text != want {
			t.Fatalf("got %+v, %v; want %s", a, err, want)
		}
	}
	asked("older")
	line = listed(older, newer)
	now = now.Add(learnEvery)
	asked("older")
	dies = true
	asked("newer")
}
