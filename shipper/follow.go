// Package shipper brings a log to an applier: in order, from where the applier stands, without gaps,
// and goes on as the log grows. Recovery, replicas and change feeds are all such appliers.
//
// It promises that an applier is given exactly the successor of what it was given before, or an error
// stops the following. It never knows what a record does, and never moves backwards.
package shipper

import (
	"context"
	"errors"
	"fmt"

	"shiplog/wal"
)

// Applier takes the records of a log one after the other.
type Applier interface {
	// Position says where the applier stands: the record it wants next has sequence Position().Seq+1.
	Position() wal.Position
	// Apply takes the message at seq. It judges it (wal.Position.Next) and makes it part of its state.
	// It must not keep message after it returns. An error stops the following.
	Apply(ctx context.Context, seq wal.Seq, message []byte) error
}

// Follow brings log to a from where a stands, and waits for more at the log's end, until ctx ends: then
// it returns ctx's cause. It returns wal.ErrTrimmed if the log no longer has what a wants next, wal.ErrGap if
// the log left something out, and otherwise the error of a or of log.
func Follow(ctx context.Context, log wal.Log, a Applier) error {
	next := a.Position().Seq + 1
	return log.Tail(ctx, next, func(seq wal.Seq, message []byte) error {
		if seq != next {
			return fmt.Errorf("%w: got sequence %d, want %d", wal.ErrGap, seq, next)
		}
		if err := a.Apply(ctx, seq, message); err != nil {
			return fmt.Errorf("apply sequence %d: %w", seq, err)
		}
		next++
		return nil
	})
}

// errReached ends a tail that has come where it should.
var errReached = errors.New("the end asked for is applied")

// FollowTo is Follow that returns nil when the record at end has been applied, which it is at once if a
// stands there or beyond. If the log is shorter it waits.
func FollowTo(ctx context.Context, log wal.Log, a Applier, end wal.Seq) error {
	if a.Position().Seq >= end {
		return nil
	}
	err := Follow(ctx, log, until{a, end})
	if errors.Is(err, errReached) {
		return nil
	}
	return err
}

// until applies up to a sequence and then stops the following.
type until struct {
	Applier
	end wal.Seq
}

func (u until) Apply(ctx context.Context, seq wal.Seq, message []byte) error {
	if err := u.Applier.Apply(ctx, seq, message); err != nil {
		return err
	}
	if seq >= u.end {
		return errReached
	}
	return nil
}
