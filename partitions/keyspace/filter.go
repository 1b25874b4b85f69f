package keyspace

import (
	"encoding/binary"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/cockroachdb/pebble/v2"
)

const (
	filterLeast = 64 << 10 // bytes of the filter of an empty Store
	filterMost  = 16 << 20 // bytes of a filter that Options say nothing of: room for 11 million keys

	fillRows  = 4096      // looked at before a fill pauses
	fillBytes = 256 << 10 // read before a fill pauses
	fillRate  = 64 << 20  // bytes a second that a fill reads at most
)

// filter knows of some keys that they are surely not in Pebble, so that a write of a new key need not look. It holds about 12 to
// 24 bits for each key, up to a limit; while it is filled anew the old bits are kept, so that it takes up to twice the
// limit for that time. It is never stored: after Open a goroutine of its own reads all keys, and until that has come to
// its end nothing is certain. When it is too full, or most keys that it knows are gone, it is filled anew in the same way.
//
// Apply adds each key before it goes to Pebble, and a key that is not yet applied is in the hot set, which is asked first.
// So a key that was undone is never in the filter, and whoever asks needs no lock.
type filter struct {
	db      *pebble.DB
	least   int                     // bytes
	most    int                     // bytes
	current atomic.Pointer[keyBits] // has every key that Pebble has; nil: not known yet
	ending  chan struct{}
	fills   sync.WaitGroup

	mu     sync.Mutex // held from before a key is added until Pebble has it
	next   *keyBits   // being filled: what is written meanwhile goes here too
	gone   int64      // keys removed since the newest fill began
	failed bool       // Pebble could not be read: the filter stays as it is
}

// newFilter returns a filter of at most the given bytes, nil when they are less than a block. It knows nothing before a fill.
func newFilter(db *pebble.DB, least, most int64) *filter {
	if most < blockBytes {
		return nil
	}
	f := &filter{db: db, most: 1 << (bits.Len64(uint64(most)) - 1), ending: make(chan struct{})}
	f.least = min(int(least), f.most)
	return f
}

// close ends the fill that may be running and waits for it.
func (f *filter) close() {
	if f != nil {
		close(f.ending)
		f.fills.Wait()
	}
}

// lacks tells whether key is surely not in Pebble.
func (f *filter) lacks(key []byte) bool {
	if f == nil {
		return false
	}
	b := f.current.Load()
	return b != nil && !b.has(xxhash.Sum64(key))
}

// size returns the bytes of a filter that is to be half full with some keys.
func (f *filter) size(keys int64) int {
	n := f.least
	for n < f.most && room(n) < 2*keys {
		n *= 2
	}
	return n
}

// commit adds the keys that a run brings into Pebble, and then writes it there.
func (f *filter) commit(a *applying, write func() error) error {
	if f == nil {
		return write()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if a.flush {
		return f.restart(a, write)
	}
	f.gone += a.fold(f.current.Load(), f.next)
	if err := write(); err != nil {
		return err
	}
	if f.stale(a.counts.keys) {
		f.refill(a.counts.keys)
	}
	return nil
}

// restart is commit for a run that removes everything before: the filter begins anew with what it brings.
func (f *filter) restart(a *applying, write func() error) error {
	fresh := newKeyBits(f.size(int64(len(a.order))))
	a.fold(fresh, nil)
	if err := write(); err != nil {
		return err
	}
	f.current.Store(fresh)
	f.next, f.gone, f.failed = nil, 0, false
	return nil
}

// fold adds the keys that a run writes to up to two filters, and returns how many it removes.
func (a *applying) fold(one, other *keyBits) (gone int64) {
	for _, c := range a.order {
		switch {
		case c.rewrite && c.exists:
			if one != nil {
				one.add(c.hash)
			}
			if other != nil {
				other.add(c.hash)
			}
		case c.wasThere && !c.exists:
			gone++
		}
	}
	return gone
}

// stale tells whether a fill would make the filter better for the keys that are there.
func (f *filter) stale(keys int64) bool {
	b := f.current.Load()
	if b == nil || f.next != nil || f.failed {
		return false
	}
	if b.full() && (f.size(keys) > b.bytes() || b.keys.Load() > 2*keys) {
		return true
	}
	return f.gone > max(4*keys, room(f.least))
}

// refill begins to fill a filter for about the given number of keys. It needs mu.
func (f *filter) refill(keys int64) {
	next := newKeyBits(f.size(keys))
	f.next, f.gone = next, 0
	f.fills.Go(func() { f.fill(next) })
}

// fill adds all keys of Pebble to next, slowly enough that others hardly notice. What is committed after next was
// published is added by its Apply, so each stretch may be read as it is by then.
func (f *filter) fill(next *keyBits) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for place := []byte{0, 0}; len(place) > 0; {
		select {
		case <-f.ending:
			return
		case <-pause.C:
		}
		read, err := 0, error(nil)
		if place, read, err = f.stretch(next, place); err != nil {
			f.give(next, err)
			return
		}
		pause.Reset(time.Duration(read) * time.Second / fillRate)
	}
	f.give(next, nil)
}

// stretch adds the keys of some rows from a place on, and returns the place to go on at, nil at the end, and how many
// bytes it has read.
func (f *filter) stretch(next *keyBits, place []byte) (to []byte, read int, err error) {
	it, err := f.db.NewIter(&pebble.IterOptions{LowerBound: place, UpperBound: []byte(slotsEnd)})
	if err != nil {
		return nil, 0, err
	}
	rows := 0
	for ok := it.First(); ok; {
		row := it.Key()
		if rows++; rows > fillRows || read > fillBytes {
			return clone(row), read, it.Close()
		}
		value := it.LazyValue()
		read += len(row) + value.Len()
		switch {
		case row[2] > areaHeader:
			ok = it.SeekGE(binary.BigEndian.AppendUint16(nil, binary.BigEndian.Uint16(row)+1))
			continue
		case row[2] == areaHeader:
			next.add(xxhash.Sum64(row[keyPrefix:]))
		}
		ok = it.Next()
	}
	if err := it.Error(); err != nil {
		_ = it.Close() // says the same
		return nil, read, err
	}
	return nil, read, it.Close()
}

// give makes next what is asked, unless it could not be filled or a flush has come in between.
func (f *filter) give(next *keyBits, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.next != next {
		return
	}
	f.next, f.failed = nil, err != nil
	if err == nil {
		f.current.Store(next)
	}
}
