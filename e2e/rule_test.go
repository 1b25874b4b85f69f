package e2e

import (
	"fmt"
	"math"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// rule is how two replies are compared. The zero rule wants equal bytes.
type rule struct {
	name string
	near int64
}

// differs tells how got breaks the rule against want, or returns "".
func (r rule) differs(got, want Value) string {
	switch r.name {
	case "unordered":
		got, want = sorted(got, false), sorted(want, false)
	case "deep":
		got, want = sorted(got, true), sorted(want, true)
	case "pairs":
		got, want = paired(got), paired(want)
	case "type-only":
		got, want = Value{Kind: got.Kind, Null: got.Null}, Value{Kind: want.Kind, Null: want.Null}
	case "shape":
		got, want = shape(got), shape(want)
	case "near":
		want = r.moved(got, want)
	case "close":
		want = closeTo(got, want)
	case "stream":
		for _, tree := range []string{"radix-tree-nodes", "radix-tree-keys"} {
			got, want = without(got, tree), without(want, tree)
		}
	case "pending":
		got, want = timeless(got), timeless(want)
	}
	if reflect.DeepEqual(got, want) {
		return ""
	}
	return fmt.Sprintf("got  %v\nwant %v", got, want)
}

// sorted orders an aggregate's elements by how they look (a map's pairs by key); deep: on every level.
func sorted(v Value, deep bool) Value {
	v.Elems = slices.Clone(v.Elems)
	if deep {
		for i, e := range v.Elems {
			v.Elems[i] = sorted(e, true)
		}
	}
	if v.Kind == '%' {
		return paired(v)
	}
	v.Elems = byLook(slices.Collect(slices.Chunk(v.Elems, 1)))
	return v
}

// byLook puts runs of elements one behind the other, in the order of how the first of each looks.
func byLook(runs [][]Value) []Value {
	type seen struct {
		look string
		run  []Value
	}
	all := make([]seen, len(runs)) // looking is slow: once for each
	for i, run := range runs {
		all[i] = seen{run[0].String(), run}
	}
	slices.SortFunc(all, func(a, b seen) int { return strings.Compare(a.look, b.look) })
	var elems []Value
	for _, s := range all {
		elems = append(elems, s.run...)
	}
	return elems
}

// paired orders an aggregate of keys and values, a map or RESP2's flat array, by key.
func paired(v Value) Value {
	v.Elems = byLook(slices.Collect(slices.Chunk(v.Elems, 2)))
	return v
}

// without leaves a field of a map, or of RESP2's flat array, out.
func without(v Value, name string) Value {
	var kept []Value
	for pair := range slices.Chunk(v.Elems, 2) {
		if pair[0].Text != name {
			kept = append(kept, pair...)
		}
	}
	v.Elems = kept
	return v
}

// timeless leaves the idle time out of each of XPENDING's entries: id, consumer, idle time, deliveries.
func timeless(v Value) Value {
	v.Elems = slices.Clone(v.Elems)
	for i, e := range v.Elems {
		if len(e.Elems) == 4 {
			v.Elems[i].Elems = []Value{e.Elems[0], e.Elems[1], e.Elems[3]}
		}
	}
	return v
}

// shape keeps only the kinds.
func shape(v Value) Value {
	s := Value{Kind: v.Kind, Null: v.Null}
	for _, e := range v.Elems {
		s.Elems = append(s.Elems, shape(e))
	}
	return s
}

// moved returns want with each integer that is near enough to got's replaced by got's.
func (r rule) moved(got, want Value) Value {
	if got.Kind == ':' && want.Kind == ':' {
		g, errG := got.Int()
		w, errW := want.Int()
		if errG == nil && errW == nil && g >= 0 && w >= 0 && max(g-w, w-g) <= r.near {
			return got
		}
	}
	if len(got.Elems) == len(want.Elems) {
		want.Elems = slices.Clone(want.Elems)
		for i := range want.Elems {
			want.Elems[i] = r.moved(got.Elems[i], want.Elems[i])
		}
	}
	return want
}

// difference is a listed difference from redis-server: how replies to matching commands are compared, and why.
type difference struct {
	command *regexp.Regexp
	rule    string // a rule's name; "skip" compares nothing; anything else is the text of the reply
	reason  string

	mu   sync.Mutex
	uses int // how often it excused a difference
}

const differencesFile = "testdata/differences.tsv"

// loadDifferences reads the list of known differences: expression, rule and reason, separated by tabs.
func loadDifferences(t *testing.T) (list []*difference) {
	t.Helper()
	text, err := os.ReadFile(differencesFile)
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(string(text), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		parts := strings.Split(line, "\t")
		if len(parts) != 3 || parts[2] == "" {
			t.Fatalf("%s:%d: want expression, rule and reason between tabs", differencesFile, i+1)
		}
		re, err := regexp.Compile("^(?i:" + parts[0] + ")$")
		if err != nil {
			t.Fatalf("%s:%d: %v", differencesFile, i+1, err)
		}
		list = append(list, &difference{command: re, rule: parts[1], reason: parts[2]})
	}
	return list
}

// excused tells whether a difference in the replies to a command is listed.
func excused(list []*difference, command string, got, want Value) bool {
	for _, d := range list {
		if !d.command.MatchString(command) {
			continue
		}
		ok := d.rule == "skip" || got.Text == d.rule
		switch d.rule {
		case "unordered", "deep", "pairs", "type-only", "shape":
			ok = rule{name: d.rule}.differs(got, want) == ""
		}
		if ok {
			d.mu.Lock()
			d.uses++
			d.mu.Unlock()
			return true
		}
	}
	return false
}

// reportDifferences prints the list and fails for what is listed but does not differ.
func reportDifferences(t *testing.T, list []*difference) {
	t.Helper()
	for _, d := range list {
		t.Logf("known difference, seen %d times: %v: %s", d.uses, d.command, d.reason)
		if d.uses == 0 {
			t.Errorf("%v is listed in %s, but nothing differs", d.command, differencesFile)
		}
	}
}

// closeTo returns want with each float that is got's but for its last digit or two replaced by got's.
func closeTo(got, want Value) Value {
	g, errG := strconv.ParseFloat(got.Text, 64)
	w, errW := strconv.ParseFloat(want.Text, 64)
	if errG == nil && errW == nil && math.Abs(g-w) <= 1e-15*math.Abs(w) {
		want.Text = got.Text
	}
	if len(got.Elems) == len(want.Elems) {
		want.Elems = slices.Clone(want.Elems)
		for i := range want.Elems {
			want.Elems[i] = closeTo(got.Elems[i], want.Elems[i])
		}
	}
	return want
}
