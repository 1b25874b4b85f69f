package admin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// What a client may cost. Who goes beyond a bound loses its connection, or waits until others have left.
const (
	headWithin     = 5 * time.Second // for a request's header
	requestWithin  = 10 * time.Second
	answerWithin   = 30 * time.Second
	idleFor        = time.Minute
	mostHeader     = 8 << 10 // bytes
	mostBody       = 1 << 10 // nobody needs one
	mostConns      = 64      // on each address
	scrapesAtOnce  = 3
	scrapeWithin   = 10 * time.Second
	shutdownWithin = time.Second
)

// Config says what a Server shows. Snapshot and Standing are called for requests, from several goroutines.
type Config struct {
	Listeners []net.Listener // the Server closes them
	Password  string         // by HTTP's basic authentication, with any user; empty: none is asked for
	Snapshot  func() *Snapshot
	Standing  func() *Standing
}

// Server answers HTTP requests. It owns a goroutine for each address and, as net/http does, for each connection.
type Server struct {
	cfg  Config
	http *http.Server
}

// New returns a server that answers nobody before Run.
func New(cfg Config) *Server {
	s := &Server{cfg: cfg}
	s.http = &http.Server{
		Handler: http.MaxBytesHandler(s.handler(), mostBody), ReadHeaderTimeout: headWithin, ReadTimeout: requestWithin, WriteTimeout: answerWithin,
		IdleTimeout: idleFor, MaxHeaderBytes: mostHeader, ErrorLog: log.New(io.Discard, "", 0), // what clients do wrong is theirs to know
	}
	return s
}

// Run answers until ctx ends, and returns nil then. It is called once.
func (s *Server) Run(ctx context.Context) error {
	ended := make(chan error, len(s.cfg.Listeners))
	for _, l := range s.cfg.Listeners {
		go func() {
			ended <- s.http.Serve(&bounded{Listener: l, room: make(chan struct{}, mostConns), closed: make(chan struct{})})
		}()
	}
	var failed error
	left := len(s.cfg.Listeners)
	select {
	case <-ctx.Done():
	case failed = <-ended:
		left--
		failed = fmt.Errorf("serve metrics: %w", failed)
	}
	s.shutdown()
	for range left {
		<-ended
	}
	return failed
}

// shutdown lets answers that are being given leave, for a moment, and closes everything.
func (s *Server) shutdown() {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownWithin)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		_ = s.http.Close()
	}
}

// handler answers requests. Whether the node lives and is ready is said to everybody, since who asks that seldom has passwords, and why it is not only to
// those who have.
func (s *Server) handler() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(NewCollector(s.cfg.Snapshot), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	scrape := promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: scrapesAtOnce, Timeout: scrapeWithin})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.guarded(scrape))
	mux.Handle("GET /{$}", s.guarded(http.HandlerFunc(index)))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", s.ready)
	return mux
}

// guarded asks for the password first.
func (s *Server) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.trusts(r) {
			w.Header().Set("WWW-Authenticate", `Basic realm="shiplog"`)
			say(w, http.StatusUnauthorized, "a password is needed: the directive metrics-auth")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// trusts tells whether a request has the password. It takes equally long for every wrong one.
func (s *Server) trusts(r *http.Request) bool {
	_, given, _ := r.BasicAuth()
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(s.cfg.Password))
	return s.cfg.Password == "" || subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	switch reasons := Unready(s.cfg.Standing()); {
	case len(reasons) == 0:
		say(w, http.StatusOK, "ok")
	case s.trusts(r):
		say(w, http.StatusServiceUnavailable, reasons...)
	default:
		say(w, http.StatusServiceUnavailable, "not ready: who gives the password is told why")
	}
}

// say answers with lines of text.
func say(w http.ResponseWriter, status int, lines ...string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, strings.Join(lines, "\n")+"\n") // who does not listen any more has left
}

// index says what there is.
func index(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, `<!doctype html><title>shiplog</title><h1>shiplog</h1><ul>
<li><a href="/metrics">/metrics</a>: figures for Prometheus
<li><a href="/healthz">/healthz</a>: 200 while the process lives
<li><a href="/readyz">/readyz</a>: 200 while the node serves, else 503 and why it does not
</ul>
`)
}

// bounded is a listener with a bound on how many connections are open. Others wait in the system's queue.
type bounded struct {
	net.Listener
	room   chan struct{} // holds a word for each connection
	closed chan struct{}
	once   sync.Once
}

// Accept waits for room, and then for a connection.
func (b *bounded) Accept() (net.Conn, error) {
	select {
	case b.room <- struct{}{}:
	case <-b.closed:
		return nil, net.ErrClosed
	}
	c, err := b.Listener.Accept()
	if err != nil {
		<-b.room
		return nil, err
	}
	return &counted{Conn: c, leave: sync.OnceFunc(func() { <-b.room })}, nil
}

// Close closes the listener and ends Accept.
func (b *bounded) Close() error {
	b.once.Do(func() { close(b.closed) })
	return b.Listener.Close()
}

// counted is a connection that makes room when it is closed.
type counted struct {
	net.Conn
	leave func()
}

// Close closes the connection.
func (c *counted) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
