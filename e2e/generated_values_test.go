package e2e

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestExtremes sends every command on data with odd values in the place of each of its arguments, one at a time: integers
// around which arithmetic breaks, floats that are none, huge counts, words of other options, nothing, bytes, and a megabyte; of
// keys of every type that it takes, and of none; without options, with each, and with all. Replies are compared, and what is there afterwards.
func TestExtremes(t *testing.T) {
	directives := []string{"--proto-max-bulk-len", "4mb"} // or a bit far away makes half a gigabyte
	nodes := [2]*Node{startShiplog(t, append(directives, "--appendfsync", "no")...), startRedis(t, directives...)}
	known := loadDifferences(t)
	cases, sent, refused := 0, 0, 0
	for proto := 2; proto <= 3; proto++ {
		conns := [2]*Client{dial(t, nodes[0]), dial(t, nodes[1])}
		for _, c := range conns {
			do(t, c, "HELLO", strconv.Itoa(proto))
		}
		for _, row := range table(t, nodes) {
			if !row.onData() {
				continue
			}
			o := &ordeal{t: t, row: row, conns: conns, known: known, every: pick(1+3*(proto-1)*(proto-1), 1)}
			o.run()
			cases, sent, refused = cases+o.cases, sent+o.sent, refused+o.refused
			d := &duel{t: t, nodes: nodes, count: o.sent, trail: []string{strings.Join(row.words, " ")}}
			d.compareContents(dial(t, nodes[0]))
			for _, c := range conns {
				do(t, c, "FLUSHALL")
			}
		}
	}
	t.Logf("%d cases in %d commands, %d refused", cases, sent, refused)
	if refused < cases/4 || refused > cases*9/10 {
		t.Errorf("%d of %d cases refused: too few or too many to mean anything", refused, cases)
	}
}

// onData tells whether a command reads or writes values, rather than the server or the connection. SCAN's and KEYS' replies, and
// RANDOMKEY's, are of all keys.
func (r tableRow) onData() bool {
	switch r.words[0] {
	case "SCAN", "KEYS", "RANDOMKEY", "WAIT", "OBJECT", "FLUSHALL", "FLUSHDB", "PFDEBUG", "PFSELFTEST":
		return false
	}
	if r.words[len(r.words)-1] == "HELP" {
		return false
	}
	return slices.Contains([]string{"generic", "string", "hash", "list", "set", "sorted-set", "stream", "bitmap", "hyperloglog", "geo"}, r.group)
}

// place is a word of a call: one that stands for itself, a key, or a value.
type place struct {
	word       string
	key, value bool
	name       string // of the argument
}

// form says which of the optional arguments a call has, and which of its alternatives.
type form struct {
	option      int // the one optional argument that there is; none for none, all for all
	alternative int
	seen        int
}

const (
	none = -1
	all  = -2
)

// forms are the calls of a command: without options, with each of them, and with all.
func (r tableRow) forms() (calls [][]place) {
	seen := map[string]bool{}
	for alternative := range 6 {
		for option := all; option < 12; option++ {
			f := form{option: option, alternative: alternative}
			call := f.places(r.arguments)
			if text := fmt.Sprint(call); !seen[text] && !strings.Contains(text, "{*") { // whose id is the time
				seen[text] = true
				calls = append(calls, call)
			}
		}
	}
	return calls
}

// places fills in a list of documented arguments.
func (f *form) places(docs []Value) (list []place) {
	for _, doc := range docs {
		d := fields(doc)
		if slices.ContainsFunc(d["flags"].Elems, func(v Value) bool { return v.Text == "optional" }) {
			f.seen++
			if f.option != all && f.option != f.seen-1 {
				continue
			}
		}
		if token := d["token"].Text; token != "" {
			list = append(list, place{word: token})
		}
		nested := d["arguments"].Elems
		switch d["type"].Text {
		case "key":
			list = append(list, place{key: true})
		case "block":
			list = append(list, f.places(nested)...)
		case "oneof":
			i := f.alternative % len(nested)
			list = append(list, f.places(nested[i:i+1])...)
		case "pure-token":
		default:
			name := d["name"].Text
			list = append(list, place{word: lasting(name, argument(name, d["type"].Text)), value: true, name: name})
		}
	}
	return list
}

// lasting is a value that means the same a second later: a time to live that does not end meanwhile, an idle time that has passed.
func lasting(name, word string) string {
	switch name {
	case "seconds", "milliseconds":
		return "100000000"
	case "min-idle-time":
		return "0"
	}
	return word
}

// ordeal is one command's run through all values.
type ordeal struct {
	t           *testing.T
	row         tableRow
	conns       [2]*Client
	known       []*difference
	cases, sent int
	refused     int
	tried       int
	serial      int
	batch       [][]string
	every       int // value is tried at each place
}

func (o *ordeal) run() {
	for _, call := range o.row.forms() {
		for kind := range makers("") {
			if !o.takes(call, kind) {
				continue
			}
			for i, p := range call {
				for _, odd := range oddValues() {
					if o.tried++; p.value && !o.leftOut(p, kind, odd) && o.tried%o.every == 0 {
						o.add(call, kind, i, odd)
					}
				}
				for _, odd := range []string{"", "\x00\xff\r\n", strings.Repeat("k", 10_000)} {
					if p.key {
						o.add(call, kind, i, odd)
					}
				}
			}
			o.flush()
		}
	}
}

// takes tells whether redis-server does not mind a type of value under the keys of a call.
func (o *ordeal) takes(call []place, kind int) bool {
	o.add(call, kind, -1, "")
	return !o.flush() || kind == 0
}

// leftOut tells whether what a value does depends on the time, or returns an element billions of times, or is a cursor, which
// mean what each server likes.
func (o *ordeal) leftOut(p place, kind int, odd string) bool {
	n, err := strconv.ParseInt(odd, 10, 64)
	switch p.name {
	case "count":
		return kind != 0 && strings.Contains(o.row.words[0], "RAND") && err == nil && n < -1000
	case "cursor":
		return true
	case "seconds", "milliseconds", "min-idle-time":
		return err == nil && n > 0 && n < 1000
	case "id":
		return odd == "*" && o.row.words[0] == "XADD" || odd == "+" && o.row.words[0] == "XREAD" // the last one, since 7.4
	}
	return len(odd) > 1000 && kind == 0
}

// add makes a call with the odd value in one place, of new keys of a kind. Who watches the keys is told of a change or not.
func (o *ordeal) add(call []place, kind, at int, odd string) {
	o.cases++
	words, watch := slices.Clone(o.row.words), []string{"WATCH"}
	for i, p := range call {
		word := p.word
		if p.key {
			o.serial++
			word = "key" + strconv.Itoa(o.serial)
		}
		if i == at {
			word = odd
		}
		if p.key {
			o.batch = append(o.batch, makers(word)[kind]...)
			watch = append(watch, word)
		}
		words = append(words, word)
	}
	if o.row.blocks() { // which nothing does within a transaction
		o.batch = append(o.batch, []string{"MULTI"}, words, []string{"EXEC"})
		return
	}
	o.batch = append(o.batch, watch, words, []string{"MULTI"}, []string{"EXEC"})
}

func (r tableRow) blocks() bool {
	return r.words[0][0] == 'B' && !strings.HasPrefix(r.words[0], "BIT") || strings.HasPrefix(r.words[0], "XREAD")
}

// flush sends what has been added and compares all replies. It tells whether the type of a key was wrong for the oracle.
func (o *ordeal) flush() (wrongType bool) {
	o.t.Helper()
	var raw []byte
	for _, words := range o.batch {
		raw = Command(raw, words...)
	}
	for _, c := range o.conns {
		go func() { _ = c.Write(raw) }() // the reader sees when it fails
	}
	for i, words := range o.batch {
		var got [2]Value
		for i, c := range o.conns {
			var err error
			if got[i], err = c.Read(); err != nil {
				o.t.Fatalf("%.300q: server %d: %v", words, i, err)
			}
		}
		o.sent++
		if got[1].IsError() || len(got[1].Elems) == 1 && got[1].Elems[0].IsError() {
			o.refused++
			wrongType = wrongType || strings.Contains(got[1].String(), "WRONGTYPE")
		}
		diff := o.rule().differs(got[0], got[1])
		if diff != "" && words[0] == "EXEC" {
			words = append(o.batch[max(0, i-3)], o.batch[max(0, i-2)]...)
			words = append(words, o.batch[i-1]...)
		}
		if diff != "" && words[0] == "WATCH" && slices.Contains(words, "BITFIELD") {
			continue // redis-server makes a string longer for an operation that fails, and tells nobody
		}
		if diff != "" && !excused(o.known, strings.Join(words, " "), got[0], got[1]) {
			o.t.Errorf("%.300q:\n%s", words, diff)
		}
	}
	o.batch = o.batch[:0]
	return wrongType
}

// rule is how replies compare: times pass.
func (o *ordeal) rule() rule {
	switch name := o.row.words[0]; {
	case strings.Contains(name, "TTL"), strings.Contains(name, "EXPIRE"), name == "XINFO", name == "XPENDING":
		return rule{name: "near", near: 60_000}
	}
	return rule{}
}

// makers are the commands that make a key of each kind, beginning with none.
func makers(key string) [][][]string {
	return [][][]string{
		{{"DEL", key}},
		{{"SET", key, "1"}},
		{{"DEL", key}, {"HSET", key, "1", "1"}},
		{{"DEL", key}, {"RPUSH", key, "1", "2"}},
		{{"DEL", key}, {"SADD", key, "1"}},
		{{"DEL", key}, {"ZADD", key, "1", "1"}},
		{{"DEL", key}, {"XADD", key, "1-0", "f", "v"}, {"XGROUP", "CREATE", key, "1", "0"}, {"XREADGROUP", "GROUP", "1", "1", "STREAMS", key, ">"}},
	}
}

// oddValues are what arguments are tried with.
func oddValues() []string {
	list := append(extremes[:], "1", "2", "3", "64", "65", "100", "", " 1", "1 ", "+1", "01", "-0", "0x10", "1e3", "abc",
		"1.5", "-1.5", ".5", "5.", "nan", "-nan", "inf", "-inf", "+inf", "(1", "(inf", "1e308", "-1e309", "1e-400", "5e-324", "0.1", "1e17",
		"-", "+", "[", "(", "[a", "$", ">", "*", "?", "~", "=", "#", "NX", "xx", "GT", "COUNT", "LIMIT", "WITHSCORES", "STORE",
		"1-1", "0-0", "1-*", "1-18446744073709551615", "18446744073709551615", "18446744073709551616", "i64", "u64", "u63", "#1", "m", "KM", "WITHCOORD",
		"ALPHA", "ASC", "OVERFLOW", "SAT", "left", "BEFORE", "and", "NOT", "min", "\x00\xff\r\n", "1\x00")
	return append(list, strings.Repeat("x", 1<<20))
}
