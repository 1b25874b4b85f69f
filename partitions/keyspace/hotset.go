package keyspace

import "sync/atomic"

// head is the newest state of one key: in memory because it is not yet in Pebble, or because it was used
// lately. A head that says "not there" is as good as one that says what is there.
type head struct {
	key    string
	value  Value
	exists bool
	stub   bool   // its value is known only in part: it must not be shown
	warm   bool   // used since it was last considered for eviction
	record uint64 // the record that last changed it; 0 when it was read from Pebble
	used   int64  // when a command last used it, Unix milliseconds; 0 when unknown
	list   *headList
	prev   *head
	next   *head

	elements *elements // of a collection; nil: not in memory
	unit     uint64    // the unit that last changed it
}

// headOverhead is about what a head costs beside its key and data: the struct and its place in the map.
const headOverhead = 176

func (h *head) size() int64 {
	n := headOverhead + int64(len(h.key)) + int64(cap(h.value.Data))
	if h.elements != nil {
		n += h.elements.size()
	}
	return n
}

// hotSet holds the heads of keys in memory: those that Pebble does not have yet (dirty; never evicted) and the
// most recently used others up to a limit in bytes (clean). It is guarded by the partition's lock; applied
// is read without it.
//
// Both lists are in the order of their last change. The dirty list is also in the order of records, so
// that what has been applied since stands at its front.
type hotSet struct {
	heads   map[string]*head
	dirty   headList
	clean   headList
	limit   int64
	bytes   int64
	evicted uint64 // the newest record of a head that was evicted
	applied *atomic.Uint64
	spot    spot // of the row of a collection that was looked for last
}

func newHotSet(limit int64, applied *atomic.Uint64) *hotSet {
	return &hotSet{heads: make(map[string]*head), limit: limit, applied: applied}
}

// find returns the head of key, nil when it is not in memory.
func (s *hotSet) find(key []byte) *head {
	h := s.heads[string(key)]
	if h != nil {
		h.warm = true
	}
	return h
}

// add brings in what Pebble says of key. A value too big to keep is returned in a head of its own that
// nobody else will find.
func (s *hotSet) add(key []byte, value Value, exists bool) *head {
	h := &head{key: string(key), value: value, exists: exists}
	if h.size() > s.limit/4 {
		return h
	}
	s.heads[h.key] = h
	s.clean.push(h)
	s.bytes += h.size()
	s.trim()
	return h
}

// write changes a head in the name of a record (0: as Pebble has it). m is what is in memory of a collection.
func (s *hotSet) write(h *head, value Value, exists bool, m *elements, record uint64) {
	if h.list == &s.dirty || h.list == &s.clean { // then it is the one in heads
		s.bytes -= h.size()
		h.list.remove(h)
	} else {
		if other := s.heads[h.key]; other != nil {
			s.bytes -= other.size()
			other.list.remove(other)
		}
		s.heads[h.key] = h
	}
	h.value, h.exists, h.elements, h.record = value, exists, m, record
	s.bytes += h.size()
	if record > s.applied.Load() {
		s.dirty.push(h)
	} else {
		s.clean.push(h)
	}
	s.trim()
}

// step is how many heads one change of the hot set may move or evict: more than one, so that the set comes
// to its limit, and few, so that nobody waits for it.
const step = 8

// settle moves up to most heads that Pebble has by now to the clean list.
func (s *hotSet) settle(most int) {
	applied := s.applied.Load()
	for h := s.dirty.first; h != nil && h.record <= applied && most > 0; h = s.dirty.first {
		s.dirty.remove(h)
		s.clean.push(h)
		most--
	}
}

// trim evicts a few clean heads while the set is above its limit. Those used since the last look get a second
// chance.
func (s *hotSet) trim() {
	if s.bytes <= s.limit {
		return
	}
	s.settle(step)
	for range step {
		h := s.clean.first
		if h == nil || s.bytes <= s.limit {
			return
		}
		s.clean.remove(h)
		if h.warm {
			h.warm = false
			s.clean.push(h)
			continue
		}
		s.evicted = max(s.evicted, h.record)
		s.bytes -= h.size()
		delete(s.heads, h.key)
	}
}

// forget drops a head, so that the key is read from Pebble when it is asked for again.
func (s *hotSet) forget(h *head) {
	h.list.remove(h)
	s.bytes -= h.size()
	delete(s.heads, h.key)
}

// dropUnapplied forgets every head that Pebble does not have.
func (s *hotSet) dropUnapplied() {
	s.settle(s.dirty.length)
	for h := s.dirty.first; h != nil; h = s.dirty.first {
		s.dirty.remove(h)
		s.bytes -= h.size()
		delete(s.heads, h.key)
	}
}

// headList is a doubly linked list through the heads themselves.
type headList struct {
	first, last *head
	length      int
}

func (l *headList) push(h *head) {
	h.list, h.prev, h.next = l, l.last, nil
	if l.last == nil {
		l.first = h
	} else {
		l.last.next = h
	}
	l.last = h
	l.length++
}

func (l *headList) remove(h *head) {
	if h.prev == nil {
		l.first = h.next
	} else {
		h.prev.next = h.next
	}
	if h.next == nil {
		l.last = h.prev
	} else {
		h.next.prev = h.prev
	}
	h.list, h.prev, h.next = nil, nil, nil
	l.length--
}
