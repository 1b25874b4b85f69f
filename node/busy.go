package node

import (
	"context"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
)

// busyness is whether this process uses most of the processors that it may use: what is not urgent then takes from clients what it takes.
type busyness struct{ now atomic.Bool }

const (
	busyEvery = 100 * time.Millisecond
	busyParts = 3 // in use are two of so many parts
)

// look keeps it until ctx ends.
func (b *busyness) look(ctx context.Context) {
	tick := time.NewTicker(busyEvery)
	defer tick.Stop()
	for at, used := time.Now(), processTime(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now, uses := time.Now(), processTime()
		b.now.Store(isBusy(uses-used, now.Sub(at), runtime.GOMAXPROCS(0)))
		at, used = now, uses
	}
}

// processors are how many this process may use, and whether it uses most of them.
type processors struct {
	count int
	busy  bool
}

func (b *busyness) processors() processors {
	return processors{count: runtime.GOMAXPROCS(0), busy: b.now.Load()}
}

// isBusy tells whether a process that has used so much processor time within a while has used most of what so many processors have.
func isBusy(used, within time.Duration, processors int) bool {
	return busyParts*used >= 2*within*time.Duration(processors)
}

// processTime is what this process has used of its processors' time since it began.
func processTime() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
