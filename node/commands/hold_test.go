package commands

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"shiplog/node/reply"
)

// pipeline runs commands one after another, as a connection does, and sends their replies when all are there.
func (c *client) pipeline(lines ...string) <-chan []string {
	done := make(chan []string, 1)
	go func() {
		var replies []string
		for _, line := range lines {
			replies = append(replies, c.do(line))
		}
		done <- replies
	}()
	return done
}

// held tells whether a pipeline is waiting.
func held(done <-chan []string) bool {
	synctest.Wait()
	return len(done) == 0
}

func wantReplies(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestHeldCommandsKeepTheirOrder holds the first of several commands: those behind it wait, other connections do not.
func TestHeldCommandsKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newClusterRig(t, 2)
		key, free := r.keyIn(0, "a"), r.keyIn(1, "b")
		c, other := r.connect(), r.connect()
		other.expect("config set slowlog-log-slower-than 1000", "+OK")
		r.cluster.hold(0)
		done := c.pipeline("t.write "+key+" 1", "t.read "+key, "ping", "t.read "+free)
		if !held(done) {
			t.Fatalf("not held: %q", <-done)
		}
		other.expect("t.write "+free+" 2", "+OK", "ping", "+PONG")
		<-time.After(time.Second)
		if !held(done) {
			t.Fatalf("held too short: %q", <-done)
		}
		r.cluster.release(0)
		wantReplies(t, <-done, "+OK", "1", "+PONG", "2")
		if p := r.cluster.parts[0]; p.units != 1 || p.views != 1 {
			t.Errorf("the write ran %d times, the read %d times", p.units, p.views)
		}
		other.expect("slowlog len", "0") // waiting is not running
	})
}

func TestHeldCommandEndsWithMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newClusterRig(t, 2)
		key := r.keyIn(0, "a")
		r.cluster.hold(0)
		done := r.connect().pipeline("t.write "+key+" 1", "watch "+key, "ping")
		if !held(done) {
			t.Fatal("not held")
		}
		r.cluster.move(0, true)
		r.cluster.release(0)
		wantReplies(t, <-done, "-MOVED 5 10.0.0.9:6379", "-MOVED 5 10.0.0.9:6379", "+PONG")
		if r.cluster.parts[0].units != 0 {
			t.Error("the write ran here")
		}
	})
}

// stutter is a Hold that lets go every 300 ms, for nothing.
type stutter struct{ waits int }

func (h *stutter) Await(ctx context.Context) *reply.Reply {
	h.waits++
	select {
	case <-time.After(300 * time.Millisecond):
		return nil
	case <-ctx.Done():
		return refuse(clusterDown())
	}
}

// TestHoldIsBounded holds a command again and again: all together takes cluster-hold-ms.
func TestHoldIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newClusterRig(t, 1)
		hold := new(stutter)
		e := &stutteringEngine{fakeCluster: r.cluster, hold: hold}
		r.srv.engine = e
		c := r.connect()
		for _, want := range []time.Duration{2 * time.Second, 700 * time.Millisecond, 0} {
			r.settings.values["cluster-hold-ms"] = fmt.Sprint(want.Milliseconds())
			r.srv.Retune()
			for _, lines := range [][]string{{"t.read k"}, {"t.write k v"}, {"watch k"}, {"multi", "t.write k v", "exec"}} {
				start := time.Now()
				var last string
				for _, line := range lines {
					last = c.do(line)
				}
				if took := time.Since(start); last != "-CLUSTERDOWN Hash slot not served" || took != want {
					t.Errorf("%q: got %s after %v, want it after %v", lines, last, took, want)
				}
			}
		}
		c.expect("exec", "-ERR EXEC without MULTI")
		if text := c.do("info errorstats"); !strings.Contains(text, "errorstat_CLUSTERDOWN:count=12\r\n") {
			t.Errorf("not all are counted:\n%s", text)
		}
	})
}

// stutteringEngine holds every command on keys.
type stutteringEngine struct {
	*fakeCluster
	hold Hold
}

func (e *stutteringEngine) Route(*Row, Args, Standing) (Partition, *reply.Reply, Hold) {
	return nil, nil, e.hold
}

// TestHeldClientIsGone cancels what the transport cancels when a connection ends.
func TestHeldClientIsGone(t *testing.T) {
	r := newClusterRig(t, 1)
	c := r.connect()
	r.cluster.hold(0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got := c.Do(words("t.write k v"))
	if got.Later == nil {
		t.Fatal("not held")
	}
	if got = got.Later(ctx); !got.Close || got.Reply.Kind != reply.None || got.Later != nil {
		t.Errorf("got %+v, want only Close", got)
	}
}

// TestPartitionThatCeasesToServe routes again what a partition did not take.
func TestPartitionThatCeasesToServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newClusterRig(t, 1)
		c, p := r.connect(), r.cluster.parts[0]
		for _, lines := range [][]string{{"t.read k", "null"}, {"t.write k v", "+OK"}, {"dbsize", "1"}, {"keys *", "[k]"},
			{"flushall", "+OK"}, {"debug object k", "-ERR no such key"}} {
			p.refuse = fmt.Errorf("handed over: %w", ErrRouteAgain)
			r.settings.values["enable-debug-command"] = "yes"
			r.srv.Retune()
			done := c.pipeline(lines[0])
			<-time.After(100 * time.Millisecond)
			if !held(done) {
				t.Fatalf("%s: not held: %q", lines[0], <-done)
			}
			p.mu.Lock()
			p.refuse = nil
			p.mu.Unlock()
			wantReplies(t, <-done, lines[1])
		}
		p.refuse = ErrRouteAgain
		start := time.Now()
		c.expect("t.read k", "-CLUSTERDOWN Hash slot not served")
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("given up after %v", took)
		}
	})
}

// TestTransactionAndItsPartition takes the partition of a transaction away at every moment.
func TestTransactionAndItsPartition(t *testing.T) {
	moved := "-" + movedTo().Text
	for _, tt := range []struct {
		name    string
		queueAt func(r *clusterRig) // before a command is queued
		execAt  func(r *clusterRig) // before EXEC
		later   func(r *clusterRig) // while EXEC is held; nil: it is not
		queued  string
		want    string
	}{
		{name: "stays", queued: "+QUEUED", want: "[+OK]"},
		{name: "is gone when it is queued", queueAt: func(r *clusterRig) { r.cluster.move(0, true) },
			queued: moved, want: "-EXECABORT Transaction discarded because of previous errors."},
		{name: "goes before EXEC", execAt: func(r *clusterRig) { r.cluster.move(0, true) },
			queued: "+QUEUED", want: moved},
		{name: "is between primaries when it is queued", queueAt: func(r *clusterRig) { r.cluster.hold(0) },
			execAt: func(r *clusterRig) { r.cluster.release(0) }, queued: "+QUEUED", want: "[+OK]"},
		{name: "is between primaries at EXEC, and comes", execAt: func(r *clusterRig) { r.cluster.hold(0) },
			later: func(r *clusterRig) { r.cluster.release(0) }, queued: "+QUEUED", want: "[+OK]"},
		{name: "is between primaries at EXEC, and goes", execAt: func(r *clusterRig) { r.cluster.hold(0) },
			later:  func(r *clusterRig) { r.cluster.move(0, true); r.cluster.release(0) },
			queued: "+QUEUED", want: moved},
		{name: "ceases to serve under EXEC, and goes", execAt: func(r *clusterRig) { r.cluster.parts[0].refuse = ErrRouteAgain },
			later: func(r *clusterRig) {
				r.cluster.hold(0) // so that Route is not racing with the test
				<-time.After(lapseFor)
				synctest.Wait()
				r.cluster.move(0, true)
				r.cluster.release(0)
			},
			queued: "+QUEUED", want: moved},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newClusterRig(t, 2)
				c, key := r.connect(), r.keyIn(0, "a")
				do := func(fn func(*clusterRig)) {
					if fn != nil {
						fn(r)
					}
				}
				c.expect("multi", "+OK")
				do(tt.queueAt)
				c.expect("t.write "+key+" 1", tt.queued)
				do(tt.execAt)
				done := c.pipeline("exec", "ping", "exec")
				if waits := held(done); waits != (tt.later != nil) {
					t.Fatalf("held: %v", waits)
				}
				do(tt.later)
				wantReplies(t, <-done, tt.want, "+PONG", "-ERR EXEC without MULTI")
				ran := 0
				if tt.want == "[+OK]" {
					ran = 1
				}
				if got := r.cluster.parts[0].units; got != ran {
					t.Errorf("ran %d times, want %d", got, ran)
				}
				if got := c.Held(); got != 0 {
					t.Errorf("%d bytes are held", got)
				}
			})
		})
	}
}

// TestTransactionOfManySlots has keys of one partition that Redis Cluster would not take together.
func TestTransactionOfManySlots(t *testing.T) {
	r := newClusterRig(t, 1)
	c := r.connect()
	const crossed = "-CROSSSLOT Keys in request don't hash to the same slot"
	c.expect(
		"multi", "+OK", "t.write a 1", "+QUEUED", "t.write b 1", "+QUEUED", "exec", crossed, "exec", "-ERR EXEC without MULTI",
		"multi", "+OK", "t.write {x}a 1", "+QUEUED", "ping", "+QUEUED", "t.write {x}b 1", "+QUEUED", "exec", "[+OK +PONG +OK]",
		"multi", "+OK", "mget a b", crossed, "exec", "-EXECABORT Transaction discarded because of previous errors.",
		"multi", "+OK", "watch a b", crossed, "exec", "-EXECABORT Transaction discarded because of previous errors.",
		"multi", "+OK", "watch a", "-ERR WATCH inside MULTI is not allowed", "discard", "+OK",
		"watch a b", crossed,
		"watch a", "+OK", "watch b", "+OK", "multi", "+OK", "t.write c 1", "+QUEUED", "exec", "[+OK]",
	)
	if p := r.cluster.parts[0]; p.units != 2 {
		t.Errorf("%d units, want 2", p.units)
	}
	for _, line := range []string{"dbsize", "flushall", "keys *", "scan 0", "randomkey"} {
		c.expect("multi", "+OK",
			line, "-ERR '"+strings.Fields(line)[0]+"' concerns every partition and cannot be part of a transaction in a cluster",
			"exec", "-EXECABORT Transaction discarded because of previous errors.")
	}
}

// TestWatchAndItsPartition takes the partition away whose key is watched.
func TestWatchAndItsPartition(t *testing.T) {
	r := newClusterRig(t, 2)
	c, key, far := r.connect(), r.keyIn(0, "a"), r.keyIn(1, "b")
	const crossed = "-CROSSSLOT Keys in request don't hash to the same slot"
	c.expect("watch "+key, "+OK", "watch "+far, crossed, "multi", "+OK", "t.write "+far+" 1", "+QUEUED", "exec", crossed)

	c.expect("watch "+key, "+OK", "multi", "+OK", "t.write "+key+" 1", "+QUEUED")
	r.cluster.move(0, true)
	c.expect("exec", "-MOVED 5 10.0.0.9:6379")
	r.cluster.move(0, false)

	c.expect("watch "+key, "+OK", "multi", "+OK", "t.write "+key+" 1", "+QUEUED")
	r.cluster.parts[0].store.SetReplica(true) // it loses its primary, and gets it back
	r.cluster.parts[0].store.SetReplica(false)
	c.expect("exec", "null-array", "t.read "+key, "null")

	c.expect("watch "+key, "+OK", "multi", "+OK", "t.read "+key, "+QUEUED")
	before := r.cluster.parts[0]
	r.cluster.parts[0] = &fakePartition{store: before.store} // another hold on the same, such as a replica's
	c.expect("exec", "null-array")
	r.cluster.parts[0] = before

	c.expect("watch "+key, "+OK", "multi", "+OK", "ping", "+QUEUED")
	r.cluster.parts[0].refuse = ErrRouteAgain
	c.expect("exec", "null-array")
}

// TestStanding checks what Route is told of the connection.
func TestStanding(t *testing.T) {
	r := newClusterRig(t, 1)
	c, other := r.connect(), r.connect()
	for _, step := range []struct {
		line string
		want Standing
	}{
		{"t.read k", Standing{}},
		{"readonly", Standing{}},
		{"t.read k", Standing{Readonly: true}},
		{"watch k", Standing{Readonly: true}},
		{"multi", Standing{Readonly: true}},
		{"t.read k", Standing{Readonly: true}},
		{"exec", Standing{Readonly: true}},
		{"asking", Standing{}},
		{"t.read k", Standing{Readonly: true, Asking: true}},
		{"t.read k", Standing{Readonly: true}},
		{"asking", Standing{}},
		{"ping", Standing{}},
		{"t.read k", Standing{Readonly: true}},
		{"readwrite", Standing{}},
		{"t.read k", Standing{}},
		{"readonly", Standing{}},
		{"reset", Standing{}},
		{"t.read k", Standing{}},
	} {
		before := r.cluster.routed
		c.do(step.line)
		if r.cluster.routed > before && r.cluster.standing != step.want {
			t.Errorf("%s was routed with %+v, want %+v", step.line, r.cluster.standing, step.want)
		}
	}
	c.do("readonly")
	if list := other.do("client list"); !strings.Contains(list, " flags=r ") {
		t.Errorf("CLIENT LIST does not show who is READONLY:\n%s", list)
	}
}

func TestRoutingDoesNotAllocate(t *testing.T) {
	r := newClusterRig(t, 4)
	c := r.connect()
	c.do("t.write k v")
	for _, line := range []string{"t.read k", "mget {k}1 {k}2", "exists {k}1 {k}2 {k}3"} {
		a := words(line)
		row := r.srv.table.Resolve(a)
		if n := testing.AllocsPerRun(200, func() { r.cluster.Route(row, a, Standing{}) }); n != 0 {
			t.Errorf("routing %s allocates %v times", line, n)
		}
	}
	read := words("t.read k")
	if n := testing.AllocsPerRun(200, func() { c.Do(read) }); n != 0 {
		t.Errorf("a read allocates %v times", n)
	}
}
