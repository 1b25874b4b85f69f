package keyspace

import "math/rand/v2"

// pair is a field and its value.
type pair struct{ name, value []byte }

// Sample calls fn with n different fields chosen at random, or with all when there are not more.
func (s *Hash) Sample(n int64, fn func(name, value []byte)) {
	if s.h == nil || n <= 0 {
		return
	}
	ratio := int64(coldDrawRatio)
	if s.v.elements(s.h).whole {
		ratio = drawRatio
	}
	if n > s.top.count/ratio || s.timed.someOver(s.v.now) {
		s.choose(n, fn)
		return
	}
	drawn := make(map[string]bool, n)
	s.draw(func(name, value []byte) bool {
		if !drawn[string(name)] {
			drawn[string(name)] = true
			fn(name, value)
		}
		return int64(len(drawn)) < n
	})
}

// choose is Sample by looking at every field once: each is taken with the chance that makes n of all.
func (s *Hash) choose(n int64, fn func(name, value []byte)) {
	left := s.top.count - int64(len(s.overdue()))
	s.Each(func(name, value []byte) bool {
		if rand.Int64N(max(left, 1)) < n {
			fn(clone(name), value)
			n--
		}
		left--
		return n > 0
	})
}

// Draw calls fn n times, each time with any of the fields. It does nothing when there is none.
func (s *Hash) Draw(n int64, fn func(name, value []byte)) {
	if s.h == nil || n <= 0 {
		return
	}
	if !s.timed.someOver(s.v.now) {
		for _, p := range s.v.drawMembers(s.h, s.top.count, n) {
			fn(p.name, p.value)
		}
		return
	}
	for all := s.pairs(); len(all) > 0 && n > 0; n-- {
		p := all[rand.IntN(len(all))]
		fn(p.name, p.value)
	}
}

// draw calls fn with fields chosen at random, each of which may come again, until it returns false.
func (s *Hash) draw(fn func(name, value []byte) bool) {
	for {
		sub, value := s.v.randomMember(s.h)
		if len(sub) < memberPrefix || !fn(sub[memberPrefix:], value) {
			return // nothing is there for a View that probes, or after a failure
		}
	}
}

// pairs returns all fields.
func (s *Hash) pairs() (all []pair) {
	s.Each(func(name, value []byte) bool {
		all = append(all, pair{clone(name), value})
		return true
	})
	return all
}
