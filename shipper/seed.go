package shipper

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"shiplog/wal"
)

// Seeding fills the folder of a state that is closed with a snapshot of another node.
type Seeding struct {
	Partition int
	Dir       string // of the state; beside it, in Dir.seed, the snapshot arrives
	Log       wal.Log
	From      Courier
	// Inspect says what the state in a folder is of, and changes nothing there. An error means that it cannot be opened.
	Inspect  func(dir string) (Copied, error)
	Progress *Progress
	// Began is told of the sequence that the log must be kept from. nil: nobody is told.
	Began func(at wal.Seq)
}

// ErrUnfit says that a snapshot does not belong to the log, or that the log does not go on from it.
var ErrUnfit = errors.New("the snapshot does not fit the log")

// takingAgain is the pause before an offer is asked for again that is being taken.
const takingAgain = 100 * time.Millisecond

// folders of a seeding.
func seedDir(dir string) string { return dir + ".seed" }
func oldDir(dir string) string  { return dir + ".old" }

// Run fetches the newest snapshot, holds it to its sums, to its own word and to the log, and puts it in the place of the state. Until
// all of that has succeeded the state that was there stays. It returns where the new state stands. After an error it may be called
// again, with the same courier or another one, also by a later process: what has arrived is not fetched again.
func (s *Seeding) Run(ctx context.Context) (wal.Position, error) {
	m, err := s.offer(ctx)
	if err != nil {
		return wal.Position{}, fmt.Errorf("ask for a snapshot: %w", err)
	}
	if err := s.fits(ctx, m.Position); err != nil {
		return wal.Position{}, err
	}
	s.Progress.At.Store(uint64(m.Position.Seq))
	if s.Began != nil {
		s.Began(m.Position.Seq)
	}
	arriving := seedDir(s.Dir)
	if err := prepare(arriving, s.Dir, m); err != nil {
		return wal.Position{}, fmt.Errorf("make room for a snapshot: %w", err)
	}
	if err := fetch(ctx, s.From, m, arriving, s.Progress); err != nil {
		return wal.Position{}, err
	}
	if err := s.verify(ctx, m, arriving); err != nil {
		if !errors.Is(err, ErrDamaged) {
			return wal.Position{}, err
		}
		return wal.Position{}, errors.Join(err, os.RemoveAll(arriving)) // its sums are right and it is wrong: nothing of it is to be kept
	}
	return m.Position, s.install(arriving)
}

// offer asks until the other node has a snapshot.
func (s *Seeding) offer(ctx context.Context) (*Manifest, error) {
	for {
		bounds, err := s.Log.Bounds(ctx)
		if err != nil {
			return nil, err
		}
		r := request{kind: askOffer, partition: s.Partition, above: uint64(max(bounds.First, 1) - 1)}
		answer, err := s.From.Ask(ctx, r.encode())
		if err != nil {
			return nil, err
		}
		data, err := decodeAnswer(answer)
		if errors.Is(err, ErrTaking) {
			timer := time.NewTimer(takingAgain)
			select {
			case <-timer.C:
				continue
			case <-ctx.Done():
				timer.Stop()
				return nil, context.Cause(ctx)
			}
		}
		if err != nil {
			return nil, err
		}
		m, err := DecodeManifest(data)
		if err == nil && m.Partition != s.Partition {
			err = fmt.Errorf("%w: it is of partition %d", ErrManifest, m.Partition)
		}
		return m, err
	}
}

// fits holds a position to the log: the record that it is at must be there, or what follows, with the same chain.
func (s *Seeding) fits(ctx context.Context, at wal.Position) error {
	standing, err := Compare(ctx, s.Log, at)
	if err != nil {
		return err
	}
	if standing != Within || at.Seq == 0 {
		return fmt.Errorf("%w: at %d it is %v", ErrUnfit, at.Seq, standing)
	}
	return s.continued(ctx, at)
}

// continued holds the record behind a position whose own was trimmed to continuing it: else only following would find out, when the state is in place.
func (s *Seeding) continued(ctx context.Context, at wal.Position) error {
	bounds, err := s.Log.Bounds(ctx)
	if err != nil || bounds.First <= at.Seq {
		return err
	}
	for verdict := wal.Stale; verdict == wal.Stale && at.Seq < bounds.Last; {
		r, err := record(ctx, s.Log, at.Seq+1)
		if errors.Is(err, wal.ErrNotFound) || errors.Is(err, wal.ErrTrimmed) {
			return nil // trimmed meanwhile: following will tell
		}
		if err != nil {
			return err
		}
		if at, verdict, err = at.Next(at.Seq+1, &r); err != nil {
			return fmt.Errorf("%w: %w", ErrUnfit, err)
		}
	}
	return nil
}

// verify opens what has arrived, and compares it with what was said of it, and once more with the log.
func (s *Seeding) verify(ctx context.Context, m *Manifest, dir string) error {
	found, err := s.Inspect(dir)
	if err != nil {
		return fmt.Errorf("%w: it cannot be opened: %w", ErrDamaged, err)
	}
	if found != m.Copied {
		return fmt.Errorf("%w: it is of %+v, and was said to be of %+v", ErrDamaged, found, m.Copied)
	}
	return s.fits(ctx, m.Position)
}

// install puts a whole snapshot in the place of the state. Whatever moment it is interrupted at, the state's folder is the old one, the
// new one, or missing with the whole snapshot beside it.
func (s *Seeding) install(arriving string) error {
	old := oldDir(s.Dir)
	if err := os.RemoveAll(old); err != nil {
		return err
	}
	if err := os.Rename(s.Dir, old); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Rename(arriving, s.Dir); err != nil {
		return err
	}
	if err := syncFolder(filepath.Dir(s.Dir)); err != nil {
		return err
	}
	return errors.Join(os.Remove(filepath.Join(s.Dir, manifestName)), os.RemoveAll(old))
}
