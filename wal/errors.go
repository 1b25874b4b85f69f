package wal

import "errors"

// The errors of reading a log. All of them stop the reader: it never guesses and never skips (I4).
var (
	// ErrNotRecord says that the bytes do not begin as a record does: somebody else wrote them.
	ErrNotRecord = errors.New("not a record")
	// ErrNewer says that a newer version wrote the record: it is sound, but this version does not know
	// something in it and must not guess.
	ErrNewer = errors.New("record of a newer version")
	// ErrDamaged says that the bytes are not those that were written, or that their writer was broken.
	ErrDamaged = errors.New("damaged record")
	// ErrGap says that the sequence is not the successor of the position's.
	ErrGap = errors.New("gap in the log")
	// ErrBrokenChain says that the record does not continue the position: it was written over another
	// history than the one that was read.
	ErrBrokenChain = errors.New("broken chain")
	// ErrIncarnation says that the record belongs to another life of the log than the position.
	// Position.Refound is the only way from one life into the next.
	ErrIncarnation = errors.New("another incarnation of the log")
	// ErrTooLarge says that a body of several parts is larger than the reader's limit.
	ErrTooLarge = errors.New("record body over the limit")
)
