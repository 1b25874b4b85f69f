package keyspace

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// sets is what sets there should be, by key. A key with a nil map holds a string.
type sets map[string]map[string]bool

func (m sets) clone() sets {
	out := sets{}
	for key, members := range m {
		out[key] = maps.Clone(members)
	}
	return out
}

// change performs one random write on both and returns the model after it.
func (m sets) change(r *rig, rnd *rand.Rand) sets {
	after := m.clone()
	keep := rnd.IntN(8) > 0
	r.unit(func(tx *Tx) bool {
		for range 1 + rnd.IntN(4) {
			after.one(r, rnd, tx)
		}
		return keep
	})
	if keep {
		return after
	}
	return m
}

func (m sets) one(r *rig, rnd *rand.Rand, tx *Tx) {
	name := fmt.Sprintf("set:%d", rnd.IntN(6))
	key, member := []byte(name), fmt.Appendf(nil, "member:%d", rnd.IntN(60))
	members, there := m[name]
	switch rnd.IntN(16) {
	case 0:
		if got := tx.Delete(key); got != there {
			r.t.Fatalf("Delete %s is %v, want %v", key, got, there)
		}
		delete(m, name)
	case 1:
		to := fmt.Sprintf("set:%d", rnd.IntN(6))
		if tx.Rename(key, []byte(to)) && name != to {
			m[to] = members
			delete(m, name)
		}
	case 2:
		if got := tx.Expire(key, r.now+1000); got != there {
			r.t.Fatalf("Expire %s is %v, want %v", key, got, there)
		}
	case 3:
		tx.Persist(key)
	case 4:
		if rnd.IntN(8) == 0 {
			tx.Flush()
			clear(m)
		}
	case 5:
		tx.Set(key, []byte("string"), 0, false)
		m[name] = nil
	case 6, 7, 8:
		s, ok := tx.WriteSet(key)
		if ok != (!there || members != nil) {
			r.t.Fatalf("WriteSet %s is %v", key, ok)
		}
		if ok && s.Remove(member) != members[string(member)] {
			r.t.Fatalf("Remove of %s from %s is %v", member, key, !members[string(member)])
		}
		if delete(members, string(member)); ok && len(members) == 0 {
			delete(m, name)
		}
	default:
		s, ok := tx.WriteSet(key)
		if !ok {
			return
		}
		if s.Add(member) == members[string(member)] {
			r.t.Fatalf("Add of %s to %s is %v", member, key, members[string(member)])
		}
		if members == nil {
			members = map[string]bool{}
			m[name] = members
		}
		members[string(member)] = true
	}
}

// check compares what the store shows with the model.
func (m sets) check(r *rig, rnd *rand.Rand) {
	r.t.Helper()
	v := r.store.View(r.now)
	if got := v.Len(); got != int64(len(m)) {
		r.t.Fatalf("Len is %d, want %d", got, len(m))
	}
	for i := range 6 {
		key := fmt.Sprintf("set:%d", i)
		s, ok := v.ReadSet([]byte(key))
		members, there := m[key]
		if ok != (!there || members != nil) {
			r.t.Fatalf("ReadSet %s is %v", key, ok)
		}
		if !ok {
			continue
		}
		var got []string
		switch rnd.IntN(3) {
		case 0:
			got = scanned(v, &s)
		case 1:
			got = r.walked(v, &s, rnd.IntN(2) == 0)
		default:
			s.Each(func(member []byte) bool { got = append(got, string(member)); return true })
		}
		slices.Sort(got)
		if want := slices.Sorted(maps.Keys(members)); !slices.Equal(got, want) || s.Len() != int64(len(want)) {
			r.t.Fatalf("%s is %v (%d), want %v", key, got, s.Len(), want)
		}
		member := fmt.Sprintf("member:%d", rnd.IntN(60))
		if s.Has([]byte(member)) != members[member] {
			r.t.Fatalf("%s has %s: %v", key, member, !members[member])
		}
		if s.h != nil {
			if sub, _ := v.randomMember(s.h); !members[string(sub[memberPrefix:])] {
				r.t.Fatalf("%q is no random member of %s", sub, key)
			}
		}
	}
}

// walked returns the members as a Walk shows them, in order.
func (r *rig) walked(v *View, s *Set, backward bool) (members []string) {
	if s.h == nil {
		return nil
	}
	w := v.walk(s.h, []byte{areaMember}, areaEnd(areaMember), 0, backward)
	var subs []string
	for sub, _, ok := w.Next(); ok; sub, _, ok = w.Next() {
		subs = append(subs, string(sub))
		members = append(members, string(sub[memberPrefix:]))
	}
	if backward {
		slices.Reverse(subs)
	}
	if err := w.Close(); err != nil || !slices.IsSorted(subs) {
		r.t.Fatalf("a walk shows %q, %v", subs, err)
	}
	return members
}

func scanned(v *View, s *Set) (members []string) {
	for cursor := uint64(0); s.h != nil; {
		cursor = v.scanMembers(s.h, cursor, 5, func(name, _ []byte) { members = append(members, string(name)) })
		if cursor == 0 {
			break
		}
	}
	return members
}

// TestCollections writes to sets at random, undoes units, seals, applies, refuses and reopens at random, with much and with little
// memory, and compares with plain maps all the time. In the end the log alone must make the same rows.
func TestCollections(t *testing.T) {
	for seed := range seeds(24) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(seed, 9))
			fs := vfs.NewMem()
			open := func() *rig {
				r := newRig(t, fs)
				r.store.hot.limit = []int64{4 << 10, 64 << 10, 4 << 20}[seed%3]
				return r
			}
			r := open()
			m, acked := sets{}, sets{}
			var log [][]byte
			seal := func() {
				if len(r.body) > 0 {
					log = append(log, clone(r.body))
				}
				r.seal()
				acked = m.clone()
			}
			for range 600 {
				switch rnd.IntN(12) {
				case 0:
					seal()
				case 1:
					r.apply()
				case 2: // the log refuses what is open
					r.apply()
					r.body = nil
					r.store.Reset()
					m, r.record = acked.clone(), r.record+1
				case 3:
					if rnd.IntN(10) == 0 {
						r.apply()
						if err := r.store.Close(); err != nil {
							t.Fatal(err)
						}
						r, m = open(), acked.clone()
					}
				default:
					m = m.change(r, rnd)
				}
				m.check(r, rnd)
			}
			seal()
			r.apply()
			sameRows(t, r, log)
		})
	}
}

// sameRows closes the store and checks that the log makes the same rows of nothing, in batches of other sizes.
func sameRows(t *testing.T, r *rig, log [][]byte) {
	t.Helper()
	again := newRig(t, vfs.NewMem())
	for rest := log; len(rest) > 0; {
		n := min(len(rest), 1+len(rest)%7)
		again.queue, rest = rest[:n:n], rest[n:]
		again.record += uint64(n)
		again.apply()
	}
	at, want, err := r.store.Digest()
	if err != nil {
		t.Fatal(err)
	}
	at2, got, err := again.store.Digest()
	if err != nil || got != want || at != at2 {
		t.Errorf("the log makes another state: %x at %v, want %x at %v: %v", got, at2, want, at, err)
	}
	for _, s := range []*Store{r.store, again.store} {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
