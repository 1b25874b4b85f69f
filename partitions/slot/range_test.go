package slot

import "testing"

func TestSplitCoversEverySlotEvenly(t *testing.T) {
	for n := 1; n <= 300; n++ {
		next, least, most := 0, Count, 0
		for i, r := range Split(n) {
			if int(r.First) != next || r.Last < r.First {
				t.Fatalf("Split(%d)[%d] = %v, want it to begin at %d", n, i, r, next)
			}
			if !r.Contains(r.First) || !r.Contains(r.Last) || r.Last+1 < Count && r.Contains(r.Last+1) {
				t.Fatalf("Split(%d)[%d] = %v does not contain its own ends only", n, i, r)
			}
			next = int(r.Last) + 1
			least, most = min(least, r.Count()), max(most, r.Count())
		}
		if next != Count || most-least > 1 {
			t.Errorf("Split(%d) ends at %d with sizes from %d to %d", n, next, least, most)
		}
	}
}

func TestSplitRefusesWhatCannotBe(t *testing.T) {
	for _, n := range []int{-1, 0, Count + 1} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Split(%d) did not panic", n)
				}
			}()
			Split(n)
		}()
	}
}
