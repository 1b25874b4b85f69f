package node

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"shiplog/node/admin"
	"shiplog/node/commands"
	"shiplog/node/reply"
	"shiplog/partitions"
	"shiplog/partitions/slot"
	"shiplog/shipper"
	"shiplog/wal"
	"shiplog/wal/jetstream"
)

// holder is how a node holds partitions: one for itself, or those that a cluster gives it.
type holder interface {
	// open takes what can be taken before anything runs.
	open() error
	// run adds what has to run to g. It serves until serving ends; ctx is g's, and ends when the node is told to stop.
	run(ctx, serving context.Context, g *errgroup.Group)
	// ready is closed when clients may come.
	ready() <-chan struct{}
	// leave is called when the node is told to stop and still serves: others may be given what it leads. It returns soon.
	leave()
	// held returns the partitions whose state is open, in the order of their numbers.
	held() []*partitions.Partition
	// engine returns what the command layer works on.
	engine(base *engine) commands.Engine
	// source returns the copy of a partition that is here, or fails with changes.ErrNotHeld; elsewhere answers a client that wants it
	// nevertheless. partitions is how many there are in all, and slots which slots one has.
	source(partition int) (*copySource, error)
	elsewhere(partition int) reply.Reply
	partitions() int
	slots(partition int) slot.Range
	// figures are what is measured of the copies that are here, by number, and of the cluster, nil without one; standing is what decides
	// whether the node is ready.
	figures() ([]copyFigures, *admin.Cluster)
	standing() admin.Standing
	// copier returns the copy of a partition that is here, to be copied. puts tells whether it is for this node to put it into the
	// snapshot store, where last has put it before.
	copier(partition int) (shipper.Copier, error)
	puts(partition int, last wal.NodeID) bool
	// abandonLog makes the outcome of every append known as unknown.
	abandonLog()
	// close closes states and logs after the end of run.
	close() error
}

// solo holds all keys in one partition, without a rival.
type solo struct {
	node      *Node
	wal       *shipper.Live
	partition *partitions.Partition
}

func (s *solo) open() (err error) {
	n := s.node
	log, err := jetstream.Open(context.Background(), n.logConfig(0))
	if err != nil {
		return err
	}
	s.wal = shipper.NewLive(log)
	c := n.partitionConfig(0, 1)
	c.Log = s.wal
	s.partition, err = partitions.Open(c)
	return err
}

func (s *solo) run(_, serving context.Context, g *errgroup.Group) {
	g.Go(func() error { return s.partition.Run(serving) })
}

func (s *solo) ready() <-chan struct{} { return s.partition.Ready() }

func (s *solo) leave() {}

func (s *solo) held() []*partitions.Partition { return []*partitions.Partition{s.partition} }

func (s *solo) engine(base *engine) commands.Engine {
	base.all = []commands.Partition{lone{s.partition}}
	return base
}

func (s *solo) copier(int) (shipper.Copier, error) { return s.partition, nil }

func (s *solo) puts(int, wal.NodeID) bool { return true }

func (s *solo) abandonLog() { _ = s.wal.Close() }

func (s *solo) close() error {
	var errs []error
	if s.partition != nil {
		errs = append(errs, s.partition.Close())
	}
	if s.wal != nil {
		errs = append(errs, s.wal.Close())
	}
	return errors.Join(errs...)
}
