package commands

import (
	"fmt"
	"strings"
	"testing"

	"shiplog/partitions/keyspace"
)

// newCollectionRig is a keyRig with the commands on lists and sets and those that sort them.
func newCollectionRig(t testing.TB, clustered bool) *keyRig {
	r := newKeyRig(t)
	limits := func() keyspace.Limits { return keyspace.Limits{Integers: 4} }
	for _, rows := range [][]Row{listRows(), setRows(limits), sortRows(func() bool { return clustered })} {
		r.add(rows)
	}
	return r
}

// runSteps runs the steps one after another. What is wanted is what redis-server 7.0.15 answers. A command that is refused must not
// have told the Tx anything.
func runSteps(t *testing.T, r *keyRig, steps []step) {
	t.Helper()
	for _, s := range steps {
		answer := r.line(s.line)
		if got := render(answer); got != s.want {
			t.Errorf("%s\n got %s\nwant %s", s.line, got, s.want)
		}
		if answer.IsError() && r.effects != 0 {
			t.Errorf("%s: refused with %d effects, want none", s.line, r.effects)
		}
	}
}

func TestLists(t *testing.T) {
	runSteps(t, newCollectionRig(t, false), []step{
		{`rpush l a b c`, `3`},
		{`lpush l z y`, `5`},
		{`lrange l 0 -1`, `["y" "z" "a" "b" "c"]`},
		{`lrange l 3 1`, `[]`},
		{`lindex l -1`, `"c"`},
		{`lindex l 5`, `nil`},
		{`lset l 0 x`, `OK`},
		{`lset l 5 x`, `-ERR index out of range`},
		{`linsert l before a n`, `6`},
		{`linsert l after nothing n`, `-1`},
		{`lrem l -1 c`, `1`},
		{`lpos l n`, `2`},
		{`lpos l n rank 0`, "-ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list"},
		{`ltrim l 1 -2`, `OK`},
		{`lrange l 0 -1`, `["z" "n" "a"]`},
		{`lpop l 2`, `["z" "n"]`},
		{`rpop l 0`, `[]`},
		{`rpop l -1`, `-ERR value is out of range, must be positive`},
		{`rpop l`, `"a"`},
		{`rpop l`, `nil`},
		{`exists l`, `0`},
		{`lpushx l a`, `0`},
		{`set s v`, `OK`},
		{`lpush s a`, `-WRONGTYPE Operation against a key holding the wrong kind of value`},
	})
}

// TestMovesInPlace checks that a list that an element of which is moved to its other end stays the key that it is.
func TestMovesInPlace(t *testing.T) {
	runSteps(t, newCollectionRig(t, false), []step{
		{`rpush l a`, `1`},
		{`pexpire l 1000`, `1`},
		{`lmove l l left right`, `"a"`},
		{`pttl l`, `1000`},
		{`rpush l b`, `2`},
		{`rpoplpush l l`, `"b"`},
		{`lmove l l left left`, `"b"`},
		{`lrange l 0 -1`, `["b" "a"]`},
		{`lmove l m right left`, `"a"`},
		{`lmove l m right left`, `"b"`},
		{`exists l`, `0`},
		{`lrange m 0 -1`, `["b" "a"]`},
		{`pttl m`, `-1`},
	})
}

// TestPoppingWords checks how LMPOP takes its words apart.
func TestPoppingWords(t *testing.T) {
	runSteps(t, newCollectionRig(t, false), []step{
		{`rpush b 1 2 3`, `3`},
		{`lmpop 2 a b left count 2`, `["b" ["1" "2"]]`},
		{`lmpop 0 b left`, `-ERR numkeys should be greater than 0`},
		{`lmpop 3 a b left`, `-ERR syntax error`},
		{`lmpop 2 a b middle`, `-ERR syntax error`},
		{`lmpop 2 a b left count 0`, `-ERR count should be greater than 0`},
		{`lmpop 2 a b left count 1 count 2`, `-ERR syntax error`},
		{`lmpop 9223372036854775807 a left`, `-ERR syntax error`},
	})
}

// TestLongListsGoAtOnce checks that what takes many elements off a list is few effects.
func TestLongListsGoAtOnce(t *testing.T) {
	r := newCollectionRig(t, false)
	r.do(append([]string{"rpush", "l"}, strings.Fields(strings.Repeat("x ", 1000))...)...)
	for _, s := range []struct {
		line    string
		effects int
		left    string
	}{
		{"ltrim l 100 -101", 2, "800"}, {"lpop l 10", 10, "790"}, {"rpop l 500", 1, "290"}, {"ltrim l 5 3", 1, "0"},
	} {
		r.line(s.line)
		if r.effects != s.effects {
			t.Errorf("%s has %d effects, want %d", s.line, r.effects, s.effects)
		}
		if got := render(r.line("llen l")); got != s.left {
			t.Errorf("%s leaves %s elements, want %s", s.line, got, s.left)
		}
	}
}

// BenchmarkLRange is LRANGE as redis-benchmark has it: 450 elements of a list.
func BenchmarkLRange(b *testing.B) {
	for _, n := range []int{100, 600} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := newCollectionRig(b, false)
			r.do(append([]string{"rpush", "l"}, strings.Fields(strings.Repeat("xxx ", 1000))...)...)
			last := fmt.Sprint(n - 1)
			b.ReportAllocs()
			for b.Loop() {
				r.do("lrange", "l", "0", last)
			}
		})
	}
}
