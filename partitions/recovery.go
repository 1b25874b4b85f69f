package partitions

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"shiplog/partitions/lease"
	"shiplog/shipper"
	"shiplog/wal"
)

// Recovery tells what a start had to do.
type Recovery struct {
	Records   int64 // replayed from the log
	Took      time.Duration
	Refounded bool // the log was behind the state and was founded anew over it
}

// recover brings the state to the end of the log and makes this node its primary (I5).
func (p *Partition) recover(ctx context.Context) error {
	begin := p.cfg.Now()
	for {
		founding, err := p.attach(ctx)
		if err != nil {
			return err
		}
		bounds, err := p.log.Bounds(ctx)
		if err != nil {
			return fmt.Errorf("find the end of the log: %w", err)
		}
		r := p.newReplay()
		if err := shipper.FollowTo(ctx, p.log, r, bounds.Last); err != nil {
			return fmt.Errorf("replay the log: %w", err)
		}
		if err := r.flush(); err != nil {
			return err
		}
		p.note(func(did *Recovery) {
			did.Records += r.records
			did.Took = p.cfg.Now().Sub(begin)
		})
		err = p.lead(ctx, r.at, founding)
		if errors.Is(err, wal.ErrFenced) {
			continue // the log was longer than its bounds said
		}
		return err
	}
}

// note adds to what operators are told of the start.
func (p *Partition) note(add func(did *Recovery)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	add(&p.recovery)
}

// attach compares the state with the log (I9) and tells whether the log is at its beginning: new, or founded anew because it ends
// before the state does.
func (p *Partition) attach(ctx context.Context) (founding bool, err error) {
	at := p.store.Position()
	standing, err := shipper.Compare(ctx, p.log, at)
	if err != nil {
		return false, err
	}
	switch standing {
	case shipper.TooLate:
		return false, fmt.Errorf("%w: the state is at %d", ErrBehind, at.Seq)
	case shipper.Different:
		return false, fmt.Errorf("%w: they differ at record %d", ErrDiffers, at.Seq)
	case shipper.Ahead:
		p.cfg.Event(Event{Text: fmt.Sprintf("the log ends before the state at %d: founding it anew over the state", at.Seq)})
		p.note(func(did *Recovery) { did.Refounded = true })
		return true, p.log.Refound(ctx, at.Seq+1)
	}
	bounds, err := p.log.Bounds(ctx)
	if err != nil {
		return false, fmt.Errorf("find the end of the log: %w", err)
	}
	return bounds.Last < bounds.First, nil
}

// lead appends the EPOCH record that makes this node the primary, and applies it.
func (p *Partition) lead(ctx context.Context, at wal.Position, founding bool) error {
	if bug("no-epoch") && at.Epoch > 0 {
		at.Epoch++
		p.serve(at, p.clock())
		return nil
	}
	h := wal.Header{
		Kind: wal.KindEpoch, Part: wal.PartFirst | wal.PartLast,
		Incarnation: at.Incarnation, Epoch: at.Epoch + 1, Primary: p.cfg.Node,
		CommitMS: max(at.CommitMS, p.cfg.Now().UnixMilli()), Prev: at.Chain,
	}
	if founding {
		if _, err := rand.Read(h.Incarnation[:]); err != nil {
			return fmt.Errorf("draw an incarnation: %w", err)
		}
	}
	message := make([]byte, wal.HeaderSize)
	wal.SealRecord(message, &h)
	failpoint("before-epoch")
	sent := p.clock()
	if err := p.appendAndWait(ctx, at.Seq+1, message); err != nil {
		return fmt.Errorf("append epoch %d: %w", h.Epoch, err)
	}
	failpoint("after-epoch")
	tail := wal.PositionAt(at.Seq+1, &wal.Record{Header: h})
	p.mu.Lock() // it is a replica still, of which heartbeats tell
	err := p.store.Apply(nil, tail, 0)
	p.mu.Unlock()
	if err == nil {
		p.serve(tail, sent)
	}
	return err
}

// appendAndWait appends a record of the term itself and waits for its outcome, or until ctx ends.
func (p *Partition) appendAndWait(ctx context.Context, at wal.Seq, message []byte) error {
	decided := make(chan error, 1)
	p.log.Append(at, message, func(err error) { decided <- err })
	select {
	case err := <-decided:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// serve opens the partition for commands, with a lease that counts from when its EPOCH record was sent.
func (p *Partition) serve(tail wal.Position, sent time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held, p.leaseFrom, p.ledBy = lease.Held{}, sent, p.naming.Term
	p.renew()
	if p.cfg.Cluster != nil {
		p.store.SetReplica(false)
	}
	p.evict(ErrNotServing) // a reader of the replica
	p.store.Reset()
	p.tail, p.clockMS = tail, tail.CommitMS
	p.atPebble, p.appliedMS = tail.Seq, tail.CommitMS
	p.open = p.newGroup()
	p.acked = p.open.number - 1
	p.flushed = p.cfg.Now()
	p.serving = true
	p.stand(Standing{Role: Primary, Epoch: tail.Epoch, Leader: p.cfg.Node})
	p.turns.ready.Do(func() { close(p.ready) })
}
