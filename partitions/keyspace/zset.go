package keyspace

import (
	"encoding/binary"
	"math"

	"shiplog/wal"
)

// ZSet is a sorted set as a command sees it. It is valid as long as the View or Tx that it comes from, and as long as nobody else
// changes the key. A ZSet of a key that is not there is empty.
type ZSet struct {
	v   *View
	t   *Tx // nil: for reading
	key []byte
	h   *head // nil: the key is not there
	top top
}

// ZMember is a member of a sorted set and its score.
type ZMember struct {
	Name  []byte
	Score float64
}

// ReadZSet returns the sorted set at key; not ok when the key holds another type.
func (v *View) ReadZSet(key []byte) (z ZSet, ok bool) {
	h, ok := v.look(key, TypeZSet)
	z = ZSet{v: v, key: key}
	if h != nil && ok {
		z.h, z.top = h, topOfHead(h)
	}
	return z, ok
}

// WriteZSet returns the sorted set at key for changing it; not ok when the key holds another type.
func (t *Tx) WriteZSet(key []byte) (z ZSet, ok bool) {
	z = ZSet{v: &t.View, t: t, key: key}
	h, there := t.settle(key)
	if !there {
		return z, true
	}
	if h.value.Type != TypeZSet {
		return z, false
	}
	z.h, z.top = h, topOfHead(h)
	return z, true
}

// There tells whether the key is there.
func (z *ZSet) There() bool { return z.h != nil }

// encoding is how Redis would keep the sorted set.
func (z *ZSet) encoding() string {
	if z.top.flags&flagBig != 0 {
		return "skiplist"
	}
	return "listpack"
}

// Len returns the number of members.
func (z *ZSet) Len() int64 { return z.top.count }

// Score returns the score of a member, and whether it is there.
func (z *ZSet) Score(name []byte) (score float64, ok bool) {
	row, ok := z.row(name)
	return parseScore(row), ok
}

// row returns the value of a member's row.
func (z *ZSet) row(name []byte) (value []byte, ok bool) {
	if z.h == nil {
		return nil, false
	}
	value, ok = z.v.row(z.h, appendMember(make([]byte, 0, 64), name))
	return value, ok && len(value) == scoreSize
}

// scoreSize is the length of a score in a row.
const scoreSize = 8

func parseScore(row []byte) float64 {
	if len(row) != scoreSize {
		return 0
	}
	return math.Float64frombits(binary.BigEndian.Uint64(row))
}

// ZWhen are the conditions under which a member gets a score, and how.
type ZWhen struct {
	Absent  bool // only if the member is not there
	Present bool // only if it is
	Greater bool // an existing member only if its score grows
	Less    bool // an existing member only if its score shrinks
	Add     bool // the score is to be added to the one that the member has
}

// ZOutcome is what became of an Add.
type ZOutcome uint8

// What may become of an Add.
const (
	ZRefused  ZOutcome = iota // a condition does not hold
	ZSame                     // the member has had that score
	ZNew                      // the member was not there
	ZChanged                  // the member has another score now
	ZNoNumber                 // the sum of the scores is not a number; nothing has changed
)

// Add gives a member a score and returns the one that it has then. score must be a number. The name must stay as it is until the
// unit ends.
func (z *ZSet) Add(name []byte, score float64, when ZWhen, limits PackLimits) (float64, ZOutcome) {
	prev, there := z.row(name)
	if !there {
		if when.Present {
			return 0, ZRefused
		}
		z.put(name, score, nil, limits)
		return score, ZNew
	}
	had := parseScore(prev)
	if when.Absent {
		return had, ZRefused
	}
	if when.Add {
		score += had
	}
	switch {
	case math.IsNaN(score):
		return had, ZNoNumber
	case when.Less && score >= had, when.Greater && score <= had:
		return had, ZRefused
	case score == had:
		return score, ZSame
	}
	z.put(name, score, prev, limits)
	return score, ZChanged
}

// put gives a member a score that it has not; prev is what its row says now, nil when it has none.
func (z *ZSet) put(name []byte, score float64, prev []byte, limits PackLimits) {
	if z.h == nil {
		z.h = z.t.create(z.key, TypeZSet)
		z.top = topOfHead(z.h)
	}
	if prev == nil {
		z.top.count++
		if z.top.count > limits.Entries || int64(len(name)) > limits.Value {
			z.top.flags |= flagBig
		}
	}
	z.write(name, score, prev)
}

// write says that a member has a score.
func (z *ZSet) write(name []byte, score float64, prev []byte) {
	if score == 0 && z.top.flags&flagBig == 0 {
		score = 0 // a listpack has integers, which know no -0
	}
	z.t.element(z.h, wal.Effect{Op: wal.OpZAdd, Field: name, Score: score, Prev: prev}, &z.top)
}

// Remove takes a member out of the sorted set and tells whether it was there. The key goes with the last member. The name must stay as
// it is until the unit ends.
func (z *ZSet) Remove(name []byte) bool {
	prev, there := z.row(name)
	if there {
		z.remove(name, parseScore(prev))
	}
	return there
}

// remove takes a member that is there out of the sorted set.
func (z *ZSet) remove(name []byte, score float64) {
	z.top.count--
	z.t.element(z.h, wal.Effect{Op: wal.OpZRem, Field: name, Score: score}, &z.top)
	if z.top.count == 0 {
		z.h = nil
	}
}

// ReplaceZSet makes key hold a sorted set of the given members, which are all different, whatever it held before; without members it holds
// nothing. The names must stay as they are until the unit ends.
func (t *Tx) ReplaceZSet(key []byte, members []ZMember, limits PackLimits) {
	t.Delete(key)
	flags := byte(0)
	for _, m := range members {
		if int64(len(members)) > limits.Entries || int64(len(m.Name)) > limits.Value {
			flags = flagBig
		}
	}
	t.makeZSet(key, members, flags)
}

// makeZSet makes a sorted set at a key that is not there.
func (t *Tx) makeZSet(key []byte, members []ZMember, flags byte) {
	if len(members) == 0 {
		return
	}
	z := ZSet{v: &t.View, t: t, key: key, h: t.create(key, TypeZSet)}
	z.top = topOfHead(z.h)
	z.top.flags = flags
	for _, m := range members {
		z.top.count++
		z.write(m.Name, m.Score, nil)
	}
}

// copyZSet makes a copy of the sorted set at from at a key that is not there.
func (t *Tx) copyZSet(from *head, to []byte) {
	z := ZSet{v: &t.View, h: from, top: topOfHead(from)}
	t.makeZSet(to, z.Members(ZAll(), false, 0, -1), z.top.flags)
}

// mutateZSet says what an effect on a sorted set means for its rows: one by name, with the score, and one by score.
func mutateZSet(e *wal.Effect, to rows, k *rowKeys) {
	if e.Op == wal.OpZRem {
		to.drop(k.rank(e.Score, e.Field)) // first: who takes the first member has just looked for this row
		to.drop(k.member(e.Field))
		return
	}
	sub := k.member(e.Field)
	to.put(sub, k.number(math.Float64bits(e.Score)), len(e.Prev) == 0)
	if len(e.Prev) > 0 {
		to.drop(k.rank(parseScore(e.Prev), e.Field))
	}
	to.put(k.rank(e.Score, e.Field), minus(e.Score), true)
}
