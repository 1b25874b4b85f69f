package shipper

import (
	"context"
	"errors"
	"fmt"

	"shiplog/wal"
)

// Standing says how a position relates to a log.
type Standing uint8

// The standings. Only a state that is Within may be served after following the log (I9).
const (
	// Within: the log has, or had before it was trimmed, the record that the position is at, and has what follows.
	Within Standing = 1
	// Ahead: the log ends before the position. A lone node founds the log anew; a replica is reseeded.
	Ahead Standing = 2
	// Different: the log has another record at the position. Treated like Ahead, and never served.
	Different Standing = 3
	// TooLate: the log was trimmed beyond what follows the position. The state must be reseeded.
	TooLate Standing = 4
)

// String returns the standing in the words of the documentation.
func (s Standing) String() string {
	switch s {
	case Within:
		return "within the log"
	case Ahead:
		return "ahead of the log"
	case Different:
		return "different from the log"
	case TooLate:
		return "trimmed away from the log"
	}
	return fmt.Sprintf("Standing(%d)", uint8(s))
}

// Compare says how p relates to log, at the time of the call. When the record that p is at has been
// trimmed, Within says only that what follows is there; wal.Position.Next will judge it by its chain.
func Compare(ctx context.Context, log wal.Log, p wal.Position) (Standing, error) {
	bounds, err := log.Bounds(ctx)
	if err != nil {
		return 0, fmt.Errorf("compare a state with its log: %w", err)
	}
	switch {
	case p.Seq > bounds.Last:
		return Ahead, nil
	case p.Seq+1 < bounds.First:
		return TooLate, nil
	}
	// Stale records carry no chain of ours: the one before them is asked.
	for seq := p.Seq; seq >= bounds.First && seq > 0; seq-- {
		r, err := record(ctx, log, seq)
		if errors.Is(err, wal.ErrNotFound) {
			break // trimmed meanwhile
		}
		if err != nil {
			return 0, fmt.Errorf("compare a state with its log: %w", err)
		}
		if r.Epoch < p.Epoch {
			continue
		}
		if (r.Chain != p.Chain || r.Incarnation != p.Incarnation) && !bug("keep-divergent-state") {
			return Different, nil
		}
		return Within, nil
	}
	return Within, nil
}

func record(ctx context.Context, log wal.Log, seq wal.Seq) (wal.Record, error) {
	message, err := log.Get(ctx, seq)
	if err != nil {
		return wal.Record{}, err
	}
	return wal.DecodeRecord(message)
}
