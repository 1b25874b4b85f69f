package commands

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
	"sync/atomic"
	"time"

	"shiplog/node/reply"
)

// RedisVersion is the version of Redis whose behaviour the commands have, and which clients are told.
const RedisVersion = "7.0.15"

// Config is what a Server is made of. Version is the product's own. Cluster is nil on a lone node.
type Config struct {
	Engine  Engine
	Cluster Cluster
	Changes ChangeFeeds // nil: there are none
	// Snapshots is the snapshot store; nil: there is none.
	Snapshots Snapshots
	Settings  Settings
	Version   string
}

// Server is what all sessions share: the command table, the clients, statistics, the slow log, the latency
// monitor, and what CLIENT PAUSE and CLIENT TRACKING have set. It owns no goroutine. All methods are
// safe from any goroutine.
type Server struct {
	table    *Table
	engine   Engine
	cluster  Cluster     // nil on a lone node
	changes  ChangeFeeds // nil: there are none
	store    Snapshots   // nil: there is none
	settings Settings
	version  string
	runID    string
	started  time.Time
	tuned    atomic.Pointer[tuning]
	clients  registry
	totals   totals
	slow     slowlog
	latency  monitor
	pause    pause
	tracking tracker
	notices  notices
	moves    migrations
	scripts  scripting
	base     atomic.Pointer[KeyspaceFacts] // the engine's counters at the last CONFIG RESETSTAT
}

// NewServer returns a Server with the whole command table.
func NewServer(c Config) *Server {
	srv := &Server{
		engine:   c.Engine,
		cluster:  c.Cluster,
		changes:  c.Changes,
		store:    c.Snapshots,
		settings: c.Settings,
		version:  c.Version,
		runID:    newRunID(),
		started:  time.Now(),
	}
	srv.scripts.start()
	srv.table = NewTable(allRows(c.Settings, &srv.scripts.cache)...)
	srv.clients.start()
	srv.totals.start(srv.started)
	srv.tracking.start()
	srv.base.Store(new(KeyspaceFacts))
	srv.Retune()
	return srv
}

// Table returns the command table.
func (srv *Server) Table() *Table { return srv.table }

// RunID returns 40 hexadecimal digits that name this run of the node.
func (srv *Server) RunID() string { return srv.runID }

func newRunID() string {
	var id [20]byte
	rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}

// now is the monotonic time since the server started.
func (srv *Server) now() time.Duration { return time.Since(srv.started) }

// tuning is what the settings say, in the form that the hot path reads.
type tuning struct {
	password        string
	maxClients      int64
	slowerThan      time.Duration // negative: nothing is logged
	slowMax         int
	latencyMin      time.Duration // 0: no monitoring
	latencyTracking bool
	percentiles     []string
	debug           string // enable-debug-command: no, yes, local
	trackedKeys     int64
	clientNames     bool          // names of clients go into the log
	busyAfter       time.Duration // how long a script runs before others are told; 0: for ever
	hold            time.Duration // the longest that a command is held while its partition is between two primaries
}

// Retune reads the settings again. Whoever changes them otherwise than by CONFIG SET calls it.
func (srv *Server) Retune() {
	s := srv.settings
	t := &tuning{
		password:        s.String("requirepass"),
		maxClients:      s.Int("maxclients"),
		slowerThan:      time.Duration(s.Int("slowlog-log-slower-than")) * time.Microsecond,
		slowMax:         int(s.Int("slowlog-max-len")),
		latencyMin:      time.Duration(s.Int("latency-monitor-threshold")) * time.Millisecond,
		latencyTracking: s.String("latency-tracking") != "no",
		percentiles:     strings.Fields(s.String("latency-tracking-info-percentiles")),
		debug:           s.String("enable-debug-command"),
		trackedKeys:     s.Int("tracking-table-max-keys"),
		clientNames:     s.String("changes-client-name") == "yes",
		busyAfter:       time.Duration(s.Int("busy-reply-threshold")) * time.Millisecond,
		hold:            time.Duration(s.Int("cluster-hold-ms")) * time.Millisecond,
	}
	srv.tuned.Store(t)
	srv.slow.trim(t.slowMax)
	srv.tracking.limit(t.trackedKeys)
}

// tune returns the settings in force.
func (srv *Server) tune() *tuning { return srv.tuned.Load() }

// ConnInfo is what is known of a connection when it is made.
type ConnInfo struct {
	Remote, Local string // as CLIENT LIST shows them
	Loopback      bool   // the peer is this machine
	Unix          bool
	TLS           bool
	FD            int // for CLIENT LIST; 8 and the like, or 0
}

// Connect makes the session of a new connection. With too many clients there is none, and the reply that says so
// is to be sent before the connection is closed.
func (srv *Server) Connect(t Transport, c ConnInfo) (*Session, *reply.Reply) {
	tune := srv.tune()
	s := newSession(srv, t, c)
	s.authenticated = tune.password == ""
	if !srv.clients.add(s, tune.maxClients) {
		srv.totals.rejectedConns.Add(1)
		full := reply.Error("ERR max number of clients reached")
		return nil, &full
	}
	srv.totals.connections.Add(1)
	return s, nil
}

// Clients returns the number of connections.
func (srv *Server) Clients() int { return srv.clients.count() }

// Traffic counts bytes that the network has carried, for INFO.
func (srv *Server) Traffic(in, out uint64) {
	srv.totals.bytesIn.Add(in)
	srv.totals.bytesOut.Add(out)
}
