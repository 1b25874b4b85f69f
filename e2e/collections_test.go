package e2e

import (
	"slices"
	"strconv"
	"testing"
	"time"
)

// TestBigCollections fills a collection of each type with many elements, ten million in the long form, and wants three things: that what
// costs O(1) or O(log n) in Redis does not cost much more than in a collection of ten elements; that memory stays bounded; and that DEL
// returns at once.
func TestBigCollections(t *testing.T) {
	elements := pick(200_000, 10_000_000)
	n := startShiplog(t, "--appendfsync", "everysec")
	c := dial(t, n)
	c.Timeout = 2 * time.Minute
	for _, kind := range bigKinds() {
		t.Run(kind.name, func(t *testing.T) {
			begin := time.Now()
			do(t, c, "FLUSHALL")
			kind.fill(t, c, "big", elements)
			kind.fill(t, c, "few", 10)
			rss, _ := n.RSS()
			t.Logf("%d elements in %v, %d MB resident", elements, time.Since(begin).Round(time.Millisecond), rss>>20)
			if limit := int64(2 << 30); rss > limit {
				t.Errorf("%d MB resident, want at most %d", rss>>20, limit>>20)
			}
			for _, words := range kind.ask {
				do(t, c, on("big", words, elements/2)...) // what is known of a collection beyond memory may be found at the first time
				few, big := kind.median(t, c, "few", words, 10), kind.median(t, c, "big", words, elements)
				t.Logf("%-12s %v in ten, %v in %d", words[0], few, big, elements)
				if big > 5*few+2*time.Millisecond { // a rank beyond memory costs up to 512 rows of Pebble
					t.Errorf("%s takes %v where there are %d elements, %v where there are ten", words[0], big, elements, few)
				}
			}
			begin = time.Now()
			do(t, c, "DEL", "big")
			took := time.Since(begin)
			t.Logf("DEL took %v", took)
			if took > 50*time.Millisecond {
				t.Errorf("DEL of %d elements took %v", elements, took)
			}
		})
	}
}

// bigKind is a type of collection: how an element is put in, and what is asked of it. "key" stands for the key, "#" for a number of an
// element that is there.
type bigKind struct {
	name string
	add  []string
	ask  [][]string
}

func bigKinds() []bigKind {
	return []bigKind{
		{"hash", []string{"HSET", "key", "field:#", "value:#"}, [][]string{
			{"HSET", "key", "field:#", "other"}, {"HGET", "key", "field:#"}, {"HLEN", "key"}, {"HRANDFIELD", "key"}}},
		{"set", []string{"SADD", "key", "member:#"}, [][]string{
			{"SADD", "key", "new:#"}, {"SISMEMBER", "key", "member:#"}, {"SRANDMEMBER", "key"}, {"SPOP", "key"}}},
		{"zset", []string{"ZADD", "key", "#", "member:#"}, [][]string{
			{"ZADD", "key", "#", "new:#"}, {"ZRANK", "key", "member:#"}, {"ZCOUNT", "key", "1", "(#"}, {"ZRANGE", "key", "#", "#"},
			{"ZRANGEBYSCORE", "key", "#", "+inf", "LIMIT", "3", "2"}, {"ZINCRBY", "key", "1", "member:#"}, {"ZPOPMIN", "key"}}},
		{"list", []string{"RPUSH", "key", "element:#"}, [][]string{
			{"LINDEX", "key", "#"}, {"LSET", "key", "#", "other"}, {"LRANGE", "key", "#", "#"}, {"LPUSH", "key", "#"}, {"RPOP", "key"}}},
		{"stream", []string{"XADD", "key", "*", "field", "value:#"}, [][]string{
			{"XADD", "key", "*", "f", "v"}, {"XLEN", "key"}, {"XRANGE", "key", "-", "+", "COUNT", "2"}, {"XREVRANGE", "key", "+", "-", "COUNT", "2"}}},
	}
}

// on puts a key and a number into words.
func on(key string, words []string, number int) []string {
	words = slices.Clone(words)
	for i, word := range words {
		switch {
		case word == "key":
			words[i] = key
		case len(word) > 0 && word[len(word)-1] == '#':
			words[i] = word[:len(word)-1] + strconv.Itoa(number)
		}
	}
	return words
}

// fill puts elements into a key, in an order that is not theirs.
func (k *bigKind) fill(t *testing.T, c *Client, key string, elements int) {
	t.Helper()
	const window = 1000
	step := 7919 // a prime: each number comes once
	for first := 0; first < elements; first += window {
		var raw []byte
		count := min(window, elements-first)
		for i := range count {
			raw = Command(raw, on(key, k.add, (first+i)*step%elements)...)
		}
		if err := c.Write(raw); err != nil {
			t.Fatal(err)
		}
		for range count {
			if v, err := c.Read(); err != nil || v.IsError() {
				t.Fatal(v, err)
			}
		}
	}
}

// median is how long a command takes in the middle of many.
func (k *bigKind) median(t *testing.T, c *Client, key string, words []string, elements int) time.Duration {
	t.Helper()
	took := make([]time.Duration, 201)
	for i := range took {
		asked := on(key, words, i*104_729%elements)
		begin := time.Now()
		do(t, c, asked...)
		took[i] = time.Since(begin)
	}
	slices.Sort(took)
	return took[len(took)/2]
}
