package keyspace

import "math/rand/v2"

// Random returns a member chosen at random; nil when there is none. It is the caller's.
func (s *Set) Random() []byte {
	if s.h == nil {
		return nil
	}
	sub, _ := s.v.randomMember(s.h)
	if len(sub) < memberPrefix {
		return nil // a View that probes, or a failure
	}
	return sub[memberPrefix:]
}

// Draw returns n members, each of them any one; none when there is none. They are the caller's.
func (s *Set) Draw(n int64) [][]byte {
	if s.h == nil {
		return nil
	}
	drawn := s.v.drawMembers(s.h, s.Len(), n)
	members := make([][]byte, len(drawn))
	for i, p := range drawn {
		members[i] = p.name
	}
	return members
}

// How many members one of which is drawn may cost as much as looking at them all: in memory, and in Pebble.
const (
	drawRatio     = 4
	coldDrawRatio = randomWindow
)

// Sample returns n different members chosen at random, or all when there are not more. They are the caller's.
func (s *Set) Sample(n int64) [][]byte {
	size := s.Len()
	if n >= size {
		return s.Members()
	}
	ratio := int64(coldDrawRatio)
	if s.v.elements(s.h).whole {
		ratio = drawRatio
	}
	if n > size/ratio {
		return s.choose(n)
	}
	return s.draw(n)
}

// choose is Sample by looking at every member once: each is taken with the chance that makes n of all.
func (s *Set) choose(n int64) [][]byte {
	left := s.Len()
	chosen := make([][]byte, 0, n)
	s.v.eachMember(s.h, func(name, _ []byte) bool {
		if rand.Int64N(max(left, 1)) < n-int64(len(chosen)) {
			chosen = append(chosen, clone(name))
		}
		left--
		return int64(len(chosen)) < n
	})
	return chosen
}

// draw is Sample for few members of many.
func (s *Set) draw(n int64) [][]byte {
	if n == 1 {
		if member := s.Random(); member != nil {
			return [][]byte{member}
		}
		return nil
	}
	chosen := make([][]byte, 0, n)
	drawn := make(map[string]bool, n)
	for int64(len(chosen)) < n {
		member := s.Random()
		if member == nil {
			break
		}
		if !drawn[string(member)] {
			drawn[string(member)] = true
			chosen = append(chosen, member)
		}
	}
	return chosen
}

// spopRebuild is how many times fewer members than it gives SPOP leaves when Redis makes a new set of the rest.
const spopRebuild = 5

// Pop takes n members chosen at random, or all when there are not more, out of the set and returns them.
func (s *Set) Pop(n int64) [][]byte {
	if n <= 0 || s.h == nil {
		return nil
	}
	all := n >= s.Len()
	chosen := s.Sample(n)
	if all {
		s.t.Delete(s.key)
		s.h = nil
		return chosen
	}
	flags := topOfHead(s.h).flags
	if rest := s.Len() - n; rest*spopRebuild <= n {
		flags = s.flagsWithout(chosen)
	}
	for _, member := range chosen {
		s.remove(member, flags)
	}
	return chosen
}

// flagsWithout returns the flags of a set that is made of all members but some.
func (s *Set) flagsWithout(some [][]byte) (flags byte) {
	gone := make(map[string]bool, len(some))
	for _, member := range some {
		gone[string(member)] = true
	}
	if s.Len()-int64(len(some)) > s.ints {
		return setHashed
	}
	s.Each(func(member []byte) bool {
		if !gone[string(member)] && !isInt(member) {
			flags = setHashed
		}
		return flags == 0
	})
	return flags
}
