package changes

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"sync"
	"time"

	"shiplog/wal"
)

// The bounds of a stretch.
const (
	stretchKeep  = 4 << 20 // bytes of bodies that it keeps, if one body is not larger
	stretchAhead = 2 << 20 // bytes that it reads before somebody asks for them
	stretchReach = 1024    // records that a reader may be ahead of it and still wait for it
)

// stretch is a tail of a log that goes on for a while, and the newest bodies that came. It is shared by those who read at about the same
// place. It runs on one goroutine of Feeds; what is below mu is for everybody.
type stretch struct {
	source Source
	cancel context.CancelFunc // guarded by Feeds.mu

	mu      sync.Mutex
	room    *sync.Cond // demand or ended has changed
	start   wal.Position
	at      wal.Position // behind the last record
	bodies  []*Body
	bytes   int
	demand  wal.Seq // so far somebody has asked
	waiting map[chan<- struct{}]struct{}
	readers int // that stand in it
	used    time.Time
	ended   error
}

func newStretch(s Source, at wal.Position) *stretch {
	st := &stretch{source: s, start: at, at: at, demand: at.Seq, used: time.Now(), waiting: make(map[chan<- struct{}]struct{})}
	st.room = sync.NewCond(&st.mu)
	return st
}

// run reads the log until ctx ends or the log cannot be read on, which is then what readers are told.
func (s *stretch) run(ctx context.Context, limit int) {
	bodies := NewBodies(s.start, limit)
	wake := context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.room.Broadcast()
	})
	defer wake()
	err := s.source.Log().Tail(ctx, s.start.Seq+1, func(first wal.Seq, messages [][]byte) error {
		for i, message := range messages {
			body, err := bodies.Take(first+wal.Seq(i), message)
			if err != nil {
				return err
			}
			s.add(ctx, bodies.Position(), body, i+1 < len(messages))
		}
		return ctx.Err()
	})
	s.end(s.explain(err))
}

// explain makes the end of a tail what readers are told. What does not continue the position that the stretch began at is another
// log than that position's; whatever comes later is a fault of the log.
func (s *stretch) explain(err error) error {
	s.mu.Lock()
	begun := len(s.bodies) > 0 || s.at != s.start
	s.mu.Unlock()
	switch {
	case errors.Is(err, wal.ErrTrimmed):
		return fmt.Errorf("%w: %w", ErrTrimmed, err)
	case !begun && (errors.Is(err, wal.ErrIncarnation) || errors.Is(err, wal.ErrBrokenChain)):
		return fmt.Errorf("%w: %w", ErrForeign, err)
	case errors.Is(err, wal.ErrClosed), errors.Is(err, context.Canceled):
		return fmt.Errorf("%w: %w", ErrNotHeld, err)
	default:
		return err
	}
}

// add takes what has come, and waits until somebody wants more. Readers are woken when no more follows at once.
func (s *stretch) add(ctx context.Context, at wal.Position, body *Body, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = at
	if body != nil {
		s.bodies = append(s.bodies, body)
		s.bytes += body.Size
		s.shrink()
	}
	if more && s.ahead() <= stretchAhead {
		return
	}
	s.wake()
	for s.ahead() > stretchAhead && ctx.Err() == nil {
		s.room.Wait()
	}
}

// shrink lets go of the oldest bodies.
func (s *stretch) shrink() {
	n := 0
	for s.bytes > stretchKeep && n < len(s.bodies)-1 && s.bodies[n].After.Seq <= s.demand {
		s.bytes -= s.bodies[n].Size
		s.start = s.bodies[n].After
		s.bodies[n] = nil
		n++
	}
	s.bodies = s.bodies[n:]
}

// ahead returns how many bytes there are that nobody has asked for.
func (s *stretch) ahead() (n int) {
	for i := len(s.bodies) - 1; i >= 0 && s.bodies[i].After.Seq > s.demand; i-- {
		n += s.bodies[i].Size
	}
	return n
}

func (s *stretch) wake() {
	for w := range s.waiting {
		select {
		case w <- struct{}{}:
		default:
		}
	}
	clear(s.waiting)
}

func (s *stretch) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = err
	s.wake()
}

// covers tells whether a reader at a position can be served, now or soon.
func (s *stretch) covers(at wal.Position) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended == nil && s.start.Seq <= at.Seq && at.Seq <= s.at.Seq+stretchReach
}

// idle returns how long nobody has asked, and whether no reader stands here: then it is long since, or one may come back that is between two
// questions.
func (s *stretch) idle(now time.Time) (since time.Duration, free bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return now.Sub(s.used), s.readers == 0
}

// stand counts a reader that stands here, or with -1 one that does not any more.
func (s *stretch) stand(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readers += n
	s.used = time.Now()
}

// next returns the body behind a position; or nil, and then wake, unless it is nil, gets a value when there may be one. The error says why
// there will be none: errMoved that another stretch must be asked.
func (s *stretch) next(at wal.Position, wake chan<- struct{}) (*Body, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used = time.Now()
	i := sort.Search(len(s.bodies), func(i int) bool { return s.bodies[i].After.Seq > at.Seq })
	switch {
	case at.Seq < s.start.Seq:
		return nil, errMoved
	case i < len(s.bodies):
		b := s.bodies[i]
		if at.Seq >= b.First || b.Before.Chain != at.Chain {
			return nil, fmt.Errorf("%w: it says that record %d has the chain %016x", ErrForeign, at.Seq, at.Chain)
		}
		if b.After.Seq > s.demand {
			s.demand = b.After.Seq
			s.room.Signal()
		}
		return b, nil
	case s.ended != nil:
		return nil, s.ended
	}
	if at.Seq > s.demand {
		s.demand = at.Seq
		s.room.Signal()
	}
	if wake != nil {
		s.waiting[wake] = struct{}{}
	}
	return nil, nil
}

// forget takes out who waits.
func (s *stretch) forget(wake chan<- struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, wake)
}

// errMoved says that a stretch has left a position behind.
var errMoved = errors.New("the stretch has moved on")
