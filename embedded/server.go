// Package embedded starts, owns and stops the NATS server inside this process, and hands out
// connections to it. It is the only package that knows nats-server.
//
// It promises that nobody but this process can reach a lone node's server: no listener is opened, and
// the credentials are random and never leave the package (I12); that nobody reaches a server of a cluster but this
// process and who knows the cluster's secret; that who is let in to read changes, when that is asked for, can do nothing else
// (Changes); that a server which was asked to fsync
// every message does so, or does not start; and that a server that gave up for want of disk space comes
// back by itself, with the connections that were handed out. It never looks at what the streams hold.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Sync says when an acknowledged message is on the disk and not only in the system's page cache.
type Sync string

// The modes; they have the names and the meaning of Redis's appendfsync. The last two may lose
// acknowledged messages in a power cut.
const (
	SyncAlways      Sync = "always"   // before the acknowledgement
	SyncEverySecond Sync = "everysec" // within about a second after it
	SyncNo          Sync = "no"       // when the system pleases, and every two minutes
)

// MaxPayload is the largest message, headers included, that the server takes.
const MaxPayload = 8 << 20

const (
	startWithin = 10 * time.Second
	stopWithin  = 5 * time.Second
)

// The errors of this package.
var (
	// ErrClosed says that the server was closed before the call.
	ErrClosed = errors.New("the embedded NATS server is closed")
	// ErrUnhealthy says that the server runs but cannot store: most often the disk is full.
	ErrUnhealthy = errors.New("the log's server cannot store")
)

// Config says what server to open.
type Config struct {
	Dir    string       // where the server keeps its streams; made if missing; required
	Name   string       // the server's name; required
	Sync   Sync         // required
	Logger *slog.Logger // gets the server's warnings and errors; nil: nobody does
	// Cluster makes the server one of a cluster; nil: it is alone. A directory belongs to one kind for ever:
	// started as the other, the server would drop its streams.
	Cluster *Cluster
	Changes *Changes // lets others read a stream of changes; nil: nobody is let in
}

// Server is the NATS server of this process. Its methods may be called from several goroutines. The
// server has goroutines of its own, which end with Close.
type Server struct {
	cfg      Config
	user     string
	password string
	system   string // the password of the servers' own account
	synced   syncedFiles

	// entering keeps greetings and reloads apart: who shows the password while users are read again is taken for a stranger.
	entering sync.RWMutex

	mu      sync.Mutex // guards the fields below
	cluster *Cluster   // as it is now; nil: alone
	current *server.Server
	closed  bool
}

// Open starts a server on cfg.Dir and returns when it takes connections and has recovered its streams.
// It fails if the server does not fsync as cfg.Sync demands. Nobody else may use the directory: locking
// it is the caller's duty.
func Open(cfg Config) (*Server, error) {
	s := &Server{cfg: cfg, user: "engine", password: secret(), system: secret()}
	s.synced.fsync = (*os.File).Sync
	if err := s.enter(); err != nil {
		return nil, fmt.Errorf("open embedded NATS server: %w", err)
	}
	current, err := s.start()
	if err != nil {
		return nil, fmt.Errorf("open embedded NATS server: %w", err)
	}
	s.current = current
	return s, nil
}

// enter takes cfg.Cluster and sets the timers of elections, which must be done before a server runs.
func (s *Server) enter() error {
	if s.cfg.Changes != nil {
		if err := s.cfg.Changes.check(); err != nil {
			return err
		}
	}
	if s.cfg.Cluster == nil {
		return nil
	}
	cluster := *s.cfg.Cluster
	if err := cluster.check(); err != nil {
		return err
	}
	if cluster.Host == "" {
		cluster.Host = loopback
	}
	s.cluster = &cluster
	if cluster.Election > 0 {
		if err := tune(cluster.Election); err != nil {
			s.log().Warn("elections take the time they always took", "error", err)
		}
	}
	return nil
}

// start runs a new server and checks that it is what was asked for.
func (s *Server) start() (*server.Server, error) {
	if s.cluster != nil {
		if err := errors.Join(s.cluster.listenable(), s.unlearn()); err != nil {
			return nil, err
		}
	}
	if s.cfg.Changes != nil {
		if err := s.cfg.Changes.listenable(); err != nil {
			return nil, err
		}
	}
	options, err := s.options()
	if err != nil {
		return nil, err
	}
	current, err := server.NewServer(options)
	if err != nil {
		return nil, err
	}
	current.SetLogger(&logger{to: s.cfg.Logger}, false, false)
	current.Start()
	if err := s.check(current); err != nil {
		stop(current)
		return nil, err
	}
	return current, nil
}

// check reads back from the running server what must not be left to hope.
func (s *Server) check(current *server.Server) error {
	if !current.ReadyForConnections(startWithin) {
		return fmt.Errorf("not ready within %v", startWithin)
	}
	if !current.JetStreamEnabled() {
		return errors.New("JetStream did not start")
	}
	if s.cluster != nil && !current.JetStreamIsClustered() {
		return errors.New("JetStream is not clustered")
	}
	config := current.JetStreamConfig()
	if config == nil {
		return errors.New("JetStream has no configuration")
	}
	return checkSync(s.cfg.Sync, config.SyncAlways, config.SyncInterval)
}

// checkSync compares what the server does about fsync with what was asked for.
func checkSync(want Sync, always bool, interval time.Duration) error {
	switch {
	case always != (want == SyncAlways):
		return fmt.Errorf("fsync of every message is %t, not as %q demands", always, want)
	case want == SyncEverySecond && interval > time.Second:
		return fmt.Errorf("fsync every %v, not every second", interval)
	}
	return nil
}

// Healthy returns nil while the server can store messages, and an error that wraps ErrUnhealthy or
// ErrClosed while it cannot. After a failed write the server serves reads, and answers no write until
// it is restarted.
func (s *Server) Healthy() error {
	current, err := s.server()
	if err != nil {
		return err
	}
	if !current.JetStreamEnabled() {
		return fmt.Errorf("%w: JetStream is disabled", ErrUnhealthy)
	}
	if why := s.sick(current); why != "" {
		return fmt.Errorf("%w: %s", ErrUnhealthy, why)
	}
	return nil
}

// Restart stops the server and starts it again on the same directory, in a cluster at the same address. Connections that were handed out
// by Connect reconnect by themselves; those of Dial end. If it cannot be stopped or started again, it is of
// no use until Restart is called again.
func (s *Server) Restart() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	return s.restart()
}

// restart is Restart. The caller holds mu.
func (s *Server) restart() error {
	if s.current != nil {
		if !stop(s.current) { // never two servers on one directory
			return fmt.Errorf("restart embedded NATS server: it did not stop within %v", stopWithin)
		}
		s.current = nil
	}
	current, err := s.start()
	if err != nil {
		return fmt.Errorf("restart embedded NATS server: %w", err)
	}
	s.current = current
	return nil
}

// Close stops the server within five seconds. It may be called again.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.current == nil {
		return nil
	}
	current := s.current
	s.current = nil
	if !stop(current) {
		return fmt.Errorf("embedded NATS server did not stop within %v", stopWithin)
	}
	return nil
}

// stop says whether the server stopped in time.
func stop(current *server.Server) bool {
	stopped := make(chan struct{})
	go func() { // ends when the server does; if it never does, the process is about to end
		current.Shutdown()
		current.WaitForShutdown()
		close(stopped)
	}()
	select {
	case <-stopped:
		return true
	case <-time.After(stopWithin):
		return false
	}
}

// server returns the running server.
func (s *Server) server() (*server.Server, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, ErrClosed
	case s.current == nil:
		return nil, fmt.Errorf("%w: it is stopped", ErrUnhealthy)
	}
	return s.current, nil
}

// Run watches over the server until ctx ends and restarts it when it could not store for want of space
// and the disk has space again. A server that failed otherwise stays as it is. It returns nil when ctx ends, and does not close the server.
func (s *Server) Run(ctx context.Context) error {
	const often, seldom = time.Second, 15 * time.Second
	wait := often
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		err := s.Healthy()
		if err == nil || errors.Is(err, ErrClosed) {
			wait = often
			continue
		}
		if curable(err) && s.revive() {
			wait = min(2*wait, seldom) // a disk that is full again at once shall not be ground
		}
	}
}

// curable says whether a restart in place can heal a server. After a failed fsync it must not be tried: the
// system may show data that never reached the disk, and the server would count it as stored.
func curable(err error) bool {
	text := err.Error()
	if !strings.Contains(text, "write error") {
		return true // stopped, or JetStream disabled itself
	}
	full := strings.Contains(text, syscall.ENOSPC.Error()) || strings.Contains(text, syscall.EDQUOT.Error())
	return full && !strings.Contains(text, " sync ") && !strings.Contains(text, " fsync ")
}

// revive restarts a server that cannot store if its disk takes data, and says whether it tried.
func (s *Server) revive() bool {
	if err := probe(s.cfg.Dir); err != nil {
		return false
	}
	s.log().Warn("restarting the log's server: it could not store, and its disk has space again")
	if err := s.Restart(); err != nil {
		s.log().Error("the log's server does not start", "error", err)
	}
	return true
}

func (s *Server) log() *slog.Logger {
	if s.cfg.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.cfg.Logger
}
