// Package reply is a reply as a value: what a command answers, before it is written to a connection.
//
// It promises that a Reply says the same in RESP2 and RESP3, and that every error text that Redis words
// is made here, byte for byte. It never writes to a connection and never looks at state.
package reply

import "math"

// Kind is the type of a Reply. The zero Kind writes nothing at all.
type Kind uint8

// The kinds of replies. In RESP2 Map, Set and Push are flat arrays, PairMap is an array of pairs, Pairs a flat array, Double, BigNumber and Verbatim are
// bulk strings, Bool is the integer 0 or 1, Null is the nil bulk string and NullArray the nil array.
const (
	None Kind = iota
	KindNull
	KindNullArray
	KindStatus
	KindError
	KindInt
	KindBulk
	KindDouble
	KindBigNumber
	KindBool
	KindVerbatim
	KindArray
	KindMap
	KindSet
	KindPush
	KindPairMap
	KindPairs
	KindPair
	KindElems // elements of an aggregate whose beginning was sent before
)

// Reply is one reply. Text holds statuses, errors (without the leading '-'), numbers kept as text; Bytes holds bulk
// strings and must not change after the Reply is made; Elems holds the elements of aggregates (a map's
// keys and values in turn); Int holds integers, bools and the bits of a double.
//
// An array, a map or a set may begin with Int elements that are encoded already, in Bytes, before those in Elems (BulkArray, Words).
type Reply struct {
	Kind  Kind
	Int   int64
	Text  string
	Bytes []byte
	Elems []Reply
	Feed  Feed // of an aggregate whose elements are not here yet; Int is their number (Fed)
}

// OK is the status OK.
func OK() Reply { return Reply{Kind: KindStatus, Text: "OK"} }

// Status is a simple string. text must not contain CR or LF.
func Status(text string) Reply { return Reply{Kind: KindStatus, Text: text} }

// Null is "no value" where a single value is expected.
func Null() Reply { return Reply{Kind: KindNull} }

// NullArray is "no value" where an array is expected.
func NullArray() Reply { return Reply{Kind: KindNullArray} }

// Int is an integer.
func Int(n int64) Reply { return Reply{Kind: KindInt, Int: n} }

// Bool01 is the integer 1 or 0, as Redis answers most yes-or-no questions.
func Bool01(yes bool) Reply {
	if yes {
		return Int(1)
	}
	return Int(0)
}

// Bulk is a bulk string. The Reply keeps b, which must not change afterwards.
func Bulk(b []byte) Reply { return Reply{Kind: KindBulk, Bytes: b} }

// BulkString is a bulk string made of text.
func BulkString(text string) Reply { return Reply{Kind: KindBulk, Text: text} }

// Double is a double; in RESP2 a bulk string.
func Double(f float64) Reply { return Reply{Kind: KindDouble, Int: int64(math.Float64bits(f))} }

// DoubleText is a double that is written as text says, for numbers that Redis does not write as it writes most.
func DoubleText(text string) Reply { return Reply{Kind: KindDouble, Text: text} }

// Float returns the value of a Double.
func (r *Reply) Float() float64 { return math.Float64frombits(uint64(r.Int)) }

// Bool is a RESP3 boolean; in RESP2 the integer 1 or 0.
func Bool(yes bool) Reply {
	r := Bool01(yes)
	r.Kind = KindBool
	return r
}

// Verbatim is plain text for people ("txt"); in RESP2 a bulk string.
func Verbatim(text string) Reply { return Reply{Kind: KindVerbatim, Text: text} }

// Array is an array. The Reply keeps elems.
func Array(elems ...Reply) Reply { return Reply{Kind: KindArray, Elems: elems} }

// Map is a map whose keys and values stand in pairs in a flat array; RESP2 sends it as that array.
func Map(pairs ...Reply) Reply { return Reply{Kind: KindMap, Elems: pairs} }

// PairMap is a Map that RESP2 sends as an array of pairs.
func PairMap(pairs ...Reply) Reply { return Reply{Kind: KindPairMap, Elems: pairs} }

// Pairs is an array of arrays of two elements each, which stand in turn in flat; RESP2 sends it as that flat array. The Reply keeps flat.
func Pairs(flat ...Reply) Reply {
	pairs := make([]Reply, len(flat)/2)
	for i := range pairs {
		pairs[i] = Reply{Kind: KindPair, Elems: flat[2*i : 2*i+2]}
	}
	return Reply{Kind: KindPairs, Elems: pairs}
}

// Pair is an element of Pairs that come from a Feed, which counts pairs.
func Pair(first, second Reply) Reply { return Reply{Kind: KindPair, Elems: []Reply{first, second}} }

// Set is a set; in RESP2 an array.
func Set(elems ...Reply) Reply { return Reply{Kind: KindSet, Elems: elems} }

// Push is an out-of-band message of RESP3; in RESP2 an array.
func Push(elems ...Reply) Reply { return Reply{Kind: KindPush, Elems: elems} }

// Bulks is an array of bulk strings made of texts.
func Bulks(texts ...string) Reply {
	elems := make([]Reply, len(texts))
	for i, text := range texts {
		elems[i] = BulkString(text)
	}
	return Array(elems...)
}

// Count is how many elements an aggregate has that does not come from a Feed.
func (r *Reply) Count() int { return int(r.Int) + len(r.Elems) }

// Size is about how many bytes the reply is. What a Feed will make is not counted.
func (r *Reply) Size() int64 {
	size := int64(len(r.Text)+len(r.Bytes)) + overhead
	for i := range r.Elems {
		size += r.Elems[i].Size()
	}
	return size
}

// overhead is what a reply has besides its text, about.
const overhead = 5

// IsError tells whether the reply is an error.
func (r *Reply) IsError() bool { return r.Kind == KindError }
