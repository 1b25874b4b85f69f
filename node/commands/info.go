package commands

import (
	"fmt"
	"strings"
	"time"

	"shiplog/node/reply"
)

// section is one section of INFO. Those that are not usual must be asked for.
type section struct {
	name  string
	usual bool
	write func(i *infoText)
}

// sections are the sections in their order.
func sections() []section {
	return []section{
		{"server", true, (*infoText).server},
		{"clients", true, (*infoText).clients},
		{"memory", true, (*infoText).memory},
		{"persistence", true, (*infoText).persistence},
		{"stats", true, (*infoText).stats},
		{"replication", true, (*infoText).replication},
		{"cpu", true, (*infoText).cpu},
		{"modules", true, func(*infoText) {}},
		{"commandstats", false, (*infoText).commandStats},
		{"errorstats", true, (*infoText).errorStats},
		{"latencystats", false, (*infoText).latencyStats},
		{"cluster", true, (*infoText).cluster},
		{"keyspace", true, (*infoText).keyspace},
		{"shiplog", true, (*infoText).shiplog},
		{"changes", true, (*infoText).changes},
	}
}

// INFO [section [section ...]]
func info(s *Session, a Args) reply.Reply {
	wanted := make(map[string]bool)
	for _, word := range a[1:] {
		wanted[strings.ToLower(string(word))] = true
	}
	all := wanted["all"] || wanted["everything"]
	usual := len(wanted) == 0 || wanted["default"]
	i := &infoText{srv: s.srv, facts: s.srv.engine.Facts(), at: time.Now()}
	for _, section := range sections() {
		if all && section.name != "modules" || wanted["everything"] || usual && section.usual || wanted[section.name] {
			i.begin(section.name)
			section.write(i)
		}
	}
	return reply.Verbatim(i.b.String())
}

// infoText is an INFO being written.
type infoText struct {
	srv   *Server
	facts Facts
	at    time.Time
	b     strings.Builder
}

func (i *infoText) begin(name string) {
	if i.b.Len() > 0 {
		i.b.WriteString("\r\n")
	}
	title := strings.ToUpper(name[:1]) + name[1:]
	if name == "cpu" {
		title = "CPU"
	}
	i.b.WriteString("# " + title + "\r\n")
}

// field writes "name:value".
func (i *infoText) field(name string, value any) {
	switch v := value.(type) {
	case float64:
		fmt.Fprintf(&i.b, "%s:%.2f\r\n", name, v)
	case bool:
		fmt.Fprintf(&i.b, "%s:%d\r\n", name, bit(v))
	default:
		fmt.Fprintf(&i.b, "%s:%v\r\n", name, v)
	}
}

// size writes a size in bytes, and again for people.
func (i *infoText) size(name string, n int64) {
	i.field(name, n)
	i.field(name+"_human", human(n))
}

// zeros writes fields of Redis that have nothing to count here, because clients and dashboards read them.
func (i *infoText) zeros(names ...string) {
	for _, name := range names {
		i.field(name, 0)
	}
}

func bit(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// since subtracts what a counter of the engine stood at when CONFIG RESETSTAT was last called.
func since(now, base int64) int64 { return max(now-base, 0) }

func (i *infoText) commandStats() {
	i.srv.table.each(func(r *Row) {
		st := &r.state.stats
		calls, took := st.sum()
		rejected, failed := st.rejected.Load(), st.failed.Load()
		if calls+rejected+failed == 0 {
			return
		}
		usec := took.Microseconds()
		each := 0.0
		if calls > 0 {
			each = float64(took.Nanoseconds()) / 1000 / float64(calls)
		}
		i.field("cmdstat_"+r.Name, fmt.Sprintf("calls=%d,usec=%d,usec_per_call=%.2f,rejected_calls=%d,failed_calls=%d",
			calls, usec, each, rejected, failed))
	})
}

func (i *infoText) errorStats() {
	codes, counts := i.srv.totals.errors.sorted()
	for n, code := range codes {
		i.field("errorstat_"+code, fmt.Sprintf("count=%d", counts[n]))
	}
}

func (i *infoText) latencyStats() {
	percentiles := i.srv.tune().percentiles
	i.srv.table.each(func(r *Row) {
		if calls, _ := r.state.stats.sum(); calls == 0 {
			return
		}
		h := r.state.stats.histogram()
		if h.total() == 0 {
			return
		}
		var parts []string
		for _, p := range percentiles {
			var share float64
			if _, err := fmt.Sscanf(p, "%g", &share); err == nil {
				parts = append(parts, fmt.Sprintf("p%g=%.3f", share, float64(h.percentile(share))/1000))
			}
		}
		i.field("latency_percentiles_usec_"+r.Name, strings.Join(parts, ","))
	})
}

func (i *infoText) cluster() {
	i.field("cluster_enabled", i.srv.cluster != nil)
	if i.srv.cluster == nil {
		return
	}
	t := i.srv.cluster.Topology()
	i.field("shiplog_coordinator", t.Coordinator)
	i.field("shiplog_log_elections", i.srv.cluster.Elections())
	for j := range t.Ranges {
		i.field(fmt.Sprintf("shiplog_stream_leader_%d", t.Ranges[j].Partition), t.Ranges[j].LogLeader)
	}
}

func (i *infoText) keyspace() {
	if k := i.facts.Keyspace; k.Keys > 0 {
		i.field("db0", fmt.Sprintf("keys=%d,expires=%d,avg_ttl=%d", k.Keys, k.Volatile, k.AvgTTL.Milliseconds()))
	}
}

// shiplog is what only this server has: its log, and how the state follows it.
func (i *infoText) shiplog() {
	l, k := i.facts.Log, i.facts.Keyspace
	i.field("shiplog_version", i.srv.version)
	i.field("durability", l.Durability)
	i.field("partitions", i.facts.Node.Partitions)
	i.field("log_incarnation", l.Incarnation)
	i.field("log_epoch", l.Epoch)
	i.field("log_first_seq", l.FirstSeq)
	i.field("log_acknowledged_seq", l.LastSeq)
	i.field("log_applied_seq", l.AppliedSeq)
	i.field("log_state_durable_seq", l.DurableSeq)
	i.field("log_bytes", l.Bytes)
	i.field("log_records_appended", l.Records)
	i.field("log_effects_appended", l.Effects)
	i.field("log_bytes_appended", l.AppendedBytes)
	i.field("log_pending_records", l.PendingRecords)
	i.field("log_pending_bytes", l.PendingBytes)
	i.field("log_ack_p50_usec", l.AckP50.Microseconds())
	i.field("log_ack_p99_usec", l.AckP99.Microseconds())
	i.field("state_bytes", k.StateBytes)
	i.field("state_hot_keys", k.HotKeys)
	i.field("state_hot_hits", k.HotHits)
	i.field("state_hot_misses", k.HotMisses)
	i.field("watched_keys", k.WatchedKeys)
	i.field("disk_free_bytes", i.facts.Memory.DiskFree)
	i.field("writes_refused", i.facts.Node.WritesRefused != "")
	i.field("writes_refused_reason", i.facts.Node.WritesRefused)
	i.seeding()
	i.store()
	i.partitions()
}

// partitions is one line for each partition that the node holds a copy of. Lag counts records.
func (i *infoText) partitions() {
	t := i.srv.topology()
	self := t.self()
	for n := range t.Ranges {
		r := &t.Ranges[n]
		copies := r.copies()
		for j, c := range copies {
			if c.node != self || self < 0 {
				continue
			}
			role := "replica"
			if j == 0 {
				role = "primary"
			}
			i.field(fmt.Sprintf("partition%d", r.Partition), fmt.Sprintf("slots=%d-%d,role=%s,epoch=%d,applied=%d,lag=%d,first=%d",
				r.First, r.Last, role, r.Epoch, c.applied, max(copies[0].applied-c.applied, 0), r.LogFirst))
		}
	}
	for n, r := range t.hottest(shownHot) {
		i.field(fmt.Sprintf("hot%d", n), fmt.Sprintf("partition=%d,primary=%s,commands_per_sec=%.0f,bytes_per_sec=%.0f,cpu=%.3f",
			r.Partition, t.Nodes[r.Primary].ID, r.Load.Commands, r.Load.Bytes, r.Load.CPU))
	}
}

// shownHot is how many of the partitions with the most load INFO lists.
const shownHot = 5
