package keyspace

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestCensus asks for ranks in a collection that is too big to be whole in memory, while members come and go, and compares with a
// sorted slice.
func TestCensus(t *testing.T) {
	for _, limit := range []int64{4 << 10, 16 << 20} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(7, 7))
			r := newRig(t, vfs.NewMem())
			r.store.hot.limit = limit
			defer func() { _ = r.store.Close() }()
			var want []string // row keys, in order
			for round := range 60 {
				r.unit(func(tx *Tx) bool {
					s, _ := tx.WriteSet([]byte("big"))
					for range 100 {
						member := fmt.Appendf(nil, "member:%d", rnd.IntN(4000))
						sub := string(appendMember(nil, member))
						at, there := slices.BinarySearch(want, sub)
						if round%3 == 2 && there {
							s.Remove(member)
							want = slices.Delete(want, at, at+1)
						} else if s.Add(member) {
							want = slices.Insert(want, at, sub)
						}
					}
					return true
				})
				if rnd.IntN(2) == 0 {
					r.seal()
					r.apply()
				}
				checkRanks(t, r, rnd, want)
			}
		})
	}
}

func checkRanks(t *testing.T, r *rig, rnd *rand.Rand, want []string) {
	t.Helper()
	v := r.store.View(r.now)
	s, _ := v.ReadSet([]byte("big"))
	for range 20 {
		i := rnd.IntN(len(want))
		if got := v.before(s.h, areaMember, []byte(want[i])); got != int64(i) {
			t.Fatalf("%d rows stand before row %d", got, i)
		}
		if sub, _, ok := v.at(s.h, areaMember, int64(i)); !ok || string(sub) != want[i] {
			t.Fatalf("row %d is %q, want %q", i, sub, want[i])
		}
	}
	if got := v.before(s.h, areaMember, areaEnd(areaMember)); got != int64(len(want)) {
		t.Fatalf("%d rows in all, want %d", got, len(want))
	}
	if _, _, ok := v.at(s.h, areaMember, int64(len(want))); ok {
		t.Fatal("there is a row behind the last")
	}
	if m := s.h.elements; !m.whole && m.census == nil {
		t.Fatal("no census was made")
	}
}
