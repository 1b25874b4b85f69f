package commands

import (
	"bytes"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
)

// newBitRig is a keyRig with the commands on bits and HyperLogLogs.
func newBitRig(t testing.TB) *keyRig {
	r := newKeyRig(t)
	for _, rows := range [][]Row{bitmapRows(func() int64 { return 1 << 20 }), hyperLogLogRows(func() int64 { return 3000 })} {
		r.add(rows)
	}
	return r
}

// runBits runs the steps on an empty store. What is wanted is what redis-server 7.0.15 answers.
func runBits(t *testing.T, steps []step) {
	t.Helper()
	r := newBitRig(t)
	for _, s := range steps {
		answer := r.line(s.line)
		if got := render(answer); got != s.want {
			t.Errorf("%s\n got %s\nwant %s", s.line, got, s.want)
		}
		if answer.IsError() && r.effects != 0 {
			t.Errorf("%s: refused with %d effects, want none", s.line, r.effects)
		}
	}
}

func TestBits(t *testing.T) {
	runBits(t, []step{
		{`setbit b 7 1`, `0`},
		{`setbit b 7 1`, `1`},
		{`getbit b 7`, `1`},
		{`getbit b 8`, `0`},
		{`setbit b 6 1`, `0`},
		{`getbit b 6`, `1`},
		{`setbit b 6 0`, `1`},
		{`setbit b 8388607 0`, `0`},
		{`strlen b`, `1048576`},
		{`setbit b 8388608 0`, `-ERR bit offset is not an integer or out of range`},
		{`getbit b #1`, `-ERR bit offset is not an integer or out of range`},
		{`setbit b 0 2`, `-ERR bit is not an integer or out of range`},
		{`bitcount b`, `1`},
		{`bitcount b 0 6 BIT`, `0`},
		{`bitpos b 1`, `7`},
		{`bitpos b 2`, `-ERR The bit argument must be 1 or 0.`},
		{`bitop not d b`, `1048576`},
		{`bitcount d`, `8388607`},
		{`bitop not d b b`, `-ERR BITOP NOT must be called with a single source key.`},
		{`bitfield f set u8 #1 200 incrby i8 #1 100 get u16 0`, `[0 44 44]`},
		{`bitfield f overflow fail incrby u4 0 16`, `[nil]`},
		{`bitfield f get u64 0`, `-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.`},
		{`bitfield_ro f set u8 0 1`, `-ERR BITFIELD_RO only supports the GET subcommand`},
		{`bitfield_ro f get u16 0`, `[44]`},
	})
}

// TestBitEffects: what changes nothing is no write, unless Redis takes it for one.
func TestBitEffects(t *testing.T) {
	r := newBitRig(t)
	for _, tt := range []struct {
		line string
		want int
	}{
		{`bitfield b get u8 0`, 0},
		{`bitfield b overflow sat`, 0},
		{`bitfield b`, 0},
		{`setbit b 1 0`, 1},
		{`setbit b 1 0`, 0},
		{`setbit b 7 0`, 0},
		{`setbit b 8 0`, 1},
		{`bitfield b set u8 0 0`, 0},
		{`bitfield b set u8 0 1 set u8 0 0`, 1},
		{`bitfield b overflow fail set u1 0 2`, 0},
		{`bitfield b overflow fail set u1 16 2`, 1},
		{`bitop and missing missing`, 0},
		{`bitop and b missing`, 1},
		{`pfadd h`, 1},
		{`pfadd h`, 0},
		{`pfadd h a b c`, 1},
		{`pfadd h a b c`, 0},
		{`pfmerge h h`, 1},
		{`pfdebug todense h`, 1},
		{`pfdebug todense h`, 0},
		{`pfdebug getreg h`, 0},
		{`pfadd h a b c`, 0},
	} {
		if r.line(tt.line); r.effects != tt.want {
			t.Errorf("%s: %d effects, want %d", tt.line, r.effects, tt.want)
		}
	}
}

// TestBitRange compares ranges with a walk over single bits.
func TestBitRange(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for range 20_000 {
		data := bytes.Repeat([]byte{byte(random.IntN(2) * 255)}, random.IntN(40))
		for range random.IntN(3) {
			if len(data) > 0 {
				data[random.IntN(len(data))] ^= 1 << random.IntN(8)
			}
		}
		bits := int64(len(data)) * 8
		r := bitRange{first: random.Int64N(bits + 1), last: random.Int64N(bits+1) - 1}
		count, found := int64(0), [2]int64{-1, -1}
		for at := r.last; at >= r.first; at-- {
			bit := bitAt(data, uint64(at))
			count += int64(bit)
			found[bit] = at
		}
		if got := r.count(data); got != count {
			t.Fatalf("%v of %x: counted %d, want %d", r, data, got, count)
		}
		for bit, want := range found {
			if got := r.find(data, byte(bit)); got != want {
				t.Fatalf("%v of %x: %d found at %d, want %d", r, data, bit, got, want)
			}
		}
	}
}

// TestBitOperations compares each operation with what it says of one bit: from the first source's, and how many of the
// other sources have it.
func TestBitOperations(t *testing.T) {
	rules := map[string]func(first bool, others, of int) bool{
		"and":   func(first bool, others, of int) bool { return first && others == of },
		"or":    func(first bool, others, _ int) bool { return first || others > 0 },
		"xor":   func(first bool, others, _ int) bool { return first != (others%2 == 1) },
		"not":   func(first bool, _, _ int) bool { return !first },
		"diff":  func(first bool, others, _ int) bool { return first && others == 0 },
		"diff1": func(first bool, others, _ int) bool { return !first && others > 0 },
		"andor": func(first bool, others, _ int) bool { return first && others > 0 },
		"one":   func(first bool, others, _ int) bool { return first && others == 0 || !first && others == 1 },
	}
	random := rand.New(rand.NewPCG(9, 10))
	for _, op := range bitOperations {
		for range 300 {
			sources, longest := randomSources(random, op.one)
			result := overwrite(sources[0], longest, nil)
			op.run(result, sources[1:])
			for at := range uint64(longest) * 8 {
				others := 0
				for _, source := range sources[1:] {
					others += int(bitAt(source, at))
				}
				want := rules[op.name](bitAt(sources[0], at) == 1, others, len(sources)-1)
				if got := bitAt(result, at) == 1; got != want {
					t.Fatalf("%s of %x: bit %d of %x is %v, want %v", op.name, sources, at, result, got, want)
				}
			}
		}
	}
}

func randomSources(random *rand.Rand, one bool) (sources [][]byte, longest int) {
	n := 1
	if !one {
		n = 2 + random.IntN(3)
	}
	for range n {
		source := make([]byte, random.IntN(20))
		for i := range source {
			source[i] = byte(random.Uint32())
		}
		sources, longest = append(sources, source), max(longest, len(source))
	}
	return sources, longest
}

// TestFieldArithmetic compares with numbers of any size.
func TestFieldArithmetic(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 12))
	for range 50_000 {
		op := fieldOp{fieldType: fieldType{signed: random.IntN(2) == 0}, overflow: overflow(random.IntN(3))}
		op.width = 1 + uint(random.IntN(63))
		if op.signed {
			op.width = 1 + uint(random.IntN(64))
		}
		value := op.wrap(random.Uint64())
		delta := int64(random.Uint64()) >> random.IntN(64)
		sum := new(big.Int).Add(big.NewInt(value), big.NewInt(delta))
		least, greatest := op.bounds()
		want, ok := sum.Int64(), true
		if above := sum.Cmp(big.NewInt(greatest)) > 0; above || sum.Cmp(big.NewInt(least)) < 0 {
			ok = op.overflow != overflowFail
			want = least
			switch {
			case op.overflow == overflowWrap:
				want = op.wrap(uint64(value) + uint64(delta))
			case above:
				want = greatest
			}
		}
		got, gotOK := op.fit(value, delta)
		if gotOK != ok || ok && got != want {
			t.Fatalf("%+v: %d+%d = %d, %v, want %d, %v", op, value, delta, got, gotOK, want, ok)
		}
	}
}

// TestFieldKeepsNeighbours writes fields over fields and reads them, and what lies beside them.
func TestFieldKeepsNeighbours(t *testing.T) {
	random := rand.New(rand.NewPCG(13, 14))
	for range 5000 {
		field := fieldType{signed: true, width: 1 + uint(random.IntN(64))}
		data := make([]byte, 24)
		for i := range data {
			data[i] = byte(random.Uint32())
		}
		before := bytes.Clone(data)
		offset, number := uint64(random.IntN(100)), field.wrap(random.Uint64())
		field.store(data, offset, number)
		if got := field.load(data, offset); got != number {
			t.Fatalf("%d at %d of width %d reads as %d", number, offset, field.width, got)
		}
		for at := range uint64(len(data)) * 8 {
			if (at < offset || at >= offset+uint64(field.width)) && bitAt(data, at) != bitAt(before, at) {
				t.Fatalf("bit %d changed by a field of width %d at %d", at, field.width, offset)
			}
		}
	}
}

// TestFieldBounds are the ends of the widths.
func TestFieldBounds(t *testing.T) {
	for _, tt := range []struct {
		field           fieldType
		least, greatest int64
	}{
		{fieldType{signed: true, width: 1}, -1, 0},
		{fieldType{signed: true, width: 8}, -128, 127},
		{fieldType{signed: true, width: 64}, math.MinInt64, math.MaxInt64},
		{fieldType{width: 1}, 0, 1},
		{fieldType{width: 8}, 0, 255},
		{fieldType{width: 63}, 0, math.MaxInt64},
	} {
		if least, greatest := tt.field.bounds(); least != tt.least || greatest != tt.greatest {
			t.Errorf("%+v: %d to %d, want %d to %d", tt.field, least, greatest, tt.least, tt.greatest)
		}
	}
}

// BenchmarkBitCount counts in 1 MiB.
func BenchmarkBitCount(b *testing.B) {
	data := []byte(strings.Repeat("\xa5", 1<<20))
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		bitRange{first: 3, last: 8<<20 - 5}.count(data)
	}
}
