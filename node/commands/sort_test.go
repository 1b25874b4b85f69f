package commands

import "testing"

func TestSort(t *testing.T) {
	runSteps(t, newCollectionRig(t, false), []step{
		{`rpush l 3 1 2`, `3`},
		{`mset w_1 30 w_2 10 w_3 20 n_1 one`, `OK`},
		{`sort l`, `["1" "2" "3"]`},
		{`sort l by w_* desc limit 0 2`, `["1" "3"]`},
		{`sort l by nosort desc`, `["2" "1" "3"]`},
		{`sort l get n_* get #`, `["one" "1" nil "2" nil "3"]`},
		{`sort l by w_* store l`, `3`},
		{`lrange l 0 -1`, `["2" "3" "1"]`},
		{`sort_ro l store d`, `-ERR syntax error`},
		{`sort nothing store l`, `0`},
		{`exists l`, `0`},
		{`sadd s a b`, `2`},
		{`sort s`, `-ERR One or more scores can't be converted into double`},
		{`sort s by nosort store d`, `2`},
		{`lrange d 0 -1`, `["a" "b"]`},
	})
}

// TestSortInCluster checks that patterns are refused where they may name keys of other nodes.
func TestSortInCluster(t *testing.T) {
	runSteps(t, newCollectionRig(t, true), []step{
		{`rpush l 2 1`, `2`},
		{`sort l`, `["1" "2"]`},
		{`sort l by nosort`, `["2" "1"]`},
		{`sort l by w_*`, `-ERR BY option of SORT denied in Cluster mode.`},
		{`sort_ro l get #`, `-ERR GET option of SORT denied in Cluster mode.`},
	})
}

// TestSortScores compares with what C's strtod makes of words.
func TestSortScores(t *testing.T) {
	for word, want := range map[string]float64{"": 0, "1": 1, " 1.5": 1.5, "0x10": 16, "-0x1p4": -16, "1\x00x": 1, "0e5": 0, "+2": 2, "0x0": 0} {
		if got, ok := parseSortScore([]byte(word)); !ok || got != want {
			t.Errorf("%q is %v (%v), want %v", word, got, ok, want)
		}
	}
	for _, word := range []string{" ", "1 ", "nan", "1e999", "1e-400", "4.9e-324", "1_0", "x", "0x", "--1"} {
		if got, ok := parseSortScore([]byte(word)); ok {
			t.Errorf("%q is %v, want nothing", word, got)
		}
	}
}
