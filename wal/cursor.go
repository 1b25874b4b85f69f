package wal

import "fmt"

// Verdict says what a reader does with a record that stands where it should.
type Verdict uint8

// The verdicts of Position.Next.
const (
	// Accepted: the record continues the log; its effects are facts.
	Accepted Verdict = 1
	// Stale: a deposed primary's record that reached the log after the epoch that deposed it. It was never
	// acknowledged to a client; its effects are skipped, as if its sequence were empty.
	Stale Verdict = 2
)

// Next judges whether r, found at sequence seq, follows p, and returns the position behind it. It is
// the only way in which a reader moves forward (I4):
//
//   - The sequence must be the next one, or the error is ErrGap.
//   - A record of an epoch lower than p's is Stale: the sequence moves, the rest of the position stays.
//   - A record of p's epoch must have the next index and carry p's chain.
//   - An EPOCH record must have a higher epoch and carry p's chain. Only it may begin an epoch.
//   - The incarnation must be p's (ErrIncarnation), unless p is at no record of any log yet.
//
// Anything else is ErrBrokenChain. After an error the position is unchanged and the reader must stop.
func (p Position) Next(seq Seq, r *Record) (Position, Verdict, error) {
	switch {
	case seq != p.Seq+1:
		return p, 0, fmt.Errorf("%w: sequence %d after %d", ErrGap, seq, p.Seq)
	case r.Epoch < p.Epoch:
		p.Seq = seq
		return p, Stale, nil
	case p.Epoch != 0 && r.Incarnation != p.Incarnation:
		return p, 0, fmt.Errorf("%w: sequence %d is of %x, not of %x", ErrIncarnation, seq, r.Incarnation, p.Incarnation)
	case !p.continuedBy(r):
		return p, 0, p.broken(seq, r)
	}
	return PositionAt(seq, r), Accepted, nil
}

// Refound is Next for the first record of a log that was founded anew over the state at p: an EPOCH
// record of another incarnation and a higher epoch, at the next sequence, that carries p's chain. The caller must mean
// it: everything that the log's former life held beyond p is given up. The error is ErrGap or
// ErrBrokenChain.
func (p Position) Refound(seq Seq, r *Record) (Position, error) {
	switch {
	case seq != p.Seq+1:
		return p, fmt.Errorf("%w: sequence %d after %d", ErrGap, seq, p.Seq)
	case r.Kind != KindEpoch || r.Incarnation == p.Incarnation || !p.continuedBy(r):
		return p, p.broken(seq, r)
	}
	return PositionAt(seq, r), nil
}

// PositionAt returns the position behind r without asking what was before it. It is for readers that
// trust where they begin, such as one that shows a log from its middle. It must not be called with a
// record that is Stale.
func PositionAt(seq Seq, r *Record) Position {
	return Position{
		Incarnation: r.Incarnation,
		Seq:         seq,
		Epoch:       r.Epoch,
		Index:       r.Index,
		Chain:       r.Chain,
		CommitMS:    r.CommitMS,
	}
}

// continuedBy says whether r's epoch, index and chain are the successor's of p.
func (p Position) continuedBy(r *Record) bool {
	if r.Prev != p.Chain {
		return false
	}
	if r.Kind == KindEpoch {
		return r.Epoch > p.Epoch && r.Index == 0
	}
	return r.Epoch == p.Epoch && r.Index == p.Index+1
}

func (p Position) broken(seq Seq, r *Record) error {
	return fmt.Errorf("%w: sequence %d (kind %d, epoch %d, index %d, previous %016x) does not follow epoch %d, index %d, chain %016x",
		ErrBrokenChain, seq, r.Kind, r.Epoch, r.Index, r.Prev, p.Epoch, p.Index, p.Chain)
}
