package commands

import (
	"slices"
	"sync"
)

// registry is every session that there is.
type registry struct {
	mu     sync.Mutex
	byID   map[uint64]*Session
	lastID uint64
	peak   int
}

func (r *registry) start() { r.byID = make(map[uint64]*Session) }

// add gives s its id, unless there are limit sessions already (0: no limit).
func (r *registry) add(s *Session, limit int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if limit > 0 && int64(len(r.byID)) >= limit {
		return false
	}
	r.lastID++
	s.id = r.lastID
	s.call.since = uint8(s.id % sampleEvery) // short connections are measured too
	r.byID[s.id] = s
	r.peak = max(r.peak, len(r.byID))
	return true
}

func (r *registry) remove(s *Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.byID, s.id)
}

func (r *registry) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.byID)
}

// find returns the session with an id, or nil.
func (r *registry) find(id uint64) *Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.byID[id]
}

// all returns the sessions in the order of their ids.
func (r *registry) all() []*Session {
	r.mu.Lock()
	sessions := make([]*Session, 0, len(r.byID))
	for _, s := range r.byID {
		sessions = append(sessions, s)
	}
	r.mu.Unlock()
	slices.SortFunc(sessions, func(a, b *Session) int {
		if a.id < b.id {
			return -1
		}
		return 1
	})
	return sessions
}
