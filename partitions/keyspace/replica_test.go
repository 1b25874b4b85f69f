package keyspace

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"shiplog/wal"
)

// couple is two Stores that share a log: one leads, the other follows, and now and then they change places.
type couple struct {
	t      *testing.T
	rnd    *rand.Rand
	log    [][]byte
	states []model // states[i] is what the first i bodies of the log make
	model  model   // what the primary shows
	nodes  [2]*member
}

// member is one Store of a couple.
type member struct {
	*rig
	applied int
	record  uint64 // the open record's number
}

func newCouple(t *testing.T, seed uint64) *couple {
	c := &couple{t: t, rnd: rand.New(rand.NewPCG(seed, 3)), states: []model{{}}, model: model{}}
	for i := range c.nodes {
		c.nodes[i] = &member{rig: newRig(t, vfs.NewMem()), record: 1}
	}
	c.nodes[1].store.SetReplica(true)
	return c
}

func (c *couple) primary() *member { return c.nodes[0] }

// seal puts the primary's open record into the log.
func (c *couple) seal() {
	p := c.primary()
	if len(p.body) > 0 {
		c.log, c.states = append(c.log, p.body), append(c.states, maps.Clone(c.model))
		p.body, p.rig.record = nil, p.rig.record+1
	}
}

// catchUp lets a member apply up to most bodies more.
func (c *couple) catchUp(m *member, most int) {
	to := min(len(c.log), m.applied+most)
	if to == m.applied {
		return
	}
	record := uint64(0)
	if !m.store.Replica() {
		record = m.rig.record - uint64(len(c.log)-to) - 1
	}
	at := wal.Position{Seq: wal.Seq(to), Epoch: 1, Index: uint64(to)}
	if err := m.store.Apply(c.log[m.applied:to], at, record); err != nil {
		c.t.Fatalf("Apply: %v", err)
	}
	m.applied = to
}

// check compares the primary with what it did and the replica with what it applied.
func (c *couple) check() {
	c.t.Helper()
	c.nodes[0].check(c.model)
	replica := c.nodes[1]
	replica.now = c.nodes[0].now
	replica.check(c.states[replica.applied])
	if n := replica.store.HotKeys(); n != 0 {
		c.t.Fatalf("%d keys of a replica are in memory", n)
	}
}

// change makes the replica the primary. What the old one did not get into the log never was.
func (c *couple) change() {
	old, next := c.nodes[0], c.nodes[1]
	old.store.SetReplica(true)
	old.body = nil
	c.nodes = [2]*member{next, old}
	c.model = maps.Clone(c.states[len(c.log)])
	c.catchUp(next, len(c.log))
	next.store.SetReplica(false)
	if c.rnd.IntN(2) == 0 { // records are counted on, or anew
		next.rig.record = 1
	}
	next.rig.record++
}

// TestReplicaModel lets two Stores lead and follow in turn, with the follower behind, and compares both with plain maps.
func TestReplicaModel(t *testing.T) {
	for seed := range seeds(18) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			c := newCouple(t, seed)
			for range 400 {
				switch c.rnd.IntN(12) {
				case 0, 1:
					c.seal()
				case 2:
					c.catchUp(c.primary(), 1+c.rnd.IntN(5))
				case 3, 4:
					c.catchUp(c.nodes[1], 1+c.rnd.IntN(5))
				case 5:
					if c.rnd.IntN(4) == 0 {
						c.change()
					}
				default:
					c.model = c.primary().step(c.rnd, c.model)
				}
				c.check()
			}
			for _, m := range c.nodes {
				if err := m.store.Close(); err != nil {
					t.Fatalf("Close: %v", err)
				}
			}
		})
	}
}

func TestReplicaRefusesToWrite(t *testing.T) {
	r := newRig(t, vfs.NewMem())
	defer r.store.Close()
	r.store.SetReplica(true)
	defer func() {
		if recover() == nil {
			t.Error("Begin on a replica did not panic")
		}
	}()
	r.store.Begin(r.now, r.record, &r.body)
}

func TestReplicaHidesExpiredKeys(t *testing.T) {
	c := newCouple(t, 0)
	p, replica := c.nodes[0], c.nodes[1]
	p.unit(func(tx *Tx) bool { tx.Set([]byte("k"), []byte("v"), p.now+10, false); return true })
	c.seal()
	c.catchUp(replica, 1)
	for now, want := range map[int64]bool{p.now + 10: true, p.now + 11: false} {
		v := replica.store.View(now)
		if _, ok := v.Get([]byte("k")); ok != want || v.Len() != 1 || v.Seen() != 0 {
			t.Errorf("at %d the key is there: %v, Len %d, seen %d; want %v, 1, 0", now, ok, v.Len(), v.Seen(), want)
		}
	}
}

// Clients may watch and track keys that they read from a replica.
func TestReplicaTellsOfChanges(t *testing.T) {
	c := newCouple(t, 0)
	p, replica := c.nodes[0], c.nodes[1]
	var told []string
	replica.store.touched = func(key string, _ uint64) { told = append(told, key) }
	replica.store.emptied = func() { told = append(told, "") }
	var one, other Watch
	replica.store.Watch([]byte("one"), &one, p.now)
	replica.store.Watch([]byte("other"), &other, p.now)
	p.unit(func(tx *Tx) bool { tx.Set([]byte("one"), nil, 0, false); return true })
	c.seal()
	c.catchUp(replica, 1)
	if v := replica.store.View(p.now); !one.Dirty(v) || other.Dirty(v) {
		t.Errorf("after a change the watch is dirty: %v, that of another key: %v", one.Dirty(v), other.Dirty(v))
	}
	p.unit(func(tx *Tx) bool { tx.Flush(); return true })
	c.seal()
	c.catchUp(replica, 1)
	if v := replica.store.View(p.now); !other.Dirty(v) {
		t.Error("a flush does not dirty watches")
	}
	if got := fmt.Sprintf("%q", told); got != `["one" ""]` {
		t.Errorf("told of %s", got)
	}
}

// What a primary found due may have been prolonged by another primary before this one leads again.
func TestDueOfAnEarlierLife(t *testing.T) {
	c := newCouple(t, 0)
	p := c.nodes[0]
	p.unit(func(tx *Tx) bool { tx.Set([]byte("k"), []byte("v"), p.now+10, false); return true })
	c.seal()
	c.catchUp(p, 1)
	p.now += 11
	due, _, err := p.store.Due(nil, p.now, 10)
	if err != nil || len(due) != 1 {
		t.Fatalf("Due = %v, %v", due, err)
	}
	c.change()
	c.nodes[0].unit(func(tx *Tx) bool { tx.Set([]byte("k"), []byte("again"), 0, false); return true })
	c.seal()
	c.catchUp(p, 1)
	c.change()
	c.nodes[0].unit(func(tx *Tx) bool {
		if tx.RemoveDue(due[0]) {
			t.Error("a key that is alive was removed")
		}
		return true
	})
}

// DBSIZE rests on no record that was undone: nobody would ever acknowledge it.
func TestResetForgetsTheNewestRecord(t *testing.T) {
	r := newRig(t, vfs.NewMem())
	defer r.store.Close()
	r.unit(func(tx *Tx) bool { tx.Set([]byte("k"), nil, 0, false); return true })
	r.store.Reset()
	v := r.store.View(r.now)
	if n := v.Len(); n != 0 || v.Seen() != 0 {
		t.Errorf("after Reset there are %d keys, resting on record %d", n, v.Seen())
	}
}
