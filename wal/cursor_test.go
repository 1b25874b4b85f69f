package wal

import (
	"errors"
	"testing"
)

func TestPositionNext(t *testing.T) {
	us, other := Incarnation{1}, Incarnation{2}
	at := Position{Incarnation: us, Seq: 10, Epoch: 3, Index: 5, Chain: 100, CommitMS: 1}
	record := func(kind Kind, epoch Epoch, index, prev uint64) Record {
		return Record{Header: Header{Kind: kind, Part: PartFirst | PartLast, Incarnation: us, Epoch: epoch, Index: index, Prev: prev, Chain: 200, CommitMS: 2}}
	}
	foreign := func(r Record) Record { r.Incarnation = other; return r }
	moved := Position{Incarnation: us, Seq: 11, Epoch: 3, Index: 6, Chain: 200, CommitMS: 2}
	begun := Position{Incarnation: us, Seq: 11, Epoch: 9, Index: 0, Chain: 200, CommitMS: 2}
	skipped := at
	skipped.Seq = 11
	for _, c := range []struct {
		name    string
		from    Position
		seq     Seq
		record  Record
		want    Position
		verdict Verdict
		err     error
	}{
		{"successor", at, 11, record(KindData, 3, 6, 100), moved, Accepted, nil},
		{"same sequence again", at, 10, record(KindData, 3, 6, 100), at, 0, ErrGap},
		{"gap", at, 12, record(KindData, 3, 6, 100), at, 0, ErrGap},
		{"other chain", at, 11, record(KindData, 3, 6, 101), at, 0, ErrBrokenChain},
		{"index repeated", at, 11, record(KindData, 3, 5, 100), at, 0, ErrBrokenChain},
		{"index skipped", at, 11, record(KindData, 3, 7, 100), at, 0, ErrBrokenChain},
		{"higher epoch without EPOCH", at, 11, record(KindData, 4, 6, 100), at, 0, ErrBrokenChain},
		{"new epoch", at, 11, record(KindEpoch, 9, 0, 100), begun, Accepted, nil},
		{"new epoch, other chain", at, 11, record(KindEpoch, 9, 0, 99), at, 0, ErrBrokenChain},
		{"EPOCH of the same epoch", at, 11, record(KindEpoch, 3, 0, 100), at, 0, ErrBrokenChain},
		{"EPOCH with an index", at, 11, record(KindEpoch, 9, 6, 100), at, 0, ErrBrokenChain},
		{"stale data", at, 11, record(KindData, 2, 77, 5), skipped, Stale, nil},
		{"stale EPOCH", at, 11, record(KindEpoch, 2, 0, 5), skipped, Stale, nil},
		{"stale of another life", at, 11, foreign(record(KindData, 2, 77, 5)), skipped, Stale, nil},
		{"stale in a gap", at, 12, record(KindData, 2, 77, 5), at, 0, ErrGap},
		{"other life", at, 11, foreign(record(KindData, 3, 6, 100)), at, 0, ErrIncarnation},
		{"refounding is explicit", at, 11, foreign(record(KindEpoch, 4, 0, 100)), at, 0, ErrIncarnation},
		{"first of a fresh log", Position{}, 1, record(KindEpoch, 1, 0, 0), Position{Incarnation: us, Seq: 1, Epoch: 1, Chain: 200, CommitMS: 2}, Accepted, nil},
		{"fresh log begins with data", Position{}, 1, record(KindData, 1, 1, 0), Position{}, 0, ErrBrokenChain},
		{"fresh log with a past", Position{}, 1, record(KindEpoch, 1, 0, 7), Position{}, 0, ErrBrokenChain},
		{"fresh log begins later", Position{}, 5, record(KindEpoch, 1, 0, 0), Position{}, 0, ErrGap},
	} {
		got, verdict, err := c.from.Next(c.seq, &c.record)
		if got != c.want || verdict != c.verdict || !errors.Is(err, c.err) {
			t.Errorf("%s: got %+v, %d, %v; want %+v, %d, %v", c.name, got, verdict, err, c.want, c.verdict, c.err)
		}
	}
}

// A stale record moves the sequence and nothing else: the new primary's next record follows it.
func TestStaleRecordNeverEntersTheChain(t *testing.T) {
	us := Incarnation{1}
	p := Position{Incarnation: us, Seq: 4, Epoch: 2, Index: 0, Chain: 50}
	stale := Record{Header: Header{Kind: KindData, Incarnation: us, Epoch: 1, Index: 9, Prev: 1, Chain: 2}}
	next := Record{Header: Header{Kind: KindData, Incarnation: us, Epoch: 2, Index: 1, Prev: 50, Chain: 60}}
	p, verdict, err := p.Next(5, &stale)
	if verdict != Stale || err != nil {
		t.Fatalf("stale record: %d, %v", verdict, err)
	}
	p, verdict, err = p.Next(6, &next)
	if verdict != Accepted || err != nil || p.Chain != 60 || p.Seq != 6 {
		t.Errorf("record after it: %+v, %d, %v", p, verdict, err)
	}
}

func TestRefound(t *testing.T) {
	at := Position{Incarnation: Incarnation{1}, Seq: 10, Epoch: 3, Index: 5, Chain: 100}
	epoch := Record{Header: Header{Kind: KindEpoch, Incarnation: Incarnation{2}, Epoch: 4, Prev: 100, Chain: 7}}
	with := func(change func(r *Record)) *Record { r := epoch; change(&r); return &r }
	for _, c := range []struct {
		name   string
		seq    Seq
		record *Record
		want   error
	}{
		{"right", 11, &epoch, nil},
		{"gap", 12, &epoch, ErrGap},
		{"other state", 11, with(func(r *Record) { r.Prev = 99 }), ErrBrokenChain},
		{"same life", 11, with(func(r *Record) { r.Incarnation = at.Incarnation }), ErrBrokenChain},
		{"same epoch", 11, with(func(r *Record) { r.Epoch = 3 }), ErrBrokenChain},
		{"data", 11, with(func(r *Record) { r.Kind, r.Index = KindData, 6 }), ErrBrokenChain},
	} {
		got, err := at.Refound(c.seq, c.record)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
		if want := PositionAt(11, &epoch); err == nil && got != want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, want)
		}
	}
}
