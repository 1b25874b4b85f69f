package commands

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// What redis-server 7.0.15 does not know follows the documentation of the version that brought it.

func TestTrimByReferences(t *testing.T) {
	runStreamScript(t, []step{
		{"XADD s 1-1 f a", `"1-1"`}, {"XADD s 1-2 f b", `"1-2"`}, {"XADD s 1-3 f c", `"1-3"`}, {"XADD s 1-4 f d", `"1-4"`}, {"XADD s 1-5 f e", `"1-5"`},
		{"XGROUP CREATE s g 0", "OK"}, {"XGROUP CREATE s h 0", "OK"},
		{"XREADGROUP GROUP g c COUNT 4 STREAMS s >", `{"s" [["1-1" ["f" "a"]] ["1-2" ["f" "b"]] ["1-3" ["f" "c"]] ["1-4" ["f" "d"]]]}`},
		{"XREADGROUP GROUP h c COUNT 3 STREAMS s >", `{"s" [["1-1" ["f" "a"]] ["1-2" ["f" "b"]] ["1-3" ["f" "c"]]]}`},
		{"XACK s g 1-1 1-3", "2"}, {"XACK s h 1-1 1-2 1-3", "3"},
		{"XTRIM s MAXLEN 5 ACKED", "0"},
		{"XTRIM s ACKED MAXLEN 4", "1"},
		{"XTRIM s MINID 1-3 ACKED", "0"},
		{"XTRIM s MINID 1-4 ACKED", "1"},
		{"XRANGE s - +", `[["1-2" ["f" "b"]] ["1-4" ["f" "d"]] ["1-5" ["f" "e"]]]`},
		{"XTRIM s MAXLEN 0 ACKED", "0"},
		{"XTRIM s MAXLEN 2 DELREF", "1"},
		{"XPENDING s g", `[1 "1-4" "1-4" [["c" "1"]]]`},
		{"XTRIM s MAXLEN 1 KEEPREF", "1"},
		{"XPENDING s g", `[1 "1-4" "1-4" [["c" "1"]]]`},
		{"XTRIM s MAXLEN 0 DELREF", "1"},
		{"XPENDING s g", `[1 "1-4" "1-4" [["c" "1"]]]`}, // it had gone before
		{"XADD s ACKED MAXLEN 0 2-1 f v", `"2-1"`},
		{"XLEN s", "1"},
		{"XADD s MAXLEN 0 DELREF 2-2 f v", `"2-2"`},
		{"XLEN s", "0"},
		{"XADD s NOMKSTREAM KEEPREF 2-3 f v", `"2-3"`},
		{"XADD s ACKED DELREF KEEPREF MAXLEN = 0 2-4 f v", `"2-4"`},
		{"XLEN s", "0"},
		{"XTRIM s ACKED", "-ERR wrong number of arguments for 'xtrim' command"},
		{"XTRIM s ACKED DELREF", "-ERR syntax error, XTRIM must be called with a trimming strategy"},
		{"XADD t 1-1 f v", `"1-1"`}, {"XTRIM t MAXLEN 0 ACKED", "1"}, // nobody needs it where there are no groups
	})
}

// Inexact trimming looks at whole nodes, of 100 entries, also where some of them must stay.
func TestTrimNodesByReferences(t *testing.T) {
	script := []step{{"XGROUP CREATE s g 0 MKSTREAM", "OK"}}
	for i := range 350 {
		script = append(script, step{fmt.Sprintf("XADD s %d-1 f v", i+1), fmt.Sprintf(`"%d-1"`, i+1)})
	}
	script = append(script, []step{
		{"XGROUP SETID s g 350-1", "OK"},
		{"XCLAIM s g c 0 7-1 150-1 240-1 349-1 FORCE JUSTID", `["7-1" "150-1" "240-1" "349-1"]`},
		{"XTRIM s MAXLEN ~ 10 LIMIT 99 ACKED", "0"},
		{"XTRIM s MAXLEN ~ 10 LIMIT 100 ACKED", "99"},
		{"XTRIM s MINID ~ 201-1 ACKED", "99"},
		{"XLEN s", "152"},
		{"XTRIM s MAXLEN ~ 52 ACKED", "99"},
		{"XLEN s", "53"},
		{"XTRIM s MAXLEN 4 DELREF", "49"},
		{"XPENDING s g", `[1 "349-1" "349-1" [["c" "1"]]]`},
	}...)
	runStreamScript(t, script)
}

func TestReadGroupClaims(t *testing.T) {
	runStreamScript(t, []step{
		{"XADD s 1-1 f a", `"1-1"`}, {"XADD s 1-2 f b", `"1-2"`}, {"XADD s 1-3 f c", `"1-3"`}, {"XADD s 1-4 f d", `"1-4"`}, {"XADD s 1-5 f e", `"1-5"`},
		{"XGROUP CREATE s g 0", "OK"},
		{"XREADGROUP GROUP g a CLAIM 100 COUNT 1 STREAMS s >", `{"s" [["1-1" ["f" "a"] 0 0]]}`},
		{"XREADGROUP GROUP g a COUNT 2 STREAMS s >", `{"s" [["1-2" ["f" "b"]] ["1-3" ["f" "c"]]]}`},
		{"XCLAIM s g a 0 1-1 IDLE 50 RETRYCOUNT 3 JUSTID", `["1-1"]`}, {"XCLAIM s g a 0 1-3 IDLE 70 JUSTID", `["1-3"]`},
		{"XREADGROUP GROUP g b CLAIM 71 COUNT 1 STREAMS s 0", `{"s" []}`},
		{"XREADGROUP CLAIM 60 GROUP g b COUNT 2 STREAMS s >", `{"s" [["1-3" ["f" "c"] 70 1] ["1-4" ["f" "d"] 0 0]]}`},
		{"XPENDING s g - + 9", `[["1-1" "a" 50 3] ["1-2" "a" 0 1] ["1-3" "b" 0 2] ["1-4" "b" 0 1]]`},
		{"XCLAIM s g a 0 1-3 IDLE 90 RETRYCOUNT 2 JUSTID", `["1-3"]`},
		{"XREADGROUP GROUP g b COUNT 1 CLAIM 20 CLAIM 50 NOACK STREAMS s >", `{"s" [["1-3" ["f" "c"] 90 2]]}`}, // who waits longest comes first
		{"XDEL s 1-1", "1"},
		{"XREADGROUP GROUP g b CLAIM 50 NOACK STREAMS s >", `{"s" [["1-5" ["f" "e"] 0 0]]}`},
		{"XPENDING s g - + 9", `[["1-1" "a" 50 3] ["1-2" "a" 0 1] ["1-3" "b" 0 3] ["1-4" "b" 0 1]]`},
		{"XREADGROUP GROUP g b CLAIM 9223372036854775807 STREAMS s >", "nil"},
		{"XREADGROUP GROUP g b CLAIM 0 STREAMS s >", `{"s" [["1-2" ["f" "b"] 0 1] ["1-3" ["f" "c"] 0 3] ["1-4" ["f" "d"] 0 1]]}`},
		{"XREADGROUP GROUP g b CLAIM x STREAMS s >", "-ERR min-idle-time is not an integer or out of range"},
		{"XREADGROUP GROUP g b CLAIM -1 STREAMS s >", "-ERR min-idle-time must be a positive integer"},
		{"XREADGROUP GROUP none b CLAIM 1 STREAMS s >", "-NOGROUP No such key 's' or consumer group 'none' in XREADGROUP with GROUP option"},
		{"XREAD CLAIM 1 STREAMS s 0", "-ERR The CLAIM option is only supported by XREADGROUP. You called XREAD instead."},
	})
}

// Who waits with CLAIM is served when something has been pending long enough, whoever got it and when.
func TestBlockedClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		other := r.connect()
		other.expect("xadd s 1-1 f v", "1-1", "xgroup create s g 0", "+OK")
		other.do("xreadgroup group g a streams s >")
		first, second := r.connect(), r.connect()
		served := [2]<-chan []string{
			first.pipeline("xreadgroup group g b block 0 claim 5000 streams s >"),
			second.pipeline("xreadgroup group g c block 7000 claim 3000 streams s >"),
		}
		for passed := range 10 {
			if passed == 3 {
				wantReplies(t, <-served[1], "{s [[1-1 [f v] 3000 1]]}")
			} else if passed > 3 && !held(served[0]) {
				wantReplies(t, <-served[0], "{s [[1-1 [f v] 5000 2]]}")
				if passed != 8 {
					t.Errorf("served after %d seconds, want 8", passed)
				}
				break
			}
			time.Sleep(time.Second)
		}
		began := time.Now()
		other.expect("xreadgroup group g d block 500 claim 60000 streams s >", "null-array")
		if took := time.Since(began); took != 500*time.Millisecond {
			t.Errorf("waited %v for nothing, want 500ms", took)
		}
		other.expect("xreadgroup group g d block 1 claim 9223372036854775807 streams s >", "null-array")
		news := first.pipeline("xreadgroup group g b block 0 claim 60000 streams s >")
		if !held(news) {
			t.Fatalf("not blocked: %q", <-news)
		}
		other.expect("xadd s 2-1 f w", "2-1")
		wantReplies(t, <-news, "{s [[2-1 [f w] 0 0]]}")
	})
}
