package partitions

import (
	"context"
	"time"

	"shiplog/partitions/keyspace"
)

const (
	expireScan = 2048 // expired keys looked up in Pebble at a time
	expireUnit = 64   // of them removed in one unit, which is how long others wait for the lock
)

// expirer removes keys whose time is over, as effects in the log (I7). While no key has a deadline it sleeps: each look wakes the
// processor, on every partition of an idle node. It runs only while the partition serves.
func (p *Partition) expirer(ctx context.Context) error {
	tick := time.NewTimer(p.cfg.ExpireEvery)
	defer tick.Stop()
	var place []byte
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if p.nothingExpires() {
			select {
			case <-ctx.Done():
				return nil
			case <-p.deadlines:
			}
		}
		if !p.keepExpired.Load() {
			next, err := p.expire(ctx, place)
			if err != nil {
				return err
			}
			place = next
		}
		tick.Reset(p.cfg.ExpireEvery)
	}
}

// nothingExpires tells whether no key has a deadline. Then the expirer is woken by the first that gets one.
func (p *Partition) nothingExpires() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resting = p.store.Volatile() == 0
	return p.resting
}

// wakeExpirer wakes the expirer when a key has got a deadline.
func (p *Partition) wakeExpirer() {
	if p.resting && p.store.Volatile() > 0 {
		p.resting = false
		select {
		case p.deadlines <- struct{}{}:
		default:
		}
	}
}

// SetActiveExpire turns the removal of expired keys on or off. They are hidden in any case.
func (p *Partition) SetActiveExpire(on bool) { p.keepExpired.Store(!on) }

// expire removes everything that is due now, beginning at a place in the order of deadlines, and returns where to begin next
// time.
func (p *Partition) expire(ctx context.Context, place []byte) ([]byte, error) {
	for ctx.Err() == nil {
		due, next, err := p.store.Due(place, p.expiredBefore(), expireScan)
		if err != nil {
			return place, p.halt(err)
		}
		number, ok := p.removeExpired(ctx, due)
		if !ok || p.awaitApplied(number) != nil {
			return place, nil // refused or ending: try again later
		}
		place = next
		if len(due) < expireScan {
			break
		}
	}
	return place, nil
}

// expiredBefore returns the time before which every deadline that is over is in Pebble's index. Units that are not
// applied ran after the newest applied group was sealed, so the deadlines that they set lie behind that.
func (p *Partition) expiredBefore() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.backlog == 0 && p.flight == nil && p.open.empty() {
		return p.now()
	}
	return p.appliedMS
}

// removeExpired removes what is due unit by unit, so that nobody waits long for the lock, and returns the newest group that
// has effects of it. It is not ok when the partition takes no writes.
func (p *Partition) removeExpired(ctx context.Context, due []keyspace.Due) (number uint64, ok bool) {
	for len(due) > 0 && ctx.Err() == nil {
		n := min(len(due), expireUnit)
		commit, err := p.Update(expiry(due[:n]))
		if err != nil {
			return number, false
		}
		if commit != nil {
			number = commit.number
		}
		due = due[n:]
	}
	return number, len(due) == 0
}

// expiry is the unit that removes those of the keys whose time is over.
type expiry []keyspace.Due

// Write removes the keys.
func (e expiry) Write(tx *keyspace.Tx) {
	for _, due := range e {
		tx.RemoveDue(due)
	}
}

// Origin says that the engine itself removes them.
func (e expiry) Origin() uint64 { return 0 }

// halt ends the partition because of err.
func (p *Partition) halt(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stop(err)
}
