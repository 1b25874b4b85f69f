package e2e

import (
	"fmt"
	"testing"
	"time"
)

// TestChangesRebuild sends random commands of all groups to the server under test and to redis-server, as TestRandom does. Again and
// again the changes since the last time are read: as JSON they are folded into a model, which must equal what the server holds; as
// commands they are given to a third server, a plain redis-server, which must hold what the oracle holds. Sometimes the server is killed before.
func TestChangesRebuild(t *testing.T) {
	whole := []string{"--log-retention-seconds", "1000000", "--log-retention-bytes", "1000gb"}
	form := duel{commands: pick(100_000, 5_000_000), between: pick(4_000, 200_000), known: loadDifferences(t)}
	form.nodes = [2]*Node{startShiplog(t, whole...), startRedis(t)}
	target := startRedis(t)
	for proto := 2; proto <= 3; proto++ {
		t.Run(fmt.Sprintf("RESP%d", proto), func(t *testing.T) {
			began := time.Now()
			f := &changeFollower{t: t, target: target, token: "END", model: changeModel{}, seen: map[string]int{}}
			f.token = do(t, dial(t, form.nodes[0]), "CHANGES", "READ", "0", "FROM", "END").Elems[0].Text
			do(t, dial(t, target), "FLUSHALL")
			d := form.begin(t, proto, shapeFiles(t)...)
			d.gen.leaveOut([]string{"COPY"}) // of streams, where entries are pending that are gone: no command makes that
			seldom(d)
			d.disturb = f.catchUp
			if d.run(d.commands / 2); !t.Failed() {
				f.catchUp(d)
			}
			f.report(began)
		})
	}
}

// seldom does what random commands hardly ever do.
func seldom(d *duel) {
	d.t.Helper()
	var commands [][]string
	for i := range 200 {
		commands = append(commands, []string{"XADD", "{x}long", fmt.Sprintf("%d-1", i+1), "f", fmt.Sprint(i)}, []string{"RPUSH", "{x}list", fmt.Sprint(i % 7)})
	}
	commands = append(commands, [][]string{
		{"XTRIM", "{x}long", "MAXLEN", "50"}, {"LTRIM", "{x}list", "100", "-2"}, {"LTRIM", "{x}list", "0", "-20"},
		{"LINSERT", "{x}list", "BEFORE", "3", "shiplog"}, {"LINSERT", "{x}list", "AFTER", "shiplog", "between"}, {"LREM", "{x}list", "2", "4"},
		{"LSET", "{x}list", "5", "five"}, {"XGROUP", "CREATE", "{x}long", "g", "170-1"}, {"XREADGROUP", "GROUP", "g", "c", "COUNT", "9", "STREAMS", "{x}long", ">"},
		{"XGROUP", "CREATE", "{x}long", "h", "0"}, {"XGROUP", "CREATECONSUMER", "{x}long", "h", "gone"}, {"XGROUP", "DELCONSUMER", "{x}long", "h", "gone"},
		{"XACK", "{x}long", "g", "172-1"}, {"XDEL", "{x}long", "173-1", "174-1"}, {"XGROUP", "DESTROY", "{x}long", "h"}, {"XGROUP", "CREATE", "{x}empty", "e", "$", "MKSTREAM"},
		{"XADD", "{x}none", "MAXLEN", "0", "9-9", "a", "b"}, {"COPY", "{x}list", "{x}copy"}, {"COPY", "{x}none", "{x}none2"}, {"RENAME", "{x}copy", "{x}moved"},
		{"MULTI"}, {"SET", "{x}s", "v", "EX", "500000"}, {"RENAME", "{x}s", "{x}s2"}, {"PERSIST", "{x}s2"}, {"SADD", "{x}set", "a", "b"}, {"SPOP", "{x}set", "2"}, {"EXEC"},
	}...)
	d.toBoth(commands)
}

// lacksPending makes a stream where entries are pending that were trimmed, and one where some of those were deleted.
func lacksPending(d *duel) {
	d.t.Helper()
	for _, key := range []string{"{x}trimmed", "{x}deleted"} {
		commands := [][]string{{"DEL", key}, {"XGROUP", "CREATE", key, "g", "0", "MKSTREAM"}}
		for _, id := range []string{"1-1", "2-1", "3-1", "4-1", "5-1"} {
			commands = append(commands, []string{"XADD", key, id, "f", "v"})
		}
		d.toBoth(append(commands, []string{"XREADGROUP", "GROUP", "g", "c", "COUNT", "4", "STREAMS", key, ">"}))
	}
	d.toBoth([][]string{{"XDEL", "{x}deleted", "2-1", "4-1"}, {"XTRIM", "{x}deleted", "MINID", "3-1"}, {"XTRIM", "{x}trimmed", "MAXLEN", "2"}})
}

// toBoth sends commands to both servers, none of which may be refused.
func (d *duel) toBoth(commands [][]string) {
	d.t.Helper()
	clients := [2]*Client{dial(d.t, d.nodes[0]), dial(d.t, d.nodes[1])}
	for _, words := range commands {
		for _, c := range clients {
			do(d.t, c, words...)
		}
	}
}

// changeFollower keeps copies of a server's keys by reading its changes.
type changeFollower struct {
	t       *testing.T
	target  *Node
	token   string
	model   changeModel
	seen    map[string]int // operations
	count   int
	snapped int
	rounds  int
	sent    time.Duration
}

// catchUp brings the copies up to date and compares them.
func (f *changeFollower) catchUp(d *duel) {
	f.t.Helper()
	f.rounds++
	if f.rounds%5 == 0 {
		d.restart()
	}
	token := f.token
	if f.rounds%4 == 3 {
		lacksPending(d)
		token = f.bootstrap(dial(f.t, d.nodes[0]))
	}
	f.readJSON(dial(f.t, d.nodes[0]))
	f.model.compare(f.t, dial(f.t, d.nodes[0]))
	if end := f.pipe(dial(f.t, d.nodes[0]), token); end != f.token {
		f.t.Errorf("read as commands the changes end at %s, as JSON at %s", end, f.token)
	}
	d.compareContents(dial(f.t, f.target))
}

// bootstrap makes the copies anew of snapshots, one in each form, and returns the token of the second: each copy goes on from its own.
func (f *changeFollower) bootstrap(c *Client) (token string) {
	f.t.Helper()
	f.model = changeModel{}
	f.token = f.snapshot(c, "json", func(items []Value) {
		for _, item := range items {
			change := parseShown(f.t, item.Text)
			f.model.apply(f.t, &change)
			f.snapped++
		}
	})
	to := dial(f.t, f.target)
	do(f.t, to, "FLUSHALL")
	return f.snapshot(c, "resp", func(items []Value) { f.send(to, items) })
}

// snapshot walks over the keys, and returns the token that they are at. Each step is asked for twice: an answer may get lost.
func (f *changeFollower) snapshot(c *Client, form string, take func([]Value)) (token string) {
	f.t.Helper()
	for cursor := "0"; ; {
		words := []string{"CHANGES", "SNAPSHOT", "0", cursor, "COUNT", "501", "FORMAT", form}
		got := do(f.t, c, words...)
		if again := do(f.t, c, words...); cursor != "0" && again.String() != got.String() {
			f.t.Errorf("asked twice, a step of a snapshot is %v and %v", got, again)
		}
		if token != "" && got.Elems[1].Text != token {
			f.t.Errorf("a snapshot moves from %s to %s", token, got.Elems[1].Text)
		}
		take(got.Elems[2].Elems)
		if cursor, token = got.Elems[0].Text, got.Elems[1].Text; cursor == "0" {
			return token
		}
	}
}

// readJSON folds what is new into the model.
func (f *changeFollower) readJSON(c *Client) {
	f.t.Helper()
	var last [2]uint64
	for {
		got := do(f.t, c, "CHANGES", "READ", "0", "FROM", f.token, "COUNT", "7001")
		if f.token = got.Elems[0].Text; len(got.Elems[1].Elems) == 0 {
			return
		}
		for _, item := range got.Elems[1].Elems {
			change := parseShown(f.t, item.Text)
			at := [2]uint64{change.Sequence, uint64(change.Index)}
			if at[0] < last[0] || at[0] == last[0] && at[1] <= last[1] && last[0] != 0 {
				f.t.Fatalf("position %v comes behind %v: %s", at, last, item.Text)
			}
			last = at
			f.model.apply(f.t, &change)
			f.seen[change.Op]++
			f.seen["caused by "+change.Cause]++
			f.count++
		}
	}
}

// pipe gives what is behind a token to the target as commands, and returns the token behind it.
func (f *changeFollower) pipe(c *Client, token string) string {
	f.t.Helper()
	to := dial(f.t, f.target)
	for {
		got := do(f.t, c, "CHANGES", "READ", "0", "FROM", token, "COUNT", "5003", "FORMAT", "resp")
		if token = got.Elems[0].Text; len(got.Elems[1].Elems) == 0 {
			return token
		}
		began := time.Now()
		f.send(to, got.Elems[1].Elems)
		f.sent += time.Since(began)
	}
}

// send gives commands to the target, none of which it may refuse.
func (f *changeFollower) send(to *Client, items []Value) {
	f.t.Helper()
	var raw []byte
	for _, item := range items {
		raw = append(raw, item.Text...)
	}
	go func() { _ = to.Write(Command(raw, "ECHO", "that is all")) }() // ends when all is read
	for n := 0; ; n++ {
		v, err := to.Read()
		switch {
		case err != nil:
			f.t.Fatal(err)
		case v.IsError():
			f.t.Fatalf("answer %d to %d changes: %v", n, len(items), v)
		case v.Text == "that is all":
			return
		}
	}
}

// report says what was seen, and that it was enough.
func (f *changeFollower) report(began time.Time) {
	f.t.Helper()
	f.t.Logf("%d changes and %d of snapshots in %d rounds, %v, of which the target took %v: %v",
		f.count, f.snapped, f.rounds, time.Since(began), f.sent, f.seen)
	if f.snapped == 0 {
		f.t.Error("there was nothing in the snapshots")
	}
	if f.t.Failed() {
		return
	}
	for _, op := range []string{"set", "del", "expire", "persist", "flush", "rename", "hset", "hdel", "sadd", "srem", "zadd", "zrem",
		"lpush", "rpush", "lpop", "rpop", "lset", "linsert", "lrem",
		"caused by client", "caused by script", "xadd", "xdel", "xtrim", "xgroup", "xungroup", "xconsumer", "xunconsumer", "xpend", "xack", "xsetid"} {
		if f.seen[op] == 0 {
			f.t.Errorf("there was no %s", op)
		}
	}
}
