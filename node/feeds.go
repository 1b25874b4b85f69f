package node

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"shiplog/node/changes"
	"shiplog/node/commands"
	"shiplog/node/reply"
)

// feeds are the node's change feeds as the command layer has them.
type feeds struct {
	node   *Node
	read   *changes.Feeds
	bucket *changes.Bucket
	groups *changes.Groups
	turn   atomic.Uint64             // counts groups' readings, so that no partition is always the first
	lags   atomic.Pointer[groupLags] // how far groups are behind; lookAtGroups keeps it
	busy   busyness

	mu            sync.Mutex
	subscriptions map[uint64]map[int64]*subscription // by session
	subscribed    int64                              // the newest subscription's id
	snapshots     map[string]*keyWalk
}

var _ commands.ChangeFeeds = (*feeds)(nil)

func newFeeds(n *Node) *feeds {
	f := &feeds{node: n, subscriptions: make(map[uint64]map[int64]*subscription), snapshots: make(map[string]*keyWalk)}
	f.read = changes.New(changes.Config{Sources: sources{n}, MaxBody: maxBody(n.cfg)})
	f.bucket = changes.NewBucket(n.nats.Connect, n.copies)
	f.groups = changes.NewGroups(f.bucket, time.Now)
	return f
}

// maxBody is how large a body of the log can be: what writers may have waiting, and one unit more.
func maxBody(c *Config) int { return int(c.Log.MaxUnitBytes) + 128<<20 }

// sources are the node's partitions as package changes has them.
type sources struct{ node *Node }

// Source returns the copy of a partition.
func (s sources) Source(partition int) (changes.Source, error) {
	c, err := s.node.holder.source(partition)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Partitions is how many partitions there are in all.
func (s sources) Partitions() int { return s.node.holder.partitions() }

// copies is how many copies are made of what nodes must agree on: as of the logs, but not more than three.
func (n *Node) copies() int {
	m, clustered := n.holder.(*members)
	if !clustered {
		return 1
	}
	if known := m.agent.Map(); known != nil && len(known.Partitions) > 0 {
		return min(len(known.Partitions[0].Holders), 3)
	}
	return int(min(n.cfg.Cluster.Copies, 3))
}

// run lets feeds be read until ctx ends.
func (f *feeds) run(ctx context.Context) error {
	var beside sync.WaitGroup
	beside.Go(func() { f.sweepSnapshots(ctx) })
	beside.Go(func() { f.lookAtGroups(ctx) })
	beside.Go(func() { f.busy.look(ctx) })
	err := f.read.Run(ctx)
	beside.Wait()
	f.bucket.Close()
	return err
}

// lookEvery is how old what INFO says of groups may be.
const lookEvery = 5 * time.Second

// lookAtGroups keeps how far the groups are behind: they lie where they have to be asked for, and INFO does not wait.
func (f *feeds) lookAtGroups(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			f.lags.Store(f.groupLags(ctx))
		}
	}
}

// The bounds of one reply.
const (
	usualCount = 100
	mostCount  = 100_000
	mostBytes  = 8 << 20 // of items, if one is not larger
	scanAtOnce = 200_000 // changes that a filter may leave out before the token is given out
	scanBytes  = 32 << 20
	catchUp    = 5 * time.Second // who does not wait gets at least what is there already
)

func countOf(ask *commands.ChangeAsk) int {
	if ask.Count == 0 {
		return usualCount
	}
	return min(ask.Count, mostCount)
}

// Read answers a token and the changes before it.
func (f *feeds) Read(ctx context.Context, ask *commands.ChangeAsk, wait bool) reply.Reply {
	token, filter, refusal := f.begin(ctx, ask)
	if refusal != nil {
		return *refusal
	}
	r := f.read.Open(token, filter)
	defer r.Close()
	goal := f.reached(&token)
	catching, stop := context.WithTimeout(ctx, catchUp)
	defer stop()
	for got := f.newBatch(ask.Format, countOf(ask)); ; {
		idle, err := f.add(ctx, r, got)
		now := r.Token()
		behind := !goal.passed(&now) && catching.Err() == nil
		switch some := got.items.Len() > 0; {
		case err != nil && !some:
			return f.failedAt(ctx, err, &now)
		case err != nil, got.full(), ctx.Err() != nil, !behind && (some || !wait):
			return reply.Array(reply.BulkString(now.String()), got.items.Reply())
		case !idle:
		case behind:
			r.Wait(catching)
		default:
			r.Wait(ctx)
		}
	}
}

// begin makes a reader's beginning and filter of an ask.
func (f *feeds) begin(ctx context.Context, ask *commands.ChangeAsk) (token changes.Token, filter changes.Filter, refusal *reply.Reply) {
	filter = changes.Filter{Globs: ask.Globs, Types: ask.Types, Ops: ask.Ops, Match: matchKey}
	if err := filter.Check(); err != nil {
		return token, filter, refuse("ERR " + err.Error())
	}
	from, err := fromOf(ask)
	if err != nil {
		return token, filter, refuse("ERR " + err.Error())
	}
	if refusal := f.missing(ask.Partition); refusal != nil {
		return token, filter, refusal
	}
	if token.All = ask.Partition == commands.AllPartitions; !token.All {
		return f.beginOne(ctx, ask.Partition, from, filter)
	}
	if from.Kind == changes.FromToken && !from.Token.All {
		return token, filter, refuse(fmt.Sprintf("ERR the token is of partition %d alone, not of ALL", from.Token.Partitions[0].Partition))
	}
	n := f.node.holder.partitions()
	if from.Kind == changes.FromToken && len(from.Token.Partitions) != n {
		return token, filter, refuse(fmt.Sprintf("FOREIGN the token is of %d partitions, and this cluster has %d: begin again with a snapshot, or from BEGIN or END", len(from.Token.Partitions), n))
	}
	trimmed := false
	snapshot := changes.Token{All: true}
	for i := range n {
		p, err := f.read.Start(ctx, i, from)
		now := p
		if t := (*changes.Trimmed)(nil); errors.As(err, &t) {
			p, now, trimmed = t.First, t.Snapshot, true
		} else if err != nil {
			r := f.failed(err, i)
			return token, filter, &r
		}
		token.Partitions, snapshot.Partitions = append(token.Partitions, p), append(snapshot.Partitions, now)
	}
	if trimmed {
		return token, filter, refuse(trimmedText(token, snapshot))
	}
	return token, filter, nil
}

func (f *feeds) beginOne(ctx context.Context, partition int, from changes.From, filter changes.Filter) (changes.Token, changes.Filter, *reply.Reply) {
	p, err := f.read.Start(ctx, partition, from)
	if err != nil {
		r := f.failed(err, partition)
		return changes.Token{}, filter, &r
	}
	return changes.Token{Partitions: []changes.Position{p}}, filter, nil
}

// matchKey is the pattern language of keys.
func matchKey(pattern, key []byte) bool { return commands.Match(pattern, key, false) }

func fromOf(ask *commands.ChangeAsk) (from changes.From, err error) {
	switch ask.From {
	case "BEGIN":
		from.Kind = changes.FromBegin
	case "END":
		from.Kind = changes.FromEnd
	case "TIME":
		from.Kind, from.MS = changes.FromTime, ask.FromMS
	default:
		from.Token, err = changes.ParseToken(ask.From)
	}
	return from, err
}

// missing answers an ask for partitions that are not all here.
func (f *feeds) missing(partition int) *reply.Reply {
	h := f.node.holder
	if partition != commands.AllPartitions {
		if _, err := h.source(partition); err != nil {
			r := h.elsewhere(partition)
			return &r
		}
		return nil
	}
	var absent []string
	for i := range h.partitions() {
		_, err := h.source(i)
		if errors.Is(err, errNotOpen) {
			return refuse(fmt.Sprintf("TRYAGAIN partition %d is here, but not open yet", i))
		}
		if err != nil {
			absent = append(absent, fmt.Sprint(i))
		}
	}
	switch {
	case h.partitions() == 0:
		r := h.elsewhere(0)
		return &r
	case len(absent) > 0:
		return refuse("ERR ALL needs a node that holds every partition, and this one lacks " + strings.Join(absent, ", ") +
			": read each partition by its number (CHANGES POSITIONS), where MOVED says who holds it")
	}
	return nil
}

// batch is changes in a form, up to a number and a size.
type batch struct {
	binary bool
	write  func(dst []byte, c *changes.Change) []byte
	most   int
	bytes  int // of items, if one is not larger
	items  reply.BulkArray
}

func (f *feeds) newBatch(format string, most int) *batch {
	return &batch{binary: format == "binary", write: f.form(format), most: most, bytes: mostBytes}
}

func (b *batch) full() bool { return b.items.Len() >= b.most || b.items.Size() >= b.bytes }

func (b *batch) add(item []byte) (more bool) {
	b.items.Add(item)
	return !b.full()
}

func (b *batch) addChange(c *changes.Change) (more bool) {
	b.items.AddBy(func(dst []byte) []byte { return b.write(dst, c) })
	return !b.full()
}

// add reads what is there into a batch that is not full. idle tells that there was nothing.
func (f *feeds) add(ctx context.Context, r *changes.Reader, b *batch) (idle bool, err error) {
	budget := changes.Budget{Changes: scanAtOnce, Bytes: scanBytes}
	if b.binary {
		return r.ReadBodies(ctx, budget, func(_ int, body *changes.Body) (more bool) {
			for _, message := range body.Messages {
				more = b.add(message)
			}
			return more
		})
	}
	return r.Read(ctx, budget, b.addChange)
}

// form returns what appends changes in a form.
func (f *feeds) form(format string) func(dst []byte, c *changes.Change) []byte {
	if format == "json" {
		return new(changes.JSON).Append
	}
	w := changes.Commands{Slots: f.node.holder.slots, NowMS: func() int64 { return time.Now().UnixMilli() }}
	return w.Append
}

// goal is how far the partitions of a token had come at a moment.
type goal map[int]uint64

// reached returns how far the partitions of a token have come.
func (f *feeds) reached(t *changes.Token) goal {
	g := make(goal, len(t.Partitions))
	for i := range t.Partitions {
		n := t.Partitions[i].Partition
		if s, err := f.node.holder.source(n); err == nil {
			g[n] = uint64(s.Reached().Seq)
		}
	}
	return g
}

// passed tells whether a token has come to the goal.
func (g goal) passed(t *changes.Token) bool {
	for i := range t.Partitions {
		if uint64(t.Partitions[i].Seq) < g[t.Partitions[i].Partition] {
			return false
		}
	}
	return true
}

// failedAt words why a reader that stands at a token cannot read on. What is trimmed is said of all partitions at once.
func (f *feeds) failedAt(ctx context.Context, err error, at *changes.Token) reply.Reply {
	if !at.All {
		return f.failed(err, at.Partitions[0].Partition)
	}
	var t *changes.Trimmed
	switch {
	case errors.As(err, &t):
		first, snapshot := at.With(t.First), at.With(t.Snapshot)
		for _, p := range at.Partitions {
			if t := f.read.Trimmed(ctx, p); t != nil {
				first, snapshot = first.With(t.First), snapshot.With(t.Snapshot)
			}
		}
		return reply.Error(trimmedText(first, snapshot))
	case errors.Is(err, changes.ErrNotHeld):
		if refusal := f.missing(commands.AllPartitions); refusal != nil {
			return *refusal
		}
		return reply.Errorf("TRYAGAIN %v", err)
	default:
		return f.failed(err, 0)
	}
}

// failed words why a log cannot be read.
func (f *feeds) failed(err error, partition int) reply.Reply {
	var t *changes.Trimmed
	switch {
	case errors.As(err, &t):
		one := func(p changes.Position) changes.Token { return changes.Token{Partitions: []changes.Position{p}} }
		return reply.Error(trimmedText(one(t.First), one(t.Snapshot)))
	case errors.Is(err, changes.ErrNotHeld):
		return f.node.holder.elsewhere(partition)
	case errors.Is(err, changes.ErrForeign):
		return reply.Errorf("FOREIGN %v: begin again with a snapshot, or from BEGIN or END", err)
	case errors.Is(err, changes.ErrBusy):
		return reply.Errorf("TRYAGAIN %v", err)
	case changes.Definite(err):
		return reply.Errorf("ERR cannot read the log: %v", err)
	default: // it has no leader now, or is being closed
		return reply.Errorf("TRYAGAIN the log does not answer now: %v", err)
	}
}

func trimmedText(first, snapshot changes.Token) string {
	return "TRIMMED " + first.String() + " " + snapshot.String()
}
