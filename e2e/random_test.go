package e2e

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestRandom sends random commands, over two connections in turn and in pipelines of random length, to the server
// under test and to redis-server, compares every reply and in the end everything that they hold. In the
// long run the server is killed and started again on the way.
func TestRandom(t *testing.T) {
	for proto := 2; proto <= 3; proto++ {
		t.Run(fmt.Sprintf("RESP%d", proto), func(t *testing.T) {
			rng := seeded(t)
			d := &duel{t: t, rng: rng, gen: newGenerator(t, rng), proto: proto, known: loadDifferences(t)}
			d.nodes = [2]*Node{startShiplog(t), startRedis(t)}
			d.connect()
			d.run(pick(5_000, 150_000))
			d.compareContents()
			t.Logf("%d commands, %d excused by %s", d.count, d.excused, differencesFile)
		})
	}
}

// duel is one random run.
type duel struct {
	t       *testing.T
	rng     *rand.Rand
	gen     *generator
	proto   int
	nodes   [2]*Node
	known   []*difference
	conns   [2]lane
	count   int
	excused int
	trail   []string // the newest commands
}

// lane is one connection to each of the two servers.
type lane struct {
	clients [2]*Client
	queued  []rule // the rules of the commands in the open transaction
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
	for d.count < n {
		d.pipeline(&d.conns[d.rng.IntN(2)], 1+d.rng.IntN(20))
		if d.t.Failed() {
			return
		}
		if long() && d.rng.IntN(500) == 0 {
			d.restart()
		}
	}
}

// pipeline sends a number of commands to both servers in one write each and compares the replies.
func (d *duel) pipeline(l *lane, n int) {
	d.t.Helper()
	var raw []byte
	var words [][]string
	var rules []rule
	for range n {
		w, r := d.gen.next()
		words, rules = append(words, w), append(rules, r)
		raw = Command(raw, w...)
		if w[0] == "RESET" {
			break // the protocol is RESP2 again, which hello changes back
		}
	}
	for _, c := range l.clients {
		if err := c.Write(raw); err != nil {
			d.t.Fatal(err)
		}
	}
	for i, w := range words {
		d.compare(l, w, rules[i])
		if d.t.Failed() {
			return
		}
	}
	if words[len(words)-1][0] == "RESET" {
		d.hello(l)
	}
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
	d.compareContents()
}

// compareContents compares all keys with value, type and time to live.
func (d *duel) compareContents() {
	d.t.Helper()
	d.connect() // leaves open transactions behind
	var held [2]Value
	for i, c := range d.conns[0].clients {
		v, err := scanAll(c, []string{"SCAN", "0", "COUNT", "1000"})
		if err != nil {
			d.t.Fatal(err)
		}
		held[i] = v
	}
	if diff := (rule{}).differs(held[0], held[1]); diff != "" {
		d.t.Errorf("keys after %d commands:\n%s", d.count, diff)
	}
	for _, key := range held[1].Elems {
		for _, command := range []string{"GET", "TYPE", "PEXPIRETIME"} {
			a, b := do(d.t, d.conns[0].clients[0], command, key.Text), do(d.t, d.conns[0].clients[1], command, key.Text)
			if diff := (rule{name: "near", near: 2000}).differs(a, b); diff != "" {
				d.t.Errorf("%s %q after %d commands:\n%s", command, key.Text, d.count, diff)
			}
		}
	}
}
