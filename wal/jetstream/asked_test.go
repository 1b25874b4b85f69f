package jetstream

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"shiplog/wal"
)

// A question that nobody answers is asked again, with more patience each time, and not beyond the time it has in all.
func TestAsked(t *testing.T) {
	for _, c := range []struct {
		name     string
		server   string
		takes    []time.Duration // what each question takes to be answered
		within   time.Duration
		want     time.Duration
		answered bool
	}{
		{"at once", "n1", []time.Duration{time.Millisecond}, 2 * time.Second, time.Millisecond, true},
		{"one is lost", "n1", []time.Duration{time.Hour, time.Millisecond}, 2 * time.Second, 251 * time.Millisecond, true},
		{"slow", "n1", []time.Duration{600 * time.Millisecond, 600 * time.Millisecond, 600 * time.Millisecond}, 2 * time.Second, 1350 * time.Millisecond, true},
		{"never", "n1", []time.Duration{time.Hour, time.Hour, time.Hour, time.Hour}, 2 * time.Second, 2 * time.Second, false},
		{"a lone node is asked once", "", []time.Duration{1500 * time.Millisecond}, 2 * time.Second, 1500 * time.Millisecond, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, begun := &Log{cfg: Config{Server: c.server}}, time.Now()
				err := l.asked(t.Context(), c.within, func(ctx context.Context) error {
					takes := c.takes[0]
					c.takes = c.takes[1:]
					select {
					case <-ctx.Done():
						return ctx.Err()
					case <-time.After(takes):
						return nil
					}
				})
				if took := time.Since(begun); took != c.want || (err == nil) != c.answered {
					t.Errorf("%v after %v, want an answer: %v after %v", err, took, c.answered, c.want)
				}
			})
		})
	}
}

// deaf is a server of NATS's client protocol that answers no subject's first request.
type deaf struct{ answers map[string]string }

// InProcessConn is what nats.go asks for when it connects.
func (d deaf) InProcessConn() (net.Conn, error) {
	client, server := net.Pipe()
	go d.serve(server) // ends with the connection
	return client, nil
}

func (d deaf) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(conn, format, args...) }
	say("INFO {\"headers\":true,\"max_payload\":1048576,\"proto\":1}\r\n")
	heard := make(map[string]bool)
	in := bufio.NewReader(conn)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch words := strings.Fields(line); words[0] {
		case "PING":
			say("PONG\r\n")
		case "PUB": // PUB subject reply size
			size, err := strconv.Atoi(words[len(words)-1])
			if err != nil {
				return
			}
			if _, err := io.CopyN(io.Discard, in, int64(size)+2); err != nil {
				return
			}
			if answer := d.answers[words[1]]; heard[words[1]] {
				say("MSG %s 1 %d\r\n%s\r\n", words[2], len(answer), answer)
			}
			heard[words[1]] = true
		}
	}
}

// What a log is asked while it has no leader is asked again.
func TestQuestionsAreAskedAgain(t *testing.T) {
	nc, err := nats.Connect("", nats.InProcessServer(deaf{map[string]string{
		"$JS.API.STREAM.INFO.log":    `{"type":"io.nats.jetstream.api.v1.stream_info_response","config":{"name":"log"},"state":{"messages":5,"first_seq":3,"last_seq":7},"cluster":{"leader":"n1"}}`,
		"$JS.API.STREAM.MSG.GET.log": `{"message":{"data":"aGVsbG8="}}`,
	}}))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := natsjs.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	l := &Log{cfg: Config{Server: "n1"}, name: "log", nc: nc, js: js, closing: make(chan struct{})}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	bounds, err := l.Bounds(ctx)
	if err != nil || bounds.First != 3 || bounds.Last != 7 {
		t.Errorf("bounds are %v, %v", bounds, err)
	}
	message, err := l.Get(ctx, wal.Seq(5))
	if err != nil || string(message) != "hello" {
		t.Errorf("got %q, %v", message, err)
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Error("questions that were lost were waited for")
	}
}
