package keyspace

import (
	"encoding/binary"
	"slices"
)

// headOf is what a key begins with, as a number: of two keys the one with the smaller head is the smaller one. When their heads are
// equal the keys themselves must be compared.
func headOf[B []byte | string](key B) uint64 {
	if len(key) < 8 {
		var full [8]byte
		copy(full[:], key)
		return binary.BigEndian.Uint64(full[:])
	}
	return uint64(key[7]) | uint64(key[6])<<8 | uint64(key[5])<<16 | uint64(key[4])<<24 |
		uint64(key[3])<<32 | uint64(key[2])<<40 | uint64(key[1])<<48 | uint64(key[0])<<56
}

// kidOf returns which kid key, whose head is given, belongs to.
func (n *countedNode[T]) kidOf(key []byte, head uint64) int {
	low, high := 1, len(n.heads)
	for low < high {
		middle := int(uint(low+high) >> 1)
		if at := n.heads[middle]; head < at || head == at && string(key) < n.kids[middle].first {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low - 1
}

// place returns the first item whose key is not less than key, whose head is given.
func (n *countedNode[T]) place(key []byte, head uint64) int {
	low, high := 0, len(n.heads)
	for low < high {
		middle := int(uint(low+high) >> 1)
		if at := n.heads[middle]; at < head || at == head && n.items[middle].key < string(key) {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}

// holds tells whether item i is there and has the key.
func (n *countedNode[T]) holds(i int, key []byte) bool {
	return i < len(n.items) && n.items[i].key == string(key)
}

func (n *countedNode[T]) putItem(i int, item countedItem[T]) {
	n.heads = slices.Insert(n.heads, i, headOf(item.key))
	n.items = slices.Insert(n.items, i, item)
	n.last = i
}

func (n *countedNode[T]) putKid(i int, kid countedKid[T]) {
	n.heads = slices.Insert(n.heads, i, headOf(kid.first))
	n.kids = slices.Insert(n.kids, i, kid)
	n.last = i
}

// dropItems removes the items from i on and before j.
func (n *countedNode[T]) dropItems(i, j int) {
	n.heads, n.items = slices.Delete(n.heads, i, j), slices.Delete(n.items, i, j)
}

// dropKids removes the kids from i on and before j.
func (n *countedNode[T]) dropKids(i, j int) {
	n.heads, n.kids = slices.Delete(n.heads, i, j), slices.Delete(n.kids, i, j)
}

// divide tells where a full node is divided that gets something new at i, and whether the new comes to the right part.
// What goes on where the latest one was put in is a run: it is divided from its neighbours, and when it has the node for
// itself the full node is left behind. That is so only if the run's part is at least half a node; no crumbs are left.
func (n *countedNode[T]) divide(i int) (at int, right bool) {
	const half = countedMost / 2
	switch {
	case i == n.last+1 && i >= half: // upwards
		return i, i == countedMost
	case i == n.last && i <= half: // downwards
		return i, i > 0 && n.kids == nil
	}
	return half, i > half
}

// splitItems puts an item at i into a full leaf and returns the right part of it as a new one.
func (n *countedNode[T]) splitItems(i int, item countedItem[T]) countedKid[T] {
	at, right := n.divide(i)
	split := &countedNode[T]{heads: append(make([]uint64, 0, countedMost), n.heads[at:]...),
		items: append(make([]countedItem[T], 0, countedMost), n.items[at:]...)}
	n.dropItems(at, len(n.items))
	if right {
		split.putItem(i-at, item)
	} else {
		n.putItem(i, item)
	}
	kid := countedKid[T]{first: split.items[0].key, node: split}
	if right && at == i && i < countedMost {
		kid.first = n.items[i-1].key + "\x00" // a run downwards goes on in the right part, whatever its next keys are
	}
	for i := range split.items {
		kid.weight += split.items[i].weight
	}
	return kid
}

// splitKids puts a kid at i, which is never 0, into a full inner node and returns the right part of it as a new one.
func (n *countedNode[T]) splitKids(i int, kid countedKid[T]) countedKid[T] {
	at, right := n.divide(i)
	split := &countedNode[T]{heads: append(make([]uint64, 0, countedMost), n.heads[at:]...),
		kids: append(make([]countedKid[T], 0, countedMost), n.kids[at:]...)}
	n.dropKids(at, len(n.kids))
	if right {
		split.putKid(i-at, kid)
		split.joinAround(i - at)
	} else {
		n.putKid(i, kid)
		n.joinAround(i)
	}
	n.join(len(n.kids) - 2) // the left part of what was split may be the last one here, and small
	up := countedKid[T]{first: split.kids[0].first, node: split}
	for i := range split.kids {
		up.weight += split.kids[i].weight
	}
	return up
}

// joinAround joins kid i with what follows it, and what is before it with what is before that, where they are small. That
// is right after what is before i was split into the two: one of them has half a node, so only the other can be joined,
// and n has not fewer kids than before the split.
func (n *countedNode[T]) joinAround(i int) {
	n.join(i)
	n.join(i - 2)
}

// join makes one of the kids i and i+1 if both are there and small. What meets at the seam may then be joined too.
func (n *countedNode[T]) join(i int) {
	if i < 0 || i+1 >= len(n.kids) {
		return
	}
	a, b := n.kids[i].node, n.kids[i+1].node
	if len(a.items)+len(b.items)+len(a.kids)+len(b.kids) > countedLeast {
		return
	}
	if b.kids != nil {
		b.kids[0].first, b.heads[0] = n.kids[i+1].first, n.heads[i+1]
	}
	seam := len(a.kids) - 1
	a.heads, a.items, a.kids = append(a.heads, b.heads...), append(a.items, b.items...), append(a.kids, b.kids...)
	a.join(seam)
	n.kids[i].weight += n.kids[i+1].weight
	n.dropKids(i+1, i+2)
}
