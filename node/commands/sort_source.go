package commands

import (
	"bytes"
	"math"
	"strconv"
	"strings"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// sortSource is the list, set or sorted set whose elements are sorted.
type sortSource struct {
	kind keyspace.Type
	size int64
	list keyspace.List
	set  keyspace.Set
	zset keyspace.ZSet
}

// openSource looks for what is at key; a key that is not there is an empty list.
func openSource(v *keyspace.View, key []byte) (s sortSource, refusal *reply.Reply) {
	value, found := v.Get(key)
	if !found {
		return s, nil
	}
	s.kind = value.Type
	switch s.kind {
	case keyspace.TypeList:
		s.list, _ = v.ReadList(key)
		s.size = s.list.Len()
	case keyspace.TypeSet:
		s.set, _ = v.ReadSet(key)
		s.size = s.set.Len()
	case keyspace.TypeZSet:
		s.zset, _ = v.ReadZSet(key)
		s.size = s.zset.Len()
	default:
		return s, refuse(reply.WrongType())
	}
	return s, nil
}

// elements returns n elements from the one at start on as they stand: from the last one backwards, unless it is a set, if that is asked
// for.
func (s *sortSource) elements(start, n int64, desc bool) [][]byte {
	elements := make([][]byte, 0, n)
	keep := func(element []byte) bool {
		elements = append(elements, element)
		return int64(len(elements)) < n
	}
	switch {
	case n == 0:
	case s.kind == keyspace.TypeList && desc:
		s.list.RangeBack(s.size-1-start, n, keep)
	case s.kind == keyspace.TypeList:
		s.list.Range(start, n, keep)
	case s.kind == keyspace.TypeZSet:
		s.zset.Each(s.zset.Ranks(start, start+n-1, desc), desc, 0, func(name []byte, _ float64) bool { return keep(bytes.Clone(name)) })
	default:
		s.set.Each(func(member []byte) bool {
			if start--; start >= 0 {
				return true
			}
			return keep(bytes.Clone(member))
		})
	}
	return elements
}

// leastNormal is the least positive float that has all its bits; what is less, but not 0, C takes for out of range.
const leastNormal = 0x1p-1022

// parseSortScore reads a float as C's strtod does: space before it is allowed, it may be hexadecimal or infinite, what stands behind a
// zero byte does not count, and nothing at all is 0.
func parseSortScore(word []byte) (score float64, ok bool) {
	word, _, _ = bytes.Cut(word, []byte{0})
	if len(word) == 0 {
		return 0, true
	}
	text := strings.ToLower(strings.TrimLeft(string(word), " \t\n\v\f\r"))
	if strings.ContainsRune(text, '_') {
		return 0, false
	}
	hexadecimal := strings.HasPrefix(strings.TrimLeft(text, "+-"), "0x")
	if hexadecimal && !strings.ContainsRune(text, 'p') {
		text += "p0"
	}
	score, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(score) {
		return 0, false
	}
	size := math.Abs(score)
	mantissa, _, _ := strings.Cut(text, "e")
	zero := size == 0 && (hexadecimal || !strings.ContainsAny(mantissa, "123456789"))
	return score, size >= leastNormal || zero
}
