package commands

import "testing"

func TestSets(t *testing.T) {
	r := newCollectionRig(t, false)
	runSteps(t, r, []step{
		{`sadd s 3 1 2`, `3`},
		{`sadd s 1 4`, `1`},
		{`scard s`, `4`},
		{`smismember s 1 01`, `[1 0]`},
		{`sadd t 2 3 x`, `3`},
		{`sintercard 2 s t`, `2`},
		{`sintercard 2 s t limit 1`, `1`},
		{`sintercard 3 s t`, `-ERR Number of keys can't be greater than number of args`},
		{`sdiffstore d s t`, `2`},
		{`sismember d 4`, `1`},
		{`sinterstore d s nothing`, `0`},
		{`exists d`, `0`},
		{`smove t s x`, `1`},
		{`smove t t 9`, `0`},
		{`srem s x nothing`, `1`},
		{`spop s -1`, `-ERR value is out of range, must be positive`},
		{`srandmember s -99999999999`, `-ERR value is out of range`},
		{`sscan s 0 type set`, `-ERR syntax error`},
		{`rpush l a`, `1`},
		{`sunion nothing l`, `-WRONGTYPE Operation against a key holding the wrong kind of value`},
	})
	if r.line("spop s 9"); r.effects != 1 {
		t.Errorf("taking all members has %d effects, want 1", r.effects)
	}
	if r.line("sadd t 2"); r.effects != 0 {
		t.Errorf("adding a member that is there has %d effects, want none", r.effects)
	}
}
