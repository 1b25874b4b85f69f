package keyspace

// SetReplica makes the Store a replica's, or a primary's again; it is a primary's when it was opened. It needs the lock, and no
// Apply may be running. Whatever is not in Pebble is forgotten, as by Reset, and records may be counted from 1 again.
//
// On a replica Apply needs the lock, so that a View sees one state, and is called with record 0. Nothing stays in memory: each
// read is one of Pebble as applied so far. Whoever watches or tracks a key that Apply changes is told. Keys whose time is over
// are hidden, and never removed (I7); Begin panics.
func (s *Store) SetReplica(on bool) {
	s.replica = on
	s.life.Add(1)
	s.applied.Store(0)
	s.hot = newHotSet(s.hot.limit, &s.applied)
	s.counts = s.stored
	s.open, s.newest, s.flushed = 0, 0, 0
	s.timed = timedHashes{}
	s.dirtyWatches()
}

// Replica tells whether the Store is a replica's. It needs the lock.
func (s *Store) Replica() bool { return s.replica }

// follow tells those who watch or track the keys of a run that they have changed.
func (s *Store) follow(a *applying) {
	if a.flush {
		s.dirtyWatches()
		if s.emptied != nil {
			s.emptied()
		}
	}
	for _, c := range a.order {
		s.touch(string(c.key), c.exists, 0)
	}
}
