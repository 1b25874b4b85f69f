package nemesis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// standing is who leads what, and how many elections there have been, as far as the nodes say. It stays the same while nothing fails.
type standing struct {
	primaries, logs, coordinator string
	elections                    []uint64
}

// standingOf asks every node.
func standingOf(l *Local) (s standing, err error) {
	access := productAccess(l)
	for _, n := range l.Nodes() {
		text, err := access.infoField(n.Addr(), "cluster", "shiplog_log_elections")
		if err != nil {
			return s, err
		}
		count, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return s, err
		}
		s.elections = append(s.elections, count)
	}
	first := l.Nodes()[0].Addr()
	v, err := access.ask(first, "CLUSTER", "PARTITIONS")
	if err != nil {
		return s, err
	}
	for _, p := range v.Elems {
		s.primaries += fmt.Sprintf("%.6s epoch %v, ", fieldOf(fieldOf(p, "primary"), "id").Text, fieldOf(p, "epoch"))
	}
	if s.coordinator, err = access.infoField(first, "cluster", "shiplog_coordinator"); err != nil {
		return s, err
	}
	for i := range clusterPartitions {
		leader, err := access.infoField(first, "cluster", fmt.Sprintf("shiplog_stream_leader_%d", i))
		if err != nil {
			return s, err
		}
		s.logs += fmt.Sprintf("%.6s, ", leader)
	}
	return s, nil
}

// settledStanding waits until nothing has changed for a while: a cluster that begins still puts the leaders of its logs beside its primaries.
func settledStanding(t *testing.T, l *Local) standing {
	t.Helper()
	const calm = 8 * time.Second // longer than the coordinator waits between two attempts
	last, since, deadline := "", time.Now(), time.Now().Add(time.Minute)
	for {
		s, err := standingOf(l)
		now := fmt.Sprint(s)
		if err != nil || now != last {
			last, since = now, time.Now()
		}
		if err == nil && time.Since(since) >= calm {
			return s
		}
		if time.Now().After(deadline) {
			t.Fatalf("the cluster does not come to rest: %v %v", s, err)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// TestNoElectionUnderFullLoad puts a cluster under as much load as the machine can make: nothing may take that for a failure.
func TestNoElectionUnderFullLoad(t *testing.T) {
	l := startCluster(t, Plan{})
	before := settledStanding(t, l)
	lasts := time.Duration(fromEnvironment(t, "SHIPLOG_CALM_SECONDS", uint64(pick(15*time.Second, 10*time.Minute)/time.Second))) * time.Second
	ctx, cancel := context.WithTimeout(t.Context(), lasts)
	defer cancel()
	host, port, err := net.SplitHostPort(l.Nodes()[0].Addr())
	if err != nil {
		t.Fatal(err)
	}
	begin, last := time.Now(), ""
	for ctx.Err() == nil {
		out, err := exec.CommandContext(ctx, "redis-benchmark", "--cluster", "-h", host, "-p", port, "-a", clusterPassword,
			"-t", "set,get,incr,mset", "-c", "50", "-P", "16", "-n", "300000", "-r", "100000", "-q").CombinedOutput()
		if err != nil && ctx.Err() == nil {
			t.Fatalf("redis-benchmark: %v: %s", err, out)
		}
		if text := strings.TrimSpace(string(out)); text != "" {
			last = text[strings.LastIndexAny(text, "\r\n")+1:]
		}
	}
	after, err := standingOf(l)
	if err := errors.Join(err, begun(l)); err != nil {
		t.Fatal(err)
	}
	t.Logf("%v under full load; at last %s", time.Since(begin).Round(time.Second), last)
	if fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("without any failure\n%+v\nbecame\n%+v", before, after)
	}
}

// begun is an error when a node has ended.
func begun(l *Local) error {
	for i, n := range l.Nodes() {
		if n.PID() == 0 {
			return fmt.Errorf("node %d has ended", i)
		}
	}
	return nil
}
