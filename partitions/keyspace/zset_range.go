package keyspace

import "math/rand/v2"

// Ranks returns the span of the members with the ranks from first to last, both included and, when negative, counted from the end. With
// reverse the ranks are counted from the other end.
func (z *ZSet) Ranks(first, last int64, reverse bool) ZSpan {
	n := z.top.count
	if first < 0 {
		first = max(first+n, 0)
	}
	if last < 0 {
		last += n
	}
	last = min(last, n-1)
	if first > last || z.h == nil {
		return ZSpan{}
	}
	if reverse {
		first, last = n-1-last, n-1-first
	}
	s := ZAll()
	if first > 0 {
		s.from = z.subAt(first)
	}
	if last < n-1 {
		s.to = z.subAt(last + 1)
	}
	return s
}

// Each calls fn with the members of a span, in their order or backwards, but for the first offset of them, until fn returns false. A
// negative offset leaves none. A name is valid only during the call.
func (z *ZSet) Each(s ZSpan, reverse bool, offset int64, fn func(name []byte, score float64) bool) {
	if z.h == nil || offset < 0 || offset >= z.top.count {
		return
	}
	if offset >= nearby || offset > 0 && z.v.elements(z.h).whole {
		s, offset = z.skip(s, reverse, offset), 0
	}
	if s.empty() {
		return
	}
	step := func(sub, value []byte) bool {
		offset--
		return offset >= 0 || fn(sub[scorePrefix:], scoreOf(sub, value))
	}
	if reverse {
		z.v.descend(z.h, s.from, s.to, step)
	} else {
		z.v.ascend(z.h, s.from, s.to, step)
	}
}

// skip returns a span without its first members.
func (z *ZSet) skip(s ZSpan, reverse bool, n int64) ZSpan {
	first, behind := z.v.before(z.h, areaScore, s.from), z.v.before(z.h, areaScore, s.to)
	switch {
	case behind-first <= n:
		return ZSpan{}
	case reverse:
		return ZSpan{s.from, z.subAt(behind - n)}
	default:
		return ZSpan{z.subAt(first + n), s.to}
	}
}

// Behind returns a span without its first n members, the last with reverse.
func (z *ZSet) Behind(s ZSpan, reverse bool, n int64) ZSpan {
	if n == 0 || s.empty() {
		return s
	}
	return z.skip(s, reverse, n)
}

// Members returns the members of a span, at most limit of them unless that is negative, without the first offset. They are the caller's.
func (z *ZSet) Members(s ZSpan, reverse bool, offset, limit int64) (members []ZMember) {
	if limit == 0 {
		return nil
	}
	z.Each(s, reverse, offset, func(name []byte, score float64) bool {
		members = append(members, ZMember{clone(name), score})
		return int64(len(members)) != limit
	})
	return members
}

// Walk begins a walk over the members of a span, of which there are some, for a reply that is made piece by piece. WalkedMember says
// what its elements are.
func (z *ZSet) Walk(s ZSpan, reverse bool) *Walk {
	return z.v.walk(z.h, s.from, s.to, 0, reverse)
}

// WalkedMember returns the member that an element of the Walk of a sorted set is.
func WalkedMember(name, value []byte) ZMember {
	return ZMember{name[scorePrefix:], scoreOf(name, value)}
}

// RemoveSpan takes the members of a span out of the sorted set and returns how many there were.
func (z *ZSet) RemoveSpan(s ZSpan) int64 {
	members := z.Members(s, false, 0, -1)
	n := int64(len(members))
	if n > 0 && n == z.top.count {
		z.t.Delete(z.key)
		z.h, z.top = nil, top{}
		return n
	}
	for _, m := range members {
		z.remove(m.Name, m.Score)
	}
	return n
}

// Pop takes n members out of the sorted set, or all when there are not more, those with the lowest scores or, with most, with the highest,
// and returns them.
func (z *ZSet) Pop(n int64, most bool) []ZMember {
	if !most {
		return z.popLowest(n)
	}
	members := z.Members(ZAll(), most, 0, n)
	for _, m := range members {
		z.remove(m.Name, m.Score)
	}
	return members
}

func (z *ZSet) popLowest(n int64) []ZMember {
	members := make([]ZMember, 0, max(0, min(n, z.top.count)))
	for z.h != nil && int64(len(members)) < n {
		at, ok := z.v.lowest(z.h, areaScore)
		if !ok {
			break // a failure
		}
		sub := z.v.store.hot.spot.take(z.h.elements, &at)
		m := ZMember{clone(sub[scorePrefix:]), scoreOf(sub, at.value().value)}
		z.remove(m.Name, m.Score)
		members = append(members, m)
	}
	return members
}

// EachName calls fn with all members in no order that means anything until fn returns false. A name is valid only during the call.
func (z *ZSet) EachName(fn func(name []byte, score float64) bool) {
	if z.h != nil {
		z.v.eachMember(z.h, func(name, row []byte) bool { return fn(name, parseScore(row)) })
	}
}

// Scan calls fn with the members from cursor on, looks at count of them or a few more, and returns the cursor to go on with, 0 at the end.
// A sorted set in the small encoding is shown at once. A name is valid only during the call.
func (z *ZSet) Scan(cursor uint64, count int, fn func(name []byte, score float64)) (next uint64) {
	switch {
	case z.h == nil:
		return 0
	case z.top.flags&flagBig == 0:
		z.Each(ZAll(), false, 0, func(name []byte, score float64) bool {
			fn(name, score)
			return true
		})
		return 0
	default:
		return z.v.scanMembers(z.h, cursor, count, func(name, row []byte) { fn(name, parseScore(row)) })
	}
}

// Random returns a member chosen at random; not ok when there is none. It is the caller's.
func (z *ZSet) Random() (m ZMember, ok bool) {
	if z.h == nil {
		return m, false
	}
	sub, row := z.v.randomMember(z.h)
	if len(sub) < memberPrefix {
		return m, false // a View that probes, or a failure
	}
	return ZMember{sub[memberPrefix:], parseScore(row)}, true
}

// Draw returns n members, each of them any one; none when there is none. They are the caller's.
func (z *ZSet) Draw(n int64) []ZMember {
	if z.h == nil {
		return nil
	}
	drawn := z.v.drawMembers(z.h, z.top.count, n)
	members := make([]ZMember, len(drawn))
	for i, p := range drawn {
		members[i] = ZMember{p.name, parseScore(p.value)}
	}
	return members
}

// Sample returns n different members chosen at random, or all when there are not more. They are the caller's.
func (z *ZSet) Sample(n int64) []ZMember {
	if z.h == nil || n >= z.top.count {
		return z.Members(ZAll(), false, 0, -1)
	}
	ratio := int64(coldDrawRatio)
	if z.v.elements(z.h).whole {
		ratio = drawRatio
	}
	if n > z.top.count/ratio {
		return z.choose(n)
	}
	return z.draw(n)
}

// choose is Sample by looking at every member once: each is taken with the chance that makes n of all.
func (z *ZSet) choose(n int64) []ZMember {
	left := z.top.count
	chosen := make([]ZMember, 0, n)
	z.EachName(func(name []byte, score float64) bool {
		if rand.Int64N(max(left, 1)) < n-int64(len(chosen)) {
			chosen = append(chosen, ZMember{clone(name), score})
		}
		left--
		return int64(len(chosen)) < n
	})
	return chosen
}

// draw is Sample for few members of many.
func (z *ZSet) draw(n int64) []ZMember {
	chosen := make([]ZMember, 0, n)
	drawn := make(map[string]bool, n)
	for int64(len(chosen)) < n {
		m, ok := z.Random()
		if !ok {
			break
		}
		if !drawn[string(m.Name)] {
			drawn[string(m.Name)] = true
			chosen = append(chosen, m)
		}
	}
	return chosen
}
