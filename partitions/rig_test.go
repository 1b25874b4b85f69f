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

// patience is how long a test waits for what must happen; it is long because nothing waits for it otherwise.
const patience = 20 * time.Second

// life is one run of a partition.
type life struct {
	*Partition
	t    *testing.T
	log  *waltest.Memory
	fs   *vfs.MemFS
	end  context.CancelCauseFunc
	ran  chan error
	over bool
}

// config is the configuration that tests change.
type config func(c *Config)

// begin opens a partition over a log and a file system and runs it until it serves.
func begin(t *testing.T, log *waltest.Memory, fs *vfs.MemFS, changes ...config) *life {
	t.Helper()
	l := open(t, log, fs, changes...)
	select {
	case <-l.Ready():
	case err := <-l.ran:
		l.ran <- err // for stop
		t.Fatalf("Run: %v", err)
	case <-time.After(patience):
		t.Fatal("the partition does not become ready")
	}
	return l
}

func open(t *testing.T, log *waltest.Memory, fs *vfs.MemFS, changes ...config) *life {
	t.Helper()
	c := Config{
		Dir: "state", Log: log, Node: wal.NodeID{1}, FlushEvery: time.Hour, ExpireEvery: time.Hour,
		Store:     keyspace.Options{FS: fs, HotSet: 1 << 20, Logger: quiet{}},
		Retention: Retention{Age: time.Hour},
	}
	for _, change := range changes {
		change(&c)
	}
	p, err := Open(c)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	l := &life{Partition: p, t: t, log: log, fs: fs, ran: make(chan error, 1)}
	ctx, end := context.WithCancelCause(context.Background())
	l.end = end
	go func() { l.ran <- p.Run(ctx) }()
	t.Cleanup(func() {
		if !l.over {
			log.Heal()
			l.stop()
		}
	})
	return l
}

// stop ends the partition in the orderly way and returns what Run returned.
func (l *life) stop() error {
	l.t.Helper()
	l.over = true
	l.end(errors.New("stopped by the test"))
	err := receive(l.t, l.ran, "the end of Run")
	if closing := l.Close(); closing != nil {
		l.t.Errorf("Close: %v", closing)
	}
	return err
}

// kill ends the partition as a power cut would: the log's writer is gone, and what Pebble had not made durable is lost. It
// returns what is left of the state.
func (l *life) kill() *vfs.MemFS {
	l.t.Helper()
	left := l.fs.CrashClone(vfs.CrashCloneCfg{})
	l.over = true
	if err := l.log.Close(); err != nil {
		l.t.Errorf("close the log: %v", err)
	}
	l.end(errors.New("killed by the test"))
	receive(l.t, l.ran, "the end of Run")
	if err := l.Abandon(); err != nil {
		l.t.Errorf("Abandon: %v", err)
	}
	return left
}

// write is a unit; read is a command that reads.
type (
	write func(tx *keyspace.Tx)
	read  func(v *keyspace.View)
)

func (w write) Write(tx *keyspace.Tx) { w(tx) }
func (w write) Origin() uint64        { return 0 }
func (r read) Read(v *keyspace.View)  { r(v) }

// set sets key to value and returns the commit to wait for.
func (l *life) set(key, value string) *Commit {
	l.t.Helper()
	c, err := l.Update(write(func(tx *keyspace.Tx) { tx.Set([]byte(key), []byte(value), 0, false) }))
	if err != nil {
		l.t.Fatalf("set %s: %v", key, err)
	}
	return c
}

// get returns the value of key, "-" if there is none, and the commit that the answer waits for.
func (l *life) get(key string) (string, *Commit) {
	l.t.Helper()
	value := "-"
	c, err := l.View(read(func(v *keyspace.View) {
		value = "-"
		if got, ok := v.Get([]byte(key)); ok {
			value = string(got.Data)
		}
	}))
	if err != nil {
		l.t.Fatalf("get %s: %v", key, err)
	}
	return value, c
}

// check waits until nothing is unacknowledged and compares keys with values.
func (l *life) check(want map[string]string) {
	l.t.Helper()
	for key, value := range want {
		got, c := l.get(key)
		await(l.t, c)
		if got != value {
			l.t.Errorf("%s is %.40q, want %q", key, got, value)
		}
	}
}

// await waits for a commit and returns its outcome.
func await(t *testing.T, c *Commit) error {
	t.Helper()
	if c == nil {
		return nil
	}
	receive(t, c.Done(), "the outcome of a record")
	return c.Err()
}

// receive returns what comes, and ends the test when nothing does.
func receive[T any](t *testing.T, from <-chan T, what string) (got T) {
	t.Helper()
	select {
	case got = <-from:
	case <-time.After(patience):
		t.Fatalf("%s does not come", what)
	}
	return got
}

// ends waits for Run to return by itself, and returns what it does.
func (l *life) ends() error {
	l.t.Helper()
	err := receive(l.t, l.ran, "the end of Run")
	l.ran <- nil // for stop
	return err
}

// undecided fails if the commit is decided by now.
func undecided(t *testing.T, c *Commit) {
	t.Helper()
	select {
	case <-c.Done():
		t.Fatalf("decided although the log has not answered: %v", c.Err())
	default:
	}
}

// records decodes the log from sequence from on.
func records(t *testing.T, log *waltest.Memory, from wal.Seq) (all []wal.Record) {
	t.Helper()
	b, err := log.Bounds(t.Context())
	if err != nil {
		t.Fatalf("Bounds: %v", err)
	}
	for seq := max(from, b.First); seq <= b.Last; seq++ {
		message, err := log.Get(t.Context(), seq)
		if err != nil {
			t.Fatalf("Get %d: %v", seq, err)
		}
		r, err := wal.DecodeRecord(message)
		if err != nil {
			t.Fatalf("record %d: %v", seq, err)
		}
		all = append(all, r)
	}
	return all
}

// quiet drops what Pebble has to say.
type quiet struct{}

func (quiet) Infof(string, ...any)              {}
func (quiet) Errorf(string, ...any)             {}
func (quiet) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
