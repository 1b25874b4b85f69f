package commands

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"shiplog/node/reply"
)

// fill writes n keys, spread over all partitions, and returns them sorted.
func (r *clusterRig) fill(c *client, n int) []string {
	var keys []string
	for i := range n {
		key := fmt.Sprintf("key:%d", i)
		keys = append(keys, key)
		c.expect("t.write "+key+" v", "+OK")
	}
	slices.Sort(keys)
	for i, p := range r.cluster.parts {
		if p.units == 0 {
			r.t.Fatalf("partition %d has no keys", i)
		}
	}
	return keys
}

// sorted returns the words of an array as show writes it.
func sorted(shown string) []string {
	keys := strings.Fields(strings.Trim(shown, "[]"))
	slices.Sort(keys)
	return keys
}

func TestCommandsOnAllKeys(t *testing.T) {
	r := newClusterRig(t, 5)
	c := r.connect()
	keys := r.fill(c, 100)
	c.expect("dbsize", "100")
	if got := sorted(c.do("keys *")); !slices.Equal(got, keys) {
		t.Errorf("KEYS: got %q", got)
	}
	if got := c.do("keys key:7"); got != "[key:7]" {
		t.Errorf("KEYS with a pattern: got %s", got)
	}
	seen := make(map[string]bool)
	for range 2000 {
		seen[c.do("randomkey")] = true
	}
	if len(seen) < 50 {
		t.Errorf("RANDOMKEY has found %d of 100 keys", len(seen))
	}
	c.expect("flushall", "+OK", "dbsize", "0", "keys *", "[]", "randomkey", "null", "scan 0", "[0 []]")
	for i, p := range r.cluster.parts {
		if n := p.store.View(0).Len(); n != 0 {
			t.Errorf("partition %d still has %d keys", i, n)
		}
	}
	c.expect("flushdb sync", "+OK", "flushall nonsense", "-ERR syntax error")
}

// TestScanGoesThroughAllPartitions walks with cursors, while partitions leave and come.
func TestScanGoesThroughAllPartitions(t *testing.T) {
	r := newClusterRig(t, 5)
	c := r.connect()
	keys := r.fill(c, 200)
	scan := func(cursor string, each func(calls int)) (found []string) {
		calls := 0
		for {
			got := c.run("scan", cursor, "count", "7").Reply
			found = append(found, sorted(show(got.Elems[1]))...)
			if cursor = show(got.Elems[0]); cursor == "0" {
				slices.Sort(found)
				return found
			}
			calls++
			each(calls)
		}
	}
	calls := 0
	if got := scan("0", func(int) { calls++ }); !slices.Equal(got, keys) || calls < 20 {
		t.Errorf("got %d keys in %d calls", len(got), calls)
	}
	away := func(calls int) { // partitions that the cursor has passed do not matter
		if calls == 20 {
			r.cluster.move(0, true)
			r.cluster.move(1, true)
		}
	}
	if got := scan("0", away); !slices.Equal(got, keys) {
		t.Errorf("with partitions that leave behind it SCAN has found %d keys", len(got))
	}
	left := 0
	for _, key := range keys {
		if r.cluster.partition(r.cluster.Slot([]byte(key))) > 1 {
			left++
		}
	}
	if got := scan("0", func(int) {}); len(got) != left {
		t.Errorf("without two partitions SCAN has found %d keys, want %d", len(got), left)
	}
}

func TestNodeThatLeadsNothing(t *testing.T) {
	r := newClusterRig(t, 2)
	for n := range r.cluster.parts {
		r.cluster.move(n, true)
	}
	r.connect().expect("dbsize", "0", "keys *", "[]", "scan 0", "[0 []]", "randomkey", "null", "flushall", "+OK")
}

// TestFlushWaitsForAllPartitions answers when every partition's record is acknowledged, whatever their order.
func TestFlushWaitsForAllPartitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newClusterRig(t, 3)
		c := r.connect()
		acks := make([]doneWait, 3)
		for i, p := range r.cluster.parts {
			acks[i] = make(doneWait)
			p.wait = acks[i]
		}
		done := c.pipeline("flushall", "ping")
		for _, i := range []int{2, 0, 1} {
			if !held(done) {
				t.Fatalf("answered before partition %d was acknowledged", i)
			}
			close(acks[i])
		}
		wantReplies(t, <-done, "+OK", "+PONG")
	})
}

// failedWait is a record that is not in the log.
type failedWait struct {
	doneWait
	err error
}

func (w failedWait) Err() error { return w.err }

func TestFlushThatIsNotAcknowledged(t *testing.T) {
	ended := make(doneWait)
	close(ended)
	for _, tt := range []struct {
		err   error
		want  string
		close bool
	}{{errRefused, "-MISCONF the disk is full", false}, {errUnknown, "nothing", true}} {
		r := newClusterRig(t, 3)
		for _, p := range r.cluster.parts {
			p.wait = ended
		}
		r.cluster.parts[1].wait = failedWait{ended, tt.err}
		got := r.connect().run("flushall")
		if tt.close {
			got.Reply = reply.Reply{}
		}
		if show(got.Reply) != tt.want || got.Close != tt.close {
			t.Errorf("%v: got %s, close %v", tt.err, show(got.Reply), got.Close)
		}
	}
}

// TestPartitionsRefuse has one of several partitions refuse: the reply says how far it came.
func TestPartitionsRefuse(t *testing.T) {
	r := newClusterRig(t, 3)
	c := r.connect()
	r.fill(c, 30)
	r.cluster.parts[0].refuse = errRefused
	c.expect("flushall", "-MISCONF the disk is full", "dbsize", "-MISCONF the disk is full", "keys *", "-MISCONF the disk is full")
	r.cluster.parts[0].refuse = nil
	c.expect("dbsize", "30")
	r.cluster.parts[2].refuse = errRefused
	c.expect("flushall", "-MISCONF the disk is full (2 of 3 partitions have done it)", "dbsize", "-MISCONF the disk is full")
	r.cluster.parts[2].refuse = errUnknown
	if got := c.run("flushall"); !got.Close || got.Reply.Kind != reply.None {
		t.Errorf("an unknown outcome gets %s, close %v", show(got.Reply), got.Close)
	}
}

// TestSnapshotsAreClosed has Pebble complain at the end of the test of what was left open.
func TestSnapshotsAreClosed(t *testing.T) {
	r := newClusterRig(t, 3)
	c := r.connect()
	c.do("keys *")
	r.cluster.parts[2].refuse = errors.New("no")
	c.expect("keys *", "-MISCONF no")
}
