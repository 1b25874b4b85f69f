package commands

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func TestLCS(t *testing.T) {
	runScript(t, []step{
		{`mset a ohmytext b mynewtext`, `OK`},
		{`lcs a b`, `"mytext"`},
		{`lcs a b LEN`, `6`},
		{`lcs a b IDX`, `{"matches" [[[4 7] [5 8]] [[2 3] [0 1]]] "len" 6}`},
		{`lcs a b IDX MINMATCHLEN 4`, `{"matches" [[[4 7] [5 8]]] "len" 6}`},
		{`lcs a b IDX MINMATCHLEN 4 WITHMATCHLEN`, `{"matches" [[[4 7] [5 8] 4]] "len" 6}`},
		{`lcs a b IDX WITHMATCHLEN MINMATCHLEN -5`, `{"matches" [[[4 7] [5 8] 4] [[2 3] [0 1] 2]] "len" 6}`},
		{`lcs a b IDX MINMATCHLEN 100`, `{"matches" [] "len" 6}`},
		{`lcs a b LEN IDX`, `-ERR If you want both the length and indexes, please just use IDX.`},
		{`lcs a b MINMATCHLEN`, `-ERR syntax error`},
		{`lcs a b MINMATCHLEN x`, `-ERR value is not an integer or out of range`},
		{`lcs a b MINMATCHLEN 4`, `"mytext"`},
		{`lcs a b FOO`, `-ERR syntax error`},
		{`lcs a missing`, `""`},
		{`lcs a missing LEN`, `0`},
		{`lcs missing missing IDX`, `{"matches" [] "len" 0}`},
		{`lcs a a IDX`, `{"matches" [[[0 7] [0 7]]] "len" 8}`},
		{`mset x abcbdab y bdcaba`, `OK`},
		{`lcs x y`, `"bdab"`},
		{`lcs y x`, `"bcba"`},
		{`lcs x y IDX WITHMATCHLEN`, `{"matches" [[[5 6] [3 4] 2] [[3 4] [0 1] 2]] "len" 4}`},
		{`lcs y x IDX WITHMATCHLEN`, `{"matches" [[[5 5] [5 5] 1] [[4 4] [3 3] 1] [[2 2] [2 2] 1] [[0 0] [1 1] 1]] "len" 4}`},
		{`lcs a`, `-ERR wrong number of arguments for 'lcs' command`},
	})
}

// TestLCSLimit: the limit is on Redis's table of four bytes for each pair of prefixes; the rig allows 1 MiB.
func TestLCSLimit(t *testing.T) {
	r := newKeyRig(t)
	r.do("set", "a", strings.Repeat("a", 511))
	r.do("set", "b", strings.Repeat("b", 511))
	if got, want := render(r.line("lcs a b len")), "0"; got != want {
		t.Errorf("LCS at the limit = %s, want %s", got, want)
	}
	r.do("append", "b", "b")
	want := "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len"
	if got := render(r.line("lcs a b len")); got != want {
		t.Errorf("LCS above the limit = %s, want %s", got, want)
	}
}

// TestLCSLength compares with the length that the plain recursion finds.
func TestLCSLength(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	word := func() []byte {
		b := make([]byte, random.IntN(9))
		for i := range b {
			b[i] = "abc"[random.IntN(3)]
		}
		return b
	}
	var length func(x, y []byte) int64
	length = func(x, y []byte) int64 {
		switch {
		case len(x) == 0 || len(y) == 0:
			return 0
		case x[0] == y[0]:
			return 1 + length(x[1:], y[1:])
		default:
			return max(length(x[1:], y), length(x, y[1:]))
		}
	}
	for range 500 {
		x, y := word(), word()
		table := align(x, y)
		if want := length(x, y); table.length != want || int64(len(table.common())) != want {
			t.Errorf("LCS of %q and %q = %q, %d, want length %d", x, y, table.common(), table.length, want)
		}
	}
}
