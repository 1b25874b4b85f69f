package partitions

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"shiplog/partitions/keyspace"
	"shiplog/shipper"
	"shiplog/wal"
	"shiplog/wal/waltest"
)

// TestSeedFromAnotherCopy fills a copy that is wiped, or too far behind and of another history, while the source is written to, and holds
// that both states are equal in the end (I1).
func TestSeedFromAnotherCopy(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T, dir string){
		"wiped": func(*testing.T, string) {},
		"another history, too far behind": func(t *testing.T, dir string) {
			own := waltest.NewMemory()
			l := begin(t, own, nil, onDisk(dir))
			await(t, l.set("old", "1"))
			if err := l.stop(); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) { seedFromAnother(t, prepare) })
	}
}

// onDisk puts the state into a real folder: snapshots are made of files.
func onDisk(dir string) config {
	return func(c *Config) { c.Dir, c.Store.FS = dir, vfs.Default }
}

func seedFromAnother(t *testing.T, prepare func(*testing.T, string)) {
	root := t.TempDir()
	target := filepath.Join(root, "target")
	prepare(t, target)
	log := waltest.NewMemory()
	source := begin(t, log, nil, onDisk(filepath.Join(root, "source")))
	for i := range 200 {
		c := source.set(fmt.Sprint("key", i), strings.Repeat("v", 1000))
		if err := errors.Join(await(t, c), source.awaitApplied(c.number)); err != nil { // a snapshot is of what is applied
			t.Fatal(err)
		}
	}
	if err := log.Trim(t.Context(), 150); err != nil {
		t.Fatal(err)
	}
	shelf, err := shipper.NewShelf(filepath.Join(root, "shelf"), func(int) (shipper.Copier, error) { return source, nil }, shipper.NewPace(0))
	if err != nil {
		t.Fatal(err)
	}
	var writing sync.WaitGroup
	writing.Go(func() {
		for i := range 200 {
			source.set(fmt.Sprint("key", i), "while the snapshot is taken")
		}
	})
	o := keyspace.Options{Logger: quiet{}}
	s := shipper.Seeding{
		Partition: 0, Dir: target, Log: log, From: asking{shelf}, Progress: &shipper.Progress{},
		Inspect: func(dir string) (shipper.Copied, error) { return Inspect(dir, o) },
	}
	at, err := s.Run(t.Context())
	writing.Wait()
	if err != nil || at.Seq < 200 {
		t.Fatalf("Run = %d, %v", at.Seq, err)
	}
	await(t, source.set("end", "1"))
	if err := source.stop(); err != nil {
		t.Fatal(err)
	}
	copied, err := keyspace.Open(target, o)
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	follow(t, log, copied)
	original, err := keyspace.Open(filepath.Join(root, "source"), o)
	if err != nil {
		t.Fatal(err)
	}
	defer original.Close()
	wantAt, want, err := original.Digest()
	if err != nil {
		t.Fatal(err)
	}
	gotAt, got, err := copied.Digest()
	if err != nil || gotAt != wantAt || got != want {
		t.Errorf("the copy is at %d with digest %x (%v), want %d with %x", gotAt.Seq, got, err, wantAt.Seq, want)
	}
	if _, err := os.Stat(target + ".seed"); !os.IsNotExist(err) {
		t.Errorf("the folder in which the snapshot arrived: %v", err)
	}
}

// follow brings a state to the end of a log, as a replica does.
func follow(t *testing.T, log *waltest.Memory, store *keyspace.Store) {
	t.Helper()
	p := &Partition{cfg: Config{MaxUnit: 1 << 20, MaxBacklog: 1 << 20}, log: log, store: store}
	bounds, err := log.Bounds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	store.SetReplica(true)
	r := p.newReplay()
	if err := shipper.FollowTo(t.Context(), log, r, bounds.Last); err != nil {
		t.Fatal(err)
	}
	if err := r.flush(); err != nil {
		t.Fatal(err)
	}
}

// TestInspect holds that a state is known without being changed.
func TestInspect(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	log := waltest.NewMemory()
	l := begin(t, log, nil, onDisk(dir))
	await(t, l.set("key", "value"))
	if err := l.stop(); err != nil {
		t.Fatal(err)
	}
	before := names(t, dir)
	c, err := Inspect(dir, keyspace.Options{Logger: quiet{}})
	bounds, _ := log.Bounds(t.Context())
	if err != nil || c.Position.Seq != bounds.Last || c.Rows == 0 || c.Engine == 0 || c.Position.Incarnation == (wal.Incarnation{}) {
		t.Errorf("got %+v, %v; want the end of the log at %d", c, err, bounds.Last)
	}
	if after := names(t, dir); after != before {
		t.Errorf("the folder has %s, had %s", after, before)
	}
	for _, dir := range []string{t.TempDir(), filepath.Join(t.TempDir(), "missing")} {
		if _, err := Inspect(dir, keyspace.Options{Logger: quiet{}}); err == nil {
			t.Errorf("a folder without a state is taken for one")
		}
	}
}

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

// asking lets a seeding ask a shelf in the same process.
type asking struct{ shelf *shipper.Shelf }

func (a asking) Ask(ctx context.Context, request []byte) ([]byte, error) {
	return a.shelf.Answer(ctx, request, nil), nil
}
