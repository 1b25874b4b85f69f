package commands

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestHyperLogLog(t *testing.T) {
	runBits(t, []step{
		{`pfadd h a b c d e f g`, `1`},
		{`pfadd h a b`, `0`},
		{`pfcount h`, `7`},
		{`pfadd i x y z`, `1`},
		{`pfcount h i missing`, `10`},
		{`pfmerge j h i`, `OK`},
		{`pfcount j`, `10`},
		{`pfdebug encoding j`, `sparse`},
		{`pfdebug todense j`, `1`},
		{`pfdebug encoding j`, `dense`},
		{`strlen j`, `12304`},
		{`pfcount j`, `10`},
		{`pfdebug decode j`, `-ERR HLL encoding is not sparse`},
		{`pfdebug encoding missing`, `-ERR The specified key does not exist`},
		{`pfdebug bogus h`, `-ERR Unknown PFDEBUG subcommand 'bogus'`},
		{`set bad x`, `OK`},
		{`pfadd bad a`, `-WRONGTYPE Key is not a valid HyperLogLog string value.`},
		{`pfcount h bad`, `-WRONGTYPE Key is not a valid HyperLogLog string value.`},
		{`pfmerge h bad`, `-WRONGTYPE Key is not a valid HyperLogLog string value.`},
	})
}

// TestDamagedHyperLogLog: the head is right, the registers are not all there.
func TestDamagedHyperLogLog(t *testing.T) {
	r := newBitRig(t)
	r.do("set", "h", "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xfe")
	for _, line := range []string{`pfcount h`, `pfcount h h`, `pfmerge i h`, `pfmerge h`, `pfdebug getreg h`, `pfdebug todense h`} {
		if got, want := render(r.line(line)), "-INVALIDOBJ Corrupted HLL object detected"; got != want || r.effects != 0 {
			t.Errorf("%s: got %s and %d effects, want %s and none", line, got, r.effects, want)
		}
	}
}

// golden is what redis-server 7.0.15 keeps after PFADD k a b c d e f g.
const golden = `"HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80Fm\x80V\f\x80D<\x848\x80P\xb1\x84I\x8c\x80Bm\x80BZ"`

// goldenRuns is what its PFDEBUG DECODE shows of that.
const goldenRuns = `Z:1646 v:1,1 Z:5645 v:1,1 Z:1085 v:2,1 z:57 v:1,1 Z:4274 v:2,1 Z:2445 v:1,1 Z:622 v:1,1 Z:603`

func TestGoldenBytes(t *testing.T) {
	r := newBitRig(t)
	r.line(`pfadd k a b c d e f g`)
	if got, want := render(r.line(`get k`)), golden; got != want {
		t.Errorf("bytes\n got %s\nwant %s", got, want)
	}
	if got, want := render(r.line(`pfdebug decode k`)), strconv.Quote(goldenRuns); got != want {
		t.Errorf("runs\n got %s\nwant %s", got, want)
	}
}

// TestReadingIsNotWriting: a count that Redis left is trusted, and PFADD says that it is out of date.
func TestReadingIsNotWriting(t *testing.T) {
	r := newBitRig(t)
	r.do("set", "h", "HYLL\x01\x00\x00\x00\x2a\x00\x00\x00\x00\x00\x00\x00\x7f\xff")
	for _, tt := range []step{{`pfcount h`, `42`}, {`pfcount h h`, `0`}, {`pfadd h`, `0`}, {`pfcount h`, `42`},
		{`pfadd h a`, `1`}, {`pfcount h`, `1`}} {
		if got := render(r.line(tt.line)); got != tt.want {
			t.Errorf("%s = %s, want %s", tt.line, got, tt.want)
		}
	}
}

// TestFormsAgree adds elements to a sketch of each form, and to plain registers.
func TestFormsAgree(t *testing.T) {
	random := rand.New(rand.NewPCG(15, 16))
	for _, limit := range []int64{0, 100, 3000, 20_000} {
		e := editSketch(nil, limit)
		var want registers
		for n := range 6000 {
			element := strconv.AppendUint(nil, random.Uint64N(8000), 10)
			register, rank := placeOf(element)
			want[register] = max(want[register], rank)
			if !e.add(element) {
				t.Fatalf("limit %d: corrupted by element %d", limit, n)
			}
			if int64(len(e.data)) > max(limit, registersAt+2) && !e.data.dense() {
				t.Fatalf("limit %d: sparse with %d bytes", limit, len(e.data))
			}
		}
		var got registers
		if !e.data.mergeInto(&got) || got != want {
			t.Errorf("limit %d: the registers are not those of the elements", limit)
		}
		e.finish()
		count, ok := e.data.count()
		if wanted := want.counts().estimate(); !ok || count != wanted {
			t.Errorf("limit %d: counts %d, want %d", limit, count, wanted)
		}
	}
}

// TestHighRank: a run cannot hold a rank above 32.
func TestHighRank(t *testing.T) {
	for _, rank := range []byte{highestRank, highestRank + 1, rankBits + 1} {
		e := editSketch(nil, 3000)
		if !e.raise(77, rank) || e.data.dense() != (rank > highestRank) {
			t.Errorf("rank %d: dense is %v", rank, e.data.dense())
		}
		var all registers
		if e.data.mergeInto(&all); all[77] != rank {
			t.Errorf("rank %d reads as %d", rank, all[77])
		}
	}
}

// TestEstimate compares with what redis-server 7.0.15 estimates of the same elements.
func TestEstimate(t *testing.T) {
	want := map[int]int64{1: 1, 10: 10, 100: 100, 1000: 994, 5000: 4972, 20000: 19905, 100000: 100917, 1000000: 999811}
	var all registers
	for n := 1; n <= 1_000_000; n++ {
		register, rank := placeOf([]byte(fmt.Sprintf("element-%d", n)))
		all[register] = max(all[register], rank)
		estimate, known := want[n]
		if !known {
			continue
		}
		if got := all.counts().estimate(); got != estimate {
			t.Errorf("%d elements are estimated %d, want %d", n, got, estimate)
		}
	}
}

// TestEstimateExtremes: no register is set; all are as high as they can be, and higher.
func TestEstimateExtremes(t *testing.T) {
	for rank, want := range map[byte]int64{0: 0, rankBits + 1: math.MinInt64, 1<<registerWidth - 1: math.MinInt64} {
		var all registers
		for i := range all {
			all[i] = rank
		}
		if got := all.counts().estimate(); got != want {
			t.Errorf("all %d: estimated %d, want %d", rank, got, want)
		}
	}
}

func TestSelfTest(t *testing.T) {
	if problem := testSketches(); problem != "" {
		t.Error(problem)
	}
}

// TestRunsReadBack writes runs of every length and reads them.
func TestRunsReadBack(t *testing.T) {
	for _, rank := range []byte{0, 1, 17, highestRank} {
		longest := registerCount
		if rank > 0 {
			longest = longestRank
		}
		for length := 1; length <= longest; length++ {
			b := appendRun(nil, run{rank: rank, length: length})
			if got, want := readRun(b), (run{rank: rank, length: length, size: len(b)}); got != want {
				t.Fatalf("%x reads as %+v, want %+v", b, got, want)
			}
		}
	}
}

// FuzzSketch gives the sparse form bytes that no server has made: whatever they are, reading and changing them ends, changes
// no byte of what was given, and what makes sense says the same before and after.
func FuzzSketch(f *testing.F) {
	f.Add([]byte{0x7f, 0xff}, uint16(5), byte(3))
	f.Add([]byte{0x7f}, uint16(16383), byte(32))
	f.Add([]byte{0x84, 0x84, 0x88, 0x00, 0x00, 0x40, 0x00, 0x40, 0x02, 0x83, 0x83, 0x7f, 0xf0}, uint16(2), byte(1))
	f.Add([]byte{0x80, 0x7f, 0xfe}, uint16(0), byte(5)) // changed in its place
	f.Add([]byte{}, uint16(0), byte(51))
	f.Add(bytes.Repeat([]byte{0x83}, 4096), uint16(9000), byte(33))
	f.Fuzz(func(t *testing.T, runs []byte, register uint16, rank byte) {
		register, rank = register%registerCount, rank%(rankBits+1)+1
		given := slices.Concat(newSketch()[:registersAt], runs)
		given[countAt+7] |= countIsOld >> 56
		kept := bytes.Clone(given)
		s := sketch(given)
		var before registers
		sound := s.mergeInto(&before)
		if _, ok := s.count(); ok != sound {
			t.Errorf("counted: %v, merged: %v", ok, sound)
		}
		if text := s.describe(); strings.Count(string(text), ":") > len(runs) {
			t.Errorf("%d bytes are described as %s", len(runs), text)
		}
		e := editSketch(s, 3000)
		changed := e.raise(int(register), rank)
		if !bytes.Equal(given, kept) {
			t.Error("the bytes that were given have changed")
		}
		if !sound {
			return
		}
		before[register] = max(before[register], rank)
		var after registers
		if !changed || !e.data.mergeInto(&after) || after != before {
			t.Errorf("raising register %d to %d: %v, and others have changed or it has not", register, rank, changed)
		}
	})
}

// BenchmarkPFAdd adds new elements to a sketch of each form.
func BenchmarkPFAdd(b *testing.B) {
	for name, limit := range map[string]int64{"sparse": 1 << 20, "dense": 0} {
		b.Run(name, func(b *testing.B) {
			e := editSketch(nil, limit)
			for n := 0; b.Loop(); n++ {
				if n%1000 == 0 {
					e = editSketch(nil, limit)
				}
				e.add(strconv.AppendInt(nil, int64(n), 10))
			}
		})
	}
}

// BenchmarkPFMerge merges sparse sketches of about 1,500 registers.
func BenchmarkPFMerge(b *testing.B) {
	e := editSketch(nil, 3000)
	for n := range 1000 {
		e.add(strconv.AppendInt(nil, int64(n), 10))
	}
	var union registers
	e.data.mergeInto(&union)
	for b.Loop() {
		editSketch(nil, 3000).raiseAll(&union)
	}
}

// BenchmarkPFCount counts a dense sketch.
func BenchmarkPFCount(b *testing.B) {
	e := editSketch(nil, 0)
	for n := range 100_000 {
		e.add(strconv.AppendInt(nil, int64(n), 10))
	}
	e.finish()
	for b.Loop() {
		e.data.count()
	}
}
