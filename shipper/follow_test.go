package shipper

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"shiplog/wal"
	"shiplog/wal/waltest"
)

// applier judges records as a real one does and keeps their bodies.
type applier struct {
	position wal.Position
	bodies   []string
	fail     error
}

func (a *applier) Position() wal.Position { return a.position }

func (a *applier) Apply(_ context.Context, seq wal.Seq, message []byte) error {
	if a.fail != nil {
		return a.fail
	}
	r, err := wal.DecodeRecord(message)
	if err != nil {
		return err
	}
	next, verdict, err := a.position.Next(seq, &r)
	if err != nil {
		return err
	}
	a.position = next
	if verdict == wal.Accepted {
		a.bodies = append(a.bodies, string(r.Body))
	}
	return nil
}

// writer seals and appends records at a sequence of its choice.
type writer struct {
	t      testing.TB
	log    wal.Log
	header wal.Header
	seq    wal.Seq
}

func newWriter(t testing.TB, log wal.Log, epoch wal.Epoch) *writer {
	return &writer{t: t, log: log, header: wal.Header{Incarnation: wal.Incarnation{1}, Epoch: epoch, Part: wal.PartFirst | wal.PartLast}}
}

func (w *writer) epoch() { w.header.Kind, w.header.Index = wal.KindEpoch, 0; w.append(nil) }

func (w *writer) data(n int) {
	for i := range n {
		w.header.Kind = wal.KindData
		w.header.Index++
		w.append(fmt.Append(nil, i))
	}
}

func (w *writer) append(body []byte) {
	w.t.Helper()
	w.header.Prev = w.header.Chain
	message := append(make([]byte, wal.HeaderSize), body...)
	wal.SealRecord(message, &w.header)
	w.seq++
	outcome := make(chan error, 1)
	w.log.Append(w.seq, message, func(err error) { outcome <- err })
	if err := <-outcome; err != nil {
		w.t.Fatal(err)
	}
}

func TestFollowTo(t *testing.T) {
	log := waltest.NewMemory()
	w := newWriter(t, log, 1)
	w.epoch()
	w.data(9)
	a := &applier{}
	for _, end := range []wal.Seq{0, 4, 4, 2, 10} {
		if err := FollowTo(t.Context(), log, a, end); err != nil {
			t.Fatal(err)
		}
		if want := max(end, a.position.Seq); a.position.Seq != want {
			t.Errorf("followed to %d, want %d", a.position.Seq, want)
		}
	}
	if a.position.Seq != 10 || len(a.bodies) != 10 {
		t.Errorf("applied %d records up to %d, want 10 up to 10", len(a.bodies), a.position.Seq)
	}
}

func TestFollowKeepsGoing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := waltest.NewMemory()
		w := newWriter(t, log, 1)
		w.epoch()
		a, ended := &applier{}, make(chan error, 1)
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() { ended <- Follow(ctx, log, a) }()
		for n := 2; n <= 5; n++ {
			w.data(1)
			synctest.Wait()
			if got := len(a.bodies); got != n {
				t.Errorf("applied %d records, want %d", got, n)
			}
		}
		why := errors.New("why")
		cancel(why)
		if err := <-ended; !errors.Is(err, why) {
			t.Errorf("follow = %v, want the context's cause", err)
		}
	})
}

// blind takes whatever it is given: only Follow itself can find a gap.
type blind struct{}

func (blind) Position() wal.Position                       { return wal.Position{} }
func (blind) Apply(context.Context, wal.Seq, []byte) error { return nil }

func TestFollowStops(t *testing.T) {
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		applier Applier
		log     func(*waltest.Memory) wal.Log
		want    error
	}{
		"the applier fails": {&applier{fail: boom}, nil, boom},
		"trimmed":           {&applier{}, func(m *waltest.Memory) wal.Log { _ = m.Trim(t.Context(), 3); return m }, wal.ErrTrimmed},
		"gap":               {blind{}, func(m *waltest.Memory) wal.Log { return gapped{m} }, wal.ErrGap},
		"another history":   {&applier{position: wal.Position{Incarnation: wal.Incarnation{1}, Seq: 2, Epoch: 1, Index: 1, Chain: 5}}, nil, wal.ErrBrokenChain},
	} {
		memory := waltest.NewMemory()
		w := newWriter(t, memory, 1)
		w.epoch()
		w.data(5)
		var log wal.Log = memory
		if c.log != nil {
			log = c.log(memory)
		}
		if err := FollowTo(t.Context(), log, c.applier, 6); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

// gapped leaves out sequence 3.
type gapped struct{ *waltest.Memory }

func (g gapped) Tail(ctx context.Context, from wal.Seq, fn func(wal.Seq, []byte) error) error {
	return g.Memory.Tail(ctx, from, func(seq wal.Seq, message []byte) error {
		if seq == 3 {
			return nil
		}
		return fn(seq, message)
	})
}

func TestCompare(t *testing.T) {
	log := waltest.NewMemory()
	old := newWriter(t, log, 1)
	old.epoch()
	old.data(2) // 2, 3
	heir := *old
	heir.header.Epoch = 2
	heir.epoch() // 4
	stale := *old
	stale.seq = 4
	stale.data(2) // 5, 6: of the deposed writer
	heir.seq = 6
	heir.data(1) // 7
	a := &applier{}
	at := map[wal.Seq]wal.Position{0: a.position}
	for seq := wal.Seq(1); seq <= 7; seq++ {
		if err := FollowTo(t.Context(), log, a, seq); err != nil {
			t.Fatal(err)
		}
		at[seq] = a.position
	}
	changed := func(p wal.Position, change func(*wal.Position)) wal.Position { change(&p); return p }
	check := func(name string, p wal.Position, want Standing) {
		t.Helper()
		if got, err := Compare(t.Context(), log, p); err != nil || got != want {
			t.Errorf("%s: %v, %v; want %v", name, got, err, want)
		}
	}
	for seq, p := range at {
		check(fmt.Sprint("at ", seq), p, Within)
	}
	check("beyond the end", changed(at[7], func(p *wal.Position) { p.Seq = 8 }), Ahead)
	check("another chain", changed(at[3], func(p *wal.Position) { p.Chain++ }), Different)
	check("another chain before stale records", changed(at[6], func(p *wal.Position) { p.Chain++ }), Different)
	check("another life", changed(at[3], func(p *wal.Position) { p.Incarnation = wal.Incarnation{9} }), Different)
	if err := log.Trim(t.Context(), 6); err != nil {
		t.Fatal(err)
	}
	check("trimmed but what follows is there", at[5], Within)
	check("what follows is trimmed", at[4], TooLate)
}
