package keyspace

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"shiplog/wal"
)

// rig drives a Store as a partition does: units go into records, records are applied later.
type rig struct {
	t      testing.TB
	store  *Store
	now    int64
	record uint64
	body   []byte
	queue  [][]byte // sealed, not yet applied
	seq    wal.Seq
	checks int
}

func newRig(t testing.TB, fs vfs.FS) *rig {
	t.Helper()
	s, err := Open("state", Options{FS: fs, MemTable: 256 << 10, HotSet: 4 << 10, Filter: -1, Logger: quiet{}})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	s.filter = newFilter(s.db, blockBytes, 4*blockBytes) // so small that it is often full, wrong and filled anew
	s.filter.refill(s.stored.keys)
	return &rig{t: t, store: s, now: 1_000_000, record: 1, seq: s.Position().Seq}
}

// quiet drops what Pebble has to say.
type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(format string, args ...any) {
	panic(fmt.Sprintf(format, args...))
}

// unit runs fn as one unit, and undoes it if fn says so.
func (r *rig) unit(fn func(tx *Tx) (keep bool)) {
	tx := r.store.Begin(r.now, r.record, &r.body)
	if fn(tx) {
		tx.Commit()
	} else {
		tx.Rollback()
	}
	if err := tx.Err(); err != nil {
		r.t.Fatalf("unit: %v", err)
	}
}

// seal ends the open record.
func (r *rig) seal() {
	if len(r.body) > 0 {
		r.queue, r.body = append(r.queue, r.body), nil
		r.record++
	}
}

// apply applies everything that is sealed.
func (r *rig) apply() {
	if len(r.queue) == 0 {
		return
	}
	r.seq += wal.Seq(len(r.queue))
	if err := r.store.Apply(r.queue, wal.Position{Seq: r.seq, Epoch: 1, Index: uint64(r.seq)}, r.record-1); err != nil {
		r.t.Fatalf("Apply: %v", err)
	}
	r.queue = nil
}

// model is what the state should be.
type model map[string]Value

// brief shows a value without filling the screen.
func brief(v Value) string {
	return fmt.Sprintf("%d bytes %.20q, expiry %d, raw %v, text %v", len(v.Data), v.Data, v.ExpireAt, v.Raw, v.Text)
}

func (m model) volatile() (n int64) {
	for _, v := range m {
		if v.ExpireAt != 0 {
			n++
		}
	}
	return n
}

// step performs one random write on both and returns the model after it.
func (r *rig) step(rnd *rand.Rand, m model) model {
	key := fmt.Appendf(nil, "key:%d", rnd.IntN(40))
	at := r.now + 1 + rnd.Int64N(1000)
	after := maps.Clone(m)
	keep := rnd.IntN(10) > 0
	r.unit(func(tx *Tx) bool {
		for range 1 + rnd.IntN(3) {
			switch rnd.IntN(12) {
			case 0:
				value := Value{Type: TypeString, Data: []byte("3"), Text: true}
				tx.SetValue(key, value)
				after[string(key)] = value
			case 1, 2, 3:
				data := fmt.Appendf(nil, "v%d", rnd.IntN(1<<20))
				tx.Set(key, data, 0, false)
				after[string(key)] = Value{Type: TypeString, Data: data}
			case 4, 5:
				tx.Set(key, []byte("volatile"), at, true)
				after[string(key)] = Value{Type: TypeString, Data: []byte("volatile"), ExpireAt: at, Raw: true}
			case 6, 7:
				tx.Delete(key)
				delete(after, string(key))
			case 8:
				if tx.Expire(key, at) {
					v := after[string(key)]
					v.ExpireAt = at
					after[string(key)] = v
				}
			case 9:
				if tx.Persist(key) {
					v := after[string(key)]
					v.ExpireAt = 0
					after[string(key)] = v
				}
			case 10:
				to := fmt.Appendf(nil, "key:%d", rnd.IntN(40))
				if tx.Rename(key, to) && string(key) != string(to) {
					after[string(to)] = after[string(key)]
					delete(after, string(key))
				}
			case 11:
				if rnd.IntN(20) == 0 {
					tx.Flush()
					after = model{}
				}
			}
		}
		return keep
	})
	if keep {
		return after
	}
	return m
}

// check compares everything that a View and a Snapshot show with the model.
func (r *rig) check(m model) {
	r.t.Helper()
	v := r.store.View(r.now)
	for i := range 40 {
		key := fmt.Sprintf("key:%d", i)
		got, ok := v.Get([]byte(key))
		want, there := m[key]
		if ok != there || string(got.Data) != string(want.Data) || got.ExpireAt != want.ExpireAt || got.Raw != want.Raw || got.Text != want.Text {
			r.t.Fatalf("%s is %s (there: %v), want %s (there: %v)", key, brief(got), ok, brief(want), there)
		}
	}
	if got, want := v.Len(), int64(len(m)); got != want {
		r.t.Fatalf("Len is %d, want %d", got, want)
	}
	if got, want := v.Volatile(), m.volatile(); got != want {
		r.t.Fatalf("Volatile is %d, want %d", got, want)
	}
	if r.checks++; r.checks%4 == 0 {
		r.checkSnapshot(m)
	}
}

func (r *rig) checkSnapshot(m model) {
	r.t.Helper()
	n := r.store.View(r.now).Snapshot()
	defer n.Close()
	seen := model{}
	for cursor, first := uint64(0), true; first || cursor != 0; first = false {
		cursor = n.Scan(cursor, 7, func(key []byte, v Value) {
			if _, twice := seen[string(key)]; twice {
				r.t.Fatalf("SCAN shows %s twice", key)
			}
			v.Data = clone(v.Data)
			seen[string(key)] = v
		})
	}
	if err := n.Err(); err != nil {
		r.t.Fatalf("Scan: %v", err)
	}
	if len(seen) != len(m) {
		r.t.Fatalf("SCAN shows %d keys, want %d", len(seen), len(m))
	}
	for key, want := range m {
		if got := seen[key]; string(got.Data) != string(want.Data) || got.ExpireAt != want.ExpireAt ||
			got.Raw != want.Raw || got.Text != want.Text {
			r.t.Fatalf("SCAN shows %s as %s, want %s", key, brief(got), brief(want))
		}
	}
	if key, ok := n.RandomKey(); ok != (len(m) > 0) {
		r.t.Fatalf("RandomKey is %q %v with %d keys", key, ok, len(m))
	}
}

// TestModel writes at random, undoes units, seals, applies, refuses and reopens at random, and compares
// with a plain map all the time.
func TestModel(t *testing.T) {
	for seed := range seeds(18) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(seed, 1))
			fs := vfs.NewMem()
			r := newRig(t, fs)
			m, acked := model{}, model{}
			for range 400 {
				switch rnd.IntN(12) {
				case 0:
					r.seal()
					acked = maps.Clone(m)
				case 1:
					r.apply()
				case 2: // the log refuses what is open
					r.apply()
					r.body = nil
					r.store.Reset()
					m, r.record = maps.Clone(acked), r.record+1
				case 3:
					if rnd.IntN(10) == 0 {
						r = r.reopen(fs)
						m = maps.Clone(acked)
					}
				default:
					m = r.step(rnd, m)
				}
				r.check(m)
			}
			if err := r.store.Close(); err != nil {
				t.Fatalf("Close: %v", err)
			}
		})
	}
}

// reopen closes the store after applying what is sealed and opens it again.
func (r *rig) reopen(fs vfs.FS) *rig {
	r.apply()
	if err := r.store.Close(); err != nil {
		r.t.Fatalf("Close: %v", err)
	}
	return newRig(r.t, fs)
}

func TestExpiredKeysAreHiddenAndRemovedByAnEffect(t *testing.T) {
	r := newRig(t, vfs.NewMem())
	defer r.store.Close()
	r.unit(func(tx *Tx) bool { tx.Set([]byte("k"), []byte("v"), r.now+10, false); return true })
	r.now += 11
	if _, ok := r.store.View(r.now).Get([]byte("k")); ok {
		t.Fatal("an expired key is shown")
	}
	r.seal()
	r.apply()
	keys, next, err := r.store.Due(nil, r.now, 10)
	if err != nil || len(keys) != 1 || string(keys[0].Key) != "k" {
		t.Fatalf("Due = %v, %v", keys, err)
	}
	if keys, again, err := r.store.Due(next, r.now, 10); err != nil || len(keys) != 0 || string(again) != string(next) {
		t.Fatalf("Due behind it = %v, %q, %v", keys, again, err)
	}
	r.crowd(true)
	r.unit(func(tx *Tx) bool { tx.RemoveDue(keys[0]); return false })
	if r.store.View(r.now-11).Len() != 1 || r.store.View(r.now).Len() != 1 {
		t.Fatal("a removal that was undone is not")
	}
	if v, ok := r.store.View(r.now - 11).Get([]byte("k")); !ok || string(v.Data) != "v" {
		t.Fatalf("after a removal that was undone the value is %q, %v", v.Data, ok)
	}
	r.unit(func(tx *Tx) bool { return tx.RemoveDue(keys[0]) })
	var reader wal.EffectReader
	reader.Reset(r.body)
	var e wal.Effect
	if ok, err := reader.Next(&e); !ok || err != nil {
		t.Fatalf("no effect: %v", err)
	}
	if e.Op != wal.OpDel || e.Cause != wal.CauseExpire || e.Marks != wal.MarkFirst|wal.MarkLast || e.PrevExpireAt != r.now-1 {
		t.Fatalf("effect %+v", e)
	}
	r.seal()
	r.apply()
	if keys, _, _ := r.store.Due(nil, r.now, 10); len(keys) != 0 {
		t.Fatalf("still due: %v", keys)
	}
}

func TestWatch(t *testing.T) {
	key := []byte("k")
	for name, c := range map[string]struct {
		before, between func(tx *Tx)
		pass            int64
		want            bool
	}{
		"nothing":            {want: false},
		"set":                {between: func(tx *Tx) { tx.Set(key, nil, 0, false) }, want: true},
		"touch":              {between: func(tx *Tx) { tx.Touch(key) }, want: true},
		"other key":          {between: func(tx *Tx) { tx.Set([]byte("x"), nil, 0, false) }, want: false},
		"delete of nothing":  {between: func(tx *Tx) { tx.Delete(key) }, want: false},
		"flush of nothing":   {between: func(tx *Tx) { tx.Flush() }, want: false},
		"flush":              {before: func(tx *Tx) { tx.Set(key, nil, 0, false) }, between: func(tx *Tx) { tx.Flush() }, want: true},
		"expires in between": {before: func(tx *Tx) { tx.Set(key, nil, 1_000_005, false) }, pass: 10, want: true},
		"was over already":   {before: func(tx *Tx) { tx.Set(key, nil, 999_999, false) }, pass: 10, want: false},
		"removal of what is over": {before: func(tx *Tx) { tx.Set(key, nil, 999_999, false) },
			between: func(tx *Tx) { tx.RemoveExpired(key) }, want: false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, vfs.NewMem())
			defer r.store.Close()
			run := func(fn func(tx *Tx)) {
				if fn != nil {
					r.unit(func(tx *Tx) bool { fn(tx); return true })
				}
			}
			var w Watch
			run(c.before)
			r.store.Watch(key, &w, r.now)
			run(c.between)
			if got := w.Dirty(r.store.View(r.now + c.pass)); got != c.want {
				t.Errorf("dirty is %v, want %v", got, c.want)
			}
			r.store.Unwatch(&w)
			if len(r.store.watches) != 0 || w.Dirty(r.store.View(r.now+c.pass)) {
				t.Error("still watching")
			}
		})
	}
}

// What the index said must not be believed when the key may have changed since.
func TestRemoveDueSeesLaterChanges(t *testing.T) {
	for name, later := range map[string]func(tx *Tx){
		"persisted":  func(tx *Tx) { tx.Set([]byte("k"), []byte("new"), 0, false) },
		"prolonged":  func(tx *Tx) { tx.Set([]byte("k"), []byte("new"), 9_000_000, false) },
		"deleted":    func(tx *Tx) { tx.Delete([]byte("k")) },
		"flushed":    func(tx *Tx) { tx.Flush() },
		"not at all": func(tx *Tx) { tx.Set([]byte("other"), nil, 0, false) },
	} {
		for _, evict := range []bool{false, true} {
			t.Run(fmt.Sprint(name, evict), func(t *testing.T) {
				r := newRig(t, vfs.NewMem())
				defer r.store.Close()
				r.unit(func(tx *Tx) bool { tx.Set([]byte("k"), []byte("v"), r.now+10, false); return true })
				r.seal()
				r.apply()
				r.crowd(evict)
				r.now += 11
				due, _, err := r.store.Due(nil, r.now, 10)
				if err != nil || len(due) != 1 {
					t.Fatalf("Due = %v, %v", due, err)
				}
				r.unit(func(tx *Tx) bool { later(tx); return true })
				if evict {
					r.seal()
					r.apply()
				}
				r.crowd(evict)
				removed := false
				r.unit(func(tx *Tx) bool { removed = tx.RemoveDue(due[0]); return true })
				if want := name == "not at all"; removed != want {
					t.Errorf("removed: %v, want %v", removed, want)
				}
			})
		}
	}
}

// crowd pushes everything that is applied out of the hot set.
func (r *rig) crowd(push bool) {
	r.store.filter.close()
	r.store.filter = nil // so that what is not there takes room too
	for i := 0; push && i < 500; i++ {
		r.store.View(r.now).Get(fmt.Appendf(nil, "nobody:%d", i))
	}
}
