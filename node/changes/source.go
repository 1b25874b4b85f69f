package changes

import (
	"context"
	"errors"

	"shiplog/partitions/slot"
	"shiplog/wal"
)

// The errors of readers. Each is definite: nothing was skipped. ErrBusy passes.
var (
	// ErrTrimmed says that the log no longer has what comes behind a position.
	ErrTrimmed = errors.New("the log no longer has what follows")
	// ErrForeign says that a position is of another life of the log, or of another log: what happened since then is not known.
	ErrForeign = errors.New("the token is not of this log")
	// ErrNotHeld says that this node has no copy of the partition, or that it is not open now.
	ErrNotHeld = errors.New("the partition is not here")
	// ErrBusy says that there are too many readers at too many places.
	ErrBusy = errors.New("too many readers")
)

// Definite tells whether an error of a reader says that the log itself is not as it should be: trying again is of no use.
func Definite(err error) bool {
	for _, fault := range []error{wal.ErrNotRecord, wal.ErrNewer, wal.ErrDamaged, wal.ErrGap, wal.ErrBrokenChain, wal.ErrIncarnation, wal.ErrTooLarge} {
		if errors.Is(err, fault) {
			return true
		}
	}
	return false
}

// Log is what readers need of a wal.Log. Its Tail gives as many messages at a time as are at hand, the first of them with its sequence; their bytes
// stay as they are, and may be kept.
type Log interface {
	Bounds(ctx context.Context) (wal.Bounds, error)
	Get(ctx context.Context, seq wal.Seq) ([]byte, error)
	Tail(ctx context.Context, from wal.Seq, fn func(first wal.Seq, messages [][]byte) error) error
}

// Source is this node's own copy of a partition's log, whether it leads the partition or not.
type Source interface {
	Partition() int
	Slots() slot.Range
	Log() Log
	// Reached is behind the newest whole body that this node knows to be acknowledged.
	Reached() wal.Position
}

// Sources are the partitions of a node.
type Sources interface {
	// Source returns the copy of a partition. It fails with ErrNotHeld.
	Source(partition int) (Source, error)
	// Partitions is how many partitions there are in all, 0 while that is not known.
	Partitions() int
}
