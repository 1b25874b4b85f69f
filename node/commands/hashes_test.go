package commands

import (
	"fmt"
	"strings"
	"testing"
)

func TestHashRefusalsTellNothing(t *testing.T) {
	runScript(t, []step{
		{`hset h f`, `-ERR wrong number of arguments for 'hset' command`},
		{`hset h f v g`, `-ERR wrong number of arguments for 'hset' command`},
		{`hmset h f v g`, `-ERR wrong number of arguments for 'hmset' command`},
		{`set s v`, `OK`},
		{`hset s f v`, `-WRONGTYPE Operation against a key holding the wrong kind of value`},
		{`hset h t text m 9223372036854775807`, `2`},
		{`hincrby h t 1`, `-ERR hash value is not an integer`},
		{`hincrby h m 1`, `-ERR increment or decrement would overflow`},
		{`hincrbyfloat h t 1`, `-ERR hash value is not a float`},
		{`hincrbyfloat h m inf`, `-ERR value is NaN or Infinity`},
		{`hrandfield h 1 withvalues x`, `-ERR syntax error`},
	})
}

// TestHashExpire holds what Redis documents for HEXPIRE and its like; the oracle does not know them.
func TestHashExpire(t *testing.T) {
	runScript(t, []step{
		{`hexpire h 10 fields 2 a b`, `[-2 -2]`},
		{`httl h fields 1 a`, `[-2]`},
		{`hpersist h fields 1 a`, `[-2]`},
		{`exists h`, `0`},
		{`hset h a 1 b 2 c 3 d 4`, `4`},
		{`httl h fields 2 a x`, `[-1 -2]`},
		{`hexpire h 10 fields 2 a x`, `[1 -2]`},
		{`httl h fields 2 a b`, `[10 -1]`},
		{`hpttl h fields 1 a`, `[10000]`},
		{`hexpiretime h fields 1 a`, `[1700000010]`},
		{`hpexpiretime h fields 1 a`, `[1700000010000]`},
		{`hpexpire h 1 fields 1 b`, `[1]`},
		{`httl h fields 1 b`, `[1]`},
		{`hexpire h 20 nx fields 2 a c`, `[0 1]`},
		{`hexpire h 30 xx fields 3 a c d`, `[1 1 0]`},
		{`hexpire h 30 gt fields 2 a d`, `[0 0]`},
		{`hexpire h 31 GT fields 1 a`, `[1]`},
		{`hexpire h 31 lt fields 2 a d`, `[0 1]`},
		{`hexpire h 5 lt fields 1 a`, `[1]`},
		{`hpersist h fields 3 a x a`, `[1 -2 -1]`},
		{`hpexpireat h 1700000000000 fields 1 a`, `[2]`},
		{`hexpireat h 1 nx fields 1 c`, `[0]`},
		{`hexists h a`, `0`},
		{`hset h c 5`, `0`},
		{`httl h fields 1 c`, `[-1]`},
		{`hexpire h 100 fields 1 c`, `[1]`},
		{`hincrby h c 2`, `7`},
		{`hincrbyfloat h c 0.5`, `"7.5"`},
		{`httl h fields 1 c`, `[100]`},
		{`hexpire h 0 fields 3 b c d`, `[2 2 2]`},
		{`exists h`, `0`},
	})
}

func TestHashExpireRefusals(t *testing.T) {
	const (
		missing  = `-ERR Mandatory argument FIELDS is missing or not at the right position`
		mismatch = "-ERR The `numfields` parameter must match the number of arguments"
	)
	runScript(t, []step{
		{`set s v`, `OK`},
		{`hexpire s x fields 1 a`, `-WRONGTYPE Operation against a key holding the wrong kind of value`},
		{`httl s fields 1 a`, `-WRONGTYPE Operation against a key holding the wrong kind of value`},
		{`hgetdel s fields 1 a`, `-WRONGTYPE Operation against a key holding the wrong kind of value`},
		{`hset h a 1`, `1`},
		{`hexpire h 10 fields 1`, `-ERR wrong number of arguments for 'hexpire' command`},
		{`hexpire h x fields 1 a`, `-ERR value is not an integer or out of range`},
		{`hexpire h -1 fields 1 a`, `-ERR invalid expire time, must be >= 0`},
		{`hexpire h 70368744178 fields 1 a`, `-ERR invalid expire time in 'hexpire' command`},
		{`hpexpireat h 70368744177664 fields 1 a`, `-ERR invalid expire time in 'hpexpireat' command`},
		{`hpexpireat h 70368744177663 fields 1 a`, `[1]`},
		{`hexpire h 10 foo fields 1 a`, missing},
		{`hexpire h 10 nx xx fields 1 a`, missing},
		{`hexpire h 10 fields 0 a`, "-ERR Parameter `numFields` should be greater than 0"},
		{`hexpire h 10 fields 2 a`, mismatch},
		{`httl h foo 1 a`, missing},
		{`httl h fields 0 a`, `-ERR Number of fields must be a positive integer`},
		{`httl h fields 3 a b`, mismatch},
		{`hpersist h fields x a`, `-ERR Number of fields must be a positive integer`},
		{`hgetdel h fields 1 a b`, mismatch},
		{`hgetex h ex 10 persist fields 1 a`, `-ERR Only one of EX, PX, EXAT, PXAT or PERSIST arguments can be specified`},
		{`hgetex h keepttl fields 1 a`, `-ERR unknown argument: keepttl`},
		{`hgetex h fields 0 a`, `-ERR invalid number of fields`},
		{`hgetex h fields 2 a`, `-ERR wrong number of arguments for 'hgetex' command`},
		{`hgetex h persist persist a`, `-ERR Only one of EX, PX, EXAT, PXAT or PERSIST arguments can be specified`},
		{`hsetex h fnx fxx fields 1 a 1`, `-ERR Only one of FXX or FNX arguments can be specified`},
		{`hsetex h ex 10 keepttl fields 1 a 1`, `-ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified`},
		{`hsetex h fields 1 a 1 b`, `-ERR wrong number of arguments for 'hsetex' command`},
		{`hsetex h foo fields 1 a 1`, `-ERR unknown argument: foo`},
		{`hsetex h keepttl fnx fnx px`, `-ERR Only one of FXX or FNX arguments can be specified`},
		{`hsetex h keepttl fnx a b c`, `-ERR unknown argument: a`},
		{`hsetex h fnx fields 1 a ex`, `0`},
		{`hget h a`, `"1"`},
	})
}

func TestHashTake(t *testing.T) {
	runScript(t, []step{
		{`hgetdel h fields 2 a b`, `[nil nil]`},
		{`hgetex h ex 10 fields 1 a`, `[nil]`},
		{`hsetex h fxx fields 1 a 1`, `0`},
		{`exists h`, `0`},
		{`hsetex h ex 10 fnx fields 2 a 1 b 2`, `1`},
		{`httl h fields 2 a b`, `[10 10]`},
		{`hsetex h fnx fields 2 b x c 3`, `0`},
		{`hsetex h fxx keepttl fields 1 a one`, `1`},
		{`httl h fields 1 a`, `[10]`},
		{`hsetex h fields 1 a uno`, `1`},
		{`httl h fields 1 a`, `[-1]`},
		{`hgetex h fields 3 a b x`, `["uno" "2" nil]`},
		{`httl h fields 2 a b`, `[-1 10]`},
		{`hgetex h pxat 1700000005000 fields 1 a`, `["uno"]`},
		{`hpttl h fields 1 a`, `[5000]`},
		{`hgetex h persist fields 2 a b`, `["uno" "2"]`},
		{`httl h fields 2 a b`, `[-1 -1]`},
		{`hgetex h exat 1 fields 1 a`, `["uno"]`},
		{`hexists h a`, `0`},
		{`hsetex h pxat 1 fields 2 b 3 c 4`, `1`},
		{`exists h`, `0`},
		{`hset h a 1 b 2`, `2`},
		{`hgetdel h fields 3 a a x`, `["1" nil nil]`},
		{`hgetdel h fields 1 b`, `["2"]`},
		{`exists h`, `0`},
	})
}

// TestExpiredFieldsAreHidden looks at a hash whose fields are over and not yet removed.
func TestExpiredFieldsAreHidden(t *testing.T) {
	r := newKeyRig(t)
	r.line("hset h a 1 b 2 c 3")
	r.line("hpexpire h 10 fields 2 a b")
	r.now += 10
	if got := render(r.line("hmget h a b c")); got != `["1" "2" "3"]` {
		t.Errorf("fields at their deadline are %s", got)
	}
	r.now++
	for _, s := range []step{
		{"hmget h a b c", `[nil nil "3"]`},
		{"hgetall h", `{"c" "3"}`},
		{"hkeys h", `["c"]`},
		{"hvals h", `["3"]`},
		{"hscan h 0", `["0" ["c" "3"]]`},
		{"hrandfield h", `"c"`},
		{"hrandfield h 5", `["c"]`},
		{"hrandfield h -2 withvalues", `[["c" "3"] ["c" "3"]]`},
		{"hexists h a", `0`},
		{"hstrlen h a", `0`},
		{"httl h fields 2 a c", `[-2 -1]`},
		{"hlen h", `3`}, // Redis counts them until they are removed
		{"hdel h a", `0`},
		{"hlen h", `2`},
		{"hsetnx h b new", `1`},
		{"httl h fields 1 b", `[-1]`},
		{"hlen h", `2`},
		{"hpexpire h 10 fields 2 b c", `[1 1]`},
	} {
		if got := render(r.line(s.line)); got != s.want {
			t.Errorf("%s\n got %s\nwant %s", s.line, got, s.want)
		}
	}
	r.now += 11
	for _, s := range []step{
		{"hgetall h", `{}`}, {"hrandfield h", `nil`}, {"exists h", `1`}, {"copy h i", `1`}, {"exists i", `0`},
		{"hincrby h b 1", `1`}, {"hgetall h", `{"b" "1"}`},
	} {
		if got := render(r.line(s.line)); got != s.want {
			t.Errorf("%s\n got %s\nwant %s", s.line, got, s.want)
		}
	}
}

func TestHashEncodings(t *testing.T) {
	runScript(t, []step{
		{`hset h a 1`, `1`},
		{`object encoding h`, `"listpack"`},
		{`object refcount h`, `1`},
		{`copy h c`, `1`},
		{`object encoding c`, `"listpack"`},
		{`hset h ` + strings.Repeat("x", 65) + ` 1`, `1`},
		{`object encoding h`, `"hashtable"`},
		{`rename h i`, `OK`},
		{`object encoding i`, `"hashtable"`},
		{`copy i c`, `0`},
		{`copy i c replace`, `1`},
		{`object encoding c`, `"hashtable"`},
		{`hlen c`, `2`},
		{`scan 0 type hash`, `["0" ["c" "i"]]`},
		{`scan 0 type string`, `["0" []]`},
	})
}

// TestHScanVisitsEveryField walks through a hash with cursors while fields come and go.
func TestHScanVisitsEveryField(t *testing.T) {
	r := newKeyRig(t)
	for i := range 600 {
		r.do("hset", "h", fmt.Sprintf("stays:%d", i), "v")
	}
	r.settle()
	seen, cursor := make(map[string]bool), "0"
	for i := 0; i == 0 || cursor != "0"; i++ {
		r.do("hset", "h", fmt.Sprintf("new:%d", i), "v")
		r.do("hdel", "h", fmt.Sprintf("new:%d", i-1))
		answer := r.do("hscan", "h", cursor, "count", "7", "match", "stays:*")
		cursor = answer.Elems[0].Text
		for j := 0; j < len(answer.Elems[1].Elems); j += 2 {
			seen[string(answer.Elems[1].Elems[j].Bytes)] = true
		}
		if i > 1000 {
			t.Fatal("HSCAN does not end")
		}
	}
	if len(seen) != 600 {
		t.Errorf("HSCAN shows %d of the fields, want 600", len(seen))
	}
}

// TestHRandFieldIsFair draws often enough from a few fields that each must come.
func TestHRandFieldIsFair(t *testing.T) {
	r := newKeyRig(t)
	r.line("hset h a 1 b 2 c 3 d 4")
	times := make(map[string]int)
	for _, elem := range r.line("hrandfield h -4000").Elems {
		times[string(elem.Bytes)]++
	}
	for range 2000 {
		for _, elem := range r.line("hrandfield h 2").Elems {
			times[string(elem.Bytes)]++
		}
	}
	for name, n := range times {
		if n < 1700 || n > 2300 {
			t.Errorf("%s came %d times of 8000, want about 2000", name, n)
		}
	}
	if len(times) != 4 {
		t.Errorf("drawn %v, want a, b, c, d", times)
	}
}
