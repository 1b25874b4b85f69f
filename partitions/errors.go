package partitions

import "errors"

// The errors of a partition. Refused (nothing was done): ErrRefused, ErrTooLarge, ErrNotServing, ErrLagging,
// ErrOccupied, ErrOutpaced. Fenced: ErrDeposed.
// Unknown (no reply may be sent, the connection must be closed): ErrUndecided of a Commit. In a cluster a Commit's
// ErrDeposed is definite: the record is not in the log and never will be.
var (
	// ErrRefused says that the log takes no records for want of space. What was asked for is not done.
	ErrRefused = errors.New("the log has no space for writes")
	// ErrTooLarge says that a unit is larger than the configured limit. It is not done.
	ErrTooLarge = errors.New("the unit is larger than the configured limit")
	// ErrNotServing says that the partition is not open for commands (yet, or any more). Nothing was done.
	ErrNotServing = errors.New("the partition is not serving")
	// ErrDeposed says that another primary has written to the log.
	ErrDeposed = errors.New("another primary has taken over the log")
	// ErrOccupied says that a unit that takes long has the partition for itself. Nothing was done.
	ErrOccupied = errors.New("the partition is occupied")
	// ErrOutpaced says that a reader took longer than a replica keeps the log waiting. Nothing was done.
	ErrOutpaced = errors.New("it took longer than a replica keeps the log waiting")
	// ErrLagging says that a replica may be further behind than it should. Nothing was done.
	ErrLagging = errors.New("the replica lags behind")
	// ErrUndecided says that the partition ended before the outcome of a record was known.
	ErrUndecided = errors.New("the outcome of a write is not known")
	// ErrDiffers says that the state and the log do not belong together: the log holds another record where
	// the state ends.
	ErrDiffers = errors.New("the state and the log are of different histories")
	// ErrBehind says that the log no longer holds what the state lacks.
	ErrBehind = errors.New("the log no longer holds the records that the state lacks")
)
