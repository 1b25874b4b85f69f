package shipper

import (
	"context"
	"fmt"

	"shiplog/wal"
)

// Survey is how a state stands to its log at one moment.
type Survey struct {
	Standing Standing
	At       wal.Position // of the state
	Bounds   wal.Bounds   // of the log
}

// Look compares a state at p with its log, and says where the log begins and ends.
func Look(ctx context.Context, log wal.Log, p wal.Position) (Survey, error) {
	standing, err := Compare(ctx, log, p)
	if err != nil {
		return Survey{}, err
	}
	bounds, err := log.Bounds(ctx)
	if err != nil {
		return Survey{}, fmt.Errorf("compare a state with its log: %w", err)
	}
	return Survey{Standing: standing, At: p, Bounds: bounds}, nil
}

// Way is how a state comes to the end of its log.
type Way uint8

// The ways.
const (
	// Tail: what the state lacks is in the log.
	Tail Way = 1
	// Snapshot: the state is of no use, and another one takes its place.
	Snapshot Way = 2
	// Either: what the state lacks is in the log, but a snapshot would be there sooner.
	Either Way = 3
)

// String returns the way in the words of the documentation.
func (w Way) String() string {
	switch w {
	case Tail:
		return "tail"
	case Snapshot:
		return "snapshot"
	case Either:
		return "either"
	}
	return fmt.Sprintf("Way(%d)", uint8(w))
}

// replayWorth is how many bytes of log a state that lacks them replays without a thought for snapshots: it takes about a second.
const replayWorth = 64 << 20

// Choose says how a state comes to the end of its log. offered is how many bytes of state others hold, 0 when nobody has said. It knows
// no more than it is told, and costs nothing.
//
//   - What is different from the log, or what the log was trimmed away from, is never repaired: only a snapshot helps.
//   - A state ahead of the log tails. Whoever told the bounds may be a server that has not caught up; and if the log did lose its
//     end, then what is written next does not fit the state, and it is different.
//   - A state within the log tails, unless it has nothing or little of a log that is longer than replayWorth and twice as long as the
//     state that others hold: then a snapshot costs less of everything.
func Choose(s Survey, offered uint64) Way {
	switch s.Standing {
	case Different, TooLate:
		return Snapshot
	case Ahead:
		return Tail
	}
	lacks := s.lacks()
	if offered > 0 && lacks > replayWorth && lacks/2 > offered {
		return Either
	}
	return Tail
}

// lacks is about how many bytes of the log come behind the state.
func (s *Survey) lacks() uint64 {
	b := s.Bounds
	if b.Last < b.First || s.At.Seq >= b.Last {
		return 0
	}
	held, wanted := float64(b.Last-b.First+1), float64(b.Last-max(s.At.Seq, b.First-1))
	return uint64(float64(b.Bytes) * wanted / held)
}
