package keyspace

import (
	"encoding/binary"
	"strings"
)

// areaList is the area of a list's elements.
const areaList byte = 'l'

// place says where an element of a list stands: its row key is the area, 8 sortable bytes of n, and the fraction. An element that is
// pushed gets the next n outside the list. One that is inserted where no n is free gets a fraction, digits of base 256 of which
// the last is not 0: between any two places there is another one.
type place struct {
	n        int64
	fraction string
}

// How long fractions may become before places near by are given out anew, and how long the new ones may be.
const (
	fractionMost  = 24
	fractionFresh = 8
)

// placeSize is the length of the row key of a place without a fraction.
const placeSize = 1 + 8

// sub is the row key of the place.
func (p place) sub() []byte { return appendPlace(make([]byte, 0, placeSize+len(p.fraction)), p) }

func appendPlace(dst []byte, p place) []byte {
	return append(sortable(append(dst, areaList), p.n), p.fraction...)
}

// placePiece is sub in memory that is the unit's.
func (t *Tx) placePiece(p *place) []byte {
	return t.piece(func(dst []byte) []byte { return appendPlace(dst, *p) })
}

// placeOf is the opposite of sub.
func placeOf(sub []byte) (p place) {
	if len(sub) < placeSize {
		return p
	}
	return place{n: int64(binary.BigEndian.Uint64(sub[1:]) ^ 1<<63), fraction: string(sub[placeSize:])}
}

// between returns a place behind a and before b, with as short a fraction as there is.
func between(a, b place) place {
	if b.n-a.n > 1 {
		return place{n: a.n + (b.n-a.n)/2}
	}
	if b.n == a.n {
		return place{n: a.n, fraction: betweenFractions(a.fraction, b.fraction, true)}
	}
	return place{n: a.n, fraction: betweenFractions(a.fraction, "", false)}
}

// betweenFractions returns a fraction greater than a and, if bounded, less than b.
func betweenFractions(a, b string, bounded bool) string {
	var mid strings.Builder
	for i := 0; ; i++ {
		low, high := 0, 256
		if i < len(a) {
			low = int(a[i])
		}
		if bounded && i < len(b) {
			high = int(b[i])
		}
		if high-low > 1 {
			mid.WriteByte(byte(low + (high-low)/2))
			return mid.String()
		}
		mid.WriteByte(byte(low))
		bounded = bounded && high == low
	}
}

// spread fills out with places between a and b, evenly.
func spread(a, b place, out []place) {
	if len(out) == 0 {
		return
	}
	mid := len(out) / 2
	out[mid] = between(a, b)
	spread(a, out[mid], out[:mid])
	spread(out[mid], b, out[mid+1:])
}

// listEnds is what a list keeps in its top.
type listEnds struct {
	first, last place
	fractions   int64 // how many places have one
}

// appendEnds appends what parseEnds reads.
func appendEnds(dst []byte, e *listEnds) []byte {
	dst = binary.AppendUvarint(dst, uint64(e.fractions))
	for _, p := range []*place{&e.first, &e.last} {
		dst = binary.AppendVarint(dst, p.n)
		if e.fractions > 0 {
			dst = append(binary.AppendUvarint(dst, uint64(len(p.fraction))), p.fraction...)
		}
	}
	return dst
}

// parseEnds decodes the rest of a list's top.
func parseEnds(rest []byte) (e listEnds) {
	fractions, n := binary.Uvarint(rest)
	rest = rest[max(n, 0):]
	e.fractions = int64(fractions)
	for _, p := range []*place{&e.first, &e.last} {
		p.n, n = binary.Varint(rest)
		rest = rest[max(n, 0):]
		if e.fractions > 0 {
			size, n := binary.Uvarint(rest)
			rest = rest[max(n, 0):]
			size = min(size, uint64(len(rest)))
			p.fraction, rest = string(rest[:size]), rest[size:]
		}
	}
	return e
}
