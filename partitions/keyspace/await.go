package keyspace

import (
	"maps"
	"slices"
)

// awaited are the keys that somebody waits for, and those of them that have changed since anybody looked. It is guarded by
// the partition's lock, and costs nothing but a look at an empty map while nobody waits.
type awaited struct {
	keys  map[string]*await
	ready []string // in the order in which they changed, each once
}

// await is one key that is waited for.
type await struct {
	waiters int
	ready   bool // it stands in awaited.ready
}

// Await has key reported by TakeReady when it changes, until Unawait has been called as often. It needs the lock.
func (s *Store) Await(key string) {
	if s.awaited.keys == nil {
		s.awaited.keys = make(map[string]*await)
	}
	a := s.awaited.keys[key]
	if a == nil {
		a = new(await)
		s.awaited.keys[key] = a
	}
	a.waiters++
}

// Unawait takes one Await of key back. It needs the lock.
func (s *Store) Unawait(key string) {
	a := s.awaited.keys[key]
	if a == nil {
		return
	}
	if a.waiters--; a.waiters == 0 {
		delete(s.awaited.keys, key)
	}
}

// TakeReady appends the awaited keys that have changed since the last call to dst, in the order of their first change. A key
// may be among them without need: a unit that was rolled back has changed nothing. It needs the lock.
func (s *Store) TakeReady(dst []string) []string {
	w := &s.awaited
	for _, key := range w.ready {
		if a := w.keys[key]; a != nil {
			a.ready = false
			dst = append(dst, key)
		}
	}
	clear(w.ready)
	w.ready = w.ready[:0]
	return dst
}

// touch notes that key has changed.
func (w *awaited) touch(key string) {
	if a := w.keys[key]; a != nil && !a.ready {
		a.ready = true
		w.ready = append(w.ready, key)
	}
}

// touchAll notes that every key may have changed.
func (w *awaited) touchAll() {
	for _, key := range slices.Sorted(maps.Keys(w.keys)) {
		w.touch(key)
	}
}
