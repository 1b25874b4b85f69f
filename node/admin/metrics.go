package admin

import (
	"strconv"
	"time"
)

// kind is a metric's type.
type kind uint8

const (
	gauge kind = iota
	counter
	histogram
)

// String is the type in Prometheus's words.
func (k kind) String() string { return [...]string{"gauge", "counter", "histogram"}[k] }

// metric is one row of what is measured. Exactly one of values and times is there.
type metric struct {
	name   string // without the prefix
	kind   kind
	unit   string // of the value; "-" for none
	labels []string
	help   string
	values func(s *Snapshot, out emit)
	times  func(s *Snapshot, out func(h *Histogram, labels ...string))
}

// emit takes a value and its labels' values, in the order of the row's labels.
type emit func(value float64, labels ...string)

// prefix begins the name of each metric.
const prefix = "shiplog_"

// metrics is everything that is measured, in the order of METRICS.md.
func metrics() []metric {
	var all []metric
	for _, group := range [][]metric{nodeMetrics(), commandMetrics(), partitionMetrics(), logMetrics(), seedingMetrics(), clusterMetrics(), changeMetrics()} {
		all = append(all, group...)
	}
	return all
}

// one is a metric's only value.
func one[N int64 | uint64 | int](of func(s *Snapshot) N) func(*Snapshot, emit) {
	return func(s *Snapshot, out emit) { out(float64(of(s))) }
}

// yes is 1 for what holds, 0 for what does not.
func yes(holds bool) float64 {
	if holds {
		return 1
	}
	return 0
}

// each is a value for each partition.
func each[N int64 | uint64](of func(p *Partition) N) func(*Snapshot, emit) {
	return some(func(p *Partition) (N, bool) { return of(p), true })
}

// some is a value for each partition that has one.
func some[N int64 | uint64 | float64](of func(p *Partition) (N, bool)) func(*Snapshot, emit) {
	return func(s *Snapshot, out emit) {
		for i := range s.Partitions {
			if v, there := of(&s.Partitions[i]); there {
				out(float64(v), strconv.Itoa(s.Partitions[i].Number))
			}
		}
	}
}

// seconds is a duration in the base unit.
func seconds(d time.Duration) float64 { return d.Seconds() }

// unix is a time in the base unit.
func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func nodeMetrics() []metric {
	return []metric{
		{name: "build_info", unit: "-", labels: []string{"version", "revision", "goversion"}, help: "Always 1: which program runs.",
			values: func(s *Snapshot, out emit) { out(1, s.Build.Version, s.Build.Revision, s.Build.Go) }},
		{name: "connected_clients", unit: "connections", help: "Clients connected now.", values: one(func(s *Snapshot) int64 { return s.Clients.Connected })},
		{name: "blocked_clients", unit: "connections", help: "Clients that wait in a blocking command.", values: one(func(s *Snapshot) int64 { return s.Clients.Blocked })},
		{name: "tracking_clients", unit: "connections", help: "Clients that track keys (CLIENT TRACKING).", values: one(func(s *Snapshot) int64 { return s.Clients.Tracking })},
		{name: "max_clients", unit: "connections", help: "The directive maxclients.", values: one(func(s *Snapshot) int64 { return s.Clients.Max })},
		{name: "connections_received_total", kind: counter, unit: "connections", help: "Connections accepted.", values: one(func(s *Snapshot) uint64 { return s.Clients.Received })},
		{name: "rejected_connections_total", kind: counter, unit: "connections", help: "Connections refused because there were maxclients.", values: one(func(s *Snapshot) uint64 { return s.Clients.Rejected })},
		{name: "client_buffers_bytes", unit: "bytes", help: "Query and output buffers of all clients.", values: one(func(s *Snapshot) int64 { return s.Clients.BufferBytes })},
		{name: "net_input_bytes_total", kind: counter, unit: "bytes", help: "Bytes received from clients.", values: one(func(s *Snapshot) uint64 { return s.Traffic.BytesIn })},
		{name: "net_output_bytes_total", kind: counter, unit: "bytes", help: "Bytes sent to clients.", values: one(func(s *Snapshot) uint64 { return s.Traffic.BytesOut })},
		{name: "memory_used_bytes", unit: "bytes", help: "Objects on the heap and blocks of Pebble's caches: used_memory of INFO. What the system sees is process_resident_memory_bytes.",
			values: one(func(s *Snapshot) int64 { return s.Memory.Used })},
		{name: "memory_hot_set_bytes", unit: "bytes", help: "Keys that are kept in memory.", values: one(func(s *Snapshot) int64 { return s.Memory.HotSet })},
		{name: "memory_block_cache_bytes", unit: "bytes", help: "Blocks of the state's files that are kept in memory.", values: one(func(s *Snapshot) int64 { return s.Memory.BlockCache })},
		{name: "memory_memtable_bytes", unit: "bytes", help: "Changes that are not in the state's files yet.", values: one(func(s *Snapshot) int64 { return s.Memory.Memtables })},
		{name: "memory_log_backlog_bytes", unit: "bytes", help: "Effects of acknowledged records that are not in the state yet.", values: one(func(s *Snapshot) int64 { return s.Memory.Backlog })},
		{name: "disk_free_bytes", unit: "bytes", help: "Space that the node may still write on the disk of its data directory.", values: one(func(s *Snapshot) int64 { return s.Disk.FreeBytes })},
		{name: "writes_refused", unit: "0 or 1", help: "1 while writes are refused: the disk is nearly full, or the log cannot store.",
			values: func(s *Snapshot, out emit) { out(yes(s.Disk.Refused)) }},
	}
}

// commandMetrics have redis_exporter's names and label behind another prefix.
func commandMetrics() []metric {
	label := []string{"cmd"}
	of := func(value func(c *Command) float64) func(*Snapshot, emit) {
		return func(s *Snapshot, out emit) {
			for i := range s.Commands {
				out(value(&s.Commands[i]), s.Commands[i].Name)
			}
		}
	}
	return []metric{
		{name: "commands_processed_total", kind: counter, unit: "commands", help: "Commands run.", values: one(func(s *Snapshot) uint64 { return s.Traffic.Commands })},
		{name: "error_replies_total", kind: counter, unit: "replies", help: "Error replies.", values: one(func(s *Snapshot) uint64 { return s.Traffic.Errors })},
		{name: "errors_total", kind: counter, unit: "replies", labels: []string{"err"}, help: "Error replies by their first word, at most 128 of them.",
			values: func(s *Snapshot, out emit) {
				for _, e := range s.Errors {
					out(float64(e.Count), labelOf(e.Code))
				}
			}},
		{name: "commands_total", kind: counter, unit: "commands", labels: label, help: "Calls of each command; sub-commands are written container|sub.",
			values: of(func(c *Command) float64 { return float64(c.Calls) })},
		{name: "commands_duration_seconds_total", kind: counter, unit: "seconds", labels: label, help: "Time that each command ran, without waiting for the log.",
			values: of(func(c *Command) float64 { return seconds(c.Took) })},
		{name: "commands_failed_calls_total", kind: counter, unit: "commands", labels: label, help: "Calls that ran and gave an error.",
			values: of(func(c *Command) float64 { return float64(c.Failed) })},
		{name: "commands_rejected_calls_total", kind: counter, unit: "commands", labels: label, help: "Calls that were refused before they ran.",
			values: of(func(c *Command) float64 { return float64(c.Rejected) })},
	}
}
