package keyspace

import (
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestHashEncoding goes through the encodings that Redis would choose.
func TestHashEncoding(t *testing.T) {
	r := newRig(t, vfs.NewMem())
	limits, long := PackLimits{Entries: 3, Value: 8}, []byte("123456789")
	var got []string
	step := func(change func(s *Hash)) {
		r.unit(func(tx *Tx) bool {
			s, _ := tx.WriteHash([]byte("k"))
			change(&s)
			return true
		})
		got = append(got, r.store.View(r.now).Encoding([]byte("k")))
	}
	step(func(s *Hash) { s.Set([]byte("a"), []byte("1"), 0, limits) })
	step(func(s *Hash) { s.Expire([]byte("a"), r.now+100) })
	step(func(s *Hash) { s.Expire([]byte("a"), 0) })
	step(func(s *Hash) { s.Set(long, nil, 0, limits) })
	step(func(s *Hash) { s.Remove(long) })
	step(func(s *Hash) { s.Remove([]byte("a")) })
	step(func(s *Hash) {
		for _, name := range []string{"a", "b", "c"} {
			s.Set([]byte(name), nil, 0, limits)
		}
	})
	step(func(s *Hash) { s.Set([]byte("a"), []byte("2"), 0, limits) })
	step(func(s *Hash) { s.Set([]byte("d"), nil, 0, limits) })
	want := []string{"listpack", "listpackex", "listpackex", "hashtable", "hashtable", "", "listpack", "listpack", "hashtable"}
	if !slices.Equal(got, want) {
		t.Errorf("encodings %v, want %v", got, want)
	}
	if err := r.store.Close(); err != nil {
		t.Error(err)
	}
}

// TestTimed says that fields may have deadlines from the first one until Pebble has no more.
func TestTimed(t *testing.T) {
	r := newRig(t, vfs.NewMem())
	timed := func(want bool, when string) {
		t.Helper()
		if err := r.store.SettleTimed(); err != nil || r.store.Timed() != want {
			t.Fatalf("%s: Timed is %v, %v, want %v", when, r.store.Timed(), err, want)
		}
	}
	field := []byte("f")
	write := func(change func(s *Hash)) {
		r.unit(func(tx *Tx) bool {
			s, _ := tx.WriteHash([]byte("k"))
			change(&s)
			return true
		})
	}
	timed(false, "at first")
	write(func(s *Hash) { s.Set(field, nil, 0, PackLimits{}) })
	timed(false, "after a field without a deadline")
	write(func(s *Hash) { s.Expire(field, r.now+10) })
	timed(true, "after a deadline")
	r.seal()
	r.apply()
	timed(true, "with a deadline applied")
	write(func(s *Hash) { s.Expire(field, 0) })
	timed(true, "with its end not applied")
	r.seal()
	r.apply()
	timed(false, "with its end applied")
	if err := r.store.Close(); err != nil {
		t.Error(err)
	}
}
