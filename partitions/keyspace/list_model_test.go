package keyspace

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"shiplog/wal"
)

// lists is what lists there should be, by key.
type lists map[string][]string

func (m lists) clone() lists {
	out := lists{}
	for key, values := range m {
		out[key] = slices.Clone(values)
	}
	return out
}

func listKey(rnd *rand.Rand) string { return fmt.Sprintf("list:%d", rnd.IntN(5)) }

// put sets what a list should be; a list without elements is not there.
func (m lists) put(name string, values []string) {
	if m[name] = values; len(values) == 0 {
		delete(m, name)
	}
}

// change performs one random unit on both and returns the model after it.
func (m lists) change(r *rig, rnd *rand.Rand) lists {
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

func (m lists) one(r *rig, rnd *rand.Rand, tx *Tx) {
	name, to := listKey(rnd), listKey(rnd)
	switch rnd.IntN(40) {
	case 0:
		tx.Delete([]byte(name))
		delete(m, name)
	case 1:
		if tx.Rename([]byte(name), []byte(to)) && name != to {
			m[to] = m[name]
			delete(m, name)
		}
	case 2:
		tx.Expire([]byte(name), r.now+1000)
	case 3:
		if rnd.IntN(8) == 0 {
			tx.Flush()
			clear(m)
		}
	case 4:
		if h, there := tx.settle([]byte(name)); there && m[to] == nil {
			tx.copyList(h, []byte(to))
			m[to] = slices.Clone(m[name])
		}
	default:
		l, ok := tx.WriteList([]byte(name))
		if !ok || l.Len() != int64(len(m[name])) {
			r.t.Fatalf("WriteList %s is %v with %d elements, want %d", name, ok, l.Len(), len(m[name]))
		}
		m.put(name, m.edit(r, rnd, &l, m[name]))
	}
}

// edit changes a list at random and returns what it should be after that.
func (m lists) edit(r *rig, rnd *rand.Rand, l *List, values []string) []string {
	value, n := fmt.Sprintf("v%d", rnd.IntN(8)), len(values)
	switch rnd.IntN(10) {
	case 0, 1:
		for range 1 + rnd.IntN(1+rnd.IntN(60)) {
			l.Push(Left, []byte(value))
			values = slices.Insert(values, 0, value)
		}
	case 2, 3:
		for range 1 + rnd.IntN(1+rnd.IntN(60)) {
			l.Push(Right, []byte(value))
			values = append(values, value)
		}
	case 4:
		return popped(r, rnd, l, values)
	case 5:
		drop := min(rnd.IntN(1+rnd.IntN(130)), n)
		if rnd.IntN(2) == 0 {
			l.Drop(Left, int64(drop))
			return values[drop:]
		}
		l.Drop(Right, int64(drop))
		return values[:n-drop]
	case 6:
		if n > 0 {
			i := rnd.IntN(n)
			l.Set(int64(i), []byte(value))
			values[i] = value
		}
	case 7, 8:
		return inserted(r, rnd, l, values)
	default:
		return removed(r, rnd, l, values)
	}
	return values
}

func popped(r *rig, rnd *rand.Rand, l *List, values []string) []string {
	end := End(rnd.IntN(2) == 0)
	got, ok := l.Pop(end)
	if len(values) == 0 {
		if ok {
			r.t.Fatalf("Pop of nothing is %q", got)
		}
		return nil
	}
	want, rest := values[0], values[1:]
	if end == Right {
		want, rest = values[len(values)-1], values[:len(values)-1]
	}
	if !ok || string(got) != want {
		r.t.Fatalf("Pop is %q, want %q", got, want)
	}
	return rest
}

// inserted puts values beside one, sometimes so many beside the same that it becomes crowded there.
func inserted(r *rig, rnd *rand.Rand, l *List, values []string) []string {
	pivot, behind, times := fmt.Sprintf("v%d", rnd.IntN(8)), rnd.IntN(2) == 0, 1
	if rnd.IntN(20) == 0 {
		times = 300
	}
	for i := range times {
		value := fmt.Sprintf("w%d", i)
		at := slices.Index(values, pivot)
		if ok := l.InsertBeside([]byte(pivot), behind, []byte(value)); ok != (at >= 0) {
			r.t.Fatalf("InsertBeside %s is %v, want %v", pivot, ok, at >= 0)
		}
		if at < 0 {
			break
		}
		if behind {
			at++
		}
		values = slices.Insert(values, at, value)
	}
	return values
}

func removed(r *rig, rnd *rand.Rand, l *List, values []string) []string {
	value, n, want := fmt.Sprintf("v%d", rnd.IntN(8)), rnd.IntN(9)-4, int64(0)
	gone := func(v string) bool {
		if v != value || n != 0 && want == int64(max(n, -n)) {
			return false
		}
		want++
		return true
	}
	if n < 0 {
		slices.Reverse(values)
	}
	values = slices.DeleteFunc(values, gone)
	if n < 0 {
		slices.Reverse(values)
	}
	if got := l.Remove([]byte(value), int64(n)); got != want {
		r.t.Fatalf("Remove %d %s is %d, want %d", n, value, got, want)
	}
	return values
}

// check compares what the store shows with the model.
func (m lists) check(r *rig, rnd *rand.Rand) {
	r.t.Helper()
	v := r.store.View(r.now)
	for i := range 5 {
		name := fmt.Sprintf("list:%d", i)
		l, ok := v.ReadList([]byte(name))
		want := m[name]
		if !ok || l.Len() != int64(len(want)) {
			r.t.Fatalf("%s has %d elements (%v), want %d", name, l.Len(), ok, len(want))
		}
		from, n := rnd.IntN(len(want)+2), rnd.IntN(len(want)+2)
		to := min(from+n, len(want))
		if got := ranged(l.Range, from, n); !slices.Equal(got, want[min(from, to):to]) {
			r.t.Fatalf("%s has %v from %d, %d elements, want %v", name, got, from, n, want[min(from, to):to])
		}
		from = min(from, len(want)-1)
		back := slices.Clone(want[max(from+1-n, 0) : from+1])
		slices.Reverse(back)
		if got := ranged(l.RangeBack, from, n); !slices.Equal(got, back) {
			r.t.Fatalf("%s has %v backwards from %d, %d elements, want %v", name, got, from, n, back)
		}
		at := rnd.IntN(len(want) + 1)
		if value, ok := l.Index(int64(at)); ok != (at < len(want)) || ok && string(value) != want[at] {
			r.t.Fatalf("%s has %q at %d: %v", name, value, at, ok)
		}
		m.checkPlaces(r, &l)
	}
	if err := v.Err(); err != nil {
		r.t.Fatal(err)
	}
}

// checkPlaces compares what a list keeps of its places with the places.
func (m lists) checkPlaces(r *rig, l *List) {
	var places []place
	fractions := int64(0)
	l.walk(0, l.Len(), func(sub, _ []byte) bool {
		p := placeOf(sub)
		if places = append(places, p); p.fraction != "" {
			fractions++
		}
		if len(p.fraction) > fractionMost {
			r.t.Fatalf("%s has a fraction of %d bytes", l.key, len(p.fraction))
		}
		return true
	})
	if n := len(places); n > 0 && (places[0] != l.ends.first || places[n-1] != l.ends.last || fractions != l.ends.fractions) {
		r.t.Fatalf("%s keeps %+v of the places %v", l.key, l.ends, places)
	}
}

func ranged(walk func(from, n int64, fn func([]byte) bool), from, n int) (got []string) {
	walk(int64(from), int64(n), func(v []byte) bool {
		got = append(got, string(v))
		return true
	})
	return got
}

// replay is what a reader makes of the log that knows nothing of where elements are stored.
func replay(t *testing.T, log [][]byte) lists {
	t.Helper()
	m := lists{}
	var reader wal.EffectReader
	for _, body := range log {
		reader.Reset(body)
		for {
			var e wal.Effect
			more, err := reader.Next(&e)
			if err != nil {
				t.Fatal(err)
			}
			if !more {
				break
			}
			m.follow(&e)
		}
	}
	return m
}

func (m lists) follow(e *wal.Effect) {
	name, value := string(e.Key), string(e.Value)
	values := m[name]
	i := int(e.Index)
	switch e.Op {
	case wal.OpLPush:
		values = slices.Insert(values, 0, value)
	case wal.OpRPush:
		values = append(values, value)
	case wal.OpLPop:
		values = values[e.Count:]
	case wal.OpRPop:
		values = values[:len(values)-int(e.Count)]
	case wal.OpLSet:
		values[i] = value
	case wal.OpLInsert:
		values = slices.Insert(values, i, value)
	case wal.OpLRem:
		values = slices.Delete(values, i, i+1)
	case wal.OpDel:
		values = nil
	case wal.OpRename:
		m[string(e.To)] = values
		values = nil
	case wal.OpFlush:
		clear(m)
		return
	}
	m.put(name, values)
}

// modelOf is what there should be of one kind.
type modelOf[M any] interface {
	clone() M
	change(r *rig, rnd *rand.Rand) M
	check(r *rig, rnd *rand.Rand)
}

// runModel writes at random, undoes units, seals, applies, refuses and reopens at random, with much and with little memory, and
// compares with the model all the time. It returns the log and what it has led to.
func runModel[M modelOf[M]](t *testing.T, seed uint64, m M) (r *rig, log [][]byte, end M) {
	rnd := rand.New(rand.NewPCG(seed, 11))
	fs := vfs.NewMem()
	open := func() *rig {
		r := newRig(t, fs)
		r.store.hot.limit = []int64{4 << 10, 64 << 10, 4 << 20}[seed%3]
		return r
	}
	r = open()
	acked := m.clone()
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
	return r, log, m
}

// TestLists compares lists with plain slices. In the end the log alone must make the same rows, and the same lists for a reader who goes by
// what its effects say of indexes.
func TestLists(t *testing.T) {
	for seed := range seeds(24) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r, log, m := runModel(t, seed, lists{})
			if got := replay(t, log); !maps.EqualFunc(got, m, slices.Equal[[]string]) {
				t.Errorf("the effects make %v, want %v", got, m)
			}
			sameRows(t, r, log)
		})
	}
}
