package keyspace

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// scribble makes some random changes.
func scribble(tx *Tx, rnd *rand.Rand, now int64) {
	for range rnd.IntN(5) {
		key := fmt.Appendf(nil, "key:%d", rnd.IntN(12))
		switch rnd.IntN(9) {
		case 0, 1:
			tx.Set(key, fmt.Appendf(nil, "v%d", rnd.IntN(1000)), 0, false)
		case 2:
			tx.Delete(key)
		case 3:
			tx.Expire(key, now+1+rnd.Int64N(1000))
		case 4:
			tx.Rename(key, fmt.Appendf(nil, "key:%d", rnd.IntN(12)))
		case 5, 6:
			if l, ok := tx.WriteList(key); ok {
				l.Push(End(rnd.IntN(2) == 0), fmt.Appendf(nil, "e%d", rnd.IntN(10)))
			}
		case 7:
			if s, ok := tx.WriteSet(key); ok {
				s.Add(fmt.Appendf(nil, "m%d", rnd.IntN(10)))
			}
		default:
			if h, ok := tx.WriteHash(key); ok {
				h.Set(fmt.Appendf(nil, "f%d", rnd.IntN(10)), []byte("v"), 0, PackLimits{Entries: 4, Value: 64})
			}
		}
	}
	if rnd.IntN(40) == 0 {
		tx.Flush()
	}
}

// TestSavepoint holds that a unit that has gone back to a moment is, byte for byte, the unit that never went further.
func TestSavepoint(t *testing.T) {
	for seed := range seeds(60) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		went, never := newRig(t, vfs.NewMem()), newRig(t, vfs.NewMem())
		for range 40 {
			before, undone, after := rnd.Uint64(), rnd.Uint64(), rnd.Uint64()
			of := func(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 2)) }
			went.unit(func(tx *Tx) bool {
				scribble(tx, of(before), went.now)
				at := tx.Save()
				scribble(tx, of(undone), went.now)
				tx.RollbackTo(at)
				scribble(tx, of(after), went.now)
				return true
			})
			never.unit(func(tx *Tx) bool {
				scribble(tx, of(before), never.now)
				tx.Save()
				scribble(tx, of(after), never.now)
				return true
			})
			if string(went.body) != string(never.body) {
				t.Fatalf("seed %d: the effects differ after going back:\n%x\n%x", seed, went.body, never.body)
			}
			if rnd.IntN(3) == 0 {
				went.seal()
				never.seal()
			}
			if rnd.IntN(3) == 0 {
				went.apply()
				never.apply()
			}
			if a, b := went.store.View(went.now).Len(), never.store.View(never.now).Len(); a != b {
				t.Fatalf("seed %d: %d keys after going back, want %d", seed, a, b)
			}
		}
		for _, r := range []*rig{went, never} {
			r.seal()
			r.apply()
		}
		_, a, err := went.store.Digest()
		_, b, err2 := never.store.Digest()
		if err != nil || err2 != nil || a != b {
			t.Fatalf("seed %d: the states differ after going back (%v, %v)", seed, err, err2)
		}
		_ = went.store.Close()
		_ = never.store.Close()
	}
}
