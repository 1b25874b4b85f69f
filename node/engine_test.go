package node

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"shiplog/partitions"
)

// Who asks a lone node for replicas waits as long as they said, and is told that there are none.
func TestSyncLogWaitsForReplicasThatDoNotCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &engine{node: &Node{cfg: &Config{Log: Log{Sync: SyncAlways}}}}
		for replicas, want := range map[int]time.Duration{0: 0, 1: time.Second} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			begin := time.Now()
			local, others := e.SyncLog(ctx, 1, replicas)
			if took := time.Since(begin); local != 1 || others != 0 || took != want {
				t.Errorf("%d replicas: %d, %d after %v, want 1, 0 after %v", replicas, local, others, took, want)
			}
			cancel()
		}
	})
}

// An error reply always means "not done"; what is not known gets none.
func TestErrorReply(t *testing.T) {
	e := &engine{}
	for _, c := range []struct {
		err   error
		text  string
		final bool
	}{
		{partitions.ErrRefused, "MISCONF the log has no space for writes: writes are refused until there is space again, reads go on", false},
		{partitions.ErrTooLarge, "ERR the unit is larger than the configured limit: raise max-unit-size or write less at once; nothing was done", false},
		{partitions.ErrNotServing, "LOADING shiplog is loading the dataset in memory or stopping", false},
		{partitions.ErrUndecided, "", true},
		{partitions.ErrDeposed, "", true},
		{errors.New("Pebble failed"), "", true},
	} {
		if r, final := e.ErrorReply(c.err); r.Text != c.text || final != c.final {
			t.Errorf("%v is answered %q, final %v, want %q, %v", c.err, r.Text, final, c.text, c.final)
		}
	}
}
