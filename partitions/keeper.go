package partitions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"shiplog/wal"
)

// Retention says how much of the log is kept although the state no longer needs it: what is younger than
// Age and within the newest Bytes, whichever is less.
type Retention struct {
	Age    time.Duration
	Bytes  uint64
	Stored uint64 // bytes up to which the log is kept from where Membership.Stored says
}

// keeper makes the state durable from time to time and trims the log behind it (I10).
func (p *Partition) keeper(ctx context.Context) error {
	due := time.NewTimer(p.cfg.FlushFirst)
	defer due.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-due.C:
		}
		due.Reset(p.cfg.FlushEvery)
		if err := p.Checkpoint(ctx); err != nil {
			p.cfg.Event(Event{Text: "cannot trim the log", Err: err})
		}
	}
}

// Checkpoint makes the applied state durable and, on the primary, trims the log as far as retention and the other copies
// allow.
func (p *Partition) Checkpoint(ctx context.Context) error {
	if bug("trim-by-applied") {
		return p.log.Trim(ctx, p.store.Position().Seq)
	}
	failpoint("before-flush")
	if err := p.store.Flush(); err != nil {
		return err
	}
	failpoint("after-flush")
	durable, err := p.store.Durable()
	if err != nil {
		return err
	}
	needed := durable.Seq
	if m := p.cfg.Cluster; m != nil {
		if p.Standing().Role != Primary {
			p.noteFlushed(0, durable.Seq)
			return nil // trimming is the primary's business
		}
		if m.Keep != nil {
			needed = min(needed, m.Keep())
		}
	}
	bounds, err := p.log.Bounds(ctx)
	if err != nil {
		return fmt.Errorf("find the bounds of the log: %w", err)
	}
	keep, err := keepFrom(bounds, needed, p.cfg.Retention, func(seq wal.Seq) (bool, error) {
		return p.isOlder(ctx, seq)
	})
	if err != nil {
		return err
	}
	keep = p.keepStored(bounds, keep)
	if keep > bounds.First {
		if err := p.log.Trim(ctx, keep); err != nil {
			return fmt.Errorf("trim the log below %d: %w", keep, err)
		}
		failpoint("after-trim")
	}
	p.noteFlushed(max(keep, bounds.First), durable.Seq)
	return nil
}

// keepStored keeps the log for the newest stored snapshot.
func (p *Partition) keepStored(b wal.Bounds, keep wal.Seq) wal.Seq {
	if m := p.cfg.Cluster; m != nil && m.Stored != nil {
		return keepFromStored(b, keep, m.Stored(), p.cfg.Retention.Stored)
	}
	return keep
}

// keepFromStored decides the first sequence to keep when a snapshot at stored lies where copies can be filled from, 0 for none: its record stays, which
// it is compared with, and all that come after. A log of more than limit bytes is not kept for it at all: without a part of what comes after it is of no
// use. So what never gets a newer snapshot fills no disk.
func keepFromStored(b wal.Bounds, keep, stored wal.Seq, limit uint64) wal.Seq {
	if stored == 0 || stored >= keep || stored+1 < b.First || b.Bytes > limit {
		return keep
	}
	return max(stored, b.First)
}

// noteFlushed takes note of how far the state is durable, and of where the log begins if that is known.
func (p *Partition) noteFlushed(first, durable wal.Seq) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trimmed, p.durable, p.flushed = max(first, p.trimmed), durable, p.cfg.Now()
}

// isOlder tells whether the record at seq is older than the retention asks for.
func (p *Partition) isOlder(ctx context.Context, seq wal.Seq) (bool, error) {
	message, err := p.log.Get(ctx, seq)
	if err != nil {
		return false, fmt.Errorf("read the time of record %d: %w", seq, err)
	}
	record, err := wal.DecodeRecord(message)
	if err != nil {
		return false, fmt.Errorf("record %d: %w", seq, err)
	}
	return p.cfg.Now().Sub(record.Time()) > p.cfg.Retention.Age, nil
}

// keepFrom decides the first sequence to keep. It never gives up the record at the durable position:
// the next start compares it with the state (I9). Records of too many bytes are given up as if all records
// were of one size, and only half of what that says, so that repeated calls come to the limit from above.
func keepFrom(b wal.Bounds, durable wal.Seq, keep Retention, isOlder func(wal.Seq) (bool, error)) (wal.Seq, error) {
	if b.Last < b.First || durable <= b.First {
		return b.First, nil
	}
	byBytes := b.First
	if keep.Bytes > 0 && b.Bytes > keep.Bytes {
		excess := float64(b.Bytes-keep.Bytes) / float64(b.Bytes)
		byBytes += wal.Seq(excess * float64(b.Last-b.First+1) / 2)
	}
	byAge, err := firstYoung(b.First, min(durable, b.Last), isOlder)
	if err != nil {
		return b.First, err
	}
	return min(max(byBytes, byAge), durable, b.Last), nil
}

// firstYoung returns the first sequence from first to last that is not older, or last.
func firstYoung(first, last wal.Seq, isOlder func(wal.Seq) (bool, error)) (wal.Seq, error) {
	for first < last {
		middle := first + (last-first)/2
		old, err := isOlder(middle)
		if errors.Is(err, wal.ErrNotFound) || errors.Is(err, wal.ErrTrimmed) {
			old, err = true, nil
		}
		if err != nil {
			return first, err
		}
		if old {
			first = middle + 1
		} else {
			last = middle
		}
	}
	return first, nil
}
