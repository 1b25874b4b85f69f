package e2e

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// mover is a connection to the node that leads a key, and what happens to it when the key's partition goes elsewhere.
type mover struct {
	c   *LocalCluster
	key string
}

// slot and partition are where the key lies.
func (m *mover) slot(t *testing.T) int {
	t.Helper()
	v, err := m.c.ask("CLUSTER", "KEYSLOT", m.key)
	if err != nil {
		t.Fatal(err)
	}
	n, err := v.Int()
	if err != nil {
		t.Fatal(err)
	}
	return int(n)
}

// connect speaks to whoever leads the key.
func (m *mover) connect(t *testing.T) (conn *Client, addr string) {
	t.Helper()
	leader, err := m.c.PrimaryOf(m.slot(t))
	if err != nil {
		t.Fatal(err)
	}
	conn, err = Dial(leader.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	conn.Timeout = 10 * time.Second
	return conn, leader.Addr
}

// moveTo hands the key's partition over until the node at an address leads it; an empty address is any other node than the one that leads.
func (m *mover) moveTo(t *testing.T, addr string) (leader string) {
	t.Helper()
	partition := fmt.Sprint(m.slot(t) / (16384 / 16))
	for _, member := range m.c.Members {
		now, err := m.c.PrimaryOf(m.slot(t))
		if err != nil {
			t.Fatal(err)
		}
		if member == now || addr != "" && member.Addr != addr {
			continue
		}
		conn, err := Dial(member.Addr)
		if err != nil {
			t.Fatal(err)
		}
		v, err := conn.Do("CLUSTER", "FAILOVER", "PARTITION", partition)
		conn.Close()
		if err != nil || v.Text != "OK" {
			t.Fatalf("CLUSTER FAILOVER on %s: %v, %v", member.Addr, v, err)
		}
		eventually(t, settleWithin, func() error {
			if now, err := m.c.PrimaryOf(m.slot(t)); err != nil || now != member {
				return fmt.Errorf("%s does not lead partition %s yet: %w", member.Addr, partition, err)
			}
			return nil
		})
		return member.Addr
	}
	t.Fatalf("nobody else can lead partition %s", partition)
	return ""
}

func (c *Client) must(t *testing.T, want string, words ...string) {
	t.Helper()
	v, err := c.Do(words...)
	if err != nil || v.Text != want {
		t.Fatalf("%v: got %v, %v; want %s", words, v, err, want)
	}
}

func isMoved(t *testing.T, v Value, to string) {
	t.Helper()
	if words := strings.Fields(v.Text); !v.IsError() || len(words) != 3 || words[0] != "MOVED" || words[2] != to {
		t.Errorf("got %v, want MOVED ... %s", v, to)
	}
}

// waitsAndIsSentOn has clients wait in blocking commands until their partition leaves; and then in vain no more.
func waitsAndIsSentOn(t *testing.T, c *LocalCluster) {
	m := &mover{c, "{wait}list"}
	conn, _ := m.connect(t)
	for _, words := range [][]string{{"BLPOP", m.key, "0"}, {"XREAD", "BLOCK", "0", "STREAMS", "{wait}stream", "$"}, {"BLMOVE", m.key, "{wait}other", "LEFT", "LEFT", "0"}} {
		if err := conn.Send(words...); err != nil {
			t.Fatal(err)
		}
		to := m.moveTo(t, "")
		v, err := conn.Read()
		if err != nil {
			t.Fatalf("%v: %v", words, err)
		}
		isMoved(t, v, to)
		conn, _ = m.connect(t)
	}
	if err := conn.Send("BLPOP", m.key, "0"); err != nil { // and where it leads, what comes is served
		t.Fatal(err)
	}
	other, _ := m.connect(t)
	other.must(t, "", "PING", "")
	if v, err := other.Do("RPUSH", m.key, "x"); err != nil || v.IsError() {
		t.Fatal(v, err)
	}
	if v, err := conn.Read(); err != nil || len(v.Elems) != 2 || v.Elems[1].Text != "x" {
		t.Errorf("got %v, %v; want the element that was pushed", v, err)
	}
}

// waitsForTheHeir kills who leads a key, and asks the others for the key soon after: long before it counts as dead.
func waitsForTheHeir(t *testing.T, c *LocalCluster) {
	t.Helper()
	m := &mover{c, "{heir}key"}
	conn, addr := m.connect(t)
	conn.must(t, "OK", "SET", m.key, "1")
	dead, err := c.At(addr)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.KillMember(dead); err != nil {
		t.Fatal(err)
	}
	time.Sleep(350 * time.Millisecond) // one and a half intervals between heartbeats
	for _, member := range c.Members {
		if member == dead {
			continue
		}
		if v, err := answerOf(member, "GET", m.key); err != nil || strings.HasSuffix(v, dead.Addr) {
			t.Errorf("%s says %q, %v to who asks for a key that %s led, which is dead", member.Addr, v, err, dead.Addr)
		}
	}
}

// TestPartitionLeavesItsClients has a partition leave a node while clients of that node wait in BLPOP, watch a key, and have a transaction
// queued: whoever waits is sent on, no transaction runs in part, none runs over what another has written meanwhile, and nobody is sent to a node that is dead.
func TestPartitionLeavesItsClients(t *testing.T) {
	c := startLocal(t)
	t.Run("a client that waits is sent on", func(t *testing.T) { waitsAndIsSentOn(t, c) })
	t.Run("a queued transaction runs nowhere", func(t *testing.T) {
		m := &mover{c, "{queued}key"}
		conn, _ := m.connect(t)
		conn.must(t, "OK", "MULTI")
		conn.must(t, "QUEUED", "SET", m.key, "1")
		conn.must(t, "QUEUED", "INCR", "{queued}count")
		to := m.moveTo(t, "")
		v, err := conn.Do("EXEC")
		if err != nil {
			t.Fatal(err)
		}
		isMoved(t, v, to)
		conn, _ = m.connect(t)
		for _, key := range []string{m.key, "{queued}count"} {
			if v, err := conn.Do("EXISTS", key); err != nil || v.String() != "0" && v.Text != "0" {
				t.Errorf("EXISTS %s: %v, %v; nothing was run", key, v, err)
			}
		}
	})
	t.Run("what is watched is not trusted after another has led", func(t *testing.T) {
		m := &mover{c, "{watched}key"}
		conn, addr := m.connect(t)
		conn.must(t, "OK", "SET", m.key, "before")
		conn.must(t, "OK", "WATCH", m.key)
		m.moveTo(t, "")
		other, _ := m.connect(t)
		other.must(t, "OK", "SET", m.key, "meanwhile")
		m.moveTo(t, addr)
		conn.must(t, "OK", "MULTI")
		conn.must(t, "QUEUED", "SET", m.key, "late")
		if v, err := conn.Do("EXEC"); err != nil || !v.IsNull() && !strings.HasPrefix(v.Text, "EXECABORT") {
			t.Errorf("EXEC: %v, %v; want it not to run", v, err)
		}
		other, _ = m.connect(t)
		other.must(t, "meanwhile", "GET", m.key)
	})
	t.Run("nobody is sent to a node that has just died", func(t *testing.T) { waitsForTheHeir(t, c) })
}

// TestClusterWait has WAIT count the replicas that have applied what is acknowledged, and not one that is stopped.
func TestClusterWait(t *testing.T) {
	c := startLocal(t)
	m := &mover{c, "waited for"}
	conn, addr := m.connect(t)
	waits := func(when string, least, limit, want int64) {
		t.Helper()
		v, err := conn.Do("WAIT", fmt.Sprint(least), fmt.Sprint(limit))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := v.Int(); err != nil || got != want {
			t.Errorf("%s: WAIT %d %d says %v, %v; want %d", when, least, limit, v, err, want)
		}
	}
	conn.must(t, "OK", "SET", m.key, "1")
	waits("all live", 2, 5000, 2)
	for _, member := range c.Members {
		if member.Addr == addr {
			continue
		}
		if err := pauseProcess(member.PID); err != nil {
			t.Fatal(err)
		}
		conn.must(t, "OK", "SET", m.key, "2")
		waits("one is stopped", 1, 5000, 1)
		waits("one is stopped", 2, 300, 1)
		if err := syscall.Kill(member.PID, syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		break
	}
	waits("it goes on", 2, 20000, 2)
}
