package e2e

import (
	"bytes"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestReader has a reader who knows nothing but the log, and nothing of rows, places and headers, follow random commands of all groups,
// and of newer servers. It must end up with what the server holds: lists in their order, too, and when each field of a hash expires.
// So must one who has only read the changes as JSON.
func TestReader(t *testing.T) {
	n := startShiplog(t, "--appendfsync", "no", "--log-retention-seconds", "1000000", "--log-retention-bytes", "1000gb")
	c := dial(t, n)
	newer, err := filepath.Glob("testdata/random/newer/*.shapes")
	if err != nil || len(newer) == 0 {
		t.Fatalf("no shapes of newer servers: %v", err)
	}
	gen := newGenerator(t, seeded(t), append(shapeFiles(t), newer...)...)
	gen.leaveOut([]string{"RESET", "FLUSHALL", "FLUSHDB", "MULTI", "WATCH"})
	commands := pick(20_000, 300_000)
	for range commands / 100 {
		var raw []byte
		for range 100 {
			words, _ := gen.next()
			raw = Command(raw, words...)
		}
		if err := c.Write(raw); err != nil {
			t.Fatal(err)
		}
		for range 100 {
			if _, err := c.Read(); err != nil {
				t.Fatal(err)
			}
		}
	}
	crowd(t, c)
	held := heldBy(t, c)
	follower := &changeFollower{t: t, token: "BEGIN", model: changeModel{}, seen: map[string]int{}}
	follower.readJSON(c)
	follower.model.compare(t, c)
	if code, _, err := n.Stop(20 * time.Second); err != nil || code != 0 {
		t.Fatalf("stop: exit code %d, %v", code, err)
	}
	program := underTest(t)[0]
	dump, err := Printed(exec.Command(program, "log", "dump", "--dir", n.Dir, "--json"))
	if err != nil {
		t.Fatal(err)
	}
	var r Reader
	effects, err := r.Read(bytes.NewReader(dump))
	if err != nil {
		t.Fatal(err)
	}
	read := map[string][]string{}
	for key, k := range r.Keys {
		read[key] = k.lines()
	}
	for key := range maps.Keys(merged(held, read)) {
		if !slices.Equal(held[key], read[key]) {
			t.Errorf("%q:\nthe server holds   %.600q\nthe reader has %.600q", key, held[key], read[key])
		}
	}
	kinds := map[string]int{}
	for _, k := range r.Keys {
		kinds[k.Kind]++
	}
	t.Logf("%d effects, %d changes, %d keys: %v, %d fields that expire", effects, follower.count, len(r.Keys), kinds, r.deadlines())
	for _, op := range []string{"set", "hset", "hdel", "hexpire", "sadd", "srem", "zadd", "zrem", "lpush", "linsert", "xadd", "xpend"} {
		if follower.seen[op] == 0 {
			t.Errorf("there was no %s", op)
		}
	}
}

// crowd inserts at one spot of a list until the places there are too long and others are given new ones.
func crowd(t *testing.T, c *Client) {
	t.Helper()
	do(t, c, "RPUSH", "crowd", "a", "z")
	for i := range 500 {
		do(t, c, "LINSERT", "crowd", "BEFORE", "z", strconv.Itoa(i))
		do(t, c, "LINSERT", "crowd", "AFTER", "a", "early"+strconv.Itoa(i))
	}
	do(t, c, "LREM", "crowd", "0", "early100")
	do(t, c, "LSET", "crowd", "700", "changed")
}

func merged(a, b map[string][]string) map[string][]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// lines is what a reader has under a key, as heldBy shows what a server holds.
func (k *Kept) lines() (lines []string) {
	lines = append(lines, k.Kind, k.Expires)
	switch k.Kind {
	case "string":
		return append(lines, k.Text)
	case "list":
		return append(lines, k.List...)
	case "hash", "set":
		for _, field := range slices.Sorted(maps.Keys(k.Fields)) {
			if lines = append(lines, field, k.Fields[field]); k.Kind == "hash" {
				lines = append(lines, k.Deadlines[field])
			}
		}
	case "zset":
		for _, name := range k.Ordered() {
			lines = append(lines, name, fmt.Sprint(k.Members[name]))
		}
	case "stream":
		for _, e := range k.Entries {
			lines = append(append(lines, e.ID), e.Fields...)
		}
		for _, name := range slices.Sorted(maps.Keys(k.Groups)) {
			g := k.Groups[name]
			lines = append(lines, name, g.Last, fmt.Sprint(len(g.Consumers)))
			for _, id := range slices.Sorted(maps.Keys(g.Pending)) {
				lines = append(lines, id+" of "+g.Pending[id])
			}
		}
	}
	return lines
}

// heldBy is what a server holds.
func heldBy(t *testing.T, c *Client) map[string][]string {
	t.Helper()
	held := map[string][]string{}
	keys, err := scanAll(c, []string{"SCAN", "0", "COUNT", "1000"})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range names(keys) {
		kind, expires := do(t, c, "TYPE", key).Text, ""
		if ms, _ := do(t, c, "PEXPIRETIME", key).Int(); ms > 0 {
			expires = moment(ms)
		}
		held[key] = append([]string{kind, expires}, heldUnder(t, c, kind, key)...)
	}
	return held
}

// heldUnder is what a server holds under a key of a kind.
func heldUnder(t *testing.T, c *Client, kind, key string) (lines []string) {
	t.Helper()
	switch kind {
	case "string":
		return texts(do(t, c, "GET", key))
	case "list":
		return texts(do(t, c, "LRANGE", key, "0", "-1"))
	case "hash":
		pairs := inOrder(texts(do(t, c, "HGETALL", key)), 2)
		for i, at := range fieldsExpire(t, c, key, pairs) {
			if lines = append(lines, pairs[2*i], pairs[2*i+1], ""); at > 0 {
				lines[len(lines)-1] = moment(at)
			}
		}
	case "set":
		for _, member := range inOrder(texts(do(t, c, "SMEMBERS", key)), 1) {
			lines = append(lines, member, "")
		}
	case "zset":
		for i, text := range texts(do(t, c, "ZRANGE", key, "0", "-1", "WITHSCORES")) {
			if i%2 == 1 {
				score, _ := strconv.ParseFloat(text, 64)
				text = fmt.Sprint(score)
			}
			lines = append(lines, text)
		}
	case "stream":
		lines = texts(do(t, c, "XRANGE", key, "-", "+"))
		groups := map[string]map[string]Value{}
		for _, g := range do(t, c, "XINFO", "GROUPS", key).Elems {
			groups[fields(g)["name"].Text] = fields(g)
		}
		for _, name := range slices.Sorted(maps.Keys(groups)) {
			lines = append(lines, name, groups[name]["last-delivered-id"].Text, groups[name]["consumers"].Text)
			var pending []string
			for _, p := range do(t, c, "XPENDING", key, name, "-", "+", "1000000").Elems {
				pending = append(pending, p.Elems[0].Text+" of "+p.Elems[1].Text)
			}
			lines = append(lines, slices.Sorted(slices.Values(pending))...)
		}
	}
	return lines
}

// fieldsExpire is when fields of a hash expire, given with their values, in Unix milliseconds; negative: never, as on a server that
// does not know such deadlines.
func fieldsExpire(t *testing.T, c *Client, key string, pairs []string) (at []int64) {
	t.Helper()
	words := []string{"HPEXPIRETIME", key, "FIELDS", strconv.Itoa(len(pairs) / 2)}
	for i := 0; i < len(pairs); i += 2 {
		words = append(words, pairs[i])
	}
	said, err := c.Do(words...)
	noError(t, err)
	if said.IsError() && strings.HasPrefix(said.Text, "ERR unknown command") {
		return slices.Repeat([]int64{-1}, len(pairs)/2)
	}
	for _, v := range said.Elems {
		ms, err := v.Int()
		noError(t, err)
		at = append(at, ms)
	}
	return at
}

// moment is a time as "log dump --json" shows it.
func moment(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }

// inOrder orders words by the first of every so many.
func inOrder(words []string, width int) []string {
	rows := slices.Collect(slices.Chunk(words, width))
	slices.SortFunc(rows, func(a, b []string) int { return strings.Compare(a[0], b[0]) })
	return slices.Concat(rows...)
}

// texts are the strings of a reply, on every level.
func texts(v Value) (list []string) {
	if len(v.Elems) == 0 && v.Kind != '*' {
		return []string{v.Text}
	}
	for _, e := range v.Elems {
		list = append(list, texts(e)...)
	}
	return list
}
