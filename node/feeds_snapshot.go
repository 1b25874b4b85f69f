package node

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"shiplog/node/changes"
	"shiplog/node/commands"
	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
	"shiplog/wal"
)

// The bounds of snapshots. One that is open keeps Pebble from giving up what it shows.
const (
	mostSnapshots = 16
	snapshotIdle  = time.Minute // so long one waits for the next call
	snapshotSweep = 5 * time.Second
)

// keyWalk is a walk over a partition's keys that clients take step by step.
type keyWalk struct {
	name      string
	partition int

	mu      sync.Mutex
	content *keyspace.Content // nil when it is over
	next    func() (*wal.Effect, error, bool)
	stop    func()
	step    int
	last    reply.Reply // of the step before: it may not have reached its client
	given   int         // effects
	used    time.Time
}

// Snapshot answers the next step of a walk: a cursor to go on with, "0" at the end; the token of the position that the keys are at; changes.
func (f *feeds) Snapshot(_ context.Context, ask *commands.ChangeAsk, cursor string) reply.Reply {
	switch {
	case ask.Format == "binary":
		return reply.Error("ERR a snapshot is not in the log: FORMAT must be json or resp")
	case len(ask.Ops) > 0:
		return reply.Error("ERR a snapshot has no operations to choose from")
	}
	s, step, refusal := f.snapshotAt(ask, cursor)
	if refusal != nil {
		return *refusal
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used = time.Now()
	switch {
	case step == s.step-1:
		return s.last
	case step != s.step || s.content == nil:
		return lostSnapshot()
	}
	r, over, err := f.advance(s, ask)
	if err != nil {
		return reply.Errorf("ERR cannot read the state: %v", err)
	}
	s.last, s.step = r, s.step+1
	if over {
		s.close()
	}
	return r
}

func lostSnapshot() reply.Reply {
	return reply.Errorf("ERR the snapshot is gone: it was not asked for within %v, or its node has lost the partition; begin again with cursor 0", snapshotIdle)
}

// snapshotAt returns the walk that a cursor belongs to, a new one for 0.
func (f *feeds) snapshotAt(ask *commands.ChangeAsk, cursor string) (s *keyWalk, step int, refusal *reply.Reply) {
	if cursor == "0" {
		s, refusal = f.openSnapshot(ask)
		return s, 0, refusal
	}
	name, _, _ := strings.Cut(cursor, "-")
	if n, err := fmt.Sscanf(cursor, name+"-%d", &step); n != 1 || err != nil {
		return nil, 0, refuse("ERR invalid cursor")
	}
	f.mu.Lock()
	s = f.snapshots[name]
	f.mu.Unlock()
	if s == nil || s.partition != ask.Partition {
		r := lostSnapshot()
		return nil, 0, &r
	}
	return s, step, nil
}

// openSnapshot begins a walk.
func (f *feeds) openSnapshot(ask *commands.ChangeAsk) (*keyWalk, *reply.Reply) {
	filter := changes.Filter{Globs: ask.Globs, Types: ask.Types, Match: matchKey}
	if err := filter.Check(); err != nil {
		return nil, refuse("ERR " + err.Error())
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.snapshots == nil {
		return nil, refuse("LOADING shiplog is stopping")
	}
	if len(f.snapshots) >= mostSnapshots {
		return nil, refuse(fmt.Sprintf("TRYAGAIN there are %d snapshots already", mostSnapshots))
	}
	source, err := f.node.holder.source(ask.Partition) // under the lock: dropSnapshots comes before the partition is closed
	if err != nil {
		r := f.failed(err, ask.Partition)
		return nil, &r
	}
	content, err := source.partition.Content()
	if err != nil {
		return nil, refuse("ERR cannot read the state: " + err.Error())
	}
	var name [8]byte
	rand.Read(name[:]) // never fails
	s := &keyWalk{name: hex.EncodeToString(name[:]), partition: ask.Partition, content: content, used: time.Now()}
	s.next, s.stop = iter.Pull2(content.Effects(func(key []byte, t keyspace.Type) bool {
		return (len(filter.Types) == 0 || slices.Contains(filter.Types, t.String())) && filter.TakesKey(key)
	}))
	f.snapshots[s.name] = s
	return s, nil
}

// advance makes the reply of the next step. over says that it is the last.
func (f *feeds) advance(s *keyWalk, ask *commands.ChangeAsk) (r reply.Reply, over bool, err error) {
	at := s.content.Position()
	token := changes.Token{Partitions: []changes.Position{{Partition: s.partition, Position: at}}}
	got := f.newBatch(ask.Format, countOf(ask))
	for !got.full() {
		e, err, more := s.next()
		if err != nil {
			return r, false, err
		}
		if over = !more; over || e == nil { // nil: many keys were passed over, and a call must not take for ever
			break
		}
		c := changes.Change{Partition: s.partition, Incarnation: at.Incarnation, Sequence: at.Seq, Index: s.given, Unit: s.given,
			Epoch: at.Epoch, CommitMS: at.CommitMS, Snapshot: true, Effect: *e}
		s.given++
		got.addChange(&c)
	}
	cursor := "0"
	if !over {
		cursor = fmt.Sprintf("%s-%d", s.name, s.step+1)
	}
	return reply.Array(reply.BulkString(cursor), reply.BulkString(token.String()), got.items.Reply()), over, nil
}

// close gives the state up. What was answered last can still be asked for.
func (s *keyWalk) close() {
	if s.content != nil {
		s.stop()
		_ = s.content.Close()
		s.content = nil
	}
}

// dropSnapshots ends the walks that drop chooses. When it returns, none of them uses its partition any more.
func (f *feeds) dropSnapshots(drop func(s *keyWalk) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, s := range f.snapshots {
		s.mu.Lock()
		if drop(s) {
			s.close()
			delete(f.snapshots, name)
		}
		s.mu.Unlock()
	}
}

// leavePartition ends what uses the state of a partition that is about to be closed.
func (f *feeds) leavePartition(partition int) {
	f.dropSnapshots(func(s *keyWalk) bool { return s.partition == partition })
}

// sweepSnapshots ends walks that nobody goes on with, and all when ctx ends: then none can begin.
func (f *feeds) sweepSnapshots(ctx context.Context) {
	tick := time.NewTicker(snapshotSweep)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
			f.dropSnapshots(func(s *keyWalk) bool { return time.Since(s.used) > snapshotIdle })
		}
	}
	f.dropSnapshots(func(*keyWalk) bool { return true })
	f.mu.Lock()
	defer f.mu.Unlock()
	f.snapshots = nil
}
