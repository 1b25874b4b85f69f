package partitions

import (
	"context"
	"time"

	"shiplog/partitions/keyspace"
	"shiplog/wal"
)

const (
	expireScan = 8192 // expired keys looked up in Pebble at a time
	expireUnit = 64   // of them removed in one unit, which is how long others wait for the lock
)

// expirer removes keys whose time is over, as effects in the log (I7).
func (p *Partition) expirer(ctx context.Context) error {
	tick := time.NewTicker(p.cfg.ExpireEvery)
	defer tick.Stop()
	from := int64(0)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if p.keepExpired.Load() {
			continue
		}
		next, err := p.expire(ctx, from)
		if err != nil {
			return err
		}
		from = next
	}
}

// SetActiveExpire turns the removal of expired keys on or off. They are hidden in any case.
func (p *Partition) SetActiveExpire(on bool) { p.keepExpired.Store(!on) }

// expire removes everything that is due now, beginning at deadline from, and returns where to begin next time.
func (p *Partition) expire(ctx context.Context, from int64) (int64, error) {
	for ctx.Err() == nil {
		keys, last, err := p.store.Due(from, p.time(), expireScan)
		if err != nil {
			return from, p.halt(err)
		}
		number, ok := p.removeExpired(ctx, keys)
		if !ok || p.awaitApplied(number) != nil {
			return from, nil // refused or ending: try again later
		}
		from = last
		if len(keys) < expireScan {
			break
		}
	}
	return from, nil
}

// removeExpired removes keys unit by unit, so that nobody waits long for the lock, and returns the newest group that
// has effects of it. It is not ok when the partition takes no writes.
func (p *Partition) removeExpired(ctx context.Context, keys [][]byte) (number uint64, ok bool) {
	for len(keys) > 0 && ctx.Err() == nil {
		n := min(len(keys), expireUnit)
		commit, err := p.Update(expiry(keys[:n]))
		if err != nil {
			return number, false
		}
		if commit != nil {
			number = commit.number
		}
		keys = keys[n:]
	}
	return number, len(keys) == 0
}

// expiry is the unit that removes those of the keys whose time is over.
type expiry [][]byte

// Write removes the keys.
func (e expiry) Write(tx *keyspace.Tx) {
	tx.SetCause(wal.CauseExpire)
	for _, key := range e {
		tx.RemoveExpired(key)
	}
}

// Origin says that the engine itself removes them.
func (e expiry) Origin() uint64 { return 0 }

// time is now for those who do not hold the lock.
func (p *Partition) time() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now()
}

// halt ends the partition because of err.
func (p *Partition) halt(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stop(err)
}
