package shipper

import (
	"context"
	"sync"
	"time"
)

// Pace keeps what is sent below a number of bytes a second. Its methods may be called from several goroutines; they share the rate.
type Pace struct {
	now func() time.Time

	mu    sync.Mutex
	rate  int64     // bytes a second; 0: no limit
	free  time.Time // when what was allowed until now will have been sent
	given int64     // bytes that were allowed
}

// paceBurst is how long nobody may have sent for and then send at once.
const paceBurst = 20 * time.Millisecond

// NewPace returns a Pace of so many bytes a second, 0 for no limit.
func NewPace(rate int64) *Pace { return &Pace{rate: rate, now: time.Now} }

// Set changes the rate, for what is asked for from now on.
func (p *Pace) Set(rate int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rate = rate
}

// Rest has nothing allowed for so long from now, except where there is no limit.
func (p *Pace) Rest(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until := p.now().Add(d); p.free.Before(until) {
		p.free = until
	}
}

// Given returns how many bytes were allowed until now.
func (p *Pace) Given() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.given
}

// Wait blocks until n more bytes may be sent, or ctx ends.
func (p *Pace) Wait(ctx context.Context, n int) error {
	wait := p.take(n)
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// take takes leave to send n bytes, and returns after how long that holds.
func (p *Pace) take(n int) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.given += int64(n)
	if p.rate <= 0 {
		return 0
	}
	now := p.now()
	if earliest := now.Add(-paceBurst); p.free.Before(earliest) {
		p.free = earliest
	}
	p.free = p.free.Add(time.Duration(float64(n) / float64(p.rate) * float64(time.Second)))
	return p.free.Sub(now)
}
