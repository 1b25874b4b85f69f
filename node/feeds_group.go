package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"shiplog/node/changes"
	"shiplog/node/commands"
	"shiplog/node/reply"
	"shiplog/wal"
)

// Group does what a verb of CHANGES GROUP says.
func (f *feeds) Group(ctx context.Context, ask *commands.GroupAsk) (reply.Reply, bool) {
	r, err := f.group(ctx, ask)
	switch {
	case err == nil:
		return r, true
	case errors.Is(err, wal.ErrUndecided):
		return reply.Reply{}, false
	case errors.Is(err, changes.ErrNoGroup):
		return reply.Errorf("NOGROUP %v", err), true
	case errors.Is(err, changes.ErrGroupExists):
		return reply.Errorf("BUSYGROUP %v", err), true
	case errors.Is(err, changes.ErrNotGiven):
		return reply.Errorf("NOTGIVEN %v", err), true
	case errors.Is(err, changes.ErrToken):
		return reply.Errorf("ERR %v", err), true
	default:
		return reply.Errorf("TRYAGAIN the groups cannot be reached now, nothing was done: %v", err), true
	}
}

func (f *feeds) group(ctx context.Context, ask *commands.GroupAsk) (r reply.Reply, err error) {
	switch ask.Verb {
	case "create":
		r, err = f.createGroup(ctx, ask)
	case "read":
		r, err = f.readGroup(ctx, ask)
	case "ack":
		r, err = f.ackGroup(ctx, ask)
	case "position":
		r, err = f.groupPosition(ctx, ask.Group)
	case "delete":
		var was bool
		was, err = f.groups.Delete(ctx, ask.Group)
		r = reply.Bool01(was)
	default:
		var names []string
		names, err = f.groups.Names(ctx)
		r = reply.Bulks(names...)
	}
	return r, err
}

func (f *feeds) createGroup(ctx context.Context, ask *commands.GroupAsk) (reply.Reply, error) {
	token, _, refusal := f.begin(ctx, &ask.ChangeAsk)
	if refusal != nil {
		return *refusal, nil
	}
	g := changes.Group{All: token.All, Globs: ask.Globs, Types: ask.Types, Ops: ask.Ops, Format: ask.Format, LeaseMS: ask.Lease.Milliseconds()}
	return reply.OK(), f.groups.Create(ctx, ask.Group, g, token)
}

// groupTry is how long a consumer waits for changes before the group is asked again whether others have given something up.
const groupTry = time.Second

// readGroup answers a token and the changes before it that the consumer is to acknowledge, or null when there are none in time.
func (f *feeds) readGroup(ctx context.Context, ask *commands.GroupAsk) (reply.Reply, error) {
	g, err := f.groups.Find(ctx, ask.Group)
	if err != nil {
		return reply.Reply{}, err
	}
	here := f.heldOf(g.Parts)
	if len(here) == 0 {
		return f.node.holder.elsewhere(g.Parts[0]), nil
	}
	for {
		for i := range here {
			turn := changes.Turn{Group: ask.Group, Consumer: ask.Consumer, Pending: ask.Pending, LeaseMS: g.LeaseMS}
			turn.Partition = here[(i+int(f.turn.Add(1)))%len(here)]
			r, ok, err := f.give(ctx, &g, turn, ask)
			if ok || err != nil {
				return r, err
			}
		}
		if !ask.Blocks || ctx.Err() != nil {
			return reply.NullArray(), nil
		}
		f.awaitChange(ctx, here)
	}
}

// heldOf returns those partitions that are here.
func (f *feeds) heldOf(parts []int) (here []int) {
	for _, p := range parts {
		if _, err := f.node.holder.source(p); err == nil {
			here = append(here, p)
		}
	}
	return here
}

// give gives the consumer the next changes of one partition, if it can.
func (f *feeds) give(ctx context.Context, g *changes.Group, turn changes.Turn, ask *commands.GroupAsk) (r reply.Reply, answered bool, err error) {
	filter := changes.Filter{Globs: g.Globs, Types: g.Types, Ops: g.Ops, Match: matchKey}
	var got *batch
	var failed *reply.Reply
	ok, to, err := f.groups.Read(ctx, turn, func(from changes.Token) (changes.Token, bool, error) {
		reader := f.read.Open(from, filter)
		defer reader.Close()
		var err error
		if got, err = f.some(ctx, reader, g.Format, countOf(&ask.ChangeAsk)); err != nil && got.items.Len() == 0 {
			at := reader.Token()
			word := f.failedAt(ctx, err, &at)
			failed = &word
		}
		return reader.Token(), got.items.Len() > 0 && failed == nil, nil
	})
	switch {
	case err != nil:
		return r, false, err
	case failed != nil:
		return *failed, true, nil
	case !ok:
		return r, false, nil
	}
	return reply.Array(reply.BulkString(to.String()), got.items.Reply()), true, nil
}

// some reads what is there already: up to count changes, or, if the filter leaves them all out, as far as is reasonable at once.
func (f *feeds) some(ctx context.Context, r *changes.Reader, format string, count int) (*batch, error) {
	now := r.Token()
	goal := f.reached(&now)
	ctx, stop := context.WithTimeout(ctx, catchUp)
	defer stop()
	for got := f.newBatch(format, count); ; {
		idle, err := f.add(ctx, r, got)
		now = r.Token()
		switch {
		case err != nil, got.full(), goal.passed(&now), ctx.Err() != nil, !idle && got.items.Len() == 0:
			return got, err
		case idle:
			r.Wait(ctx)
		}
	}
}

// awaitChange waits until one of the partitions has grown, but not for long: others may give up what they have.
func (f *feeds) awaitChange(ctx context.Context, parts []int) {
	ctx, stop := context.WithTimeout(ctx, groupTry)
	defer stop()
	var token changes.Token
	for _, partition := range parts {
		if p, err := f.read.Start(ctx, partition, changes.From{Kind: changes.FromEnd}); err == nil {
			token.Partitions = append(token.Partitions, p)
		}
	}
	r := f.read.Open(token, changes.Filter{})
	defer r.Close()
	for ctx.Err() == nil {
		idle, err := r.Read(ctx, changes.Budget{Changes: 1, Bytes: 1}, func(*changes.Change) bool { return false })
		if err != nil || !idle {
			return
		}
		r.Wait(ctx)
	}
}

func (f *feeds) ackGroup(ctx context.Context, ask *commands.GroupAsk) (reply.Reply, error) {
	token, err := changes.ParseToken(ask.Token)
	if err != nil {
		return reply.Reply{}, err
	}
	if _, err := f.groups.Find(ctx, ask.Group); err != nil {
		return reply.Reply{}, err
	}
	done, err := f.groups.Ack(ctx, ask.Group, token)
	return reply.Bool01(done), err
}

// groupPosition answers for each partition how far the group is, and who has what.
func (f *feeds) groupPosition(ctx context.Context, name string) (reply.Reply, error) {
	g, err := f.groups.Find(ctx, name)
	if err != nil {
		return reply.Reply{}, err
	}
	var all []reply.Reply
	for _, partition := range g.Parts {
		p, _, err := f.groups.Progress(ctx, name, partition)
		if err != nil {
			return reply.Reply{}, err
		}
		records, behind := f.lagOf(p.At)
		all = append(all, reply.Map(
			reply.BulkString("partition"), reply.Int(int64(partition)), reply.BulkString("token"), reply.BulkString(p.At),
			reply.BulkString("lag_records"), reply.Int(int64(records)), reply.BulkString("lag_ms"), reply.Int(behind.Milliseconds()),
			reply.BulkString("consumer"), reply.BulkString(p.Consumer), reply.BulkString("until"), reply.Int(p.UntilMS),
			reply.BulkString("deliveries"), reply.Int(int64(p.Deliveries)),
		))
	}
	return reply.Array(all...), nil
}

func (f *feeds) lagOf(text string) (records uint64, behind time.Duration) {
	token, err := changes.ParseToken(text)
	if err != nil {
		return 0, 0
	}
	return f.lag(&token)
}

// groupLag is how far a group is behind in the partitions that are here, and in those of them that this node leads.
type groupLag struct {
	name             string
	records, led     uint64
	behind, ledSince time.Duration
}

// groupLags is how far the groups are behind, by name; unknown: they cannot be asked for.
type groupLags struct {
	all     []groupLag
	unknown bool
}

// groupLags asks how far the groups are behind.
func (f *feeds) groupLags(ctx context.Context) *groupLags {
	names, err := f.groups.Names(ctx)
	lags := &groupLags{unknown: err != nil}
	for _, name := range names {
		lag := groupLag{name: name}
		if g, err := f.groups.Find(ctx, name); err == nil {
			f.addLags(ctx, &lag, &g)
		}
		lags.all = append(lags.all, lag)
	}
	return lags
}

// addLags asks how far a group is behind.
func (f *feeds) addLags(ctx context.Context, lag *groupLag, g *changes.Group) {
	for _, partition := range f.heldOf(g.Parts) {
		p, _, err := f.groups.Progress(ctx, lag.name, partition)
		if err != nil {
			continue
		}
		n, age := f.lagOf(p.At)
		lag.records, lag.behind = lag.records+n, max(lag.behind, age)
		if f.node.leads(partition) {
			lag.led, lag.ledSince = lag.led+n, max(lag.ledSince, age)
		}
	}
}

// lines are what INFO says.
func (l *groupLags) lines() (lines [][2]string) {
	if l.unknown {
		return [][2]string{{"change_groups", "unknown"}}
	}
	lines = append(lines, [2]string{"change_groups", fmt.Sprint(len(l.all))})
	for i := range l.all {
		g := &l.all[i]
		lines = append(lines, [2]string{fmt.Sprintf("change_group_%q", g.name), fmt.Sprintf("lag_records=%d,lag_ms=%d", g.records, g.behind.Milliseconds())})
	}
	return lines
}
