package shipper

import (
	"os"

	"golang.org/x/sys/unix"
)

// writeBack has the disk begin with n bytes at an offset of a file, which were just written, and waits until it has what was begun with before. An error is
// of no account: what must be on disk is synced.
func writeBack(f *os.File, at, n int64) {
	const begin = unix.SYNC_FILE_RANGE_WRITE
	_ = unix.SyncFileRange(int(f.Fd()), max(0, at-n), n, unix.SYNC_FILE_RANGE_WAIT_BEFORE|begin)
	_ = unix.SyncFileRange(int(f.Fd()), at, n, begin)
}
