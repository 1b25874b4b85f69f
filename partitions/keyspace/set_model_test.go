package keyspace

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// codedSet is what a set should be.
type codedSet struct {
	members map[string]bool
	hashed  bool
}

func (s codedSet) encoding() string {
	if s.hashed {
		return "hashtable"
	}
	return "intset"
}

// codedSets is what sets there should be, by key.
type codedSets map[string]codedSet

// codedInts is how many members an intset of the test may have.
const codedInts = 12

func (m codedSets) clone() codedSets {
	out := codedSets{}
	for key, s := range m {
		out[key] = codedSet{maps.Clone(s.members), s.hashed}
	}
	return out
}

func (m codedSets) change(r *rig, rnd *rand.Rand) codedSets {
	after := m.clone()
	keep := rnd.IntN(8) > 0
	r.unit(func(tx *Tx) bool {
		for range 1 + rnd.IntN(3) {
			after.one(r, rnd, tx)
		}
		return keep
	})
	if keep {
		return after
	}
	return m
}

// put sets what a set should be; one without members is not there.
func (m codedSets) put(name string, s codedSet) {
	if m[name] = s; len(s.members) == 0 {
		delete(m, name)
	}
}

// added is the set after one more member.
func (s codedSet) added(member string) codedSet {
	if s.members == nil {
		s.members = map[string]bool{}
	}
	s.members[member] = true
	_, err := strconv.Atoi(member)
	s.hashed = s.hashed || err != nil || len(s.members) > codedInts
	return s
}

func codedMember(rnd *rand.Rand) string {
	if rnd.IntN(30) == 0 {
		return fmt.Sprintf("name%d", rnd.IntN(4))
	}
	return strconv.Itoa(rnd.IntN(40) - 9)
}

func (m codedSets) one(r *rig, rnd *rand.Rand, tx *Tx) {
	name, to := fmt.Sprintf("set:%d", rnd.IntN(5)), fmt.Sprintf("set:%d", rnd.IntN(5))
	s, ok := tx.WriteSet([]byte(name))
	if s.LimitInts(codedInts); !ok || s.Len() != int64(len(m[name].members)) {
		r.t.Fatalf("WriteSet %s is %v, %d members, want %d", name, ok, s.Len(), len(m[name].members))
	}
	switch rnd.IntN(8) {
	case 0:
		want, n := m[name], rnd.IntN(1+rnd.IntN(30))
		for _, member := range s.Pop(int64(n)) {
			if !want.members[string(member)] {
				r.t.Fatalf("%q was popped of %v", member, want)
			}
			delete(want.members, string(member))
		}
		if left := len(want.members); left*spopRebuild <= n {
			want = codedSet{}
			for member := range m[name].members {
				want = want.added(member)
			}
		}
		m.put(name, want)
	case 1:
		if h, there := tx.settle([]byte(name)); there && m[to].members == nil {
			tx.copySet(h, []byte(to))
			m[to] = codedSet{maps.Clone(m[name].members), m[name].hashed}
		}
	case 2:
		m.store(rnd, tx, name, to)
	case 3:
		member := codedMember(rnd)
		if s.Remove([]byte(member)) != m[name].members[member] {
			r.t.Fatalf("Remove %s is %v", member, !m[name].members[member])
		}
		delete(m[name].members, member)
		m.put(name, m[name])
	default:
		for range rnd.IntN(8) {
			member := codedMember(rnd)
			if s.Add([]byte(member)) == m[name].members[member] {
				r.t.Fatalf("Add %s is %v", member, m[name].members[member])
			}
			m[name] = m[name].added(member)
		}
		m.put(name, m[name])
	}
}

// store keeps what two sets make.
func (m codedSets) store(rnd *rand.Rand, tx *Tx, name, to string) {
	a, _ := tx.ReadSet([]byte(name))
	b, _ := tx.ReadSet([]byte(to))
	var got [][]byte
	want := codedSet{}
	keep := func(member []byte) bool {
		got = append(got, clone(member))
		return true
	}
	all := maps.Clone(m[name].members)
	switch rnd.IntN(3) {
	case 0:
		Intersect([]Set{a, b}, keep)
		maps.DeleteFunc(all, func(member string, _ bool) bool { return !m[to].members[member] })
	case 1:
		Unite([]Set{a, b}, keep)
		if all == nil {
			all = map[string]bool{}
		}
		maps.Copy(all, m[to].members)
	default:
		Subtract([]Set{a, b}, keep)
		maps.DeleteFunc(all, func(member string, _ bool) bool { return m[to].members[member] })
	}
	for member := range all {
		want = want.added(member)
	}
	tx.StoreSet([]byte("set:0"), got, codedInts, false)
	m.put("set:0", want)
}

func (m codedSets) check(r *rig, rnd *rand.Rand) {
	r.t.Helper()
	v := r.store.View(r.now)
	for i := range 5 {
		name := fmt.Sprintf("set:%d", i)
		s, ok := v.ReadSet([]byte(name))
		want := m[name]
		got := texts(s.Members())
		if s.h != nil && s.intset() && !slices.IsSortedFunc(got, byNumber) {
			r.t.Fatalf("%s comes as %v, want it sorted", name, got)
		}
		if slices.Sort(got); !ok || !slices.Equal(got, slices.Sorted(maps.Keys(want.members))) {
			r.t.Fatalf("%s is %v (%v), want %v", name, got, ok, want)
		}
		if s.h == nil {
			continue
		}
		if s.encoding() != want.encoding() || s.Hashed(codedInts) && !want.hashed {
			r.t.Fatalf("%s is a %s, want %s: %v", name, s.encoding(), want.encoding(), got)
		}
		n := rnd.IntN(20)
		some := texts(s.Sample(int64(n)))
		slices.Sort(some)
		if some = slices.Compact(some); len(some) != min(n, len(got)) || !subset(some, want.members) || !want.members[string(s.Random())] {
			r.t.Fatalf("%d of %s are %v, of %v", n, name, some, got)
		}
	}
}

func byNumber(a, b string) int {
	x, _ := strconv.Atoi(a)
	y, _ := strconv.Atoi(b)
	return x - y
}

func subset(some []string, all map[string]bool) bool {
	return !slices.ContainsFunc(some, func(member string) bool { return !all[member] })
}

func texts(members [][]byte) []string {
	out := make([]string, len(members))
	for i, member := range members {
		out[i] = string(member)
	}
	return out
}

// TestCodedSets compares sets, what they are made of and how Redis would keep them, with plain maps.
func TestCodedSets(t *testing.T) {
	for seed := range seeds(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r, log, _ := runModel(t, seed, codedSets{})
			sameRows(t, r, log)
		})
	}
}

// TestSampleIsFair checks that each member is as likely in a sample as any other, however the sample is drawn.
func TestSampleIsFair(t *testing.T) {
	const members, rounds = 40, 4000
	r := newRig(t, vfs.NewMem())
	defer r.store.Close()
	r.store.hot.limit = 1 << 20
	r.unit(func(tx *Tx) bool {
		s, _ := tx.WriteSet([]byte("set"))
		for i := range members {
			s.Add(fmt.Appendf(nil, "member%d", i))
		}
		return true
	})
	for _, n := range []int{1, 5, 30} {
		counts := map[string]int{}
		for range rounds {
			s, _ := r.store.View(r.now).ReadSet([]byte("set"))
			for _, member := range s.Sample(int64(n)) {
				counts[string(member)]++
			}
		}
		want := rounds * n / members
		for i := range members {
			if got := counts[fmt.Sprintf("member%d", i)]; got < want*2/3-15 || got > want*4/3+15 {
				t.Errorf("member %d was in %d of %d samples of %d, want about %d", i, got, rounds, n, want)
			}
		}
	}
}

// TestDrawBeyondMemory draws more members than it would be worth looking for one by one, of a set in memory and of one that is not: each
// member about equally often, and all of them at last.
func TestDrawBeyondMemory(t *testing.T) {
	const members, draws = 40, 40_000
	for _, limit := range []int64{1 << 20, 0} {
		r := newRig(t, vfs.NewMem())
		r.store.hot.limit = limit
		r.unit(func(tx *Tx) bool {
			s, _ := tx.WriteSet([]byte("set"))
			for i := range members {
				s.Add(fmt.Appendf(nil, "member%d", i))
			}
			return true
		})
		r.seal()
		r.apply()
		s, _ := r.store.View(r.now).ReadSet([]byte("set"))
		counts := map[string]int{}
		drawn := s.Draw(draws)
		for _, member := range drawn {
			counts[string(member)]++
		}
		if len(drawn) != draws || len(counts) != members {
			t.Errorf("limit %d: %d draws of %d members", limit, len(drawn), len(counts))
		}
		for member, got := range counts {
			if want := draws / members; got < want*2/3 || got > want*4/3 {
				t.Errorf("limit %d: %s came %d times, want about %d", limit, member, got, want)
			}
		}
		if slices.IsSortedFunc(drawn, bytes.Compare) {
			t.Errorf("limit %d: the members came in order", limit)
		}
		r.store.Close()
	}
}

// TestIsInt checks what counts as an integer.
func TestIsInt(t *testing.T) {
	yes := "0 -1 7 9223372036854775807 -9223372036854775808"
	no := "|-0|00|01|+1|1.0| 1|1 |-|9223372036854775808|-9223372036854775809|1_000|0x1|123456789012345678901"
	for _, text := range strings.Fields(yes) {
		if !isInt([]byte(text)) {
			t.Errorf("%q is no integer", text)
		}
	}
	for _, text := range strings.Split(no, "|") {
		if isInt([]byte(text)) {
			t.Errorf("%q is an integer", text)
		}
	}
}
