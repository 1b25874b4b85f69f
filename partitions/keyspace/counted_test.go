package keyspace

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// countedPair is a counted and what it should be, a sorted slice.
type countedPair struct {
	t      testing.TB
	tree   counted[int]
	want   []countedItem[int]
	prefix string // of all keys: what their heads do not tell, or tell in part
}

// find returns the first item of the slice whose key is not less.
func (p *countedPair) find(key string) (i int, there bool) {
	return slices.BinarySearchFunc(p.want, key, func(item countedItem[int], key string) int { return strings.Compare(item.key, key) })
}

func (p *countedPair) set(key string, v int, weight int64) {
	p.tree.set(key, v, weight)
	item := countedItem[int]{key: key, weight: weight, value: v}
	if i, there := p.find(key); there {
		p.want[i] = item
	} else {
		p.want = slices.Insert(p.want, i, item)
	}
}

func (p *countedPair) delete(key string) {
	p.t.Helper()
	i, there := p.find(key)
	if got := p.tree.delete([]byte(key)); got != there {
		p.t.Fatalf("delete(%q) is %v, want %v", key, got, there)
	}
	if there {
		p.want = slices.Delete(p.want, i, i+1)
	}
}

// ask compares what get, before and floor say of a key.
func (p *countedPair) ask(key string) {
	p.t.Helper()
	i, there := p.find(key)
	before := int64(0)
	for _, item := range p.want[:i] {
		before += item.weight
	}
	if got := p.tree.before([]byte(key)); got != before {
		p.t.Fatalf("before(%q) is %d, want %d", key, got, before)
	}
	v, ok := p.tree.get([]byte(key))
	if ok != there || ok && v != p.want[i].value {
		p.t.Fatalf("get(%q) is %d %v, want %v", key, v, ok, there)
	}
	if there {
		i++
	}
	k, v, ok := p.tree.floor([]byte(key))
	if ok != (i > 0) || ok && (k != p.want[i-1].key || v != p.want[i-1].value) {
		p.t.Fatalf("floor(%q) is %q %d %v, want item %d", key, k, v, ok, i-1)
	}
}

// askAt compares what at says of a position.
func (p *countedPair) askAt(position int64) {
	p.t.Helper()
	item, rest, there := countedItem[int]{}, position, false
	for _, w := range p.want {
		if there = 0 <= rest && rest < w.weight; there {
			item = w
			break
		}
		rest -= w.weight
	}
	if !there {
		rest = 0
	}
	k, v, r, ok := p.tree.at(position)
	if ok != there || k != item.key || v != item.value || r != rest {
		p.t.Fatalf("at(%d) is %q %d %d %v, want %q %d %d %v", position, k, v, r, ok, item.key, item.value, rest, there)
	}
}

// stands compares where a cursor is with item i, which need not be there.
func (p *countedPair) stands(k *countedCursor[int], i int) {
	p.t.Helper()
	there := 0 <= i && i < len(p.want)
	if k.ok() != there {
		p.t.Fatalf("a cursor at item %d of %d: ok is %v", i, len(p.want), k.ok())
	}
	if !there {
		return
	}
	if w := p.want[i]; k.key() != w.key || k.value() != w.value || k.weight() != w.weight {
		p.t.Fatalf("a cursor at %q %d %d, want item %d: %+v", k.key(), k.value(), k.weight(), i, w)
	}
}

// walk goes some steps up and down from a key; a copy of the cursor goes from there to the end and back to the start.
func (p *countedPair) walk(key string, back bool, up []bool) {
	p.t.Helper()
	i, _ := p.find(key)
	k := p.tree.seek([]byte(key))
	if back {
		k = p.tree.seekBack([]byte(key))
		i--
	}
	p.stands(&k, i)
	for _, up := range up {
		if up {
			k.next()
			i = min(i+1, len(p.want))
		} else {
			k.prev()
			i = max(i-1, -1)
		}
		p.stands(&k, i)
	}
	for at := k; i < len(p.want); i++ {
		p.stands(&at, i)
		at.next()
		k = at
	}
	k.next()
	for i = len(p.want) - 1; i >= -1; i-- {
		k.prev()
		p.stands(&k, i)
	}
}

// check compares the whole and holds that the tree has the shape that it should have.
func (p *countedPair) check() {
	p.t.Helper()
	weight := int64(0)
	for _, item := range p.want {
		weight += item.weight
	}
	if p.tree.len() != len(p.want) || p.tree.weight() != weight {
		p.t.Fatalf("%d entries that weigh %d, want %d and %d", p.tree.len(), p.tree.weight(), len(p.want), weight)
	}
	k := p.tree.seek(nil)
	for i := range p.want {
		p.stands(&k, i)
		k.next()
	}
	p.stands(&k, len(p.want))
	if len(p.want) == 0 {
		if p.tree.root != nil || p.tree.levels != 0 {
			p.t.Fatal("an empty tree has a root")
		}
		return
	}
	checkCounted(p.t, &p.tree)
}

// step does what three bytes say. Keys are of few bytes, so that they meet often; three of the kinds go on from the key
// of the step before, upwards, downwards or towards a third one.
func (p *countedPair) step(op, a, b byte, at *uint16) {
	p.t.Helper()
	switch op >> 4 & 3 {
	case 0:
		*at = uint16(a)<<8 | uint16(b)
	case 1:
		*at++
	case 2:
		*at--
	case 3:
		*at += uint16(a & 7)
	}
	key := string(binary.BigEndian.AppendUint16(nil, *at))
	if op&0x80 != 0 {
		key = strings.TrimRight(key, "\x00") // the empty key is one too
	}
	key = p.prefix + key
	switch op & 7 {
	case 0, 1, 2:
		p.set(key, int(a)<<8|int(b), int64(b&3)*int64(*at>>8&1)) // long stretches have no weight
	case 3:
		p.set(key, int(op), 1)
	case 4, 5:
		p.delete(key)
	case 6:
		for range int(a & 63) { // what is there from here on
			k := p.tree.seek([]byte(key))
			if !k.ok() {
				break
			}
			p.delete(k.key())
		}
	case 7:
		p.ask(key)
		p.askAt(int64(*at) % (p.tree.weight() + 2))
		if op&0x08 != 0 {
			p.walk(key, a&1 == 0, []bool{b&1 == 0, b&2 == 0, b&4 == 0, b&8 == 0, b&16 == 0})
		}
	}
}

func TestCountedModel(t *testing.T) {
	for seed := range seeds(24) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(seed, 7))
			p, at, wide := &countedPair{t: t, prefix: "a prefix"[:seed%9]}, uint16(0), byte(0xff)
			if seed%2 == 0 {
				wide = 3
			}
			for i := range 4000 {
				op := byte(rnd.Uint32())
				if phase := i / 500 % 4; phase < 2 && op&7 == 6 {
					op &^= 7 // it grows
				} else if phase == 1 {
					op = op&0x8f | 0x10 | byte(seed%2)<<4 // runs
				} else if phase == 3 && op&7 < 3 {
					op |= 4 // it shrinks
				}
				p.step(op, byte(rnd.Uint32())&wide, byte(rnd.Uint32()), &at)
				if i%16 == 0 {
					p.check()
				}
			}
			for len(p.want) > 0 {
				p.delete(p.want[rnd.IntN(len(p.want))].key)
			}
			p.check()
			p.ask("")
			p.askAt(0)
			p.walk("", false, []bool{true, false, false, true})
		})
	}
}

func FuzzCounted(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x07\x01\x02\x04\x01\x02\x80\x00\x00\x8f\x00\x00"))
	f.Add([]byte(strings.Repeat("\x10\x05\x03", 300) + strings.Repeat("\x26\xff\x01\x2f\x00\x00", 30)))
	f.Add([]byte(strings.Repeat("\x30\x03\x01\x00\x80\x00", 200) + strings.Repeat("\x04\x80\x00\x14\x00\x00", 200)))
	f.Fuzz(func(t *testing.T, steps []byte) {
		p, at := &countedPair{t: t}, uint16(0)
		for i := 0; i+2 < len(steps); i += 3 {
			p.step(steps[i], steps[i+1], steps[i+2], &at)
			if i%(3*64) == 0 {
				p.check()
			}
		}
		p.check()
	})
}

// Neither looking nor replacing allocates, however long the key is.
func TestCountedDoesNotAllocate(t *testing.T) {
	var c counted[[]byte]
	long := strings.Repeat("x", 100)
	for i := range 10_000 {
		c.set(fmt.Sprint(long, i), nil, 1)
	}
	key := []byte(long + "5000")
	text := string(key)
	for name, fn := range map[string]func(){
		"get":    func() { _, _ = c.get(key) },
		"set":    func() { c.set(text, nil, 1) },
		"before": func() { _ = c.before(key) },
		"at":     func() { _, _, _, _ = c.at(5000) },
		"floor":  func() { _, _, _ = c.floor(key) },
		"walk": func() {
			for k := c.seek(key); k.ok(); k.next() {
				_ = k.key()
			}
		},
	} {
		if n := testing.AllocsPerRun(10, fn); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}
