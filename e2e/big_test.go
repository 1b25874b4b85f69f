package e2e

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"
)

// TestBigValue stores one value that needs many messages of the log, and finds it after a kill.
func TestBigValue(t *testing.T) {
	n := startShiplog(t)
	c := dial(t, n)
	c.Timeout = 2 * time.Minute
	value := make([]byte, pick(64<<20, 512<<20))
	source := rand.NewChaCha8([32]byte{1})
	if _, err := source.Read(value); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	do(t, c, "SET", "big", string(value))
	t.Logf("SET of %d MB took %v", len(value)>>20, time.Since(begin))
	check := func(c *Client) {
		t.Helper()
		expect(t, c, strconv.Itoa(len(value)), "STRLEN", "big")
		if v := do(t, c, "GET", "big"); v.Text != string(value) {
			t.Errorf("GET: got %d other bytes", len(v.Text))
		}
		if v := do(t, c, "GETRANGE", "big", "1000000", "1000099"); v.Text != string(value[1000000:1000100]) {
			t.Error("GETRANGE: got other bytes")
		}
	}
	check(c)
	rss, _ := n.RSS() // for the log only
	t.Logf("memory after it: %d MB", rss>>20)
	n.Kill()
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	c = dial(t, n)
	c.Timeout = 2 * time.Minute
	check(c)
}

// TestBigTransaction kills the server around a transaction of 100,000 commands: it is whole or absent, and
// whole when it was acknowledged.
func TestBigTransaction(t *testing.T) {
	const commands = 100_000
	rng := seeded(t)
	n := startShiplog(t)
	raw := Command(nil, "MULTI")
	for i := range commands {
		raw = Command(raw, "SET", fmt.Sprintf("key:%06d", i), strconv.Itoa(i))
	}
	raw = Command(raw, "EXEC")
	outcomes := map[string]int{}
	for round := range pick(3, 20) {
		c := dial(t, n)
		c.Timeout = time.Minute
		do(t, c, "FLUSHALL")
		whole, answered := false, make(chan struct{})
		go func() { whole = sendAll(c, raw, commands); close(answered) }()
		if round == 0 {
			<-answered // the first one is not disturbed, and must succeed
		}
		time.Sleep(time.Duration(rng.IntN(600)) * time.Millisecond)
		n.Kill()
		<-answered
		if round == 0 && !whole {
			t.Error("a transaction that nobody disturbed was not acknowledged")
		}
		if err := n.Start(); err != nil {
			t.Fatal(err)
		}
		got, err := do(t, dial(t, n), "DBSIZE").Int()
		if err != nil || got != 0 && got != commands || whole && got != commands {
			t.Errorf("round %d: %d keys, acknowledged: %v, %v", round, got, whole, err)
		}
		outcomes[fmt.Sprintf("%d keys, acknowledged: %v", got, whole)]++
	}
	t.Log(outcomes)
}

// sendAll sends a transaction and tells whether EXEC was acknowledged.
func sendAll(c *Client, raw []byte, commands int) bool {
	go func() { _ = c.Write(raw) }() // the reader sees when it fails
	for range commands + 1 {
		if _, err := c.Read(); err != nil {
			return false
		}
	}
	v, err := c.Read()
	return err == nil && len(v.Elems) == commands
}

// TestMassExpiry lets many keys expire in the same millisecond and measures how long others wait meanwhile.
func TestMassExpiry(t *testing.T) {
	keys := pick(100_000, 1_000_000)
	limit := time.Duration(pick(1000, 50)) * time.Millisecond
	n := startShiplog(t, "--appendfsync", "everysec")
	c := dial(t, n)
	moment := time.Now().Add(time.Duration(pick(6, 60)) * time.Second)
	load(t, c, keys, fmt.Sprintf("PXAT %d", moment.UnixMilli()))
	if time.Now().After(moment) {
		t.Fatal("loading took longer than the keys live")
	}
	do(t, c, "SET", "alive", "1")
	expect(t, c, strconv.Itoa(keys+1), "DBSIZE")
	time.Sleep(time.Until(moment.Add(-time.Second)))
	var reads, writes []time.Duration
	for deadline := moment.Add(time.Minute); ; {
		begin := time.Now()
		do(t, c, "GET", "alive")
		reads = append(reads, time.Since(begin))
		begin = time.Now()
		do(t, c, "SET", "alive", "2")
		writes = append(writes, time.Since(begin))
		if len(writes)%500 == 0 && time.Now().After(moment) && do(t, c, "DBSIZE").Text == "1" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s keys are left a minute after they expired", do(t, c, "DBSIZE").Text)
		}
	}
	slowest := max(slices.Max(reads), slices.Max(writes))
	t.Logf("%d keys were gone %v after they expired; slowest GET %v, SET %v of %d", keys, time.Since(moment).Round(time.Millisecond),
		slices.Max(reads), slices.Max(writes), len(reads))
	if slowest > limit {
		t.Errorf("a client waited %v, want at most %v", slowest, limit)
	}
}
