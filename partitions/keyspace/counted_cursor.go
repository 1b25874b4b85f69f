package keyspace

// countedCursor stands at an entry of a counted, before the first or behind the last one. It is a value: a copy goes its
// own way. The tree must not be changed while a cursor is in use; what a cursor shows afterwards is undefined.
type countedCursor[T any] struct {
	leaf   *countedNode[T] // nil when the tree is empty
	i      int             // of the item: -1 before the first, the number of items behind the last
	levels int
	steps  [countedDepth]countedStep[T] // from the root to the parent of the leaf
}

// countedStep is an inner node and the kid of it that the path goes through.
type countedStep[T any] struct {
	node *countedNode[T]
	i    int
}

// seek returns a cursor at the first entry whose key is not less than the given one.
func (c *counted[T]) seek(key []byte) (k countedCursor[T]) {
	k.find(c, key)
	if k.leaf != nil && k.i == len(k.leaf.items) {
		k.toNext()
	}
	return k
}

// seekBack returns a cursor at the last entry whose key is less than the given one.
func (c *counted[T]) seekBack(key []byte) (k countedCursor[T]) {
	k.find(c, key)
	k.prev()
	return k
}

// seekAt returns a cursor at the entry in whose weight position i falls, counted from 0. There must be one.
func (c *counted[T]) seekAt(i int64) (k countedCursor[T]) {
	k.findAt(c, i)
	return k
}

// findAt goes to the entry in whose weight position i falls, and returns i minus the weights before it.
func (k *countedCursor[T]) findAt(c *counted[T], i int64) (rest int64) {
	n := c.root
	k.levels = 0
	for n.kids != nil {
		kid := 0
		for i >= n.kids[kid].weight {
			i -= n.kids[kid].weight
			kid++
		}
		k.steps[k.levels] = countedStep[T]{n, kid}
		k.levels++
		n = n.kids[kid].node
	}
	item := 0
	for i >= n.items[item].weight {
		i -= n.items[item].weight
		item++
	}
	k.leaf, k.i = n, item
	return i
}

// find goes to the leaf that key belongs to and to its first item whose key is not less, which may be none.
func (k *countedCursor[T]) find(c *counted[T], key []byte) {
	n := c.root
	k.leaf, k.i, k.levels = nil, 0, 0
	if n == nil {
		return
	}
	head := headOf(key)
	for n.kids != nil {
		i := n.kidOf(key, head)
		k.steps[k.levels] = countedStep[T]{n, i}
		k.levels++
		n = n.kids[i].node
	}
	k.leaf, k.i = n, n.place(key, head)
}

// ok tells whether there is an entry here. Only then may it be asked for.
func (k *countedCursor[T]) ok() bool { return k.leaf != nil && uint(k.i) < uint(len(k.leaf.items)) }

func (k *countedCursor[T]) key() string   { return k.leaf.items[k.i].key }
func (k *countedCursor[T]) value() T      { return k.leaf.items[k.i].value }
func (k *countedCursor[T]) weight() int64 { return k.leaf.items[k.i].weight }

// next goes to the following entry. From before the first one it goes to that; behind the last one it stays.
func (k *countedCursor[T]) next() {
	if k.leaf == nil {
		return
	}
	if k.i++; k.i >= len(k.leaf.items) {
		k.toNext()
	}
}

// prev goes to the entry before. From behind the last one it goes to that; before the first one it stays.
func (k *countedCursor[T]) prev() {
	if k.i--; k.i < 0 {
		k.toPrev()
	}
}

// toNext goes to the first item of the next leaf, or behind the last one if there is none.
func (k *countedCursor[T]) toNext() {
	for level := k.levels - 1; level >= 0; level-- {
		s := &k.steps[level]
		if s.i+1 < len(s.node.kids) {
			s.i++
			k.down(level, false)
			k.i = 0
			return
		}
	}
	k.i = len(k.leaf.items)
}

// toPrev goes to the last item of the leaf before, or before the first one if there is none.
func (k *countedCursor[T]) toPrev() {
	for level := k.levels - 1; level >= 0; level-- {
		s := &k.steps[level]
		if s.i > 0 {
			s.i--
			k.down(level, true)
			k.i = len(k.leaf.items) - 1
			return
		}
	}
	k.i = -1
}

// down goes from the step at a level to the first or the last leaf below it.
func (k *countedCursor[T]) down(level int, last bool) {
	n := k.steps[level].node.kids[k.steps[level].i].node
	for n.kids != nil {
		i := 0
		if last {
			i = len(n.kids) - 1
		}
		level++
		k.steps[level] = countedStep[T]{n, i}
		n = n.kids[i].node
	}
	k.leaf = n
}
