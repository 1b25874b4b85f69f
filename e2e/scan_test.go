package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
)

// scanned is how many keys and elements are there from the beginning to the end of a scan.
const scanned = 3000

// TestScanThroughRestarts wants all that is there all the time from SCAN and its like, while others add and remove around it and the server
// is killed and started again in the midst of each scan.
func TestScanThroughRestarts(t *testing.T) {
	n := startShiplog(t)
	walkThrough(t, &scanning{at: n.Addr, disturb: func() {
		n.Kill()
		if err := n.Start(); err != nil {
			t.Fatal(err)
		}
	}})
}

// TestScanThroughFailovers is the same on a cluster whose primary is killed in the midst of each scan, which then goes on at the heir.
func TestScanThroughFailovers(t *testing.T) {
	c := startLocal(t, "--partitions", "1")
	var led atomic.Pointer[LocalMember]
	led.Store(primaryOf(t, c))
	walkThrough(t, &scanning{at: func() string { return led.Load().Addr }, disturb: func() {
		old := led.Load()
		if err := c.KillMember(old); err != nil {
			t.Fatal(err)
		}
		eventually(t, settleWithin, func() error {
			m, err := c.PrimaryOf(0)
			if err == nil && m == old {
				err = fmt.Errorf("%s still leads", m.Addr)
			}
			if err == nil {
				_, err = askOne(m.Addr, "SET", "{x}led", "1")
				led.Store(m)
			}
			return err
		})
		if err := c.Restart(old); err != nil {
			t.Fatal(err)
		}
		eventually(t, settleWithin, c.Check)
	}})
}

// scanning is a server that is disturbed while it is scanned.
type scanning struct {
	at      func() string
	disturb func()
	changes atomic.Int64 // that succeeded
}

// walkThrough scans the keys, and a collection of each type that can be scanned.
func walkThrough(t *testing.T, s *scanning) {
	t.Helper()
	c := s.connect(t)
	for first := 0; first < scanned; first += 500 {
		hash, set, zset := []string{"HSET", "{x}hash"}, []string{"SADD", "{x}set"}, []string{"ZADD", "{x}zset"}
		for i := first; i < first+500; i++ {
			name := lasts(i)
			do(t, c, "SET", name, "v")
			hash, set, zset = append(hash, name, "v"), append(set, name), append(zset, strconv.Itoa(i), name)
		}
		for _, words := range [][]string{hash, set, zset} {
			do(t, c, words...)
		}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() { s.churn(stop); close(stopped) }()
	for _, words := range [][]string{{"SCAN", "0"}, {"HSCAN", "{x}hash", "0"}, {"SSCAN", "{x}set", "0"}, {"ZSCAN", "{x}zset", "0"}} {
		s.scan(t, words)
	}
	close(stop)
	<-stopped
	t.Logf("%d changes meanwhile", s.changes.Load())
}

func lasts(i int) string { return fmt.Sprintf("{x}lasts:%d", i) }

func (s *scanning) connect(t *testing.T) *Client { return dialAt(t, s.at()) }

func dialAt(t *testing.T, addr string) *Client {
	t.Helper()
	c, err := Dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// scan follows a cursor to its end, with a disturbance in its midst.
func (s *scanning) scan(t *testing.T, words []string) {
	t.Helper()
	c := s.connect(t)
	cursor := len(words) - 1
	words = append(slices.Clone(words), "COUNT", "50")
	found := map[string]bool{}
	for calls := 0; ; calls++ {
		if calls == scanned {
			t.Fatalf("%s has not ended after %d calls of 50", words[0], calls)
		}
		if calls == 20 {
			s.disturb()
			c = s.connect(t)
		}
		if before := s.changes.Load(); calls%5 == 0 {
			eventually(t, settleWithin, func() error {
				if s.changes.Load() < before+20 {
					return errors.New("nothing changes")
				}
				return nil
			})
		}
		v := do(t, c, words...)
		for _, e := range v.Elems[1].Elems {
			found[e.Text] = true
		}
		if words[cursor] = v.Elems[0].Text; words[cursor] == "0" {
			if calls < 40 {
				t.Errorf("%s: only %d calls", words[0], calls)
			}
			break
		}
	}
	missing := 0
	for i := range scanned {
		if !found[lasts(i)] {
			missing++
		}
	}
	if missing > 0 {
		t.Errorf("%s has not returned %d of %d that were there all the time", words[0], missing, scanned)
	}
}

// churn adds and removes keys and elements until it is told to stop. It finds its server again.
func (s *scanning) churn(stop chan struct{}) {
	var c *Client
	for i := 0; ; i++ {
		select {
		case <-stop:
			if c != nil {
				c.Close()
			}
			return
		default:
		}
		if c == nil {
			if c, _ = Dial(s.at()); c == nil { // it is down for a moment
				continue
			}
		}
		if !s.change(c, i) {
			c.Close()
			c = nil
		}
	}
}

// change adds some keys and elements and removes others, and tells whether that succeeded.
func (s *scanning) change(c *Client, i int) bool {
	add, remove := fmt.Sprintf("{x}comes:%d", i), fmt.Sprintf("{x}comes:%d", i-200)
	var raw []byte
	commands := [][]string{{"SET", add, "v"}, {"HSET", "{x}hash", add, "v"}, {"SADD", "{x}set", add}, {"ZADD", "{x}zset", "5", add},
		{"DEL", remove}, {"HDEL", "{x}hash", remove}, {"SREM", "{x}set", remove}, {"ZREM", "{x}zset", remove}}
	for _, words := range commands {
		raw = Command(raw, words...)
	}
	if c.Write(raw) != nil {
		return false
	}
	for range commands {
		if v, err := c.Read(); err != nil || v.IsError() {
			return false
		}
		s.changes.Add(1)
	}
	return true
}
