package shipper

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkStore puts a snapshot of 256 MB into a store, and fills a copy from there: on the same disk, with all fsyncs.
func BenchmarkStore(b *testing.B) {
	const tables, size = 8, 32 << 20
	r := newStoreRig(b)
	for i := range tables {
		r.grow(fmt.Sprintf("%d.sst", i), size, 1)
	}
	b.Run("put", func(b *testing.B) {
		b.SetBytes(tables * size)
		for range b.N {
			b.StopTimer()
			dir := b.TempDir()
			p := r.putting()
			s := r.another(dir)
			b.StartTimer()
			if _, err := s.Put(b.Context(), p); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			_ = os.RemoveAll(p.Dir) // hard links
			_ = os.RemoveAll(dir)
			b.StartTimer()
		}
	})
	if _, err := r.store.Put(b.Context(), r.putting()); err != nil {
		b.Fatal(err)
	}
	b.Run("seed", func(b *testing.B) {
		b.SetBytes(tables * size)
		for i := range b.N {
			s := r.seeding()
			s.Dir = filepath.Join(b.TempDir(), fmt.Sprint(i))
			s.From = r.store.Courier(r.log, NewPace(0))
			if _, err := s.Run(b.Context()); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			_ = os.RemoveAll(s.Dir)
			b.StartTimer()
		}
	})
}
