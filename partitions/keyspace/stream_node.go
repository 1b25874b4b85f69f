package keyspace

import (
	"encoding/binary"
	"math"

	"github.com/cespare/xxhash/v2"
)

// NodeLimits are stream-node-max-bytes and stream-node-max-entries: when Redis begins a new node of entries. 0 is no limit.
type NodeLimits struct{ Bytes, Entries int64 }

// nodeMost is how many bytes a node has at most in Redis, whatever the limits say.
const nodeMost = 1 << 30

// packedEmpty is the size of a list of elements without elements (Redis's listpack): a header and an end.
const packedEmpty = 7

// add returns the node after an entry has been added to it, or the new one that the entry begins.
func (n streamNode) add(id StreamID, fields [][]byte, limits NodeLimits) streamNode {
	names := namesOf(fields)
	if n.full(payload(fields), limits) {
		n = streamNode{number: n.number + 1, bytes: packedEmpty + masterSize(fields), master: id, names: names}
	}
	n.bytes += n.entrySize(id, fields, n.names == names)
	n.entries, n.live = n.entries+1, n.live+1
	return n
}

// full tells whether an entry of so many bytes begins a new node.
func (n *streamNode) full(payload uint64, limits NodeLimits) bool {
	if n.live == 0 {
		return true // Redis drops a node without entries
	}
	most := uint64(limits.Bytes)
	if limits.Bytes <= 0 || most > nodeMost {
		most = nodeMost
	}
	size := n.bytes + packedInt(int64(n.live)) + packedInt(int64(n.entries-n.live))
	return size+payload >= most || limits.Entries > 0 && n.entries >= uint64(limits.Entries)
}

// entrySize is how many bytes an entry takes in the node: flags, the difference from the master's id, fields unless they are the
// master's, values, and the number of all these.
func (n *streamNode) entrySize(id StreamID, fields [][]byte, same bool) uint64 {
	size := packedInt(0) + packedInt(int64(id.MS-n.master.MS)) + packedInt(int64(id.Seq-n.master.Seq))
	parts := int64(len(fields)/2 + 3)
	for i, field := range fields {
		if i%2 == 1 || !same {
			size += packed(field)
		}
	}
	if !same {
		size += packedInt(int64(len(fields) / 2))
		parts += int64(len(fields)/2 + 1)
	}
	return size + packedInt(parts)
}

// masterSize is how many bytes the fields of a node's first entry take at its beginning.
func masterSize(fields [][]byte) uint64 {
	size := packedInt(int64(len(fields)/2)) + packedInt(0)
	for i := 0; i < len(fields); i += 2 {
		size += packed(fields[i])
	}
	return size
}

func payload(fields [][]byte) (size uint64) {
	for _, field := range fields {
		size += uint64(len(field))
	}
	return size
}

// namesOf is a checksum of an entry's fields.
func namesOf(fields [][]byte) uint64 {
	var d xxhash.Digest
	d.Reset()
	var size [binary.MaxVarintLen64]byte
	for i := 0; i < len(fields); i += 2 {
		_, _ = d.Write(size[:binary.PutUvarint(size[:], uint64(len(fields[i])))])
		_, _ = d.Write(fields[i])
	}
	return d.Sum64() & math.MaxUint32
}

// packed is how many bytes an element takes in a listpack.
func packed(b []byte) uint64 {
	if n, ok := integer(b); ok {
		return packedInt(n)
	}
	size := uint64(len(b))
	switch {
	case size < 64:
		size++
	case size < 4096:
		size += 2
	default:
		size += 5
	}
	switch { // and its length once more, to go backwards
	case size <= 127:
		return size + 1
	case size < 1<<14-1:
		return size + 2
	case size < 1<<21-1:
		return size + 3
	case size < 1<<28-1:
		return size + 4
	default:
		return size + 5
	}
}

// packedInt is how many bytes an integer takes in a listpack.
func packedInt(n int64) uint64 {
	switch {
	case 0 <= n && n <= 127:
		return 2
	case -1<<12 <= n && n < 1<<12:
		return 3
	case -1<<15 <= n && n < 1<<15:
		return 4
	case -1<<23 <= n && n < 1<<23:
		return 5
	case -1<<31 <= n && n < 1<<31:
		return 6
	default:
		return 10
	}
}

// integer reads b if it is an integer in the one way to write it.
func integer(b []byte) (n int64, ok bool) {
	digits := b
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		digits = b[1:]
	}
	if len(digits) == 0 || len(digits) > 19 || digits[0] == '0' && len(b) > 1 {
		return 0, false
	}
	size := uint64(0)
	for _, c := range digits {
		if c -= '0'; c > 9 {
			return 0, false
		}
		size = size*10 + uint64(c)
	}
	if negative {
		return int64(-size), size <= 1<<63
	}
	return int64(size), size < 1<<63
}
