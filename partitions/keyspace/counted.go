package keyspace

const (
	countedMost  = 48              // entries of a leaf, children of an inner node
	countedLeast = countedMost / 2 // neighbours that have no more than this together become one
	countedFirst = 3               // entries that a first leaf has room for; doubled as need be, it comes to countedMost
	countedDepth = 8               // levels of inner nodes that a path has room for
)

// counted is an ordered map from string to T whose entries have weights, and which knows how much weight lies before a
// key and what lies at a given weight. The zero value is empty and ready. Everything costs O(log n); runs of new keys,
// upwards or downwards, at the ends or anywhere else, leave full nodes behind.
//
// It is a B+-tree. Two neighbours under one parent that have no more than countedLeast entries or children together are
// joined, so that two have at least 25, and two inner nodes at least 12 pairs of children: a node of height h and its
// neighbour have at least 25 * 12^h entries below them, whatever came and went. A ninth level of inner nodes would take
// 25 * 12^8 of them, which is more than 10^10 and more than a memory holds.
type counted[T any] struct {
	root   *countedNode[T] // nil when empty
	levels int             // of inner nodes
	size   int
	total  int64

	changes uint64 // how often entries have come or gone
}

// countedNode is a leaf, which has items, or an inner node, which has kids. Neither is ever empty. Its heads stand together, so
// that most of a search touches neither the items nor the bytes of their keys.
type countedNode[T any] struct {
	heads []uint64 // of the items' keys, or of the kids' firsts
	items []countedItem[T]
	kids  []countedKid[T]
	last  int // where the latest item or kid was put in: it shows runs of keys
}

type countedItem[T any] struct {
	key    string
	weight int64
	value  T
}

// countedKid is a child and the weight of all that is below it. The keys below are not less than first, those of its left
// neighbour are; nobody looks at the first of the first kid, and there may be less below it.
type countedKid[T any] struct {
	first  string
	weight int64
	node   *countedNode[T]
}

// len returns the number of entries.
func (c *counted[T]) len() int { return c.size }

// weight returns the sum of all weights.
func (c *counted[T]) weight() int64 { return c.total }

// get returns the value of key. It does not allocate.
func (c *counted[T]) get(key []byte) (v T, ok bool) {
	n := c.root
	if n == nil {
		return v, false
	}
	head := headOf(key)
	for n.kids != nil {
		n = n.kids[n.kidOf(key, head)].node
	}
	if i := n.place(key, head); n.holds(i, key) {
		return n.items[i].value, true
	}
	return v, false
}

// set inserts an entry, or replaces value and weight of the one that has the key, and returns the value that it had.
func (c *counted[T]) set(key string, v T, weight int64) (prev T, had bool) {
	k, had := c.find([]byte(key))
	if had {
		return c.replace(&k, v, weight), true
	}
	c.insert(&k, countedItem[T]{key, weight, v})
	return prev, false
}

// replace gives the entry that a cursor stands at another value and weight, and returns the value that it had.
func (c *counted[T]) replace(k *countedCursor[T], v T, weight int64) (prev T) {
	item := &k.leaf.items[k.i]
	if weight != item.weight {
		c.weigh(k, weight-item.weight)
	}
	prev, item.value, item.weight = item.value, v, weight
	return prev
}

// insert adds an entry at the cursor that find has returned because its key was not there. No cursor may be used after that.
func (c *counted[T]) insert(k *countedCursor[T], item countedItem[T]) {
	if c.root == nil {
		c.root = &countedNode[T]{heads: make([]uint64, 0, countedFirst), items: make([]countedItem[T], 0, countedFirst)}
		k.leaf = c.root
	}
	c.size++
	c.changes++
	c.weigh(k, item.weight)
	if len(k.leaf.items) < countedMost {
		k.leaf.putItem(k.i, item)
		return
	}
	c.adopt(k, k.leaf.splitItems(k.i, item))
}

// delete removes the entry that has the key, if there is one.
func (c *counted[T]) delete(key []byte) bool {
	var k countedCursor[T]
	k.find(c, key)
	if k.leaf == nil || !k.leaf.holds(k.i, key) {
		return false
	}
	c.remove(&k)
	return true
}

// find returns a cursor at the entry that has the key; not ok when there is none.
func (c *counted[T]) find(key []byte) (k countedCursor[T], ok bool) {
	k.find(c, key)
	return k, k.leaf != nil && k.leaf.holds(k.i, key)
}

// remove removes the entry that a cursor stands at. No cursor may be used after that.
func (c *counted[T]) remove(k *countedCursor[T]) {
	c.size--
	c.changes++
	c.weigh(k, -k.leaf.items[k.i].weight)
	k.leaf.dropItems(k.i, k.i+1)
	c.tidy(k)
}

// before returns the sum of the weights of the entries with a smaller key.
func (c *counted[T]) before(key []byte) (sum int64) {
	n := c.root
	if n == nil {
		return 0
	}
	head := headOf(key)
	for n.kids != nil {
		at := n.kidOf(key, head)
		for i := range n.kids[:at] {
			sum += n.kids[i].weight
		}
		n = n.kids[at].node
	}
	at := n.place(key, head)
	for i := range n.items[:at] {
		sum += n.items[i].weight
	}
	return sum
}

// at returns the entry in whose weight position i falls, counted from 0, and rest, which is i minus the weights before
// the entry. An entry of weight 0 is never returned.
func (c *counted[T]) at(i int64) (key string, v T, rest int64, ok bool) {
	if i < 0 || i >= c.total {
		return "", v, 0, false
	}
	var k countedCursor[T]
	rest = k.findAt(c, i)
	return k.key(), k.value(), rest, true
}

// floor returns the last entry whose key is not greater than the given one.
func (c *counted[T]) floor(key []byte) (k string, v T, ok bool) {
	var at countedCursor[T]
	at.find(c, key)
	if at.leaf == nil {
		return "", v, false
	}
	if !at.leaf.holds(at.i, key) {
		at.prev()
	}
	if !at.ok() {
		return "", v, false
	}
	return at.key(), at.value(), true
}

// weigh adds to the weights along a path.
func (c *counted[T]) weigh(k *countedCursor[T], weight int64) {
	c.total += weight
	for _, s := range k.steps[:k.levels] {
		s.node.kids[s.i].weight += weight
	}
}

// adopt puts the node that was split off the leaf of a path under its parent, which may have to be split in turn.
func (c *counted[T]) adopt(k *countedCursor[T], split countedKid[T]) {
	for level := k.levels - 1; level >= 0; level-- {
		p, i := k.steps[level].node, k.steps[level].i
		p.kids[i].weight -= split.weight
		if i++; len(p.kids) < countedMost {
			p.putKid(i, split)
			p.joinAround(i)
			return
		}
		split = p.splitKids(i, split)
	}
	left := countedKid[T]{node: c.root, weight: c.total - split.weight}
	c.root = &countedNode[T]{heads: append(make([]uint64, 0, countedMost), 0, headOf(split.first)),
		kids: append(make([]countedKid[T], 0, countedMost), left, split)}
	if c.levels++; c.levels > countedDepth {
		panic("keyspace: a counted tree is deeper than its number of entries allows")
	}
}

// tidy removes the leaf of a path if it is empty and joins it with its neighbours if they are small, and so on upwards.
func (c *counted[T]) tidy(k *countedCursor[T]) {
	changed, n := true, k.leaf
	for level := k.levels - 1; level >= 0 && changed; level-- {
		p, i := k.steps[level].node, k.steps[level].i
		before := len(p.kids)
		if len(n.items)+len(n.kids) == 0 {
			p.dropKids(i, i+1)
		} else {
			p.join(i)
			p.join(i - 1)
		}
		changed, n = len(p.kids) != before, p
	}
	for c.levels > 0 && len(c.root.kids) == 1 {
		c.root = c.root.kids[0].node
		c.levels--
	}
	if c.size == 0 {
		c.root, c.levels = nil, 0
	}
}
