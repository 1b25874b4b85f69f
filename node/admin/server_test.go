package admin

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// ask gives a server one request without a network.
func ask(s *Server, method, path, password string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	if password != "" {
		r.SetBasicAuth("anybody", password)
	}
	w := httptest.NewRecorder()
	s.http.Handler.ServeHTTP(w, r)
	return w
}

func TestPages(t *testing.T) {
	down := Standing{Serving: false}
	up := Standing{Serving: true}
	for _, tt := range []struct {
		name, method, path, set, given string
		standing                       Standing
		status                         int
		has                            string
	}{
		{"metrics", "GET", "/metrics", "", "", up, 200, "shiplog_connected_clients 3\n"},
		{"the runtime's", "GET", "/metrics", "", "", up, 200, "\ngo_goroutines "},
		{"the process's", "GET", "/metrics", "", "", up, 200, "\nprocess_open_fds "},
		{"head", "HEAD", "/metrics", "", "", up, 200, ""},
		{"index", "GET", "/", "", "", up, 200, `<a href="/readyz">`},
		{"lives", "GET", "/healthz", "secret", "", down, 200, "ok\n"},
		{"ready", "GET", "/readyz", "secret", "", up, 200, "ok\n"},
		{"not ready", "GET", "/readyz", "", "", down, 503, "LOADING the node is loading"},
		{"not ready, to a stranger", "GET", "/readyz", "secret", "", down, 503, "not ready: who gives the password is told why\n"},
		{"not ready, to a friend", "GET", "/readyz", "secret", "secret", down, 503, "LOADING the node is loading"},
		{"no password", "GET", "/metrics", "secret", "", up, 401, "metrics-auth"},
		{"wrong password", "GET", "/metrics", "secret", "Secret", up, 401, "metrics-auth"},
		{"right password", "GET", "/metrics", "secret", "secret", up, 200, "shiplog_connected_clients 3\n"},
		{"index with a password", "GET", "/", "secret", "", up, 401, "metrics-auth"},
		{"elsewhere", "GET", "/debug/pprof/", "", "", up, 404, ""},
		{"post", "POST", "/metrics", "", "", up, 405, ""},
	} {
		s := New(Config{Password: tt.set, Snapshot: full, Standing: func() *Standing { return &tt.standing }})
		w := ask(s, tt.method, tt.path, tt.given)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.has) {
			t.Errorf("%s: got %d %.200s, want %d %s", tt.name, w.Code, w.Body, tt.status, tt.has)
		}
		if w.Code == 401 && w.Header().Get("WWW-Authenticate") == "" {
			t.Errorf("%s: nobody is asked for a password", tt.name)
		}
	}
}

// pipes is a listener without a network: what dial returns is what Accept has.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn, 1000), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial() net.Conn {
	ours, theirs := net.Pipe()
	p.conns <- theirs
	return ours
}

// served runs a test beside a server, by the clock of a bubble.
func served(t *testing.T, test func(t *testing.T, p *pipes)) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		s := New(Config{Listeners: []net.Listener{p}, Snapshot: full, Standing: func() *Standing { return &Standing{Serving: true} }})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Run(ctx) }()
		test(t, p)
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// lives asks whether the server still answers.
func lives(t *testing.T, p *pipes) {
	t.Helper()
	c := p.dial()
	defer c.Close()
	if _, err := io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 200 OK\r\n")) {
		t.Fatalf("the server says %q, %v", answer, err)
	}
}

// TestHostileClients sends what no client should: each loses its connection in time, and the server goes on.
func TestHostileClients(t *testing.T) {
	served(t, func(t *testing.T, p *pipes) {
		for _, tt := range []struct {
			name, sent, then string
			within           time.Duration
		}{
			{"silence", "", "", headWithin},
			{"half a header", "GET /metrics HTTP/1.1\r\nHost:", "", headWithin},
			{"garbage", "\x00\x16\x03\x01\xff\r\n\r\n", "", headWithin},
			{"an endless header", "GET /metrics HTTP/1.1\r\nHost: x\r\n", "X: " + strings.Repeat("a", 100) + "\r\n", headWithin},
			{"an endless line", "GET /", strings.Repeat("a", 1000), headWithin},
			{"an endless body", "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n", strings.Repeat("a", 1000), requestWithin},
			{"a request and no more", "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "", idleFor},
		} {
			began := time.Now()
			c := p.dial()
			go func() { // net.Pipe has no buffer
				_, err := io.WriteString(c, tt.sent)
				for i := 0; err == nil && tt.then != "" && i < 1_000_000; i++ {
					_, err = io.WriteString(c, tt.then)
				}
			}()
			_, err := io.Copy(io.Discard, c)
			if took := time.Since(began); took > tt.within+time.Second || err != nil && !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("%s: the connection ended after %v, %v; want within %v", tt.name, took, err, tt.within)
			}
			_ = c.Close()
			lives(t, p)
		}
	})
}

// TestConnectionsAreBounded opens many more connections than there may be: the rest wait until those leave, which say nothing.
func TestConnectionsAreBounded(t *testing.T) {
	served(t, func(t *testing.T, p *pipes) {
		var silent []net.Conn
		for range mostConns + 5 {
			silent = append(silent, p.dial())
		}
		synctest.Wait()
		if n := len(p.conns); n != 5 {
			t.Errorf("%d connections wait, want 5", n)
		}
		began := time.Now()
		lives(t, p)
		if waited := time.Since(began); waited < headWithin || waited > 2*headWithin+time.Second {
			t.Errorf("it was heard after %v", waited)
		}
		for _, c := range silent {
			_ = c.Close()
		}
	})
}

// broken is a listener that cannot accept.
type broken struct{ *pipes }

func (broken) Accept() (net.Conn, error) { return nil, errors.New("no more sockets") }

func TestRunSaysWhyItCannotServe(t *testing.T) {
	s := New(Config{Listeners: []net.Listener{newPipes(), broken{newPipes()}}, Snapshot: full})
	if err := s.Run(t.Context()); err == nil || err.Error() != "serve metrics: no more sockets" {
		t.Errorf("got %v", err)
	}
}

// TestStopLetsAnswersLeave stops the server while it answers.
func TestStopLetsAnswersLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		asked, answer := make(chan struct{}), make(chan struct{})
		s := New(Config{Listeners: []net.Listener{p}, Snapshot: full, Standing: func() *Standing {
			close(asked)
			<-answer
			return &Standing{Serving: true}
		}})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Run(ctx) }()
		c := p.dial()
		defer c.Close()
		go func() { _, _ = io.WriteString(c, "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n") }()
		<-asked
		stop()
		synctest.Wait()
		close(answer)
		r, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || r.StatusCode != 200 {
			t.Errorf("got %v, %v", r, err)
		}
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}
