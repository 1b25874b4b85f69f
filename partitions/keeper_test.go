package partitions

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"shiplog/wal"
	"shiplog/wal/waltest"
)

func TestKeepFrom(t *testing.T) {
	for name, c := range map[string]struct {
		bounds  wal.Bounds
		durable wal.Seq
		bytes   uint64
		young   wal.Seq // the first record that is not too old
		want    wal.Seq
	}{
		"empty log":                       {bounds: wal.Bounds{First: 1, Last: 0}, want: 1},
		"nothing durable":                 {bounds: wal.Bounds{First: 1, Last: 100}, durable: 0, young: 50, want: 1},
		"by age":                          {bounds: wal.Bounds{First: 1, Last: 100}, durable: 90, young: 40, want: 40},
		"age never beyond durable":        {bounds: wal.Bounds{First: 1, Last: 100}, durable: 30, young: 101, want: 30},
		"everything is young":             {bounds: wal.Bounds{First: 10, Last: 100}, durable: 90, young: 1, want: 10},
		"by bytes, half of the excess":    {bounds: wal.Bounds{First: 1, Last: 100, Bytes: 2000}, durable: 100, bytes: 1000, young: 1, want: 26},
		"bytes never beyond durable":      {bounds: wal.Bounds{First: 1, Last: 100, Bytes: 2000}, durable: 20, bytes: 10, young: 1, want: 20},
		"the stricter of both":            {bounds: wal.Bounds{First: 1, Last: 100, Bytes: 2000}, durable: 100, bytes: 1000, young: 60, want: 60},
		"state ahead of what bounds said": {bounds: wal.Bounds{First: 1, Last: 100}, durable: 120, young: 200, want: 100},
	} {
		t.Run(name, func(t *testing.T) {
			keep := Retention{Age: time.Hour, Bytes: c.bytes}
			got, err := keepFrom(c.bounds, c.durable, keep, func(seq wal.Seq) (bool, error) { return seq < c.young, nil })
			if err != nil || got != c.want {
				t.Errorf("keepFrom = %d, %v, want %d", got, err, c.want)
			}
		})
	}
}

// Repeated calls must bring the log below its limit without giving up much more than asked.
func TestKeepFromComesToTheLimitFromAbove(t *testing.T) {
	b := wal.Bounds{First: 1, Last: 10_000, Bytes: 10_000 * 100}
	keep := Retention{Age: time.Hour, Bytes: 100 * 100}
	for range 30 {
		first, err := keepFrom(b, 10_000, keep, func(wal.Seq) (bool, error) { return false, nil })
		if err != nil {
			t.Fatal(err)
		}
		b.First, b.Bytes = first, uint64(b.Last-first+1)*100
	}
	if b.Bytes < keep.Bytes || b.Bytes > keep.Bytes*11/10 {
		t.Errorf("%d bytes are kept, %d are asked for", b.Bytes, keep.Bytes)
	}
}

func TestKeepFromStored(t *testing.T) {
	log := wal.Bounds{First: 10, Last: 1000, Bytes: 5000}
	for name, c := range map[string]struct {
		log          wal.Bounds
		keep, stored wal.Seq
		limit        uint64
		want         wal.Seq
	}{
		"nothing is stored":                     {log, 500, 0, 5000, 500},
		"from the stored one":                   {log, 500, 300, 5000, 300},
		"retention asks for more":               {log, 200, 300, 5000, 200},
		"too large a log":                       {log, 500, 300, 4999, 500},
		"nothing is wanted":                     {log, 500, 300, 0, 500},
		"trimmed beyond it before":              {log, 500, 8, 5000, 500},
		"what comes next is still there":        {log, 500, 9, 5000, 10},
		"an empty log":                          {wal.Bounds{First: 1}, 1, 300, 5000, 1},
		"the state is not so far, which is odd": {log, 10, 300, 5000, 10},
	} {
		if got := keepFromStored(c.log, c.keep, c.stored, c.limit); got != c.want {
			t.Errorf("%s: from %d, want %d", name, got, c.want)
		}
	}
}

func FuzzKeepFromStored(f *testing.F) {
	f.Add(uint64(10), uint64(1000), uint64(5000), uint64(500), uint64(300), uint64(6000))
	f.Fuzz(func(t *testing.T, first, last, bytes, keep, stored, limit uint64) {
		b := wal.Bounds{First: wal.Seq(first), Last: wal.Seq(last), Bytes: bytes}
		if keep < first {
			return // keepFrom does not say that
		}
		got := keepFromStored(b, wal.Seq(keep), wal.Seq(stored), limit)
		if got > wal.Seq(keep) || got < b.First {
			t.Errorf("from %d of %+v, which is more than %d", got, b, keep)
		}
		if bytes > limit && got != wal.Seq(keep) {
			t.Errorf("a log of %d bytes is kept for the store, beyond %d", bytes, limit)
		}
	})
}

// TestFlushFirst holds that the first flush comes when it is to come, and the next one FlushEvery later, not at once.
func TestFlushFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const first, every = time.Second, time.Minute
		l := begin(t, waltest.NewMemory(), vfs.NewMem(), func(c *Config) { c.FlushFirst, c.FlushEvery = first, every })
		start := time.Now()
		flushes := func(at time.Duration) time.Duration {
			time.Sleep(at - time.Since(start))
			synctest.Wait()
			return time.UnixMilli(l.Status().FlushedMS).Sub(start).Round(100 * time.Millisecond)
		}
		if got := flushes(every - first); got != first {
			t.Errorf("the newest flush came after %v, want %v", got, first)
		}
		if got := flushes(every + 2*first); got != first+every {
			t.Errorf("the newest flush came after %v, want %v", got, first+every)
		}
		l.stop()
	})
}
