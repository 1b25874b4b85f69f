package keyspace

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"shiplog/partitions/slot"
	"shiplog/wal"
)

func TestKeyBitsAreSeldomWrong(t *testing.T) {
	for _, bytes := range []int{blockBytes, 1 << 10, 1 << 20} {
		b := newKeyBits(bytes)
		keys := room(bytes)
		for i := range keys {
			b.add(xxhash.Sum64String(fmt.Sprint("key:", i)))
		}
		for i := range keys {
			if !b.has(xxhash.Sum64String(fmt.Sprint("key:", i))) {
				t.Fatalf("%d bytes: key %d was added and is not there", bytes, i)
			}
		}
		wrong, asked := 0, 100_000
		for i := range asked {
			if b.has(xxhash.Sum64String(fmt.Sprint("other:", i))) {
				wrong++
			}
		}
		if n := b.keys.Load(); b.full() || n < keys*95/100 {
			t.Errorf("%d bytes with %d keys: full %v, %d counted", bytes, keys, b.full(), n)
		}
		if bytes > blockBytes && wrong > asked/100 {
			t.Errorf("%d bytes: %d of %d answers are wrong", bytes, wrong, asked)
		}
		t.Logf("%d bytes: %.2f%% of the answers are wrong", bytes, 100*float64(wrong)/float64(asked))
	}
}

// filled waits until no fill is running and something is certain.
func (r *rig) filled() {
	r.t.Helper()
	r.store.filter.fills.Wait()
	if r.store.filter.current.Load() == nil {
		r.t.Fatal("the filter is not filled")
	}
}

// put writes some keys and applies them.
func (r *rig) put(from, to int) {
	for i := from; i < to; i++ {
		r.unit(func(tx *Tx) bool { tx.Set(fmt.Appendf(nil, "key:%d", i), nil, 0, false); return true })
	}
	r.seal()
	r.apply()
}

// known checks that no key from from on and before to is said to be lacking, and counts those before most that are not.
func (r *rig) known(from, to, most int) (maybe int) {
	r.t.Helper()
	for i := range most {
		lacks := r.store.filter.lacks(fmt.Appendf(nil, "key:%d", i))
		if lacks && from <= i && i < to {
			r.t.Fatalf("key %d is there, and the filter lacks it", i)
		}
		if !lacks {
			maybe++
		}
	}
	return maybe
}

func TestFilterGrowsAndShrinks(t *testing.T) {
	r := newRig(t, vfs.NewMem())
	defer func() { _ = r.store.Close() }()
	r.store.filter = newFilter(r.store.db, 1<<10, 40<<10)
	r.store.filter.refill(0)
	r.filled()
	size := func() int { return r.store.filter.current.Load().bytes() }
	if n := size(); n != 1<<10 {
		t.Errorf("of an empty Store it has %d bytes", n)
	}
	for i := range 20 { // 2,000 keys
		r.put(i*100, i*100+100)
		r.filled()
	}
	if n := size(); n != 4<<10 && n != 8<<10 {
		t.Errorf("of 2,000 keys it has %d bytes", n)
	}
	if maybe := r.known(0, 2000, 20_000); maybe > 2400 {
		t.Errorf("it may have %d keys, 2,000 are there", maybe)
	}
	r.put(2000, 40_000)
	r.filled()
	if n := size(); n != 32<<10 {
		t.Errorf("of 40,000 keys it has %d bytes, the limit is 40 KiB", n)
	}
	r.known(0, 40_000, 40_000)
	for i := range 39_000 {
		r.unit(func(tx *Tx) bool { return tx.Delete(fmt.Appendf(nil, "key:%d", i)) })
	}
	r.seal()
	r.apply()
	r.filled()
	if maybe := r.known(39_000, 40_000, 40_000); maybe > 1500 || size() > 4<<10 {
		t.Errorf("it may have %d keys in %d bytes, 1,000 are there", maybe, size())
	}
	r.unit(func(tx *Tx) bool { tx.Flush(); return true })
	r.put(50_000, 50_010)
	if maybe := r.known(50_000, 50_010, 50_010); maybe > 20 || size() != 1<<10 {
		t.Errorf("after a flush it may have %d keys in %d bytes, 10 are there", maybe, size())
	}
}

// After a start all keys are read, in several stretches, before anything is certain.
func TestFilterIsFilledAfterOpen(t *testing.T) {
	fs := vfs.NewMem()
	r := newRig(t, fs)
	const keys = 2*fillRows + 100
	r.put(0, keys)
	if err := r.store.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open("state", Options{FS: fs, Logger: quiet{}})
	if err != nil {
		t.Fatal(err)
	}
	r.store = s
	defer func() { _ = s.Close() }()
	if f := newFilter(s.db, filterLeast, filterMost); f.lacks([]byte("nobody")) {
		t.Error("it is certain of something before it was filled")
	}
	r.filled()
	if maybe := r.known(0, keys, 2*keys); maybe > keys*11/10 {
		t.Errorf("it may have %d keys, %d are there", maybe, keys)
	}
	if n := s.filter.current.Load().bytes(); n != filterLeast {
		t.Errorf("of %d keys it has %d bytes", keys, n)
	}
}

func TestFilterSparesReads(t *testing.T) {
	r := newRig(t, vfs.NewMem())
	defer func() { _ = r.store.Close() }()
	r.filled()
	v := r.store.View(r.now)
	v.Probe()
	if _, ok := v.Get([]byte("nobody")); ok || len(v.Cold()) > 0 || r.store.HotKeys() > 0 {
		t.Errorf("a key that is surely not there: %v, asked of Pebble: %v, in memory: %d", ok, v.Cold(), r.store.HotKeys())
	}
}

// Keys that come and go under the same names must not be taken for there for ever.
func TestFilterForgetsWhatIsGone(t *testing.T) {
	r := newRig(t, vfs.NewMem())
	defer func() { _ = r.store.Close() }()
	r.store.filter = newFilter(r.store.db, 1<<10, 4<<10)
	r.store.filter.refill(0)
	r.filled()
	for range 2 {
		r.put(0, 500)
		for i := range 500 {
			r.unit(func(tx *Tx) bool { return tx.Delete(fmt.Appendf(nil, "key:%d", i)) })
		}
		r.seal()
		r.apply()
	}
	r.filled()
	if maybe := r.known(0, 0, 500); maybe > 10 {
		t.Errorf("it may have %d keys, none is there", maybe)
	}
}

// fillAgain begins a fill whenever none is running, until 1,000 are done or ctx ends.
func (f *filter) fillAgain(ctx context.Context) {
	for fills := 0; fills < 1000 && ctx.Err() == nil; runtime.Gosched() {
		f.mu.Lock()
		if f.next == nil {
			f.refill(64)
			fills++
		}
		f.mu.Unlock()
	}
}

// Keys are looked up as soon as they are written, while the filter is filled again and again.
func TestFilterIsFilledAmongWrites(t *testing.T) {
	r := newRig(t, vfs.NewMem())
	defer func() { _ = r.store.Close() }()
	f := r.store.filter
	ctx, cancel := context.WithCancel(t.Context())
	enough := make(chan struct{})
	go func() { f.fillAgain(ctx); close(enough) }()
	defer func() { cancel(); <-enough }()
	var body []byte
	for i := 0; ; i++ {
		select {
		case <-enough:
			return
		default:
		}
		key := fmt.Appendf(nil, "key:%d", i%64)
		e := wal.Effect{Op: wal.OpSet, Cause: wal.CauseClient, Marks: wal.MarkFirst | wal.MarkLast, Key: key, Slot: slot.Of(key)}
		if i%128 < 64 {
			e.Marks |= wal.MarkCreated
		} else {
			e.Op = wal.OpDel
		}
		body = wal.AppendEffect(body[:0], &e)
		if err := r.store.Apply([][]byte{body}, wal.Position{Seq: wal.Seq(i + 1)}, 0); err != nil {
			t.Fatal(err)
		}
		if there := min(i%128, 127-i%128); i%128 < 64 {
			r.known(0, there+1, there+1)
		} else {
			r.known(64-there, 64, 64)
		}
	}
}

// A flush takes the place of a fill that is still under way.
func TestFlushOvertakesAFill(t *testing.T) {
	r := newRig(t, vfs.NewMem())
	defer func() { _ = r.store.Close() }()
	r.filled()
	f := r.store.filter
	old := newKeyBits(blockBytes)
	f.mu.Lock()
	f.next = old
	f.mu.Unlock()
	r.unit(func(tx *Tx) bool { tx.Flush(); return true })
	r.put(0, 10)
	f.give(old, nil)
	r.known(0, 10, 10)
}

// A fill that begins between the two would miss the keys: they are neither in Pebble nor given to it.
func TestNoFillBeginsBetweenFilterAndPebble(t *testing.T) {
	r := newRig(t, vfs.NewMem())
	defer func() { _ = r.store.Close() }()
	for _, flush := range []bool{false, true} {
		writes := 0
		_ = r.store.filter.commit(&applying{flush: flush}, func() error {
			writes++
			if r.store.filter.mu.TryLock() {
				t.Errorf("flush %v: a fill may begin", flush)
				r.store.filter.mu.Unlock()
			}
			return nil
		})
		if writes != 1 {
			t.Errorf("flush %v: %d writes", flush, writes)
		}
	}
}

// A filter that could not be filled says nothing for certain, and Close does not wait for it.
func TestFilterThatCannotBeFilled(t *testing.T) {
	r := newRig(t, vfs.NewMem())
	defer func() { _ = r.store.Close() }()
	f := newFilter(r.store.db, filterLeast, filterMost)
	f.next = newKeyBits(filterLeast)
	f.give(f.next, errRow)
	if f.lacks([]byte("key:1")) {
		t.Error("it is certain of something")
	}
	f.current.Store(newKeyBits(filterLeast))
	if f.gone = 1 << 20; f.stale(0) {
		t.Error("it is filled once more, and again")
	}
	if f.failed = false; !f.stale(0) {
		t.Error("it would not be filled again in any case")
	}
}

// BenchmarkSetNewKeys writes keys that are not there, with and without a filter, into a state with many keys.
func BenchmarkSetNewKeys(b *testing.B) {
	for name, most := range map[string]int64{"filter": 0, "none": -1} {
		b.Run(name, func(b *testing.B) {
			s, err := Open(b.TempDir(), Options{MemTable: 8 << 20, HotSet: 8 << 20, Filter: most, Logger: quiet{}})
			if err != nil {
				b.Fatal(err)
			}
			r := &rig{t: b, store: s, now: 1_000_000, record: 1}
			defer func() { _ = s.Close() }()
			for i := range 50 {
				r.put(i*10_000, i*10_000+10_000)
			}
			if most >= 0 {
				r.filled()
			}
			value, key := make([]byte, 64), []byte(nil)
			i := 0
			b.ResetTimer()
			for b.Loop() {
				key = fmt.Appendf(key[:0], "new:%d", i)
				r.unit(func(tx *Tx) bool { tx.Set(key, value, 0, false); return true })
				if i++; i%100 == 0 {
					r.seal()
					r.apply()
				}
			}
		})
	}
}
