package commands

import (
	"slices"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// lcsRows is the command that compares strings.
func lcsRows(maxString func() int64) []Row {
	return []Row{
		{Name: "lcs", Since: "7.0.0", Arity: -3, Flags: FlagReadonly | FlagOffLoop,
			Summary:    "Find longest common substring",
			Syntax:     "key1:key key2:key LEN? IDX? MINMATCHLEN=len:integer? WITHMATCHLEN?",
			Complexity: "O(N*M) where N and M are the lengths of s1 and s2, respectively",
			Keys:       []KeySpec{{Flags: "RO access", Index: 1, Last: 1, Step: 1}},
			Read:       lcs(maxString)},
	}
}

// lcsOptions are the options of LCS.
type lcsOptions struct {
	length, ranges  bool
	minRange        int64
	withRangeLength bool
}

func parseLCS(words Args) (o lcsOptions, refusal *reply.Reply) {
	for i := 0; i < len(words); i++ {
		switch word := words[i]; {
		case is(word, "len"):
			o.length = true
		case is(word, "idx"):
			o.ranges = true
		case is(word, "withmatchlen"):
			o.withRangeLength = true
		case is(word, "minmatchlen") && i+1 < len(words):
			i++
			n, ok := parseInt(words[i])
			if !ok {
				return o, refuse(reply.NotInteger())
			}
			o.minRange = n
		default:
			return o, refuse(reply.Syntax())
		}
	}
	if o.length && o.ranges {
		return o, refuse(reply.Error("ERR If you want both the length and indexes, please just use IDX."))
	}
	return o, nil
}

// LCS key1 key2 [LEN] [IDX] [MINMATCHLEN len] [WITHMATCHLEN]
func lcs(maxString func() int64) func(*keyspace.View, Args) reply.Reply {
	return func(v *keyspace.View, a Args) reply.Reply {
		x, _, xRefused := lookString(v, a[1])
		y, _, yRefused := lookString(v, a[2])
		if xRefused != nil || yRefused != nil {
			return reply.Error("ERR The specified keys must contain string values")
		}
		o, refusal := parseLCS(a[3:])
		if refusal != nil {
			return *refusal
		}
		// Redis's table has four bytes for each pair of prefixes. Ours is smaller, the limit is the same.
		if cells := (int64(len(x.Data)) + 1) * (int64(len(y.Data)) + 1); cells > maxString()/4 {
			return reply.Error("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len")
		}
		t := align(x.Data, y.Data)
		switch {
		case o.ranges:
			return rangesReply(t.ranges(), o, t.length)
		case o.length:
			return reply.Int(t.length)
		default:
			return reply.Bulk(t.common())
		}
	}
}

// lcsTable knows how two strings are best aligned. up holds one bit for each pair of bytes: whether the way
// back from there skips a byte of x rather than one of y.
type lcsTable struct {
	x, y   []byte
	up     []uint64
	length int64
}

// align fills the table row by row; of the lengths only two rows are kept.
func align(x, y []byte) *lcsTable {
	t := &lcsTable{x: x, y: y, up: make([]uint64, (len(x)*len(y)+63)/64)}
	above, row := make([]uint32, len(y)+1), make([]uint32, len(y)+1)
	for i := range x {
		for j := range y {
			switch {
			case x[i] == y[j]:
				row[j+1] = above[j] + 1
			case above[j+1] > row[j]:
				row[j+1] = above[j+1]
				bit := i*len(y) + j
				t.up[bit/64] |= 1 << (bit % 64)
			default:
				row[j+1] = row[j]
			}
		}
		above, row = row, above
	}
	t.length = int64(above[len(y)])
	return t
}

// back walks from the ends of both strings to a beginning and calls match with each pair of equal
// bytes on its way, the last first.
func (t *lcsTable) back(match func(i, j int)) {
	for i, j := len(t.x)-1, len(t.y)-1; i >= 0 && j >= 0; {
		bit := i*len(t.y) + j
		switch {
		case t.x[i] == t.y[j]:
			match(i, j)
			i, j = i-1, j-1
		case t.up[bit/64]>>(bit%64)&1 == 1:
			i--
		default:
			j--
		}
	}
}

// common is the longest common subsequence itself.
func (t *lcsTable) common() []byte {
	b := make([]byte, 0, t.length)
	t.back(func(i, _ int) { b = append(b, t.x[i]) })
	slices.Reverse(b)
	return b
}

// matchRange is a piece that both strings have: size bytes from i in x and from j in y.
type matchRange struct{ i, j, size int }

// ranges are the pieces of the longest common subsequence, the last first.
func (t *lcsTable) ranges() []matchRange {
	var found []matchRange
	t.back(func(i, j int) {
		if n := len(found); n > 0 && found[n-1].i == i+1 && found[n-1].j == j+1 {
			found[n-1] = matchRange{i: i, j: j, size: found[n-1].size + 1}
			return
		}
		found = append(found, matchRange{i: i, j: j, size: 1})
	})
	return found
}

func rangesReply(ranges []matchRange, o lcsOptions, length int64) reply.Reply {
	matches := make([]reply.Reply, 0, len(ranges))
	for _, r := range ranges {
		if int64(r.size) < o.minRange {
			continue
		}
		match := []reply.Reply{span(r.i, r.size), span(r.j, r.size)}
		if o.withRangeLength {
			match = append(match, reply.Int(int64(r.size)))
		}
		matches = append(matches, reply.Array(match...))
	}
	return reply.Map(reply.BulkString("matches"), reply.Array(matches...), reply.BulkString("len"), reply.Int(length))
}

// span is the first and the last position of a piece.
func span(from, size int) reply.Reply {
	return reply.Array(reply.Int(int64(from)), reply.Int(int64(from+size-1)))
}
