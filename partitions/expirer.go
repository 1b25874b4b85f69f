package partitions

import (
	"context"
	"time"

	"shiplog/partitions/keyspace"
	"shiplog/shipper"
)

const (
	expireScan = 2048 // expired keys looked up in Pebble at a time
	expireUnit = 64   // of them removed in one unit, which is how long others wait for the lock
	expireRest = 2    // how many times as long as it took to remove so many others have the disk and the processors for themselves
)

// expiring is how far the expirer has come in the order of deadlines.
type expiring struct{ keys, fields []byte }

// expirer removes keys and fields of hashes whose time is over, as effects in the log (I7). While nothing has a deadline it sleeps: each
// look wakes the processor, on every partition of an idle node. It runs only while the partition serves.
func (p *Partition) expirer(ctx context.Context) error {
	tick := time.NewTimer(p.cfg.ExpireEvery)
	defer tick.Stop()
	var place expiring
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		nothing, err := p.nothingExpires()
		if err != nil {
			return err
		}
		if nothing {
			select {
			case <-ctx.Done():
				return nil
			case <-p.deadlines:
			}
		}
		if !p.keepExpired.Load() {
			if place.keys, err = p.expire(ctx, place.keys); err != nil {
				return err
			}
			if place.fields, err = p.removeDue(ctx, place.fields, p.store.DueFields); err != nil {
				return err
			}
		}
		tick.Reset(p.cfg.ExpireEvery)
	}
}

// nothingExpires tells whether nothing has a deadline. Then the expirer is woken by the first key or field that gets one.
func (p *Partition) nothingExpires() (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.store.SettleTimed(); err != nil {
		return false, p.stop(err)
	}
	p.resting = p.store.Volatile() == 0 && !p.store.Timed()
	return p.resting, nil
}

// wakeExpirer wakes the expirer when a key or a field has got a deadline.
func (p *Partition) wakeExpirer() {
	if p.resting && (p.store.Volatile() > 0 || p.store.Timed()) {
		p.resting = false
		select {
		case p.deadlines <- struct{}{}:
		default:
		}
	}
}

// SetActiveExpire turns the removal of expired keys on or off. They are hidden in any case.
func (p *Partition) SetActiveExpire(on bool) { p.keepExpired.Store(!on) }

// expire removes every key that is due now, beginning at a place in the order of deadlines, and returns where to begin next time.
func (p *Partition) expire(ctx context.Context, place []byte) ([]byte, error) {
	return p.removeDue(ctx, place, p.store.Due)
}

// removeDue removes everything that is due now and that look finds, beginning at a place in the order of deadlines, and returns where to
// begin next time.
func (p *Partition) removeDue(ctx context.Context, place []byte,
	look func(place []byte, end int64, limit int) ([]keyspace.Due, []byte, error)) ([]byte, error) {
	for ctx.Err() == nil {
		begin := p.cfg.Now()
		due, next, err := look(place, p.expiredBefore(), expireScan)
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
		shipper.Rest(ctx, expireRest*p.cfg.Now().Sub(begin))
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
		e := expiry{due: due[:n]}
		commit, err := p.Update(&e)
		if err != nil {
			return number, false
		}
		if commit != nil {
			number = commit.number
		}
		if due = due[n:]; len(e.more) > 0 {
			due = append(e.more, due...)
		}
	}
	return number, len(due) == 0
}

// expiry is the unit that removes those of the keys whose time is over, and some such fields of each hash.
type expiry struct{ due, more []keyspace.Due }

// Write removes them, and notes the hashes of which there is more to remove.
func (e *expiry) Write(tx *keyspace.Tx) {
	e.more = e.more[:0]
	for _, due := range e.due {
		switch {
		case !due.Field:
			tx.RemoveDue(due)
		case tx.RemoveDueFields(due):
			e.more = append(e.more, due)
		}
	}
}

// Origin says that the engine itself removes them.
func (e *expiry) Origin() uint64 { return 0 }

// halt ends the partition because of err.
func (p *Partition) halt(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stop(err)
}
