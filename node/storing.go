package node

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"shiplog/partitions/coordinator"
	"shiplog/shipper"
	"shiplog/wal"
)

// How the snapshot store is used.
const (
	storeLooks  = 2 * time.Second // how often is looked what it holds, and what is to be put there
	storeRetry  = 30 * time.Second
	storeSweeps = time.Hour // how often this node sweeps it, after a put, and the grace of what is swept up
	storeHolds  = 3 * storeLooks
)

// storing is a node's use of the snapshot store. Two goroutines of its own look at the store and put into it. A store that does not answer holds
// up those two, and nothing else. The methods of a nil storing say that there is no store.
type storing struct {
	node    *Node
	store   *shipper.Store
	pace    *shipper.Pace // of what is put, and of what the node gives to others
	reading *shipper.Pace
	seen    atomic.Pointer[seenStore]
	wake    chan struct{} // holds a word: something is asked for

	mu    sync.Mutex
	work  map[int]*storeWork // by partitions
	holds map[int]storeHold
	put   storePuts
}

// seenStore is what was seen of the store last.
type seenStore struct {
	holding shipper.Holding // of the last time that it could be seen
	err     error           // why it could not be seen now
}

// storeWork is a partition that is to be put, is being put, or could not be put.
type storeWork struct {
	asked    bool                 // by a command, and not begun
	progress *shipper.PutProgress // nil: it is not being put
	began    time.Time
	failed   error     // the last time
	again    time.Time // when it is tried again
}

// storeHold is from where on a log is kept for a snapshot that is on its way into the store.
type storeHold struct {
	seq   uint64
	until time.Time
}

// storePuts counts what this node has put.
type storePuts struct {
	snapshots, bytes int64
	last, swept      time.Time
}

func (n *Node) openStore() error {
	c := &n.cfg.Store
	if c.Dir == "" {
		return nil
	}
	if err := os.RemoveAll(n.dir.PutDir()); err != nil {
		return fmt.Errorf("empty the folder of what is put into the snapshot store: %w", err)
	}
	s := &storing{
		node: n, pace: shipper.NewPace(n.cfg.Cluster.SeedRate), reading: shipper.NewPace(n.cfg.Cluster.SeedRate), wake: make(chan struct{}, 1),
		work: make(map[int]*storeWork), holds: make(map[int]storeHold),
	}
	s.store = shipper.NewStore(shipper.StoreConfig{
		Dir: c.Dir, Keep: int(c.Keep), Pace: s.pace, Known: n.dir.knownStore(), Meet: s.meet,
	})
	s.seen.Store(&seenStore{})
	n.storing = s
	return nil
}

// meet takes note of a store that is not the one that was seen before.
func (s *storing) meet(id string) {
	s.node.log.Info("the snapshot store is one that this node has not seen before", "dir", s.node.cfg.Store.Dir, "id", id)
	if err := s.node.dir.keepStore(id); err != nil {
		s.node.log.Error("cannot keep the identity of the snapshot store", "error", err)
	}
}

// run uses the store until ctx ends.
func (s *storing) run(ctx context.Context, g *errgroup.Group) {
	g.Go(func() error { s.watch(ctx); return nil })
	g.Go(func() error { s.putAll(ctx); return nil })
}

// watch looks at the store.
func (s *storing) watch(ctx context.Context) {
	for ctx.Err() == nil {
		s.look(ctx)
		wait(ctx, storeLooks)
	}
}

// look sees what the store holds now.
func (s *storing) look(ctx context.Context) {
	holding, err := s.store.Look(ctx)
	if ctx.Err() != nil {
		return
	}
	before := s.seen.Load()
	if err != nil {
		holding = before.holding
	} else {
		for _, unread := range holding.Unread[min(len(before.holding.Unread), len(holding.Unread)):] {
			s.node.log.Warn("a snapshot in the store cannot be read, and no files are removed there meanwhile", "error", unread)
		}
	}
	s.seen.Store(&seenStore{holding, err})
	switch {
	case err != nil && before.err == nil:
		s.node.log.Warn("the snapshot store cannot be used now: nothing is put there, and nobody is filled from it", "error", err)
	case err == nil && before.err != nil:
		s.node.log.Info("the snapshot store can be used again")
	}
}

// newest is the newest snapshot of a partition and of one life of its log, as far as was seen; nil when there is none.
func (s *storing) newest(partition int, life wal.Incarnation) *shipper.Stored {
	if s == nil {
		return nil
	}
	fit := shipper.Fitting(s.of(partition), life, wal.Bounds{Last: ^wal.Seq(0)})
	if len(fit) == 0 {
		return nil
	}
	return fit[0]
}

// of is what was seen of a partition.
func (s *storing) of(partition int) (all []*shipper.Stored) {
	for _, stored := range s.seen.Load().holding.Snapshots {
		if stored.Partition == partition {
			all = append(all, stored)
		}
	}
	return all
}

// fits tells whether the store, if it can be used, has a snapshot from which the log goes on.
func (s *storing) fits(ctx context.Context, partition int, log wal.Log) bool {
	if s == nil || s.seen.Load().err != nil {
		return false
	}
	all := s.of(partition)
	if len(all) == 0 {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	life, bounds, err := shipper.Life(ctx, log)
	return err == nil && len(shipper.Fitting(all, life, bounds)) > 0
}

// courier is who brings snapshots from the store.
func (s *storing) courier(log wal.Log) shipper.Courier { return s.store.Courier(log, s.reading) }

// judge looks at the file that a copy could not be filled from.
func (s *storing) judge(ctx context.Context, partition int, err error) {
	var bad *shipper.DamagedFile
	if !errors.As(err, &bad) {
		return
	}
	damaged, err := s.store.Reject(ctx, bad.File)
	if damaged {
		s.node.log.Error("a file in the snapshot store is damaged, and is put aside there", "partition", partition, "sum", hex.EncodeToString(bad.File.Sum[:]),
			"error", err)
	} else if err != nil {
		s.node.log.Warn("a file in the snapshot store may be damaged, and cannot be looked at", "partition", partition, "error", err)
	}
}

// hold is how much of a copy's state counts as durable while its snapshot is on its way into the store: the log is kept from there, so that the snapshot
// can be of use, until all nodes have had time to see it. A put that gets on no more holds nothing when the node would be given up, too.
func (s *storing) hold(partition int, durable uint64) uint64 {
	if s == nil {
		return durable
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if h, held := s.holds[partition]; held && time.Now().Before(h.until) {
		return min(durable, h.seq)
	}
	return durable
}

// putAll puts what is due or asked for, one partition after the other, until ctx ends.
func (s *storing) putAll(ctx context.Context) {
	tick := time.NewTicker(storeLooks)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		case <-tick.C:
		}
		for n := range s.node.holder.partitions() {
			if s.due(n, time.Now()) {
				s.putOne(ctx, n)
			}
		}
	}
}

// due tells whether a partition is to be put now, by this node.
func (s *storing) due(n int, now time.Time) bool {
	source, err := s.node.holder.source(n)
	if err != nil || source.partition == nil {
		return false
	}
	s.mu.Lock()
	w := s.work[n]
	asked := w != nil && w.asked
	later := w != nil && now.Before(w.again)
	s.mu.Unlock()
	if asked {
		return true // whoever asked has seen that it is for this node
	}
	if later || s.seen.Load().err != nil {
		return false
	}
	at := source.Reached()
	newest := s.newest(n, at.Incarnation)
	return isDue(newest, at, s.node.cfg.Store.Every, now) && s.node.holder.puts(n, by(newest))
}

// by is who has put a snapshot.
func by(newest *shipper.Stored) (id wal.NodeID) {
	if newest != nil {
		id = newest.By
	}
	return id
}

// isDue tells whether a partition that is at a position is to be put, when its newest snapshot is that one, or nil. What was taken in the future was taken by
// another clock, and does not count.
func isDue(newest *shipper.Stored, at wal.Position, every time.Duration, now time.Time) bool {
	if every <= 0 || at.Seq == 0 {
		return false
	}
	if newest == nil {
		return true
	}
	age := now.Sub(newest.Taken)
	return newest.Position.Seq < at.Seq && (age >= every || age < -every)
}

// putOne puts a partition, and says how that has gone.
func (s *storing) putOne(ctx context.Context, n int) {
	w := &storeWork{progress: &shipper.PutProgress{}, began: time.Now()}
	s.mu.Lock()
	asked := s.work[n] != nil && s.work[n].asked
	s.work[n] = w
	s.mu.Unlock()
	if asked {
		s.catchUp(ctx, n)
	}
	stored, err := s.putNow(ctx, n, w.progress)
	if ctx.Err() != nil {
		return
	}
	if err == nil {
		s.look(ctx) // before it counts as done: who asks then sees it
	}
	took := time.Since(w.began)
	s.mu.Lock()
	w.progress = nil
	if w.failed, w.again = err, time.Now().Add(storeRetry); err == nil {
		delete(s.work, n)
		s.put.snapshots, s.put.last = s.put.snapshots+1, time.Now()
	}
	s.mu.Unlock()
	if err != nil {
		s.node.log.Warn("a partition is not put into the snapshot store", "partition", n, "error", err)
		return
	}
	if stored != nil {
		s.tell(n, stored, took)
		s.sweep(ctx)
	}
}

// catchUp waits until the copy here has what is in the log now, but not for long: who asks for a snapshot wants what was written before.
func (s *storing) catchUp(ctx context.Context, n int) {
	source, err := s.node.holder.source(n)
	if err != nil || source.partition == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	bounds, err := source.log.Bounds(ctx)
	for err == nil && ctx.Err() == nil && source.partition.Brief().Applied < bounds.Last {
		wait(ctx, lookAgain)
	}
}

// tell says what a put took.
func (s *storing) tell(n int, put *putSnapshot, took time.Duration) {
	s.mu.Lock()
	s.put.bytes += put.fresh
	s.mu.Unlock()
	s.node.log.Info("a partition is put into the snapshot store", "partition", n, "at", put.Position.Seq, "bytes", put.Bytes(), "new", put.fresh,
		"took", took.Round(time.Millisecond), "MB/s", int64(float64(put.fresh)/max(took.Seconds(), 0.001)/1e6))
}

// putSnapshot is a snapshot that was put, and how many bytes of it the store did not have.
type putSnapshot struct {
	*shipper.Stored
	fresh int64
}

// putNow puts a partition, unless the newest snapshot is of all that it is: then nothing is put.
func (s *storing) putNow(ctx context.Context, n int, progress *shipper.PutProgress) (*putSnapshot, error) {
	source, err := s.node.holder.source(n)
	if err != nil {
		return nil, err
	}
	if source.partition == nil {
		return nil, errNotOpen
	}
	life, at := source.Reached().Incarnation, source.partition.Brief().Applied // the state has that, at least
	if newest := s.newest(n, life); newest != nil && newest.Position.Seq == at && s.seen.Load().err == nil {
		return nil, nil
	}
	copier, err := s.node.holder.copier(n)
	if err != nil {
		return nil, err
	}
	s.holdFrom(n, uint64(at), s.node.cfg.Cluster.Times.GoneAfter)
	defer s.holdFrom(n, uint64(at), storeHolds)
	dir := filepath.Join(s.node.dir.PutDir(), strconv.Itoa(n))
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(s.node.dir.PutDir(), 0o700)); err != nil {
		return nil, err
	}
	copied, err := copier.CopyTo(dir)
	if err != nil {
		return nil, fmt.Errorf("copy the state: %w", err)
	}
	stop := s.holdWhile(ctx, n, uint64(at), progress)
	defer stop()
	slots := s.node.holder.slots(n)
	stored, err := s.store.Put(ctx, shipper.Putting{
		Dir: dir, Copied: copied, Partition: n, First: uint16(slots.First), Last: uint16(slots.Last), Partitions: s.node.holder.partitions(),
		By: s.node.dir.NodeID, Progress: progress,
	})
	if ctx.Err() != nil {
		return nil, context.Cause(ctx) // it may still be read: the next start removes it
	}
	if err := errors.Join(err, os.RemoveAll(dir)); err != nil {
		return nil, err
	}
	return &putSnapshot{stored, progress.New.Load()}, nil
}

// holdFrom has the log be kept from a sequence for so long.
func (s *storing) holdFrom(n int, seq uint64, long time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holds[n] = storeHold{seq, time.Now().Add(long)}
}

// holdWhile has the log be kept as long as a put gets on, until stop is called, which waits for nothing but its goroutine.
func (s *storing) holdWhile(ctx context.Context, n int, seq uint64, progress *shipper.PutProgress) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		for before := int64(0); ctx.Err() == nil; wait(ctx, storeLooks) {
			if now := progress.Done.Load() + progress.New.Load() + progress.Total.Load(); now != before {
				before = now
				s.holdFrom(n, seq, s.node.cfg.Cluster.Times.GoneAfter)
			}
		}
	})
	return func() { cancel(); watching.Wait() }
}

// sweep sweeps the store up, now and then.
func (s *storing) sweep(ctx context.Context) {
	s.mu.Lock()
	early := time.Since(s.put.swept) < storeSweeps
	s.mu.Unlock()
	if early {
		return
	}
	swept, err := s.store.Sweep(ctx, storeSweeps)
	s.mu.Lock()
	s.put.swept = time.Now()
	s.mu.Unlock()
	switch {
	case err != nil && ctx.Err() == nil:
		s.node.log.Warn("the snapshot store is not swept up", "error", err)
	case swept != shipper.Swept{}:
		s.node.log.Info("the snapshot store is swept up", "trashed", swept.Trashed, "restored", swept.Restored, "removed", swept.Removed)
	}
}

// puts tells whether this node puts a partition's snapshots.
func (m *members) puts(number int, last wal.NodeID) bool {
	return putter(m.agent.View(), number, coordinator.NodeID(hex.EncodeToString(last[:]))) == m.self.ID
}
