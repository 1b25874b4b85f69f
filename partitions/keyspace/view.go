package keyspace

// View is what one command sees of a partition: all effects of the units before it, acknowledged or not.
// It is valid only while the partition's lock is held, and belongs to one goroutine. A key whose
// time is over is not there for a View, though it may still be stored.
//
// A View remembers the newest record that it has seen an effect of, so that the reply can wait for it (I3),
// and the first failure of Pebble, so that commands need not ask: the partition discards their replies.
type View struct {
	store *Store
	now   int64
	quiet bool // reads do not count as use (CLIENT NO-TOUCH)
	probe bool // report a miss of the hot set instead of reading Pebble
	seen  uint64
	cold  []Cold
	walks []*Walk
	hits  int64
	miss  int64
	err   error
}

// Now is the time at which the command runs, in Unix milliseconds. It never runs backwards within
// a partition, also after a fail-over.
func (v *View) Now() int64 { return v.now }

// SetQuiet makes the reads of this View leave the keys' idle times alone.
func (v *View) SetQuiet(quiet bool) { v.quiet = quiet }

// Get returns the value of key and whether there is one. It counts as a use of the key.
func (v *View) Get(key []byte) (Value, bool) {
	h := v.alive(key)
	if h == nil {
		return Value{}, false
	}
	if !v.quiet {
		h.used = v.now
	}
	return h.value, true
}

// Peek is Get without counting as a use.
func (v *View) Peek(key []byte) (Value, bool) {
	h := v.alive(key)
	if h == nil {
		return Value{}, false
	}
	return h.value, true
}

// alive returns the head of a key that is there for this View, nil for others, and counts the lookup.
func (v *View) alive(key []byte) *head {
	h := v.head(key)
	if h == nil || !h.exists || h.value.expired(v.now) {
		v.miss++
		return nil
	}
	v.hits++
	return h
}

// IdleMS returns how long ago key was last used, in milliseconds; 0 for a key that was just read from disk. It is not
// durable: a key that has left memory counts as just used.
func (v *View) IdleMS(key []byte) int64 {
	h := v.head(key)
	if h == nil || h.used == 0 {
		return 0
	}
	return max(0, v.now-h.used)
}

// Len returns the number of keys, including those whose time is over and that are not yet removed, as
// DBSIZE counts them.
func (v *View) Len() int64 {
	return v.counts().keys
}

// Volatile returns the number of keys that have an expiry, counted like Len.
func (v *View) Volatile() int64 {
	return v.counts().volatile
}

func (v *View) counts() counts {
	if v.store.replica {
		return v.store.stored
	}
	v.dependOn(v.store.newest)
	return v.store.counts
}

// head returns the newest state of key, nil when it is not known to exist. It reads Pebble on a miss.
func (v *View) head(key []byte) *head {
	s := v.store
	h := s.hot.find(key)
	if h == nil {
		if h = v.load(key); h == nil {
			return nil
		}
	}
	v.dependOn(h.record)
	return h
}

// load brings a key that is not in the hot set into it, but on a replica.
func (v *View) load(key []byte) *head {
	s := v.store
	if s.flushed > s.applied.Load() { // the whole of Pebble is behind a FLUSHALL not yet applied
		v.dependOn(s.flushed)
		return nil
	}
	if s.filter.lacks(key) {
		return nil
	}
	if v.probe {
		v.cold = append(v.cold, Cold{key: string(key)})
		return nil
	}
	value, exists, err := s.read(key)
	if err != nil {
		v.fail(err)
		return nil
	}
	if s.replica {
		return &head{key: string(key), value: value, exists: exists}
	}
	return s.hot.add(key, value, exists)
}

// dependOn notes that what this View answers rests on record.
func (v *View) dependOn(record uint64) { v.seen = max(v.seen, record) }

// fail notes the first failure of the store.
func (v *View) fail(err error) {
	if v.err == nil && err != nil {
		v.err = err
	}
}
