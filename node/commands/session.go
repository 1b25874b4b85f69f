package commands

import (
	"context"
	"errors"
	"time"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// Wait is what must happen before a reply may leave: the acknowledgement of a record (I2, I3). Done is
// closed when the outcome is known; Err is then nil, or says why the record is not in the log.
type Wait interface {
	Done() <-chan struct{}
	Err() error
}

// Reader is a command that reads one partition. Read runs under the partition's lock, perhaps twice.
type Reader interface{ Read(v *keyspace.View) }

// Writer is a command, or a transaction, that writes one partition: one unit (I8). Write runs under the
// partition's lock, perhaps twice: what it told the Tx the first time is then undone. Origin is the id of the
// session that it comes from, 0 for none; the engine hands it to Server.Touched.
type Writer interface {
	Write(tx *keyspace.Tx)
	Origin() uint64
}

// Parked is a Writer that waits for keys when it finds nothing to do. Its methods are called under the partition's lock.
type Parked interface {
	Writer
	// Served tells whether the last Write did what the command is for.
	Served() bool
	// Turn is told, before each Write but the first, which key has changed and what it holds now, 0 for nothing, and tells
	// whether that is worth a Write.
	Turn(key string, holds keyspace.Type) bool
	// Wake is called once, unless Unpark takes the Writer out: with an error when nothing was done and nothing will be, else
	// when Write has served. It must not block.
	Wake(w Wait, err error)
}

// Occupant is a script, or a transaction that runs one. It reaches the state only by way of what Lend is given before Write or Read is called:
// touch runs a function at the state, or returns an error when the unit is over; loosen gives the partition's lock up at once. Evicted
// is told that the unit is over, from another goroutine and under the lock; it must not block.
type Occupant interface {
	Reader
	Writer
	Lend(touch func(do func()) error, loosen func())
	Evicted(why error)
}

// Partition runs commands on one partition's state. The Wait is nil when nothing has to be awaited. An
// error means that nothing was done.
type Partition interface {
	View(r Reader) (Wait, error)
	Update(w Writer) (Wait, error)
	// Park is Update for a command that waits for keys while it is not served: first come, first served. With served false it
	// waits, and a reply that says so rests on the Wait.
	Park(w Parked, keys [][]byte) (wait Wait, served bool, err error)
	// Occupy is Update for a unit that may take long. With writes false it is only to read, perhaps in a View.
	Occupy(w Occupant, writes bool) (Wait, error)
	// Unpark takes out what waits, and tells whether it did: else Wake has been called.
	Unpark(w Parked) bool
	Watch(key []byte, w *keyspace.Watch)
	Unwatch(w *keyspace.Watch)
	// Snapshot returns the state as it is now, for reading outside the lock. The caller closes it.
	Snapshot() (*keyspace.Snapshot, Wait, error)
	// Cost is told now and then what commands on the partition have cost, those included that were not measured.
	Cost(c Cost)
}

// ErrRouteAgain is wrapped by a Partition's error when it no longer serves, or does not serve yet: nothing was done, and
// the command is routed again.
var ErrRouteAgain = errors.New("the partition is not served here now")

// ErrOccupied is wrapped, beside ErrRouteAgain, by a Partition's error when a script has it for itself.
var ErrOccupied = errors.New("a script has the partition")

// Hold stands for a partition that is between two primaries.
type Hold interface {
	// Await blocks until the command should be routed again, and returns nil, or until ctx ends or there is no hope left, and
	// returns what to tell the client.
	Await(ctx context.Context) *reply.Reply
}

// Standing is what a connection has said of itself that decides where its commands may run.
type Standing struct {
	Readonly bool // READONLY: replicas may answer what only reads
	Asking   bool // ASKING came just before
}

// Engine is what the command layer needs to know of the node beneath it. It is implemented by package node.
type Engine interface {
	// Route returns the partition that a command's keys belong to, or the reply that says who has it or why
	// it cannot be done now (MOVED, CROSSSLOT, MISCONF for writes, LOADING), or a Hold when the command must wait and be routed
	// again; one of the three. It is asked for each command on keys, when it runs and, inside MULTI, also when it is
	// queued. A command whose words name no key goes to any partition that is here. Partitions are compared: one partition
	// is one value as long as the node holds it. It must be cheap and must not allocate, but for a reply or a Hold.
	Route(row *Row, a Args, as Standing) (Partition, *reply.Reply, Hold)
	// Everywhere returns the partitions that this node leads or is handing over, in the order of their slots, for commands on
	// all keys. In a cluster clients ask every node and put the answers together: keys held for others must not be
	// counted twice. The slice is not changed by anybody.
	Everywhere() []Partition
	// ErrorReply words an error of a Partition or a Wait for the client. With final true no reply may be
	// sent: the outcome is not known, and the connection must be closed instead (I11).
	ErrorReply(err error) (r reply.Reply, final bool)
	// Facts describes the node now. It may take locks, and is never called under a partition's lock.
	Facts() Facts
	// Sync blocks until everything acknowledged so far is durable on this node, log and state (SAVE).
	Sync(ctx context.Context) error
	// StartSync begins a Sync in the background (BGSAVE) and tells whether it did: false when one is under way.
	StartSync() bool
	// SyncLog blocks until every record up to seq of the log (Facts.LastSeq) is on this node's disk and on those of
	// at least replicas others, or ctx ends. It returns how many of each have it, local being 0 or 1.
	SyncLog(ctx context.Context, seq uint64, replicas int) (local, others int)
	// SetActiveExpire turns the removal of keys whose time is over, apart from lookups, on or off (DEBUG).
	SetActiveExpire(on bool)
	// Shutdown asks the node to stop and returns at once; AbortShutdown takes that back, and tells whether
	// there was something to take back.
	Shutdown(how ShutdownMode) error
	AbortShutdown() bool
	// Suspect tells the operator that the client at remote may be an attack. It does not block, and may be called as
	// often as clients can make it be.
	Suspect(remote, why string)
	// Note writes a script's line into the node's log; level is 0 (debug) to 3 (warning).
	Note(level int, text string)
}

// ShutdownMode is how SHUTDOWN asks the node to stop. The log is complete in every case; Save chooses
// whether the state is flushed first, which only makes the next start faster.
type ShutdownMode struct {
	Save  bool // flush the state before stopping
	Now   bool // do not wait for replicas that lag
	Force bool // stop even if flushing fails
}

// Settings are the node's configuration, by directive names. Lookup returns names and values that match a glob
// pattern, ignoring case. Set checks everything before it changes anything. The errors of Set and Rewrite are
// worded as the reply's text, with or without the leading "ERR ". String and Int return the zero value for a name that is not
// known; both return numbers and sizes in plain units, as CONFIG GET shows them.
type Settings interface {
	Lookup(pattern string) [][2]string
	Set(pairs [][2]string) error
	Rewrite() error
	String(name string) string
	Int(name string) int64
	Limits() keyspace.Limits
}

// Facts are what the node knows of itself, for INFO, ROLE, LASTSAVE and the like. Counters count since the
// node started; the command layer subtracts what CONFIG RESETSTAT asks for.
type Facts struct {
	Keyspace KeyspaceFacts
	Log      LogFacts
	Memory   MemoryFacts
	Node     NodeFacts
}

// KeyspaceFacts describe the keys.
type KeyspaceFacts struct {
	Keys, Volatile      int64
	AvgTTL              time.Duration
	Hits, Misses        int64 // lookups of reading commands
	Expired, Evicted    int64
	StateBytes          int64 // on disk
	Dirty               int64 // effects since the state was last flushed
	LastFlush           time.Time
	LastFlushTook       time.Duration
	Flushing            bool
	FlushErr            string
	WatchedKeys         int64
	HotKeys             int64 // held in memory
	HotHits, HotMisses  int64 // found in memory, read from disk
	ExpireCycleCPU      time.Duration
	ExpiredStalePercent float64
}

// LogFacts describe the log. With several partitions sequences and sizes are sums over those that the node leads, and the
// epoch is the newest.
type LogFacts struct {
	FirstSeq, LastSeq uint64 // LastSeq is the newest acknowledged record
	AppliedSeq        uint64
	DurableSeq        uint64 // up to here the state is durable too
	Epoch             uint64
	Incarnation       string
	Durability        string // always, everysec, no
	Bytes             int64
	PendingRecords    int64 // appended, not yet acknowledged
	PendingBytes      int64
	Records, Effects  int64 // appended since the start
	AppendedBytes     int64
	AckP50, AckP99    time.Duration
}

// MemoryFacts describe memory and disk, in bytes.
type MemoryFacts struct {
	Used, Peak, Startup  int64
	RSS, Allocated       int64
	Limit, System        int64
	HotSet, BlockCache   int64
	Memtables, LogBuffer int64
	DiskFree             int64
}

// NodeFacts describe the node as a whole.
type NodeFacts struct {
	Loading       bool
	Partitions    int
	WritesRefused string // why, empty when they are not
	ConfigFile    string
	Executable    string
	TCPPort       int
}

// Transport is the connection beneath a session, as the session sees it.
type Transport interface {
	// Push sends an out-of-band message when the replies written so far have left. Safe from any goroutine; never blocks.
	Push(r reply.Reply)
	// Kill closes the connection, after what is already encoded has left when gentle is true. Safe from any goroutine.
	Kill(gentle bool)
	// BufferBytes returns how many bytes the connection's query buffer and output buffer hold now.
	BufferBytes() (query, output int)
}

// Result is what one command leads to. Reply may be sent once Wait (when not nil) is done without an
// error; Session.Failure says what to do when it failed. With Later set the Reply, if there is one, is only a piece of it, which leaves
// first, without a Wait: the transport then calls Later where it may block, and what that returns takes the Result's place; no further command of this
// connection runs before, and the command's words need not outlive Do. Close ends the connection after the reply; Abort
// ends it at once, without this reply and those before it that have not been sent. After,
// when not nil, is called once the Reply has its place in the output: it pushes what must not stand before it.
type Result struct {
	Reply reply.Reply
	Wait  Wait
	Later func(ctx context.Context) Result
	Close bool
	Abort bool
	After func()
}
