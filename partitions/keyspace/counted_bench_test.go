package keyspace

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// countedRow is as large as a row of a collection in memory.
type countedRow = element

const benchEntries = 100_000

// countedKey is a key as rows of collections have them: an area and some bytes.
func countedKey(i uint64) string { return string(binary.BigEndian.AppendUint64([]byte{'m'}, i)) }

// countedKeys returns keys in random order.
func countedKeys() []string {
	keys := make([]string, benchEntries)
	for i, n := range rand.New(rand.NewPCG(1, 1)).Perm(len(keys)) {
		keys[i] = countedKey(uint64(n) << 20)
	}
	return keys
}

// benchCounted fills a tree in random order and does something with each key in turn.
func benchCounted(b *testing.B, fn func(c *counted[countedRow], i int, key []byte)) {
	var c counted[countedRow]
	keys := countedKeys()
	for _, key := range keys {
		c.set(key, countedRow{}, 1)
	}
	buffer, i := []byte(nil), 0
	b.ReportAllocs()
	for b.Loop() {
		buffer = append(buffer[:0], keys[i]...)
		fn(&c, i, buffer)
		if i++; i == len(keys) {
			i = 0
		}
	}
}

// benchInsert makes trees with keys, which all are new.
func benchInsert(b *testing.B, key func(i int) string) {
	var c counted[countedRow]
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		c.set(key(i), countedRow{}, 1)
		if i++; i == benchEntries {
			c, i = counted[countedRow]{}, 0
		}
	}
}

func BenchmarkCountedAppend(b *testing.B) {
	keys := make([]string, benchEntries)
	for i := range keys {
		keys[i] = countedKey(uint64(i))
	}
	benchInsert(b, func(i int) string { return keys[i] })
}

func BenchmarkCountedPrepend(b *testing.B) {
	keys := make([]string, benchEntries)
	for i := range keys {
		keys[i] = countedKey(uint64(len(keys) - i))
	}
	benchInsert(b, func(i int) string { return keys[i] })
}

// BenchmarkCountedInsert inserts keys in random order into a tree that has 100,000 others, as many as fit in between.
func BenchmarkCountedInsert(b *testing.B) {
	var c counted[countedRow]
	keys := countedKeys()
	for _, key := range keys {
		c.set(key, countedRow{}, 1)
	}
	more := make([]string, benchEntries/4)
	b.ReportAllocs()
	i, round := len(more), uint64(0)
	for b.Loop() {
		if i == len(more) {
			b.StopTimer()
			for j := range more {
				_ = c.delete([]byte(more[j]))
				more[j] = keys[(uint64(j)*3+round)%benchEntries] + string(rune('a'+round%26))
			}
			i, round = 0, round+1
			b.StartTimer()
		}
		c.set(more[i], countedRow{}, 1)
		i++
	}
}

func BenchmarkCountedReplace(b *testing.B) {
	keys := countedKeys()
	benchCounted(b, func(c *counted[countedRow], i int, _ []byte) { c.set(keys[i], countedRow{}, int64(i&1)) })
}

func BenchmarkCountedGet(b *testing.B) {
	benchCounted(b, func(c *counted[countedRow], _ int, key []byte) { _, _ = c.get(key) })
}

func BenchmarkCountedBefore(b *testing.B) {
	benchCounted(b, func(c *counted[countedRow], _ int, key []byte) { _ = c.before(key) })
}

func BenchmarkCountedAt(b *testing.B) {
	benchCounted(b, func(c *counted[countedRow], i int, _ []byte) { _, _, _, _ = c.at(int64(i) * 7919 % benchEntries) })
}

func BenchmarkCountedDelete(b *testing.B) {
	benchCounted(b, func(c *counted[countedRow], i int, key []byte) {
		if !c.delete(key) {
			c.set(string(key), countedRow{}, 1)
		}
	})
}

func BenchmarkCountedSeek(b *testing.B) {
	benchCounted(b, func(c *counted[countedRow], _ int, key []byte) {
		k := c.seek(key)
		_ = k.ok()
	})
}

// BenchmarkCountedWalk is one step of a cursor.
func BenchmarkCountedWalk(b *testing.B) {
	var k countedCursor[countedRow]
	sum := 0
	benchCounted(b, func(c *counted[countedRow], _ int, _ []byte) {
		if k.next(); !k.ok() {
			k = c.seek(nil)
		}
		sum += len(k.key())
	})
}
