package keyspace

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// FuzzHoles holds holes against the places that they are made of: no row that is put may be in one, and what is learned and not put since is
// passed by, unless others save more.
func FuzzHoles(f *testing.F) {
	f.Add([]byte{0, 10, 200, 1, 50, 0, 0, 60, 70, 1, 5})
	f.Add([]byte{0, 1, 9, 0, 9, 20, 0, 30, 40, 0, 50, 60, 0, 70, 80, 0, 90, 99, 1, 35})
	f.Fuzz(func(t *testing.T, script []byte) {
		var hs holes
		var empty [256]bool // what was learned and not put since
		for len(script) >= 2 {
			switch {
			case script[0]%2 == 1:
				hs.admit(script[1:2])
				empty[script[1]] = false
				script = script[2:]
			case len(script) == 2:
				script = nil
			default:
				hs.learn(script[1:2], script[2:3], holeRows*(1+int(script[0])))
				for i := int(script[1]); i < int(script[2]); i++ {
					empty[i] = true
				}
				script = script[3:]
			}
			checkHoles(t, hs, &empty)
		}
	})
}

func checkHoles(t *testing.T, hs holes, empty *[256]bool) {
	t.Helper()
	if len(hs) > mostHoles {
		t.Fatalf("%d holes: %s", len(hs), drawn(hs))
	}
	for i := range 255 {
		at := []byte{byte(i)}
		// Between i and the place that it is passed on to, all rows are gone: of those longer than a byte nothing was ever put.
		for j, to := i, hs.behind(at); string([]byte{byte(j)}) < string(to); j++ {
			if !empty[j] {
				t.Fatalf("from %d on to %q, though %d is there: %s", i, to, j, drawn(hs))
			}
		}
		for j, to := i-1, hs.before(at); j >= 0 && string([]byte{byte(j)}) >= string(to); j-- {
			if !empty[j] {
				t.Fatalf("from %d back to %q, though %d is there: %s", i, to, j, drawn(hs))
			}
		}
	}
}

// TestHoles takes members from both ends of a sorted set that is not whole in memory, and from behind places in it, again and again, while
// others come and Pebble learns of it late, and compares with a plain sorted slice. Units are undone now and then.
func TestHoles(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := holesRun{windowRun: windowRun{t: t, r: newRig(t, vfs.NewMem()), rnd: rand.New(rand.NewPCG(seed, 5))}}
			defer func() { _ = w.r.store.Close() }()
			for range 40 {
				w.put(100, 0, 100_000)
			}
			for range 400 {
				w.step()
			}
			if w.met == 0 {
				t.Error("no hole was ever met")
			}
		})
	}
}

type holesRun struct {
	windowRun
	met int // how often there was a hole
}

func (w *holesRun) step() {
	high := 100_000
	if n := len(w.want); n > 0 {
		high = w.want[n-1]
	}
	switch w.rnd.IntN(10) {
	case 0:
		w.r.seal()
	case 1:
		w.r.apply()
	case 2:
		w.put(1, high-20, 40)
	case 3:
		w.put(1, 0, 100_000)
	case 4:
		w.put(20, w.rnd.IntN(100_000), 1000)
	case 5, 6:
		w.take(w.rnd.IntN(4)*25_000, 25_000, 1+w.rnd.IntN(120))
	default:
		w.popLast(1 + w.rnd.IntN(1+w.rnd.IntN(120)))
	}
}

// popLast takes the last members and compares them.
func (w *holesRun) popLast(n int) {
	w.unit(func(z *ZSet, want []int) []int {
		n := min(n, len(want))
		var got []int
		for _, m := range z.Pop(int64(n), true) {
			got = append(got, int(m.Score))
		}
		rest, taken := want[:len(want)-n], slices.Clone(want[len(want)-n:])
		if slices.Reverse(taken); !slices.Equal(got, taken) {
			w.t.Fatalf("popped %v, want %v", got, taken)
		}
		return w.notes(z, rest)
	})
}

// take removes the first members with scores from low on, as a queue of what is due does.
func (w *holesRun) take(low, width, n int) {
	w.unit(func(z *ZSet, want []int) []int {
		first, _ := slices.BinarySearch(want, low)
		behind, _ := slices.BinarySearch(want, low+width)
		behind = min(behind, first+n)
		var got []int
		z.Each(Scores(ScoreRange{Min: float64(low), Max: float64(low + width - 1)}), false, 0, func(_ []byte, score float64) bool {
			got = append(got, int(score))
			return len(got) < n
		})
		if !slices.Equal(got, want[first:behind]) {
			w.t.Fatalf("%d from %d on are %v, want %v", n, low, got, want[first:behind])
		}
		for _, score := range got {
			z.Remove(windowName(score))
		}
		return w.notes(z, slices.Delete(want, first, behind))
	})
}

// notes compares the last members after others were taken, so that holes are met by units that are undone, too.
func (w *holesRun) notes(z *ZSet, want []int) []int {
	var last []int
	z.Each(ZAll(), true, 0, func(_ []byte, score float64) bool {
		last = append(last, int(score))
		return len(last) < 3
	})
	left := slices.Clone(want[max(len(want)-3, 0):])
	if slices.Reverse(left); !slices.Equal(last, left) {
		w.t.Fatalf("%v are left last, want %v", last, left)
	}
	if z.h != nil && z.h.elements != nil && len(z.h.elements.holes) > 0 {
		w.met++
	}
	return want
}

// TestTakingFromTheEnd has what taking the last members costs not depend on how many were taken: the rows that Pebble has to pass by
// are counted.
func TestTakingFromTheEnd(t *testing.T) {
	w := holesRun{windowRun: windowRun{t: t, r: newRig(t, vfs.NewMem()), rnd: rand.New(rand.NewPCG(1, 1))}}
	defer func() { _ = w.r.store.Close() }()
	for i := range 80 {
		w.r.unit(func(tx *Tx) bool {
			z, _ := tx.WriteZSet([]byte("z"))
			for j := range 50 {
				z.Add(windowName(50*i+j), float64(50*i+j), ZWhen{}, PackLimits{})
			}
			return true
		})
	}
	for range 1000 {
		w.r.unit(func(tx *Tx) bool {
			z, _ := tx.WriteZSet([]byte("z"))
			z.Pop(1, true)
			return true
		})
		w.r.seal()
		w.r.apply()
	}
	w.r.unit(func(tx *Tx) bool {
		z, _ := tx.WriteZSet([]byte("z"))
		m := z.v.elements(z.h)
		if m.whole {
			t.Fatal("the sorted set is whole in memory: nothing is shown")
		}
		it, err := tx.store.walkObject(m.object, []byte{areaScore}, m.holes.before(areaEnd(areaScore)))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = it.Close() }()
		it.Last()
		stats := it.Stats()
		if passed := stats.ReverseStepCount[pebble.InternalIterCall]; passed > 2*holeRows {
			t.Errorf("%d rows are passed by to find the last member; holes: %s", passed, drawn(m.holes))
		}
		return false
	})
}

func drawn(hs holes) string {
	var b strings.Builder
	for _, h := range hs {
		fmt.Fprintf(&b, "%q-%q %d; ", h.from, h.to, h.passed)
	}
	return b.String()
}
