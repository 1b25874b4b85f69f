package partitions

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"shiplog/wal"
)

// member is Run for one of several copies: it follows the log until it is to lead, leads until it is not, and so on. It returns
// nil when ctx ends, else why the partition ended.
func (p *Partition) member(ctx context.Context) error {
	g, running := errgroup.WithContext(ctx)
	g.Go(func() error { return p.keeper(running) })
	g.Go(func() error {
		for {
			if err := p.follow(running); err != nil {
				return err
			}
			if err := p.reign(running); err != nil {
				return err
			}
		}
	})
	err := g.Wait()
	if ctx.Err() != nil {
		err = nil
	}
	p.mu.Lock()
	p.serving = false
	p.evict(ErrNotServing)
	if err != nil {
		err = p.stop(err)
	}
	p.stand(Standing{Role: Stopped, Epoch: p.tail.Epoch})
	p.store.SetReplica(true) // whoever watches a key must learn that this life of the partition is over
	p.room.Broadcast()
	p.dismiss(ErrNotServing)
	p.mu.Unlock()
	return err
}

// reign serves as primary until another is named, the log turns out to be another's, or ctx ends. Afterwards everything that
// is not acknowledged is forgotten.
func (p *Partition) reign(ctx context.Context) error {
	reigning, end := context.WithCancelCause(context.WithoutCancel(ctx))
	defer end(errEnded)
	g, running := errgroup.WithContext(reigning)
	g.Go(func() error { return p.applier(running) })
	g.Go(func() error { return p.expirer(running) })
	err := p.await(ctx, running)
	switch {
	case errors.Is(err, errNaming):
		err = p.handOver(ctx, p.Naming().Primary)
	case ctx.Err() != nil:
		err = p.handOver(context.WithoutCancel(ctx), wal.NodeID{}) // anybody may lead
		if err == nil {
			err = context.Cause(ctx)
		}
	}
	end(errEnded)
	if failed := g.Wait(); failed != nil && !errors.Is(failed, errEnded) {
		return failed
	}
	if errors.Is(err, ErrDeposed) {
		p.count(&p.turned.Depositions)
		p.cfg.Event(Event{Text: "another primary has taken over: following it"})
		err = nil
	}
	p.abdicate()
	return err
}

// await blocks until there is a reason to serve no more, and returns it.
func (p *Partition) await(ctx, running context.Context) error {
	for {
		if n := p.Naming(); n.Term != 0 && n.Primary != p.cfg.Node {
			return errNaming
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-running.Done():
			return context.Cause(running)
		case err := <-p.turns.fallen:
			return err
		case <-p.turns.named:
		}
	}
}

// handOver ends this node's term in the log: it takes no more commands, waits until everything begun is decided and applied, and
// appends the HANDOVER record that names the heir. The error is ErrDeposed when another primary was faster.
func (p *Partition) handOver(ctx context.Context, heir wal.NodeID) error {
	if err := p.quiesce(); err != nil {
		return err
	}
	select {
	case err := <-p.turns.fallen:
		return err
	default:
	}
	p.mu.Lock()
	message := append(make([]byte, wal.HeaderSize), heir[:]...)
	last := &group{end: p.tail}
	m := p.seal(last, wal.Header{Kind: wal.KindHandover, Part: wal.PartFirst | wal.PartLast}, message)
	p.mu.Unlock()
	failpoint("before-handover")
	switch err := p.appendAndWait(ctx, m.seq, m.bytes); {
	case err == nil:
		p.count(&p.turned.HandOvers)
		return nil
	case errors.Is(err, wal.ErrFenced):
		p.mu.Lock()
		p.spent = p.naming.Term == p.ledBy
		p.mu.Unlock()
		return fmt.Errorf("%w: %w", ErrDeposed, err)
	case errors.Is(err, wal.ErrFull):
		return nil // the heir will wait for the end of the lease
	default:
		return err
	}
}

// quiesce takes no more commands and waits until everything that was begun is decided and applied.
func (p *Partition) quiesce() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serving = false
	p.evict(ErrNotServing)
	p.stand(Standing{Role: Handing, Epoch: p.tail.Epoch})
	p.room.Broadcast()
	p.dismiss(ErrNotServing)
	for p.stopped == nil && (p.flight != nil || !p.open.empty() || p.open.barrier || p.backlog > 0) {
		p.room.Wait()
	}
	return p.stopped
}

// abdicate forgets every group. What of them is in the log comes back by following it.
func (p *Partition) abdicate() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.turns.fallen:
	default:
	}
	if s := *p.standing.Load(); s.Role == Primary {
		s.Role, s.Leader = Handing, wal.NodeID{}
		p.stand(s)
	}
	p.serving = false
	p.evict(ErrNotServing)
	p.flight, p.open, p.reset = nil, nil, nil
	p.queue, p.backlog = nil, 0
	p.expected, p.armed = 0, false
	p.timer.Stop()
	p.room.Broadcast()
	p.dismiss(ErrNotServing)
}
