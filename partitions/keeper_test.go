package partitions

import (
	"testing"
	"time"

	"shiplog/wal"
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
