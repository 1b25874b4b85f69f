package node

import (
	"math"
	"strings"
	"time"
)

// directives is the table of all directives, in the order of the reference; it is never written.
var directives = []Directive{
	{Name: "bind", Default: "127.0.0.1 -::1", Change: Fixed, Many: true,
		Doc:   "addresses to listen on; '-' before one: do without it if the machine does not have it; other than loopback needs requirepass",
		codec: bindCodec(func(c *Config) *[]Bind { return &c.Net.Bind })},
	{Name: "port", Default: "6379", Change: Fixed, Doc: "TCP port for clients; 0: any free port",
		codec: integer(0, 65535, func(c *Config) *int64 { return &c.Net.Port })},
	{Name: "tcp-backlog", Default: "511", Change: Fixed, Doc: "connections that may wait to be accepted",
		codec: integer(0, math.MaxInt32, func(c *Config) *int64 { return &c.Net.Backlog })},
	{Name: "tcp-keepalive", Default: "300", Doc: "seconds of silence after which a connection is probed; 0: never",
		codec: interval(time.Second, math.MaxInt32, func(c *Config) *time.Duration { return &c.Net.KeepAlive })},
	{Name: "timeout", Default: "0", Doc: "seconds after which an idle client is disconnected; 0: never",
		codec: interval(time.Second, math.MaxInt32, func(c *Config) *time.Duration { return &c.Net.IdleTimeout })},

	{Name: "requirepass", Default: `""`, Secret: true, Doc: "password that clients must give; empty: none",
		codec: text(func(c *Config) *string { return &c.Access.Password })},
	{Name: "protected-mode", Default: "yes", Doc: "kept for redis.conf files; other than loopback addresses always need requirepass",
		codec: yesNo(func(c *Config) *bool { return &c.Access.Protected })},
	{Name: "enable-debug-command", Default: "no", Change: Fixed, Doc: "who may use DEBUG: no, yes, or local (loopback clients)",
		codec: choice(func(c *Config) *DebugCommand { return &c.Access.DebugCommand }, DebugNo, DebugYes, DebugLocal)},

	{Name: "maxclients", Default: "10000", Doc: "clients connected at the same time",
		codec: integer(1, math.MaxUint32, func(c *Config) *int64 { return &c.Clients.Max })},
	{Name: "proto-max-bulk-len", Default: "512mb", Doc: "largest single argument",
		codec: memory(1<<20, func(c *Config) *int64 { return &c.Clients.BulkBytes })},
	{Name: "client-query-buffer-limit", Default: "1gb", Doc: "input that one client may pile up: unread, or queued by MULTI",
		codec: memory(1<<20, func(c *Config) *int64 { return &c.Clients.QueryBytes })},
	{Name: "client-output-buffer-limit", Many: true,
		Default: "normal 1gb 0 0 replica 256mb 64mb 60 pubsub 32mb 8mb 60",
		Doc:     "unread replies that one client may pile up: CLASS HARD SOFT SOFT-SECONDS, classes normal, replica, pubsub; 0: no limit",
		codec:   outputCodec(func(c *Config) *OutputLimits { return &c.Clients.Output })},
	{Name: "maxmemory-clients", Default: "5%", Doc: "buffers and queued commands of all clients together, in bytes or as a percentage of the memory available; 0: no limit",
		codec: share(func(c *Config) *Share { return &c.Clients.Memory })},
	{Name: "tracking-table-max-keys", Default: "1000000", Doc: "keys remembered for CLIENT TRACKING; 0: no limit",
		codec: integer(0, math.MaxInt64, func(c *Config) *int64 { return &c.Clients.TrackedKeys })},

	{Name: "appendfsync", Default: "always", Change: Fixed, Doc: "when the log is forced to the disk: always (before the reply), everysec, or no (when the system likes)",
		codec: choice(func(c *Config) *SyncMode { return &c.Log.Sync }, SyncEverySec, SyncAlways, SyncNo)},
	{Name: "appendonly", Default: "yes", Doc: "always yes",
		codec: only("yes", "the log is always on: only yes is possible")},
	{Name: "save", Default: `""`, Many: true, Doc: "always empty: the log keeps every write",
		codec: only("", "the log keeps every write and there are no snapshots to schedule: only \"\" is possible")},
	{Name: "log-retention-seconds", Default: "3600", Change: Fixed, Doc: "how long records stay in the log after the state has them, within log-retention-bytes",
		codec: interval(time.Second, math.MaxInt32, func(c *Config) *time.Duration { return &c.Log.Retention })},
	{Name: "log-retention-bytes", Default: "1gb", Change: Fixed, Doc: "how much log is kept after the state has it, within log-retention-seconds",
		codec: memory(0, func(c *Config) *int64 { return &c.Log.RetentionBytes })},
	{Name: "log-max-bytes", Default: "0", Change: Fixed, Doc: "size of the log at which writes are refused; 0: no limit",
		codec: memory(0, func(c *Config) *int64 { return &c.Log.MaxBytes })},
	{Name: "min-free-disk", Default: "64mb", Doc: "free disk space below which writes are refused",
		codec: memory(0, func(c *Config) *int64 { return &c.Log.MinFreeDisk })},
	{Name: "max-unit-size", Default: "1gb", Change: Fixed, Doc: "largest command or transaction, in bytes of what it changes",
		codec: memory(1<<20, func(c *Config) *int64 { return &c.Log.MaxUnitBytes })},
	{Name: "commit-delay-us", Default: "1000", Change: Fixed, Doc: "most microseconds that a record waits for more commands when several clients are writing; who is alone never waits",
		codec: interval(time.Microsecond, 1_000_000, func(c *Config) *time.Duration { return &c.Log.CommitDelay })},

	{Name: "state-flush-seconds", Default: "60", Change: Fixed, Doc: "how often the state is brought to the disk, so that the log can be trimmed; 0: only when the memtable is full",
		codec: interval(time.Second, math.MaxInt32, func(c *Config) *time.Duration { return &c.State.FlushEvery })},
	{Name: "row-cache-size", Default: "64mb", Change: Fixed, Doc: "memory for keys read lately",
		codec: memory(0, func(c *Config) *int64 { return &c.State.RowCacheBytes })},
	{Name: "block-cache-size", Default: "64mb", Change: Fixed, Doc: "memory for blocks of the state's files",
		codec: memory(0, func(c *Config) *int64 { return &c.State.BlockCacheBytes })},
	{Name: "memtable-size", Default: "16mb", Change: Fixed, Doc: "memory for changes that are not in the state's files yet",
		codec: memory(1<<20, func(c *Config) *int64 { return &c.State.MemtableBytes })},
	{Name: "maxmemory", Default: "0", Doc: "always 0: keys live on the disk",
		codec: only("0", "keys live on the disk and are not bounded by memory: only 0 is possible (see min-free-disk)")},
	{Name: "maxmemory-policy", Default: "noeviction", Doc: "always noeviction",
		codec: only("noeviction", "keys are never evicted: only noeviction is possible")},

	{Name: "dir", Default: "./data", Change: Protected, Doc: "data directory; it is made when it is not there",
		codec: path(func(c *Config) *string { return &c.Server.Dir })},
	{Name: "logfile", Default: `""`, Change: Fixed, Doc: "file for messages; empty: standard error",
		codec: path(func(c *Config) *string { return &c.Server.LogFile })},
	{Name: "loglevel", Default: "notice", Doc: "messages to write: debug, verbose, notice or warning",
		codec: choice(func(c *Config) *Verbosity { return &c.Server.Verbosity }, VerbosityDebug, VerbosityVerbose, VerbosityNotice, VerbosityWarning)},
	{Name: "hz", Default: "10", Change: Fixed, Doc: "rounds of housekeeping (expiry, idle clients) a second, 1 to 500",
		codec: frequency(func(c *Config) *int64 { return &c.Server.Hz })},
	{Name: "databases", Default: "1", Change: Fixed, Doc: "always 1",
		codec: only("1", "there is one database: only 1 is possible")},
	{Name: "slowlog-log-slower-than", Default: "10000", Doc: "microseconds from which on a command is in SLOWLOG; 0: every command; -1: none",
		codec: integer(-1, math.MaxInt64, func(c *Config) *int64 { return &c.Server.SlowlogMicros })},
	{Name: "slowlog-max-len", Default: "128", Doc: "commands that SLOWLOG remembers",
		codec: integer(0, math.MaxInt64, func(c *Config) *int64 { return &c.Server.SlowlogLen })},
	{Name: "latency-monitor-threshold", Default: "0", Doc: "milliseconds from which on LATENCY remembers an event; 0: none",
		codec: interval(time.Millisecond, math.MaxInt64/int64(time.Millisecond), func(c *Config) *time.Duration { return &c.Server.LatencyThreshold })},
	{Name: "latency-tracking", Default: "yes", Doc: "keep a histogram of latencies per command",
		codec: yesNo(func(c *Config) *bool { return &c.Server.LatencyTracking })},
	{Name: "latency-tracking-info-percentiles", Default: "50 99 99.9", Many: true, Doc: "percentiles of latencies that INFO shows",
		codec: percentiles(func(c *Config) *[]float64 { return &c.Server.LatencyPercentiles })},

	{Name: "cluster-enabled", Default: "no", Change: Fixed, Doc: "take part in a cluster; needs cluster-auth",
		codec: yesNo(func(c *Config) *bool { return &c.Cluster.Enabled })},
	{Name: "name", Default: `""`, Change: Fixed, Doc: "what people call the node; empty: the beginning of its identity",
		codec: label(func(c *Config) *string { return &c.Cluster.Name })},
	{Name: "cluster-port", Default: "0", Change: Fixed, Doc: "TCP port for other nodes, on the addresses of bind; 0: port + 10000",
		codec: integer(0, 65535, func(c *Config) *int64 { return &c.Cluster.Port })},
	{Name: "nats-port", Default: "0", Change: Fixed, Doc: "TCP port kept for clients of change streams; 0: none",
		codec: integer(0, 65535, func(c *Config) *int64 { return &c.Cluster.NATSPort })},
	{Name: "cluster-auth", Default: `""`, Change: Fixed, Secret: true, Doc: "the secret that all nodes share, or file:PATH of a file that holds it; at least 16 characters; never shown",
		codec: secret(func(c *Config) *string { return &c.Cluster.Auth })},
	{Name: "join", Default: `""`, Change: Fixed, Many: true, Doc: "HOST:PORT of other nodes' cluster-port, any of them; its own is passed over",
		codec: addresses(func(c *Config) *[]string { return &c.Cluster.Join })},
	{Name: "expect", Default: "0", Change: Fixed, Doc: "create the cluster when so many nodes are there; 0: when \"shiplog cluster create\" asks for it",
		codec: integer(0, 1000, func(c *Config) *int64 { return &c.Cluster.Expect })},
	{Name: "partitions", Default: "0", Change: Fixed, Doc: "partitions that a cluster is created with, never changed later; 0: 16; a lone node has 1",
		codec: partitionCount()},
	{Name: "replicas", Default: "3", Change: Fixed, Doc: "copies of each partition in all, the primary's included, that a cluster is created with: 1, 2, 3 or 5; 2 survive no loss of a node without a pause",
		codec: oneOf(func(c *Config) *int64 { return &c.Cluster.Copies }, 1, 2, 3, 5)},
	{Name: "allow-fewer-replicas", Default: "no", Change: Fixed, Doc: "create the cluster also with fewer nodes than replicas; with fewer than 3 copies there is no automatic failover",
		codec: yesNo(func(c *Config) *bool { return &c.Cluster.FewerCopies })},
	{Name: "cluster-announce-ip", Default: `""`, Change: Fixed, Doc: "address or host name that clients and other nodes are given; empty: the first address of bind",
		codec: hostName(func(c *Config) *string { return &c.Cluster.Announce.Host })},
	{Name: "cluster-announce-port", Default: "0", Change: Fixed, Doc: "port that clients are given; 0: port",
		codec: integer(0, 65535, func(c *Config) *int64 { return &c.Cluster.Announce.Port })},
	{Name: "cluster-announce-bus-port", Default: "0", Change: Fixed, Doc: "port that other nodes are given; 0: cluster-port",
		codec: integer(0, 65535, func(c *Config) *int64 { return &c.Cluster.Announce.BusPort })},
	{Name: "lease-ms", Default: "500", Change: Fixed, Doc: "how long a primary may answer reads after its last acknowledged append; the cluster keeps what it is created with",
		codec: millis(100, func(c *Config) *time.Duration { return &c.Cluster.Times.Lease })},
	{Name: "lease-margin-ms", Default: "100", Change: Fixed, Doc: "what an heir waits beyond the lease, for clocks that run at different speeds; the cluster keeps what it is created with",
		codec: millis(10, func(c *Config) *time.Duration { return &c.Cluster.Times.LeaseMargin })},
	{Name: "heartbeat-ms", Default: "200", Change: Fixed, Doc: "how often a node says how it is",
		codec: millis(10, func(c *Config) *time.Duration { return &c.Cluster.Times.Heartbeat })},
	{Name: "cluster-node-timeout", Default: "1000", Change: Fixed, Doc: "milliseconds of silence after which a node counts as dead",
		codec: millis(100, func(c *Config) *time.Duration { return &c.Cluster.Times.SilentAfter })},
	{Name: "cluster-hold-ms", Default: "2000", Doc: "how long commands are held while their partition changes its primary, before they are refused",
		codec: millis(0, func(c *Config) *time.Duration { return &c.Cluster.Times.Hold })},
	{Name: "election-timeout-ms", Default: "1000", Change: Fixed, Doc: "least milliseconds of silence after which the log's leaders are elected anew; 0: as nats-server does, 4000",
		codec: millis(0, func(c *Config) *time.Duration { return &c.Cluster.Times.Election })},
	{Name: "replica-max-lag-ms", Default: "1000", Doc: "how far behind a replica may be and still serve READONLY clients",
		codec: millis(0, func(c *Config) *time.Duration { return &c.Cluster.Times.ReplicaLag })},
	{Name: "auto-rebalance", Default: "yes", Change: Fixed, Doc: "move primaries until every node leads as many partitions as the others, give or take one",
		codec: yesNo(func(c *Config) *bool { return &c.Cluster.Rebalance })},
	{Name: "cluster-require-full-coverage", Default: "yes", Change: Fixed, Doc: "kept for redis.conf files: a partition that has a primary serves whatever becomes of the others",
		codec: yesNo(func(c *Config) *bool { return &c.Cluster.FullCoverage })},

	{Name: "hash-max-listpack-entries", Default: "512", Doc: "fields up to which a hash has the encoding listpack",
		codec: count(func(c *Config) *int64 { return &c.Types.Hash.Entries })},
	{Name: "hash-max-listpack-value", Default: "64", Doc: "bytes of a field or value up to which a hash has the encoding listpack",
		codec: memory(0, func(c *Config) *int64 { return &c.Types.Hash.Value })},
	{Name: "hash-max-ziplist-entries", Default: "512", Alias: "hash-max-listpack-entries", Doc: "older name of hash-max-listpack-entries",
		codec: count(func(c *Config) *int64 { return &c.Types.Hash.Entries })},
	{Name: "hash-max-ziplist-value", Default: "64", Alias: "hash-max-listpack-value", Doc: "older name of hash-max-listpack-value",
		codec: memory(0, func(c *Config) *int64 { return &c.Types.Hash.Value })},
	{Name: "set-max-intset-entries", Default: "512", Doc: "members up to which a set of integers has the encoding intset",
		codec: count(func(c *Config) *int64 { return &c.Types.Integers })},
	{Name: "set-max-listpack-entries", Default: "0", Doc: "members up to which a set has the encoding listpack; 0: none has, as in Redis 7.0",
		codec: count(func(c *Config) *int64 { return &c.Types.Set.Entries })},
	{Name: "set-max-listpack-value", Default: "64", Doc: "bytes of a member up to which a set has the encoding listpack",
		codec: memory(0, func(c *Config) *int64 { return &c.Types.Set.Value })},
	{Name: "zset-max-listpack-entries", Default: "128", Doc: "members up to which a sorted set has the encoding listpack",
		codec: count(func(c *Config) *int64 { return &c.Types.ZSet.Entries })},
	{Name: "zset-max-listpack-value", Default: "64", Doc: "bytes of a member up to which a sorted set has the encoding listpack",
		codec: memory(0, func(c *Config) *int64 { return &c.Types.ZSet.Value })},
	{Name: "zset-max-ziplist-entries", Default: "128", Alias: "zset-max-listpack-entries", Doc: "older name of zset-max-listpack-entries",
		codec: count(func(c *Config) *int64 { return &c.Types.ZSet.Entries })},
	{Name: "zset-max-ziplist-value", Default: "64", Alias: "zset-max-listpack-value", Doc: "older name of zset-max-listpack-value",
		codec: memory(0, func(c *Config) *int64 { return &c.Types.ZSet.Value })},
	{Name: "list-max-listpack-size", Default: "-2", Doc: "kept for redis.conf files: lists are not kept in nodes",
		codec: integer(math.MinInt32, math.MaxInt32, func(c *Config) *int64 { return &c.Types.ListNode })},
	{Name: "list-max-ziplist-size", Default: "-2", Alias: "list-max-listpack-size", Doc: "older name of list-max-listpack-size",
		codec: integer(math.MinInt32, math.MaxInt32, func(c *Config) *int64 { return &c.Types.ListNode })},
	{Name: "list-compress-depth", Default: "0", Doc: "kept for redis.conf files: lists are not kept in nodes",
		codec: integer(0, math.MaxInt32, func(c *Config) *int64 { return &c.Types.ListDepth })},
	{Name: "stream-node-max-bytes", Default: "4096", Doc: "bytes after which a stream's entries go into a new node, which inexact trimming removes as a whole; 0: no limit",
		codec: memory(0, func(c *Config) *int64 { return &c.Types.Stream.Bytes })},
	{Name: "stream-node-max-entries", Default: "100", Doc: "entries after which a stream has a new node; 0: no limit",
		codec: count(func(c *Config) *int64 { return &c.Types.Stream.Entries })},
	{Name: "hll-sparse-max-bytes", Default: "3000", Doc: "bytes up to which a HyperLogLog has the sparse form",
		codec: memory(0, func(c *Config) *int64 { return &c.Types.Sparse })},
}

// Directives returns all directives in the order of the reference.
func Directives() []Directive { return append([]Directive(nil), directives...) }

// lookup finds a directive by its name in any case, or returns nil.
func lookup(name string) *Directive {
	for i := range directives {
		if strings.EqualFold(directives[i].Name, name) {
			return &directives[i]
		}
	}
	return nil
}

// current is the directive itself, or the one that it is an older name of.
func (d *Directive) current() *Directive {
	if d.Alias != "" {
		return lookup(d.Alias)
	}
	return d
}
