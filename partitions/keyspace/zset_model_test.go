package keyspace

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"shiplog/wal"
)

// zsets is what sorted sets there should be, by key: the members' scores.
type zsets map[string]map[string]float64

func (m zsets) clone() zsets {
	out := zsets{}
	for key, scores := range m {
		out[key] = maps.Clone(scores)
	}
	return out
}

const zsetKeys = 5

func zsetKey(rnd *rand.Rand) string { return fmt.Sprintf("zset:%d", rnd.IntN(zsetKeys)) }

// someScore is one of few, so that many members have the same.
func someScore(rnd *rand.Rand) float64 {
	scores := []float64{math.Inf(-1), -1e300, -2.5, -1, 0, 5e-324, 1, 1.5, 2, 1e300, math.Inf(1)}
	return scores[rnd.IntN(len(scores))]
}

func someMember(rnd *rand.Rand) string { return fmt.Sprintf("m%d", rnd.IntN(60)) }

// put sets what a sorted set should be; one without members is not there.
func (m zsets) put(name string, scores map[string]float64) {
	if m[name] = scores; len(scores) == 0 {
		delete(m, name)
	}
}

// change performs one random unit on both and returns the model after it.
func (m zsets) change(r *rig, rnd *rand.Rand) zsets {
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

func (m zsets) one(r *rig, rnd *rand.Rand, tx *Tx) {
	name, to := zsetKey(rnd), zsetKey(rnd)
	switch rnd.IntN(24) {
	case 0:
		tx.Delete([]byte(name))
		delete(m, name)
	case 1:
		if tx.Rename([]byte(name), []byte(to)) && name != to {
			m[to] = m[name]
			delete(m, name)
		}
	case 2:
		if h, there := tx.settle([]byte(name)); there && name != to {
			tx.Delete([]byte(to))
			tx.copyZSet(h, []byte(to))
			m[to] = maps.Clone(m[name])
		}
	case 3:
		z, _ := tx.ReadZSet([]byte(name))
		first, last, reverse := rnd.Int64N(30)-10, rnd.Int64N(30)-10, rnd.IntN(2) == 0
		members := z.Members(z.Ranks(first, last, reverse), reverse, 0, -1)
		tx.ReplaceZSet([]byte(to), members, PackLimits{128, 64})
		m.put(to, scoresOf(members))
	default:
		z, ok := tx.WriteZSet([]byte(name))
		if !ok {
			r.t.Fatalf("%s is no sorted set", name)
		}
		m.put(name, edited(r, rnd, &z, m[name]))
	}
}

// edited performs one random write on both and returns the model after it.
func edited(r *rig, rnd *rand.Rand, z *ZSet, scores map[string]float64) map[string]float64 {
	if scores == nil {
		scores = map[string]float64{}
	}
	name := someMember(rnd)
	_, there := scores[name]
	switch rnd.IntN(10) {
	case 0, 1:
		if z.Remove([]byte(name)) != there {
			r.t.Fatalf("Remove %s is %v", name, !there)
		}
		delete(scores, name)
	case 2:
		n, most := rnd.Int64N(4), rnd.IntN(2) == 0
		for _, got := range z.Pop(n, most) {
			want := ordered(scores)
			if most {
				slices.Reverse(want)
			}
			if string(got.Name) != string(want[0].Name) {
				r.t.Fatalf("Pop gives %s, want %s", got.Name, want[0].Name)
			}
			delete(scores, string(got.Name))
		}
	case 3:
		s := someRange(rnd)
		n := z.RemoveSpan(Scores(s))
		gone := int64(len(scores))
		maps.DeleteFunc(scores, func(_ string, score float64) bool { return inRange(s, score) })
		if gone -= int64(len(scores)); n != gone {
			r.t.Fatalf("RemoveSpan %v takes %d, want %d", s, n, gone)
		}
	default:
		for range 1 + rnd.IntN(1+rnd.IntN(40)) {
			added(r, rnd, z, scores)
		}
	}
	return scores
}

// added gives one member a score, under a condition.
func added(r *rig, rnd *rand.Rand, z *ZSet, scores map[string]float64) {
	name, score := someMember(rnd), someScore(rnd)
	when := ZWhen{Absent: rnd.IntN(8) == 0, Greater: rnd.IntN(8) == 0, Add: rnd.IntN(4) == 0}
	had, there := scores[name]
	want, sum := ZNew, score
	if there && when.Add {
		sum += had
	}
	switch {
	case there && when.Absent:
		want = ZRefused
	case math.IsNaN(sum):
		want = ZNoNumber
	case there && when.Greater && sum <= had:
		want = ZRefused
	case there && sum == had:
		want = ZSame
	case there:
		want = ZChanged
	}
	got, outcome := z.Add([]byte(name), score, when, PackLimits{20, 64})
	if outcome != want || outcome >= ZSame && outcome <= ZChanged && got != sum {
		r.t.Fatalf("Add of %v to %v under %+v is %v (%v), want %v (%v)", score, had, when, got, outcome, sum, want)
	}
	if outcome == ZNew || outcome == ZChanged {
		scores[name] = sum
	}
}

func someRange(rnd *rand.Rand) ScoreRange {
	return ScoreRange{someScore(rnd), someScore(rnd), rnd.IntN(2) == 0, rnd.IntN(2) == 0}
}

func inRange(r ScoreRange, score float64) bool {
	return (score > r.Min || score == r.Min && !r.OpenMin) && (score < r.Max || score == r.Max && !r.OpenMax)
}

// ordered is the members in the order that they should have.
func ordered(scores map[string]float64) (members []ZMember) {
	for name, score := range scores {
		members = append(members, ZMember{[]byte(name), score})
	}
	slices.SortFunc(members, func(a, b ZMember) int {
		return cmp.Or(cmp.Compare(a.Score, b.Score), bytes.Compare(a.Name, b.Name))
	})
	return members
}

func scoresOf(members []ZMember) map[string]float64 {
	out := map[string]float64{}
	for _, m := range members {
		out[string(m.Name)] = m.Score
	}
	return out
}

// check compares what the store shows with the model.
func (m zsets) check(r *rig, rnd *rand.Rand) {
	r.t.Helper()
	v := r.store.View(r.now)
	for i := range zsetKeys {
		key := fmt.Sprintf("zset:%d", i)
		z, ok := v.ReadZSet([]byte(key))
		want := ordered(m[key])
		if !ok || z.Len() != int64(len(want)) {
			r.t.Fatalf("%s has %d members (%v), want %d", key, z.Len(), ok, len(want))
		}
		reverse := rnd.IntN(2) == 0
		if reverse {
			slices.Reverse(want)
		}
		checkZRanks(r, rnd, &z, want, reverse)
		checkZScores(r, rnd, &z, want, reverse)
		name := someMember(rnd)
		rank, score, ok := z.Rank([]byte(name))
		at := slices.IndexFunc(want, func(m ZMember) bool { return string(m.Name) == name })
		if reverse && ok {
			rank = z.Len() - 1 - rank
		}
		if ok != (at >= 0) || ok && (rank != int64(at) || score != want[at].Score) {
			r.t.Fatalf("%s has %s at %d with %v (%v), want %d", key, name, rank, score, ok, at)
		}
		if sample := z.Sample(3); len(sample) != min(3, len(want)) || len(scoresOf(sample)) != len(sample) {
			r.t.Fatalf("a sample of %s is %v", key, sample)
		}
	}
}

func checkZRanks(r *rig, rnd *rand.Rand, z *ZSet, want []ZMember, reverse bool) {
	n := len(want)
	first, last := rnd.IntN(n+2), rnd.IntN(n+2)
	got := z.Members(z.Ranks(int64(first), int64(last), reverse), reverse, 0, -1)
	from, to := min(first, n), min(max(last+1, min(first, n)), n)
	if !sameMembers(got, want[from:to]) {
		r.t.Fatalf("ranks %d to %d (%v) are %v, want %v", first, last, reverse, got, want[from:to])
	}
}

func checkZScores(r *rig, rnd *rand.Rand, z *ZSet, want []ZMember, reverse bool) {
	s := someRange(rnd)
	want = slices.DeleteFunc(slices.Clone(want), func(m ZMember) bool { return !inRange(s, m.Score) })
	if got := z.Count(Scores(s)); got != int64(len(want)) {
		r.t.Fatalf("%d members in %v, want %d", got, s, len(want))
	}
	offset, limit := rnd.IntN(5), rnd.IntN(8)
	got := z.Members(Scores(s), reverse, int64(offset), int64(limit))
	from := min(offset, len(want))
	if want = want[from:min(from+limit, len(want))]; !sameMembers(got, want) {
		r.t.Fatalf("%d members of %v from %d (%v) are %v, want %v", limit, s, offset, reverse, got, want)
	}
}

func sameMembers(a, b []ZMember) bool {
	return slices.EqualFunc(a, b, func(a, b ZMember) bool { return string(a.Name) == string(b.Name) && a.Score == b.Score })
}

// follow is what a reader makes of an effect who knows nothing of how members are stored.
func (m zsets) follow(t *testing.T, e *wal.Effect) {
	name, scores := string(e.Key), m[string(e.Key)]
	if scores == nil {
		scores = map[string]float64{}
	}
	had, there := scores[string(e.Field)]
	switch e.Op {
	case wal.OpZAdd:
		if there != (len(e.Prev) > 0) || there && parseScore(e.Prev) != had {
			t.Fatalf("%s says that %s had %x, it had %v", name, e.Field, e.Prev, had)
		}
		scores[string(e.Field)] = e.Score
	case wal.OpZRem:
		if !there || had != e.Score {
			t.Fatalf("%s says that %s had %v, it had %v (%v)", name, e.Field, e.Score, had, there)
		}
		delete(scores, string(e.Field))
	case wal.OpDel:
		scores = nil
	case wal.OpRename:
		m[string(e.To)] = scores
		scores = nil
	default:
		t.Fatalf("an effect %v", e.Op)
	}
	m.put(name, scores)
}

// TestZSets compares sorted sets with plain maps. In the end the log alone must make the same rows, and the same sorted sets for a reader who
// knows nothing of rows.
func TestZSets(t *testing.T) {
	for seed := range seeds(24) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r, log, m := runModel(t, seed, zsets{})
			got := zsets{}
			var reader wal.EffectReader
			for _, body := range log {
				reader.Reset(body)
				var e wal.Effect
				for more, err := reader.Next(&e); more || err != nil; more, err = reader.Next(&e) {
					if err != nil {
						t.Fatal(err)
					}
					got.follow(t, &e)
				}
			}
			if !maps.EqualFunc(got, m, maps.Equal[map[string]float64, map[string]float64]) {
				t.Errorf("the effects make %v, want %v", got, m)
			}
			sameRows(t, r, log)
		})
	}
}

// TestZSetBeyondMemory has ranks in a sorted set that is too big to be whole in memory, while it changes.
func TestZSetBeyondMemory(t *testing.T) {
	const members = 20_000
	r := newRig(t, vfs.NewMem())
	key, rnd := []byte("big"), rand.New(rand.NewPCG(3, 4))
	scores := map[string]float64{}
	set := func(n int) {
		r.unit(func(tx *Tx) bool {
			z, _ := tx.WriteZSet(key)
			for range n {
				name, score := fmt.Sprint(rnd.IntN(2*members)), float64(rnd.IntN(1000))
				z.Add([]byte(name), score, ZWhen{}, PackLimits{128, 64})
				scores[name] = score
			}
			return true
		})
		r.seal()
		r.apply()
	}
	for range members / 100 {
		set(100)
	}
	for range 20 {
		set(200)
		v := r.store.View(r.now)
		z, _ := v.ReadZSet(key)
		if v.elements(z.h).whole {
			t.Fatal("the sorted set is whole in memory")
		}
		want := ordered(scores)
		for range 20 {
			i := rnd.IntN(len(want))
			if rank, _, ok := z.Rank(want[i].Name); !ok || rank != int64(i) {
				t.Fatalf("the rank of %s is %d (%v), want %d", want[i].Name, rank, ok, i)
			}
			got := z.Members(z.Ranks(int64(i), int64(i+3), false), false, 0, -1)
			if !sameMembers(got, want[i:min(i+4, len(want))]) {
				t.Fatalf("ranks from %d on are %v, want %v", i, got, want[i:min(i+4, len(want))])
			}
			checkZScores(r, rnd, &z, want, false)
		}
	}
	if err := r.store.Close(); err != nil {
		t.Error(err)
	}
}

// TestNames asks for ranges of names among members of one score, and of several.
func TestNames(t *testing.T) {
	r := newRig(t, vfs.NewMem())
	r.unit(func(tx *Tx) bool {
		same, _ := tx.WriteZSet([]byte("same"))
		mixed, _ := tx.WriteZSet([]byte("mixed"))
		for i, name := range []string{"a", "aa", "b", "c"} {
			same.Add([]byte(name), 7, ZWhen{}, PackLimits{128, 64})
			mixed.Add([]byte(name), float64(i), ZWhen{}, PackLimits{128, 64})
		}
		return true
	})
	at := func(name string) NameBound { return NameBound{Name: []byte(name)} }
	behind := func(name string) NameBound { return NameBound{Name: []byte(name), Open: true} }
	begin, end := NameBound{End: -1}, NameBound{End: 1}
	v := r.store.View(r.now)
	for _, tt := range []struct {
		min, max NameBound
		want     string
	}{
		{begin, end, "a aa b c "}, {at("a"), at("b"), "a aa b "}, {behind("a"), behind("b"), "aa "}, {at("b"), at("a"), ""},
		{end, begin, ""}, {begin, begin, ""}, {end, end, ""}, {at("aab"), end, "b c "}, {begin, behind("a"), ""}, {at("c"), at("c"), "c "},
	} {
		for _, key := range []string{"same", "mixed"} {
			z, _ := v.ReadZSet([]byte(key))
			span, got := z.Names(NameRange{tt.min, tt.max}), ""
			z.Each(span, false, 0, func(name []byte, _ float64) bool {
				got += string(name) + " "
				return true
			})
			if got != tt.want || z.Count(span) != int64(len(bytes.Fields([]byte(tt.want)))) {
				t.Errorf("%s from %+v to %+v has %q (%d), want %q", key, tt.min, tt.max, got, z.Count(span), tt.want)
			}
		}
	}
}

// TestScoresInOrder holds that row keys are in the order of scores, and that scores come back from them.
func TestScoresInOrder(t *testing.T) {
	scores := []float64{math.Inf(-1), -math.MaxFloat64, -1, -5e-324, 0, 5e-324, 0.1, 1, math.MaxFloat64, math.Inf(1)}
	for i, score := range scores {
		sub := appendRank(nil, score, "")
		if got := scoreOf(sub, minus(score)); got != score {
			t.Errorf("%v comes back as %v", score, got)
		}
		if i > 0 && bytes.Compare(appendRank(nil, scores[i-1], ""), sub) >= 0 {
			t.Errorf("%v is not before %v", scores[i-1], score)
		}
	}
	zero := math.Copysign(0, -1)
	if sub := appendRank(nil, zero, ""); !bytes.Equal(sub, appendRank(nil, 0, "")) || !math.Signbit(scoreOf(sub, minus(zero))) {
		t.Error("-0 does not stand where 0 does, or comes back as 0")
	}
}
