package keyspace

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// The sizes of the sorted sets and sets that are measured, and how many units are applied at once: what comes in about 5 ms.
const (
	benchMembers = 100_000
	benchApply   = 1000
)

// benchBag measures one unit for each step, on the key "k" in memory. Fill brings in a member that the steps are to find; whenever every so
// many steps have run (0: never) as many are brought in anew.
func benchBag(b *testing.B, every int, fill, step func(tx *Tx, i int)) {
	store, err := Open("state", Options{FS: vfs.NewMem(), MemTable: 16 << 20, HotSet: 1 << 30, Logger: quiet{}})
	if err != nil {
		b.Fatal(err)
	}
	r := &rig{t: b, store: store, now: 1_000_000, record: 1}
	settle := func() {
		r.seal()
		r.apply()
	}
	refill := func(n int) {
		for i := range n {
			r.unit(func(tx *Tx) bool { fill(tx, i); return true })
		}
		settle()
	}
	refill(benchMembers)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if every > 0 && i%every == every-1 {
			b.StopTimer()
			refill(every)
			b.StartTimer()
		}
		r.unit(func(tx *Tx) bool { step(tx, i); return true })
		if i%benchApply == 0 {
			settle()
		}
	}
	b.StopTimer()
	if err := r.store.Close(); err != nil {
		b.Error(err)
	}
}

func benchName(i int) []byte { return fmt.Appendf(nil, "element:%012d", i) }

// BenchmarkZAdd gives members that are mostly there other scores.
func BenchmarkZAdd(b *testing.B) {
	add := func(tx *Tx, _ int) {
		z, _ := tx.WriteZSet([]byte("k"))
		z.Add(benchName(rand.IntN(benchMembers)), float64(rand.IntN(benchMembers)), ZWhen{}, PackLimits{})
	}
	benchBag(b, 0, add, add)
}

// BenchmarkZPopMin takes members that all have one score.
func BenchmarkZPopMin(b *testing.B) {
	benchBag(b, benchMembers/2, func(tx *Tx, _ int) {
		z, _ := tx.WriteZSet([]byte("k"))
		z.Add(benchName(rand.IntN(1e9)), 0, ZWhen{}, PackLimits{})
	}, func(tx *Tx, _ int) {
		z, _ := tx.WriteZSet([]byte("k"))
		if len(z.Pop(1, false)) != 1 {
			b.Fatal("it is empty")
		}
	})
}

func BenchmarkSPop(b *testing.B) {
	benchBag(b, benchMembers/2, func(tx *Tx, _ int) {
		s, _ := tx.WriteSet([]byte("k"))
		s.Add(benchName(rand.IntN(1e9)))
	}, func(tx *Tx, _ int) {
		s, _ := tx.WriteSet([]byte("k"))
		if len(s.Pop(1)) != 1 {
			b.Fatal("it is empty")
		}
	})
}

// BenchmarkSAdd adds members that are mostly new.
func BenchmarkSAdd(b *testing.B) {
	add := func(tx *Tx, _ int) {
		s, _ := tx.WriteSet([]byte("k"))
		s.Add(benchName(rand.IntN(1e9)))
	}
	benchBag(b, 0, add, add)
}
