package node

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"shiplog/node/commands"
	"shiplog/node/reply"
	"shiplog/partitions"
	"shiplog/partitions/keyspace"
)

// lone is a lone node's partition as the command layer wants it.
type lone struct{ *partitions.Partition }

// View runs a reading command.
func (s lone) View(r commands.Reader) (commands.Wait, error) {
	return waitFor(s.Partition.View(r))
}

// Update runs a writing command or transaction.
func (s lone) Update(w commands.Writer) (commands.Wait, error) {
	return waitFor(s.Partition.Update(w))
}

// Occupy runs a script, or a transaction with scripts.
func (s lone) Occupy(w commands.Occupant, writes bool) (commands.Wait, error) {
	return waitFor(s.Partition.Occupy(w, writes))
}

// Cost is not asked for: there is nothing to compare the one partition with.
func (s lone) Cost(commands.Cost) {}

// Snapshot returns the partition as it is now.
func (s lone) Snapshot() (*keyspace.Snapshot, commands.Wait, error) {
	snap, c, err := s.Partition.Snapshot()
	wait, err := waitFor(c, err)
	return snap, wait, err
}

// waitFor keeps a Commit that is not there from becoming a Wait that is.
func waitFor(c *partitions.Commit, err error) (commands.Wait, error) {
	if errors.Is(err, partitions.ErrOccupied) {
		err = fmt.Errorf("%w: %w", commands.ErrRouteAgain, commands.ErrOccupied)
	}
	if c == nil {
		return nil, err
	}
	return c, err
}

// engine is what the command layer sees of a node that holds all keys in one partition, and what it sees of any node as far as
// that does not depend on where keys are.
type engine struct {
	node      *Node
	all       []commands.Partition // the one
	suspected atomic.Int64         // when a suspect was last logged, in Unix nanoseconds
}

var _ commands.Engine = (*engine)(nil)

// Route says that every key is here.
func (e *engine) Route(*commands.Row, commands.Args, commands.Standing) (commands.Partition, *reply.Reply, commands.Hold) {
	return e.all[0], nil, nil
}

// Everywhere returns the one partition.
func (e *engine) Everywhere() []commands.Partition { return e.all }

// ErrorReply words what a partition could not do. Only what is known not to be done gets a reply.
func (e *engine) ErrorReply(err error) (r reply.Reply, final bool) {
	switch {
	case errors.Is(err, partitions.ErrRefused):
		return reply.Errorf("MISCONF %v: writes are refused until there is space again, reads go on", err), false
	case errors.Is(err, partitions.ErrTooLarge):
		return reply.Errorf("ERR %v: raise max-unit-size or write less at once; nothing was done", err), false
	case errors.Is(err, partitions.ErrOutpaced):
		return reply.Errorf("ERR %v: run the script on the primary", err), false
	case errors.Is(err, partitions.ErrNotServing):
		return reply.Error("LOADING shiplog is loading the dataset in memory or stopping"), false
	default:
		return reply.Reply{}, true
	}
}

// Sync makes everything that is acknowledged durable, log and state.
func (e *engine) Sync(ctx context.Context) error {
	if err := e.node.syncLog(ctx); err != nil {
		return err
	}
	for _, p := range e.node.holder.held() {
		if err := p.Checkpoint(ctx); err != nil {
			return err
		}
	}
	return nil
}

// StartSync begins a Sync in the background and tells whether none was under way.
func (e *engine) StartSync() bool {
	if !e.node.syncing.CompareAndSwap(false, true) {
		return false
	}
	e.node.syncs <- struct{}{} // has room: only one Sync is under way
	return true
}

// saves are the Syncs of the background, one at a time.
type saves struct {
	syncs   chan struct{} // one to be done
	syncing atomic.Bool
}

// backgroundSyncs does what StartSync begins.
func (n *Node) backgroundSyncs(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-n.syncs:
		}
		if err := n.engine.Sync(ctx); err != nil && ctx.Err() == nil {
			n.log.Error("background saving failed", "error", err)
		}
		n.syncing.Store(false)
	}
}

// SetActiveExpire turns the removal of expired keys on or off.
func (e *engine) SetActiveExpire(on bool) {
	for _, p := range e.node.holder.held() {
		p.SetActiveExpire(on)
	}
}

// SyncLog makes the log durable as far as it is acknowledged. A lone node has no replicas: who asks for some waits
// until ctx ends, as with Redis.
func (e *engine) SyncLog(ctx context.Context, _ uint64, replicas int) (local, others int) {
	if err := e.node.syncLog(ctx); err == nil {
		local = 1
	}
	if replicas > 0 {
		<-ctx.Done()
	}
	return local, 0
}

// Shutdown ends the node's Run.
func (e *engine) Shutdown(commands.ShutdownMode) error {
	e.node.stop(errShutdown)
	return nil
}

// AbortShutdown cannot take a shutdown back: nothing of it waits.
func (e *engine) AbortShutdown() bool { return false }

// suspectEvery is the least time between two lines about suspects: a flood of them must not become a flood of lines.
const suspectEvery = time.Minute

// Suspect logs that a client may be an attack.
func (e *engine) Suspect(remote, why string) {
	last, now := e.suspected.Load(), time.Now().UnixNano()
	if now-last >= int64(suspectEvery) && e.suspected.CompareAndSwap(last, now) {
		e.node.log.Warn("possible security attack: the connection is closed", "client", remote, "why", why)
	}
}

// Note writes a script's line into the log.
func (e *engine) Note(level int, text string) {
	levels := [...]slog.Level{slog.LevelDebug, slog.LevelDebug, slog.LevelInfo, slog.LevelWarn}
	e.node.log.Log(context.Background(), levels[level], "a script says", "text", text)
}

// Facts describes the node.
func (e *engine) Facts() commands.Facts { return e.factsOf(e.node.holder.held()[0].Status()) }

// factsOf describes the node by the status of its partition, or of all its partitions put together.
func (e *engine) factsOf(s partitions.Status) commands.Facts {
	n := e.node
	c := n.settings.Config()
	f := commands.Facts{
		Keyspace: commands.KeyspaceFacts{
			Keys: s.Keys, Volatile: s.Volatile, Hits: s.Tally.Hits, Misses: s.Tally.Misses, Expired: s.Tally.Expired,
			StateBytes: int64(s.StateBytes), LastFlush: time.UnixMilli(s.FlushedMS),
			Dirty: int64(s.Tail.Seq - s.Durable.Seq), WatchedKeys: int64(s.Hot.Watched), HotKeys: int64(s.Hot.Keys),
		},
		Log: commands.LogFacts{
			Bytes:    int64(n.logBytes()),
			FirstSeq: uint64(s.Trimmed), LastSeq: uint64(s.Tail.Seq), AppliedSeq: uint64(s.Applied),
			DurableSeq: uint64(s.Durable.Seq), Epoch: uint64(s.Tail.Epoch),
			Incarnation: hex.EncodeToString(s.Tail.Incarnation[:]), Durability: string(c.Log.Sync),
			PendingBytes: int64(s.Pending), Records: int64(s.Records), AppendedBytes: int64(s.AppendedBytes),
		},
		Memory: n.memoryFacts(&s),
		Node: commands.NodeFacts{
			Partitions: len(n.holder.held()), ConfigFile: c.File, Executable: executable(), TCPPort: n.port(),
		},
	}
	if s.InFlight {
		f.Log.PendingRecords = 1
	}
	times, all := n.appendTimes()
	f.Log.AckP50, f.Log.AckP99 = appendPercentile(times, all, 50), appendPercentile(times, all, 99)
	if s.Refusal != nil {
		f.Node.WritesRefused = fmt.Sprint(s.Refusal)
	}
	return f
}
