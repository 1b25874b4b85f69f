package keyspace

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestWindow takes the first members of a sorted set that is not whole in memory again and again, while others come before, between and
// behind them, and compares with a plain sorted slice. Units are undone now and then, and the sizes are such that windows end, are opened anew
// and are given up.
func TestWindow(t *testing.T) {
	for seed := range seeds(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := windowRun{t: t, r: newRig(t, vfs.NewMem()), rnd: rand.New(rand.NewPCG(seed, 3))}
			defer func() { _ = w.r.store.Close() }()
			for range 40 {
				w.put(100, 0, 100_000)
			}
			for range 800 {
				w.step(seed)
			}
			if w.opened == 0 {
				t.Error("no window was ever open")
			}
		})
	}
}

type windowRun struct {
	t      *testing.T
	r      *rig
	rnd    *rand.Rand
	want   []int // scores, which are all different
	opened int   // how often a window was open
}

// step changes the sorted set, or has Pebble know of what has changed.
func (w *windowRun) step(seed uint64) {
	low := 0
	if len(w.want) > 0 {
		low = w.want[0]
	}
	switch w.rnd.IntN(8) {
	case 0:
		w.r.seal()
	case 1:
		w.r.apply()
	case 2:
		w.put(1, low-20, 40)
	case 3:
		if seed%3 == 0 { // until the window is given up
			w.put(300, low-1000, 2000)
		}
	case 4:
		w.put(1, 0, 100_000)
	case 5:
		w.remove()
	default:
		w.pop(1 + w.rnd.IntN(1+w.rnd.IntN(60)))
	}
}

// unit runs a unit, and undoes it now and then: then want stays as it is.
func (w *windowRun) unit(fn func(z *ZSet, want []int) []int) {
	keep, want := w.rnd.IntN(5) > 0, []int(nil)
	w.r.unit(func(tx *Tx) bool {
		z, _ := tx.WriteZSet([]byte("z"))
		want = fn(&z, slices.Clone(w.want))
		if z.h != nil && z.h.elements != nil && z.h.elements.window.to != "" {
			w.opened++
		}
		return keep
	})
	if keep {
		w.want = want
	}
}

func windowName(score int) []byte { return fmt.Appendf(nil, "member:%d", score) }

// put adds members with scores from low on.
func (w *windowRun) put(n, low, width int) {
	w.unit(func(z *ZSet, want []int) []int {
		for range n {
			score := low + w.rnd.IntN(width)
			z.Add(windowName(score), float64(score), ZWhen{}, PackLimits{})
			if at, there := slices.BinarySearch(want, score); !there {
				want = slices.Insert(want, at, score)
			}
		}
		return want
	})
}

// remove takes one of the first members by its name, which may be taken out of a window, and takes the first of the rest.
func (w *windowRun) remove() {
	w.unit(func(z *ZSet, want []int) []int {
		if len(want) < 100 {
			return want
		}
		i := w.rnd.IntN(50)
		z.Remove(windowName(want[i]))
		return w.popped(z, slices.Delete(want, i, i+1), 1)
	})
}

func (w *windowRun) pop(n int) {
	w.unit(func(z *ZSet, want []int) []int { return w.popped(z, want, n) })
}

// popped takes the first members and compares them, and then those that follow.
func (w *windowRun) popped(z *ZSet, want []int, n int) []int {
	n = min(n, len(want))
	var got []int
	for _, m := range z.Pop(int64(n), false) {
		got = append(got, int(m.Score))
	}
	if !slices.Equal(got, want[:n]) {
		w.t.Fatalf("popped %v, want %v", got, want[:n])
	}
	want = want[n:]
	var first []int
	z.Each(ZAll(), false, 0, func(_ []byte, score float64) bool {
		first = append(first, int(score))
		return len(first) < 3
	})
	if !slices.Equal(first, want[:min(3, len(want))]) {
		w.t.Fatalf("%v are left first, want %v", first, want[:min(3, len(want))])
	}
	return want
}
