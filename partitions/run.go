package partitions

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"
)

// errEnded ends the goroutines of a partition whose clean stop has begun.
var errEnded = errors.New("the partition has ended")

// Run recovers the partition, serves it until ctx ends, and then finishes: it takes no more commands, waits until the
// outcome of every record is known and applied. It returns nil after that, else why the partition ended. Close makes the state durable. In a cluster it serves while it is named and the log agrees, and follows the log otherwise. The
// goroutines of a partition are the ones below and those of member and reign.
func (p *Partition) Run(ctx context.Context) error {
	defer close(p.ended)
	if p.cfg.Cluster != nil {
		return p.member(ctx)
	}
	if err := p.recover(ctx); err != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.stop(err)
	}
	background, end := context.WithCancelCause(context.WithoutCancel(ctx))
	defer end(errEnded)
	g, running := errgroup.WithContext(background)
	g.Go(func() error { return p.applier(running) })
	g.Go(func() error { return p.expirer(running) })
	g.Go(func() error { return p.keeper(running) })
	select {
	case <-ctx.Done():
		err := p.drain()
		end(errEnded)
		return errors.Join(err, g.Wait())
	case <-running.Done():
		return g.Wait()
	}
}

// drain takes no more commands and waits until everything that was begun is decided and applied.
func (p *Partition) drain() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serving = false
	p.evict(ErrNotServing)
	p.room.Broadcast()
	p.dismiss(ErrNotServing)
	for p.stopped == nil && (p.flight != nil || !p.open.empty() || p.backlog > 0) {
		p.room.Wait()
	}
	return p.stopped
}

// AwaitEnd blocks until Run has returned.
func (p *Partition) AwaitEnd() { <-p.ended }
