package node

import (
	"testing"
	"time"
)

// TestThrift holds that who always has more to read takes its share of busy processors and no more, all that there is of others, and as much as it
// likes once it is far behind.
func TestThrift(t *testing.T) {
	const piece, over = 30 * time.Microsecond, 10 * time.Second
	for name, tt := range map[string]struct {
		load        processors
		behind      time.Duration
		least, most float64 // of one processor's time
	}{
		"idle":       {processors{1, false}, 0, 1, 1},
		"busy":       {processors{1, true}, 0, 0.009, 0.011},
		"busy, many": {processors{8, true}, 0, 0.07, 0.09},
		"far behind": {processors{1, true}, thriftLag, 1, 1},
		"not so far": {processors{1, true}, thriftLag - 1, 0.009, 0.011},
	} {
		var th thrift
		start := time.Now()
		now, spent := start, time.Duration(0)
		for now.Sub(start) < over {
			now, spent = now.Add(piece), spent+piece
			if rest := th.spend(now, piece, tt.behind, tt.load); rest > 0 && rest < thriftRest {
				t.Fatalf("%s: rests for %v", name, rest)
			} else {
				now = now.Add(rest)
			}
		}
		if share := float64(spent) / float64(now.Sub(start)); share < tt.least || share > tt.most {
			t.Errorf("%s: took %.4f of a processor, want %v to %v", name, share, tt.least, tt.most)
		}
	}
}

// TestThriftIsNotNoticed holds that who reads what 5,000 writes a second bring never rests, and that what was spent while nobody suffered is not owed.
func TestThriftIsNotNoticed(t *testing.T) {
	var th thrift
	now := time.Now()
	busy := processors{1, true}
	for range 1000 {
		now = now.Add(pushEvery)
		if rest := th.spend(now, 5*time.Microsecond, 0, busy); rest > 0 { // 30 changes
			t.Fatalf("rests for %v", rest)
		}
	}
	if rest := th.spend(now, time.Second, 0, processors{1, false}); rest > 0 {
		t.Errorf("rests for %v while nobody suffers", rest)
	}
	if rest := th.spend(now.Add(thriftSaved), 100*time.Microsecond, 0, busy); rest > 0 {
		t.Errorf("rests for %v for what it spent before", rest)
	}
}

func TestBusy(t *testing.T) {
	for _, tt := range []struct {
		used, within time.Duration
		count        int
		want         bool
	}{
		{0, time.Second, 1, false}, {time.Second, time.Second, 1, true}, {time.Second, time.Second, 2, false},
		{1340 * time.Millisecond, time.Second, 2, true}, {1320 * time.Millisecond, time.Second, 2, false},
	} {
		if got := isBusy(tt.used, tt.within, tt.count); got != tt.want {
			t.Errorf("%v of %d processors within %v: got %v", tt.used, tt.count, tt.within, got)
		}
	}
}
