package keyspace

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"shiplog/partitions/slot"
)

// newParts returns a rig for each of n partitions.
func newParts(t *testing.T, n int) []*rig {
	rigs := make([]*rig, n)
	for i, slots := range slot.Split(n) {
		r := newRig(t, vfs.NewMem())
		r.store.slots = slots
		t.Cleanup(func() { _ = r.store.Close() })
		rigs[i] = r
	}
	return rigs
}

// fill puts keys into the partitions they belong to: some are in Pebble, some not yet.
func fill(rigs []*rig, keys int) (names []string) {
	for i := range keys {
		key := fmt.Sprintf("key:%d", i)
		r := rigs[int(slot.Of([]byte(key)))*len(rigs)/slot.Count]
		at := int64(0)
		if i%5 == 0 {
			at = r.now + 10 // over when the snapshot is taken
		} else {
			names = append(names, key)
		}
		r.unit(func(tx *Tx) bool { tx.Set([]byte(key), []byte(key), at, false); return true })
		if r.seal(); i%3 > 0 {
			r.apply()
		}
	}
	slices.Sort(names)
	return names
}

// join takes a snapshot of the given partitions, in the order given.
func join(rigs []*rig) *Snapshot {
	var parts []*Snapshot
	for _, r := range rigs {
		parts = append(parts, r.store.View(r.now+11).Snapshot())
	}
	return Join(parts)
}

func TestJoin(t *testing.T) {
	for _, n := range []int{1, 2, 5} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			rigs := newParts(t, n)
			want := fill(rigs, 500)
			slices.Reverse(rigs)
			all := join(rigs)
			defer all.Close()
			var each, scanned []string
			order := uint64(0)
			all.Each(func(key []byte, v Value) bool {
				at := cursorFor(slot.Of(key), key)
				if at < order || string(v.Data) != string(key) {
					t.Errorf("%s = %q comes at %x, behind %x", key, v.Data, at, order)
				}
				order, each = at, append(each, string(key))
				return true
			})
			for cursor, first := uint64(0), true; first || cursor != 0; first = false {
				cursor = all.Scan(cursor, 7, func(key []byte, _ Value) { scanned = append(scanned, string(key)) })
			}
			slices.Sort(each)
			slices.Sort(scanned)
			if !slices.Equal(each, want) || !slices.Equal(scanned, want) {
				t.Errorf("Each shows %d keys, Scan %d, want %d", len(each), len(scanned), len(want))
			}
			if err := all.Err(); err != nil || all.Now() != rigs[0].now+11 {
				t.Errorf("Err %v, Now %d", err, all.Now())
			}
		})
	}
}

func TestJoinStopsWhenAsked(t *testing.T) {
	rigs := newParts(t, 3)
	fill(rigs, 60)
	all := join(rigs)
	defer all.Close()
	calls := 0
	all.Each(func([]byte, Value) bool { calls++; return calls < 3 })
	if calls != 3 {
		t.Errorf("%d calls after false was returned at the third", calls)
	}
}

func TestEachIn(t *testing.T) {
	for _, n := range []int{1, 4} {
		rigs := newParts(t, n)
		want := fill(rigs, 500)
		all := join(rigs)
		defer all.Close()
		for _, r := range []slot.Range{{First: 0, Last: slot.Count - 1}, {First: 4000, Last: 9000}, {First: 16383, Last: 16383},
			{First: slot.Of([]byte("key:1")), Last: slot.Of([]byte("key:1"))}} {
			var got []string
			all.EachIn(r.First, r.Last, func(key []byte, _ Value) bool { got = append(got, string(key)); return true })
			slices.Sort(got)
			in := slices.DeleteFunc(slices.Clone(want), func(key string) bool { return !r.Contains(slot.Of([]byte(key))) })
			if !slices.Equal(got, in) {
				t.Errorf("of %d partitions, %v shows %d keys, want %d", n, r, len(got), len(in))
			}
		}
	}
}

// A partition in a corner of the slots must not answer with its first key always.
func TestRandomKeyOfFewSlots(t *testing.T) {
	rigs := newParts(t, 64)
	want := fill(rigs, 2000)
	few := join(rigs[:2])
	defer few.Close()
	want = slices.DeleteFunc(want, func(key string) bool { return slot.Of([]byte(key)) >= 512 })
	seen := map[string]bool{}
	for range 500 {
		key, ok := few.RandomKey()
		if _, there := slices.BinarySearch(want, string(key)); !ok || !there {
			t.Fatalf("RandomKey is %q, %v", key, ok)
		}
		seen[string(key)] = true
	}
	if len(seen) < len(want)/2 {
		t.Errorf("%d of %d keys were chosen in 500 tries", len(seen), len(want))
	}
}

func TestRandomKeyFindsTheOnlyOne(t *testing.T) {
	rigs := newParts(t, 5)
	rigs[0].unit(func(tx *Tx) bool { tx.Set([]byte("foo{06S}"), nil, 0, false); return true })
	all := join(rigs)
	defer all.Close()
	for range 50 {
		if key, ok := all.RandomKey(); !ok || string(key) != "foo{06S}" {
			t.Fatalf("RandomKey is %q, %v", key, ok)
		}
	}
	empty := join(rigs[2:])
	defer empty.Close()
	if key, ok := empty.RandomKey(); ok {
		t.Errorf("RandomKey of nothing is %q", key)
	}
	if key, ok := Join(nil).RandomKey(); ok {
		t.Errorf("RandomKey of no partition is %q", key)
	}
}

func TestJoinKeepsTheFirstError(t *testing.T) {
	rigs := newParts(t, 2)
	parts := []*Snapshot{rigs[0].store.View(0).Snapshot(), rigs[1].store.View(0).Snapshot()}
	parts[1].fail(errors.New("broken"))
	all := Join(parts)
	defer all.Close()
	if all.Err() == nil {
		t.Error("the error of a part is lost")
	}
}
