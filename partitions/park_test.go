package partitions

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/cockroachdb/pebble/v2/vfs"

	"shiplog/partitions/keyspace"
	"shiplog/wal/waltest"
)

// taker waits for a string, and takes it away, or moves it.
type taker struct {
	keys  []string
	into  string
	at    []string // what the next Write looks at
	got   string
	runs  int
	woken chan wake
	order *order
}

type wake struct {
	commit *Commit
	err    error
}

// order is who was woken, in the order in which they were.
type order struct {
	mu  sync.Mutex
	all []*taker
}

func newTaker(keys string) *taker {
	t := &taker{keys: strings.Fields(keys), woken: make(chan wake, 1)}
	t.at = t.keys
	return t
}

func (w *taker) Origin() uint64 { return 0 }

func (w *taker) Write(tx *keyspace.Tx) {
	w.runs++
	for _, key := range w.at {
		if value, ok := tx.Get([]byte(key)); ok {
			w.got = string(value.Data)
			tx.Delete([]byte(key))
			if w.into != "" {
				tx.Set([]byte(w.into), value.Data, 0, false)
			}
			return
		}
	}
}

func (w *taker) Served() bool { return w.got != "" }

func (w *taker) Turn(key string, holds keyspace.Type) bool {
	w.at = []string{key}
	return holds == keyspace.TypeString
}

func (w *taker) Wake(c *Commit, err error) {
	if w.order != nil {
		w.order.mu.Lock()
		defer w.order.mu.Unlock()
		w.order.all = append(w.order.all, w)
	}
	w.woken <- wake{c, err} // has room for one: a second is an error of the partition
}

// park parks w, for which there is nothing yet.
func (l *life) park(w *taker) *taker {
	l.t.Helper()
	if _, served, err := l.Park(w, keysOf(w)); served || err != nil {
		l.t.Fatalf("Park: served %v, %v", served, err)
	}
	return w
}

func keysOf(w *taker) [][]byte {
	var keys [][]byte
	for _, key := range w.keys {
		keys = append(keys, []byte(key))
	}
	return keys
}

// waits fails if somebody has been woken.
func waits(t *testing.T, all ...*taker) {
	t.Helper()
	for _, w := range all {
		if len(w.woken) != 0 {
			t.Fatalf("%q was woken with %q", w.keys, w.got)
		}
	}
}

// gets waits for w to be woken and compares what it has taken.
func gets(t *testing.T, w *taker, want string) wake {
	t.Helper()
	got := w.wakes(t)
	if got.err != nil || w.got != want {
		t.Errorf("%q took %q, %v, want %q", w.keys, w.got, got.err, want)
	}
	return got
}

// wakes waits for w to be woken, and returns with what it is.
func (w *taker) wakes(t *testing.T) wake {
	t.Helper()
	return receive(t, w.woken, fmt.Sprintf("the waking of who waits for %q", w.keys))
}

// Each key serves those that wait for it in the order in which they came; others keep their places.
func TestParkedAreServedInOrder(t *testing.T) {
	log := waltest.NewMemory()
	l := begin(t, log, vfs.NewCrashableMem())
	a, b, c := l.park(newTaker("k1 k2 k1")), l.park(newTaker("k2")), l.park(newTaker("k1"))
	l.set("other", "x")
	waits(t, a, b, c)
	if a.runs != 1 {
		t.Errorf("run %d times for a key that nobody waits for", a.runs)
	}
	l.set("k2", "1")
	gets(t, a, "1")
	waits(t, b, c)
	l.set("k1", "2")
	gets(t, c, "2")
	waits(t, b)
	l.set("k2", "3")
	gets(t, b, "3")
	l.set("k2", "4")
	l.check(map[string]string{"k1": "-", "k2": "4", "other": "x"})
	if len(l.lot.places)+len(l.lot.queues) != 0 {
		t.Errorf("left in the lot: %v", l.lot)
	}

	d := newTaker("k2")
	commit, served, err := l.Park(d, keysOf(d))
	if err != nil || !served || d.got != "4" || commit == nil {
		t.Errorf("what is there already: %v, %v, %q", served, err, d.got)
	}
	if l.Unpark(d) {
		t.Error("it is parked although it was served")
	}
	await(t, commit)
	if err := l.stop(); err != nil {
		t.Fatal(err)
	}
	begin(t, log.Writer(), l.fs).check(map[string]string{"k1": "-", "k2": "-", "other": "x"})
}

// Keys are looked at in the order in which they changed, and a transaction is over before anybody looks.
func TestParkedSeeWholeUnits(t *testing.T) {
	l := begin(t, waltest.NewMemory(), vfs.NewCrashableMem())
	var o order
	a, b, c, d := newTaker("a"), newTaker("b"), newTaker("c"), newTaker("b c a")
	for _, w := range []*taker{a, b, c, d} {
		w.order = &o
		l.park(w)
	}
	_, err := l.Update(write(func(tx *keyspace.Tx) {
		tx.Set([]byte("b"), []byte("gone"), 0, false)
		for _, key := range []string{"c", "a"} {
			tx.Set([]byte(key), []byte("early"), 0, false)
			tx.Set([]byte(key), []byte("late"), 0, false)
		}
		tx.Delete([]byte("b"))
	}))
	if err != nil {
		t.Fatal(err)
	}
	waits(t, b, d)
	if want := []*taker{c, a}; !slices.Equal(o.all, want) || a.got != "late" || c.got != "late" {
		t.Errorf("%d were served, c first: %v; they got %q and %q", len(o.all), o.all[0] == c, a.got, c.got)
	}
}

// Whoever is served may give others what they wait for.
func TestParkedServeEachOther(t *testing.T) {
	l := begin(t, waltest.NewMemory(), vfs.NewCrashableMem())
	const chain = 50
	var all []*taker
	for i := range chain {
		w := newTaker(fmt.Sprint("k", i))
		w.into = fmt.Sprint("k", i+1)
		all = append(all, l.park(w))
	}
	round := newTaker("r")
	round.into = "r"
	l.park(round)
	after := l.park(newTaker("r"))
	l.set("k0", "v")
	for _, w := range all {
		gets(t, w, "v")
	}
	l.set("r", "v")
	gets(t, round, "v")
	gets(t, after, "v")
	l.check(map[string]string{"k0": "-", fmt.Sprint("k", chain): "v", "r": "-"})
}

// grumbler writes whenever it runs, and never has enough.
type grumbler struct{ taker }

func (g *grumbler) Write(tx *keyspace.Tx) {
	g.runs++
	tx.Set([]byte("k"), fmt.Append(nil, g.runs), 0, false)
}

func (g *grumbler) Turn(string, keyspace.Type) bool { return true }

// What somebody changes who is not served wakes nobody.
func TestParkedDoNotKeepThemselvesAwake(t *testing.T) {
	l := begin(t, waltest.NewMemory(), vfs.NewCrashableMem())
	var all [2]grumbler
	for i := range all {
		all[i].woken = make(chan wake, 1)
		if _, served, err := l.Park(&all[i], [][]byte{[]byte("k")}); served || err != nil {
			t.Fatal(served, err)
		}
	}
	all[0].runs, all[1].runs = 0, 0
	l.set("k", "v")
	if all[0].runs != 1 || all[1].runs != 1 {
		t.Errorf("run %d and %d times for one change", all[0].runs, all[1].runs)
	}
	l.check(map[string]string{"k": "1"})
}

// T21: what a parked unit has done is in the log before anybody is told.
func TestParkedWaitForTheirRecord(t *testing.T) {
	log := waltest.NewMemory()
	l := begin(t, log, vfs.NewCrashableMem())
	first, second := l.park(newTaker("k")), l.park(newTaker("k"))
	log.Fault(waltest.EverySequence, waltest.HoldAck)
	c := l.set("k", "v")
	got := gets(t, first, "v")
	undecided(t, c)
	undecided(t, got.commit)
	late := newTaker("k")
	nothing, served, err := l.Park(late, keysOf(late))
	if served || err != nil || nothing == nil {
		t.Errorf("a reply that there is nothing, because of a unit that is not in the log, rests on %v (%v, %v)", nothing, served, err)
	}
	log.Heal()
	if err := errors.Join(await(t, c), await(t, got.commit), await(t, nothing)); err != nil {
		t.Error(err)
	}
	waits(t, second, late)
}

// What the log has refused is undone for those who were served, and offered to the others, who are refused in their turn.
func TestParkedAndTheFullLog(t *testing.T) {
	log := waltest.NewMemory()
	l := begin(t, log, vfs.NewCrashableMem())
	log.Fault(waltest.EverySequence, waltest.HoldAck)
	given := l.set("k", "v")
	first := newTaker("k")
	taken, served, err := l.Park(first, keysOf(first))
	if !served || err != nil {
		t.Fatal(served, err)
	}
	second, other := l.park(newTaker("k")), l.park(newTaker("other"))
	log.Refuse(true)
	log.Heal()
	if err := await(t, given); err != nil {
		t.Fatalf("what the log has: %v", err)
	}
	if err := await(t, taken); !errors.Is(err, ErrRefused) {
		t.Errorf("the unit that was refused: %v", err)
	}
	if err := await(t, gets(t, second, "v").commit); !errors.Is(err, ErrRefused) {
		t.Errorf("the parked unit that was refused: %v", err)
	}
	log.Refuse(false)
	waits(t, other)
	l.check(map[string]string{"k": "v"})
	l.set("other", "w")
	if err := await(t, gets(t, other, "w").commit); err != nil {
		t.Error(err)
	}
}

// Nobody is served beyond the room that there is for units, nor while writes are refused, and nobody is forgotten.
func TestParkedWaitForRoom(t *testing.T) {
	for name, refused := range map[string]bool{"room": false, "leave": true} {
		t.Run(name, func(t *testing.T) {
			log := waltest.NewMemory()
			l := begin(t, log, vfs.NewCrashableMem(), func(c *Config) { c.MaxBacklog = 200 })
			var all []*taker
			for i := range 3 {
				all = append(all, l.park(newTaker(fmt.Sprint("k", i))))
			}
			log.Fault(waltest.EverySequence, waltest.HoldAck)
			c, err := l.Update(write(func(tx *keyspace.Tx) {
				for i := range all {
					tx.Set(fmt.Append(nil, "k", i), []byte(strings.Repeat("x", 100)), 0, false)
				}
			}))
			if err != nil {
				t.Fatal(err)
			}
			waits(t, all...)
			if refused {
				l.Refuse(errors.New("the disk is full"))
			}
			log.Heal()
			await(t, c)
			if refused {
				if err := l.awaitApplied(c.number); err != nil {
					t.Fatal(err)
				}
				waits(t, all...)
				l.Refuse(nil)
			}
			for _, w := range all {
				await(t, gets(t, w, strings.Repeat("x", 100)).commit)
			}
		})
	}
}

// A unit that fails tells its own, and the others go on.
func TestParkedUnitThatFails(t *testing.T) {
	l := begin(t, waltest.NewMemory(), vfs.NewCrashableMem(), func(c *Config) { c.MaxUnit = 150 })
	bad, good := newTaker("k"), newTaker("k")
	bad.into = strings.Repeat("long", 50)
	l.park(bad)
	l.park(good)
	l.set("k", "v")
	if got := bad.wakes(t); !errors.Is(got.err, ErrTooLarge) {
		t.Errorf("a unit that is too large: %v", got.err)
	}
	gets(t, good, "v")
}

func TestUnpark(t *testing.T) {
	l := begin(t, waltest.NewMemory(), vfs.NewCrashableMem())
	a, b := l.park(newTaker("k")), l.park(newTaker("k"))
	if !l.Unpark(a) || l.Unpark(a) {
		t.Error("it does not leave once")
	}
	l.set("k", "v")
	gets(t, b, "v")
	waits(t, a)
	if l.Unpark(b) {
		t.Error("it leaves after it was served")
	}
}

// Whoever leaves while others are served has been served, or takes nothing with it.
func TestUnparkRaces(t *testing.T) {
	l := begin(t, waltest.NewMemory(), vfs.NewCrashableMem())
	const takers, rounds = 6, 100
	var all sync.WaitGroup
	var mu sync.Mutex
	taken := make(map[string]int)
	for range takers {
		all.Go(func() {
			for range rounds {
				w := newTaker("a b")
				if _, served, err := l.Park(w, keysOf(w)); err != nil {
					t.Error(err)
				} else if !served && !l.Unpark(w) {
					<-w.woken // it comes at once: who took w out wakes it
				}
				mu.Lock()
				taken[w.got]++
				mu.Unlock()
			}
		})
	}
	given := 0
	all.Go(func() {
		for range 2 * rounds {
			_, err := l.Update(write(func(tx *keyspace.Tx) {
				key := []byte([]string{"a", "b"}[given%2])
				if _, there := tx.Get(key); !there {
					given++
					tx.Set(key, fmt.Append(nil, given), 0, false)
				}
			}))
			if err != nil {
				t.Error(err)
			}
		}
	})
	all.Wait()
	delete(taken, "")
	for _, key := range []string{"a", "b"} {
		if value, _ := l.get(key); value != "-" {
			taken[value]++
		}
	}
	for element, n := range taken {
		if n != 1 {
			t.Errorf("%s was taken %d times", element, n)
		}
	}
	if len(taken) != given {
		t.Errorf("%d were given, %d taken", given, len(taken))
	}
}

// When the partition ceases to serve, those who are parked learn what Update would tell them, at once.
func TestParkedAreDismissed(t *testing.T) {
	t.Run("stop", func(t *testing.T) {
		l := begin(t, waltest.NewMemory(), vfs.NewCrashableMem())
		w := l.park(newTaker("k"))
		if err := l.stop(); err != nil {
			t.Fatal(err)
		}
		if got := w.wakes(t); !errors.Is(got.err, ErrNotServing) || got.commit != nil {
			t.Errorf("woken with %+v", got)
		}
		if l.Unpark(w) {
			t.Error("still parked")
		}
	})
	t.Run("failure", func(t *testing.T) {
		log := waltest.NewMemory()
		l := begin(t, log, vfs.NewCrashableMem())
		w := l.park(newTaker("k"))
		begin(t, log.Writer(), vfs.NewCrashableMem())
		l.set("x", "y")
		if got := w.wakes(t); !errors.Is(got.err, ErrDeposed) || got.commit != nil {
			t.Errorf("woken with %+v", got)
		}
		if err := l.ends(); !errors.Is(err, ErrDeposed) {
			t.Errorf("Run: %v", err)
		}
	})
	t.Run("hand-over", func(t *testing.T) {
		dismissedBy(t, func(c *copies) {
			c.nodes[0].log.Fault(waltest.EverySequence, waltest.HoldAck)
			c.nodes[0].set("x", "y") // what is in flight is no reason to wait
			c.name(1)
		})
	})
	t.Run("deposition", func(t *testing.T) {
		dismissedBy(t, func(c *copies) {
			c.name(1, 0)
			c.until(1, Primary)
			c.nodes[0].set("x", "y")
		})
	})
}

// dismissedBy parks a unit on the first of several copies, which then ceases to be the primary.
func dismissedBy(t *testing.T, change func(c *copies)) {
	t.Helper()
	bubble(t, func(t *testing.T) {
		c := newCopies(t, 2)
		defer c.stop()
		c.name(0)
		c.until(0, Primary)
		old, heir := c.nodes[0], c.nodes[1]
		if err := await(t, old.set("before", "v")); err != nil {
			t.Fatal(err)
		}
		w := old.park(newTaker("k"))
		late := false
		old.cfg.Event = func(e Event) { late = late || !e.Usual && len(w.woken) == 0 }
		change(c)
		synctest.Wait()
		if len(w.woken) != 1 {
			t.Fatal("not woken")
		}
		if got := w.wakes(t); !errors.Is(got.err, ErrNotServing) || got.commit != nil || w.got != "" {
			t.Errorf("woken with %+v, %q", got, w.got)
		}
		if late {
			t.Error("woken only when the next life began")
		}
		old.log.Heal()
		if _, _, err := old.Park(newTaker("k"), nil); !errors.Is(err, ErrNotServing) {
			t.Errorf("Park where nothing is served: %v", err)
		}
		c.until(1, Primary)
		later := heir.park(newTaker("k"))
		heir.set("k", "v")
		gets(t, later, "v")
	})
}
