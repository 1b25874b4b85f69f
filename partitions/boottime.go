package partitions

import (
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// BootClock returns a clock that runs through suspend, unlike Go's own monotonic clock (golang/go#24595): a lease must not
// outlive a night in a laptop's sleep. It may be read from several goroutines. Only differences between readings of clocks of one
// machine mean something.
//
// The system's own such clock costs a system call, and a primary reads the time for each command. So it is asked only when the
// machine may have slept: then wall time has moved against the monotonic clock, as it does when somebody sets it. A sleep shorter than
// sleepNoticed goes unnoticed, for which a lease's margin must allow.
func BootClock() func() time.Duration {
	c := &bootClock{began: time.Now(), ask: bootTime}
	return func() time.Duration { return c.at(time.Now()) }
}

// sleepNoticed is how far wall time may be off before the system is asked.
const sleepNoticed = time.Millisecond

// bootClock counts on from what the system said last.
type bootClock struct {
	began time.Time
	ask   func() time.Duration
	last  atomic.Pointer[asked]
}

// asked is what the system said: what to add to the monotonic time, while wall time is so far from that.
type asked struct{ add, wall time.Duration }

func (c *bootClock) at(now time.Time) time.Duration {
	since := now.Sub(c.began) // by the monotonic clock
	wall := time.Duration(now.UnixNano()) - since
	last := c.last.Load()
	if last == nil || (wall-last.wall).Abs() >= sleepNoticed {
		last = &asked{add: c.ask() - since, wall: wall}
		c.last.Store(last)
	}
	return since + last.add
}

// bootTime asks the system for the time since the machine was started, sleep included.
func bootTime() time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		panic(fmt.Sprintf("partitions: no clock that runs through suspend: %v", err))
	}
	return time.Duration(now.Nano())
}
