package node

import (
	"context"
	"errors"
	"testing"

	"shiplog/embedded"
	"shiplog/wal"
	"shiplog/wal/jetstream"
)

// writeLog leaves two messages in the log of partition 0 of dir.
func writeLog(t *testing.T, dir *DataDir) {
	t.Helper()
	nats, err := embedded.Open(embedded.Config{Dir: dir.LogDir(), Name: "test", Sync: embedded.SyncNo})
	if err != nil {
		t.Fatal(err)
	}
	log, err := jetstream.Open(context.Background(), jetstream.Config{Connect: nats.Connect, Dial: nats.Dial, MaxBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	for i, message := range []string{"one", "two"} {
		done := make(chan error, 1)
		log.Append(wal.Seq(i+1), []byte(message), func(err error) { done <- err })
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(log.Close(), nats.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestOpenLog(t *testing.T) {
	dir := mustOpen(t, t.TempDir())
	writeLog(t, dir)
	for range 2 { // reading leaves everything as it was, and nothing open
		log, done, err := OpenLog(dir, 0)
		if err != nil {
			t.Fatal(err)
		}
		bounds, err := log.Bounds(context.Background())
		if want := (wal.Bounds{First: 1, Last: 2}); err != nil || bounds.First != want.First || bounds.Last != want.Last {
			t.Errorf("bounds %v, %v; want %v", bounds, err, want)
		}
		if got, err := log.Get(context.Background(), 2); err != nil || string(got) != "two" {
			t.Errorf("sequence 2 is %q, %v; want two", got, err)
		}
		if err := done(); err != nil {
			t.Error(err)
		}
	}
	if _, _, err := OpenLog(dir, 1); !errors.Is(err, jetstream.ErrNoLog) {
		t.Errorf("partition 1: %v, want %v", err, jetstream.ErrNoLog)
	}
}
