package commands

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestPartSort holds that the part that is asked for is what sorting makes, and that nothing is lost.
func TestPartSort(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 5_000 {
		s := make([]int, 1+rnd.IntN(120))
		for i := range s {
			s[i] = rnd.IntN(1 + rnd.IntN(100))
		}
		want, last := slices.Sorted(slices.Values(s)), 1+rnd.IntN(len(s))
		first := rnd.IntN(last)
		partSort(s, first, last, cmp.Compare[int])
		if !slices.Equal(s[first:last], want[first:last]) {
			t.Fatalf("%d to %d are %v, want %v", first, last, s[first:last], want[first:last])
		}
		if slices.Sort(s); !slices.Equal(s, want) {
			t.Fatalf("%v has become %v", want, s)
		}
	}
}
