package keyspace

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
)

// checkCounted holds what a tree that is not empty must be, and that it is not deeper than its entries allow.
func checkCounted[T any](t testing.TB, c *counted[T]) {
	t.Helper()
	checkNode(t, c.root, c.levels)
	least := 1
	for level := range c.levels {
		least = countedLeast + 1
		for range level {
			least *= countedLeast / 2
		}
	}
	if c.len() < least || c.levels > 0 && len(c.root.kids) < 2 {
		t.Fatalf("%d entries, %d levels above, the root has %d kids", c.len(), c.levels, len(c.root.kids))
	}
}

// checkNode returns the smallest and the largest key and the weight of what is below a node.
func checkNode[T any](t testing.TB, n *countedNode[T], levels int) (low, high string, weight int64) {
	t.Helper()
	checkHeads(t, n)
	if levels == 0 {
		if len(n.items) == 0 || len(n.items) > countedMost || n.kids != nil {
			t.Fatalf("a leaf with %d items and %d kids", len(n.items), len(n.kids))
		}
		for i := range n.items {
			if weight += n.items[i].weight; i > 0 && n.items[i-1].key >= n.items[i].key {
				t.Fatalf("%q before %q", n.items[i-1].key, n.items[i].key)
			}
		}
		return n.items[0].key, n.items[len(n.items)-1].key, weight
	}
	if len(n.kids) == 0 || len(n.kids) > countedMost || n.items != nil {
		t.Fatalf("an inner node with %d kids and %d items", len(n.kids), len(n.items))
	}
	for i, kid := range n.kids {
		first, last, below := checkNode(t, kid.node, levels-1)
		if below != kid.weight {
			t.Fatalf("a node that weighs %d is said to weigh %d", below, kid.weight)
		}
		if i == 0 {
			low = first
		} else if high >= kid.first || first < kid.first {
			t.Fatalf("kid %d is from %q, the one before ends with %q, it begins with %q", i, kid.first, high, first)
		} else if both := countedFill(n.kids[i-1].node) + countedFill(kid.node); both <= countedLeast {
			t.Fatalf("kids %d and %d have %d together", i-1, i, both)
		}
		high, weight = last, weight+below
	}
	return low, high, weight
}

// checkHeads holds that a node knows the heads of what it has; nobody looks at that of the first kid.
func checkHeads[T any](t testing.TB, n *countedNode[T]) {
	t.Helper()
	if len(n.heads) != len(n.items)+len(n.kids) {
		t.Fatalf("%d heads of %d items and %d kids", len(n.heads), len(n.items), len(n.kids))
	}
	for i, item := range n.items {
		if n.heads[i] != headOf(item.key) {
			t.Fatalf("item %q has the head %x", item.key, n.heads[i])
		}
	}
	for i, kid := range n.kids {
		if i > 0 && n.heads[i] != headOf(kid.first) {
			t.Fatalf("a kid from %q has the head %x", kid.first, n.heads[i])
		}
	}
}

func countedFill[T any](n *countedNode[T]) int { return len(n.items) + len(n.kids) }

// stretch sets or deletes, at random or as a run up or down, some entries of a tree and of a map.
func stretch(rnd *rand.Rand, c *counted[int], want map[string]int, grow bool) {
	at, step := rnd.Uint32N(1<<24), rnd.IntN(3)-1
	remove := (rnd.IntN(4) > 0) != grow
	for i := range 1 + rnd.IntN(300) {
		if at += uint32(step); step == 0 {
			at = rnd.Uint32N(1 << 24)
		}
		key := string(binary.BigEndian.AppendUint32(nil, at))
		if !remove {
			c.set(key, i, int64(i&1))
			want[key] = i
		} else if k := c.seek([]byte(key)); k.ok() {
			key = k.key()
			c.delete([]byte(key))
			delete(want, key)
		}
	}
}

// A long random mix that grows and shrinks by waves must leave a tree that is as deep as its entries are many.
func TestCountedStaysShallow(t *testing.T) {
	for seed := uint64(17); seed < 17+seeds(3); seed++ { // 17 comes upon every case of joining
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(seed, 2))
			var c counted[int]
			want := map[string]int{}
			for wave := range 4 {
				for i := range 600 {
					if stretch(rnd, &c, want, wave%2 == 0); i%4 == 0 && c.len() > 0 {
						checkCounted(t, &c)
					}
				}
				if c.len() != len(want) {
					t.Fatalf("%d entries, want %d", c.len(), len(want))
				}
				for key, v := range want {
					if got, ok := c.get([]byte(key)); !ok || got != v {
						t.Fatalf("%x is %d %v, want %d", key, got, ok, v)
					}
				}
				t.Logf("wave %d: %d entries, %d levels above the leaves", wave, c.len(), c.levels)
			}
		})
	}
}

// leaves counts the leaves below a node.
func (n *countedNode[T]) leaves() int {
	if n.kids == nil {
		return 1
	}
	sum := 0
	for _, kid := range n.kids {
		sum += kid.node.leaves()
	}
	return sum
}

// Runs leave full leaves, wherever they are.
func TestCountedRunsFillLeaves(t *testing.T) {
	const runs = 50 * countedMost
	for name, key := range map[string]func(i int) string{
		"append":      func(i int) string { return fmt.Sprintf("m%06d", i) },
		"prepend":     func(i int) string { return fmt.Sprintf("m%06d", runs-i) },
		"both ends":   func(i int) string { return fmt.Sprintf("m%06d", runs+i*(1-i%2*2)) },
		"two appends": func(i int) string { return fmt.Sprintf("%c%06d", 'l'+i%2, i) },
	} {
		for _, amidst := range []int{0, 5, 10, 20, 30, 40, 50, 60} {
			t.Run(fmt.Sprint(name, " amidst ", amidst), func(t *testing.T) {
				var c counted[int]
				for i := range amidst {
					c.set(fmt.Sprintf("a%d", i), 0, 1)
					c.set(fmt.Sprintf("z%d", i), 0, 1)
				}
				for i := range runs {
					c.set(key(i), i, 1)
				}
				checkCounted(t, &c)
				if got, most := c.root.leaves(), c.len()*6/5/countedMost+4; got > most {
					t.Errorf("%d leaves, want at most %d", got, most)
				}
			})
		}
	}
}
