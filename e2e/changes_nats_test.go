package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/redis/go-redis/v9"
)

// natsPort is a free port for NATS clients, and as many free ones behind it as are asked for.
func natsPort(t *testing.T, n int) string {
	t.Helper()
	for {
		port, err := FreePort() // not where clusters have theirs
		noError(t, err)
		free := true
		for i := range n {
			l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port+i)))
			if free = free && err == nil; err == nil {
				_ = l.Close()
			}
		}
		if free {
			return strconv.Itoa(port)
		}
	}
}

// natsURL is the URL that a node has written for NATS clients.
func natsURL(t *testing.T, dir string) string {
	t.Helper()
	name := filepath.Join(dir, "changes.nats")
	content, err := os.ReadFile(name)
	noError(t, err)
	info, err := os.Stat(name)
	noError(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("%s has the mode %v, want 0600", name, info.Mode())
	}
	return strings.TrimSpace(string(content))
}

// natsClient connects as any NATS client does, to all of the nodes with these directories.
func natsClient(t *testing.T, dirs ...string) jetstream.JetStream {
	t.Helper()
	var urls []string
	for _, dir := range dirs {
		urls = append(urls, natsURL(t, dir))
	}
	nc, err := nats.Connect(strings.Join(urls, ","), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	noError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	noError(t, err)
	return js
}

// loggedChanges reads all changes of a partition from the log, with RESP.
func loggedChanges(t *testing.T, c *Client, partition int) (all []string) {
	t.Helper()
	for token := "BEGIN"; ; {
		v := do(t, c, "CHANGES", "READ", strconv.Itoa(partition), "FROM", token, "COUNT", "10000")
		for _, item := range v.Elems[1].Elems {
			all = append(all, item.Text)
		}
		if token == v.Elems[0].Text {
			return all
		}
		token = v.Elems[0].Text
	}
}

// streamedChanges reads all changes of a partition from the stream, as it is now.
func streamedChanges(t *testing.T, js jetstream.JetStream, partition int) (all []string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, err := js.CreateConsumer(ctx, "CHANGES", jetstream.ConsumerConfig{FilterSubject: fmt.Sprintf("changes.%d.>", partition), AckPolicy: jetstream.AckNonePolicy})
	if err != nil {
		return nil, err
	}
	for pending := c.CachedInfo().NumPending; uint64(len(all)) < pending; {
		batch, err := c.Fetch(min(1000, int(pending)-len(all)), jetstream.FetchMaxWait(5*time.Second))
		if err != nil {
			return nil, err
		}
		for m := range batch.Messages() {
			all = append(all, string(m.Data()))
		}
		if err := batch.Error(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// sameChanges waits until the stream has what the log has: each change once, in order. Each may be behind the other: the log is read where it may be a replica's.
func sameChanges(t *testing.T, js jetstream.JetStream, c *Client, partition int) int {
	t.Helper()
	var logged []string
	eventually(t, time.Minute, func() error {
		streamed, err := streamedChanges(t, js, partition)
		if err != nil {
			return err
		}
		logged = loggedChanges(t, c, partition)
		if slices.Equal(streamed, logged) {
			return nil
		}
		for i := range min(len(streamed), len(logged)) {
			if streamed[i] != logged[i] {
				t.Fatalf("partition %d, change %d: the stream has %s, the log %s", partition, i, streamed[i], logged[i])
			}
		}
		return fmt.Errorf("partition %d: %d changes in the stream, %d in the log", partition, len(streamed), len(logged))
	})
	return len(logged)
}

// A stock NATS client consumes changes: durably, by subject, over a kill of the server.
func TestChangesOverNATS(t *testing.T) {
	n := startShiplog(t, "--changes-stream", "yes", "--nats-port", natsPort(t, 1))
	r := redis.NewClient(&redis.Options{Addr: n.Addr()})
	defer func() { _ = r.Close() }()
	ctx := t.Context()
	for i := range 50 {
		noError(t, r.HSet(ctx, fmt.Sprint("user:", i), "n", i).Err())
		noError(t, r.Set(ctx, fmt.Sprint("noise:", i), "x", time.Hour).Err())
	}
	js := natsClient(t, n.Dir)
	eventually(t, 10*time.Second, func() error { _, err := js.Stream(ctx, "CHANGES"); return err })
	worker, err := js.CreateOrUpdateConsumer(ctx, "CHANGES", jetstream.ConsumerConfig{
		Durable: "worker", FilterSubject: "changes.*.hash.>", AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Minute,
	})
	noError(t, err)
	next := func(want int) {
		t.Helper()
		for again := true; again; { // what was acknowledged shortly before the kill may come again, as with any NATS server
			var m jetstream.Msg
			eventually(t, 20*time.Second, func() error { m, err = worker.Next(jetstream.FetchMaxWait(2 * time.Second)); return err })
			var number int
			if _, err := fmt.Sscanf(m.Headers().Get("Shiplog-Key"), "user:%d", &number); err != nil || number > want || m.Subject() != "changes.0.hash.hset" {
				t.Fatalf("got %s of key %q, want user:%d", m.Subject(), m.Headers().Get("Shiplog-Key"), want)
			}
			noError(t, m.DoubleAck(ctx))
			again = number < want
		}
	}
	for i := range 30 {
		next(i)
	}
	n.Kill()
	noError(t, n.Start())
	for i := 30; i < 50; i++ {
		next(i)
	}
	noError(t, r.HSet(ctx, "user:50", "n", 50).Err())
	next(50)
	if got := sameChanges(t, js, dial(t, n), 0); got != 101 {
		t.Errorf("%d changes, want 101", got)
	}
	if err := js.DeleteStream(ctx, "CHANGES"); err == nil {
		t.Error("a reader has deleted the stream")
	}
}

// Which keys are published, and how much is kept, changes while the server runs.
func TestChangesStreamIsConfigured(t *testing.T) {
	n := startShiplog(t, "--changes-stream", "yes", "--nats-port", natsPort(t, 1), "--changes-stream-match", "a:* b:*", "--nats-user", "bob",
		"--nats-auth", "the password of bob")
	c := dial(t, n)
	for _, key := range []string{"a:1", "c:1", "b:1"} {
		do(t, c, "SET", key, "v")
	}
	port := slices.Index(n.Directives, "--nats-port") + 1
	nc, err := nats.Connect("nats://127.0.0.1:"+n.Directives[port], nats.UserInfo("bob", "the password of bob"))
	noError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	noError(t, err)
	await := func(want ...string) {
		t.Helper()
		eventually(t, 10*time.Second, func() error {
			streamed, err := streamedChanges(t, js, 0)
			var got []string
			for _, text := range streamed {
				got = append(got, between(text, `"key":"`))
			}
			if err == nil && !slices.Equal(got, want) {
				err = fmt.Errorf("the stream has %q, want %q", got, want)
			}
			return err
		})
	}
	await("a:1", "b:1")
	do(t, c, "CONFIG", "SET", "changes-stream-match", "c:*", "changes-stream-seconds", "60")
	do(t, c, "SET", "c:2", "v")
	do(t, c, "SET", "a:2", "v")
	await("a:1", "b:1", "c:2")
	eventually(t, 10*time.Second, func() error {
		s, err := js.Stream(t.Context(), "CHANGES")
		if err == nil && s.CachedInfo().Config.MaxAge != time.Minute {
			err = fmt.Errorf("the stream keeps %v, want a minute", s.CachedInfo().Config.MaxAge)
		}
		return err
	})
	if info := do(t, c, "INFO", "everything").Text; !strings.Contains(info, "change_stream_0:lag_records=0,lag_ms=0,published=3") {
		t.Errorf("INFO has no lag: %s", info)
	}
	if _, err := os.Stat(filepath.Join(n.Dir, "changes.nats")); err == nil {
		t.Error("a password that was given is written down")
	}
}

// In a cluster, where nodes are killed and partitions handed over, the stream has each change once and in order.
func TestChangesOverNATSThroughFailures(t *testing.T) {
	c := startLocal(t, "--partitions", "4", "--changes-stream", "yes", "--nats-port", natsPort(t, 3))
	rng := seeded(t)
	var dirs []string
	for _, m := range c.Members {
		dirs = append(dirs, m.Dir)
	}
	js := natsClient(t, dirs...)
	w := writeNumbers(t, c)
	for round := range pick(2, 40) {
		w.await(t, 300)
		victim := c.Members[rng.IntN(len(c.Members))]
		noError(t, c.KillMember(victim))
		w.await(t, 300)
		noError(t, c.Restart(victim))
		eventually(t, settleWithin, c.Check)
		c.handOver(t, round%4)
		w.await(t, 100)
	}
	w.stop()
	total := 0
	for p := range 4 {
		conn, err := DialTimeout(c.Members[0].Addr, 20*time.Second)
		noError(t, err)
		total += sameChanges(t, js, conn, p)
		conn.Close()
	}
	t.Logf("%d changes in the stream", total)
}
