package admin

import "time"

// full is a Snapshot in which every metric has a value.
func full() *Snapshot {
	lag := 250 * time.Millisecond
	return &Snapshot{
		Build:    Build{"1.2.3", "abc", "go1"},
		Clients:  Clients{Connected: 3, Blocked: 1, Tracking: 1, Max: 100, Received: 7, Rejected: 2, BufferBytes: 4096},
		Commands: []Command{{"client|id", 2, time.Millisecond, 0, 1}, {"get", 5, 1500 * time.Microsecond, 1, 0}},
		Errors:   []ErrorCount{{"ERR", 2}, {"\xff", 1}},
		Traffic:  Traffic{Commands: 7, Errors: 3, BytesIn: 100, BytesOut: 200},
		Memory:   Memory{Used: 1000, HotSet: 100, BlockCache: 200, Memtables: 300, Backlog: 400},
		Disk:     Disk{FreeBytes: 1 << 30, Refused: true},
		Log:      Log{Sync: "always", Retention: time.Hour, RetentionBytes: 1 << 20, MaxBytes: 1 << 21, Elections: 4},
		Partitions: []Partition{{
			Number: 0, Role: "primary", Epoch: 3, Applied: 10, Durable: 8, LagRecords: 1, Unanswered: 20 * time.Millisecond,
			Keys: Keys{Count: 5, Expiring: 2, InMemory: 4, Hits: 6, Misses: 7, Expired: 8},
			Log:  &LogSize{First: 2, Last: 11, Bytes: 999, Oldest: time.UnixMilli(1_700_000_000_500)},
			Appends: Histogram{
				Bounds: []time.Duration{time.Millisecond, time.Second}, Counts: []uint64{3, 2}, Total: 6, Sum: 4 * time.Second,
			},
			Appended: 77, Load: Load{Commands: 13, Bytes: 14, CPU: 15 * time.Millisecond, Measured: true}, StateBytes: 16, Turns: Turns{1, 2, 3},
		}, {
			Number: 12, Role: "seeding", Durable: 5, LagRecords: 6, Lag: &lag,
			Seed: &Seed{Bytes: 50, TotalBytes: 100, RecordsBehind: 6, Left: 3 * time.Second},
		}},
		Cluster: &Cluster{Coordinates: true, Version: 9, Nodes: 3, Alive: 2, Partitions: 16, Unled: 1, Ignored: 5},
		Changes: Changes{
			Readers: 2, Snapshots: 1, Delivered: 30, Trimmed: 1,
			Subscriptions: []Lag{{"4", 10, time.Second}, {"7", 20, 0}}, Groups: []Lag{{"billing", 3, 2 * time.Second}, {"\xff\n", 1, 0}},
			Projectors: []Projector{{Partition: 0, Behind: &Lag{Records: 4, Behind: time.Second}, Published: 5}, {Partition: 3, Failing: true}},
		},
	}
}
