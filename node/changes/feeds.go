package changes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"shiplog/wal"
)

// The bounds of a node's feeds.
const (
	mostStretches = 48               // at so many places logs are read at a time
	stretchIdle   = 20 * time.Second // so long a stretch goes on without a reader
	sweepEvery    = 5 * time.Second
)

// Config says what Feeds are made of. Sources is required.
type Config struct {
	Sources Sources
	MaxBody int // bytes of effects of a body in several parts; 0: 2 GiB - 1
}

// Feeds are the change feeds of a node: they read its copies of logs for everybody. Run owns their goroutines. All methods are safe from any
// goroutine.
type Feeds struct {
	cfg     Config
	running chan struct{} // closed when Run has begun
	counts  counts

	mu        sync.Mutex
	stretches []*stretch
	start     func(func(context.Context)) context.CancelFunc // begins a goroutine that ends with Run; nil when that does not run
}

// New returns Feeds that read nothing before Run.
func New(cfg Config) *Feeds {
	if cfg.MaxBody == 0 {
		cfg.MaxBody = 1<<31 - 1
	}
	return &Feeds{cfg: cfg, running: make(chan struct{})}
}

// Running is closed when Run has begun: before that nothing can be read, and what Go is given is lost.
func (f *Feeds) Running() <-chan struct{} { return f.running }

// Run lets feeds be read until ctx ends. It must not be called twice.
func (f *Feeds) Run(ctx context.Context) error {
	var running sync.WaitGroup
	f.setStart(func(run func(context.Context)) context.CancelFunc {
		ctx, cancel := context.WithCancel(ctx)
		running.Go(func() {
			defer cancel()
			run(ctx)
		})
		return cancel
	})
	close(f.running)
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
			f.sweep()
		}
	}
	f.setStart(nil)
	running.Wait()
	return nil
}

func (f *Feeds) setStart(start func(func(context.Context)) context.CancelFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.start = start
}

// Go runs fn on a goroutine until its context ends, which it does with Run or when cancel is called. While Run does not run, nothing does.
func (f *Feeds) Go(fn func(context.Context)) (cancel context.CancelFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.start == nil {
		return func() {}
	}
	return f.start(fn)
}

// sweep ends the stretches that nobody reads.
func (f *Feeds) sweep() {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	f.stretches = slices.DeleteFunc(f.stretches, func(s *stretch) bool {
		since, free := s.idle(now)
		over := free && since > stretchIdle
		if over {
			s.cancel()
		}
		return over
	})
}

// stretchAt returns a stretch that can serve a reader at a position of a source.
func (f *Feeds) stretchAt(source Source, at wal.Position) (*stretch, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.start == nil {
		return nil, ErrNotHeld
	}
	for _, s := range f.stretches {
		if s.source.Partition() == source.Partition() && s.source.Log() == source.Log() && s.covers(at) {
			s.stand(1)
			return s, nil
		}
	}
	if len(f.stretches) >= mostStretches && !f.makeRoom() {
		return nil, fmt.Errorf("%w at %d places", ErrBusy, mostStretches)
	}
	s := newStretch(source, at)
	s.stand(1)
	f.stretches = append(f.stretches, s)
	s.cancel = f.start(func(ctx context.Context) {
		s.run(ctx, f.cfg.MaxBody)
		f.remove(s)
	})
	return s, nil
}

// makeRoom ends the stretch that has been without a reader for longest, if one is.
func (f *Feeds) makeRoom() bool {
	now, longest, at := time.Now(), time.Duration(-1), -1
	for i, s := range f.stretches {
		if since, free := s.idle(now); free && since > longest {
			longest, at = since, i
		}
	}
	if at < 0 {
		return false
	}
	f.stretches[at].cancel()
	f.stretches = slices.Delete(f.stretches, at, at+1)
	return true
}

func (f *Feeds) remove(s *stretch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stretches = slices.DeleteFunc(f.stretches, func(other *stretch) bool { return other == s })
}

// FromKind says how a reader names where it begins.
type FromKind uint8

// The ways to name a beginning.
const (
	FromToken FromKind = iota
	FromBegin          // of what is retained
	FromEnd            // only what comes
	FromTime           // what was sealed at or after MS
)

// From is where a reader begins.
type From struct {
	Kind  FromKind
	Token Token
	MS    int64 // Unix milliseconds
}

// Trimmed is the error of a reader that comes too late: errors.Is(err, ErrTrimmed). First is where the log begins now, Snapshot
// where a snapshot taken now would stand.
type Trimmed struct {
	First, Snapshot Position
	why             error
}

// Error says what is gone.
func (t *Trimmed) Error() string { return t.why.Error() }

// Unwrap returns an ErrTrimmed.
func (t *Trimmed) Unwrap() error { return t.why }

// Start returns the position of a partition at which a reader begins. A token's is returned as it is, unless it is known to be no good. The
// errors are ErrNotHeld, *Trimmed and ErrForeign.
func (f *Feeds) Start(ctx context.Context, partition int, from From) (Position, error) {
	source, err := f.cfg.Sources.Source(partition)
	if err != nil {
		return Position{}, err
	}
	p := Position{Partition: partition}
	switch from.Kind {
	case FromBegin:
		p.Position, err = beginning(ctx, source)
	case FromEnd:
		p.Position = source.Reached()
	case FromTime:
		p.Position, err = atTime(ctx, source, from.MS)
	default:
		var ok bool
		if p, ok = from.Token.Of(partition); !ok {
			return p, fmt.Errorf("%w: it says nothing of partition %d", ErrForeign, partition)
		}
	}
	return p, f.Explain(ctx, partition, err)
}

// Trimmed tells where to go on when the log no longer has what follows a position, and returns nil when it has, or when that cannot be found out now.
func (f *Feeds) Trimmed(ctx context.Context, p Position) *Trimmed {
	source, err := f.cfg.Sources.Source(p.Partition)
	if err != nil {
		return nil
	}
	bounds, err := source.Log().Bounds(ctx)
	if err != nil || p.Seq+1 >= bounds.First {
		return nil
	}
	t, _ := f.explain(ctx, p.Partition, ErrTrimmed) // an error: not now
	return t
}

// Explain adds to ErrTrimmed where to go on, for a reader who is told so and is counted, and returns any other error as it is.
func (f *Feeds) Explain(ctx context.Context, partition int, err error) error {
	if !errors.Is(err, ErrTrimmed) {
		return err
	}
	t, failed := f.explain(ctx, partition, err)
	if failed != nil {
		return failed
	}
	f.counts.trimmed.Add(1)
	return t
}

func (f *Feeds) explain(ctx context.Context, partition int, why error) (*Trimmed, error) {
	source, failed := f.cfg.Sources.Source(partition)
	if failed != nil {
		return nil, failed
	}
	first, failed := beginning(ctx, source)
	if failed != nil {
		return nil, failed
	}
	return &Trimmed{
		First:    Position{Partition: partition, Position: first},
		Snapshot: Position{Partition: partition, Position: source.Reached()}, why: why,
	}, nil
}
