package e2e

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// groupWorker is one of those who work on a group's changes. Now and then it forgets what it was given, as if it had been killed.
type groupWorker struct {
	cluster *LocalCluster
	name    string
	rng     *rand.Rand
	over    chan struct{}
	done    sync.WaitGroup

	worked map[string]map[int]bool // numbers by key
	forgot int
	err    error
}

// workGroup makes the group "workers" unless it is there, and begins to work on it.
func workGroup(t *testing.T, c *LocalCluster, name string, seed uint64) *groupWorker {
	t.Helper()
	conn, err := Dial(c.Members[0].Addr)
	noError(t, err)
	defer conn.Close()
	eventually(t, settleWithin, func() error { // not every copy is open when the cluster serves
		v := said(t, conn, "CHANGES", "GROUP", "CREATE", "workers", "ALL", "FROM", "BEGIN", "LEASE", "500", "OPS", "set")
		if v.IsError() && !strings.HasPrefix(v.Text, "BUSYGROUP") {
			return fmt.Errorf("create a group: %v", v)
		}
		return nil
	})
	w := &groupWorker{cluster: c, name: name, rng: rand.New(rand.NewPCG(seed, 2)), over: make(chan struct{}), worked: map[string]map[int]bool{}}
	w.done.Go(w.run)
	return w
}

// run works until over is closed.
func (w *groupWorker) run() {
	for w.err == nil {
		select {
		case <-w.over:
			return
		default:
		}
		conn, err := DialTimeout(w.cluster.Members[w.rng.IntN(3)].Addr, 20*time.Second)
		if err != nil {
			continue
		}
		for range 20 {
			if w.work(conn) != nil {
				break
			}
		}
		conn.Close()
	}
}

// work takes what there is, does it, and acknowledges it.
func (w *groupWorker) work(conn *Client) error {
	v, err := conn.Do("CHANGES", "GROUP", "READ", "workers", w.name, "COUNT", "500", "BLOCK", "200")
	if err != nil || v.IsNull() {
		return err
	}
	if err := w.answer(v); err != nil {
		return err
	}
	if w.rng.IntN(15) == 0 {
		w.forgot++
		return nil
	}
	for _, item := range v.Elems[1].Elems {
		var key, value string
		if _, err := fmt.Sscanf(between(item.Text, `"key":"`), "%s", &key); err != nil {
			w.err = err
		}
		value = between(item.Text, `"value":"`)
		n, err := strconv.Atoi(value)
		if err != nil {
			w.err = err
		}
		if w.worked[key] == nil {
			w.worked[key] = map[int]bool{}
		}
		w.worked[key][n] = true
	}
	if v, err = conn.Do("CHANGES", "GROUP", "ACK", "workers", v.Elems[0].Text); err != nil {
		return err
	}
	return w.answer(v)
}

// answer makes an error of an error reply, and remembers those that should not be. A token that is not given any more was acknowledged
// too late: others have done the same.
func (w *groupWorker) answer(v Value) error {
	if !v.IsError() {
		return nil
	}
	if !temporary(v.Text) && v.Text[:8] != "NOTGIVEN" {
		w.err = fmt.Errorf("worker %s: %s", w.name, v.Text)
	}
	return fmt.Errorf("%s", v.Text)
}

// between returns what stands between before and the next quote.
func between(text, before string) string {
	for i := range text {
		if rest := text[i:]; len(rest) > len(before) && rest[:len(before)] == before {
			end := len(before)
			for end < len(rest) && rest[end] != '"' {
				end++
			}
			return rest[len(before):end]
		}
	}
	return ""
}

// finishGroups waits until the group has nothing left, and compares what the workers have done with what was acknowledged.
func finishGroups(t *testing.T, workers []*groupWorker, acked map[string][]int) {
	t.Helper()
	c := workers[0].cluster
	eventually(t, 60*time.Second, func() error {
		v, err := c.ask("CHANGES", "GROUP", "POSITION", "workers")
		if err != nil || v.IsError() {
			return fmt.Errorf("%v: %w", v, err)
		}
		for _, p := range v.Elems {
			if f := fields(p); f["lag_records"].Text != "0" || f["consumer"].Text != "" {
				return fmt.Errorf("partition %v lacks %v, which %v has", f["partition"], f["lag_records"], f["consumer"])
			}
		}
		return nil
	})
	worked := map[string]map[int]bool{}
	forgot := 0
	for _, w := range workers {
		close(w.over)
		w.done.Wait()
		noError(t, w.err)
		forgot += w.forgot
		for key, numbers := range w.worked {
			if worked[key] == nil {
				worked[key] = map[int]bool{}
			}
			maps.Copy(worked[key], numbers)
		}
	}
	for key, numbers := range acked {
		if missing := lacking(numbers, slices.Sorted(maps.Keys(worked[key]))); len(missing) > 0 {
			t.Errorf("%s: nobody of the group has worked on %v", key, missing)
		}
	}
	t.Logf("workers forgot what they were given %d times", forgot)
}
