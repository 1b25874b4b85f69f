package partitions

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"shiplog/partitions/keyspace"
	"shiplog/wal"
	"shiplog/wal/waltest"
)

// I2, I3: a reply waits for the record it rests on, and for nothing else.
func TestRepliesWaitForTheirRecord(t *testing.T) {
	log := waltest.NewMemory()
	l := begin(t, log, vfs.NewCrashableMem())
	if err := await(t, l.set("clean", "1")); err != nil {
		t.Fatal(err)
	}
	log.Fault(waltest.EverySequence, waltest.HoldAck)
	first := l.set("dirty", "1")
	second := l.set("dirty", "2") // joins the group after the one in flight
	undecided(t, first)
	value, c := l.get("dirty")
	if value != "2" || c != second {
		t.Errorf("dirty is %q after commit %v, want 2 after the second", value, c)
	}
	if value, c := l.get("clean"); value != "1" || c != nil {
		t.Errorf("clean is %q and waits for %v, want 1 and nothing", value, c)
	}
	if _, c := l.get("absent"); c != nil {
		t.Error("a read of a key that nobody wrote waits")
	}
	undecided(t, second)
	log.Heal()
	if err := errors.Join(await(t, first), await(t, second)); err != nil {
		t.Errorf("outcomes: %v", err)
	}
}

// Commands that come while a record is in flight share the next one.
func TestGroupCommit(t *testing.T) {
	log := waltest.NewMemory()
	l := begin(t, log, vfs.NewCrashableMem())
	log.Fault(waltest.EverySequence, waltest.HoldAck)
	commits := []*Commit{l.set("a", "1")}
	for i := range 50 {
		commits = append(commits, l.set(fmt.Sprint("b", i), "1"))
	}
	log.Heal()
	for _, c := range commits {
		if err := await(t, c); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(records(t, log, 1)); got != 3 {
		t.Errorf("%d records for an EPOCH, one command and fifty more, want 3", got)
	}
}

// I5: whoever starts says so in the log, with a higher epoch.
func TestEveryStartAppendsAnEpoch(t *testing.T) {
	log, fs := waltest.NewMemory(), vfs.NewCrashableMem()
	for want := wal.Epoch(1); want <= 3; want++ {
		l := begin(t, log.Writer(), fs)
		await(t, l.set("k", fmt.Sprint(want)))
		if err := l.stop(); err != nil {
			t.Fatalf("Run: %v", err)
		}
		all := records(t, log, 1)
		epoch := all[len(all)-2]
		if epoch.Kind != wal.KindEpoch || epoch.Epoch != want {
			t.Errorf("kind %d of epoch %d, want an EPOCH record of %d", epoch.Kind, epoch.Epoch, want)
		}
	}
}

// I4, I11: a primary that was deposed tells nobody that its write was done, nor that it was not.
func TestSecondPrimaryDeposesTheFirst(t *testing.T) {
	log := waltest.NewMemory()
	first := begin(t, log, vfs.NewCrashableMem())
	second := begin(t, log.Writer(), vfs.NewCrashableMem())
	c := first.set("k", "from the first")
	if err := await(t, c); !errors.Is(err, ErrDeposed) {
		t.Errorf("the write of the deposed primary has outcome %v, want ErrDeposed", err)
	}
	if err := first.ends(); !errors.Is(err, ErrDeposed) {
		t.Errorf("Run of the deposed primary: %v", err)
	}
	second.check(map[string]string{"k": "-"})
}

// I11: without an answer of the log there is none for the client; in the end the log decides.
func TestUndecidedWriteGetsNoAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		fault waltest.Fault
		want  string
	}{
		"stored":     {waltest.HoldAck, "v"},
		"not stored": {waltest.LosePublish, "-"},
	} {
		t.Run(name, func(t *testing.T) {
			log := waltest.NewMemory()
			l := begin(t, log, vfs.NewCrashableMem())
			log.Fault(waltest.EverySequence, c.fault)
			commit := l.set("k", "v")
			undecided(t, commit)
			left := l.kill()
			if err := await(t, commit); !errors.Is(err, ErrUndecided) {
				t.Errorf("outcome %v, want ErrUndecided", err)
			}
			begin(t, log.Writer(), left).check(map[string]string{"k": c.want})
		})
	}
}

// A refusal is definite: the write is undone, as is what came after it, and what came before stays.
func TestRefusedWriteIsUndone(t *testing.T) {
	log := waltest.NewMemory()
	l := begin(t, log, vfs.NewCrashableMem())
	await(t, l.set("k", "before"))
	log.Refuse(true)
	for range 3 {
		c, err := l.Update(write(func(tx *keyspace.Tx) {
			tx.Set([]byte("k"), []byte("after"), 0, false)
			tx.Set([]byte("new"), []byte("x"), 0, false)
		}))
		if err == nil {
			err = await(t, c)
		}
		if !errors.Is(err, ErrRefused) {
			t.Fatalf("outcome %v, want ErrRefused", err)
		}
		l.check(map[string]string{"k": "before", "new": "-"})
		if keys := l.Status().Keys; keys != 1 {
			t.Fatalf("%d keys, want 1", keys)
		}
	}
	log.Refuse(false)
	if err := await(t, l.set("k", "again")); err != nil {
		t.Fatalf("after there is space again: %v", err)
	}
	left := l.kill()
	begin(t, log.Writer(), left).check(map[string]string{"k": "again", "new": "-"})
}

// Writes that others refuse for the partition are refused at once; reads go on.
func TestRefuse(t *testing.T) {
	l := begin(t, waltest.NewMemory(), vfs.NewCrashableMem())
	await(t, l.set("k", "1"))
	l.Refuse(errors.New("the disk is full"))
	_, err := l.Update(write(func(tx *keyspace.Tx) { tx.Delete([]byte("k")) }))
	if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("Update: %v", err)
	}
	l.check(map[string]string{"k": "1"})
	l.Refuse(nil)
	if err := await(t, l.set("k", "2")); err != nil {
		t.Error(err)
	}
}

// I8: a unit that needs many messages is there whole, or not at all when its end is missing.
func TestLargeUnitIsWholeOrAbsent(t *testing.T) {
	small := func(c *Config) { c.PartSize = 100 }
	unit := write(func(tx *keyspace.Tx) {
		for i := range 200 {
			tx.Set(fmt.Appendf(nil, "k%d", i), []byte("some value"), 0, false)
		}
	})
	keysAfter := func(t *testing.T, hold wal.Seq) int64 {
		log := waltest.NewMemory()
		l := begin(t, log, vfs.NewCrashableMem(), small)
		if hold != 0 {
			log.Fault(hold, waltest.LosePublish)
		}
		c, err := l.Update(unit)
		if err != nil {
			t.Fatal(err)
		}
		if hold == 0 {
			if err := await(t, c); err != nil {
				t.Fatal(err)
			}
		}
		left := l.kill()
		return begin(t, log.Writer(), left, small).Status().Keys
	}
	if got := keysAfter(t, 0); got != 200 {
		t.Errorf("%d keys of an acknowledged unit of 200", got)
	}
	for _, hold := range []wal.Seq{2, 3, 10, 40} {
		if got := keysAfter(t, hold); got != 0 {
			t.Errorf("%d keys of a unit whose message %d is missing, want none", got, hold)
		}
	}
}

func TestUnitTooLarge(t *testing.T) {
	l := begin(t, waltest.NewMemory(), vfs.NewCrashableMem(), func(c *Config) { c.MaxUnit = 1000 })
	_, err := l.Update(write(func(tx *keyspace.Tx) {
		tx.Set([]byte("a"), nil, 0, false)
		tx.Set([]byte("b"), make([]byte, 2000), 0, false)
	}))
	if !errors.Is(err, ErrTooLarge) {
		t.Errorf("Update: %v, want ErrTooLarge", err)
	}
	l.check(map[string]string{"a": "-", "b": "-"})
}

// A command that panics has done nothing, and the lock is free.
func TestPanicIsUndone(t *testing.T) {
	l := begin(t, waltest.NewMemory(), vfs.NewCrashableMem())
	func() {
		defer func() { recover() }()
		_, _ = l.Update(write(func(tx *keyspace.Tx) {
			tx.Set([]byte("k"), []byte("v"), 0, false)
			panic("a bug")
		}))
	}()
	l.check(map[string]string{"k": "-"})
}

// I1, I7: whenever the process dies, the next one has exactly what was acknowledged, and perhaps what was in flight.
func TestRestartIsTheFoldOfTheLog(t *testing.T) {
	log, fs := waltest.NewMemory(), vfs.NewCrashableMem()
	want := map[string]string{}
	for round := range 5 {
		l := begin(t, log.Writer(), fs, func(c *Config) { c.MaxBacklog = 4096; c.Store.HotSet = 2048 })
		l.check(want)
		var mu sync.Mutex
		var writers sync.WaitGroup
		for w := range 4 {
			writers.Go(func() {
				for i := range 200 {
					key, value := fmt.Sprint("k", w, "-", i%20), fmt.Sprint(round, ".", i)
					if err := await(t, l.set(key, value)); err != nil {
						t.Errorf("set: %v", err)
						return
					}
					mu.Lock()
					want[key] = value
					mu.Unlock()
				}
			})
		}
		writers.Wait()
		if round%2 == 0 {
			fs = l.kill()
		} else if err := l.stop(); err != nil {
			t.Fatalf("Run: %v", err)
		}
	}
}
