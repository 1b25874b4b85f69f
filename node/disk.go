package node

import (
	"context"
	"fmt"
	"syscall"
	"time"
)

// diskEvery is how often the free space is looked at: a full second's writes must not fill what is kept free.
const diskEvery = 100 * time.Millisecond

// healthEvery is after how many looks at the disk the log's server is asked whether it can store.
const healthEvery = 10

// watchDisk refuses writes while there is less free space than configured, so that the log and the state hardly ever meet
// a full disk, or while the log's server cannot store, and allows them again by itself.
func (n *Node) watchDisk(ctx context.Context) error {
	tick := time.NewTicker(diskEvery)
	defer tick.Stop()
	refusing := false
	var health error
	for round := 0; ; round++ {
		if round%healthEvery == 0 {
			health = n.nats.Healthy()
		}
		why := lowDisk(n.dir.Path, n.settings.Config().Log.MinFreeDisk)
		if why == nil {
			why = health
		}
		if why != nil || refusing {
			for _, p := range n.holder.held() { // each time: a copy of a cluster may have been opened since
				p.Refuse(why)
			}
		}
		if (why != nil) != refusing {
			refusing = why != nil
			n.refusing.Store(refusing)
			if refusing {
				n.log.Error("writes are refused", "reason", why)
			} else {
				n.log.Warn("writes are taken again")
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// lowDisk says why there is too little space on the disk of dir, nil if there is enough or it cannot be known.
func lowDisk(dir string, least int64) error {
	free, err := diskFree(dir)
	if err != nil || free >= least {
		return nil
	}
	return fmt.Errorf("%d MB are free on the disk, min-free-disk asks for %d MB", free>>20, least>>20)
}

// diskFree returns how many bytes this process may still write on the disk of dir.
func diskFree(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", dir, err)
	}
	return int64(s.Bavail) * s.Bsize, nil
}
