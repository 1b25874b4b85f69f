package node

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A stop waits for the state, but not for ever.
func TestWithin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		late := 0
		for _, c := range []struct {
			takes time.Duration
			want  error
			late  int
		}{{time.Second, broken, 0}, {3 * time.Second, nil, 1}} {
			begin := time.Now()
			got := within(2*time.Second, func() error { time.Sleep(c.takes); return broken }, func() { late++ })
			if got != c.want || late != c.late || time.Since(begin) > 2*time.Second {
				t.Errorf("taking %v: got %v after %v, late %d times, want %v, %d", c.takes, got, time.Since(begin), late, c.want, c.late)
			}
		}
		time.Sleep(time.Minute) // what came late has ended
	})
}
