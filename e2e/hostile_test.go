package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// siege is a server under attack and a bystander who must go on being served.
type siege struct {
	t      *testing.T
	n      *Node
	stop   chan struct{}
	ended  chan struct{}
	worst  time.Duration
	failed error
	before int64 // RSS
}

// besiege starts a server and a bystander that sends SET and GET all the time.
func besiege(t *testing.T, directives ...string) *siege {
	t.Helper()
	s := &siege{t: t, n: startShiplog(t, directives...), stop: make(chan struct{}), ended: make(chan struct{})}
	c := dial(t, s.n)
	for i, d := range directives {
		if d == "--requirepass" {
			do(t, c, "AUTH", directives[i+1])
		}
	}
	do(t, c, "SET", "bystander", "0")
	s.before, _ = s.n.RSS() // 0 would only make the bound stricter
	go s.stand(c)
	return s
}

func (s *siege) stand(c *Client) {
	defer close(s.ended)
	for i := 0; ; i++ {
		select {
		case <-s.stop:
			return
		default:
		}
		begin := time.Now()
		if _, err := reply(c.Do("SET", "bystander", strconv.Itoa(i))); err != nil {
			s.failed = err
			return
		}
		if v, err := reply(c.Do("GET", "bystander")); err != nil || v.Text != strconv.Itoa(i) {
			s.failed = fmt.Errorf("GET: %v, %w", v, err)
			return
		}
		s.worst = max(s.worst, time.Since(begin))
	}
}

// survived checks that the server is up, has not grown beyond bound bytes, and has served the bystander, never
// slower than slow.
func (s *siege) survived(bound int64, slow time.Duration) {
	s.t.Helper()
	rss, err := s.n.RSS()
	if err != nil {
		s.t.Fatalf("the server is gone: %v\n%s", err, tail(s.n.Output(), 3000))
	}
	close(s.stop)
	<-s.ended
	if s.failed != nil {
		s.t.Errorf("the bystander: %v", s.failed)
	}
	if rss-s.before > bound {
		s.t.Errorf("memory: grew by %d MB, want at most %d", (rss-s.before)>>20, bound>>20)
	}
	if s.worst > slow {
		s.t.Errorf("the bystander once waited %v, want at most %v", s.worst, slow)
	}
	s.t.Logf("grew by %d MB, the bystander waited %v at most", (rss-s.before)>>20, s.worst)
}

// flood opens n connections and writes raw on each, as much of it as is taken within a short time.
func (s *siege) flood(n int, raw []byte) {
	s.t.Helper()
	for range n {
		c, err := Dial(s.n.Addr())
		if err != nil {
			s.t.Fatal(err)
		}
		s.t.Cleanup(c.Close)
		c.Timeout = 200 * time.Millisecond
		_ = c.Write(raw) // being cut off, or not read any more, is the server's right
	}
}

// TestAnnouncements announces much and sends little: memory follows what was sent.
func TestAnnouncements(t *testing.T) {
	for _, raw := range []string{"*1000000\r\n", "*2\r\n$3\r\nGET\r\n$536870912\r\nabc", "*1000000\r\n$536870912\r\n"} {
		t.Run(strconv.Quote(raw), func(t *testing.T) {
			s := besiege(t)
			s.flood(pick(300, 1000), []byte(raw))
			time.Sleep(200 * time.Millisecond)
			s.survived(128<<20, 2*time.Second)
		})
	}
}

// TestImpossibleCounts must be refused at once and cost no time.
func TestImpossibleCounts(t *testing.T) {
	s := besiege(t)
	for _, raw := range []string{"*2000000000\r\n", "*1\r\n$600000000\r\n", "*1048577\r\n", "*2147483647\r\n"} {
		c := dial(t, s.n)
		begin := time.Now()
		if err := c.Write([]byte(raw)); err != nil {
			t.Fatal(err)
		}
		v, err := c.Read()
		if err != nil || !strings.HasPrefix(v.Text, "ERR Protocol error: invalid ") || time.Since(begin) > time.Second {
			t.Errorf("%q: got %v, %v after %v", raw, v, err, time.Since(begin))
		}
		if _, err := c.Read(); !errors.Is(hungUp(err), io.EOF) {
			t.Errorf("%q: then got %v, want the connection closed", raw, err)
		}
	}
	s.survived(32<<20, 2*time.Second)
}

// TestSplitRequests sends requests, empty ones among them, split at every point: the replies are the same.
func TestSplitRequests(t *testing.T) {
	s := besiege(t)
	raw := []byte("*0\r\n\r\nPING\r\n*-1\r\n*2\r\n$4\r\nECHO\r\n$5\r\na\r\nbc\r\n*0\r\n\r\n*1\r\n$4\r\nPING\r\nECHO \"x\"\r\n")
	want := []string{"PONG", "a\r\nbc", "PONG", "x"}
	for at := range raw {
		c := dial(t, s.n)
		for _, part := range [][]byte{raw[:at], raw[at:]} {
			if err := c.Write(part); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
		for _, text := range want {
			if v, err := c.Read(); err != nil || v.Text != text {
				t.Fatalf("split at %d: got %v, %v, want %q", at, v, err, text)
			}
		}
		c.Close()
	}
	s.survived(32<<20, 2*time.Second)
}

// TestNoReaders asks for much and reads nothing: the server lets go of such clients instead of growing.
func TestNoReaders(t *testing.T) {
	s := besiege(t, "--client-output-buffer-limit", "normal 16mb 8mb 5")
	do(t, dial(t, s.n), "SET", "big", strings.Repeat("x", 1<<20))
	s.flood(30, bytes.Repeat(Command(nil, "GET", "big"), 200))
	time.Sleep(time.Second)
	s.survived(1<<30, 2*time.Second)
}

// TestStrangers attacks without a password: strangers may send little and make the server keep little.
func TestStrangers(t *testing.T) {
	s := besiege(t, "--requirepass", "secret")
	redis := startRedis(t, "--requirepass", "secret")
	for _, raw := range []string{
		"*11\r\n$4\r\nPING\r\n", "*2\r\n$4\r\nAUTH\r\n$16385\r\n", "*1\r\n$4\r\nPING\r\n", "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n",
		"*2\r\n$4\r\nAUTH\r\n$5\r\nwrong\r\n", "*3\r\n$4\r\nAUTH\r\n$3\r\nbob\r\n$6\r\nsecret\r\n", "*1\r\n$5\r\nBOGUS\r\n", "*1\r\n$5\r\nMULTI\r\n",
		"*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n", "*3\r\n$4\r\nAUTH\r\n$7\r\ndefault\r\n$6\r\nsecret\r\n", "*1\r\n$4\r\nAUTH\r\n", "*1\r\n$5\r\nRESET\r\n",
		"*5\r\n$5\r\nHELLO\r\n$1\r\n2\r\n$4\r\nAUTH\r\n$7\r\ndefault\r\n$5\r\nwrong\r\n", "*1\r\n$4\r\nQUIT\r\n", "GET k\r\n",
		"*1\r\n$3\r\nGET\r\n", "*2\r\n$6\r\nCLIENT\r\n$2\r\nID\r\n",
	} {
		want, got := s.asksOnce(redis, raw), s.asksOnce(s.n, raw)
		if want != got {
			t.Errorf("%q: got %s, want %s", raw, got, want)
		}
	}
	s.flood(pick(200, 1000), bytes.Repeat([]byte("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"), 50_000))
	s.survived(pick64(512<<20, 1536<<20), 3*time.Second)
}

// asksOnce sends bytes on a connection of their own and returns the first reply.
func (s *siege) asksOnce(n *Node, raw string) string {
	s.t.Helper()
	c, err := Dial(n.Addr())
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	if err := c.Write([]byte(raw)); err != nil {
		s.t.Fatal(err)
	}
	v, err := c.Read()
	return fmt.Sprint(v, err)
}

func pick64(ordinary, inLong int64) int64 { return int64(pick(int(ordinary), int(inLong))) }

// TestErrorFlood makes protocol errors as fast as it can, which must not starve others.
func TestErrorFlood(t *testing.T) {
	s := besiege(t)
	deadline := time.Now().Add(2 * time.Second)
	var attackers sync.WaitGroup
	for range 4 {
		attackers.Go(func() {
			for time.Now().Before(deadline) {
				if c, err := Dial(s.n.Addr()); err == nil {
					_ = c.Write([]byte("*x\r\n*y\r\n")) // the server may have hung up
					_, _ = c.Read()
					c.Close()
				}
			}
		})
	}
	attackers.Wait()
	s.survived(128<<20, time.Second)
}

// TestGlob matches a pattern that makes backtracking matchers run for ever.
func TestGlob(t *testing.T) {
	s := besiege(t)
	c := dial(t, s.n)
	do(t, c, "SET", strings.Repeat("a", 2000), "v")
	begin := time.Now()
	v := do(t, c, "KEYS", strings.Repeat("*a", 200)+"*b")
	if len(v.Elems) != 0 || time.Since(begin) > 5*time.Second {
		t.Errorf("KEYS: got %v after %v", v, time.Since(begin))
	}
	do(t, c, "SCAN", "0", "MATCH", strings.Repeat("*a", 200)+"*b")
	s.survived(64<<20, 5*time.Second)
}

// TestOneReplyEach sends line ends in every place that might be echoed, and counts the replies.
func TestOneReplyEach(t *testing.T) {
	s := besiege(t)
	c := dial(t, s.n)
	const nasty = "a\r\n+OK\r\n$5\r\nhello\r\n"
	shapes := [][]string{{nasty}, {"GET", nasty}, {nasty, nasty}, {"SET", nasty, nasty, nasty}, {"CLIENT", nasty}, {"CLIENT", "SETNAME", nasty},
		{"CONFIG", "SET", nasty, nasty}, {"CONFIG", "GET", nasty}, {"HELLO", nasty}, {"HELLO", "3", nasty}, {"AUTH", nasty, nasty}, {"OBJECT", nasty, nasty},
		{"COMMAND", nasty}, {"CLIENT", "KILL", "TYPE", nasty}, {"EXPIRE", nasty, nasty}, {"EXPIRE", "bystander", "1", nasty}, {"FLUSHALL", nasty}, {"SELECT", nasty},
		{"CLIENT", "SETINFO", nasty, nasty}, {"DEBUG", nasty}, {"INFO", nasty}, {"SCAN", nasty}, {"SCAN", "0", nasty, nasty}, {"LATENCY", nasty}, {"MEMORY", nasty}}
	for _, words := range shapes {
		raw := Command(Command(nil, words...), "ECHO", "the end")
		if err := c.Write(raw); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(); err != nil {
			t.Fatalf("%q: %v", words, err)
		}
		if v, err := c.Read(); err != nil || v.Text != "the end" {
			t.Fatalf("%q: a second reply %v, %v", words, v, err)
		}
	}
	s.survived(32<<20, 2*time.Second)
}

// TestMaxClients fills the server: who comes then is told so, and when others go there is room again.
func TestMaxClients(t *testing.T) {
	n := startShiplog(t, "--maxclients", "20")
	var all []*Client
	for range 20 {
		c := dial(t, n)
		do(t, c, "PING")
		all = append(all, c)
	}
	c := dial(t, n)
	if v, err := c.Read(); err != nil || v.Text != "ERR max number of clients reached" {
		t.Errorf("client 21: got %v, %v", v, err)
	}
	for _, c := range all {
		c.Close()
	}
	eventually(t, 5*time.Second, func() error {
		c, err := Dial(n.Addr())
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = reply(c.Do("PING"))
		return err
	})
}

// TestIdle lets connections idle: many cost little, and with a timeout they are closed.
func TestIdle(t *testing.T) {
	s := besiege(t)
	s.flood(pick(1000, 5000), nil)
	s.survived(256<<20, 2*time.Second)
	n := startShiplog(t, "--timeout", "1")
	c := dial(t, n)
	do(t, c, "PING")
	if v, err := c.Read(); !errors.Is(hungUp(err), io.EOF) {
		t.Errorf("after the timeout: got %v, %v, want the connection closed", v, err)
	}
}

// TestEndlessTransaction queues more than clients may hold together.
func TestEndlessTransaction(t *testing.T) {
	s := besiege(t, "--maxmemory-clients", "64mb")
	c := dial(t, s.n)
	do(t, c, "MULTI")
	value := strings.Repeat("x", 1<<20)
	var err error
	for range 400 {
		if _, err = c.Do("SET", "k", value); err != nil {
			break
		}
	}
	if err == nil {
		t.Error("400 MB were queued with maxmemory-clients 64mb")
	}
	s.survived(400<<20, 2*time.Second)
}
