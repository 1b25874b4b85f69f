package keyspace

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"shiplog/wal"
)

// fields is what a hash should hold, with fields whose time is over and that nobody has removed.
type fields map[string]modelField

type modelField struct {
	value string
	at    int64
}

func (f modelField) over(now int64) bool { return f.at != 0 && f.at < now }

// living returns the fields that are to be seen.
func (m fields) living(now int64) fields {
	out := maps.Clone(m)
	maps.DeleteFunc(out, func(_ string, f modelField) bool { return f.over(now) })
	return out
}

// first returns the earliest deadline.
func (m fields) first() (at int64) {
	for _, f := range m {
		if f.at != 0 && (at == 0 || f.at < at) {
			at = f.at
		}
	}
	return at
}

// hashes is what hashes there should be, by key.
type hashes map[string]fields

func (m hashes) clone() hashes {
	out := hashes{}
	for key, h := range m {
		out[key] = maps.Clone(h)
	}
	return out
}

// put sets what a hash should be; one without fields is not there.
func (m hashes) put(name string, h fields) {
	if m[name] = h; len(h) == 0 {
		delete(m, name)
	}
}

const hashKeys = 5

func hashKey(rnd *rand.Rand) string { return fmt.Sprintf("hash:%d", rnd.IntN(hashKeys)) }

// change performs one random unit on both and returns the model after it.
func (m hashes) change(r *rig, rnd *rand.Rand) hashes {
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

func (m hashes) one(r *rig, rnd *rand.Rand, tx *Tx) {
	name, to := hashKey(rnd), hashKey(rnd)
	switch rnd.IntN(40) {
	case 0:
		tx.Delete([]byte(name))
		delete(m, name)
	case 1, 2:
		if tx.Rename([]byte(name), []byte(to)) && name != to {
			m.put(to, m[name].living(r.now))
			delete(m, name)
		}
	case 3:
		tx.Expire([]byte(name), r.now+1_000_000)
	case 4:
		if rnd.IntN(8) == 0 {
			tx.Flush()
			clear(m)
		}
	case 5, 6:
		if name != to && tx.Copy([]byte(name), []byte(to)) {
			m.put(to, m[name].living(r.now))
		}
	case 7:
		tx.Set([]byte(name), nil, 0, false) // a hash that is overwritten leaves nothing
		tx.Delete([]byte(name))
		delete(m, name)
	default:
		s, ok := tx.WriteHash([]byte(name))
		if !ok || s.Len() != int64(len(m[name])) {
			r.t.Fatalf("WriteHash %s is %v with %d fields, want %d", name, ok, s.Len(), len(m[name]))
		}
		h := maps.Clone(m[name])
		if h == nil {
			h = fields{}
		}
		h.edit(r, rnd, &s)
		m.put(name, h)
	}
}

// edit changes a hash at random.
func (m fields) edit(r *rig, rnd *rand.Rand, s *Hash) {
	name := fmt.Sprintf("field:%d", rnd.IntN(40))
	old, there := m[name]
	if there && old.over(r.now) {
		delete(m, name) // whatever happens next
		there, old = false, modelField{}
	}
	f := modelField{value: fmt.Sprintf("v%d", rnd.IntN(1000)), at: []int64{0, r.now + 1 + rnd.Int64N(50), old.at}[rnd.IntN(3)]}
	switch rnd.IntN(6) {
	case 0, 1:
		got, ok := s.Remove([]byte(name))
		if ok != there || string(got.Value) != old.value || got.At != old.at {
			r.t.Fatalf("Remove of %s is %q at %d (%v), want %v", name, got.Value, got.At, ok, old)
		}
		delete(m, name)
	case 2:
		s.Expire([]byte(name), f.at)
		if there {
			m[name] = modelField{value: old.value, at: f.at}
		}
	default:
		if fresh := s.Set([]byte(name), []byte(f.value), f.at, PackLimits{Entries: 20, Value: 64}); fresh == there {
			r.t.Fatalf("Set of %s is new: %v", name, fresh)
		}
		m[name] = f
	}
}

// check compares what the store shows with the model.
func (m hashes) check(r *rig, rnd *rand.Rand) {
	r.t.Helper()
	v := r.store.View(r.now)
	for i := range hashKeys {
		name := fmt.Sprintf("hash:%d", i)
		s, ok := v.ReadHash([]byte(name))
		if !ok || s.Len() != int64(len(m[name])) || s.timed.first != m[name].first() {
			r.t.Fatalf("%s has %d fields (%v), the first expires at %d, want %d and %d", name, s.Len(), ok, s.timed.first, len(m[name]), m[name].first())
		}
		want := m[name].living(r.now)
		if got := shown(r, rnd, &s); !maps.EqualFunc(got, want, func(a string, b modelField) bool { return a == b.value }) {
			r.t.Fatalf("%s is %v, want %v", name, got, want)
		}
		field := fmt.Sprintf("field:%d", rnd.IntN(40))
		if got, ok := s.Get([]byte(field)); ok != (want[field] != modelField{}) || string(got.Value) != want[field].value || got.At != want[field].at {
			r.t.Fatalf("%s has %q at %d (%v) at %s, want %v", name, got.Value, got.At, ok, field, want[field])
		}
		m.checkRandom(r, rnd, &s, want)
	}
	if err := v.Err(); err != nil {
		r.t.Fatal(err)
	}
}

// checkRandom draws fields and compares them with those that there should be.
func (m hashes) checkRandom(r *rig, rnd *rand.Rand, s *Hash, want fields) {
	n, drawn := rnd.IntN(len(want)+2), 0
	different := make(map[string]bool)
	s.Sample(int64(n), func(name, value []byte) {
		if string(value) != want[string(name)].value || want[string(name)].value == "" {
			r.t.Fatalf("%s is no sample", name)
		}
		different[string(name)] = true
	})
	s.Draw(3, func(name, _ []byte) {
		if drawn++; want[string(name)].value == "" {
			r.t.Fatalf("%s was drawn", name)
		}
	})
	if len(different) != min(n, len(want)) || drawn != 3*min(1, len(want)) && len(m) > 0 {
		r.t.Fatalf("%d of %d sampled, want %d; %d drawn", len(different), len(want), n, drawn)
	}
}

// shown returns the fields as one of the ways to read all of them shows them.
func shown(r *rig, rnd *rand.Rand, s *Hash) map[string]string {
	got := make(map[string]string)
	add := func(name, value []byte) { got[string(name)] = string(value) }
	if walk, n, ok := s.Walk(); ok {
		for range n {
			name, value, _ := walk.Next()
			add(name, value)
		}
		if err := walk.Close(); err != nil {
			r.t.Fatal(err)
		}
		return got
	}
	if rnd.IntN(2) == 0 {
		for cursor := s.Scan(0, 5, add); cursor != 0; {
			cursor = s.Scan(cursor, 5, add)
		}
		return got
	}
	s.Each(func(name, value []byte) bool { add(name, value); return true })
	return got
}

// expireFields removes what is due as the partition does.
func (m hashes) expireFields(r *rig) {
	due, _, err := r.store.DueFields(nil, r.now, 100)
	if err != nil {
		r.t.Fatal(err)
	}
	r.unit(func(tx *Tx) bool {
		for _, d := range due {
			for tx.RemoveDueFields(d) {
				continue
			}
		}
		return true
	})
	for _, d := range due {
		m.put(string(d.Key), m[string(d.Key)].living(r.now))
	}
}

// index returns Pebble's rows that say when the first field of each hash expires.
func index(r *rig) map[string]int64 {
	it, err := r.store.db.NewIter(&pebble.IterOptions{LowerBound: []byte(areaFields), UpperBound: []byte(areaFields[:2] + "k")})
	if err != nil {
		r.t.Fatal(err)
	}
	rows := make(map[string]int64)
	for ok := it.First(); ok; ok = it.Next() {
		if rows[string(it.Value())] != 0 {
			r.t.Errorf("%s is twice in the index", it.Value())
		}
		rows[string(it.Value())] = int64(binary.BigEndian.Uint64(it.Key()[3:]))
	}
	if err := it.Close(); err != nil {
		r.t.Fatal(err)
	}
	return rows
}

// checkIndex compares the index with the model, all of which is applied.
func (m hashes) checkIndex(r *rig) {
	r.t.Helper()
	want := make(map[string]int64)
	for key, h := range m {
		if at := h.first(); at != 0 {
			want[key] = at
		}
	}
	if got := index(r); !maps.Equal(got, want) {
		r.t.Fatalf("the index is %v, want %v", got, want)
	}
}

// follow is what a reader makes of an effect who knows nothing of how hashes are stored.
func (m hashes) follow(t *testing.T, e *wal.Effect) {
	name, field := string(e.Key), string(e.Field)
	h := maps.Clone(m[name])
	if h == nil {
		h = fields{}
	}
	switch e.Op {
	case wal.OpHSet, wal.OpHDel, wal.OpHExpire:
		if h[field].at != e.PrevExpireAt || h.first() != e.At {
			t.Errorf("%s of %s says that it expired at %d and the first at %d, want %d and %d", e.Op, field, e.PrevExpireAt, e.At, h[field].at, h.first())
		}
	}
	switch e.Op {
	case wal.OpHSet:
		h[field] = modelField{value: string(e.Value), at: e.ExpireAt}
	case wal.OpHDel:
		delete(h, field)
	case wal.OpHExpire:
		h[field] = modelField{value: h[field].value, at: e.ExpireAt}
	case wal.OpRename:
		m.put(string(e.To), h)
		h = nil
	case wal.OpDel:
		h = nil
	case wal.OpFlush:
		clear(m)
		return
	}
	m.put(name, h)
}

func replayHashes(t *testing.T, log [][]byte) hashes {
	m := hashes{}
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
			m.follow(t, &e)
		}
	}
	return m
}

// TestHashes is TestCollections for hashes, whose fields expire while the time passes. In the end the log alone must make the same rows, and
// the same hashes for a reader who goes by what its effects say.
func TestHashes(t *testing.T) {
	for seed := range seeds(24) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(seed, 13))
			fs := vfs.NewMem()
			open := func() *rig {
				r := newRig(t, fs)
				r.store.hot.limit = []int64{4 << 10, 64 << 10, 4 << 20}[seed%3]
				return r
			}
			r := open()
			m, acked := hashes{}, hashes{}
			var log [][]byte
			seal := func() {
				if len(r.body) > 0 {
					log = append(log, clone(r.body))
				}
				r.seal()
				acked = m.clone()
			}
			for range 600 {
				r.now += rnd.Int64N(4)
				switch rnd.IntN(14) {
				case 0:
					seal()
				case 1:
					seal()
					r.apply()
					m.checkIndex(r)
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
						now := r.now
						r, m = open(), acked.clone()
						r.now = now
					}
				case 4: // all is applied: then the index knows all that is due
					seal()
					r.apply()
					m.expireFields(r)
				default:
					m = m.change(r, rnd)
				}
				m.check(r, rnd)
			}
			seal()
			r.apply()
			m.checkIndex(r)
			if got := replayHashes(t, log); !maps.EqualFunc(got, m, maps.Equal[fields, fields]) {
				t.Errorf("the effects make %v, want %v", got, m)
			}
			sameRows(t, r, log)
		})
	}
}
