package node

import (
	"context"
	"errors"

	"shiplog/embedded"
	"shiplog/wal"
	"shiplog/wal/jetstream"
)

// OpenLog opens the log of a partition in a directory that no node runs on, for reading. It makes no log where
// there is none. The caller calls done when it has read what it wants; dir stays open.
func OpenLog(dir *DataDir, partition int) (log wal.Log, done func() error, err error) {
	nats, err := embedded.Open(embedded.Config{
		Dir:  dir.LogDir(),
		Name: serverName(dir.NodeID),
		Sync: embedded.SyncAlways,
	})
	if err != nil {
		return nil, nil, err
	}
	opened, err := jetstream.Open(context.Background(), jetstream.Config{
		Partition: partition, Connect: nats.Connect, Dial: nats.Dial, Existing: true,
	})
	if err != nil {
		return nil, nil, errors.Join(err, nats.Close())
	}
	return opened, func() error { return errors.Join(opened.Close(), nats.Close()) }, nil
}
