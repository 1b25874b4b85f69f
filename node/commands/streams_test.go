package commands

import (
	"testing"
	"testing/synctest"

	"shiplog/node/reply"
)

// runStreamScript is runScript for the commands of the streams group.
func runStreamScript(t *testing.T, steps []step) {
	t.Helper()
	r := newKeyRig(t)
	r.add(streamRows(defaultLimits))
	for _, s := range steps {
		answer := r.line(s.line)
		if got := render(plain(answer)); got != s.want {
			t.Errorf("%s\n got %s\nwant %s", s.line, got, s.want)
		}
		if answer.IsError() && r.effects != 0 {
			t.Errorf("%s: refused with %d effects, want none", s.line, r.effects)
		}
	}
}

// plain makes of a reply one of kinds that the rig can show.
func plain(r reply.Reply) reply.Reply {
	switch r.Kind {
	case reply.KindPairMap:
		r.Kind = reply.KindMap
	case reply.KindNullArray:
		r.Kind = reply.KindNull
	}
	elems := r.Elems
	r.Elems = nil
	for i := range elems {
		r.Elems = append(r.Elems, plain(elems[i]))
	}
	return r
}

func TestStreams(t *testing.T) {
	runStreamScript(t, []step{
		{"XADD s NOMKSTREAM 1-1 f v", "nil"},
		{"XADD s * f v", `"1700000000000-0"`},
		{"XADD s * f v", `"1700000000000-1"`},
		{"XADD s 1800000000000-5 f v g w", `"1800000000000-5"`},
		{"XADD s * f v", `"1800000000000-6"`},
		{"XADD s 1800000000000-* f v", `"1800000000000-7"`},
		{"XADD s 1-* f v", "-ERR The ID specified in XADD is equal or smaller than the target stream top item"},
		{"XADD s 0-0 f v", "-ERR The ID specified in XADD must be greater than 0-0"},
		{"XADD s 1800000000000-8 f v g", "-ERR wrong number of arguments for 'xadd' command"},
		{"XRANGE s (1700000000000-1 (1800000000000-6", `[["1800000000000-5" ["f" "v" "g" "w"]]]`},
		{"XDEL s 1800000000000-5 1-1", "1"},
		{"XTRIM s MAXLEN 1", "3"},
		{"XREVRANGE s + - COUNT 5", `[["1800000000000-7" ["f" "v"]]]`},
		{"XDEL s 1800000000000-7", "1"},
		{"XLEN s", "0"},
		{"EXISTS s", "1"},
		{"XADD s * f v", `"1800000000000-8"`},
		{"XSETID s 1800000000000-7", "-ERR The ID specified in XSETID is smaller than the target stream top item"},
		{"XSETID s 1800000000000-9 MAXDELETEDID 1800000000001-0", "-ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id"},
		{"XADD s '  01-02' f v", "-ERR The ID specified in XADD is equal or smaller than the target stream top item"},
		{"XADD s 1- f v", "-ERR Invalid stream ID specified as stream command argument"},
	})
}

// What redis-server 7.0.15 does not know follows the documentation of the version that brought it.
func TestStreamDeletionByReferences(t *testing.T) {
	runStreamScript(t, []step{
		{"XADD s 1-1 f a", `"1-1"`}, {"XADD s 1-2 f b", `"1-2"`}, {"XADD s 1-3 f c", `"1-3"`}, {"XADD s 1-4 f d", `"1-4"`},
		{"XGROUP CREATE s g 0", "OK"}, {"XGROUP CREATE s h 0", "OK"},
		{"XREADGROUP GROUP g c COUNT 3 STREAMS s >", `{"s" [["1-1" ["f" "a"]] ["1-2" ["f" "b"]] ["1-3" ["f" "c"]]]}`},
		{"XREADGROUP GROUP h c COUNT 2 STREAMS s >", `{"s" [["1-1" ["f" "a"]] ["1-2" ["f" "b"]]]}`},
		{"XDELEX s ACKED IDS 3 1-1 1-3 9-9", "[2 2 -1]"},
		{"XACKDEL s g ACKED IDS 2 1-1 9-9", "[2 -1]"},
		{"XACKDEL s h ACKED IDS 1 1-1", "[1]"},
		{"XACKDEL s g IDS 2 1-2 1-2", "[1 -1]"},
		{"XPENDING s h", `[1 "1-2" "1-2" [["c" "1"]]]`},
		{"XDELEX s DELREF IDS 1 1-2", "[-1]"},
		{"XPENDING s h", "[0 nil nil nil]"},
		{"XDELEX s IDS 1 1-3", "[1]"},
		{"XPENDING s g", `[1 "1-3" "1-3" [["c" "1"]]]`},
		{"XACKDEL s nothing IDS 1 1-4", "[-1]"},
		{"XDELEX nothing IDS 2 1-1 1-2", "[-1 -1]"},
		{"XRANGE s - +", `[["1-4" ["f" "d"]]]`},
		{"XDELEX s IDS 0 1-1", "-ERR Number of IDs must be a positive integer"},
		{"XDELEX s IDS 2 1-1", "-ERR The `numids` parameter must match the number of arguments"},
		{"XDELEX s IDS 1 1-1 x", "-ERR syntax error"},
		{"XDELEX s IDS 1 x", "-ERR Invalid stream ID specified as stream command argument"},
		{"XDELEX s KEEPREF 1 1-1", "-ERR syntax error"},
	})
}

func TestReadLastEntry(t *testing.T) {
	runStreamScript(t, []step{
		{"XREAD STREAMS s +", "nil"},
		{"XADD s 1-1 f a", `"1-1"`}, {"XADD s 2-0 f b", `"2-0"`},
		{"XREAD STREAMS s +", `{"s" [["2-0" ["f" "b"]]]}`},
		{"XDEL s 2-0", "1"},
		{"XREAD STREAMS s +", `{"s" [["1-1" ["f" "a"]]]}`},
		{"XREAD STREAMS s $", "nil"},
	})
}

// What $ means is settled when the command comes, on every key; reading in vain changes nothing.
func TestBlockedRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		other := r.connect()
		other.expect("xadd a 1-1 f v", "1-1")
		done := r.connect().pipeline("xread block 0 streams a b $ $")
		if !held(done) {
			t.Fatalf("not blocked: %q", <-done)
		}
		other.expect("xdel a 1-1", "1", "xgroup create a g 0", "+OK", "xadd b 5-1 f w", "5-1")
		if held(done) {
			t.Fatal("not served")
		}
		wantReplies(t, <-done, "{b [[5-1 [f w]]]}")
		other.expect("xread block 5 streams a $", "null-array", "xlen a", "0")
	})
}

// Who waits in the name of a group learns that it is gone, or the stream.
func TestBlockedGroupRead(t *testing.T) {
	for end, want := range map[string]string{
		"xgroup destroy s g": "-NOGROUP the consumer group this client was blocked on no longer exists",
		"del s":              "-UNBLOCKED the stream key no longer exists",
		"set s string":       "-UNBLOCKED the stream key no longer exists",
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			other := r.connect()
			other.expect("xgroup create s g $ mkstream", "+OK")
			other.reset()
			done := r.connect().pipeline("xreadgroup group g c block 0 streams s >")
			if !held(done) {
				t.Fatalf("not blocked: %q", <-done)
			}
			if n := len(r.engine.partition.body); n != 0 {
				t.Errorf("waiting wrote %d bytes", n)
			}
			if other.do(end); held(done) {
				t.Fatalf("still blocked after %s", end)
			}
			if got := (<-done)[0]; got != want {
				t.Errorf("after %s: got %s, want %s", end, got, want)
			}
		})
	}
}

// What groups note is no change to those who watch a stream.
func TestGroupsDoNotTouch(t *testing.T) {
	for line, want := range map[string]string{
		"xreadgroup group g c streams s >": "[+PONG]",
		"xack s g 1-1":                     "[+PONG]",
		"xgroup create s h 0":              "[+PONG]",
		"xgroup destroy s g":               "[+PONG]",
		"xsetid s 9-9":                     "[+PONG]",
		"xadd s 2-1 f v":                   "null-array",
		"xdel s 1-1":                       "null-array",
		"xtrim s maxlen 0":                 "null-array",
	} {
		r := newRig(t)
		c, other := r.connect(), r.connect()
		c.expect("xadd s 1-1 f v", "1-1", "xgroup create s g 0", "+OK", "watch s", "+OK")
		if got := other.do(line); got[0] == '-' {
			t.Fatalf("%s: %s", line, got)
		}
		c.expect("multi", "+OK", "ping", "+QUEUED")
		if got := c.do("exec"); got != want {
			t.Errorf("watched over %s: got %s, want %s", line, got, want)
		}
	}
}
