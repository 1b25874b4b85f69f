package commands

import (
	"time"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// Args are a command's words as the client sent them, the name first. They alias the connection's
// buffer and are valid only until the handler returns: what must live longer is copied.
type Args [][]byte

// Flags are the properties of a command that policy is driven by, in Redis's words.
type Flags uint32

// The flags of a command. FlagOffLoop is ours: the command may take long, so it runs on a goroutine of
// its own while its connection waits, and nobody else does. So is FlagRetryErrors: the command waits in the name of something in
// the key (a consumer group), and ends with an error when the key, its type or that is gone.
const (
	FlagWrite Flags = 1 << iota
	FlagReadonly
	FlagDenyOOM
	FlagAdmin
	FlagPubsub
	FlagNoScript
	FlagBlocking
	FlagLoading
	FlagStale
	FlagSkipSlowlog
	FlagAsking
	FlagFast
	FlagNoAuth
	FlagMayReplicate
	FlagNoAsyncLoading
	FlagNoMulti
	FlagMovableKeys
	FlagAllowBusy
	FlagNoMandatoryKeys
	FlagProtected
	FlagModule
	FlagOffLoop
	FlagRetryErrors
	FlagSkipMonitor
	FlagSentinel
	FlagOnlySentinel
)

// What commands that must always work are flagged with, and those that only operators use.
const (
	flagsAlways   = FlagNoScript | FlagLoading | FlagStale
	flagsOperator = flagsAlways | FlagAdmin
)

// KeySpec says where some of a command's keys stand and what is done to them, as COMMAND INFO shows it.
// With Keyword empty the search begins at word Index; otherwise it begins after Keyword, which is
// looked for from word From (negative: from the end, backwards). Last and Step give a range
// relative to the begin (Last < 0 counts from the end; Limit as in Redis). With KeyNum set the number
// of keys stands at begin+NumIndex and the first key at begin+FirstKey.
type KeySpec struct {
	Flags    string // as in COMMAND INFO: "RW access update", "OW", "RO", ...
	Notes    string
	Index    int
	Keyword  string
	From     int
	Last     int
	Step     int
	Limit    int
	KeyNum   bool
	NumIndex int
	FirstKey int

	// Find returns the index of the one key that there is, 0 for none, in place of all that. COMMAND INFO says then that it is
	// unknown where the keys stand.
	Find func(a Args) int
}

// Row is one command: everything that dispatch, COMMAND, ACL categories and documentation need to know, and
// exactly one of Read, Write, Snapshot and Session that does the work (a container of sub-commands has none).
//
// Read and Write run under the partition's lock: they must not block. Write must decide everything that
// can fail before it tells tx anything. Both may run twice for one command (the partition fetches cold keys
// between the runs), so they change nothing but tx. Snapshot walks many keys: it runs outside the lock, on a
// consistent snapshot. Session runs on the connection's own goroutine or loop and uses Session.Later for
// whatever blocks. A command that runs a script has none of these: its state says which.
//
// With Blocks a command on keys may wait for them. A reply of Read or Write that is null then means that there is nothing for it yet:
// outside a transaction it is run again when a key that its first KeySpec names has changed, until another reply comes, which is
// the command's. The words are then those of a command that names this key alone. It is run again only while the key
// holds a value of the command's Group, so that each error it finds is an answer. What a word means now and would not
// mean later ("$") the handler replaces in its words. Wait.Blocks refuses what the handler would refuse, and so need not the handler.
//
// A command on data without Keys is one on all keys: Read and Write run in every partition that the node leads, and the
// tip response_policy says how their replies become one; Snapshot sees them all as one. It may begin again after some
// partitions have done it.
type Row struct {
	Name        string // lower case; a sub-command's is "container|sub"
	Group       string
	Since       string
	Summary     string
	Syntax      string // the arguments, written as type argument says
	Complexity  string
	Arity       int // counts the name; negative: at least
	Flags       Flags
	Categories  []string // ACL categories beyond those that the flags imply, without '@'
	Tips        []string
	Keys        []KeySpec
	Subcommands []Row
	History     []Change
	Deprecated  Deprecation

	Read     func(v *keyspace.View, a Args) reply.Reply
	Write    func(tx *keyspace.Tx, a Args) reply.Reply
	Snapshot func(snap *keyspace.Snapshot, a Args) reply.Reply
	Session  func(s *Session, a Args) reply.Reply

	Wait  Waiting
	state *rowState // given by the table, but for what finds a script
}

// Waiting says how a command waits that finds nothing to do. The zero value: it does not.
type Waiting struct {
	// Blocks returns how long the command waits, 0 for ever, less than 0 when it does not, or why it cannot run.
	Blocks func(a Args) (time.Duration, *reply.Reply)

	// Ripens returns when, in Unix milliseconds, a command that waits and has Blocks may find something though none of its keys changes; it
	// is not ok when that never happens. It is asked where Write found nothing.
	Ripens func(v *keyspace.View, a Args) (at int64, ok bool)
}

// Change is one entry of a command's history: what came with which version.
type Change struct{ Since, What string }

// Deprecation says since when another command should be used instead, and which.
type Deprecation struct{ Since, ReplacedBy string }

// rowState is what the table adds to a row.
type rowState struct {
	upper  string // the name in capitals, as the log carries it
	parent *Row
	subs   map[string]*Row
	names  []string // of the sub-commands, in the order of the rows
	syntax []argument
	merge  func([]reply.Reply) reply.Reply // of a command on all keys
	stats  rowStats
	script func(a Args) (*script, *reply.Reply) // finds the script that the command is to run, or says why there is none; of those that run one
}

// data tells whether the command works on a partition's keys.
func (r *Row) data() bool {
	return r.Read != nil || r.Write != nil || r.Snapshot != nil || r.runsScript()
}

// runsScript tells whether the command runs a script.
func (r *Row) runsScript() bool { return r.state != nil && r.state.script != nil }

// keyed tells whether the command works on keys that its words name.
func (r *Row) keyed() bool { return len(r.Keys) > 0 && r.data() }

// mayWrite tells whether the command may change something.
func (r *Row) mayWrite() bool {
	return r.Flags&(FlagWrite|FlagMayReplicate) != 0 || r.runsScript() && r.Flags&FlagReadonly == 0
}

// container tells whether the command is only a frame for its sub-commands.
func (r *Row) container() bool { return !r.data() && r.Session == nil }

// arityOK tells whether n words satisfy the row's arity.
func (r *Row) arityOK(n int) bool {
	return n == r.Arity || r.Arity < 0 && n >= -r.Arity
}
