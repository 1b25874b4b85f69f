package partitions

import (
	"errors"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"shiplog/partitions/keyspace"
	"shiplog/wal/waltest"
)

// dweller is an occupant that does what a test wants.
type dweller struct {
	run     func(d *dweller, v *keyspace.View, tx *keyspace.Tx)
	touch   func(do func()) error
	loosen  func()
	evicted chan error
}

func newDweller(run func(d *dweller, v *keyspace.View, tx *keyspace.Tx)) *dweller {
	return &dweller{run: run, evicted: make(chan error, 1)}
}

func (d *dweller) Lend(touch func(do func()) error, loosen func()) { d.touch, d.loosen = touch, loosen }
func (d *dweller) Read(v *keyspace.View)                           { d.run(d, v, nil) }
func (d *dweller) Write(tx *keyspace.Tx)                           { d.run(d, &tx.View, tx) }
func (d *dweller) Origin() uint64                                  { return 0 }
func (d *dweller) Evicted(why error)                               { d.evicted <- why }

// writing is a unit that writes one key.
type writing struct{ key, value string }

func (w writing) Write(tx *keyspace.Tx) { tx.Set([]byte(w.key), []byte(w.value), 0, false) }
func (w writing) Origin() uint64        { return 0 }

// reading is a reader of one key.
type reading struct {
	key   string
	value string
	found bool
}

func (r *reading) Read(v *keyspace.View) {
	value, found := v.Get([]byte(r.key))
	r.value, r.found = string(value.Data), found
}

func look(t *testing.T, p *Partition, key string) (value string, found bool) {
	t.Helper()
	r := reading{key: key}
	if _, err := p.View(&r); err != nil {
		t.Fatalf("View: %v", err)
	}
	return r.value, r.found
}

// TestOccupyLetsOthersKnow holds that whoever comes while a unit takes long is told, sees nothing of it, and that the unit is one.
func TestOccupyLetsOthersKnow(t *testing.T) {
	l := begin(t, waltest.NewMemory(), vfs.NewMem())
	defer func() { _ = l.stop() }()
	d := newDweller(func(d *dweller, _ *keyspace.View, tx *keyspace.Tx) {
		if err := d.touch(func() { tx.Set([]byte("a"), []byte("1"), 0, false) }); err != nil {
			t.Error(err)
		}
		d.loosen()
		if _, err := l.View(&reading{key: "a"}); !errors.Is(err, ErrOccupied) {
			t.Errorf("View while a unit takes long: %v", err)
		}
		if _, err := l.Update(writing{"b", "1"}); !errors.Is(err, ErrOccupied) {
			t.Errorf("Update while a unit takes long: %v", err)
		}
		if _, _, err := l.Snapshot(); !errors.Is(err, ErrOccupied) {
			t.Errorf("Snapshot while a unit takes long: %v", err)
		}
		if got := l.Brief(); got.Stuck != 0 {
			t.Errorf("a partition that is occupied is stuck for %v", got.Stuck)
		}
		if err := d.touch(func() { tx.Set([]byte("c"), []byte("1"), 0, false) }); err != nil {
			t.Error(err)
		}
	})
	c, err := l.Occupy(d, true)
	if err != nil {
		t.Fatal(err)
	}
	<-c.Done()
	if err := c.Err(); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"a", "c"} {
		if got, _ := look(t, l.Partition, key); got != "1" {
			t.Errorf("%s is %q after the unit", key, got)
		}
	}
	if _, found := look(t, l.Partition, "b"); found {
		t.Error("a refused unit has written")
	}
}

// TestOccupantLosesTheLock holds that the lock is given up by itself when a unit takes long.
func TestOccupantLosesTheLock(t *testing.T) {
	l := begin(t, waltest.NewMemory(), vfs.NewMem())
	defer func() { _ = l.stop() }()
	free := make(chan error, 1)
	d := newDweller(func(d *dweller, _ *keyspace.View, _ *keyspace.Tx) {
		go func() {
			_, err := l.View(&reading{key: "a"})
			free <- err
		}()
		select {
		case err := <-free:
			if !errors.Is(err, ErrOccupied) {
				t.Errorf("View while a unit takes long: %v", err)
			}
		case <-time.After(patience):
			t.Error("the lock is held by a unit that takes long")
		}
	})
	if _, err := l.Occupy(d, true); err != nil {
		t.Fatal(err)
	}
}

// TestEvicted holds that a partition that stops does not wait for the unit that occupies it, and undoes what it has done.
func TestEvicted(t *testing.T) {
	log, fs := waltest.NewMemory(), vfs.NewMem()
	l := begin(t, log, fs)
	if _, err := l.Update(writing{"a", "before"}); err != nil {
		t.Fatal(err)
	}
	d := newDweller(func(d *dweller, _ *keyspace.View, tx *keyspace.Tx) {
		if err := d.touch(func() {
			tx.Set([]byte("a"), []byte("within"), 0, false)
			tx.Set([]byte("b"), []byte("within"), 0, false)
		}); err != nil {
			t.Error(err)
		}
		d.loosen()
		l.end(nil)
		select {
		case <-d.evicted:
		case <-time.After(patience):
			t.Error("the partition waits for the unit that occupies it")
		}
		if err := d.touch(func() { t.Error("the state is touched by a unit that is over") }); err == nil {
			t.Error("a unit that is over may touch the state")
		}
	})
	if _, err := l.Occupy(d, true); !errors.Is(err, ErrNotServing) {
		t.Errorf("Occupy ended with %v", err)
	}
	_ = l.stop()
	again := begin(t, log, fs)
	defer func() { _ = again.stop() }()
	if got, _ := look(t, again.Partition, "a"); got != "before" {
		t.Errorf("a is %q after the unit was undone", got)
	}
	if _, found := look(t, again.Partition, "b"); found {
		t.Error("b is there after the unit was undone")
	}
}
