package keyspace

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// benchHash returns a rig with a hash of some fields, all in memory, and their names.
func benchHash(b *testing.B, size int) (*rig, [][]byte) {
	r := newRig(b, vfs.NewMem())
	r.store.hot.limit = 1 << 30
	names := make([][]byte, size)
	r.unit(func(tx *Tx) bool {
		s, _ := tx.WriteHash([]byte("h"))
		for i := range names {
			names[i] = fmt.Appendf(nil, "element:%012d", i)
			s.Set(names[i], []byte("xyz"), 0, PackLimits{Entries: 512, Value: 64})
		}
		return true
	})
	r.seal()
	r.apply()
	b.Cleanup(func() {
		if err := r.store.Close(); err != nil {
			b.Error(err)
		}
	})
	return r, names
}

func BenchmarkHashSet(b *testing.B) {
	for _, size := range []int{100, 100_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			r, names := benchHash(b, size)
			value := []byte("xyz")
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i++
				r.unit(func(tx *Tx) bool {
					s, _ := tx.WriteHash([]byte("h"))
					s.Set(names[i*7919%size], value, 0, PackLimits{Entries: 512, Value: 64})
					return true
				})
				if i%1000 == 0 {
					r.seal()
					r.apply()
				}
			}
		})
	}
}

func BenchmarkHashGet(b *testing.B) {
	r, names := benchHash(b, 100_000)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		s, _ := r.store.View(r.now).ReadHash([]byte("h"))
		if _, ok := s.Get(names[i*7919%len(names)]); !ok {
			b.Fatal("not there")
		}
	}
}

func BenchmarkHashEach(b *testing.B) {
	r, _ := benchHash(b, 100)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		s, _ := r.store.View(r.now).ReadHash([]byte("h"))
		s.Each(func(_, _ []byte) bool {
			n++
			return true
		})
	}
}
