package shipper

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"shiplog/wal"
)

func TestChoose(t *testing.T) {
	const gib = 1 << 30
	at := func(seq wal.Seq) wal.Position { return wal.Position{Seq: seq} }
	log := wal.Bounds{First: 1, Last: 1000, Bytes: gib}
	for _, tt := range []struct {
		name    string
		survey  Survey
		offered uint64
		want    Way
	}{
		{"within, at the end", Survey{Within, at(1000), log}, 1, Tail},
		{"within, little to do", Survey{Within, at(990), log}, 1, Tail},
		{"within, everything to do, nobody says what he has", Survey{Within, at(0), log}, 0, Tail},
		{"within, everything to do, the state is small", Survey{Within, at(0), log}, gib / 10, Either},
		{"within, everything to do, the state is as large", Survey{Within, at(0), log}, gib, Tail},
		{"within, half to do, the state is small", Survey{Within, at(500), log}, gib / 10, Either},
		{"within, a small log", Survey{Within, at(0), wal.Bounds{First: 1, Last: 1000, Bytes: replayWorth}}, 1, Tail},
		{"within, a trimmed log", Survey{Within, at(500), wal.Bounds{First: 501, Last: 1000, Bytes: gib}}, gib / 10, Either},
		{"an empty log", Survey{Within, at(0), wal.Bounds{First: 1}}, 1, Tail},
		{"trimmed away", Survey{TooLate, at(5), log}, 0, Snapshot},
		{"trimmed away, offered", Survey{TooLate, at(5), log}, gib, Snapshot},
		{"another history", Survey{Different, at(1000), log}, 0, Snapshot},
		{"ahead", Survey{Ahead, at(1001), log}, 1, Tail},
	} {
		if got := Choose(tt.survey, tt.offered); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPace(1000)
		began := time.Now()
		for range 50 {
			if err := p.Wait(t.Context(), 100); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took < 4900*time.Millisecond || took > 5*time.Second {
			t.Errorf("5000 bytes at 1000 a second took %v", took)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("why")
		cancel(why)
		if err := p.Wait(ctx, 100); !errors.Is(err, why) {
			t.Errorf("Wait = %v, want the context's cause", err)
		}
		<-time.After(time.Hour)
		began = time.Now()
		_ = p.Wait(t.Context(), 1000)
		if took := time.Since(began); took < 900*time.Millisecond {
			t.Errorf("after a rest 1000 bytes took %v: what was not sent then must not be sent at once now", took)
		}
		if wait := NewPace(0).take(1 << 30); wait != 0 {
			t.Errorf("without a rate: %v", wait)
		}
	})
}
