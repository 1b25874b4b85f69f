package commands

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"shiplog/node/reply"
)

// keysOf returns the sorted bulk strings of an array.
func keysOf(r reply.Reply) string {
	var keys []string
	for _, e := range r.Elems {
		keys = append(keys, string(e.Bytes))
	}
	slices.Sort(keys)
	return strings.Join(keys, " ")
}

func TestKeysPattern(t *testing.T) {
	r := newKeyRig(t)
	r.line("mset one 1 two 2 three 3")
	r.settle()
	r.line("set four 4")
	r.line("set gone 5 px 10")
	r.now += 11
	for _, c := range []struct{ pattern, want string }{
		{"*", "four one three two"},
		{"t*", "three two"},
		{"*o*", "four one two"},
		{"t[hw]?", "two"},
		{"one", "one"},
		{"gone", ""},
		{"nothing", ""},
	} {
		if got := keysOf(r.do("keys", c.pattern)); got != c.want {
			t.Errorf("KEYS %s = %s, want %s", c.pattern, got, c.want)
		}
	}
}

// walk scans to the end with the options and returns how often each key came.
func (r *keyRig) walk(options ...string) map[string]int {
	r.t.Helper()
	seen := make(map[string]int)
	cursor := "0"
	for range 10_000 {
		answer := r.do(append([]string{"scan", cursor}, options...)...)
		if len(answer.Elems) != 2 {
			r.t.Fatalf("SCAN %s %v = %s", cursor, options, render(answer))
		}
		for _, key := range answer.Elems[1].Elems {
			seen[string(key.Bytes)]++
		}
		if cursor = answer.Elems[0].Text; cursor == "0" {
			return seen
		}
	}
	r.t.Fatal("SCAN does not end")
	return nil
}

func TestScanVisitsEveryKeyOnce(t *testing.T) {
	r := newKeyRig(t)
	all := make(map[string]int)
	for i := range 500 {
		key := fmt.Sprintf("key:%d", i)
		all[key] = 1
		r.do("set", key, "v")
	}
	r.settle() // half of the keys are in Pebble, half are not
	for key := range all {
		r.do("set", "new:"+key, "v")
	}
	for key := range maps.Clone(all) {
		all["new:"+key] = 1
	}
	r.line("set gone v px 10")
	r.now += 11
	ones := maps.Clone(all)
	maps.DeleteFunc(ones, func(key string, _ int) bool { return !strings.HasSuffix(key, "1") })
	for _, c := range []struct {
		options string
		want    map[string]int
	}{
		{"", all}, {"COUNT 1", all}, {"COUNT 7", all}, {"COUNT 9223372036854775807", all}, {"TYPE string", all},
		{"TYPE STRING COUNT 100", all}, {"TYPE zset", map[string]int{}}, {"TYPE nonsense", map[string]int{}},
		{"MATCH *1 COUNT 33", ones}, {"MATCH x* MATCH *1", ones}, {"MATCH *", all}, {"MATCH none", map[string]int{}},
	} {
		if got := r.walk(strings.Fields(c.options)...); !maps.Equal(got, c.want) {
			t.Errorf("SCAN %s found %d keys, want %d", c.options, len(got), len(c.want))
		}
	}
}

func TestScanRefusals(t *testing.T) {
	runScript(t, []step{
		{`scan 0`, `["0" []]`},
		{`scan ''`, `["0" []]`},
		{`scan -1`, `["0" []]`},
		{`scan x`, `-ERR invalid cursor`},
		{`scan x foo`, `-ERR invalid cursor`},
		{`scan 18446744073709551616`, `-ERR invalid cursor`},
		{`scan 0 foo`, `-ERR syntax error`},
		{`scan 0 foo bar`, `-ERR syntax error`},
		{`scan 0 count`, `-ERR syntax error`},
		{`scan 0 match`, `-ERR syntax error`},
		{`scan 0 type`, `-ERR syntax error`},
		{`scan 0 count 0`, `-ERR syntax error`},
		{`scan 0 count -1`, `-ERR syntax error`},
		{`scan 0 count x`, `-ERR value is not an integer or out of range`},
		{`scan 0 count 99999999999999999999`, `-ERR value is not an integer or out of range`},
		{`scan 0 count 5 count 0`, `-ERR syntax error`},
	})
}

func TestRandomKey(t *testing.T) {
	r := newKeyRig(t)
	if got := render(r.do("randomkey")); got != "nil" {
		t.Errorf("RANDOMKEY of nothing = %s, want nil", got)
	}
	r.line("mset a 1 b 2 c 3")
	r.line("set gone v px 10")
	r.now += 11
	seen := make(map[string]bool)
	for range 200 {
		seen[string(r.do("randomkey").Bytes)] = true
	}
	if len(seen) != 3 || seen["gone"] {
		t.Errorf("RANDOMKEY found %v, want a, b and c", seen)
	}
}
