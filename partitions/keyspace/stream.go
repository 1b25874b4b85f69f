package keyspace

import "shiplog/wal"

// StreamID is the id of a stream's entry.
type StreamID = wal.StreamID

// Stream is a stream as a command sees it. It is valid as long as the View or Tx that it comes from. A Stream of a key that is
// not there is empty and has no groups.
type Stream struct {
	v   *View
	t   *Tx // nil: for reading
	key []byte
	h   *head // nil: the key is not there

	known []byte // the head's data that the rest was decoded from
	whole top
	rest  streamTop
}

// Entry is an entry of a stream: its id, and its fields and values in turn. They stay valid.
type Entry struct {
	ID     StreamID
	Fields [][]byte
}

// ReadStream returns the stream at key; not ok when the key holds another type.
func (v *View) ReadStream(key []byte) (s Stream, ok bool) {
	h, ok := v.look(key, TypeStream)
	return Stream{v: v, key: key, h: h}, ok
}

// WriteStream returns the stream at key for changing it; not ok when the key holds another type.
func (t *Tx) WriteStream(key []byte) (s Stream, ok bool) {
	h, there := t.settle(key)
	if !there {
		return Stream{v: &t.View, t: t, key: key}, true
	}
	return Stream{v: &t.View, t: t, key: key, h: h}, h.value.Type == TypeStream
}

// There tells whether the key is there. A stream stays when its last entry goes.
func (s *Stream) There() bool { return s.h != nil }

// Len returns the number of entries.
func (s *Stream) Len() int64 {
	if s.h == nil {
		return 0
	}
	return topOfHead(s.h).count
}

// encoding is what OBJECT ENCODING says.
func (s *Stream) encoding() string { return "stream" }

// StreamInfo is what is kept of a stream as a whole.
type StreamInfo struct {
	Last       StreamID // the greatest id that an entry has had, or that XSETID has set
	First      StreamID // of the entries that there are; 0-0: there are none
	MaxDeleted StreamID // the greatest id that XDEL has removed
	Added      int64    // how many entries have ever been added
}

// Info returns what is kept of the stream as a whole.
func (s *Stream) Info() StreamInfo {
	_, top := s.top()
	return StreamInfo{Last: top.last, First: top.first, MaxDeleted: top.deleted, Added: int64(top.added)}
}

// LastID returns the id that a new entry's must be greater than.
func (s *Stream) LastID() StreamID {
	_, top := s.top()
	return top.last
}

// TopID returns the greatest id of the entries that there are, 0-0 when there are none.
func (s *Stream) TopID() (top StreamID) {
	s.scanBack(StreamID{}, wal.MaxStreamID(), func(id StreamID, _ uint64, _ []byte) bool {
		top = id
		return false
	})
	return top
}

// Nodes returns about how many nodes Redis would keep the entries in: nodes that have become empty between others count too.
func (s *Stream) Nodes() (n int64) {
	first, last := uint64(0), uint64(0)
	s.scan(StreamID{}, wal.MaxStreamID(), func(_ StreamID, node uint64, _ []byte) bool {
		first = node
		return false
	})
	s.scanBack(StreamID{}, wal.MaxStreamID(), func(_ StreamID, node uint64, _ []byte) bool {
		last, n = node, 1
		return false
	})
	return n * int64(last-first+1)
}

// Range calls fn with the entries from one id to another, both included, in their order until fn returns false.
func (s *Stream) Range(from, to StreamID, fn func(e Entry) bool) {
	s.scan(from, to, func(id StreamID, _ uint64, fields []byte) bool { return fn(entryOf(id, clone(fields))) })
}

// RangeBack is Range from the greatest id down.
func (s *Stream) RangeBack(from, to StreamID, fn func(e Entry) bool) {
	s.scanBack(from, to, func(id StreamID, _ uint64, fields []byte) bool { return fn(entryOf(id, clone(fields))) })
}

// CountIn returns how many entries there are from one id to another, both included, but no more than most if that is not negative. It costs
// as much as it counts, unless the range has all of them.
func (s *Stream) CountIn(from, to StreamID, most int64) (n int64) {
	if s.h == nil || most == 0 {
		return 0
	}
	if t, rest := s.top(); from.Compare(rest.first) <= 0 && to.Compare(rest.last) >= 0 {
		n = t.count
	} else {
		s.scan(from, to, func(StreamID, uint64, []byte) bool {
			n++
			return n != most
		})
	}
	if most > 0 {
		n = min(n, most)
	}
	return n
}

// Walk begins a walk over the entries from one id to another, both included, of which there are some, for a reply that is made piece by
// piece. WalkedEntry says what its elements are.
func (s *Stream) Walk(from, to StreamID, backward bool) *Walk {
	if _, top := s.top(); from.Compare(top.first) < 0 {
		from = top.first
	}
	return s.v.walk(s.h, appendEntryKey(nil, from), after(appendEntryKey(nil, to)), 1, backward)
}

// WalkedEntry returns the entry that an element of the Walk of a stream is.
func WalkedEntry(name, value []byte) Entry {
	_, fields := parseEntry(value)
	return entryOf(parseID(name), fields)
}

// Entry returns the entry of an id.
func (s *Stream) Entry(id StreamID) (e Entry, ok bool) {
	if s.h == nil {
		return e, false
	}
	row, ok := s.v.row(s.h, appendEntryKey(make([]byte, 0, entryKeySize), id))
	if !ok {
		return e, false
	}
	_, fields := parseEntry(row)
	return entryOf(id, fields), true
}

// node returns the node that the entry of an id is in.
func (s *Stream) node(id StreamID) (node uint64, ok bool) {
	row, ok := s.v.row(s.h, appendEntryKey(make([]byte, 0, entryKeySize), id))
	node, _ = parseEntry(row)
	return node, ok
}

func entryOf(id StreamID, fields []byte) Entry {
	e := Entry{ID: id}
	e.Fields, _ = wal.StreamFields(fields) // they were sound when they came here
	return e
}

// scan calls fn with the rows of the entries from one id to another, both included, in order, until it returns false. What is
// before the first entry need not be looked at: much may have been there.
func (s *Stream) scan(from, to StreamID, fn func(id StreamID, node uint64, fields []byte) bool) {
	if s.h == nil {
		return
	}
	if _, top := s.top(); from.Compare(top.first) < 0 {
		from = top.first
	}
	s.v.ascend(s.h, appendEntryKey(nil, from), after(appendEntryKey(nil, to)), func(sub, value []byte) bool {
		node, fields := parseEntry(value)
		return fn(parseID(sub[1:]), node, fields)
	})
}

// scanBack is scan from the greatest id down.
func (s *Stream) scanBack(from, to StreamID, fn func(id StreamID, node uint64, fields []byte) bool) {
	if s.h == nil {
		return
	}
	if _, top := s.top(); from.Compare(top.first) < 0 {
		from = top.first
	}
	s.v.descend(s.h, appendEntryKey(nil, from), after(appendEntryKey(nil, to)), func(sub, value []byte) bool {
		node, fields := parseEntry(value)
		return fn(parseID(sub[1:]), node, fields)
	})
}

// top decodes what is kept of the stream as a whole.
func (s *Stream) top() (top, streamTop) {
	if s.h == nil {
		return top{}, streamTop{}
	}
	if data := s.h.value.Data; len(s.known) == 0 || &s.known[0] != &data[0] {
		s.known, s.whole = data, topOfHead(s.h)
		s.rest = parseStreamTop(s.whole.rest)
	}
	return s.whole, s.rest
}

// write writes an effect on the stream after which of it as a whole t and rest are kept.
func (s *Stream) write(e wal.Effect, t top, rest *streamTop) {
	var buf [streamTopMost]byte
	t.rest = appendStreamTop(buf[:0], rest)
	s.t.element(s.h, e, &t)
	s.t.store.touch(s.h.key, true, s.t.origin) // again in a unit that began with a note
}

// note writes an effect that leaves the stream as a whole as it was: on groups and what is pending.
func (s *Stream) note(e wal.Effect) { s.hush(e, topOfHead(s.h)) }

// hush writes an effect that, as in Redis, is no news to those who watch, await or track the key.
func (s *Stream) hush(e wal.Effect, t top) {
	s.t.hushed = true
	s.t.element(s.h, e, &t)
	s.t.hushed = false
}
