package partitions

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"shiplog/partitions/keyspace"
	"shiplog/wal"
	"shiplog/wal/waltest"
)

// I9: a power cut can take the end of a log that is not fsynced at once, but not of the state. The log is
// founded anew, and nothing that the state had is lost.
func TestStateAheadOfTheLog(t *testing.T) {
	fs := vfs.NewCrashableMem()
	l := begin(t, waltest.NewMemory(), fs)
	for i := range 10 {
		await(t, l.set(fmt.Sprint("k", i), "v"))
	}
	at := l.Status().Tail
	if err := l.stop(); err != nil {
		t.Fatal(err)
	}
	short := waltest.NewMemory() // as if nothing of the log had reached the disk
	l = begin(t, short, fs)
	l.check(map[string]string{"k0": "v", "k9": "v"})
	if s := l.Status(); !s.Recovery.Refounded || s.Tail.Incarnation == at.Incarnation || s.Tail.Epoch != at.Epoch+1 || s.Tail.Seq != at.Seq+1 {
		t.Errorf("founded anew at %+v after %+v", s.Tail, at)
	}
	await(t, l.set("more", "v"))
	left := l.kill()
	begin(t, short.Writer(), left).check(map[string]string{"k9": "v", "more": "v"})
}

// Two data directories were mixed: neither may be thrown away silently.
func TestStateOfAnotherHistoryIsRefused(t *testing.T) {
	logs, states := []*waltest.Memory{waltest.NewMemory(), waltest.NewMemory()}, []*vfs.MemFS{vfs.NewCrashableMem(), vfs.NewCrashableMem()}
	for i := range logs {
		l := begin(t, logs[i], states[i])
		await(t, l.set("k", fmt.Sprint(i)))
		if err := l.stop(); err != nil {
			t.Fatal(err)
		}
	}
	l := open(t, logs[0].Writer(), states[1])
	if err := l.ends(); !errors.Is(err, ErrDiffers) {
		t.Errorf("Run: %v, want ErrDiffers", err)
	}
	if got := len(records(t, logs[0].Writer(), 1)); got != 2 {
		t.Errorf("the log has %d records, want the 2 of before", got)
	}
}

func TestLogTrimmedBeyondTheStateIsRefused(t *testing.T) {
	log := waltest.NewMemory()
	l := begin(t, log, vfs.NewCrashableMem())
	for range 10 {
		await(t, l.set("k", "v"))
	}
	left := l.kill()
	writer := log.Writer()
	if err := writer.Trim(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	l = open(t, writer, left)
	if err := l.ends(); !errors.Is(err, ErrBehind) {
		t.Errorf("Run: %v, want ErrBehind", err)
	}
}

// I10: the log is trimmed behind what is durable, and what the state lacks is still there after a power cut.
func TestTrimKeepsWhatTheStateLacks(t *testing.T) {
	log := waltest.NewMemory()
	clock := &clock{now: time.UnixMilli(1_000_000)}
	fs := vfs.NewCrashableMem()
	l := begin(t, log, fs, func(c *Config) { c.Now = clock.Now })
	for i := range 20 {
		await(t, l.set(fmt.Sprint("old", i), "v"))
	}
	clock.advance(2 * time.Hour)
	var newest *Commit
	for i := range 20 {
		newest = l.set(fmt.Sprint("young", i), "v")
		await(t, newest)
	}
	if err := l.awaitApplied(newest.number); err != nil {
		t.Fatal(err)
	}
	if err := l.Checkpoint(t.Context()); err != nil {
		t.Fatalf("Checkpoint: %v", err)
	}
	b, err := log.Bounds(t.Context())
	if err != nil || b.First != 22 {
		t.Errorf("the log begins at %d, %v, want 22: the first of the young", b.First, err)
	}
	await(t, l.set("last", "v"))
	left := l.kill()
	begin(t, log.Writer(), left).check(map[string]string{"old0": "v", "young19": "v", "last": "v"})
}

// Keys whose time is over go by themselves, as effects that say so.
func TestExpiryIsAnEffect(t *testing.T) {
	log := waltest.NewMemory()
	clock := &clock{now: time.UnixMilli(1_000_000)}
	l := begin(t, log, vfs.NewCrashableMem(), func(c *Config) { c.Now = clock.Now })
	const n = 3 * expireUnit
	c, err := l.Update(write(func(tx *keyspace.Tx) {
		for i := range n {
			tx.Set(fmt.Appendf(nil, "k%d", i), nil, 1_000_500, false)
		}
		tx.Set([]byte("later"), nil, 2_000_000, false)
	}))
	if err != nil || await(t, c) != nil {
		t.Fatal(err)
	}
	if err := l.awaitApplied(c.number); err != nil {
		t.Fatal(err)
	}
	clock.advance(time.Second)
	if _, err := l.expire(context.Background(), nil); err != nil {
		t.Fatalf("expire: %v", err)
	}
	if s := l.Status(); s.Keys != 1 || s.Tally.Expired != n {
		t.Errorf("%d keys left and %d removed, want 1 and %d", s.Keys, s.Tally.Expired, n)
	}
	removed := 0
	for _, r := range records(t, log, 3) {
		var reader wal.EffectReader
		reader.Reset(r.Body)
		for e := (wal.Effect{}); ; removed++ {
			if more, err := reader.Next(&e); err != nil || !more {
				break
			}
			if e.Op != wal.OpDel || e.Cause != wal.CauseExpire {
				t.Fatalf("effect %+v", e)
			}
		}
	}
	if removed != n {
		t.Errorf("%d effects, want %d", removed, n)
	}
}
