package e2e

import (
	"fmt"
	"strconv"
	"testing"
)

// bootstrap is what somebody has who began with a snapshot of a partition: the number that each key had in it, and where its changes go on.
type bootstrap struct {
	partition string
	token     string
	had       map[string]int
}

// bootstrapped takes a snapshot of a partition at a node, step by step, while numbers are written. Between the first step and the others the
// partition is handed over.
func bootstrapped(t *testing.T, c *LocalCluster, member *LocalMember, partition int) bootstrap {
	t.Helper()
	conn, err := Dial(member.Addr)
	noError(t, err)
	defer conn.Close()
	b := bootstrap{partition: strconv.Itoa(partition), had: map[string]int{}}
	steps := 0
	for cursor := "0"; steps == 0 || cursor != "0"; steps++ {
		if steps == 1 {
			c.handOver(t, partition)
		}
		var v Value
		eventually(t, settleWithin, func() (err error) {
			if v, err = conn.Do("CHANGES", "SNAPSHOT", b.partition, cursor, "COUNT", "1"); err == nil && v.IsError() {
				err = fmt.Errorf("%s", v.Text)
			}
			return err
		})
		cursor, b.token = v.Elems[0].Text, v.Elems[1].Text
		for _, item := range v.Elems[2].Elems {
			n, err := strconv.Atoi(between(item.Text, `"value":"`))
			noError(t, err)
			b.had[between(item.Text, `"key":"`)] = n
		}
	}
	if steps < 2 {
		t.Errorf("the snapshot of partition %d has %d step", partition, steps)
	}
	return b
}

// check reads the changes behind the snapshot: they begin exactly there, and of what was acknowledged nothing is missing in both together.
func (b *bootstrap) check(t *testing.T, conn *Client, acked map[string][]int) {
	t.Helper()
	later := map[string][]int{}
	for token, more := b.token, true; more; {
		v := do(t, conn, "CHANGES", "READ", b.partition, "FROM", token, "COUNT", "10000")
		more, token = token != v.Elems[0].Text, v.Elems[0].Text
		for _, item := range v.Elems[1].Elems {
			n, err := strconv.Atoi(between(item.Text, `"value":"`))
			noError(t, err)
			key := between(item.Text, `"key":"`)
			later[key] = append(later[key], n)
		}
	}
	for key, had := range b.had {
		if numbers := later[key]; len(numbers) > 0 && numbers[0] < had {
			t.Errorf("%s: the snapshot has %d, and %d comes behind it", key, had, numbers[0])
		}
		var due []int
		for _, n := range acked[key] {
			if n > had {
				due = append(due, n)
			}
		}
		if missing := lacking(due, later[key]); len(missing) > 0 {
			t.Errorf("%s: the snapshot has %d, and %v are not behind it", key, had, missing)
		}
	}
}
