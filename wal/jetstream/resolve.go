package jetstream

import (
	"bytes"
	"context"
	"errors"
	"time"

	"shiplog/wal"
)

// The pauses between two attempts of the same append.
const (
	firstPause = 2 * time.Millisecond
	maxPause   = 250 * time.Millisecond
)

// unheardPause is the pause before an attempt that nobody took in is repeated: a new leader is there any moment.
const unheardPause = 25 * time.Millisecond

// shortestRead is the least that a read of a sequence is given. A read that goes to a leader that is gone gets no answer, and shall
// not hold up the next one for long; but a large message or a slow machine needs its time.
const (
	shortestRead = 250 * time.Millisecond
	readPerByte  = 200 * time.Nanosecond
)

// resolve finds out what became of appends whose answer was not clear or did not come, until the log is
// closed. Then it gives the rest up as undecided.
func (l *Log) resolve() {
	ctx, cancel := context.WithCancel(context.Background())
	l.running.Go(func() { // ends with the log
		<-l.closing
		cancel()
	})
	for !l.closed() {
		a, wait := l.appends.next()
		switch {
		case a != nil:
			l.resolveOne(ctx, a)
			l.letGo(a)
		case wait > 0:
			l.lookedOrWaited(wait)
		default:
			select {
			case <-l.look:
			case <-l.closing:
			}
		}
	}
	for _, a := range l.appends.giveUp() {
		a.done(wal.ErrUndecided)
	}
}

func (l *Log) lookedOrWaited(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.look:
	case <-l.closing:
	}
}

// next returns an append that is due, held, or how long to wait for the next one; 0 is until there is one.
func (p *appends) next() (*appending, time.Duration) {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	var wait time.Duration
	for _, a := range p.pending {
		left := a.due.Sub(now)
		if left <= 0 {
			a.held = true
			return a, 0
		}
		if wait == 0 || left < wait {
			wait = left
		}
	}
	p.asleep = wait == 0
	return nil, wait
}

// letGo ends the resolver's use of a, and calls done if it was decided meanwhile.
func (l *Log) letGo(a *appending) {
	l.appends.mu.Lock()
	a.held = false
	decided, outcome := a.decided, a.outcome
	l.appends.mu.Unlock()
	if decided {
		a.done(outcome)
	}
}

// giveUp closes the appends and returns those without an outcome.
func (p *appends) giveUp() []*appending {
	p.mu.Lock()
	defer p.mu.Unlock()
	rest := p.pending
	p.pending, p.closed = nil, true
	for _, a := range rest {
		a.decided = true
	}
	return rest
}

// resolveOne reads what stands at the sequence. What stands there is final; that nothing stands there
// is not: then the same bytes go out again with the same fence, and at most one copy can land.
func (l *Log) resolveOne(ctx context.Context, a *appending) {
	switch {
	case bug("give-up"):
		l.appends.settle(a, wal.ErrUndecided)
		return
	case bug("error-when-unknown"):
		l.appends.settle(a, wal.ErrFull)
		return
	}
	if l.appends.again(a) {
		l.repeat(a)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, a.readWithin(l.cfg.AckWait))
	defer cancel()
	stored, err := l.get(ctx, a.at)
	switch {
	case err == nil && bytes.Equal(stored, a.message):
		l.appends.settle(a, nil)
	case err == nil:
		l.appends.settle(a, wal.ErrFenced)
	case !errors.Is(err, wal.ErrNotFound):
		l.appends.later(a)
	case l.trimmed(ctx, a.at):
		l.appends.settle(a, wal.ErrUndecided) // it stood there or another did: nobody can tell any more
	default:
		l.repeat(a)
	}
}

// repeat sends the same bytes with the same fence once more.
func (l *Log) repeat(a *appending) {
	if w, reply := l.appends.retry(a, l.cfg.AckWait); w != nil {
		l.send(w, reply, a)
	}
}

// again says whether the last attempt of a reached nobody: there is nothing to ask about it.
func (p *appends) again(a *appending) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return a.unheard
}

// trimmed says whether the log certainly begins behind seq.
func (l *Log) trimmed(ctx context.Context, seq wal.Seq) bool {
	bounds, err := l.Bounds(ctx)
	return err == nil && bounds.First > seq
}

// settle decides a, which the resolver holds: letGo calls done.
func (p *appends) settle(a *appending, outcome error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.decide(a, outcome)
}

// later lets a rest before the resolver looks again.
func (p *appends) later(a *appending) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a.rest()
	a.vain++
	a.due = time.Now().Add(a.pause)
}

// readWithin is how long the next read of a's sequence may take: more after each one in vain. Only the resolver calls it.
func (a *appending) readWithin(atLeast time.Duration) time.Duration {
	shortest := shortestRead + time.Duration(a.vain)*shortestRead/4 + time.Duration(len(a.message))*readPerByte
	return min(readWithin, max(atLeast, shortest))
}

// rest doubles the pause. The caller holds mu.
func (a *appending) rest() { a.pause = min(max(2*a.pause, firstPause), maxPause) }

// retry notes that a goes out again and returns where to send it: nowhere if it was decided meanwhile
// or there is no connection. An answer to the attempt before it is not waited for any more.
func (p *appends) retry(a *appending, within time.Duration) (*wire, []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a.decided {
		return nil, nil
	}
	if !a.unheard {
		a.rest()
	}
	if p.wire == nil {
		a.due = time.Now().Add(max(a.pause, firstPause))
		return nil, nil
	}
	a.due = time.Now().Add(within)
	return p.wire, p.attempt(a)
}
