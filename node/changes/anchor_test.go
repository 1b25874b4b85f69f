package changes

import (
	"errors"
	"slices"
	"testing"

	"shiplog/wal"
)

// TestAnchor trims a log to every length and begins to read there.
func TestAnchor(t *testing.T) {
	s := newScript(t)
	first := map[wal.Seq]int{} // the first key at or behind a record
	mark := func() { first[s.seq+1] = s.n }
	for range 3 {
		mark()
		s.unit(2)
	}
	s.depose(2)
	mark()
	s.large(9) // in three or four parts
	mark()
	s.unit(1)
	s.depose(1)
	mark()
	s.put(&s.header, wal.KindLease, wholePart, nil)
	mark()
	s.unit(1)
	s.depose(2)
	end := s.seq
	for seq := wal.Seq(1); seq <= end; seq++ {
		if err := s.log.Trim(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
		at, err := beginning(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		want := s.n
		for mark, key := range first {
			if mark >= seq {
				want = min(want, key)
			}
		}
		if got := keysFrom(t, s, at); !slices.Equal(got, numbers(want, s.n)) {
			t.Errorf("from %d on: %v, want %v", seq, got, numbers(want, s.n))
		}
	}
}

func TestAnchorAtTime(t *testing.T) {
	s := newScript(t)
	for range 5 {
		s.unit(1)
	}
	middle := s.header.CommitMS
	s.large(8)
	inside := s.header.CommitMS - 10
	s.unit(1)
	for _, c := range []struct {
		ms   int64
		want int
	}{{0, 0}, {middle, 5}, {inside, 5}, {middle - 1, 5}, {middle - 10, 4}, {s.header.CommitMS + 1000, s.n}} {
		at, err := atTime(t.Context(), s, c.ms)
		if err != nil {
			t.Fatal(err)
		}
		if got := keysFrom(t, s, at); !slices.Equal(got, numbers(c.want, s.n)) {
			t.Errorf("from %d ms on: %v, want from %d", c.ms, got, c.want)
		}
	}
	if err := s.log.Trim(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	if _, err := atTime(t.Context(), s, 0); !errors.Is(err, ErrTrimmed) {
		t.Errorf("a time before what is left: %v, want %v", err, ErrTrimmed)
	}
	if at, err := atTime(t.Context(), s, middle); err != nil || at.Seq == 0 {
		t.Errorf("a time that is left: %v, %v", at, err)
	}
}
