package admin

import "time"

// Snapshot is a node's figures at one moment. Counters rise from the start of the process, or of the copy of the partition that they
// belong to; a decrease is a new beginning. Nothing in it is changed once it is given away.
type Snapshot struct {
	Build      Build
	Clients    Clients
	Commands   []Command    // those that were called, by name
	Errors     []ErrorCount // by code; who makes the Snapshot bounds them
	Traffic    Traffic
	Memory     Memory
	Disk       Disk
	Log        Log
	Partitions []Partition // that this node has a copy of, by number
	Cluster    *Cluster    // nil: a lone node
	Changes    Changes
}

// Build says which program runs.
type Build struct{ Version, Revision, Go string }

// Clients are the connections.
type Clients struct {
	Connected, Blocked, Tracking, Max int64
	Received, Rejected                uint64 // since the start
	BufferBytes                       int64
}

// Command is what was done with one command of the table.
type Command struct {
	Name             string
	Calls            uint64
	Took             time.Duration
	Failed, Rejected uint64
}

// ErrorCount is how often an error reply with a code was given.
type ErrorCount struct {
	Code  string
	Count uint64
}

// Traffic is what clients sent and got.
type Traffic struct {
	Commands, Errors  uint64
	BytesIn, BytesOut uint64
}

// Memory is in bytes. Used is what INFO calls used_memory.
type Memory struct{ Used, HotSet, BlockCache, Memtables, Backlog int64 }

// Disk is that of the data directory.
type Disk struct {
	FreeBytes int64
	Refused   bool // writes are, for want of space or because the log cannot store
}

// Log says how logs are kept.
type Log struct {
	Sync           string // appendfsync
	Retention      time.Duration
	RetentionBytes int64
	MaxBytes       int64  // of each on disk; 0: no limit
	Elections      uint64 // of all groups that this node's log server is in
}

// Partition is this node's copy of a partition.
type Partition struct {
	Number     int
	Role       string // primary, promoted, replica, handing, seeding or stopped
	Epoch      uint64
	Applied    uint64 // sequence of the newest record in the state
	Durable    uint64 // and of the newest one that the state has on the disk
	LagRecords uint64 // that the log has, as far as is known here, and the state has not
	Lag        *time.Duration
	Unanswered time.Duration // age of the oldest append without an outcome; 0: there is none
	Keys       Keys
	Log        *LogSize // nil: not known
	Appends    Histogram
	Appended   uint64 // bytes of effects in them
	Load       Load
	StateBytes uint64
	Turns      Turns
	Seed       *Seed // nil: the copy is not being filled
}

// Keys are a partition's, and what was asked of them here.
type Keys struct {
	Count, Expiring       int64
	InMemory              int64
	Hits, Misses, Expired uint64
}

// LogSize is what this node's copy of a log holds.
type LogSize struct {
	First, Last, Bytes uint64
	Oldest             time.Time // when the first record was stored; zero: the log is empty
}

// Histogram counts durations. Counts[i] are those of at most Bounds[i] and more than the bound before; the rest is only in Total.
type Histogram struct {
	Bounds []time.Duration
	Counts []uint64
	Total  uint64
	Sum    time.Duration
}

// Load is what a partition has cost this node.
type Load struct {
	Commands uint64
	Bytes    uint64        // of those and of their replies, about
	CPU      time.Duration // that ran them and applied their effects, about
	Measured bool          // Bytes and CPU are
}

// Turns count how often this copy has become primary, has handed over to another one, and was ended by another primary.
type Turns struct{ Promotions, HandOvers, Depositions uint64 }

// Seed is how far the filling of a copy from another node's snapshot is.
type Seed struct {
	Bytes, TotalBytes uint64 // TotalBytes 0: not known yet
	RecordsBehind     uint64
	Left              time.Duration // 0: not known
}

// Cluster is the cluster as this node sees it.
type Cluster struct {
	Coordinates bool   // this node decides who leads
	OK          bool   // every slot is served
	Version     uint64 // of the cluster map
	Nodes       int    // of the map
	Alive       int    // of those, this one included
	Partitions  int    // that there are
	Unled       int    // of those, without a primary that lives
	Ignored     uint64 // heartbeats
}

// Changes are the change feeds of this node. Lags count the records between a reader and the end of the log.
type Changes struct {
	Readers, Snapshots int64 // that are open
	Delivered, Trimmed uint64
	Subscriptions      []Lag // by name
	Groups             []Lag // of partitions that this node leads, by name
	Projectors         []Projector
}

// Lag is how far somebody is behind.
type Lag struct {
	Name    string
	Records uint64
	Behind  time.Duration
}

// Projector publishes a partition's changes over NATS. Behind is nil while it does not know how far it is.
type Projector struct {
	Partition int
	Behind    *Lag
	Published uint64
	Failing   bool
}
