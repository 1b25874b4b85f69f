package e2e

import (
	"fmt"
	"strconv"
	"testing"
)

// tracking connects two clients: one that keeps what it reads in a cache, and one that writes.
func tracking(t *testing.T, n *Node) (reader, writer *Client) {
	t.Helper()
	reader, writer = dial(t, n), dial(t, n)
	do(t, reader, "HELLO", "3")
	do(t, reader, "CLIENT", "TRACKING", "ON")
	return reader, writer
}

// wantRead reads what comes next and compares it.
func wantRead(t *testing.T, c *Client, want string) {
	t.Helper()
	v, err := c.Read()
	if err != nil || v.String() != want {
		t.Fatalf("got %v, %v, want %s", v, err, want)
	}
}

// invalidated is the message that key has changed.
func invalidated(key string) string { return fmt.Sprintf(`>2[$"invalidate" *1[$%q]]`, key) }

// TestTracking has keys that a client has read change in every way, and compares the messages with redis-server's.
func TestTracking(t *testing.T) {
	for name, start := range map[string]func() *Node{
		"redis":   func() *Node { return startRedis(t) },
		"shiplog": func() *Node { return startShiplog(t) },
	} {
		t.Run(name, func(t *testing.T) {
			reader, writer := tracking(t, start())
			for _, change := range [][]string{
				{"SET", "k", "v"}, {"APPEND", "k", "w"}, {"EXPIRE", "k", "100"}, {"PERSIST", "k"}, {"RENAME", "k", "other"}, {"SET", "k", "v"}, {"DEL", "k"},
			} {
				do(t, reader, "GET", "k")
				do(t, writer, change...)
				wantRead(t, reader, invalidated("k"))
			}
			do(t, reader, "GET", "k")
			do(t, reader, "SET", "k", "own")
			wantRead(t, reader, invalidated("k"))
			do(t, reader, "GET", "k")
			do(t, writer, "FLUSHALL")
			wantRead(t, reader, `>2[$"invalidate" _""]`)
			do(t, reader, "PING") // and nothing more came
		})
	}
}

// TestTrackedKeyExpires lets keys expire that a client has read; nobody else asks for them.
func TestTrackedKeyExpires(t *testing.T) {
	n := startShiplog(t)
	reader, writer := tracking(t, n)
	do(t, writer, "SET", "k", "v", "PX", "150")
	expect(t, reader, "v", "GET", "k")
	wantRead(t, reader, invalidated("k"))
	do(t, reader, "CLIENT", "TRACKING", "OFF")
	do(t, reader, "CLIENT", "TRACKING", "ON", "NOLOOP") // that a key expires is never one's own doing
	do(t, reader, "SET", "k", "v", "PX", "150")
	expect(t, reader, "v", "GET", "k")
	wantRead(t, reader, invalidated("k"))
}

// TestTrackedReadsNeverGoStale has one client write a counter and another cache it until it is told of a change. Each reply
// must be followed by exactly one message: one that came before it would leave the cache with the old value for ever.
func TestTrackedReadsNeverGoStale(t *testing.T) {
	n := startShiplog(t, "--appendfsync", "no")
	reader, writer := tracking(t, n)
	const last = 5000
	do(t, writer, "SET", "counter", "0")
	failed := make(chan error, 1)
	go func() {
		var err error
		for i := 1; i <= last && err == nil; i++ {
			_, err = reply(writer.Do("SET", "counter", strconv.Itoa(i)))
		}
		failed <- err
	}()
	for {
		cached := do(t, reader, "GET", "counter")
		if cached.Kind != '$' {
			t.Fatalf("the message %v came before the reply", cached)
		}
		if cached.Text == strconv.Itoa(last) {
			break
		}
		wantRead(t, reader, invalidated("counter"))
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
}
