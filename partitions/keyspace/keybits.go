package keyspace

import (
	"math/bits"
	"sync/atomic"
)

// keyBits is a Bloom filter over the hashes of keys. All bits of one key lie in one block, so that a question costs one line of
// the processor's cache, and each lies in a part of the block of its own (a "split block" filter, as Parquet has it): 8
// bits to set in 32 bytes. It may be asked and added to from several goroutines at once.
type keyBits struct {
	words []uint64
	shift int          // what is left of a hash is the number of a block
	keys  atomic.Int64 // how many of those added set a bit
}

const (
	blockWords = 4
	blockBytes = 8 * blockWords
	bitsPerKey = 12 // a key, when the filter is full: about 1 in 180 questions is then answered "maybe" for nothing
)

// newKeyBits returns an empty filter. The size must be blockBytes times a power of two.
func newKeyBits(bytes int) *keyBits {
	return &keyBits{words: make([]uint64, bytes/8), shift: 64 - bits.TrailingZeros(uint(bytes/blockBytes))}
}

// bytes is the size of the filter.
func (b *keyBits) bytes() int { return 8 * len(b.words) }

// room is how many keys a filter of some size is for.
func room(bytes int) int64 { return int64(bytes) * 8 / bitsPerKey }

// full tells whether the filter has more keys than it is for.
func (b *keyBits) full() bool { return b.keys.Load() > room(b.bytes()) }

// block returns the words of the block of a hash, and 40 bits that say which bits of it are the key's.
func (b *keyBits) block(hash uint64) (words []uint64, which uint64) {
	first := hash >> b.shift * blockWords
	return b.words[first : first+blockWords : first+blockWords], hash * 0x9E3779B97F4A7C15 >> 24
}

// mask returns the bits in the next word of a block: one in its lower half, one in its upper.
func mask(which uint64) uint64 { return 1<<(which&31) | 1<<(32+which>>5&31) }

// add makes has answer true for hash for ever.
func (b *keyBits) add(hash uint64) {
	words, which := b.block(hash)
	fresh := false
	for i := range words {
		m := mask(which)
		if atomic.LoadUint64(&words[i])&m != m {
			fresh = atomic.OrUint64(&words[i], m)&m != m || fresh
		}
		which >>= 10
	}
	if fresh {
		b.keys.Add(1)
	}
}

// has tells whether hash may have been added; false is certain.
func (b *keyBits) has(hash uint64) bool {
	words, which := b.block(hash)
	for i := range words {
		m := mask(which)
		if atomic.LoadUint64(&words[i])&m != m {
			return false
		}
		which >>= 10
	}
	return true
}
