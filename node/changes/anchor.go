package changes

import (
	"context"
	"errors"
	"fmt"

	"shiplog/wal"
)

// anchorRecords is how many records are looked at to find out whether the first of them is one that a deposed primary left
// behind. It has no more than a few of them.
const anchorRecords = 64

// seen is a record without its body, where it stands in the log.
type seen struct {
	seq wal.Seq
	wal.Record
}

// before returns the position that a record continues, as far as the record says.
func (s *seen) before() wal.Position {
	p := wal.Position{Incarnation: s.Incarnation, Seq: s.seq - 1, Epoch: s.Epoch, Index: s.Index - 1, Chain: s.Prev, CommitMS: s.CommitMS}
	if s.Kind == wal.KindEpoch {
		p.Epoch, p.Index = s.Epoch-1, 0
	}
	return p
}

// anchor returns the position before the first of some records that follow one another in the log that begins a body and is no deposed
// primary's. reached is a position that is known; last tells whether the records go to the log's end. Not ok: there is none among them.
//
// A deposed primary's records are told by what comes after them: a record of a higher epoch that continues another one. When none
// comes, those of the epoch that is known to have been reached are good.
func anchor(records []seen, reached wal.Position, last bool) (wal.Position, bool) {
	for i := range records {
		if records[i].Part&wal.PartFirst == 0 {
			continue
		}
		at, err := records[i].before(), error(nil)
		for j := i; j < len(records) && err == nil; j++ {
			at, _, err = at.Next(records[j].seq, &records[j].Record)
		}
		if err == nil && !(last && reached.Seq >= records[i].seq && at.Epoch < reached.Epoch) {
			return records[i].before(), true
		}
	}
	return wal.Position{}, false
}

// errEnough ends a tail.
var errEnough = errors.New("enough")

// look reads the headers of up to n records from seq on, no further than last.
func look(ctx context.Context, log Log, seq, last wal.Seq, n int) (records []seen, err error) {
	if seq > last {
		return nil, nil
	}
	err = log.Tail(ctx, seq, func(seq wal.Seq, messages [][]byte) error {
		for _, message := range messages {
			r, err := wal.DecodeRecord(message)
			if err != nil {
				return fmt.Errorf("record %d: %w", seq, err)
			}
			r.Body = nil
			records = append(records, seen{seq, r})
			if len(records) >= n || seq >= last {
				return errEnough
			}
			seq++
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return records, err
}

// anchorAt returns the position before the first body that begins at seq or behind it. The log's end counts as one.
func anchorAt(ctx context.Context, s Source, seq wal.Seq) (wal.Position, error) {
	for {
		reached := s.Reached()
		if seq > reached.Seq {
			return reached, nil
		}
		records, err := look(ctx, s.Log(), seq, reached.Seq, anchorRecords)
		switch {
		case errors.Is(err, wal.ErrTrimmed):
			return wal.Position{}, fmt.Errorf("%w: record %d of partition %d", ErrTrimmed, seq, s.Partition())
		case err != nil:
			return wal.Position{}, err
		}
		last := len(records) < anchorRecords || records[len(records)-1].seq >= reached.Seq
		if at, ok := anchor(records, reached, last); ok {
			return at, nil
		}
		seq = records[len(records)-1].seq + 1
	}
}

// firstAt returns the first sequence whose record was sealed at or after ms. The records' times never go back.
func firstAt(ctx context.Context, log Log, bounds wal.Bounds, ms int64) (wal.Seq, error) {
	first, end := bounds.First, bounds.Last+1
	for first < end {
		middle := first + (end-first)/2
		r, err := get(ctx, log, middle)
		switch {
		case errors.Is(err, wal.ErrNotFound): // trimmed meanwhile
			first = middle + 1
		case err != nil:
			return 0, err
		case r.CommitMS < ms:
			first = middle + 1
		default:
			end = middle
		}
	}
	return first, nil
}

func get(ctx context.Context, log Log, seq wal.Seq) (wal.Record, error) {
	message, err := log.Get(ctx, seq)
	if err != nil {
		return wal.Record{}, err
	}
	return wal.DecodeRecord(message)
}

// bodyStart returns where the body begins that the record at seq is a part of.
func bodyStart(ctx context.Context, log Log, seq wal.Seq) (wal.Seq, error) {
	for {
		r, err := get(ctx, log, seq)
		if err != nil || r.Part&wal.PartFirst != 0 {
			return seq, err
		}
		seq--
	}
}

// beginning returns the position before the first body that the log still has.
func beginning(ctx context.Context, s Source) (wal.Position, error) {
	for {
		bounds, err := s.Log().Bounds(ctx)
		if err != nil {
			return wal.Position{}, fmt.Errorf("find where the log begins: %w", err)
		}
		at, err := anchorAt(ctx, s, bounds.First)
		if !errors.Is(err, ErrTrimmed) { // else it was trimmed meanwhile
			return at, err
		}
	}
}

// atTime returns the position before the first body that was sealed at or after ms. ErrTrimmed says that the log may have had earlier
// ones.
func atTime(ctx context.Context, s Source, ms int64) (wal.Position, error) {
	bounds, err := s.Log().Bounds(ctx)
	if err != nil {
		return wal.Position{}, fmt.Errorf("find where the log begins: %w", err)
	}
	seq, err := firstAt(ctx, s.Log(), bounds, ms)
	if err != nil || seq > bounds.Last {
		return s.Reached(), err
	}
	if seq, err = bodyStart(ctx, s.Log(), seq); err != nil && !errors.Is(err, wal.ErrNotFound) {
		return wal.Position{}, err
	}
	if err != nil || seq == bounds.First && seq > 1 {
		return wal.Position{}, fmt.Errorf("%w: the first record of partition %d is newer", ErrTrimmed, s.Partition())
	}
	return anchorAt(ctx, s, seq)
}
