package admin

import (
	"strconv"
	"time"
)

// roles are all that a copy can be.
func roles() []string {
	return []string{"primary", "promoted", "replica", "handing", "seeding", "stopped"}
}

// partitionLabel is the label of what is measured for each partition that the node has a copy of.
func partitionLabel() []string { return []string{"partition"} }

func partitionMetrics() []metric {
	label := partitionLabel()
	return append([]metric{
		{name: "partition_role", unit: "0 or 1", labels: []string{"partition", "role"}, help: "1 for the role of this node's copy: " +
			"primary, promoted (is about to lead), replica, handing (is about not to lead), seeding (is being filled, or not open) or stopped.", values: roleValues},
		{name: "partition_epoch", unit: "epochs", labels: label, help: "The newest primary's term that the copy knows.", values: each(func(p *Partition) uint64 { return p.Epoch })},
		{name: "partition_applied_sequence", unit: "records", labels: label, help: "The newest record in the state.", values: each(func(p *Partition) uint64 { return p.Applied })},
		{name: "partition_durable_sequence", unit: "records", labels: label, help: "The newest record that the state has on the disk. The log has every acknowledged one.", values: each(func(p *Partition) uint64 { return p.Durable })},
		{name: "partition_lag_records", unit: "records", labels: label, help: "Records of the log, as far as this node knows, that the state does not have.", values: each(func(p *Partition) uint64 { return p.LagRecords })},
		{name: "partition_lag_seconds", unit: "seconds", labels: label, help: "How old what a replica shows may be; missing while that is not known, and on a primary.",
			values: some(func(p *Partition) (float64, bool) {
				if p.Lag == nil {
					return 0, false
				}
				return seconds(*p.Lag), true
			})},
		{name: "partition_commands_total", kind: counter, unit: "commands", labels: label, help: "Commands run on the copy.", values: each(func(p *Partition) uint64 { return p.Load.Commands })},
		{name: "partition_traffic_bytes_total", kind: counter, unit: "bytes", labels: label, help: "Bytes of those commands and their replies, about; not on a lone node.",
			values: some(func(p *Partition) (uint64, bool) { return p.Load.Bytes, p.Load.Measured })},
		{name: "partition_cpu_seconds_total", kind: counter, unit: "seconds", labels: label, help: "Processor time of those commands and of applying their effects, about; not on a lone node.",
			values: some(func(p *Partition) (float64, bool) { return seconds(p.Load.CPU), p.Load.Measured })},
		{name: "partition_state_bytes", unit: "bytes", labels: label, help: "The state on the disk, within the last seconds.", values: each(func(p *Partition) uint64 { return p.StateBytes })},
		{name: "partition_promotions_total", kind: counter, unit: "times", labels: label, help: "Times that the copy has become primary.", values: each(func(p *Partition) uint64 { return p.Turns.Promotions })},
		{name: "partition_handovers_total", kind: counter, unit: "times", labels: label, help: "Times that the copy, as primary, has handed over.", values: each(func(p *Partition) uint64 { return p.Turns.HandOvers })},
		{name: "partition_depositions_total", kind: counter, unit: "times", labels: label, help: "Times that the copy, as primary, has found another primary's record in the log.", values: each(func(p *Partition) uint64 { return p.Turns.Depositions })},
	}, keyMetrics(label)...)
}

func keyMetrics(label []string) []metric {
	return []metric{
		{name: "keys", unit: "keys", labels: label, help: "Keys of the copy.", values: each(func(p *Partition) int64 { return p.Keys.Count })},
		{name: "keys_expiring", unit: "keys", labels: label, help: "Keys that have a time to live.", values: each(func(p *Partition) int64 { return p.Keys.Expiring })},
		{name: "keys_in_memory", unit: "keys", labels: label, help: "Keys that are kept in memory.", values: each(func(p *Partition) int64 { return p.Keys.InMemory })},
		{name: "keyspace_hits_total", kind: counter, unit: "lookups", labels: label, help: "Lookups of reading commands that found the key.", values: each(func(p *Partition) uint64 { return p.Keys.Hits })},
		{name: "keyspace_misses_total", kind: counter, unit: "lookups", labels: label, help: "Lookups of reading commands that did not.", values: each(func(p *Partition) uint64 { return p.Keys.Misses })},
		{name: "expired_keys_total", kind: counter, unit: "keys", labels: label, help: "Keys that the copy, as primary, has removed because their time was over.", values: each(func(p *Partition) uint64 { return p.Keys.Expired })},
		{name: "evicted_keys_total", kind: counter, unit: "keys", help: "Always 0: keys lie on the disk and are never evicted.", values: func(_ *Snapshot, out emit) { out(0) }},
	}
}

// roleValues is 1 for the role that each copy has.
func roleValues(s *Snapshot, out emit) {
	for i := range s.Partitions {
		p := &s.Partitions[i]
		for _, role := range roles() {
			out(yes(p.Role == role), strconv.Itoa(p.Number), role)
		}
	}
}

func logMetrics() []metric {
	label := partitionLabel()
	size := func(of func(l *LogSize) uint64) func(*Snapshot, emit) {
		return some(func(p *Partition) (uint64, bool) {
			if p.Log == nil {
				return 0, false
			}
			return of(p.Log), true
		})
	}
	return []metric{
		{name: "log_fsync_info", unit: "-", labels: []string{"mode"}, help: "Always 1: the directive appendfsync.", values: func(s *Snapshot, out emit) { out(1, s.Log.Sync) }},
		{name: "log_retention_seconds", unit: "seconds", help: "The directive log-retention-seconds.", values: func(s *Snapshot, out emit) { out(seconds(s.Log.Retention)) }},
		{name: "log_retention_bytes", unit: "bytes", help: "The directive log-retention-bytes, of all logs of the node together.", values: one(func(s *Snapshot) int64 { return s.Log.RetentionBytes })},
		{name: "log_limit_bytes", unit: "bytes", help: "The directive log-max-bytes, of each log; 0: no limit.", values: one(func(s *Snapshot) int64 { return s.Log.MaxBytes })},
		{name: "log_elections_total", kind: counter, unit: "elections", help: "Elections of the groups that this node's log server is in, since each was made; it falls when the node leaves a group.", values: one(func(s *Snapshot) uint64 { return s.Log.Elections })},
		{name: "log_first_sequence", unit: "records", labels: label, help: "The first record of this node's copy of the log, within the last seconds.", values: size(func(l *LogSize) uint64 { return l.First })},
		{name: "log_last_sequence", unit: "records", labels: label, help: "The last one.", values: size(func(l *LogSize) uint64 { return l.Last })},
		{name: "log_bytes", unit: "bytes", labels: label, help: "What this node's copy of the log holds.", values: size(func(l *LogSize) uint64 { return l.Bytes })},
		{name: "log_oldest_timestamp_seconds", unit: "seconds", labels: label, help: "When the first record was stored, Unix time; missing while the log is empty.",
			values: some(func(p *Partition) (float64, bool) {
				if p.Log == nil || p.Log.Oldest.IsZero() {
					return 0, false
				}
				return unix(p.Log.Oldest), true
			})},
		{name: "log_append_seconds", kind: histogram, unit: "seconds", labels: label, help: "From when a record leaves the primary until it is acknowledged by a majority of the copies at the configured durability.",
			times: func(s *Snapshot, out func(h *Histogram, labels ...string)) {
				for i := range s.Partitions {
					out(&s.Partitions[i].Appends, strconv.Itoa(s.Partitions[i].Number))
				}
			}},
		{name: "log_appended_bytes_total", kind: counter, unit: "bytes", labels: label, help: "Bytes of effects in acknowledged records.", values: each(func(p *Partition) uint64 { return p.Appended })},
		{name: "log_unanswered_append_seconds", unit: "seconds", labels: label, help: "Age of the oldest append of the primary whose outcome is not known; 0: there is none.",
			values: some(func(p *Partition) (float64, bool) { return seconds(p.Unanswered), true })},
	}
}

func seedingMetrics() []metric {
	label := partitionLabel()
	of := func(value func(s *Seed) (float64, bool)) func(*Snapshot, emit) {
		return some(func(p *Partition) (float64, bool) {
			if p.Seed == nil {
				return 0, false
			}
			return value(p.Seed)
		})
	}
	return []metric{
		{name: "seeding_partitions", unit: "partitions", help: "Copies of this node that are being filled from another node.",
			values: func(s *Snapshot, out emit) {
				n := 0
				for i := range s.Partitions {
					if s.Partitions[i].Seed != nil {
						n++
					}
				}
				out(float64(n))
			}},
		{name: "seeding_bytes", unit: "bytes", labels: label, help: "Bytes of the snapshot that are here; this and what follows only while the copy is being filled.",
			values: of(func(s *Seed) (float64, bool) { return float64(s.Bytes), true })},
		{name: "seeding_size_bytes", unit: "bytes", labels: label, help: "Bytes of the whole snapshot; missing until that is known.",
			values: of(func(s *Seed) (float64, bool) { return float64(s.TotalBytes), s.TotalBytes > 0 })},
		{name: "seeding_behind_records", unit: "records", labels: label, help: "Records between the snapshot, or what is applied since, and the end of the log.",
			values: of(func(s *Seed) (float64, bool) { return float64(s.RecordsBehind), true })},
		{name: "seeding_remaining_seconds", unit: "seconds", labels: label, help: "About how long until the whole snapshot is here; missing while that is not known.",
			values: of(func(s *Seed) (float64, bool) { return seconds(s.Left.Round(time.Millisecond)), s.Left > 0 })},
	}
}
