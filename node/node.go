package node

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"shiplog/embedded"
	"shiplog/node/commands"
	"shiplog/node/resp"
	"shiplog/partitions"
	"shiplog/partitions/keyspace"
	"shiplog/wal"
	"shiplog/wal/jetstream"
)

// How long the parts of a clean stop may take: together they stay below the five seconds that a stop is promised to take.
const (
	stopClients   = 2 * time.Second     // commands that are running finish, replies leave
	stopUndecided = 5 * time.Second / 2 // after that, records whose outcome is unknown are given up as such
)

// errShutdown ends a Run because a client asked for it; errNoClients because no clients can be served any more.
var (
	errShutdown  = errors.New("a client asked for shutdown")
	errNoClients = errors.New("clients are served no more")
)

// Node is one shiplog server: its log, its state and its clients.
type Node struct {
	cfg       *Config
	settings  *Settings
	log       *slog.Logger
	dir       *DataDir
	listeners []net.Listener
	nats      *embedded.Server
	holder    holder
	commands  *commands.Server
	front     *resp.Server
	engine    commands.Engine
	base      *engine
	feeds     *feeds
	projected *projection
	shown
	storing *storing // nil: there is no snapshot store
	ready   chan struct{}
	saves
	stop    context.CancelCauseFunc
	closing sync.Once
	closed  error
}

// Open takes everything that the node needs: the addresses to listen on, the data directory, the log and
// the state. It serves nobody before Run. Nothing is created when an address or the directory is in use.
// After an error nothing is left open.
func Open(cfg *Config, log *slog.Logger) (*Node, error) {
	n := &Node{cfg: cfg, settings: NewSettings(cfg), log: log, ready: make(chan struct{}), saves: saves{syncs: make(chan struct{}, 1)}}
	n.stop = func(error) {}
	for _, step := range []func() error{n.openListeners, n.openDirectory, n.openNATS, n.openStore, n.openHolder} {
		if err := step(); err != nil {
			return nil, errors.Join(err, n.Close())
		}
	}
	n.openFront()
	return n, nil
}

func (n *Node) openListeners() (err error) {
	if n.listeners, err = Listen(n.cfg); err == nil {
		n.pages, err = listenMetrics(n.cfg)
	}
	return err
}

func (n *Node) openDirectory() (err error) {
	mode := ModeSolo
	if n.cfg.Cluster.Enabled {
		mode = ModeCluster
	}
	if n.dir, err = OpenDataDir(n.cfg.Server.Dir, mode); err != nil || mode == ModeSolo {
		return err
	}
	why, err := n.dir.live()
	if why != "" {
		n.log.Warn("what this directory holds is not believed: the node goes on as a new one, and the cluster replaces what it was", "why", why,
			"was", n.dir.formerIDs(), "is", hex.EncodeToString(n.dir.NodeID[:]))
	}
	return err
}

func (n *Node) openNATS() (err error) {
	c := embedded.Config{Dir: n.dir.LogDir(), Name: serverName(n.dir.NodeID), Sync: embedded.Sync(n.cfg.Log.Sync), Logger: n.log}
	if n.cfg.Cluster.Enabled {
		known, err := n.dir.readMap()
		if err != nil {
			return err
		}
		c.Cluster = n.clusterConfig(known)
		alone, err := n.aside()
		if err != nil {
			return err
		}
		if alone {
			c.Cluster.Secret = rand.Text()
		}
	}
	if c.Changes, err = n.changesAccount(); err != nil {
		return err
	}
	n.nats, err = embedded.Open(c)
	return err
}

// openHolder opens the partitions, or what they will come from.
func (n *Node) openHolder() error {
	if n.cfg.Cluster.Enabled {
		n.holder = newMembers(n)
	} else {
		n.holder = &solo{node: n}
	}
	return n.holder.open()
}

// serverName is what the embedded NATS server of a node is called: JetStream wants it to stay the same.
func serverName(id wal.NodeID) string { return "shiplog-" + hex.EncodeToString(id[:4]) }

// logConfig is the log of a partition.
func (n *Node) logConfig(partition int) jetstream.Config {
	return jetstream.Config{Partition: partition, Connect: n.nats.Connect, Dial: n.nats.Dial, MaxBytes: n.cfg.Log.MaxBytes}
}

// partitionConfig is what a partition of this node is made of, but for its log. So many of them share the node's memory.
func (n *Node) partitionConfig(partition, of int) partitions.Config {
	c, share := n.cfg, int64(max(of, 1))
	return partitions.Config{
		Dir: n.dir.StateDir(partition),
		Store: keyspace.Options{
			BlockCache: c.State.BlockCacheBytes / share, MemTable: uint64(max(c.State.MemtableBytes/share, leastMemtable)),
			HotSet: c.State.RowCacheBytes / share, Filter: filterBytes / share,
			Logger:  pebbleLogger{n.log},
			Touched: n.touched, Emptied: n.emptied,
		},
		Node:        n.dir.NodeID,
		MaxUnit:     int(c.Log.MaxUnitBytes),
		GatherMax:   c.Log.CommitDelay,
		ApplyEvery:  applyEvery,
		FlushEvery:  flushEvery(c.State.FlushEvery),
		FlushFirst:  flushFirst(n.dir.NodeID, partition, flushEvery(c.State.FlushEvery)),
		ExpireEvery: time.Second / time.Duration(max(1, c.Server.Hz)),
		Retention: partitions.Retention{
			Age: c.Log.Retention, Bytes: uint64(c.Log.RetentionBytes) / uint64(share), Stored: uint64(c.Store.LogBytes) / uint64(share),
		},
		Event: func(e partitions.Event) { n.event(partition, e) },
	}
}

// flushFirst is when the flushes of a partition begin: at another time on each node and of each partition, as evenly as that can be. Writers wait for a disk that
// gets all of them at once.
func flushFirst(node wal.NodeID, partition int, every time.Duration) time.Duration {
	const golden = 0x9E3779B97F4A7C15 // 2^64 over the golden ratio: however many multiples of it lie apart from each other (Knuth, TAOCP 3, 6.4)
	part := binary.BigEndian.Uint64(node[:]) + uint64(partition)*golden
	return max(1, time.Duration(float64(part)/(1<<64)*float64(every)))
}

// filterBytes bounds the filters of keys of all partitions together: about twelve million keys.
const filterBytes = 16 << 20

// leastMemtable is the smallest memtable that many partitions are given.
const leastMemtable = 1 << 20

// flushEvery is the time between two flushes of the state; without one only a full memtable leads to a flush.
func flushEvery(asked time.Duration) time.Duration {
	if asked == 0 {
		return math.MaxInt64
	}
	return asked
}

// applyEvery is the least time between two batches into Pebble: keys written often within it cost one row.
const applyEvery = 5 * time.Millisecond

func (n *Node) openFront() {
	n.base = &engine{node: n}
	n.engine = n.holder.engine(n.base)
	n.feeds = newFeeds(n)
	if n.cfg.Changes.Stream {
		n.projected = newProjection(n)
	}
	c := commands.Config{Engine: n.engine, Changes: n.feeds, Settings: n.settings, Version: Version}
	if m, clustered := n.holder.(*members); clustered {
		c.Cluster = m
	}
	if n.storing != nil {
		c.Snapshots = n.storing
	}
	n.commands = commands.NewServer(c)
	n.front = resp.New(n.frontConfig())
	n.openAdmin()
}

// touched passes on which keys change to those clients that track them.
func (n *Node) touched(key string, origin uint64) {
	if n.commands.TrackingActive() {
		n.commands.Touched(key, origin)
	}
}

// emptied passes on that all keys change.
func (n *Node) emptied() {
	if n.commands.TrackingActive() {
		n.commands.TouchedAll()
	}
}

// event tells operators what a partition has to say.
func (n *Node) event(partition int, e partitions.Event) {
	switch {
	case e.Err != nil:
		n.log.Error(e.Text, "partition", partition, "error", e.Err)
	case e.Usual:
		n.log.Info(e.Text, "partition", partition)
	default:
		n.log.Warn(e.Text, "partition", partition)
	}
}

// Ready is closed when the node accepts connections.
func (n *Node) Ready() <-chan struct{} { return n.ready }

// Addr is the first address that the node listens on.
func (n *Node) Addr() string { return n.listeners[0].Addr().String() }

// Run recovers the state and serves clients until ctx ends or a client asks for shutdown: then it hands over what it leads, stops
// accepting, finishes what is running and returns nil, or ErrReset; Close then makes the state durable. Any other return tells why the node could not
// go on. The goroutines of the node are the ones below and those of its holder.
func (n *Node) Run(ctx context.Context) error {
	stopped, stop := context.WithCancelCause(ctx)
	n.stop = stop
	defer stop(nil)
	serving, endServing := context.WithCancelCause(context.WithoutCancel(ctx))
	defer endServing(nil)
	g, ctx := errgroup.WithContext(stopped)
	n.holder.run(ctx, serving, g)
	g.Go(func() error { return n.nats.Run(ctx) })
	g.Go(func() error { return n.watchDisk(ctx) })
	g.Go(func() error { return n.backgroundSyncs(ctx) })
	g.Go(func() error { return n.feeds.run(ctx) })
	g.Go(func() error { return n.measure(ctx) })
	if n.admin != nil {
		g.Go(func() error { n.show(serving); return nil })
	}
	if n.storing != nil {
		n.storing.run(serving, g)
	}
	if n.projected != nil {
		g.Go(func() error { return n.projected.run(ctx) })
	}
	g.Go(func() error { return n.giveUp(ctx, serving) })
	g.Go(func() error {
		defer endServing(errNoClients)
		return n.serveClients(ctx)
	})
	err := g.Wait()
	if cause := context.Cause(stopped); err == nil && errors.Is(cause, ErrReset) {
		return cause
	}
	return err
}

// serveClients accepts connections once the partitions and their feeds are ready, until ctx has ended and others had the chance to take over.
func (n *Node) serveClients(ctx context.Context) error {
	for _, ready := range []<-chan struct{}{n.holder.ready(), n.feeds.read.Running()} {
		select {
		case <-ready:
		case <-ctx.Done():
			return nil
		}
	}
	close(n.ready)
	accepting, end := context.WithCancelCause(context.WithoutCancel(ctx))
	defer end(nil)
	leaving := context.AfterFunc(ctx, func() {
		n.holder.leave()
		end(context.Cause(ctx))
	})
	defer leaving()
	return n.front.Run(accepting)
}

// giveUp closes the log when a stop waits too long for it: what is undecided then stays so.
func (n *Node) giveUp(ctx, serving context.Context) error {
	<-ctx.Done()
	<-serving.Done()
	limit := time.AfterFunc(stopUndecided, n.holder.abandonLog)
	defer limit.Stop()
	for _, p := range n.holder.held() {
		p.AwaitEnd()
	}
	return nil
}

// Close gives everything back. Run must have returned. Closing again does nothing.
func (n *Node) Close() error {
	n.closing.Do(func() {
		var errs []error
		closeAll(n.listeners) // the front has closed them already if it ran
		closeAll(n.pages)
		if n.holder != nil {
			errs = append(errs, within(closeWithin, n.holder.close, func() {
				n.log.Warn("the state is not flushed yet and is left as it is: the next start reads the rest from the log", "after", closeWithin)
			}))
		}
		if n.nats != nil {
			errs = append(errs, n.nats.Close())
		}
		if n.dir != nil {
			errs = append(errs, n.dir.Close())
		}
		n.closed = errors.Join(errs...)
	})
	return n.closed
}

// closeWithin is how long the state may take to be flushed at the end. Nothing is lost without: the log holds what the state does not have
// on the disk (I10), and a process that ends during a flush is what the state survives anyway (I9).
const closeWithin = 2 * time.Second

// within waits for do and returns its error, but not longer than limit: then late is called, and do is left to end with the process.
func within(limit time.Duration, do func() error, late func()) error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		late()
		return nil
	}
}

// syncLog makes every acknowledged record durable.
func (n *Node) syncLog(ctx context.Context) error {
	if n.cfg.Log.Sync == SyncAlways {
		return nil // it is, before it is acknowledged
	}
	if err := n.nats.SyncNow(ctx); err != nil {
		return fmt.Errorf("make the log durable: %w", err)
	}
	return nil
}
