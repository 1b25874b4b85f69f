package node

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"shiplog/node/changes"
	"shiplog/node/reply"
	"shiplog/wal"
)

// Positions answers for each partition: its number, first and last slot, and the tokens of its log's beginning and end. Of a partition that is
// not here the tokens are null.
func (f *feeds) Positions(ctx context.Context) reply.Reply {
	h := f.node.holder
	if h.partitions() == 0 {
		return h.elsewhere(0)
	}
	var all []reply.Reply
	for i := range h.partitions() {
		slots := h.slots(i)
		entry := []reply.Reply{
			reply.BulkString("partition"), reply.Int(int64(i)),
			reply.BulkString("slots"), reply.Array(reply.Int(int64(slots.First)), reply.Int(int64(slots.Last))),
		}
		for _, at := range []struct {
			name string
			kind changes.FromKind
		}{{"first", changes.FromBegin}, {"last", changes.FromEnd}} {
			token := reply.Null()
			if p, err := f.read.Start(ctx, i, changes.From{Kind: at.kind}); err == nil {
				token = reply.BulkString((changes.Token{Partitions: []changes.Position{p}}).String())
			}
			entry = append(entry, reply.BulkString(at.name), token)
		}
		all = append(all, reply.Map(entry...))
	}
	return reply.Array(all...)
}

// Info answers what is retained and who reads, a line for each fact as INFO has them.
func (f *feeds) Info(ctx context.Context) reply.Reply {
	var pairs []reply.Reply
	for _, line := range append(f.lines(), f.groupLags(ctx).lines()...) {
		pairs = append(pairs, reply.BulkString(line[0]), reply.BulkString(line[1]))
	}
	return reply.Map(pairs...)
}

// Lines are the facts that need no asking elsewhere, and how far groups were behind within the last seconds.
func (f *feeds) Lines() [][2]string {
	lines := f.lines()
	if lags := f.lags.Load(); lags != nil {
		lines = append(lines, lags.lines()...)
	}
	return lines
}

func (f *feeds) lines() [][2]string {
	c := f.node.settings.Config()
	lines := [][2]string{
		{"change_retention_seconds", fmt.Sprint(int64(c.Log.Retention / time.Second))},
		{"change_retention_bytes", fmt.Sprint(c.Log.RetentionBytes)},
	}
	lines = append(lines, f.retainedLines()...)
	if f.node.projected != nil {
		lines = append(lines, f.node.projected.lines()...)
	}
	return append(lines, f.subscriptionLines()...)
}

// boundsWithin is how long a log is asked for its bounds.
const boundsWithin = 500 * time.Millisecond

// retainedLines say what the logs that are here hold.
func (f *feeds) retainedLines() (lines [][2]string) {
	ctx, stop := context.WithTimeout(context.Background(), boundsWithin)
	defer stop()
	for i := range f.node.holder.partitions() {
		source, err := f.node.holder.source(i)
		if err != nil {
			continue
		}
		bounds, err := source.log.Bounds(ctx)
		if err != nil {
			continue
		}
		reached := source.Reached()
		age := time.Duration(0)
		if message, err := source.log.Get(ctx, bounds.First); err == nil {
			if r, err := wal.DecodeRecord(message); err == nil {
				age = time.Since(r.Time())
			}
		}
		lines = append(lines, [2]string{fmt.Sprintf("change_log_%d", i), fmt.Sprintf("first=%d,last=%d,bytes=%d,oldest_seconds=%d",
			bounds.First, reached.Seq, bounds.Bytes, int64(max(age, 0)/time.Second))})
	}
	return lines
}

// subscriptionLines say how far behind those are that changes are pushed to.
func (f *feeds) subscriptionLines() [][2]string {
	all, open := f.open()
	lines := [][2]string{{"change_subscriptions", fmt.Sprint(len(all))}, {"change_snapshots", fmt.Sprint(open)}}
	for _, s := range all {
		if token := s.at.Load(); token != nil {
			records, behind := f.lag(token)
			lines = append(lines, [2]string{fmt.Sprintf("change_subscription_%d", s.id),
				fmt.Sprintf("client=%d,lag_records=%d,lag_ms=%d", s.to.ID(), records, behind.Milliseconds())})
		}
	}
	return lines
}

// open returns the subscriptions, by their ids, and how many snapshots are being walked through.
func (f *feeds) open() (all []*subscription, snapshots int) {
	f.mu.Lock()
	for _, subscriptions := range f.subscriptions {
		for _, s := range subscriptions {
			all = append(all, s)
		}
	}
	snapshots = len(f.snapshots)
	f.mu.Unlock()
	slices.SortFunc(all, func(a, b *subscription) int { return cmp.Compare(a.id, b.id) })
	return all, snapshots
}

// lag returns how far a token is behind what this node knows of the logs: records, and how much older the last one taken is than the last
// there is.
func (f *feeds) lag(t *changes.Token) (records uint64, behind time.Duration) {
	return lagBehind(t, func(partition int) (reached wal.Position) {
		if source, err := f.node.holder.source(partition); err == nil {
			reached = source.Reached()
		}
		return reached
	})
}

// lagBehind is lag where it is known how far partitions have come; the zero Position where it is not.
func lagBehind(t *changes.Token, reach func(partition int) wal.Position) (records uint64, behind time.Duration) {
	for i := range t.Partitions {
		p := &t.Partitions[i]
		if reached := reach(p.Partition); reached.Seq > p.Seq {
			records += uint64(reached.Seq - p.Seq)
			behind = max(behind, time.Duration(reached.CommitMS-p.CommitMS)*time.Millisecond)
		}
	}
	return records, behind
}
