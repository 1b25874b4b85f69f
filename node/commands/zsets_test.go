package commands

import (
	"fmt"
	"testing"
)

// TestRankWithScore holds what Redis documents for ZRANK since 7.2; the oracle does not know it.
func TestRankWithScore(t *testing.T) {
	runScript(t, []step{
		{`zadd z 1 a 2.5 b inf c`, `3`},
		{`zrank z b withscore`, `[1 2.5]`},
		{`zrevrank z c WITHSCORE`, `[0 inf]`},
		{`zrank z x withscore`, `nil array`},
		{`zrank nothing x withscore`, `nil array`},
		{`zrank z x`, `nil`},
		{`zrank z b scores`, `-ERR syntax error`},
		{`zrank z b withscore x`, `-ERR syntax error`},
		{`set s v`, `OK`},
		{`zrank s b withscore`, `-WRONGTYPE Operation against a key holding the wrong kind of value`},
	})
}

// TestZSetEffects holds that what changes nothing is not in the log, and what each command puts there.
func TestZSetEffects(t *testing.T) {
	r := newKeyRig(t)
	for _, tt := range []struct {
		line    string
		effects int
	}{
		{`zadd z 1 a 2 b 3 c`, 3}, {`zadd z 1 a`, 0}, {`zadd z 0 zero -0 zero`, 1}, {`zadd z xx 1 new`, 0}, {`zadd z nx 5 a`, 0},
		{`zadd z gt 0 a 9 b`, 1}, {`zadd nothing xx 1 a`, 0}, {`zincrby z 0 a`, 0}, {`zincrby z 1 a`, 1}, {`zrem z x`, 0}, {`zrem z zero`, 1},
		{`zremrangebyscore z 100 200`, 0}, {`zpopmin z 0`, 0}, {`zpopmin z 2`, 2}, {`zadd z 1 x 2 y`, 2}, {`zremrangebyrank z 0 0`, 1},
		{`zremrangebyrank z 0 -1`, 1}, {`zadd z 1 a`, 1}, {`zpopmax z`, 2}, {`zadd z 1 a 2 b`, 2}, {`zunionstore z 2 z z`, 3},
		{`zinterstore nothing 2 z x`, 0}, {`zinterstore z 2 z x`, 1}, {`zadd z inf a`, 1}, {`zincrby z -inf a`, 0},
		{`geoadd z 1 1 a 2 2`, 0}, {`geoadd g 1 1 a 2 2 b`, 2}, {`geosearchstore g g frommember a byradius 0 m`, 2},
	} {
		if r.line(tt.line); r.effects != tt.effects {
			t.Errorf("%s has %d effects, want %d", tt.line, r.effects, tt.effects)
		}
	}
}

// TestZScanOfMany walks through a sorted set in the big encoding a few members at a time while it changes.
func TestZScanOfMany(t *testing.T) {
	r := newKeyRig(t)
	for i := range 1000 {
		r.do("zadd", "z", fmt.Sprint(i%7), fmt.Sprint("stays", i))
		r.do("zadd", "z", "1", fmt.Sprint("goes", i))
	}
	seen, cursor := map[string]bool{}, "0"
	for calls := 0; calls == 0 || cursor != "0"; calls++ {
		answer := r.do("zscan", "z", cursor, "count", "20")
		for i := 0; i < len(answer.Elems[1].Elems); i += 2 {
			seen[string(answer.Elems[1].Elems[i].Bytes)] = true
		}
		cursor = answer.Elems[0].Text
		r.do("zrem", "z", fmt.Sprint("goes", calls))
		r.do("zadd", "z", "9", fmt.Sprint("comes", calls))
		if calls > 1000 {
			t.Fatal("the walk does not end")
		}
	}
	for i := range 1000 {
		if !seen[fmt.Sprint("stays", i)] {
			t.Errorf("stays%d was there all the time and is not shown", i)
		}
	}
}
