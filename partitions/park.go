package partitions

import (
	"container/list"

	"shiplog/partitions/keyspace"
)

// Parked is a unit that waits for keys when it finds nothing to do (BLPOP). All its methods are called under the partition's lock:
// none may block, or call the partition.
type Parked interface {
	Writer
	// Served tells whether the last Write did what the unit is for. Until then Write is called again and again: each time that a
	// key which it waits for has changed.
	Served() bool
	// Turn is told, before each Write but the first, which key has changed and what it holds now, 0 for nothing, and tells
	// whether that is worth a Write.
	Turn(key string, holds keyspace.Type) bool
	// Wake is called once, unless Unpark takes the unit out: with an error when nothing was done and nothing will be, else when
	// Write has served. The Commit is as Update's.
	Wake(c *Commit, err error)
}

// lot is where units are parked. It is guarded by the partition's lock.
type lot struct {
	places map[Parked]*place
	queues map[string]*list.List // of *place, for each key in the order in which they came
	ready  []string              // keys that have changed, in the order in which they are to be looked at
	unused []string              // a buffer
}

// place is one unit in the lot.
type place struct {
	unit  Parked
	spots []spot
}

// spot is where a place stands in the queue of a key.
type spot struct {
	key   string
	place *list.Element
}

// add queues a unit behind all others.
func (l *lot) add(w Parked, keys [][]byte, s *keyspace.Store) {
	if l.places == nil {
		l.places, l.queues = make(map[Parked]*place), make(map[string]*list.List)
	}
	at := &place{unit: w}
	l.places[w] = at
	for _, k := range keys {
		key := string(k)
		queue := l.queues[key]
		if queue == nil {
			queue = list.New()
			l.queues[key] = queue
			s.Await(key)
		}
		if last := queue.Back(); last == nil || last.Value != at { // else the key is named twice
			at.spots = append(at.spots, spot{key, queue.PushBack(at)})
		}
	}
}

// remove takes a unit out, and tells whether it was in.
func (l *lot) remove(w Parked, s *keyspace.Store) bool {
	at := l.places[w]
	if at == nil {
		return false
	}
	delete(l.places, w)
	for _, spot := range at.spots {
		queue := l.queues[spot.key]
		queue.Remove(spot.place)
		if queue.Len() == 0 {
			delete(l.queues, spot.key)
			s.Unawait(spot.key)
		}
	}
	return true
}

// Park runs w as Update does. When it is not served, it stays, behind those that came before it, and waits for the keys, of which
// it keeps copies: served is then false, and Wake tells the rest. Also then a reply that says so rests on the Commit.
func (p *Partition) Park(w Parked, keys [][]byte) (c *Commit, served bool, err error) {
	p.mu.Lock()
	c, served, err = p.park(w, keys)
	m := p.due()
	p.mu.Unlock()
	p.append(m)
	return c, served, err
}

func (p *Partition) park(w Parked, keys [][]byte) (*Commit, bool, error) {
	if err := p.admit(); err != nil {
		return nil, false, err
	}
	c, err := p.unit(w)
	if err != nil {
		return nil, false, err
	}
	served := w.Served()
	if !served {
		p.lot.add(w, keys, p.store)
	}
	p.attend()
	return c, served, nil
}

// Unpark takes w out, and tells whether it did: else it is not parked, or not any more, and if it was, Wake has been called.
func (p *Partition) Unpark(w Parked) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lot.remove(w, p.store)
}

// attend serves those that wait for keys which have changed: the keys in the order in which they did, and for each key who came
// first (Redis's order). Each is a unit of its own, which may make other keys ready in turn. It ends when nothing
// more can be served, or there is no room for another unit; then it must be called again when there is. It needs the lock, and
// the caller sends what is due.
func (p *Partition) attend() {
	l := &p.lot
	for len(l.places) > 0 && p.occupied == nil {
		l.ready = p.store.TakeReady(l.ready)
		if len(l.ready) == 0 || !p.attendTo(l.ready[0]) {
			return
		}
		l.ready = l.ready[1:]
	}
	l.ready = nil
}

// attendTo serves those that wait for key, and tells whether it could look at all of them.
func (p *Partition) attendTo(key string) bool {
	queue := p.lot.queues[key]
	if queue == nil {
		return true
	}
	holds, ok := p.holds(key)
	for e := queue.Front(); ok && e != nil; {
		w := e.Value.(*place).unit
		e = e.Next()
		if !w.Turn(key, holds) {
			continue
		}
		if !p.mayServe() {
			return false
		}
		if p.tryAgain(w) {
			holds, ok = p.holds(key)
		}
	}
	return ok
}

// holds returns what key holds now, 0 for nothing. It is not ok when the partition has ended.
func (p *Partition) holds(key string) (t keyspace.Type, ok bool) {
	if !p.serving {
		return 0, false
	}
	v := p.store.View(p.now())
	value, _ := v.Peek([]byte(key))
	if err := v.Err(); err != nil {
		_ = p.stop(err)
		return 0, false
	}
	return value.Type, true
}

// mayServe tells whether a parked unit may run now. What Update waits for or refuses, it does not: it stays.
func (p *Partition) mayServe() bool {
	return p.serving && p.refusal == nil && p.hasRoom()
}

// tryAgain runs a parked unit, and tells whether it has left. What a unit changes that is not served is no news to others,
// or they would keep one another awake.
func (p *Partition) tryAgain(w Parked) (left bool) {
	l := &p.lot
	l.ready = p.store.TakeReady(l.ready)
	c, err := p.unit(w)
	if err == nil && !w.Served() {
		l.unused = p.store.TakeReady(l.unused[:0])
		return false
	}
	if l.remove(w, p.store) { // else the partition has ended, and all have been told
		failpoint("before-wake")
		w.Wake(c, err)
	}
	return true
}

// dismiss wakes all who are parked: nothing is served any more. They learn what Update would tell them. It needs the lock.
func (p *Partition) dismiss(why error) {
	l := &p.lot
	for w, at := range l.places {
		for _, spot := range at.spots {
			if _, known := l.queues[spot.key]; known {
				delete(l.queues, spot.key)
				p.store.Unawait(spot.key)
			}
		}
		w.Wake(nil, why)
	}
	clear(l.places)
	l.ready = nil
}
