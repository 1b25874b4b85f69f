package keyspace

import (
	"slices"
	"strconv"
)

// setHashed is the flag of a set that Redis would keep as a hash table: it had a member that is no integer, or more of them than an
// intset may have. It never becomes an intset again.
const setHashed = flagBig

// intset tells whether Redis would keep the set, which is there, as an intset.
func (s *Set) intset() bool { return topOfHead(s.h).flags&setHashed == 0 }

// encoding is how Redis would keep the set.
func (s *Set) encoding() string {
	if s.intset() {
		return "intset"
	}
	return "hashtable"
}

// longestInt is the length of the longest 64-bit integer.
const longestInt = 20

// isInt tells whether b is a 64-bit integer in the only form that Redis takes for one.
func isInt(b []byte) bool {
	if len(b) == 0 || len(b) > longestInt {
		return false
	}
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil {
		return false
	}
	var buf [longestInt]byte
	return string(strconv.AppendInt(buf[:0], n, 10)) == string(b)
}

// eachInt calls fn with the members of an intset in the order of numbers until fn returns false.
func (s *Set) eachInt(fn func(member []byte) bool) {
	all := make([]int64, 0, topOfHead(s.h).count)
	s.v.eachMember(s.h, func(name, _ []byte) bool {
		n, _ := strconv.ParseInt(string(name), 10, 64)
		all = append(all, n)
		return true
	})
	slices.Sort(all)
	var buf [longestInt]byte
	for _, n := range all {
		if !fn(strconv.AppendInt(buf[:0], n, 10)) {
			return
		}
	}
}
