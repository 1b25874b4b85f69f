package nemesis

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestSlot compares with slots that redis-server 7.0.15 gives (CLUSTER KEYSLOT).
func TestSlot(t *testing.T) {
	for key, want := range map[string]int{
		"": 0, "foo": 12182, "123456789": 12739, "{foo}bar": 12182, "a{}b": Slot("a{}b"), "x{foo}{bar}": 12182, "{": 4092,
	} {
		if got := Slot(key); got != want {
			t.Errorf("Slot(%q): got %d, want %d", key, got, want)
		}
	}
	if Slot("{}x") == Slot("") {
		t.Error("an empty tag counts as a tag")
	}
}

// scripted returns a node that owns all slots and answers each other command with the next of the given replies.
func scripted(t *testing.T, replies ...string) *fakeNode {
	t.Helper()
	var self *fakeNode
	ready := make(chan struct{})
	self = newFakeNode(t, func(line string) string {
		<-ready
		if line == "CLUSTER SLOTS" {
			return slotsReply(self.addr)
		}
		if len(replies) == 0 {
			return "-ERR not expected\r\n"
		}
		next := replies[0]
		replies = replies[1:]
		return next
	})
	close(ready)
	return self
}

func clientOf(t *testing.T, nodes ...*fakeNode) *Client {
	t.Helper()
	a := Access{Timeout: 200 * time.Millisecond}
	for _, n := range nodes {
		a.Seeds = append(a.Seeds, n.addr)
	}
	c := NewClient(a)
	t.Cleanup(c.Close)
	return c
}

func TestOutcomes(t *testing.T) {
	for _, tt := range []struct {
		name, reply string
		want        Outcome
		why         string
	}{
		{"a reply", "+OK\r\n", OK, ""},
		{"an error", "-OOM no\r\n", Failed, "OOM"},
		{"cluster down", "-CLUSTERDOWN no\r\n", Failed, "CLUSTERDOWN"},
		{"try again", "-TRYAGAIN later\r\n", Failed, "TRYAGAIN"},
		{"connection lost", "", Unknown, "unknown: connection lost"},
		{"half a reply", "$10\r\nhalf", Unknown, "unknown: timeout"},
		{"no RESP", "?\r\n", Unknown, "unknown: other"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := scripted(t, tt.reply)
			c := clientOf(t, n)
			got := c.Do("k", "SET", "k", "1")
			if got.Outcome != tt.want || (tt.why != "" && reason(got.Outcome, got.Err) != tt.why) {
				t.Errorf("got %v (%v), want %v (%s)", got.Outcome, got.Err, tt.want, tt.why)
			}
			if n.commands() != "SET k 1" {
				t.Errorf("got commands %q, want one SET: it must not be sent again", n.commands())
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	c := NewClient(Access{Seeds: []string{"127.0.0.1:1"}, Timeout: time.Second})
	if got := c.Do("k", "SET", "k", "1"); got.Outcome != Failed {
		t.Errorf("got %v, want failed: nothing was sent", got.Outcome)
	}
}

// TestMoved follows a redirection, and keeps to it.
func TestMoved(t *testing.T) {
	second := scripted(t, "+OK\r\n", ":1\r\n")
	first := newFakeNode(t, func(line string) string { return "" })
	first.answer = func(line string) string {
		if line == "CLUSTER SLOTS" {
			return slotsReply(first.addr) // it does not know yet
		}
		return fmt.Sprintf("-MOVED %d %s\r\n", Slot("k"), second.addr)
	}
	c := clientOf(t, first, second)
	c.refresh()
	for _, words := range []string{"SET k 1", "INCR k"} {
		if got := c.Do("k", strings.Fields(words)...); got.Outcome != OK {
			t.Errorf("%s: got %v (%v), want ok", words, got.Outcome, got.Err)
		}
	}
	if first.commands() != "SET k 1" || second.commands() != "SET k 1|INCR k" {
		t.Errorf("got %q and then %q", first.commands(), second.commands())
	}
}

func TestAsk(t *testing.T) {
	second := scripted(t, "+OK\r\n", "+OK\r\n")
	first := scripted(t, fmt.Sprintf("-ASK %d %s\r\n", Slot("k"), second.addr))
	c := clientOf(t, first)
	if got := c.Do("k", "SET", "k", "1"); got.Outcome != OK || second.commands() != "ASKING|SET k 1" {
		t.Errorf("got %v, %q", got.Outcome, second.commands())
	}
}

func TestRedirectionsEnd(t *testing.T) {
	n := newFakeNode(t, func(string) string { return "" })
	n.answer = func(line string) string {
		if line == "CLUSTER SLOTS" {
			return slotsReply(n.addr)
		}
		return "-MOVED 1 " + n.addr + "\r\n"
	}
	if got := clientOf(t, n).Do("k", "GET", "k"); got.Outcome != Failed {
		t.Errorf("got %v, want failed", got.Outcome)
	}
	if got := strings.Count(n.commands(), "GET"); got != maxRedirects+1 {
		t.Errorf("sent %d times, want %d", got, maxRedirects+1)
	}
}

func TestTransactionOutcomes(t *testing.T) {
	for _, tt := range []struct {
		name    string
		replies []string
		want    Outcome
	}{
		{"done", []string{"+OK\r\n", "+QUEUED\r\n", "*1\r\n:1\r\n"}, OK},
		{"refused", []string{"+OK\r\n", "-OOM no\r\n", "-EXECABORT no\r\n"}, Failed},
		{"lost before EXEC's reply", []string{"+OK\r\n", "+QUEUED\r\n", ""}, Unknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := scripted(t, tt.replies...)
			if got := clientOf(t, n).Transaction("k", []string{"INCR", "k"}); got.Outcome != tt.want {
				t.Errorf("got %v (%v), want %v", got.Outcome, got.Err, tt.want)
			}
			if n.commands() != "MULTI|INCR k|EXEC" {
				t.Errorf("got commands %q", n.commands())
			}
		})
	}
}

// TestTransactionMoved repeats a transaction elsewhere only when none of it was done.
func TestTransactionMoved(t *testing.T) {
	second := scripted(t, "+OK\r\n", "+QUEUED\r\n", "*1\r\n:1\r\n")
	first := scripted(t, "+OK\r\n", fmt.Sprintf("-MOVED %d %s\r\n", Slot("k"), second.addr), "-EXECABORT no\r\n")
	got := clientOf(t, first).Transaction("k", []string{"INCR", "k"})
	if got.Outcome != OK || second.commands() != "MULTI|INCR k|EXEC" {
		t.Errorf("got %v (%v), %q", got.Outcome, got.Err, second.commands())
	}
}
