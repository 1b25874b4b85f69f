package keyspace

import (
	"encoding/binary"
	"math"
	"sort"
)

// areaScore is the area of the rows that have a sorted set's members in the order of their scores, and of their names where those are
// equal.
const areaScore byte = 's'

// scorePrefix is the length of what stands before the name in such a row.
const scorePrefix = 1 + scoreSize

// sortableScore is a number that is in the order of scores. 0 and -0 are the same.
func sortableScore(score float64) uint64 {
	bits := math.Float64bits(score)
	switch {
	case score == 0:
		return 1 << 63
	case bits>>63 == 1:
		return ^bits
	default:
		return bits | 1<<63
	}
}

// minus is the value of a member's row by score: empty, but for -0, which its key does not tell from 0.
func minus(score float64) []byte {
	if score == 0 && math.Signbit(score) {
		return []byte{'-'}
	}
	return nil
}

// scoreOf is the score that a row by score tells of.
func scoreOf(sub, value []byte) float64 {
	bits := binary.BigEndian.Uint64(sub[1:])
	switch {
	case len(value) > 0:
		return math.Copysign(0, -1)
	case bits>>63 == 1:
		return math.Float64frombits(bits &^ (1 << 63))
	default:
		return math.Float64frombits(^bits)
	}
}

// appendRank appends the row key of a member by its score.
func appendRank[B []byte | string](dst []byte, score float64, name B) []byte {
	return append(appendSortable(dst, sortableScore(score)), name...)
}

func appendSortable(dst []byte, n uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, areaScore), n)
}

// ZSpan is a stretch of a sorted set's members: those whose rows are from one row key on and before another.
type ZSpan struct{ from, to []byte }

// ZAll is the span of all members.
func ZAll() ZSpan { return ZSpan{[]byte{areaScore}, areaEnd(areaScore)} }

// empty tells whether nothing can be in the span.
func (s *ZSpan) empty() bool { return string(s.from) >= string(s.to) }

// ScoreRange are the scores from Min to Max; each of them may be excluded.
type ScoreRange struct {
	Min, Max         float64
	OpenMin, OpenMax bool
}

// Scores returns the span of the members whose scores are in the range.
func Scores(r ScoreRange) ZSpan {
	from, to := sortableScore(r.Min), sortableScore(r.Max)
	if r.OpenMin {
		from++
	}
	if !r.OpenMax {
		to++
	}
	return ZSpan{appendSortable(nil, from), appendSortable(nil, to)}
}

// NameBound is an end of a range of names: a name, included or not, or what is before all or behind all names.
type NameBound struct {
	Name []byte
	Open bool // the name itself is not included
	End  int  // -1: before all names, 1: behind all
}

// NameRange are the names from Min to Max.
type NameRange struct{ Min, Max NameBound }

// Names returns the span of the members whose names are in the range, which is meant for sorted sets in which all scores are equal. In
// others the span begins and ends where a binary search ends, as Redis's does.
func (z *ZSet) Names(r NameRange) ZSpan {
	if z.h == nil || r.empty() {
		return ZSpan{}
	}
	var first, last []byte
	z.v.ascend(z.h, []byte{areaScore}, areaEnd(areaScore), func(sub, _ []byte) bool {
		first = clone(sub)
		return false
	})
	z.v.descend(z.h, []byte{areaScore}, areaEnd(areaScore), func(sub, _ []byte) bool {
		last = clone(sub)
		return false
	})
	if len(first) < scorePrefix || len(last) < scorePrefix {
		return ZSpan{} // a View that probes, or a failure
	}
	if string(first[:scorePrefix]) != string(last[:scorePrefix]) {
		return ZSpan{z.search(r.Min, false), z.search(r.Max, true)}
	}
	return ZSpan{r.Min.place(first[:scorePrefix], false), r.Max.place(first[:scorePrefix], true)}
}

// empty tells whether no name can be in the range.
func (r *NameRange) empty() bool {
	return r.Min.End > 0 || r.Max.End < 0
}

// place returns the first row key behind a bound, or with after false at it, where all rows begin with prefix.
func (b *NameBound) place(prefix []byte, after bool) []byte {
	switch {
	case b.End < 0:
		return prefix
	case b.End > 0:
		return areaEnd(areaScore)
	}
	sub := append(append(make([]byte, 0, len(prefix)+len(b.Name)+1), prefix...), b.Name...)
	if b.Open != after {
		sub = append(sub, 0)
	}
	return sub
}

// search finds the place of a bound among names that need not be in order.
func (z *ZSet) search(b NameBound, after bool) []byte {
	i := sort.Search(int(z.top.count), func(i int) bool {
		sub := z.subAt(int64(i))
		if len(sub) < scorePrefix {
			return true
		}
		name := string(sub[scorePrefix:])
		switch {
		case b.End != 0:
			return b.End < 0
		case b.Open != after:
			return name > string(b.Name)
		default:
			return name >= string(b.Name)
		}
	})
	if int64(i) == z.top.count {
		return areaEnd(areaScore)
	}
	return z.subAt(int64(i))
}

// subAt returns the row key of the member at rank i, which must be that of one. Near an end it needs no census.
func (z *ZSet) subAt(i int64) (found []byte) {
	step := func(sub, _ []byte) bool {
		if i == 0 {
			found = clone(sub)
		}
		i--
		return i >= 0
	}
	whole := z.v.elements(z.h).whole
	switch back := z.top.count - 1 - i; {
	case !whole && i < nearby:
		z.v.ascend(z.h, []byte{areaScore}, areaEnd(areaScore), step)
	case !whole && back < nearby:
		i = back
		z.v.descend(z.h, []byte{areaScore}, areaEnd(areaScore), step)
	default:
		found, _, _ = z.v.at(z.h, areaScore, i)
	}
	return found
}

// Rank returns how many members stand before one, and its score; not ok when it is not there.
func (z *ZSet) Rank(name []byte) (rank int64, score float64, ok bool) {
	score, ok = z.Score(name)
	if !ok {
		return 0, 0, false
	}
	return z.v.before(z.h, areaScore, appendRank(make([]byte, 0, 64), score, name)), score, true
}

// Count returns the number of members in a span.
func (z *ZSet) Count(s ZSpan) int64 {
	if z.h == nil || s.empty() {
		return 0
	}
	return z.v.before(z.h, areaScore, s.to) - z.v.before(z.h, areaScore, s.from)
}
