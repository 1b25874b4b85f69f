package changes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"shiplog/wal"
)

// memoryStore is a Store in memory.
type memoryStore struct {
	values    map[string][]byte
	revisions map[string]uint64
	newest    uint64
}

func newMemoryStore() *memoryStore {
	return &memoryStore{values: map[string][]byte{}, revisions: map[string]uint64{}}
}

func (m *memoryStore) Load(_ context.Context, key string) ([]byte, uint64, error) {
	return m.values[key], m.revisions[key], nil
}

func (m *memoryStore) Update(_ context.Context, key string, value []byte, revision uint64) error {
	if m.revisions[key] != revision {
		return ErrConflict
	}
	m.newest++
	m.values[key], m.revisions[key] = value, m.newest
	return nil
}

func (m *memoryStore) Delete(_ context.Context, key string, revision uint64) error {
	if m.revisions[key] != revision {
		return ErrConflict
	}
	delete(m.values, key)
	delete(m.revisions, key)
	return nil
}

func (m *memoryStore) Keys(context.Context) (keys []string, err error) {
	for key := range m.values {
		keys = append(keys, key)
	}
	return keys, nil
}

// at is the token behind the record seq of partition 0.
func at(seq int) Token {
	return Token{Partitions: []Position{{Position: wal.Position{Incarnation: wal.Incarnation{1}, Seq: wal.Seq(seq), Epoch: 1, Index: uint64(seq)}}}}
}

// groupRig is a group "g" at record 0 and a clock.
type groupRig struct {
	t      *testing.T
	groups *Groups
	now    time.Time
	end    int // of the log
	takes  bool
}

func newGroupRig(t *testing.T) *groupRig {
	r := &groupRig{t: t, now: time.UnixMilli(1_000_000), end: 100, takes: true}
	r.groups = NewGroups(newMemoryStore(), func() time.Time { return r.now })
	if err := r.groups.Create(t.Context(), "g", Group{LeaseMS: 1000}, at(0)); err != nil {
		t.Fatal(err)
	}
	return r
}

// read has a consumer read up to 10 records, and returns "from-to", or nothing.
func (r *groupRig) read(consumer string, pending bool) string {
	r.t.Helper()
	text := ""
	turn := Turn{Group: "g", Consumer: consumer, LeaseMS: 1000, Pending: pending}
	ok, to, err := r.groups.Read(r.t.Context(), turn, func(from Token) (Token, bool, error) {
		end := min(int(from.Partitions[0].Seq)+10, r.end)
		text = fmt.Sprintf("%d-%d", from.Partitions[0].Seq, end)
		return at(end), r.takes && end > int(from.Partitions[0].Seq), nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	if !ok {
		return ""
	}
	if end := fmt.Sprint(to.Partitions[0].Seq); !strings.HasSuffix(text, "-"+end) {
		r.t.Errorf("%s ends at %s", text, end)
	}
	return text
}

func (r *groupRig) ack(seq int) string {
	r.t.Helper()
	done, err := r.groups.Ack(r.t.Context(), "g", at(seq))
	switch {
	case errors.Is(err, ErrNotGiven):
		return "not given"
	case err != nil:
		r.t.Fatal(err)
	}
	return fmt.Sprint(done)
}

// TestGroup is a script: who reads or acknowledges what, and what comes of it.
func TestGroup(t *testing.T) {
	r := newGroupRig(t)
	for i, step := range []struct {
		what string
		got  func() string
		want string
	}{
		{"a reads", func() string { return r.read("a", false) }, "0-10"},
		{"b waits for a", func() string { return r.read("b", false) }, ""},
		{"a is not given the same again", func() string { return r.read("a", false) }, ""},
		{"unless it asks", func() string { return r.read("a", true) }, "0-10"},
		{"b may not ask for what a has", func() string { return r.read("b", true) }, ""},
		{"a acknowledges too much", func() string { return r.ack(11) }, "not given"},
		{"a acknowledges a part", func() string { return r.ack(4) }, "true"},
		{"and again", func() string { return r.ack(4) }, "false"},
		{"and less", func() string { return r.ack(2) }, "false"},
		{"the rest is still a's", func() string { return r.read("b", false) }, ""},
		{"a second later it is not", func() string { r.now = r.now.Add(time.Second); return r.read("b", false) }, "4-14"},
		{"a was slow, but has done it", func() string { return r.ack(10) }, "true"},
		{"b has the rest", func() string { return r.read("a", false) }, ""},
		{"b is done", func() string { return r.ack(14) }, "true"},
		{"a reads on", func() string { return r.read("a", false) }, "14-24"},
		{"and is done", func() string { return r.ack(24) }, "true"},
		{"nothing is given", func() string { return r.ack(30) }, "not given"},
		{"the filter takes nothing", func() string { r.takes = false; return r.read("a", false) }, ""},
		{"and the group moves on", func() string { r.takes = true; return r.read("a", false) }, "34-44"},
	} {
		if got := step.got(); got != step.want {
			t.Errorf("step %d, %s: %q, want %q", i, step.what, got, step.want)
		}
	}
}

func TestGroupsComeAndGo(t *testing.T) {
	r := newGroupRig(t)
	ctx := t.Context()
	if err := r.groups.Create(ctx, "g", Group{}, at(0)); !errors.Is(err, ErrGroupExists) {
		t.Errorf("a second group of the same name: %v", err)
	}
	if err := r.groups.Create(ctx, "\x00h.", Group{Types: []string{"hash"}, Globs: [][]byte{{255}}}, at(5)); err != nil {
		t.Fatal(err)
	}
	if names, err := r.groups.Names(ctx); err != nil || !slices.Equal(names, []string{"\x00h.", "g"}) {
		t.Errorf("the groups are %q, %v", names, err)
	}
	g, err := r.groups.Find(ctx, "\x00h.")
	if err != nil || g.LeaseMS != usualLease.Milliseconds() || !slices.Equal(g.Parts, []int{0}) || string(g.Globs[0]) != "\xff" {
		t.Errorf("the group is %+v, %v", g, err)
	}
	for _, want := range []bool{true, false} {
		if was, err := r.groups.Delete(ctx, "g"); was != want || err != nil {
			t.Errorf("deleted %t, %v; want %t", was, err, want)
		}
	}
	if _, err := r.groups.Find(ctx, "g"); !errors.Is(err, ErrNoGroup) {
		t.Errorf("a deleted group: %v", err)
	}
	if _, err := r.groups.Ack(ctx, "g", at(1)); !errors.Is(err, ErrNoGroup) {
		t.Errorf("an acknowledgement to it: %v", err)
	}
	if err := r.groups.Create(ctx, "g", Group{}, at(7)); err != nil {
		t.Errorf("made again: %v", err)
	}
}

// TestGroupConflict lets somebody else be faster between reading and giving.
func TestGroupConflict(t *testing.T) {
	r := newGroupRig(t)
	turn := Turn{Group: "g", Consumer: "a", LeaseMS: 1000}
	ok, _, err := r.groups.Read(t.Context(), turn, func(Token) (Token, bool, error) {
		if got := r.read("b", false); got != "0-10" {
			t.Errorf("b reads %q", got)
		}
		return at(10), true, nil
	})
	if ok || err != nil {
		t.Errorf("a was given the same as b: %v", err)
	}
}
