package commands

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"shiplog/node/reply"
)

// ChangeFeeds is what the command layer needs of the node's change feeds. It is implemented by package node. The methods with a context
// may block until it ends, and answer then what there is.
type ChangeFeeds interface {
	// Read answers a token and the changes before it that follow the ask's beginning; with wait it waits until there is one.
	Read(ctx context.Context, ask *ChangeAsk, wait bool) reply.Reply
	// Positions answers for each partition where its log begins and ends.
	Positions(ctx context.Context) reply.Reply
	// Info answers what is retained and who reads. Lines are the same for INFO.
	Info(ctx context.Context) reply.Reply
	Lines() [][2]string
	// Snapshot answers a cursor, a token and the next changes that make a partition's keys.
	Snapshot(ctx context.Context, ask *ChangeAsk, cursor string) reply.Reply
	// Subscribe begins to push changes to a session. The pushes begin when begin is called, which must be done behind the reply; without
	// it the reply is an error.
	Subscribe(ctx context.Context, s Subscriber, ask *ChangeAsk) (r reply.Reply, begin func())
	// Unsubscribe ends one subscription of a session, or all with id 0, and tells how many there were. It does not block.
	Unsubscribe(session uint64, id int64) int
	// Group does what a verb of CHANGES GROUP says. decided is false when ctx ended before it was known whether it is done: nothing may be
	// answered then.
	Group(ctx context.Context, ask *GroupAsk) (r reply.Reply, decided bool)
}

// Subscriber is a session that changes are pushed to. Its methods are safe from any goroutine and never block.
type Subscriber interface {
	ID() uint64
	Push(r reply.Reply)
	// Backlog is how many bytes wait for the client to take them.
	Backlog() int
}

// AllPartitions stands for ALL.
const AllPartitions = -1

// ChangeAsk is what a client wants to read. It does not alias the command's words.
type ChangeAsk struct {
	Partition int
	From      string // a token, or "BEGIN", "END", "TIME"
	FromMS    int64  // with TIME
	Count     int    // changes at a time; 0: as many as is usual
	Block     time.Duration
	Blocks    bool
	Globs     [][]byte
	Types     []string // lower case
	Ops       []string // lower case
	Format    string   // "json", "resp", "binary"
}

// GroupAsk is one CHANGES GROUP.
type GroupAsk struct {
	Verb     string // create, read, ack, position, delete, list
	Group    string
	Consumer string
	Token    string
	Lease    time.Duration // 0: as usual
	Pending  bool
	ChangeAsk
}

// changesOptions is the part of the syntax that all ways of reading share.
const changesOptions = `MATCH=pattern?+ TYPES=types? OPS=operations? FORMAT=format(json|resp|binary)?`

// changesRows are the commands of change feeds, which Redis does not have.
func changesRows() []Row {
	reads, always := FlagReadonly|FlagNoScript|FlagNoMulti, FlagNoScript|FlagLoading|FlagStale
	from := "partition(number:integer|ALL) FROM=from(token|BEGIN|END|TIME=unix-time-milliseconds:integer) "
	rows := []Row{{Name: "changes", Arity: -2,
		Summary:    "A container for change feed commands",
		Complexity: "Depends on subcommand.",
		Subcommands: []Row{
			{Name: "changes|group", Arity: -3, Flags: FlagWrite | FlagBlocking | FlagNoScript | FlagNoMulti,
				Summary: "Reads changes as a group of consumers that acknowledge them",
				Syntax: "verb(create(CREATE group " + from + "LEASE=milliseconds:integer? " + changesOptions + ")|" +
					"read(READ group consumer COUNT=count:integer? BLOCK=milliseconds:integer? PENDING?)|" +
					"ack(ACK group token)|position(POSITION group)|delete(DELETE group)|LIST)",
				Complexity: "O(N) for READ where N is the number of changes looked at, O(1) for the others",
				Session:    fed(changesGroup)},
			{Name: "changes|help", Arity: 2, Flags: always, Summary: "Show helpful text about the different subcommands", Complexity: "O(1)",
				Session: help},
			{Name: "changes|info", Arity: 2, Flags: always,
				Summary:    "Shows what is retained of the logs, and who reads how far behind",
				Complexity: "O(N) where N is the number of partitions and readers",
				Session: fed(func(s *Session, f ChangeFeeds, _ Args) reply.Reply {
					return s.Later(func(ctx context.Context) Result { return Result{Reply: f.Info(ctx)} })
				})},
			{Name: "changes|positions", Arity: 2, Flags: reads,
				Summary:    "Shows where the log of each partition begins and ends",
				Complexity: "O(N) where N is the number of partitions",
				Session: fed(func(s *Session, f ChangeFeeds, _ Args) reply.Reply {
					return s.Later(func(ctx context.Context) Result { return Result{Reply: f.Positions(ctx)} })
				})},
			{Name: "changes|read", Arity: -5, Flags: reads | FlagBlocking,
				Summary:    "Returns the changes that follow a position of the log",
				Syntax:     from + "COUNT=count:integer? BLOCK=milliseconds:integer? " + changesOptions,
				Complexity: "O(N) where N is the number of changes looked at",
				Session:    fed(changesRead)},
			{Name: "changes|snapshot", Arity: -4, Flags: reads,
				Summary:    "Walks the keys of a partition at one position of its log",
				Syntax:     "partition:integer cursor COUNT=count:integer? " + changesOptions,
				Complexity: "O(1) for every call. O(N) for a complete walk, where N is the number of keys and elements",
				Session:    fed(changesSnapshot)},
			{Name: "changes|subscribe", Arity: -5, Flags: reads | FlagPubsub,
				Summary:    "Pushes the changes that follow a position of the log",
				Syntax:     from + "COUNT=count:integer? " + changesOptions,
				Complexity: "O(1), and O(N) where N is the number of changes looked at",
				Session:    fed(changesSubscribe)},
			{Name: "changes|unsubscribe", Arity: -2, Flags: reads | FlagPubsub,
				Summary:    "Ends a subscription to changes, or all of the connection",
				Syntax:     "id:integer?",
				Complexity: "O(N) where N is the number of subscriptions",
				Session:    fed(changesUnsubscribe)},
		}}}
	for i := range rows[0].Subcommands {
		sub := &rows[0].Subcommands[i]
		sub.Group, sub.Since = "server", "7.0.0"
		if sub.Flags&(FlagReadonly|FlagWrite) != 0 { // it shows every key
			sub.Categories = []string{"keyspace", "dangerous"}
		}
	}
	rows[0].Group, rows[0].Since = "server", "7.0.0"
	return rows
}

// fed makes a handler that a node without feeds refuses.
func fed(fn func(s *Session, f ChangeFeeds, a Args) reply.Reply) func(*Session, Args) reply.Reply {
	return func(s *Session, a Args) reply.Reply {
		if s.srv.changes == nil {
			return reply.Error("ERR this node has no change feeds")
		}
		return fn(s, s.srv.changes, a)
	}
}

// CHANGES READ partition|ALL FROM token|BEGIN|END|TIME ms [COUNT count] [BLOCK ms] [MATCH pattern ...] [TYPES type,...] [OPS op,...]
// [FORMAT json|resp|binary]
func changesRead(s *Session, f ChangeFeeds, a Args) reply.Reply {
	ask, refusal := parseChangeAsk(a[2:], "count", "block")
	if refusal != nil {
		return *refusal
	}
	return s.Later(func(ctx context.Context) Result { return Result{Reply: s.readChanges(ctx, f, ask)} })
}

// readChanges reads, and waits when that is asked for.
func (s *Session) readChanges(ctx context.Context, f ChangeFeeds, ask *ChangeAsk) reply.Reply {
	return s.waitChanges(ctx, ask, func(ctx context.Context) reply.Reply { return f.Read(ctx, ask, ask.Blocks) })
}

// waitChanges calls fn with a context that ends when the ask's waiting does.
func (s *Session) waitChanges(ctx context.Context, ask *ChangeAsk, fn func(context.Context) reply.Reply) reply.Reply {
	if !ask.Blocks {
		return fn(ctx)
	}
	ctx, stop := s.block(ctx, ask.Block)
	defer stop()
	r := fn(ctx)
	if isUnblockedError(ctx) {
		return reply.Error("UNBLOCKED client unblocked via CLIENT UNBLOCK")
	}
	return r
}

// CHANGES SNAPSHOT partition cursor [COUNT count] [MATCH pattern ...] [TYPES type,...] [FORMAT json|resp]
func changesSnapshot(s *Session, f ChangeFeeds, a Args) reply.Reply {
	ask := newChangeAsk()
	if refusal := ask.partition(a[2]); refusal != nil {
		return *refusal
	}
	if ask.Partition == AllPartitions {
		return reply.Error("ERR a snapshot is of one partition: CHANGES POSITIONS names them")
	}
	if refusal := ask.options(a[4:], "count"); refusal != nil {
		return *refusal
	}
	cursor := string(a[3])
	return s.Later(func(ctx context.Context) Result { return Result{Reply: f.Snapshot(ctx, ask, cursor)} })
}

// CHANGES SUBSCRIBE partition|ALL FROM token|BEGIN|END|TIME ms [COUNT count] [MATCH pattern ...] [TYPES type,...] [OPS op,...]
// [FORMAT json|resp|binary]
func changesSubscribe(s *Session, f ChangeFeeds, a Args) reply.Reply {
	if s.Proto() < 3 {
		return reply.Error("ERR CHANGES SUBSCRIBE pushes, which needs RESP3: say HELLO 3 first, or use CHANGES READ with BLOCK")
	}
	ask, refusal := parseChangeAsk(a[2:], "count")
	if refusal != nil {
		return *refusal
	}
	return s.Later(func(ctx context.Context) Result {
		r, begin := f.Subscribe(ctx, subscriber{s}, ask)
		return Result{Reply: r, After: begin}
	})
}

// subscriber is a session that changes are pushed to.
type subscriber struct{ *Session }

// Push leaves out what comes when the session has just gone back to RESP2, and with that ended its subscriptions.
func (s subscriber) Push(r reply.Reply) {
	if s.Proto() >= 3 {
		s.transport.Push(r)
	}
}

func (s subscriber) Backlog() int {
	_, output := s.transport.BufferBytes()
	return output
}

// CHANGES UNSUBSCRIBE [id]
func changesUnsubscribe(s *Session, f ChangeFeeds, a Args) reply.Reply {
	id := int64(0)
	if len(a) > 3 {
		return subSyntax(a)
	}
	if len(a) == 3 {
		var ok bool
		if id, ok = parseInt(a[2]); !ok || id <= 0 {
			return reply.NotInteger()
		}
	}
	return reply.Int(int64(f.Unsubscribe(s.id, id)))
}

// endFeeds ends the session's subscriptions.
func (s *Session) endFeeds() {
	if s.srv.changes != nil {
		s.srv.changes.Unsubscribe(s.id, 0)
	}
}

func newChangeAsk() *ChangeAsk { return &ChangeAsk{Format: "json"} }

// parseChangeAsk reads what to read: partition, FROM and options, of those that not all ways of reading have the named ones.
func parseChangeAsk(words Args, also ...string) (*ChangeAsk, *reply.Reply) {
	ask := newChangeAsk()
	if refusal := ask.partition(words[0]); refusal != nil {
		return nil, refusal
	}
	if !is(words[1], "from") {
		return nil, refuse(reply.Syntax())
	}
	rest := words[3:]
	switch word := strings.ToUpper(string(words[2])); word {
	case "BEGIN", "END":
		ask.From = word
	case "TIME":
		if len(rest) == 0 {
			return nil, refuse(reply.Syntax())
		}
		ms, ok := parseInt(rest[0])
		if !ok || ms < 0 {
			return nil, refuse(reply.NotInteger())
		}
		ask.From, ask.FromMS, rest = word, ms, rest[1:]
	default:
		ask.From = string(words[2])
	}
	return ask, ask.options(rest, also...)
}

func (ask *ChangeAsk) partition(word []byte) *reply.Reply {
	if is(word, "all") {
		ask.Partition = AllPartitions
		return nil
	}
	n, err := strconv.ParseUint(string(word), 10, 16)
	if err != nil {
		return refuse(reply.Error("ERR partition must be a number, or ALL"))
	}
	ask.Partition = int(n)
	return nil
}

// options reads options in any order. COUNT, BLOCK, LEASE and the like stand only where also names them.
func (ask *ChangeAsk) options(words Args, also ...string) *reply.Reply {
	for ; len(words) > 0; words = words[2:] {
		if len(words) == 1 {
			return refuse(reply.Syntax())
		}
		name, value := strings.ToLower(string(words[0])), words[1]
		switch name {
		case "match":
			ask.Globs = append(ask.Globs, slices.Clone(value))
		case "types":
			ask.Types = addWords(ask.Types, value)
		case "ops":
			ask.Ops = addWords(ask.Ops, value)
		case "format":
			ask.Format = strings.ToLower(string(value))
			if !slices.Contains([]string{"json", "resp", "binary"}, ask.Format) {
				return refuse(reply.Error("ERR FORMAT must be json, resp or binary"))
			}
		default:
			if !slices.Contains(also, name) {
				return refuse(reply.Syntax())
			}
			if refusal := ask.number(name, value); refusal != nil {
				return refusal
			}
		}
	}
	return nil
}

func (ask *ChangeAsk) number(name string, value []byte) *reply.Reply {
	if name == "block" {
		timeout, refusal := blockMillis(value)
		ask.Block, ask.Blocks = timeout, true
		return refusal
	}
	n, ok := parseInt(value)
	if !ok || n <= 0 || n > 1<<30 {
		return refuse(reply.Errorf("ERR %s must be a positive number", strings.ToUpper(name)))
	}
	ask.Count = int(n)
	return nil
}

// addWords appends words separated by commas to others, each once.
func addWords(words []string, word []byte) []string {
	words = append(words, strings.Split(strings.ToLower(string(word)), ",")...)
	slices.Sort(words)
	return slices.Compact(words)
}
