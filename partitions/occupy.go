package partitions

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"shiplog/partitions/keyspace"
)

// Occupant is a unit that may take long between what it does to the state: it runs code of a client's. It reaches the state
// only through the function that Lend is given before Write or Read is called.
type Occupant interface {
	Reader
	Writer
	// Lend gives the unit what it needs: touch runs a function that reads or writes the state, and returns an error, without running
	// it, when the unit is over. loosen gives the partition's lock up at once: the unit is about to do something else that takes long,
	// or that needs the lock.
	Lend(touch func(do func()) error, loosen func())
	// Evicted is told, from another goroutine and under the lock, that the unit is over. It must not block.
	Evicted(why error)
}

// looseAfter is how long an occupant holds the lock. It is as long as others wait for it without knowing.
const looseAfter = 10 * time.Millisecond

// What an occupant is doing.
const (
	elsewhere int32 = iota // not at the state, but the lock is held for it
	touching               // at the state
	overdue                // at the state, and the lock is to be given up afterwards
	loose                  // not at the state, and the lock is free
)

// occupancy is one occupant's time in the partition. For the first while it holds the lock, as any unit does. Then the
// lock is given up, and whoever comes is told that the partition is occupied; from then on the lock is taken for each touch of the state.
//
// While the partition is occupied nothing is sent to the log and the partition's time stands still: the unit's effects are in
// the open group. Whoever must not wait evicts the occupant: its effects are undone at once, and it learns of it at its next touch.
type occupancy struct {
	p        *Partition
	unit     Occupant
	tx       *keyspace.Tx // nil: it only reads
	doing    atomic.Int32
	relieved *time.Timer
	over     error // why the unit is over; under the lock
	evicted  bool  // and it is undone already
}

// Occupy runs w as Update does, but may take as long as w likes. With writes false w is only to read; it is not refused then when writes
// are.
func (p *Partition) Occupy(w Occupant, writes bool) (*Commit, error) {
	p.mu.Lock()
	err := p.admit()
	if err != nil && !writes && errors.Is(err, ErrRefused) {
		err = nil
	}
	if err != nil {
		p.mu.Unlock()
		return nil, err
	}
	o := p.occupy(w)
	c, err := p.unit(o)
	if err == nil {
		p.attend()
	}
	m := p.due()
	p.mu.Unlock()
	p.append(m)
	return c, err
}

// ReplicaOccupy is ReplicaView for a unit that may take long. Records that come meanwhile wait.
func (p *Partition) ReplicaOccupy(w Occupant) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.mayShow(); err != nil {
		return err
	}
	if p.occupied != nil {
		return ErrOccupied
	}
	o := p.occupy(w)
	defer o.leave()
	v := *p.store.View(p.now()) // others use the store's own while the lock is free
	w.Read(&v)
	if o.comeBack(); o.over != nil {
		return o.over
	}
	if err := v.Err(); err != nil {
		return p.stop(err)
	}
	v.Count()
	p.commands++
	return nil
}

// occupy makes w the partition's occupant. It needs the lock, which is then the occupant's.
func (p *Partition) occupy(w Occupant) *occupancy {
	p.now()
	o := &occupancy{p: p, unit: w}
	p.occupied = o
	o.relieved = time.AfterFunc(looseAfter, o.relieve)
	w.Lend(o.touch, o.relieve)
	return o
}

// Origin is the unit's.
func (o *occupancy) Origin() uint64 { return o.unit.Origin() }

// Write runs the unit, and returns with the lock held.
func (o *occupancy) Write(tx *keyspace.Tx) {
	o.tx = tx
	defer o.leave() // also when the unit panics: then it is undone
	o.unit.Write(tx)
}

// relieve gives the lock up, at once or as soon as the unit has done what it does to the state.
func (o *occupancy) relieve() {
	for {
		if o.doing.CompareAndSwap(elsewhere, loose) {
			o.p.mu.Unlock()
			return
		}
		if o.doing.CompareAndSwap(touching, overdue) || o.doing.Load() != elsewhere {
			return
		}
	}
}

// touch runs do under the lock.
func (o *occupancy) touch(do func()) error {
	free := !o.doing.CompareAndSwap(elsewhere, touching)
	if free {
		o.p.mu.Lock()
	}
	finished := false
	defer func() {
		if !finished && o.over == nil {
			o.over = errors.New("a command has failed") // it panics; whatever becomes of that, the unit is undone
		}
		switch {
		case free:
			o.p.mu.Unlock()
		case !o.doing.CompareAndSwap(touching, elsewhere): // overdue
			o.doing.Store(loose)
			o.p.mu.Unlock()
		}
	}()
	if o.over == nil {
		do()
		o.bound()
	}
	finished = true
	return o.over
}

// bound ends a unit that has become too large.
func (o *occupancy) bound() {
	if o.tx != nil && o.tx.Size() > o.p.cfg.MaxUnit {
		o.over = fmt.Errorf("%w of %d bytes", ErrTooLarge, o.p.cfg.MaxUnit)
	}
}

// comeBack has the lock held again, for good.
func (o *occupancy) comeBack() {
	o.relieved.Stop()
	if !o.doing.CompareAndSwap(elsewhere, touching) && o.doing.CompareAndSwap(loose, touching) {
		o.p.mu.Lock()
	}
}

// leave ends the occupancy, with the lock held.
func (o *occupancy) leave() {
	o.comeBack()
	if o.p.occupied == o {
		o.p.occupied = nil
		o.p.room.Broadcast()
	}
}

// evict ends the occupant's unit, if there is one, and undoes it. It needs the lock, which is free only while the occupant does not
// touch the state.
func (p *Partition) evict(why error) {
	o := p.occupied
	if o == nil {
		return
	}
	p.occupied = nil
	if o.over == nil {
		o.over = why
	}
	if o.evicted = true; o.tx != nil {
		o.tx.Rollback()
	}
	o.unit.Evicted(why)
	p.armed = true
	p.timer.Reset(0) // sends what waits behind it
	p.room.Broadcast()
}

// yields is how long a replica that follows the log waits for a reader that takes long.
const yields = 5 * time.Second

// awaitVacant waits, but not for ever, until nobody occupies the replica: then it evicts. It needs the lock.
func (p *Partition) awaitVacant() {
	o := p.occupied
	if o == nil {
		return
	}
	timer := time.AfterFunc(yields, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.occupied == o {
			p.evict(ErrOutpaced)
		}
	})
	defer timer.Stop()
	for p.occupied == o {
		p.room.Wait()
	}
}
