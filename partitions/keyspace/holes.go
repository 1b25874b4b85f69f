package keyspace

import (
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// hole is a stretch of a collection, from a row key on and before another, in which it has no rows, though Pebble or the tree has many
// that are gone.
type hole struct {
	from, to string
	passed   int // rows that are gone and that who knows the hole need not pass by
}

// holes are those that walks over a collection have met, so that the next walk does not pass by the same rows once more: what takes
// members from an end of a collection, or from behind a fixed place, begins where the last one did. They hold for what the unit
// that runs now sees: a row that is put parts its hole, and a unit that is undone closes them all.
type holes []hole

const (
	holeRows  = 64   // rows that are gone make a hole
	holeKey   = 1024 // bytes of a row key, above which it is no end of a hole
	mostHoles = 4    // of a collection; the one that saves least goes first
)

// behind returns the first place at from or behind it that is in no hole.
func (hs holes) behind(from []byte) []byte {
	for i := range hs { // they are in order, and do not touch
		if h := &hs[i]; h.from <= string(from) && string(from) < h.to {
			return []byte(h.to)
		}
	}
	return from
}

// before returns the last place at to or before it that no hole ends at.
func (hs holes) before(to []byte) []byte {
	for i := range hs {
		if h := &hs[i]; h.from < string(to) && string(to) <= h.to {
			return []byte(h.from)
		}
	}
	return to
}

// learn takes note of a hole that a walk has met.
func (hs *holes) learn(from, to []byte, passed int) {
	if passed < holeRows || len(from) > holeKey || len(to) > holeKey || string(from) >= string(to) {
		return
	}
	n := hole{string(from), string(to), passed}
	rest := (*hs)[:0]
	for _, h := range *hs {
		if h.to < n.from || n.to < h.from {
			rest = append(rest, h)
			continue
		}
		n = hole{min(h.from, n.from), max(h.to, n.to), n.passed + h.passed}
	}
	*hs = append(rest, n)
	hs.settle()
}

// admit takes note of a row that is put.
func (hs *holes) admit(sub []byte) {
	for i, h := range *hs {
		if string(sub) < h.from || h.to <= string(sub) {
			continue
		}
		parts := []hole{{h.from, string(sub), h.passed / 2}, {string(after(sub)), h.to, h.passed / 2}}
		parts = slices.DeleteFunc(parts, func(p hole) bool { return p.from >= p.to || p.passed < holeRows || len(p.from) > holeKey })
		*hs = slices.Replace(*hs, i, i+1, parts...)
		hs.settle()
		return
	}
}

// settle brings the holes in order, and forgets those that save least where there are too many.
func (hs *holes) settle() {
	for len(*hs) > mostHoles {
		least := 0
		for i := range *hs {
			if (*hs)[i].passed < (*hs)[least].passed {
				least = i
			}
		}
		*hs = slices.Delete(*hs, least, least+1)
	}
	slices.SortFunc(*hs, func(a, b hole) int {
		if a.from < b.from {
			return -1
		}
		return 1
	})
}

// lead is the beginning of a walk over Pebble and the tree together, up to the first row that is there: where that comes late, there is a
// hole.
type lead struct {
	m        *elements
	rows     *pebble.Iterator
	from, to []byte // between which rows are looked for
	back     bool   // from to on
	gone     int    // rows of the tree that were passed by
	over     bool
}

// meets takes note of the first row that is there.
func (l *lead) meets(sub []byte) {
	switch {
	case l.over:
	case l.back:
		l.learn(after(sub), l.to)
	default:
		l.learn(l.from, sub)
	}
}

// passes shows fn the row of the tree that a cursor stands at, if it is there, and says whether to go on.
func (l *lead) passes(c *countedCursor[element], fn func(sub, value []byte) bool) bool {
	e := c.value()
	if e.gone {
		l.gone++
		return true
	}
	sub := []byte(c.key())
	l.meets(sub)
	return fn(sub, e.value)
}

// ends takes note that no more rows are there.
func (l *lead) ends() {
	if !l.over {
		l.learn(l.from, l.to)
	}
}

func (l *lead) learn(from, to []byte) {
	l.over = true
	if l.rows.Error() != nil {
		return // what it has not shown may be there
	}
	stats := l.rows.Stats()
	steps := stats.ForwardStepCount[pebble.InternalIterCall] + stats.ReverseStepCount[pebble.InternalIterCall]
	l.m.holes.learn(from, to, l.gone+steps)
}
