package wal

import (
	"bytes"
	"errors"
	"testing"
)

func TestSplitAndAssemble(t *testing.T) {
	for _, c := range []struct{ body, size, parts int }{
		{0, 10, 1}, {1, 10, 1}, {10, 10, 1}, {11, 10, 2}, {20, 10, 2}, {21, 10, 3}, {1000, 1, 1000},
	} {
		body := make([]byte, c.body)
		for i := range body {
			body[i] = byte(i)
		}
		a, parts := NewAssembler(1000), 0
		for part, b := range Split(body, c.size) {
			parts++
			if got, want := part&PartFirst != 0, parts == 1; got != want {
				t.Errorf("%+v: part %d is first: %t, want %t", c, parts, got, want)
			}
			got, whole, err := a.Add(&Record{Header: Header{Kind: KindData, Part: part}, Body: b})
			if err != nil {
				t.Fatal(err)
			}
			if whole != (parts == c.parts) || a.Pending() == whole {
				t.Errorf("%+v: part %d: whole = %t, pending = %t", c, parts, whole, a.Pending())
			}
			if whole && !bytes.Equal(got, body) {
				t.Errorf("%+v: got %x, want %x", c, got, body)
			}
		}
		if parts != c.parts {
			t.Errorf("%+v: %d parts", c, parts)
		}
	}
}

func TestSplitStopsWhenAsked(t *testing.T) {
	for range Split(make([]byte, 10), 1) {
		break
	}
}

// What a deposed primary left unfinished is never applied (I8).
func TestEpochDropsOrphan(t *testing.T) {
	a := NewAssembler(100)
	steps := []struct {
		kind  Kind
		part  Part
		body  string
		want  string
		whole bool
	}{
		{KindData, PartFirst, "orphan", "", false},
		{KindData, 0, "orphan", "", false},
		{KindEpoch, PartFirst | PartLast, "", "", true},
		{KindData, PartFirst, "new", "", false},
		{KindData, PartLast, "-body", "new-body", true},
		{KindData, PartFirst | PartLast, "single", "single", true},
	}
	for i, s := range steps {
		body, whole, err := a.Add(&Record{Header: Header{Kind: s.kind, Part: s.part}, Body: []byte(s.body)})
		if err != nil || whole != s.whole || string(body) != s.want {
			t.Errorf("step %d: got %q, %t, %v; want %q, %t", i, body, whole, err, s.want, s.whole)
		}
	}
}

func TestAssemblerRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		parts []Part
		want  error
	}{
		"last without first":   {[]Part{PartLast}, ErrDamaged},
		"middle without first": {[]Part{0}, ErrDamaged},
		"first twice":          {[]Part{PartFirst, PartFirst}, ErrDamaged},
		"single inside":        {[]Part{PartFirst, PartFirst | PartLast}, ErrDamaged},
		"over the limit":       {[]Part{PartFirst, 0, PartLast}, ErrTooLarge},
	} {
		a := NewAssembler(25)
		var err error
		for _, part := range c.parts {
			_, _, err = a.Add(&Record{Header: Header{Kind: KindData, Part: part}, Body: make([]byte, 10)})
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

// A single part is passed through, and a large buffer is not kept for ever.
func TestAssemblerMemory(t *testing.T) {
	a := NewAssembler(1 << 30)
	record := Record{Header: Header{Kind: KindData, Part: PartFirst | PartLast}, Body: []byte("body")}
	if got, _, _ := a.Add(&record); &got[0] != &record.Body[0] {
		t.Error("a single part was copied")
	}
	for part, b := range Split(make([]byte, keptBuffer+1), PartSize) {
		if _, _, err := a.Add(&Record{Header: Header{Kind: KindData, Part: part}, Body: b}); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := a.Add(&record); err != nil || cap(a.parts) != 0 {
		t.Errorf("%d bytes kept after the next record, %v", cap(a.parts), err)
	}
}
