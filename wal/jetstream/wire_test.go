package jetstream

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"shiplog/wal"
)

// serving returns a wire whose server says these words and then closes the connection.
func serving(t *testing.T, words string) *wire {
	t.Helper()
	ours, theirs := net.Pipe()
	go func() {
		_, _ = io.WriteString(theirs, words)
		_ = theirs.Close()
	}()
	w := newWire(ours)
	t.Cleanup(w.close)
	return w
}

func TestWireNext(t *testing.T) {
	large := strings.Repeat("x", 100<<10)
	w := serving(t, "INFO {}\r\n+OK\r\nPONG\r\n"+
		"MSG a.b 1 5\r\nhello\r\n"+
		"MSG a.c 1 reply.to 0\r\n\r\n"+
		"HMSG a.d 1 12 17\r\nNATS/1.0\r\n\r\nworld\r\n"+
		"HMSG a.e 1 r 16 16\r\nNATS/1.0 503\r\n\r\n\r\n"+
		"MSG a.f 1 102400\r\n"+large+"\r\n"+
		"MSG a.g 1 1\r\ny\r\n")
	var f frame
	for _, want := range []struct{ subject, reply, header, payload string }{
		{"a.b", "", "", "hello"},
		{"a.c", "reply.to", "", ""},
		{"a.d", "", "NATS/1.0\r\n\r\n", "world"},
		{"a.e", "r", "NATS/1.0 503\r\n\r\n", ""},
		{"a.f", "", "", large},
		{"a.g", "", "", "y"},
	} {
		if err := w.next(&f); err != nil {
			t.Fatalf("%s: %v", want.subject, err)
		}
		if string(f.subject) != want.subject || string(f.reply) != want.reply || string(f.header) != want.header || string(f.payload) != want.payload {
			t.Errorf("%s: got subject %q, reply %q, header %q, %d bytes", want.subject, f.subject, f.reply, f.header, len(f.payload))
		}
	}
	if err := w.next(&f); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v, want EOF", err)
	}
}

func TestWireRefuses(t *testing.T) {
	for name, words := range map[string]string{
		"an error":             "-ERR 'Maximum Payload Violation'\r\n",
		"nonsense":             "HELLO\r\n",
		"no length":            "MSG a 1\r\n",
		"too many words":       "MSG a 1 r 5 5\r\n",
		"a word as length":     "MSG a 1 five\r\n",
		"a negative length":    "MSG a 1 -5\r\n",
		"a length over limits": "MSG a 1 99999999999\r\n",
		"header over total":    "HMSG a 1 10 5\r\n",
	} {
		w := serving(t, words)
		if err := w.next(&frame{}); !errors.Is(err, errProtocol) {
			t.Errorf("%s: %v, want errProtocol", name, err)
		}
	}
	for name, words := range map[string]string{
		"cut line":         "MSG a 1",
		"cut payload":      "MSG a 1 5\r\nhel",
		"cut large":        "MSG a 1 100000\r\nhel",
		"line without end": strings.Repeat("x", 100<<10),
	} {
		w := serving(t, words)
		if err := w.next(&frame{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestWireAnswersPing(t *testing.T) {
	ours, theirs := net.Pipe()
	w := newWire(ours)
	t.Cleanup(w.close)
	heard := make(chan string, 1)
	go func() {
		_, _ = io.WriteString(theirs, "PING\r\n")
		b := make([]byte, 6)
		_, _ = io.ReadFull(theirs, b)
		heard <- string(b)
		_ = theirs.Close()
	}()
	if err := w.next(&frame{}); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want EOF", err)
	}
	if got := <-heard; got != "PONG\r\n" {
		t.Errorf("answered %q", got)
	}
}

func TestWirePublish(t *testing.T) {
	large := bytes.Repeat([]byte{'x'}, copyBelow+1)
	ours, theirs := net.Pipe()
	w, heard := newWire(ours), make(chan string, 1)
	go func() {
		b, _ := io.ReadAll(theirs)
		heard <- string(b)
	}()
	for _, m := range []struct {
		reply, header, payload []byte
	}{
		{nil, nil, []byte("hello")},
		{[]byte("r"), nil, nil},
		{[]byte("r"), []byte("HEAD"), []byte("body")},
		{[]byte("r"), []byte("HEAD"), large},
	} {
		if err := w.publish("s", m.reply, m.header, m.payload); err != nil {
			t.Fatal(err)
		}
	}
	w.close()
	if err := w.publish("s", nil, nil, nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("publish after close = %v", err)
	}
	want := "PUB s 5\r\nhello\r\nPUB s r 0\r\n\r\nHPUB s r 4 8\r\nHEADbody\r\nHPUB s r 4 61445\r\nHEAD" + string(large) + "\r\n"
	if got := <-heard; got != want {
		t.Errorf("said %.100q, want %.100q", got, want)
	}
}

// A reply subject is used again only after an answer to it came: an answer that comes late is nobody's.
func TestTokensAreNotReusedWhileAwaited(t *testing.T) {
	var p appends
	p.connect(&wire{}, "inbox")
	first := &appending{at: 1, token: noReply}
	_, reply, _, err := p.begin(first, 0)
	if err != nil || string(reply) != "inbox.0" {
		t.Fatalf("reply = %q, %v", reply, err)
	}
	_, again := p.retry(first, 0) // the first attempt is not answered
	if string(again) != "inbox.1" {
		t.Errorf("second attempt awaits %q, want a subject of its own", again)
	}
	if a, look := p.answered(0, verdict{refused: true}); a != nil || look {
		t.Error("a late answer was taken for the second attempt's")
	}
	if a, _ := p.answered(1, verdict{refused: true}); a != nil {
		t.Error("a refusal decided an append that may be stored already")
	}
	third := &appending{at: 2, token: noReply}
	if _, reply, _, _ := p.begin(third, 0); string(reply) != "inbox.1" {
		t.Errorf("third attempt awaits %q, want the answered subject", reply)
	}
	if a, _ := p.answered(1, verdict{stored: true, seq: 7}); a != nil {
		t.Error("an acknowledgement of another sequence decided")
	}
	if a, _ := p.answered(1, verdict{stored: true, seq: 2}); a != nil {
		t.Error("an answer was taken twice")
	}
	fresh := &appending{at: 3, token: noReply}
	if _, _, _, err := p.begin(fresh, 0); err != nil {
		t.Fatal(err)
	}
	if a, _ := p.answered(1, verdict{refused: true}); a != fresh || a.outcome != wal.ErrFull {
		t.Error("a refusal of the only attempt did not decide")
	}
}

// delivery is a frame as a consumer sends it.
func delivery(seq wal.Seq) string {
	return fmt.Sprintf("MSG in 1 $JS.ACK.WAL_0.c.1.%d.1.1700000000.0 1\r\nx\r\n", seq)
}

// What comes twice or from another consumer is passed over; at a gap the tail begins again instead of leaving something out.
func TestDeliverLeavesNothingOut(t *testing.T) {
	const heartbeat = "HMSG in 1 16 16\r\nNATS/1.0 100 X\r\n\r\n"
	w := serving(t, delivery(1)+heartbeat+delivery(5)+delivery(6)+strings.Replace(delivery(7), " 1 ", " 2 ", 1)+delivery(5)+delivery(8)+delivery(9))
	next, given := wal.Seq(5), []wal.Seq{}
	err := (&Log{}).deliver(w, 1, &next, func(seq wal.Seq, _ []byte) error { given = append(given, seq); return nil })
	if !errors.Is(err, errAgain) || fmt.Sprint(given) != "[5 6]" || next != 7 {
		t.Errorf("given %v, next is %d, %v; want [5 6], 7 and to begin again", given, next, err)
	}
}

func TestControls(t *testing.T) {
	for name, c := range map[string]struct {
		frame   frame
		reply   string
		control bool
	}{
		"message":      {frame{header: []byte("NATS/1.0\r\nNats-Expected-Last-Sequence: 1\r\n\r\n"), reply: []byte("r")}, "", false},
		"no header":    {frame{reply: []byte("r")}, "", false},
		"heartbeat":    {frame{header: []byte("NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 3\r\n\r\n")}, "", true},
		"stalled":      {frame{header: []byte("NATS/1.0 100 Idle Heartbeat\r\nNats-Consumer-Stalled: $JS.FC.x\r\nA: b\r\n\r\n")}, "$JS.FC.x", true},
		"flow control": {frame{header: []byte("NATS/1.0 100 FlowControl Request\r\n\r\n"), reply: []byte("$JS.FC.y")}, "$JS.FC.y", true},
	} {
		reply, control := controls(&c.frame)
		if string(reply) != c.reply || control != c.control {
			t.Errorf("%s: %q, %t; want %q, %t", name, reply, control, c.reply, c.control)
		}
	}
}

// An attempt that nobody took in is repeated soon, without asking a leader that is not there.
func TestUnheardIsRepeated(t *testing.T) {
	p := &appends{wire: &wire{}, inbox: "inbox"}
	a := &appending{at: 1, token: noReply}
	if _, _, _, err := p.begin(a, time.Hour); err != nil {
		t.Fatal(err)
	}
	if decided, look := p.answered(0, verdict{unheard: true}); decided != nil || !look {
		t.Error("an attempt that nobody took in decided the append")
	}
	if left := time.Until(a.due); left > unheardPause || !p.again(a) {
		t.Errorf("it is looked at in %v, again %t; want at most %v and true", left, p.again(a), unheardPause)
	}
	if w, reply := p.retry(a, time.Hour); w == nil || string(reply) != "inbox.0" || p.again(a) {
		t.Errorf("repeated as %q, again %t", reply, p.again(a))
	}
	if decided, _ := p.answered(0, verdict{refused: true}); decided != nil {
		t.Error("a refusal of the second attempt decided")
	}
}

func TestReadsGetTheTimeTheyNeed(t *testing.T) {
	small, large := &appending{}, &appending{message: make([]byte, wal.MaxMessage)}
	if got := small.readWithin(time.Millisecond); got != shortestRead {
		t.Errorf("a small one gets %v, want %v", got, shortestRead)
	}
	if got := small.readWithin(requestWithin); got != requestWithin {
		t.Errorf("a patient one gets %v, want %v", got, requestWithin)
	}
	if got := large.readWithin(time.Millisecond); got < time.Second {
		t.Errorf("a large one gets %v", got)
	}
	before := small.readWithin(0)
	(&appends{}).later(small)
	if got := small.readWithin(0); got <= before {
		t.Errorf("after one in vain it gets %v, had %v", got, before)
	}
}
