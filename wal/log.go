package wal

import (
	"context"
	"errors"
)

// The errors of a Log. Refused: ErrFull, ErrNotFound. Fenced: ErrFenced. Unknown: ErrUndecided.
var (
	// ErrFenced says that another record stands where this one should: the writer is no longer the only
	// one and must step down. The record was not stored.
	ErrFenced = errors.New("another record holds this sequence")
	// ErrFull says that the log refused the record for want of space. It was not stored.
	ErrFull = errors.New("the log has no space")
	// ErrUndecided says that the log was closed before the outcome was known: the record may or may not
	// have been stored, and may still be.
	ErrUndecided = errors.New("the outcome is not known")
	// ErrNotFound says that the log does not hold this sequence now. It proves nothing about the future.
	ErrNotFound = errors.New("no record at this sequence")
	// ErrTrimmed says that the log no longer holds the sequence asked for.
	ErrTrimmed = errors.New("the log was trimmed beyond this sequence")
	// ErrClosed says that the log was closed before the call.
	ErrClosed = errors.New("the log is closed")
)

// Bounds are the first and the last sequence that a log holds, and about how many bytes it takes to store. An
// empty log has Last = First-1. They are a hint: only an acknowledged append proves where a log ends (I5).
type Bounds struct {
	First, Last Seq
	Bytes       uint64
}

// Log is one partition's log: an ordered sequence of messages, each stored once and for ever at the
// sequence its writer named, until it is trimmed.
//
// Append starts storing message at exactly sequence at and returns without waiting. done is called once, from
// another goroutine, when the outcome is definite: nil (stored, at the configured durability),
// ErrFenced, ErrFull, or, only because the log was closed, ErrUndecided. Until then the log keeps trying the same bytes at the
// same sequence: a time-out is never an outcome (I11). The caller must not change message before done is
// called, must not append at a sequence again before the one before it is decided, and done must not block.
//
// Get returns the message at seq, or ErrNotFound. Tail calls fn with every message from sequence from on, in
// order and without gaps, and waits for more when it reaches the end; it returns ErrTrimmed if from is
// no longer held, fn's error if fn fails, and ctx's cause when ctx ends. fn must not keep the bytes after it returns.
// Trim removes every message below keep. It is safe to call any of them from several goroutines.
type Log interface {
	Bounds(ctx context.Context) (Bounds, error)
	Append(at Seq, message []byte, done func(error))
	Get(ctx context.Context, seq Seq) ([]byte, error)
	Tail(ctx context.Context, from Seq, fn func(seq Seq, message []byte) error) error
	Trim(ctx context.Context, keep Seq) error
	Close() error
}
