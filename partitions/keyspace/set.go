package keyspace

import "shiplog/wal"

// Set is a set as a command sees it. It is valid as long as the View or Tx that it comes from. A Set of a key that is not there
// is empty.
type Set struct {
	v    *View
	t    *Tx // nil: for reading
	key  []byte
	h    *head // nil: the key is not there
	ints int64 // how many members an intset may have
}

// intsetEntries is how many members an intset may have unless LimitInts says otherwise.
const intsetEntries = 512

// ReadSet returns the set at key; not ok when the key holds another type.
func (v *View) ReadSet(key []byte) (s Set, ok bool) {
	h, ok := v.look(key, TypeSet)
	return Set{v: v, key: key, h: h}, ok
}

// WriteSet returns the set at key for changing it; not ok when the key holds another type.
func (t *Tx) WriteSet(key []byte) (s Set, ok bool) {
	s = Set{v: &t.View, t: t, key: key, ints: intsetEntries}
	h, there := t.settle(key)
	if !there {
		return s, true
	}
	s.h = h
	return s, h.value.Type == TypeSet
}

// LimitInts says how many members the set may have as an intset (set-max-intset-entries).
func (s *Set) LimitInts(entries int64) { s.ints = entries }

// Len returns the number of members.
func (s *Set) Len() int64 {
	if s.h == nil {
		return 0
	}
	return topOfHead(s.h).count
}

// Has tells whether member is in the set.
func (s *Set) Has(member []byte) bool {
	if s.h == nil {
		return false
	}
	_, there := s.v.row(s.h, appendMember(make([]byte, 0, 64), member))
	return there
}

// Each calls fn with the members until fn returns false: those of an intset in the order of numbers, others in none that means anything.
// A member is valid only during the call.
func (s *Set) Each(fn func(member []byte) bool) {
	switch {
	case s.h == nil:
	case s.intset():
		s.eachInt(fn)
	default:
		s.v.eachMember(s.h, func(name, _ []byte) bool { return fn(name) })
	}
}

// Members returns all members, in the order of Each. They are the caller's.
func (s *Set) Members() [][]byte {
	all := make([][]byte, 0, s.Len())
	s.Each(func(member []byte) bool {
		all = append(all, clone(member))
		return true
	})
	return all
}

// Scan calls fn with the members from cursor on, looks at count of them or a few more, and returns the cursor to go on with, 0 at the
// end. An intset is shown at once. A member is valid only during the call.
func (s *Set) Scan(cursor uint64, count int, fn func(member []byte)) (next uint64) {
	switch {
	case s.h == nil:
		return 0
	case s.intset():
		s.Each(func(member []byte) bool {
			fn(member)
			return true
		})
		return 0
	default:
		return s.v.scanMembers(s.h, cursor, count, func(name, _ []byte) { fn(name) })
	}
}

// Add puts member into the set and tells whether it was new. The member must stay as it is until the unit ends.
func (s *Set) Add(member []byte) bool {
	if s.Has(member) {
		return false
	}
	if s.h == nil {
		s.h = s.t.create(s.key, TypeSet)
	}
	after := topOfHead(s.h)
	after.count++
	if after.flags&setHashed == 0 && (after.count > s.ints || !isInt(member)) {
		after.flags |= setHashed
	}
	s.t.element(s.h, wal.Effect{Op: wal.OpSAdd, Field: member}, &after)
	return true
}

// Remove takes member out of the set and tells whether it was there. The key goes with the last member. The member must stay as it
// is until the unit ends.
func (s *Set) Remove(member []byte) bool {
	if !s.Has(member) {
		return false
	}
	s.remove(member, topOfHead(s.h).flags)
	return true
}

// remove takes a member that is there out of the set, and leaves it with the given flags.
func (s *Set) remove(member []byte, flags byte) {
	after := topOfHead(s.h)
	after.count--
	after.flags = flags
	s.t.element(s.h, wal.Effect{Op: wal.OpSRem, Field: member}, &after)
	if after.count == 0 {
		s.h = nil
	}
}

// mutateSet says what an effect on a set means for its rows.
func mutateSet(e *wal.Effect, to rows, k *rowKeys) {
	sub := k.member(e.Field)
	if e.Op == wal.OpSAdd {
		to.put(sub, nil, true)
	} else {
		to.drop(sub)
	}
}

// Walk begins a walk over all members, of which there are some, for a reply that is made piece by piece.
func (s *Set) Walk() *Walk {
	return s.v.walk(s.h, []byte{areaMember}, areaEnd(areaMember), memberPrefix, false)
}
