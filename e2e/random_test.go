package e2e

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestRandom sends random commands, over two connections in turn and in pipelines of random length, to the server
// under test and to redis-server, compares every reply and in the end everything that they hold: each group of
// testdata/random by itself, then all groups mixed, half of it in RESP2 and half in RESP3.
func TestRandom(t *testing.T) { runDuels(t, duel{commands: pick(10_000, 1_000_000)}) }

// TestRandomKilled is TestRandom in which the server under test is killed and started again on the way: it must come
// back with everything that it had said, in the middle of whatever it was doing.
func TestRandomKilled(t *testing.T) {
	runDuels(t, duel{commands: pick(2_000, 1_000_000), between: pick(150, 5_000), disturb: (*duel).restart})
}

// runDuels runs a form of duel for every group and for all of them. A form says how many commands there are and what
// becomes of the server under test between them.
func runDuels(t *testing.T, form duel) {
	form.known = loadDifferences(t)
	form.nodes = [2]*Node{startShiplog(t), startRedis(t)}
	files := shapeFiles(t)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".shapes"), func(t *testing.T) { form.both(t, file) })
	}
	t.Run("mixed", func(t *testing.T) { form.both(t, files...) })
}

// both runs a group in either protocol.
func (d duel) both(t *testing.T, files ...string) {
	for proto := 2; proto <= 3; proto++ {
		t.Run(fmt.Sprintf("RESP%d", proto), func(t *testing.T) {
			d := d.begin(t, proto, files...)
			if d.run(d.commands / 2); !t.Failed() {
				d.compareContents(dial(t, d.nodes[0]))
			}
			t.Logf("%d commands, %d excused by %s, %d disturbances", d.count, d.excused, differencesFile, d.disturbed)
		})
	}
}

// begin returns a duel of this form in one protocol, from empty servers.
func (d duel) begin(t *testing.T, proto int, files ...string) *duel {
	t.Helper()
	d.t, d.proto, d.rng = t, proto, seeded(t)
	d.gen = newGenerator(t, d.rng, files...)
	d.gen.tag = d.tag
	d.connect()
	for _, c := range d.conns[0].clients {
		do(t, c, "FLUSHALL")
	}
	return &d
}

// duel is one random run of a form: how many commands, and what happens to the server under test between them.
type duel struct {
	commands int
	disturb  func(*duel) // when not nil, after about so many commands
	between  int
	without  []string // commands that are not made; TestRandomReplica only
	tag      string   // before every key, so that a cluster keeps them in one slot

	t         *testing.T
	rng       *rand.Rand
	gen       *generator
	proto     int
	nodes     [2]*Node
	known     []*difference
	conns     [2]lane
	count     int
	excused   int
	disturbed int
	trail     []string // the newest commands
}

// lane is one connection to each of the two servers.
type lane struct {
	clients [2]*Client
	queued  []rule // the rules of the commands in the open transaction
	multi   bool   // one may be open when all is sent
}

// connect opens fresh connections to both servers.
func (d *duel) connect() {
	d.t.Helper()
	for i := range d.conns {
		for _, c := range d.conns[i].clients {
			if c != nil {
				c.Close()
			}
		}
		d.conns[i] = lane{clients: [2]*Client{dial(d.t, d.nodes[0]), dial(d.t, d.nodes[1])}}
		d.hello(&d.conns[i])
	}
}

func (d *duel) hello(l *lane) {
	d.t.Helper()
	for _, c := range l.clients {
		do(d.t, c, "HELLO", fmt.Sprint(d.proto))
	}
}

// run sends n commands; it ends at the first difference, since what follows would be noise.
func (d *duel) run(n int) {
	d.t.Helper()
	for next := d.between; d.count < n; {
		d.pipeline(&d.conns[d.rng.IntN(2)], 1+d.rng.IntN(min(100, n-d.count)))
		if d.t.Failed() {
			return
		}
		if d.disturb != nil && d.count >= next {
			next = d.count + 1 + d.rng.IntN(2*d.between)
			d.disturbed++
			d.disturb(d)
		}
	}
}

// pipeline sends a number of commands to both servers in one write each and compares the replies.
func (d *duel) pipeline(l *lane, n int) {
	d.t.Helper()
	var raw [2][]byte
	var words [][]string
	var rules []rule
	cleared := make(map[int]bool) // of words: a command more goes to redis-server before
	add := func(w []string, r rule) {
		if cleared[len(words)] = l.clears(w); cleared[len(words)] {
			raw[1] = Command(raw[1], clearErrno...)
		}
		words, rules = append(words, w), append(rules, r)
		raw[0], raw[1] = Command(raw[0], w...), Command(raw[1], w...)
	}
	for range n {
		w, r := d.gen.next()
		watched := d.watches(w)
		if watched {
			add(append([]string{"WATCH"}, w[1:]...), rule{})
		}
		if add(w, r); w[0] == "RESET" {
			break // the protocol is RESP2 again, which hello changes back
		}
		if watched {
			add([]string{"MULTI"}, rule{})
			add([]string{"EXEC"}, rule{})
		}
	}
	for i, c := range l.clients {
		if err := c.Write(raw[i]); err != nil {
			d.t.Fatal(err)
		}
	}
	for i, w := range words {
		if cleared[i] {
			if _, err := l.clients[1].Read(); err != nil {
				d.t.Fatal(err)
			}
		}
		d.compare(l, w, rules[i])
		if d.t.Failed() {
			return
		}
	}
	if words[len(words)-1][0] == "RESET" {
		d.hello(l)
	}
}

// clearErrno changes nothing but redis-server's errno. SORT of numbers that are kept as text takes an ERANGE there, which any number of an earlier
// command may have left, for its own, and says that they cannot be converted (sort.c of 7.0 looks at errno without having cleared it).
var clearErrno = []string{"INCRBYFLOAT", "errno", "none"}

// clears tells whether clearErrno is to go before a command: not within MULTI, where it would be an answer more. It is to be told of all commands.
func (l *lane) clears(words []string) bool {
	switch words[0] {
	case "MULTI":
		l.multi = true
	case "EXEC", "DISCARD", "RESET":
		l.multi = l.multi && len(words) > 1 // which is refused
	}
	return !l.multi && (words[0] == "SORT" || words[0] == "SORT_RO")
}

// watches tells whether a command is to be sent between WATCH, of all its words, and EXEC, which shows whether it was said to have
// changed its keys. redis-server says so or not by other rules for what it keeps beside a HyperLogLog, and for a BITFIELD that fails.
func (d *duel) watches(words []string) bool {
	return d.rng.IntN(20) == 0 && len(words) > 1 && !strings.HasPrefix(words[0], "PF") && !strings.HasPrefix(words[0], "BITFIELD")
}

// compare reads one reply from each server.
func (d *duel) compare(l *lane, words []string, r rule) {
	d.t.Helper()
	d.count++
	d.trail = append(d.trail, fmt.Sprintf("%q", words))
	if len(d.trail) > 25 {
		d.trail = d.trail[1:]
	}
	var got [2]Value
	for i, c := range l.clients {
		v, err := c.Read()
		if err != nil {
			d.t.Fatalf("%s: server %d after %q: %v", strings.Join(d.trail, "\n"), i, words, err)
		}
		got[i] = v
	}
	diff := l.differs(words, r, got)
	switch {
	case diff == "":
	case excused(d.known, strings.Join(words, " "), got[0], got[1]):
		d.excused++
	default:
		d.t.Errorf("command %d:\n%s\n%s", d.count, strings.Join(d.trail, "\n"), diff)
	}
}

// differs compares two replies; those within EXEC's by the rules of what was queued.
func (l *lane) differs(words []string, r rule, got [2]Value) string {
	queued := l.queued
	switch want := got[1]; {
	case want.Text == "QUEUED":
		l.queued = append(l.queued, r)
	case words[0] == "MULTI" && want.Text == "OK", words[0] == "EXEC", words[0] == "DISCARD", words[0] == "RESET":
		l.queued = nil
	}
	if words[0] != "EXEC" || len(got[0].Elems) != len(got[1].Elems) || len(queued) != len(got[1].Elems) {
		return r.differs(got[0], got[1])
	}
	for i, q := range queued {
		if diff := q.differs(got[0].Elems[i], got[1].Elems[i]); diff != "" {
			return fmt.Sprintf("element %d of EXEC: %s", i, diff)
		}
	}
	return rule{name: "type-only"}.differs(got[0], got[1])
}

// restart kills the server under test between two commands: it must come back with everything.
func (d *duel) restart() {
	d.t.Helper()
	d.nodes[0].Kill()
	if err := d.nodes[0].Start(); err != nil {
		d.t.Fatal(err)
	}
	d.connect()
	d.compareContents(dial(d.t, d.nodes[0]))
}

// compareContents compares all keys of the server under test with the oracle's, and everything under them.
func (d *duel) compareContents(ours *Client) {
	d.t.Helper()
	var held [2]Value
	for i, c := range []*Client{ours, dial(d.t, d.nodes[1])} {
		v, err := scanAll(c, []string{"SCAN", "0", "COUNT", "1000"})
		if err != nil {
			d.t.Fatal(err)
		}
		held[i] = v
	}
	if diff := (rule{}).differs(held[0], held[1]); diff != "" {
		d.t.Errorf("keys after %d commands:\n%s", d.count, diff)
		return
	}
	d.compareKeys(ours, names(held[1]))
}

// names are the keys that a SCAN has found.
func names(found Value) (keys []string) {
	for _, e := range found.Elems {
		keys = append(keys, e.Elems[0].Text)
	}
	return keys
}

// compareKeys compares keys that the oracle holds: types, times to live and everything under them.
func (d *duel) compareKeys(ours *Client, keys []string) {
	d.t.Helper()
	theirs := dial(d.t, d.nodes[1])
	for _, key := range keys {
		for _, read := range contents(d.t, theirs, key) {
			got, err := ours.Do(read.words...)
			if err != nil {
				d.t.Fatalf("%q: %v", read.words, err)
			}
			if diff := read.rule.differs(got, do(d.t, theirs, read.words...)); diff != "" {
				d.t.Errorf("%q after %d commands, of which the last were\n%s\n%s", read.words, d.count, strings.Join(d.trail, "\n"), diff)
			}
		}
	}
}

// read is a command that tells something about what a key holds.
type read struct {
	rule  rule
	words []string
}

// contents are the commands that tell all about a key, as the oracle has it.
func contents(t *testing.T, oracle *Client, key string) []read {
	t.Helper()
	exact := func(words ...string) read { return read{words: words} }
	all := []read{exact("TYPE", key), {rule{name: "near", near: 2000}, []string{"PEXPIRETIME", key}}}
	switch do(t, oracle, "TYPE", key).Text {
	case "string":
		all = append(all, exact("GET", key))
	case "list":
		all = append(all, exact("LRANGE", key, "0", "-1"))
	case "set":
		all = append(all, read{rule{name: "unordered"}, []string{"SMEMBERS", key}}, exact("SCARD", key))
	case "hash":
		all = append(all, read{rule{name: "pairs"}, []string{"HGETALL", key}}, exact("HLEN", key))
	case "zset":
		r := rule{}
		if strings.Contains(key, "dist") { // distances, of testdata/random/geo.shapes
			r.name = "close"
		}
		all = append(all, read{r, []string{"ZRANGE", key, "0", "-1", "WITHSCORES"}}, exact("ZCARD", key))
	case "stream":
		all = append(all, exact("XRANGE", key, "-", "+"), exact("XINFO", "GROUPS", key))
		all = append(all, groupContents(t, oracle, key)...)
	}
	return all
}

// groupContents are the commands that tell all about a stream besides its entries. Times are moments in the past that
// differ by as long as the run took; the tree whose inner nodes XINFO STREAM counts is Redis's own.
func groupContents(t *testing.T, oracle *Client, key string) []read {
	t.Helper()
	near := rule{name: "near", near: 3_600_000}
	all := []read{{rule{name: "stream"}, []string{"XINFO", "STREAM", key}}}
	for _, group := range do(t, oracle, "XINFO", "GROUPS", key).Elems {
		name := fields(group)["name"].Text
		all = append(all, read{words: []string{"XPENDING", key, name}},
			read{rule{name: "pending"}, []string{"XPENDING", key, name, "-", "+", "100000"}},
			read{near, []string{"XINFO", "CONSUMERS", key, name}})
	}
	return slices.Clip(all)
}
