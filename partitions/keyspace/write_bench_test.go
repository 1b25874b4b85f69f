package keyspace

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// benchUnits measures units, each with its part of the sealing and applying of a record for every hundred.
func benchUnits(b *testing.B, unit func(tx *Tx, i int)) {
	store, err := Open("state", Options{FS: vfs.NewMem(), MemTable: 16 << 20, HotSet: 1 << 30, Logger: quiet{}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := store.Close(); err != nil {
			b.Error(err)
		}
	})
	r := &rig{t: b, store: store, now: 1_000_000, record: 1}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		r.unit(func(tx *Tx) bool {
			unit(tx, i)
			return true
		})
		if i++; i%100 == 0 {
			r.seal()
			r.apply()
		}
	}
}

func BenchmarkSetTenKeys(b *testing.B) {
	keys := make([][]byte, 100_000)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "key:%012d", i)
	}
	benchUnits(b, func(tx *Tx, i int) {
		for k := range 10 {
			tx.Set(keys[(10*i+k)*7919%len(keys)], []byte("xxx"), 0, false)
		}
	})
}

func BenchmarkListPush(b *testing.B) {
	benchUnits(b, func(tx *Tx, _ int) {
		l, _ := tx.WriteList([]byte("mylist"))
		l.Push(Left, []byte("xxx"))
	})
}

func BenchmarkListPop(b *testing.B) {
	benchUnits(b, func(tx *Tx, i int) {
		l, _ := tx.WriteList([]byte("mylist"))
		if l.Len() == 0 {
			for range 1000 {
				l.Push(Left, []byte("xxx"))
			}
		}
		l.Pop(Left)
	})
}

func BenchmarkStreamAdd(b *testing.B) {
	fields := [][]byte{[]byte("field"), []byte("value")}
	benchUnits(b, func(tx *Tx, i int) {
		s, _ := tx.WriteStream([]byte("mystream"))
		id, _ := s.NextID()
		s.Add(id, fields, NodeLimits{Bytes: 4096, Entries: 100})
	})
}
