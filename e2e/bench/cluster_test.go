package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"shiplog/e2e"
)

// TestSlotOf compares with what redis-server 7.0.15 answers to CLUSTER KEYSLOT.
func TestSlotOf(t *testing.T) {
	for key, want := range map[string]int{"": 0, "foo": 12182, "123456789": 12739, "key:000000000042": 7803} {
		if got := slotOf(key); got != want {
			t.Errorf("slot of %q: got %d, want %d", key, got, want)
		}
	}
}

// row is one row of CLUSTER SLOTS.
func row(first, last, port int) e2e.Value {
	number := func(n int) e2e.Value { return e2e.Value{Kind: ':', Text: strconv.Itoa(n)} }
	primary := e2e.Value{Kind: '*', Elems: []e2e.Value{{Kind: '$', Text: "127.0.0.1"}, number(port)}}
	return e2e.Value{Kind: '*', Elems: []e2e.Value{number(first), number(last), primary}}
}

func TestOwnership(t *testing.T) {
	for _, tt := range []struct {
		name string
		rows []e2e.Value
		want string // in the error; empty: none
	}{
		{"whole", []e2e.Value{row(0, 999, 1), row(1000, 16382, 2), row(16383, 16383, 1)}, ""},
		{"hole", []e2e.Value{row(0, 999, 1), row(1001, 16383, 2)}, "slot 1000 has no primary"},
		{"beyond", []e2e.Value{row(0, 16384, 1)}, "to 16384"},
		{"no primary", []e2e.Value{{Kind: '*', Elems: row(0, 9, 1).Elems[:2]}}, "has a row"},
	} {
		o, err := parseOwnership(e2e.Value{Kind: '*', Elems: tt.rows})
		if tt.want != "" {
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: error %v, want %q in it", tt.name, err, tt.want)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if led := o.count(); len(led) != 2 || led["127.0.0.1:1"] != 1001 || led["127.0.0.1:2"] != 15383 {
			t.Errorf("%s: primaries lead %v", tt.name, led)
		}
		if got := strings.Join(o.primaries(), " "); got != "127.0.0.1:1 127.0.0.1:2" {
			t.Errorf("%s: primaries %s", tt.name, got)
		}
	}
}

func TestKeysBelongToTheirNode(t *testing.T) {
	o, err := parseOwnership(e2e.Value{Kind: '*', Elems: []e2e.Value{row(0, 5000, 1), row(5001, 16383, 2)}})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for addr, keys := range o.keysOf(1000) {
		sorted := true
		for i, key := range keys {
			if low := slotOf(key) <= 5000; low != (addr == "127.0.0.1:1") || seen[key] {
				t.Errorf("%s of slot %d is given to %s, or twice", key, slotOf(key), addr)
			}
			seen[key] = true
			sorted = sorted && (i == 0 || keys[i-1] < key)
		}
		if sorted {
			t.Errorf("the keys of %s are in order, want them mixed", addr)
		}
	}
	if len(seen) != 1000 {
		t.Errorf("%d keys are given out, want 1000", len(seen))
	}
}

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		name      string
		get, wait bool
		reply     string
		want      string // of the reply; empty: refused
	}{
		{name: "SET", reply: "+OK\r\n+OK\r\n", want: "+OK\r\n"},
		{name: "GET", get: true, reply: "$3\r\nxxx\r\n$", want: "$3\r\nxxx\r\n"},
		{name: "WAIT", wait: true, reply: ":1\r\n", want: ":1\r\n"},
		{name: "WAIT, more replicas", wait: true, reply: ":12\r\n:1\r\n", want: ":12\r\n"},
		{name: "WAIT, none", wait: true, reply: ":0\r\n"},
		{name: "moved", reply: "-MOVED 1 127.0.0.1:1\r\n"},
		{name: "moved GET", get: true, reply: "-MOVED 1 127.0.0.1:1\r\n"},
		{name: "error to WAIT", wait: true, reply: "-ERR no\r\n"},
		{name: "no value", get: true, reply: "$-1\r\n"},
		{name: "another value", get: true, reply: "$3\r\nyyy\r\n"},
	} {
		g := &generator{pressure: pressure{get: tt.get}}
		size, err := g.check([]byte(tt.reply), tt.wait)
		if size != len(tt.want) || (err == nil) != (tt.want != "") {
			t.Errorf("%s: got %d bytes, %v; want %d", tt.name, size, err, len(tt.want))
		}
		for i := range len(tt.want) {
			if size, err := g.check([]byte(tt.reply[:i]), tt.wait); size != 0 || err != nil {
				t.Errorf("%s, %d bytes of it: got %d, %v; want to wait for more", tt.name, i, size, err)
			}
		}
	}
}

// fakeNode answers the words that begin its replies: it counts lines that are command names.
type fakeNode struct {
	sets, waits atomic.Int64
	moved       int64 // from this SET on the answer is MOVED; 0: never
}

func (f *fakeNode) listen(t *testing.T) *ownership {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go f.serve(conn)
		}
	}()
	o := new(ownership)
	for i := range o {
		o[i] = l.Addr().String()
	}
	return o
}

// serve answers a SET in two pieces, so that replies come torn.
func (f *fakeNode) serve(conn net.Conn) {
	defer conn.Close()
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		switch lines.Text() {
		case "SET":
			if n := f.sets.Add(1); f.moved > 0 && n >= f.moved {
				_, _ = io.WriteString(conn, "-MOVED 1 127.0.0.1:1\r\n") // a client that has left is none of ours
				continue
			}
			_, _ = io.WriteString(conn, "+O")
			_, _ = io.WriteString(conn, "K\r\n")
		case "WAIT":
			f.waits.Add(1)
			_, _ = io.WriteString(conn, ":1\r\n")
		}
	}
}

func TestGenerator(t *testing.T) {
	p := pressure{pipeline: 16, wait: true, clients: 5, keys: 100, lasts: 50 * time.Millisecond}
	f := &fakeNode{}
	got, err := p.apply(t.Context(), f.listen(t))
	if err != nil {
		t.Fatal(err)
	}
	if sets, waits := f.sets.Load(), f.waits.Load(); int64(got.commands) != sets || waits*16 != sets || sets < 5*16 {
		t.Errorf("%d commands are counted; the node saw %d SETs and %d WAITs", got.commands, sets, waits)
	}
	if got.took < p.lasts || got.perSecond() <= 0 {
		t.Errorf("took %v, %f/s", got.took, got.perSecond())
	}
}

func TestGeneratorStopsAtAnError(t *testing.T) {
	p := pressure{pipeline: 16, clients: 5, keys: 100, lasts: time.Minute}
	f := &fakeNode{moved: 100}
	if _, err := p.apply(t.Context(), f.listen(t)); err == nil || !strings.Contains(err.Error(), "MOVED") {
		t.Errorf("got %v, want MOVED", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.apply(ctx, (&fakeNode{}).listen(t)); err != context.Canceled {
		t.Errorf("got %v, want that it was interrupted", err)
	}
	if _, err := (pressure{pipeline: 16, clients: 1, keys: 15}).apply(t.Context(), f.listen(t)); err == nil {
		t.Error("a pipeline of more commands than there are keys was not refused")
	}
}

func TestParseStat(t *testing.T) {
	const stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 0 0 0 0 150 25 7 8 20 0 1 0 100 0 0"
	if got, err := parseStat(stat); got != 1750*time.Millisecond || err != nil {
		t.Errorf("got %v, %v; want 1.75s", got, err)
	}
	if _, err := parseStat("42 (a) S 1"); err == nil {
		t.Error("a short line was taken")
	}
}
