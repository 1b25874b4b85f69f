package commands

import (
	"context"
	"fmt"
	"time"

	"shiplog/node/reply"
)

// Snapshots is the store that snapshots of partitions are put into, as this node uses it. All methods are safe from any goroutine.
type Snapshots interface {
	// Put has this node put those partitions into the store that are for it to put, or the one of that number if it is, and returns which these
	// are: Picture says how far they are. partition is negative for all. An error's text is the reply's.
	Put(partition int) ([]int, error)
	// Look returns what the node knows of the store after it has looked there, or when the store does not answer soon. It may block for some seconds.
	Look(ctx context.Context) *StorePicture
	// Picture returns what the node knew of the store some seconds ago.
	Picture() *StorePicture
}

// StorePicture is what a node knows of the snapshot store.
type StorePicture struct {
	Dir       string
	Usable    bool
	Why       string // it is not usable, or a part of it
	Snapshots []StoreSnapshot
	Work      []StoreWork
	Put       int64 // snapshots, by this node since its start
	PutBytes  int64 // of which the store did not have before
	LastPut   time.Time
}

// StoreSnapshot is a snapshot in the store.
type StoreSnapshot struct {
	Partition, Partitions int
	First, Last           int // slots
	Incarnation           string
	Seq, Epoch            uint64
	Taken, Newest         time.Time // Newest: of its newest record
	By                    string    // the id of the node that has put it
	Files                 int
	Bytes, New            int64 // New: of files that are in no older one
}

// StoreWork is a partition that the node has to put. State is "waiting", "putting" or "failed".
type StoreWork struct {
	Partition        int
	State            string
	Total, Done, New int64
	Took             time.Duration
	Why              string
}

// clusterSnapshotRows are the sub-commands about the snapshot store. A lone node has them too.
func clusterSnapshotRows() []Row {
	return []Row{
		{Name: "cluster|snapshot", Since: "7.0.0", Arity: -2, Flags: FlagAdmin | FlagStale | FlagNoAsyncLoading,
			Summary:    "Has this node put its share of the partitions into the snapshot store",
			Syntax:     "PARTITION=number:integer?",
			Complexity: "O(N) where N is the number of partitions",
			Session:    withStore(clusterSnapshot)},
		{Name: "cluster|snapshots", Since: "7.0.0", Arity: 2, Flags: FlagStale,
			Summary:    "Shows what the snapshot store holds, and what is being put there",
			Complexity: "O(N) where N is the number of snapshots in the store",
			Session:    withStore(clusterSnapshots)},
	}
}

// withStore makes a handler that a node without a snapshot store refuses.
func withStore(fn func(s *Session, store Snapshots, a Args) reply.Reply) func(*Session, Args) reply.Reply {
	return func(s *Session, a Args) reply.Reply {
		if s.srv.store == nil {
			return reply.Error("ERR this node has no snapshot store: set snapshot-store to a directory that all nodes see")
		}
		return fn(s, s.srv.store, a)
	}
}

// CLUSTER SNAPSHOT [PARTITION number]
//
// It answers with the numbers of those that this node puts: each node has its share.
func clusterSnapshot(s *Session, store Snapshots, a Args) reply.Reply {
	partition := int64(-1)
	switch {
	case len(a) == 2:
	case len(a) == 4 && is(a[2], "partition"):
		n, ok := parseInt(a[3])
		if !ok || n < 0 || n >= slotCount {
			return reply.NotInteger()
		}
		partition = n
	default:
		return reply.Syntax()
	}
	return s.Later(func(context.Context) Result {
		numbers, err := store.Put(int(partition))
		if err != nil {
			r := worded(err)
			s.srv.countError(r.Text)
			return Result{Reply: r}
		}
		elems := make([]reply.Reply, len(numbers))
		for i, n := range numbers {
			elems[i] = reply.Int(int64(n))
		}
		return Result{Reply: reply.Array(elems...)}
	})
}

// CLUSTER SNAPSHOTS
func clusterSnapshots(s *Session, store Snapshots, _ Args) reply.Reply {
	return s.Later(func(ctx context.Context) Result { return Result{Reply: store.Look(ctx).reply()} })
}

func (p *StorePicture) reply() reply.Reply {
	work := make([]reply.Reply, len(p.Work))
	for i, w := range p.Work {
		work[i] = pairs("partition", w.Partition, "state", w.State, "bytes", w.Total, "done", w.Done, "new", w.New, "ms", w.Took.Milliseconds(), "why", w.Why)
	}
	snapshots := make([]reply.Reply, len(p.Snapshots))
	for i, n := range p.Snapshots {
		snapshots[i] = pairs("partition", n.Partition, "partitions", n.Partitions, "slots", fmt.Sprintf("%d-%d", n.First, n.Last),
			"incarnation", n.Incarnation, "sequence", int64(n.Seq), "epoch", int64(n.Epoch), "taken", n.Taken.UnixMilli(),
			"newest", n.Newest.UnixMilli(), "by", n.By, "files", n.Files, "bytes", n.Bytes, "new", n.New)
	}
	return pairs("dir", p.Dir, "state", p.state(), "why", p.Why, "work", reply.Array(work...), "snapshots", reply.Array(snapshots...))
}

func (p *StorePicture) state() string {
	if p.Usable {
		return "ok"
	}
	return "away"
}

// store is what INFO shows of the snapshot store.
func (i *infoText) store() {
	if i.srv.store == nil {
		i.field("snapshot_store", "none")
		return
	}
	p := i.srv.store.Picture()
	var bytes, last int64
	for _, s := range p.Snapshots {
		bytes += s.New
	}
	if !p.LastPut.IsZero() {
		last = p.LastPut.Unix()
	}
	i.field("snapshot_store", p.state())
	i.field("snapshot_store_reason", p.Why)
	i.field("snapshot_store_snapshots", len(p.Snapshots))
	i.field("snapshot_store_bytes", bytes)
	i.field("snapshot_store_put", p.Put)
	i.field("snapshot_store_put_bytes", p.PutBytes)
	i.field("snapshot_store_last_put", last)
	for _, w := range p.Work {
		i.field(fmt.Sprintf("snapshot_store_work%d", w.Partition), fmt.Sprintf("state=%s,bytes=%d,done=%d,new=%d,seconds=%d", w.State, w.Total, w.Done, w.New,
			int64(w.Took/time.Second)))
	}
}
