package e2e

import (
	"fmt"
	"strconv"
	"testing"
)

// TestLongReplies compares replies that are so long that they leave in pieces with redis-server's, also of collections that are
// too big to be in memory, with what follows them in a pipeline, and within a transaction.
func TestLongReplies(t *testing.T) {
	for _, cache := range []string{"64mb", "256kb"} {
		nodes := [2]*Node{startShiplog(t, "--row-cache-size", cache), startRedis(t)}
		for proto := 2; proto <= 3; proto++ {
			t.Run(fmt.Sprintf("%s/RESP%d", cache, proto), func(t *testing.T) {
				conns := [2]*Client{dial(t, nodes[0]), dial(t, nodes[1])}
				for _, c := range conns {
					do(t, c, "HELLO", strconv.Itoa(proto))
					fillLong(t, c)
				}
				longReplies(t, conns)
			})
		}
	}
}

// fillLong makes collections of 10,000 elements, in units of 500.
func fillLong(t *testing.T, c *Client) {
	t.Helper()
	do(t, c, "FLUSHALL")
	var entries []byte
	for i := range 10_000 {
		entries = Command(entries, "XADD", "x", strconv.Itoa(i+1)+"-0", "f", strconv.Itoa(i))
	}
	if err := c.Write(entries); err != nil {
		t.Fatal(err)
	}
	for range 10_000 {
		if v, err := c.Read(); err != nil || v.IsError() {
			t.Fatal(v, err)
		}
	}
	for first := 0; first < 10_000; first += 500 {
		same := []string{"ZADD", "same"}
		hash, set, list, zset := []string{"HSET", "h"}, []string{"SADD", "s"}, []string{"RPUSH", "l"}, []string{"ZADD", "z"}
		for i := first; i < first+500; i++ {
			name := fmt.Sprintf("element:%d", i*7919%10_000)
			hash, set, list = append(hash, name, strconv.Itoa(i)), append(set, name), append(list, name)
			zset, same = append(zset, strconv.Itoa(i%1000), name), append(same, "0", name)
		}
		for _, words := range [][]string{hash, set, list, zset, same} {
			do(t, c, words...)
		}
	}
}

func longReplies(t *testing.T, conns [2]*Client) {
	t.Helper()
	unordered, pairs, shape, exact := rule{name: "unordered"}, rule{name: "pairs"}, rule{name: "shape"}, rule{}
	for _, q := range []struct {
		rule  rule
		words []string
	}{
		{pairs, []string{"HGETALL", "h"}}, {unordered, []string{"HKEYS", "h"}}, {unordered, []string{"HVALS", "h"}},
		{unordered, []string{"SMEMBERS", "s"}}, {exact, []string{"LRANGE", "l", "0", "-1"}}, {exact, []string{"LRANGE", "l", "100", "9000"}},
		{exact, []string{"ZRANGE", "z", "0", "-1"}}, {exact, []string{"ZRANGE", "z", "10", "8000", "WITHSCORES"}},
		{exact, []string{"ZREVRANGE", "z", "0", "-1", "WITHSCORES"}},
		{exact, []string{"ZRANGEBYSCORE", "z", "-inf", "+inf"}}, {exact, []string{"ZRANGEBYSCORE", "z", "(10", "900", "WITHSCORES"}},
		{exact, []string{"ZREVRANGEBYSCORE", "z", "990", "1", "LIMIT", "20", "6000"}},
		{exact, []string{"ZRANGEBYSCORE", "z", "0", "(800", "LIMIT", "3000", "-1"}},
		{exact, []string{"ZRANGE", "z", "0", "500", "BYSCORE", "LIMIT", "0", "4096"}},
		{exact, []string{"ZRANGE", "same", "[e", "+", "BYLEX"}}, {exact, []string{"ZRANGE", "same", "+", "[element:1", "BYLEX", "REV", "LIMIT", "7", "5000"}},
		{exact, []string{"XRANGE", "x", "-", "+"}}, {exact, []string{"XREVRANGE", "x", "+", "-", "COUNT", "7000"}},
		{exact, []string{"XRANGE", "x", "(101", "9000-0"}}, {exact, []string{"XREVRANGE", "x", "9000", "500"}},
		{unordered, []string{"SUNION", "s", "l-set"}}, {unordered, []string{"SDIFF", "s", "none"}}, {unordered, []string{"SINTER", "s", "s"}},
		{unordered, []string{"SRANDMEMBER", "s", "9000000"}}, {shape, []string{"SRANDMEMBER", "s", "-9000"}},
		{rule{name: "deep"}, []string{"HRANDFIELD", "h", "9000000", "WITHVALUES"}}, {shape, []string{"HRANDFIELD", "h", "-4500"}},
		{shape, []string{"ZRANDMEMBER", "z", "-4500", "WITHSCORES"}}, {exact, []string{"ZUNION", "2", "z", "same", "WITHSCORES"}},
		{exact, []string{"SORT", "l", "ALPHA"}}, {exact, []string{"SORT", "z", "BY", "none", "LIMIT", "7", "4500", "GET", "none_*", "GET", "#"}},
		{exact, []string{"LPOP", "l", "4500"}}, {shape, []string{"SPOP", "s", "4500"}}, {exact, []string{"ZPOPMAX", "z", "4500"}},
	} {
		for _, inside := range []bool{false, true} {
			script := [][]string{{"GET", "none"}, q.words, {"PING"}}
			if inside {
				script = [][]string{{"MULTI"}, q.words, {"EXEC"}, {"PING"}}
			}
			var got [2][]Value
			for i, c := range conns {
				got[i] = pipelined(t, c, script)
			}
			for i := range script {
				compared := q.rule
				if inside && q.rule.name != "shape" {
					compared = rule{name: "deep"}
				}
				if diff := compared.differs(got[0][i], got[1][i]); diff != "" {
					t.Errorf("%v, reply %d: %.300s", q.words, i, diff)
				}
			}
		}
	}
}

// pipelined sends commands at once and returns their replies.
func pipelined(t *testing.T, c *Client, script [][]string) (replies []Value) {
	t.Helper()
	for _, words := range script {
		if err := c.Send(words...); err != nil {
			t.Fatal(err)
		}
	}
	for range script {
		v, err := c.Read()
		if err != nil {
			t.Fatal(err)
		}
		replies = append(replies, v)
	}
	return replies
}
