package commands

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// pauseKind is what CLIENT PAUSE holds back.
type pauseKind int32

const (
	pauseNothing pauseKind = iota
	pauseWrites
	pauseAll
)

// pause is the state of CLIENT PAUSE. The kind is read on the hot path; everything else is guarded.
type pause struct {
	kind   atomic.Int32
	mu     sync.Mutex
	until  time.Time
	change chan struct{} // closed when the pause changes
}

// holds tells whether a command must wait, at the cost of one load when nothing is paused.
func (p *pause) holds(writes bool) bool {
	kind := pauseKind(p.kind.Load())
	if kind == pauseNothing {
		return false
	}
	return (kind == pauseAll || writes) && p.left() > 0
}

// left returns how long the pause still lasts, and ends it when it is over.
func (p *pause) left() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	left := time.Until(p.until)
	if left <= 0 {
		p.kind.Store(int32(pauseNothing))
	}
	return max(left, 0)
}

// begin starts a pause, or prolongs the present one. As in Redis it neither shortens a pause nor weakens it.
func (p *pause) begin(kind pauseKind, length time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	until := time.Now().Add(length)
	if now := pauseKind(p.kind.Load()); now != pauseNothing && time.Until(p.until) > 0 {
		kind = max(kind, now)
		if until.Before(p.until) {
			until = p.until
		}
	}
	p.until = until
	p.kind.Store(int32(kind))
	p.announce()
}

// end ends the pause.
func (p *pause) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until = time.Time{}
	p.kind.Store(int32(pauseNothing))
	p.announce()
}

func (p *pause) announce() {
	if p.change != nil {
		close(p.change)
		p.change = nil
	}
}

// changed returns a channel that is closed when the pause changes.
func (p *pause) changed() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.change == nil {
		p.change = make(chan struct{})
	}
	return p.change
}

// wait blocks until a command may run, or ctx ends.
func (p *pause) wait(ctx context.Context, writes bool) error {
	for {
		change := p.changed()
		if !p.holds(writes) {
			return nil
		}
		timer := time.NewTimer(p.left())
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-change:
			timer.Stop()
		case <-timer.C:
		}
	}
}
