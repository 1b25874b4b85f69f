package keyspace

import "slices"

// Intersect calls fn with the members that all sets have, until fn returns false. It goes through the smallest set. A member is valid only
// during the call.
func Intersect(sets []Set, fn func(member []byte) bool) {
	sets = slices.Clone(sets)
	slices.SortStableFunc(sets, func(a, b Set) int { return int(min(max(a.Len()-b.Len(), -1), 1)) })
	sets[0].Each(func(member []byte) bool {
		for i := range sets[1:] {
			if other := &sets[1+i]; other.h != sets[0].h && !other.Has(member) {
				return true
			}
		}
		return fn(member)
	})
}

// Unite calls fn with the members that one of the sets has at least, each once, until fn returns false. A member is valid only during the
// call.
func Unite(sets []Set, fn func(member []byte) bool) {
	seen := make(map[string]bool)
	more := true
	for i := range sets {
		last := i == len(sets)-1
		sets[i].Each(func(member []byte) bool {
			if seen[string(member)] {
				return true
			}
			if !last {
				seen[string(member)] = true
			}
			more = fn(member)
			return more
		})
		if !more {
			return
		}
	}
}

// Subtract calls fn with the members of the first set that no other has, until fn returns false. A member is valid only during the call.
func Subtract(sets []Set, fn func(member []byte) bool) {
	sets[0].Each(func(member []byte) bool {
		for i := range sets[1:] {
			if sets[1+i].Has(member) {
				return true
			}
		}
		return fn(member)
	})
}

// SubtractsBack tells whether Redis would make the difference by taking the others' members out of a copy of the first set, which then
// stays the hash table that it may be.
func SubtractsBack(sets []Set) bool {
	one, two := int64(0), int64(0)
	for i := range sets {
		if sets[i].h != nil {
			one += sets[0].Len()
			two += sets[i].Len()
		}
	}
	return one/2 > two
}

// Hashed tells whether Redis would keep a set of all these members, added one after the other, as a hash table.
func (s *Set) Hashed(ints int64) bool {
	hashed := s.Len() > ints
	s.Each(func(member []byte) bool {
		hashed = hashed || !isInt(member)
		return !hashed
	})
	return hashed
}

// StoreSet makes key hold a set of members, which are all different, whatever it held before; without members it is gone. hashed says that
// it is no intset whatever the members are. They must stay as they are until the unit ends.
func (t *Tx) StoreSet(key []byte, members [][]byte, ints int64, hashed bool) {
	t.Delete(key)
	s := Set{v: &t.View, t: t, key: key, ints: ints}
	if hashed {
		s.ints = -1
	}
	for _, member := range members {
		s.Add(member)
	}
}

// copySet makes a copy of the set at from at a key that is not there.
func (t *Tx) copySet(from *head, to []byte) {
	s := Set{v: &t.View, t: t, key: to, ints: topOfHead(from).count}
	if topOfHead(from).flags&setHashed != 0 {
		s.ints = -1
	}
	t.eachMember(from, func(name, _ []byte) bool {
		s.Add(clone(name))
		return true
	})
}
