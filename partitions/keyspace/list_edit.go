package keyspace

import (
	"bytes"

	"shiplog/wal"
)

// Push adds an element at an end. The value must stay as it is until the unit ends.
func (l *List) Push(end End, value []byte) {
	op := wal.OpLPush
	if end == Right {
		op = wal.OpRPush
	}
	if l.h == nil {
		l.open(l.t.create(l.key, TypeList))
	} else if end == Left {
		l.ends.first = place{n: l.ends.first.n - 1}
	} else {
		l.ends.last = place{n: l.ends.last.n + 1}
	}
	l.top.count++
	l.write(wal.Effect{Op: op, Value: value, Place: l.t.placePiece(l.ends.at(end))})
}

// at returns the place of the element at an end.
func (e *listEnds) at(end End) *place {
	if end == Left {
		return &e.first
	}
	return &e.last
}

// write writes an effect after which the list is as l says.
func (l *List) write(e wal.Effect) {
	var buf [96]byte
	after := l.top
	after.rest = appendEnds(buf[:0], &l.ends)
	l.t.element(l.h, e, &after)
	if after.count == 0 {
		*l = List{v: l.v, t: l.t, key: l.key}
	}
}

// Pop takes the element at an end out of the list, and tells whether there was one. The key goes with the last element.
func (l *List) Pop(end End) (value []byte, ok bool) {
	if l.h == nil {
		return nil, false
	}
	at, op := *l.ends.at(end), wal.OpLPop
	if end == Right {
		op = wal.OpRPop
	}
	sub := l.t.placePiece(&at)
	value, _ = l.v.row(l.h, sub)
	l.leave(at)
	l.write(wal.Effect{Op: op, Count: 1, Place: sub})
	return value, true
}

// leave counts the element at a place out of the list.
func (l *List) leave(at place) {
	if l.top.count > 1 {
		if at == l.ends.first {
			l.ends.first = l.inner(Left)
		}
		if at == l.ends.last {
			l.ends.last = l.inner(Right)
		}
	}
	l.top.count--
	if at.fraction != "" {
		l.ends.fractions--
	}
}

// inner returns the place of the element next to the one at an end.
func (l *List) inner(end End) (p place) {
	if end == Left {
		return l.placeAt(1)
	}
	return l.placeAt(l.top.count - 2)
}

// oneByOne is how many elements go from an end with an effect for each. More go with one effect.
const oneByOne = 64

// Drop takes n elements, or as many as there are, out of the list at an end.
func (l *List) Drop(end End, n int64) {
	switch {
	case n > oneByOne && n >= l.top.count:
		l.t.Delete(l.key)
		*l = List{v: l.v, t: l.t, key: l.key}
	case n > oneByOne:
		l.cut(end, n)
	default:
		for ok := true; ok && n > 0; n-- {
			_, ok = l.Pop(end)
		}
	}
}

// cut takes n elements, but not all, out of the list at an end, with one effect.
func (l *List) cut(end End, n int64) {
	e := wal.Effect{Op: wal.OpLPop, Count: n}
	from, innermost, next := int64(0), n-1, n
	if end == Right {
		e.Op = wal.OpRPop
		from = l.top.count - n
		innermost, next = from, from-1
	}
	e.Place = l.placeAt(innermost).sub()
	at, fractions := l.placeAt(next), l.fractionsIn(from, n)
	*l.ends.at(end) = at
	l.ends.fractions -= fractions
	l.top.count -= n
	l.write(e)
}

// fractionsIn returns how many of the n places from the index from on have a fraction.
func (l *List) fractionsIn(from, n int64) (fractions int64) {
	if l.ends.fractions == 0 {
		return 0
	}
	l.walk(from, n, func(sub, _ []byte) bool {
		if len(sub) > placeSize {
			fractions++
		}
		return true
	})
	return fractions
}

// Keep leaves n elements from the index from on in the list. They must be there. That these are all is news, as in Redis.
func (l *List) Keep(from, n int64) {
	if n <= 0 {
		if l.h != nil {
			l.t.Delete(l.key)
			*l = List{v: l.v, t: l.t, key: l.key}
		}
		return
	}
	if n == l.top.count {
		l.t.Touch(l.key)
	}
	l.Drop(Right, l.top.count-from-n)
	l.Drop(Left, from)
}

// Set replaces the element at i. The value must stay as it is until the unit ends.
func (l *List) Set(i int64, value []byte) {
	l.write(wal.Effect{Op: wal.OpLSet, Index: i, Value: value, Place: l.placeAt(i).sub()})
}

// find returns the index of the first element that equals value, -1 when there is none.
func (l *List) find(value []byte) int64 {
	i, found := int64(0), false
	l.Range(0, l.top.count, func(v []byte) bool {
		found = bytes.Equal(v, value)
		i++
		return !found
	})
	if !found {
		return -1
	}
	return i - 1
}

// InsertBeside puts value before or behind the first element that equals pivot, and tells whether there is one. The value must stay as it
// is until the unit ends.
func (l *List) InsertBeside(pivot []byte, behind bool, value []byte) bool {
	i := l.find(pivot)
	if i < 0 {
		return false
	}
	if behind {
		i++
	}
	switch i {
	case 0:
		l.Push(Left, value)
	case l.top.count:
		l.Push(Right, value)
	default:
		l.insert(i, value)
	}
	return true
}

// insert puts value before the element at i, which is not the first.
func (l *List) insert(i int64, value []byte) {
	at := between(l.placeAt(i-1), l.placeAt(i))
	if len(at.fraction) > fractionMost {
		l.loosen(i)
		at = between(l.placeAt(i-1), l.placeAt(i))
	}
	l.insertAt(i, at, value)
}

// insertAt puts value before the element at i, and at a place that fits.
func (l *List) insertAt(i int64, at place, value []byte) {
	if i == 0 {
		l.ends.first = at
	}
	l.top.count++
	if at.fraction != "" {
		l.ends.fractions++
	}
	l.write(wal.Effect{Op: wal.OpLInsert, Index: i, Value: value, Place: at.sub()})
}

// removeAt takes the element at i, whose place is at, out of the list.
func (l *List) removeAt(i int64, at place) {
	l.leave(at)
	l.write(wal.Effect{Op: wal.OpLRem, Index: i, Place: at.sub()})
}

// Remove takes elements that equal value out of the list: n from the left, -n from the right, all when n is 0. It returns how many. The
// key goes with the last element.
func (l *List) Remove(value []byte, n int64) int64 {
	type found struct {
		i  int64
		at place
	}
	var all []found
	i, step, most := int64(0), int64(1), n
	walk := l.walk
	if n < 0 {
		i, step, most, walk = l.top.count-1, -1, -n, l.walkBack
	}
	walk(i, l.top.count, func(sub, v []byte) bool {
		if bytes.Equal(v, value) {
			all = append(all, found{i, placeOf(sub)})
		}
		i += step
		return n == 0 || int64(len(all)) != most
	})
	for gone, f := range all {
		if n >= 0 {
			f.i -= int64(gone)
		}
		l.removeAt(f.i, f.at)
	}
	return int64(len(all))
}

// copyList makes a copy of the list at from at a key that is not there.
func (t *Tx) copyList(from *head, to []byte) {
	l := List{v: &t.View, t: t, key: to}
	t.ascend(from, []byte{areaList}, areaEnd(areaList), func(_, value []byte) bool {
		l.Push(Right, clone(value))
		return true
	})
}

// Rotate moves the element at one end to the other end, or leaves it where it is if both are the same, and returns it. There must be one.
func (l *List) Rotate(from, to End) []byte {
	value, _ := l.Index(0)
	if from == Right {
		value, _ = l.Index(l.top.count - 1)
	}
	l.Push(to, value) // first, so that the list is never empty and remains what it is
	l.Pop(from)
	return value
}
