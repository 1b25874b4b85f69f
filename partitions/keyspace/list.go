package keyspace

import "shiplog/wal"

// End is one of the two ends of a list.
type End bool

// The ends of a list: its first element stands at the left one.
const (
	Left  End = false
	Right End = true
)

// Other returns the other end.
func (e End) Other() End { return !e }

// List is a list as a command sees it. It is valid as long as the View or Tx that it comes from, and as long as nobody else changes
// the key. A List of a key that is not there is empty. Elements are counted from 0. An index that a method is given must be that of
// an element unless it says otherwise.
type List struct {
	v    *View
	t    *Tx // nil: for reading
	key  []byte
	h    *head // nil: the key is not there
	top  top
	ends listEnds
}

// ReadList returns the list at key; not ok when the key holds another type.
func (v *View) ReadList(key []byte) (l List, ok bool) {
	h, ok := v.look(key, TypeList)
	l = List{v: v, key: key}
	if h != nil && ok {
		l.open(h)
	}
	return l, ok
}

// WriteList returns the list at key for changing it; not ok when the key holds another type.
func (t *Tx) WriteList(key []byte) (l List, ok bool) {
	h, there := t.settle(key)
	l = List{v: &t.View, t: t, key: key}
	if !there {
		return l, true
	}
	if h.value.Type != TypeList {
		return l, false
	}
	l.open(h)
	return l, true
}

func (l *List) open(h *head) {
	l.h, l.top = h, topOfHead(h)
	l.ends = parseEnds(l.top.rest)
}

// encoding is how Redis would keep the list.
func (l *List) encoding() string { return "quicklist" }

// Len returns the number of elements.
func (l *List) Len() int64 { return l.top.count }

// dense tells whether the places are all integers from the first to the last.
func (l *List) dense() bool {
	return l.ends.fractions == 0 && l.top.count == l.ends.last.n-l.ends.first.n+1
}

// Index returns the element at i, and whether there is one. Nobody may change it.
func (l *List) Index(i int64) (value []byte, ok bool) {
	if i < 0 || i >= l.top.count {
		return nil, false
	}
	return l.v.row(l.h, l.placeAt(i).sub())
}

// nearby is how many elements are counted one by one from an end rather than by a census.
const nearby = 2 * blockRows

// placeAt returns the place of the element at i. It costs nothing in a list that was never changed but at its ends.
func (l *List) placeAt(i int64) (p place) {
	if l.dense() {
		return place{n: l.ends.first.n + i}
	}
	step := func(sub, _ []byte) bool {
		p = placeOf(sub)
		i--
		return i >= 0
	}
	whole := l.v.elements(l.h).whole
	switch back := l.top.count - 1 - i; {
	case !whole && i < nearby:
		l.v.ascend(l.h, l.ends.first.sub(), areaEnd(areaList), step)
	case !whole && back < nearby:
		i = back
		l.v.descend(l.h, []byte{areaList}, after(l.ends.last.sub()), step)
	default:
		sub, _, _ := l.v.at(l.h, areaList, i)
		p = placeOf(sub)
	}
	return p
}

// Range calls fn with n elements, or as many as there are, from the index from on until fn returns false. An element stays as it is
// after the call; nobody may change it.
func (l *List) Range(from, n int64, fn func(value []byte) bool) {
	l.walk(from, n, func(_, value []byte) bool { return fn(value) })
}

// Walk begins a walk over the elements from the index from on, which is there, for a reply that is made piece by piece. What it calls
// them is nothing that a client knows.
func (l *List) Walk(from int64) *Walk {
	return l.v.walk(l.h, l.placeAt(from).sub(), areaEnd(areaList), 1, false)
}

// RangeBack is Range in the opposite direction: it goes from the index from down.
func (l *List) RangeBack(from, n int64, fn func(value []byte) bool) {
	l.walkBack(from, n, func(_, value []byte) bool { return fn(value) })
}

// walk is Range with the elements' row keys, which are valid only during the call.
func (l *List) walk(from, n int64, fn func(sub, value []byte) bool) {
	n = min(n, l.top.count-from)
	if n <= 0 {
		return
	}
	to := areaEnd(areaList)
	if l.dense() {
		to = after(l.placeAt(from + n - 1).sub())
	}
	l.v.ascend(l.h, l.placeAt(from).sub(), to, l.counted(n, fn))
}

// walkBack is RangeBack with the elements' row keys.
func (l *List) walkBack(from, n int64, fn func(sub, value []byte) bool) {
	n = min(n, from+1)
	if n <= 0 || from >= l.top.count {
		return
	}
	first := []byte{areaList}
	if l.dense() {
		first = l.placeAt(from - n + 1).sub()
	}
	l.v.descend(l.h, first, after(l.placeAt(from).sub()), l.counted(n, fn))
}

// counted returns a function that calls fn n times at most, with values that last.
func (l *List) counted(n int64, fn func(sub, value []byte) bool) func(sub, value []byte) bool {
	m := l.v.elements(l.h)
	return func(sub, value []byte) bool {
		if !m.whole {
			value = clone(value) // it may be Pebble's
		}
		n--
		return fn(sub, value) && n > 0
	}
}

// mutateList says what an effect on a list means for its rows.
func mutateList(e *wal.Effect, to rows) {
	switch e.Op {
	case wal.OpLPush, wal.OpRPush, wal.OpLInsert:
		to.put(e.Place, e.Value, true)
	case wal.OpLSet:
		to.put(e.Place, e.Value, false)
	case wal.OpLPop, wal.OpRPop:
		switch {
		case e.Count == 1:
			to.drop(e.Place)
		case e.Op == wal.OpLPop:
			to.dropRange([]byte{areaList}, after(e.Place))
		default:
			to.dropRange(e.Place, areaEnd(areaList))
		}
	default: // OpLRem
		to.drop(e.Place)
	}
}
