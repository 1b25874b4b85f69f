package keyspace

import (
	"encoding/binary"

	"shiplog/wal"
)

// NextID returns the id that a new entry gets by itself: the time of the command, unless an entry is as new. It is not ok when
// the greatest id that there is has been used.
func (s *Stream) NextID() (id StreamID, ok bool) {
	last := s.LastID()
	if now := uint64(s.v.now); now > last.MS {
		return StreamID{MS: now}, true
	}
	return last.Next()
}

// Add adds an entry. Its id must be greater than LastID; fields are fields and values in turn. limits say when Redis would
// begin a new node.
func (s *Stream) Add(id StreamID, fields [][]byte, limits NodeLimits) {
	if s.h == nil {
		s.h = s.t.create(s.key, TypeStream)
	}
	t, top := s.top()
	t.count++
	top.added++
	if top.last = id; t.count == 1 {
		top.first = id
	}
	top.node = top.node.add(id, fields, limits)
	value := s.t.piece(func(dst []byte) []byte {
		for _, field := range fields {
			dst = wal.AppendStreamField(dst, field)
		}
		return dst
	})
	place := s.t.piece(func(dst []byte) []byte { return binary.AppendUvarint(dst, top.node.number) })
	s.write(wal.Effect{Op: wal.OpXAdd, ID: id, Place: place, Value: value}, t, &top)
}

// Delete removes the entry of an id and tells whether it was there.
func (s *Stream) Delete(id StreamID) bool {
	if s.h == nil {
		return false
	}
	node, there := s.node(id)
	if !there {
		return false
	}
	t, top := s.top()
	t.count--
	if top.deleted.Compare(id) < 0 {
		top.deleted = id
	}
	if id == top.first {
		top.first = s.firstBehind(id)
	}
	if node == top.node.number {
		top.node.live--
	}
	top.front = top.front.without(id, node)
	s.write(wal.Effect{Op: wal.OpXDel, ID: id}, t, &top)
	return true
}

// firstBehind returns the id of the first entry behind id, 0-0 when there is none.
func (s *Stream) firstBehind(id StreamID) (first StreamID) {
	if next, ok := id.Next(); ok {
		s.scan(next, wal.MaxStreamID(), func(id StreamID, _ uint64, _ []byte) bool {
			first = id
			return false
		})
	}
	return first
}

// SetID sets what XSETID sets: the last id, and, unless they are negative and 0-0, how many entries have been added and the greatest
// id that was deleted.
func (s *Stream) SetID(last StreamID, added int64, deleted StreamID) {
	t, top := s.top()
	top.last = last
	if added >= 0 {
		top.added = uint64(added)
	}
	if deleted != (StreamID{}) {
		top.deleted = deleted
	}
	t.rest = appendStreamTop(make([]byte, 0, 64), &top)
	s.hush(wal.Effect{Op: wal.OpXSetID}, t)
}
