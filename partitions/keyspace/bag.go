package keyspace

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// The area of the elements that hashes, sets and sorted sets find by name.
const areaMember byte = 'm'

// memberPrefix is the length of what stands before the name in the row key of a member: the area and a hash.
const memberPrefix = 1 + hashSize

// appendMember appends the row key of a member: its hash first, so that a cursor over a collection keeps its meaning for ever, and a
// random place in it is one.
func appendMember[B []byte | string](dst []byte, name B) []byte {
	hash := xxhash.Sum64([]byte(name)) >> 16
	return append(appendMemberCursor(dst, hash), name...)
}

// appendMemberCursor appends the first row key of members at or behind a cursor.
func appendMemberCursor(dst []byte, cursor uint64) []byte {
	dst = append(dst, areaMember)
	return append(dst, byte(cursor>>40), byte(cursor>>32), byte(cursor>>24), byte(cursor>>16), byte(cursor>>8), byte(cursor))
}

// memberCursor is the place of a member's row.
func memberCursor(sub []byte) uint64 {
	return uint64(binary.BigEndian.Uint16(sub[1:]))<<32 | uint64(binary.BigEndian.Uint32(sub[3:]))
}

// scanMembers calls fn with the members from cursor on, looks at count of them or a few more, and returns the cursor to go on with, 0 at the
// end. A member that is there from the first call of a walk to its last is visited.
func (v *View) scanMembers(h *head, cursor uint64, count int, fn func(name, value []byte)) (next uint64) {
	if cursor >= 1<<(8*hashSize) {
		return 0
	}
	visited, last := 0, uint64(0)
	v.ascend(h, appendMemberCursor(nil, cursor), areaEnd(areaMember), func(sub, value []byte) bool {
		at := memberCursor(sub)
		if visited >= count && at != last { // members that share a cursor must come together
			next = at
			return false
		}
		visited, last = visited+1, at
		fn(sub[memberPrefix:], value)
		return true
	})
	return next
}

// eachMember calls fn with all members until it returns false.
func (v *View) eachMember(h *head, fn func(name, value []byte) bool) {
	v.ascend(h, []byte{areaMember}, areaEnd(areaMember), func(sub, value []byte) bool {
		return fn(sub[memberPrefix:], value)
	})
}

// randomWindow is how many members stand behind a random place of a big collection of which one is chosen: the hashes of
// members are not evenly far from each other, which so many of them make up for.
const randomWindow = 64

// randomMember returns the row key of a member chosen at random, and its value. The collection is not empty. Each member of one that is
// whole in memory is chosen equally often; of others nearly so.
func (v *View) randomMember(h *head) (sub, value []byte) {
	m := v.elements(h)
	if m.whole {
		at := m.tree.seekAt(m.tree.before([]byte{areaMember}) + rand.Int64N(max(topOfHead(h).count, 1)))
		return clone(v.store.hot.spot.take(m, &at)), at.value().value
	}
	type row struct{ sub, value []byte }
	var window []row
	gather := func(sub, value []byte) bool {
		window = append(window, row{clone(sub), clone(value)})
		return len(window) < randomWindow
	}
	v.ascend(h, appendMemberCursor(nil, rand.Uint64N(1<<(8*hashSize))), areaEnd(areaMember), gather)
	if len(window) < randomWindow {
		v.ascend(h, []byte{areaMember}, areaEnd(areaMember), gather)
	}
	if len(window) == 0 {
		return nil, nil // a View that probes, or a failure
	}
	one := window[rand.IntN(len(window))]
	return one.sub, one.value
}

// drawMembers returns n members of the collection at h, which has size of them, each of them any one, in an order that means nothing. Beyond
// memory it walks over all members once where that costs less than to look for each.
func (v *View) drawMembers(h *head, size, n int64) (drawn []pair) {
	if v.elements(h).whole || n <= size/coldDrawRatio {
		for int64(len(drawn)) < n {
			sub, value := v.randomMember(h)
			if len(sub) < memberPrefix {
				return nil // a View that probes, or a failure
			}
			drawn = append(drawn, pair{sub[memberPrefix:], value})
		}
		return drawn
	}
	ranks := make([]int64, n)
	for i := range ranks {
		ranks[i] = rand.Int64N(size)
	}
	slices.Sort(ranks)
	at := int64(0)
	v.eachMember(h, func(name, value []byte) bool {
		for here := (pair{}); len(drawn) < len(ranks) && ranks[len(drawn)] == at; drawn = append(drawn, here) {
			if here.name == nil {
				here = pair{clone(name), clone(value)}
			}
		}
		at++
		return len(drawn) < len(ranks)
	})
	rand.Shuffle(len(drawn), func(i, j int) { drawn[i], drawn[j] = drawn[j], drawn[i] })
	return drawn
}
