package node

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"shiplog/partitions/keyspace"
)

// Version is the version of shiplog.
const Version = "0.1.0"

// Config is everything that can be set: the directives of a configuration file and of the command line as
// typed values. A Config that Load or Settings returned is complete, consistent and never changes.
type Config struct {
	File    string // absolute path of the configuration file; empty without one
	Net     Net
	Access  Access
	Clients Clients
	Log     Log
	State   State
	Server  Server
	Cluster Cluster
	Changes Changes
	Metrics Metrics
	Store   Store
	Types   keyspace.Limits
}

// Net says where clients connect.
type Net struct {
	Bind        []Bind
	Port        int64 // 0: any free port
	Backlog     int64
	KeepAlive   time.Duration // 0: off
	IdleTimeout time.Duration // 0: never
}

// Access says who may do what.
type Access struct {
	Password     string // of the default user; empty: none is asked for
	Protected    bool
	DebugCommand DebugCommand
}

// DebugCommand says who may use DEBUG.
type DebugCommand string

// The values of enable-debug-command. With DebugLocal only clients on a loopback address may use it.
const (
	DebugNo    DebugCommand = "no"
	DebugYes   DebugCommand = "yes"
	DebugLocal DebugCommand = "local"
)

// Clients bounds what clients can make grow.
type Clients struct {
	Max         int64
	BulkBytes   int64 // one argument
	QueryBytes  int64 // one client's unread input
	Output      OutputLimits
	Memory      Share // all clients' buffers together
	TrackedKeys int64 // 0: no limit
}

// Share is a number of bytes, or a percentage of a whole when Percent is not 0.
type Share struct {
	Bytes   int64
	Percent int64
}

// Of returns the share in bytes of a whole of total bytes; 0 means no limit.
func (s Share) Of(total int64) int64 {
	if s.Percent > 0 {
		return total / 100 * s.Percent
	}
	return s.Bytes
}

// String is the share as CONFIG GET shows it.
func (s Share) String() string {
	if s.Percent > 0 {
		return strconv.FormatInt(s.Percent, 10) + "%"
	}
	return strconv.FormatInt(s.Bytes, 10)
}

// SyncMode says when the log is on the disk's platter rather than in the system's memory.
type SyncMode string

// The values of appendfsync.
const (
	SyncAlways   SyncMode = "always"
	SyncEverySec SyncMode = "everysec"
	SyncNo       SyncMode = "no"
)

// Promise says in plain words what an acknowledged write survives.
func (m SyncMode) Promise() string {
	switch m {
	case SyncAlways:
		return "an acknowledged write survives a power cut"
	case SyncEverySec:
		return "an acknowledged write survives a crash of the server; " +
			"a power cut may lose up to about a second of acknowledged writes"
	default:
		return "an acknowledged write survives a crash of the server; " +
			"a power cut may lose whatever the operating system had not yet written"
	}
}

// Log says how the log is kept.
type Log struct {
	Sync           SyncMode
	Partitions     int64         // 0: as many as the mode has; Config.Partitions knows
	Retention      time.Duration // records younger than this are kept, within RetentionBytes
	RetentionBytes int64
	MaxBytes       int64 // of the log on disk, per partition; 0: no limit
	MinFreeDisk    int64 // writes are refused below this many free bytes
	MaxUnitBytes   int64 // largest command or transaction, in bytes of effects
	CommitDelay    time.Duration
}

// State says how the state is kept.
type State struct {
	FlushEvery      time.Duration
	RowCacheBytes   int64
	BlockCacheBytes int64
	MemtableBytes   int64
}

// Store says where snapshots are kept beyond the life of nodes, and which.
type Store struct {
	Dir      string        // absolute; empty: there is none
	Every    time.Duration // a partition that has changed is put there so often; 0: when asked to
	Keep     int64         // snapshots of a partition
	LogBytes int64         // up to which the logs are kept for the newest ones
}

// Verbosity is a level of logging by Redis's name.
type Verbosity string

// The values of loglevel, from most to least.
const (
	VerbosityDebug   Verbosity = "debug"
	VerbosityVerbose Verbosity = "verbose"
	VerbosityNotice  Verbosity = "notice"
	VerbosityWarning Verbosity = "warning"
)

// Level returns the slog level from which on messages are written. Verbose lies between slog's Debug and
// Info; notice is Info and warning is Warn.
func (v Verbosity) Level() slog.Level {
	switch v {
	case VerbosityDebug:
		return slog.LevelDebug
	case VerbosityVerbose:
		return slog.LevelDebug + 2
	case VerbosityWarning:
		return slog.LevelWarn
	default:
		return slog.LevelInfo
	}
}

// Server is what concerns the process as a whole. Level follows loglevel, also when CONFIG SET changes it: a
// handler that was given Level once needs no further word.
type Server struct {
	Dir                string // absolute
	LogFile            string // absolute; empty: standard error
	Verbosity          Verbosity
	Level              *slog.LevelVar
	Hz                 int64
	SlowlogMicros      int64 // commands slower than this are remembered; negative: none
	SlowlogLen         int64
	LatencyThreshold   time.Duration // 0: off
	BusyScript         time.Duration // how long a script runs before others are told; 0: for ever
	LatencyTracking    bool
	LatencyPercentiles []float64
}

// Load reads "[FILE] [--directive value ...]". What the command line says goes before what the file
// says, and every directive not given has its default. The error is one line that names the place, the offending
// text and the reason. Nothing is created or opened for writing.
func Load(args []string) (*Config, error) {
	c, err := defaults()
	if err != nil {
		return nil, err
	}
	c.Server.Level = new(slog.LevelVar)
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		if err := c.applyFile(args[0]); err != nil {
			return nil, err
		}
		args = args[1:]
	}
	statements, err := parseArguments(args)
	if err != nil {
		return nil, err
	}
	if err := c.apply(statements); err != nil {
		return nil, err
	}
	if err := errors.Join(c.readSecret(), c.readChangesPassword(), c.readMetricsPassword()); err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	c.Server.Level.Set(c.Server.Verbosity.Level())
	return c, nil
}

// defaults returns the configuration that nobody has said anything about.
func defaults() (*Config, error) {
	c := new(Config)
	for i := range directives {
		d := &directives[i]
		words, _ := splitWords(d.Default)
		if err := d.set(c, words); err != nil {
			return nil, fmt.Errorf("default of %s: %w", d.Name, err)
		}
	}
	return c, nil
}

// applyFile reads the configuration file into c.
func (c *Config) applyFile(name string) error {
	statements, err := readFile(name)
	if err != nil {
		return err
	}
	if c.File, err = filepath.Abs(name); err != nil {
		return err
	}
	return c.apply(statements)
}

func (c *Config) apply(statements []statement) error {
	for _, s := range statements {
		name := strings.ToLower(s.words[0])
		d := lookup(name)
		if d == nil {
			return s.refuse(unknown(name))
		}
		if d.Secret {
			s.text = s.words[0] + " " + redacted
		}
		if err := d.set(c, s.words[1:]); err != nil {
			return s.refuse(err)
		}
	}
	return nil
}

// unknown says what is wrong with the name of a directive that there is no row for.
func unknown(name string) string {
	if name == "include" {
		return "include is not supported: put everything into one file"
	}
	return "unknown directive (shiplog help directives lists them)"
}

// check holds the rules that concern more than one directive.
func (c *Config) check() error {
	for _, bind := range c.Net.Bind {
		if !bind.IP().IsLoopback() && c.Access.Password == "" {
			return refusal(fmt.Sprintf("listening on %s needs a password: set requirepass, or bind only to loopback addresses", bind.Host))
		}
	}
	for _, check := range []func() error{c.checkChanges, c.checkMetrics} {
		if err := check(); err != nil {
			return err
		}
	}
	return c.checkCluster()
}
