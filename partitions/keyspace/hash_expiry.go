package keyspace

import (
	"encoding/binary"
	"math"

	"shiplog/wal"
)

// The areas of a hash beside its members: when a field expires, and what expires when. Fields without a deadline have no rows there.
const (
	areaDue   byte = 'd' // deadline and name; no value
	areaTimed byte = 't' // hash and name, as in a member's row; the value is the deadline
)

const deadlineSize = 8

// timedFields is what the top of a hash says of its fields that have a deadline.
type timedFields struct {
	count int64
	first int64 // the earliest deadline, 0: there is none
}

func parseTimed(rest []byte) (f timedFields) {
	if count, n := binary.Uvarint(rest); n > 0 && len(rest) == n+deadlineSize {
		f.count, f.first = int64(count), int64(binary.BigEndian.Uint64(rest[n:]))
	}
	return f
}

// appendTimed appends f as the rest of a top has it: nothing at all for most hashes.
func appendTimed(dst []byte, f timedFields) []byte {
	if f.count == 0 {
		return dst
	}
	return binary.BigEndian.AppendUint64(binary.AppendUvarint(dst, uint64(f.count)), uint64(f.first))
}

// someOver tells whether the time of some field is over.
func (f *timedFields) someOver(now int64) bool { return f.first != 0 && f.first < now }

// asTimed makes of the row key of a member, which it changes, that of the same field's deadline.
func asTimed(sub []byte) []byte {
	sub[0] = areaTimed
	return sub
}

// appendDue appends the row key that says that a field expires at the given Unix millisecond.
func appendDue(dst []byte, at int64, name []byte) []byte {
	return append(binary.BigEndian.AppendUint64(append(dst, areaDue), uint64(at)), name...)
}

// parseDue returns the deadline and the field of a row.
func parseDue(sub []byte) (at int64, name []byte) {
	return int64(binary.BigEndian.Uint64(sub[1:])), sub[1+deadlineSize:]
}

// mutateDeadline says what an effect on a field, whose row as a member is sub, means for the rows of its deadline.
func mutateDeadline(e *wal.Effect, sub []byte, to rows) {
	if e.PrevExpireAt == e.ExpireAt {
		return
	}
	if e.PrevExpireAt != 0 {
		to.drop(appendDue(nil, e.PrevExpireAt, e.Field))
	}
	if e.ExpireAt == 0 {
		to.drop(asTimed(sub))
		return
	}
	to.put(appendDue(nil, e.ExpireAt, e.Field), nil, false)
	to.put(asTimed(sub), binary.BigEndian.AppendUint64(nil, uint64(e.ExpireAt)), false)
}

// deadline returns when a field expires, 0: never, or it is not there.
func (s *Hash) deadline(name []byte) int64 {
	if s.timed.count == 0 {
		return 0
	}
	row, ok := s.v.row(s.h, asTimed(appendMember(make([]byte, 0, 64), name)))
	if !ok || len(row) != deadlineSize {
		return 0
	}
	return int64(binary.BigEndian.Uint64(row))
}

// overdue returns the names of the fields whose time is over and that are not yet removed: mostly none.
func (s *Hash) overdue() (names map[string]bool) {
	if !s.timed.someOver(s.v.now) {
		return nil
	}
	names = make(map[string]bool)
	s.eachDue(s.v.now, func(_ int64, name []byte) bool {
		names[string(name)] = true
		return true
	})
	return names
}

// eachDue calls fn with the fields that expire before end, the earliest first, until fn returns false.
func (s *Hash) eachDue(end int64, fn func(at int64, name []byte) bool) {
	s.v.ascend(s.h, []byte{areaDue}, appendDue(nil, end, nil), func(sub, _ []byte) bool { return fn(parseDue(sub)) })
}

// retimed returns what the top is to say of deadlines after an effect.
func (s *Hash) retimed(e *wal.Effect) timedFields {
	f := s.timed
	if e.PrevExpireAt == e.ExpireAt {
		return f
	}
	if e.ExpireAt != 0 {
		s.t.store.timed = timedHashes{at: s.t.store.open}
		s.top.flags |= flagTimed
		f.count++
	}
	if e.PrevExpireAt != 0 {
		f.count--
		if e.PrevExpireAt == f.first {
			f.first = s.firstBut(e.Field)
		}
	}
	if e.ExpireAt != 0 && (f.first == 0 || e.ExpireAt < f.first) {
		f.first = e.ExpireAt
	}
	return f
}

// firstBut returns the earliest deadline of the other fields, 0: there is none.
func (s *Hash) firstBut(name []byte) (first int64) {
	s.v.ascend(s.h, []byte{areaDue}, areaEnd(areaDue), func(sub, _ []byte) bool {
		at, other := parseDue(sub)
		if string(other) == string(name) {
			return true
		}
		first = at
		return false
	})
	return first
}

// removeOver removes a field whose time is over, as an effect caused by expiry.
func (s *Hash) removeOver(name []byte, at int64) {
	cause := s.t.cause
	s.t.cause = wal.CauseExpire
	s.remove(name, at)
	s.t.cause = cause
}

// removeDue removes fields whose time is over, at most so many, and tells whether others are left.
func (s *Hash) removeDue(most int) (more bool) {
	type due struct {
		name []byte
		at   int64
	}
	var over []due
	s.eachDue(s.v.now, func(at int64, name []byte) bool {
		if more = len(over) == most; more {
			return false
		}
		over = append(over, due{clone(name), at})
		return true
	})
	for _, f := range over {
		s.removeOver(f.name, f.at)
	}
	return more
}

// removeOverdue removes all fields whose time is over of what h holds, if it is a hash: who looks for them by what the key was when
// their time came would not find them at another.
func (t *Tx) removeOverdue(h *head) {
	if h.value.Type != TypeHash {
		return
	}
	s := Hash{v: &t.View, t: t, key: []byte(h.key)}
	s.open(h)
	if s.timed.someOver(t.now) {
		s.removeDue(math.MaxInt)
	}
}
