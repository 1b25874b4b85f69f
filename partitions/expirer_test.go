package partitions

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"shiplog/partitions/keyspace"
	"shiplog/wal"
	"shiplog/wal/waltest"
)

// Fields of hashes whose time is over go by themselves, all that share a deadline too, as effects that say so.
func TestExpiryOfFieldsIsAnEffect(t *testing.T) {
	log := waltest.NewMemory()
	clock := &clock{now: time.UnixMilli(1_000_000)}
	l := begin(t, log, vfs.NewCrashableMem(), func(c *Config) { c.Now = clock.Now })
	const n = 100
	c, err := l.Update(write(func(tx *keyspace.Tx) {
		for _, key := range []string{"short", "long"} {
			s, _ := tx.WriteHash([]byte(key))
			for i := range n {
				s.Set(fmt.Appendf(nil, "f%d", i), nil, 1_000_500, keyspace.PackLimits{})
			}
			if key == "long" {
				s.Set([]byte("later"), nil, 2_000_000, keyspace.PackLimits{})
				s.Set([]byte("ever"), nil, 0, keyspace.PackLimits{})
			}
		}
	}))
	if err != nil || await(t, c) != nil {
		t.Fatal(err)
	}
	if err := l.awaitApplied(c.number); err != nil {
		t.Fatal(err)
	}
	clock.advance(time.Second)
	if _, err := l.removeDue(context.Background(), nil, l.store.DueFields); err != nil {
		t.Fatalf("removeDue: %v", err)
	}
	l.mu.Lock()
	v := l.store.View(clock.Now().UnixMilli())
	short, _ := v.ReadHash([]byte("short"))
	long, _ := v.ReadHash([]byte("long"))
	if short.There() || long.Len() != 2 {
		t.Errorf("%d and %d fields left, want none and 2", short.Len(), long.Len())
	}
	l.mu.Unlock()
	removed := map[wal.Op]int{}
	for _, r := range records(t, log, 3) {
		var reader wal.EffectReader
		reader.Reset(r.Body)
		for e := (wal.Effect{}); ; removed[e.Op]++ {
			if more, err := reader.Next(&e); err != nil || !more {
				break
			}
			if e.Cause != wal.CauseExpire {
				t.Fatalf("effect %+v", e)
			}
		}
	}
	if removed[wal.OpHDel] != 2*n || removed[wal.OpDel] != 1 || len(removed) != 2 {
		t.Errorf("effects %v, want %d hdel and 1 del", removed, 2*n)
	}
}

// The expirer sleeps until a field has a deadline, also when no key has one.
func TestFieldsWakeTheExpirer(t *testing.T) {
	l := begin(t, waltest.NewMemory(), vfs.NewCrashableMem())
	update := func(change func(s *keyspace.Hash)) {
		t.Helper()
		c, err := l.Update(write(func(tx *keyspace.Tx) {
			s, _ := tx.WriteHash([]byte("h"))
			change(&s)
		}))
		if err != nil || await(t, c) != nil {
			t.Fatal(err)
		}
		if err := l.awaitApplied(c.number); err != nil {
			t.Fatal(err)
		}
	}
	rests := func(want bool, when string) {
		t.Helper()
		if got, err := l.nothingExpires(); got != want || err != nil {
			t.Errorf("%s: nothing expires: %v, %v, want %v", when, got, err, want)
		}
	}
	update(func(s *keyspace.Hash) { s.Set([]byte("f"), nil, 0, keyspace.PackLimits{}) })
	rests(true, "without deadlines")
	update(func(s *keyspace.Hash) { s.Expire([]byte("f"), 1<<45) })
	l.mu.Lock()
	if l.resting {
		t.Error("the expirer still rests")
	}
	l.mu.Unlock()
	rests(false, "with a deadline")
	update(func(s *keyspace.Hash) { s.Expire([]byte("f"), 0) })
	rests(true, "without it")
}
