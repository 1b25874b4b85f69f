package main

import (
	"fmt"
	"os/exec"
	"strconv"

	"shiplog/e2e"
)

// types is what a comparison of commands on collections needs besides.
type types struct {
	fresh   bool       // both servers are emptied first
	fill    []string   // what redis-benchmark fills them with then, as many times as requests are measured
	make    [][]string // or what is sent once
	command []string   // measured instead of one of redis-benchmark's own tests
}

// The ratios asked for commands on collections.
const (
	askedP1  = 0.7
	askedP16 = 0.6
)

// typeComparisons lists what is measured of collections: each with both kinds of durability, one command at a time and in pipelines.
func typeComparisons() (list []comparison) {
	pair := make([]string, 0, 201)
	pair = append(pair, "HSET", "hash:100")
	for i := range 100 {
		pair = append(pair, fmt.Sprintf("field:%d", i), "value")
	}
	ten := []string{"MSET"}
	for range 10 {
		ten = append(ten, "key:__rand_int__", "xxx")
	}
	for _, c := range []comparison{
		{test: "lpush"}, {test: "rpush"},
		{test: "lpop", types: types{fill: []string{"lpush", "mylist", "xxx"}}},
		{test: "sadd", keys: 100_000}, {test: "hset", keys: 100_000},
		{test: "spop", types: types{fill: []string{"sadd", "myset", "element:__rand_int__"}}},
		{test: "zadd", keys: 100_000},
		{test: "zpopmin", types: types{fill: []string{"zadd", "myzset", "0", "element:__rand_int__"}}},
		{test: "mset", keys: 100_000, types: types{command: ten}},
		{test: "xadd", types: types{command: []string{"XADD", "mystream", "*", "field", "value"}}},
		{test: "lrange_100"}, {test: "lrange_600"},
		{test: "hgetall_100", types: types{make: [][]string{pair}, command: []string{"HGETALL", "hash:100"}}},
	} {
		for _, fsync := range []string{"always", "everysec"} {
			for _, pipeline := range []int{1, 16} {
				c.fresh, c.fsync, c.clients, c.pipeline = true, fsync, 50, pipeline
				c.asked, c.requests = askedP1, 40_000
				if pipeline > 1 {
					c.asked, c.requests = askedP16, 200_000
				}
				if reads := c.test == "lrange_100" || c.test == "lrange_600" || c.test == "hgetall_100"; reads {
					if fsync == "everysec" {
						continue // reading does not depend on it
					}
					c.asked, c.requests = askedP16, 60_000
				}
				list = append(list, c)
			}
		}
	}
	return list
}

// prepare empties a server and fills it as a comparison needs it.
func (t *types) prepare(n *e2e.Node, requests int) error {
	if !t.fresh {
		return nil
	}
	c, err := e2e.Dial(n.Addr())
	if err != nil {
		return err
	}
	defer c.Close()
	for _, words := range append([][]string{{"FLUSHALL"}}, t.make...) {
		if v, err := c.Do(words...); err != nil || v.Kind == '-' {
			return fmt.Errorf("%s: %v, %w", words[0], v, err)
		}
	}
	if t.fill == nil {
		return nil
	}
	words := []string{"-p", strconv.Itoa(n.Port), "-q", "-c", "50", "-P", "64", "-r", "1000000000", "-n", strconv.Itoa(requests)}
	if out, err := exec.Command("redis-benchmark", append(words, t.fill...)...).CombinedOutput(); err != nil {
		return fmt.Errorf("redis-benchmark %s: %w: %s", t.fill[0], err, out)
	}
	return nil
}
