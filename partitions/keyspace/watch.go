package keyspace

// interest is who is to learn that keys change. It is guarded by the partition's lock.
type interest struct {
	watches map[string][]watcher
	awaited awaited
	touched func(key string, origin uint64) // Options.Touched
	emptied func()                          // Options.Emptied
}

// Watch is what one client watches in one partition (WATCH). It is guarded by the partition's lock.
type Watch struct {
	dirty bool
	keys  map[string]struct{}
}

// watcher is one Watch's interest in one key.
type watcher struct {
	watch   *Watch
	expired bool // the key's time was already over when it was watched: its removal is no change
}

// Watch adds key to what w watches. Its time is judged at now (Unix milliseconds).
func (s *Store) Watch(key []byte, w *Watch, now int64) {
	k := string(key)
	if _, known := w.keys[k]; known {
		return
	}
	v := s.View(now)
	h := v.head(key)
	if w.keys == nil {
		w.keys = make(map[string]struct{})
	}
	w.keys[k] = struct{}{}
	s.watches[k] = append(s.watches[k], watcher{watch: w, expired: h != nil && h.exists && h.value.expired(now)})
}

// Unwatch forgets everything that w watches and makes it clean again.
func (s *Store) Unwatch(w *Watch) {
	for key := range w.keys {
		kept := s.watches[key][:0]
		for _, other := range s.watches[key] {
			if other.watch != w {
				kept = append(kept, other)
			}
		}
		if len(kept) == 0 {
			delete(s.watches, key)
		} else {
			s.watches[key] = kept
		}
	}
	w.keys, w.dirty = nil, false
}

// Dirty tells whether a key that w watches has changed since, or its time has come.
func (w *Watch) Dirty(v *View) bool {
	if w.dirty {
		return true
	}
	for key := range w.keys {
		h := v.head([]byte(key))
		if h == nil || !h.exists || !h.value.expired(v.now) {
			continue
		}
		for _, other := range v.store.watches[key] {
			if other.watch == w && !other.expired {
				return true
			}
		}
	}
	return false
}

// touch tells those who watch, await or track key that it changes now, caused by a session (0: the engine).
func (s *Store) touch(key string, exists bool, origin uint64) {
	if len(s.watches) > 0 {
		watchers := s.watches[key]
		for i := range watchers {
			if w := &watchers[i]; w.expired && !exists {
				w.expired = false // the removal of a key that was already over
			} else {
				w.watch.dirty = true
			}
		}
	}
	if len(s.awaited.keys) > 0 {
		s.awaited.touch(key)
	}
	if s.touched != nil {
		s.touched(key, origin)
	}
}

// dirtyWatches tells everyone who watches or awaits anything that it may have changed.
func (s *Store) dirtyWatches() {
	s.awaited.touchAll()
	for _, watchers := range s.watches {
		for _, w := range watchers {
			w.watch.dirty = true
		}
	}
}

// touchWatched tells those who watch a key that is there, or await any, that all go.
func (t *Tx) touchWatched() {
	t.store.awaited.touchAll()
	for key, watchers := range t.store.watches {
		if _, there := t.Peek([]byte(key)); !there {
			continue
		}
		for _, w := range watchers {
			w.watch.dirty = true
		}
	}
}
