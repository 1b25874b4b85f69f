package partitions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"shiplog/shipper"
	"shiplog/wal"
)

// Why a replica stops following.
var (
	errMayLead = errors.New("this node may lead")
	errNaming  = errors.New("the naming has changed")
)

// askAgain is the pause before a question that the log did not answer is asked again.
const askAgain = 50 * time.Millisecond

// follow brings the replica along with the log until this node is named, has come to the log's end and may lead (I6), and then
// appends its EPOCH record (I5). It returns nil when that is acknowledged: the partition serves.
func (p *Partition) follow(ctx context.Context) error {
	if err := p.enter(ctx); err != nil {
		return err
	}
	for {
		f := p.newFollower()
		following, stop := context.WithCancelCause(ctx)
		asked := make(chan struct{})
		go func() { // ends before the next turn of the loop
			defer close(asked)
			p.aspire(following, stop)
		}()
		err := shipper.Follow(following, p.log, f)
		stop(err)
		<-asked
		if flushing := f.flush(); flushing != nil {
			return flushing
		}
		if !errors.Is(err, errMayLead) {
			return err
		}
		ready := p.cfg.Now()
		err = p.lead(ctx, f.at, f.at.Seq == 0)
		if err == nil {
			p.tellLed(ready)
			return nil
		}
		if !errors.Is(err, wal.ErrFenced) && !errors.Is(err, wal.ErrFull) {
			return err
		}
		p.doubt() // the log is longer than it seemed
	}
}

// tellLed tells operators how long it took to become primary: until this node was ready, and until the log had taken its EPOCH record.
func (p *Partition) tellLed(ready time.Time) {
	p.mu.Lock()
	named, epoch := p.promoted, p.tail.Epoch
	p.mu.Unlock()
	now := p.cfg.Now()
	p.cfg.Event(Event{Usual: true, Text: fmt.Sprintf("primary in epoch %d, %v after it was named: %v for the end of the log and of the old lease, %v for the EPOCH record",
		epoch, now.Sub(named).Round(time.Millisecond), ready.Sub(named).Round(time.Millisecond), now.Sub(ready).Round(time.Millisecond))})
}

// enter compares the state with the log (I9) and finds out who wrote what it holds last.
func (p *Partition) enter(ctx context.Context) error {
	at := p.store.Position()
	for {
		standing, err := shipper.Compare(ctx, p.log, at)
		switch {
		case err == nil && standing == shipper.TooLate:
			return fmt.Errorf("%w: the state is at %d", ErrBehind, at.Seq)
		case err == nil && standing == shipper.Different:
			return fmt.Errorf("%w: they differ at record %d", ErrDiffers, at.Seq)
		case err == nil:
			// Ahead: whoever told the bounds may not have been the stream's leader. What follows the state has to fit it.
			p.beReplica(at, p.writerOf(ctx, at))
			return nil
		}
		if !shipper.Rest(ctx, askAgain) {
			return context.Cause(ctx)
		}
	}
}

// writerOf returns who wrote the record at a position; all zero if that cannot be told.
func (p *Partition) writerOf(ctx context.Context, at wal.Position) (writer wal.NodeID) {
	message, err := p.log.Get(ctx, at.Seq)
	if err != nil {
		return writer
	}
	if r, err := wal.DecodeRecord(message); err == nil && r.Chain == at.Chain {
		return r.Primary
	}
	return writer
}

// beReplica makes the partition a replica that stands at a position.
func (p *Partition) beReplica(at wal.Position, leader wal.NodeID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.store.SetReplica(true)
	p.follows, p.clockMS = at, max(p.clockMS, at.CommitMS)
	p.atPebble, p.appliedMS = at.Seq, at.CommitMS
	p.tail = at
	p.lag = lag{}
	p.heir.Received(p.clock())
	role := Replica
	if old := p.standing.Load(); old.Role == Handing && old.Epoch == at.Epoch {
		role = Handing // until the heir's EPOCH comes
	}
	if leader == p.cfg.Node && role == Replica {
		p.heir.Released() // the last primary was this node, in a former life
		leader = wal.NodeID{}
	}
	if role == Handing {
		leader = wal.NodeID{}
	}
	p.stand(Standing{Role: role, Epoch: at.Epoch, Leader: leader})
}

// doubt makes the next heir of this node wait again: something is in the log that it has not seen.
func (p *Partition) doubt() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heir.Received(p.clock())
}

// follower is a replay that goes on as the log grows.
type follower struct {
	replay
	until wal.Seq // up to here records are applied many at a time
}

func (p *Partition) newFollower() *follower {
	f := &follower{replay: *p.newReplay()}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if bounds, err := p.log.Bounds(ctx); err == nil {
		f.until = bounds.Last
	}
	return f
}

// Apply takes the next message of the log.
func (f *follower) Apply(ctx context.Context, seq wal.Seq, message []byte) error {
	before := f.at
	if err := f.replay.Apply(ctx, seq, message); err != nil {
		return err
	}
	if seq >= f.until {
		if err := f.flush(); err != nil {
			return err
		}
	}
	record, err := wal.DecodeRecord(message)
	if err != nil {
		return err
	}
	f.p.took(before, f.at, &record)
	return nil
}

// flush applies what has been gathered, under the lock: readers see whole records.
func (f *follower) flush() error {
	f.p.mu.Lock()
	defer f.p.mu.Unlock()
	f.p.awaitVacant()
	return f.replay.flush()
}

// took takes note of a record that the replica has taken.
func (p *Partition) took(before, at wal.Position, r *wal.Record) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.follows, p.tail = at, at
	p.clockMS = max(p.clockMS, at.CommitMS)
	p.atPebble, p.appliedMS = p.store.Position().Seq, at.CommitMS
	p.lag.apply(p.atPebble)
	if r.Epoch == at.Epoch { // else it is a deposed primary's, late
		p.heir.Received(p.clock())
		if r.Primary == p.cfg.Node {
			p.heir.Released() // of a term of this node's own, which is over
		}
		if heir, handed := r.Heir(); handed && (heir == p.cfg.Node || heir == wal.NodeID{}) {
			p.heir.Released()
			p.spent = false
			tell(p.turns.named, struct{}{})
		}
	}
	if at.Epoch != before.Epoch {
		p.stand(Standing{Role: Replica, Epoch: at.Epoch, Leader: r.Primary})
	}
	tell(p.turns.moved, struct{}{})
}

// aspire stops the following when this node is named and may lead. It returns when ctx ends.
func (p *Partition) aspire(ctx context.Context, stop context.CancelCauseFunc) {
	for ctx.Err() == nil {
		if !p.awaitNamed(ctx) {
			return
		}
		err := p.awaitTurn(ctx)
		p.notPromoted(err)
		if err == nil {
			stop(errMayLead)
			return
		}
	}
}

// awaitNamed blocks until this node is named.
func (p *Partition) awaitNamed(ctx context.Context) bool {
	for {
		if p.named() {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-p.turns.named:
		}
	}
}

// notPromoted takes the role of a candidate back unless err is nil.
func (p *Partition) notPromoted(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := *p.standing.Load(); err != nil && s.Role == Promoted {
		s.Role = Replica
		p.stand(s)
	}
}

// awaitTurn blocks until the replica has come to the end of the log and the old primary's lease is over. It returns an
// error when this node is named no more, or ctx ends.
func (p *Partition) awaitTurn(ctx context.Context) error {
	p.mu.Lock()
	if p.standing.Load().Role != Promoted {
		p.promoted = p.cfg.Now()
	}
	p.stand(Standing{Role: Promoted, Epoch: p.follows.Epoch})
	p.mu.Unlock()
	end, err := p.end(ctx)
	if err != nil {
		return err
	}
	for {
		wait := p.turnIn(end)
		if wait <= 0 {
			return nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			err = context.Cause(ctx)
		case <-p.turns.named:
			if !p.named() {
				err = errNaming
			}
		case <-p.turns.moved:
		case <-timer.C:
		}
		timer.Stop()
		if err != nil {
			return err
		}
	}
}

// How long a named node asks where the log ends, at a time and in all.
const (
	askFor   = 250 * time.Millisecond
	askForIn = time.Second
)

// end asks where the log ends, but not for long: that is only a hint, and while the log has no leader nobody answers. Only the
// EPOCH record proves where it ends.
func (p *Partition) end(ctx context.Context) (wal.Seq, error) {
	enough, cancel := context.WithTimeout(ctx, askForIn)
	defer cancel()
	for {
		asking, cancel := context.WithTimeout(enough, askFor)
		bounds, err := p.log.Bounds(asking)
		cancel()
		if err == nil {
			return bounds.Last, nil
		}
		if !shipper.Rest(enough, askAgain) {
			return 0, context.Cause(ctx)
		}
	}
}

// turnIn returns how long it takes at least until this node may lead, 0 when it may now.
func (p *Partition) turnIn(end wal.Seq) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.follows.Seq < end {
		return time.Second // or when a record comes
	}
	if p.follows.Seq == 0 {
		return 0 // nobody has led yet
	}
	return p.heir.Wait(p.cfg.Cluster.Rules, p.clock())
}
