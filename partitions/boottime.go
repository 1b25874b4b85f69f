package partitions

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// BootTime reads a clock that runs through suspend, unlike Go's own monotonic clock (golang/go#24595): a lease must not
// outlive a night in a laptop's sleep. Only differences between readings of one machine mean something.
func BootTime() time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		panic(fmt.Sprintf("partitions: no clock that runs through suspend: %v", err))
	}
	return time.Duration(now.Nano())
}
