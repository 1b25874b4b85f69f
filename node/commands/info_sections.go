package commands

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"
)

func (i *infoText) server() {
	n := i.facts.Node
	up := i.at.Sub(i.srv.started)
	i.field("redis_version", RedisVersion)
	i.field("server_name", "shiplog")
	i.field("shiplog_version", i.srv.version)
	i.field("redis_git_sha1", "00000000")
	i.field("redis_git_dirty", 0)
	i.field("redis_build_id", i.srv.version)
	i.field("redis_mode", i.srv.mode())
	i.field("os", system())
	i.field("arch_bits", 32<<(^uint(0)>>63))
	i.field("monotonic_clock", "POSIX clock_gettime")
	i.field("multiplexing_api", "epoll")
	i.field("go_version", strings.TrimPrefix(runtime.Version(), "go"))
	i.field("process_id", os.Getpid())
	i.field("process_supervised", "no")
	i.field("run_id", i.srv.runID)
	i.field("tcp_port", n.TCPPort)
	i.field("server_time_usec", i.at.UnixMicro())
	i.field("uptime_in_seconds", int64(up/time.Second))
	i.field("uptime_in_days", int64(up/(24*time.Hour)))
	i.field("hz", 10)
	i.field("configured_hz", 10)
	i.field("lru_clock", i.at.Unix()&(1<<24-1))
	i.field("executable", n.Executable)
	i.field("config_file", n.ConfigFile)
	i.field("io_threads_active", 0)
}

// system names the kernel as uname does.
func system() string {
	var u syscall.Utsname
	if syscall.Uname(&u) != nil {
		return runtime.GOOS + " " + runtime.GOARCH
	}
	return fmt.Sprintf("%s %s %s", text(u.Sysname[:]), text(u.Release[:]), text(u.Machine[:]))
}

// text is a C string's.
func text[T int8 | uint8](chars []T) string {
	b := make([]byte, len(chars))
	for i, c := range chars {
		b[i] = byte(c)
	}
	b, _, _ = bytes.Cut(b, []byte{0})
	return string(b)
}

func (i *infoText) clients() {
	blocked := 0
	for _, s := range i.srv.clients.all() {
		if s.blocked() {
			blocked++
		}
	}
	i.field("connected_clients", i.srv.clients.count())
	i.field("cluster_connections", 0)
	i.field("maxclients", i.srv.tune().maxClients)
	i.zeros("client_recent_max_input_buffer", "client_recent_max_output_buffer")
	i.field("blocked_clients", blocked)
	i.field("tracking_clients", i.srv.tracking.clients.Load())
	i.field("clients_in_timeout_table", blocked)
}

func (i *infoText) memory() {
	m := i.facts.Memory
	peak := max(m.Peak, m.Used)
	dataset := max(m.Used-m.Startup, 0)
	i.size("used_memory", m.Used)
	i.size("used_memory_rss", m.RSS)
	i.size("used_memory_peak", peak)
	i.field("used_memory_peak_perc", fmt.Sprintf("%.2f%%", percent(m.Used, peak)))
	i.field("used_memory_overhead", m.Startup)
	i.field("used_memory_startup", m.Startup)
	i.field("used_memory_dataset", dataset)
	i.field("used_memory_dataset_perc", fmt.Sprintf("%.2f%%", percent(dataset, m.Used)))
	i.field("allocator_allocated", m.Allocated)
	i.field("allocator_active", m.Used)
	i.field("allocator_resident", m.RSS)
	i.size("total_system_memory", m.System)
	i.scripts()
	i.size("maxmemory", i.srv.settings.Int("maxmemory"))
	policy := i.srv.settings.String("maxmemory-policy")
	if policy == "" {
		policy = "noeviction"
	}
	i.field("maxmemory_policy", policy)
	i.field("allocator_frag_ratio", ratio(m.Used, m.Used))
	i.field("allocator_frag_bytes", 0)
	i.field("allocator_rss_ratio", ratio(m.RSS, m.Used))
	i.field("allocator_rss_bytes", m.RSS-m.Used)
	i.field("rss_overhead_ratio", ratio(m.RSS, m.RSS))
	i.field("rss_overhead_bytes", 0)
	i.field("mem_fragmentation_ratio", ratio(m.RSS, m.Used))
	i.field("mem_fragmentation_bytes", m.RSS-m.Used)
	i.zeros("mem_not_counted_for_evict", "mem_replication_backlog", "mem_total_replication_buffers", "mem_clients_slaves")
	i.field("mem_clients_normal", i.srv.clientBytes())
	i.field("mem_cluster_links", 0)
	i.field("mem_aof_buffer", i.facts.Log.PendingBytes)
	i.field("mem_allocator", "go")
	i.zeros("active_defrag_running", "lazyfree_pending_objects", "lazyfreed_objects")
	i.field("mem_hot_set", m.HotSet)
	i.field("mem_block_cache", m.BlockCache)
	i.field("mem_memtables", m.Memtables)
	i.field("mem_limit", m.Limit)
}

// scripts shows what scripts take.
func (i *infoText) scripts() {
	count, bytes := i.srv.scripts.cache.held()
	states := i.srv.scripts.bytes()
	i.size("used_memory_lua", states)
	i.field("used_memory_vm_eval", states)
	i.field("used_memory_scripts_eval", bytes)
	i.field("number_of_cached_scripts", count)
	i.zeros("number_of_functions", "number_of_libraries", "used_memory_vm_functions")
	i.size("used_memory_vm_total", states)
	i.zeros("used_memory_functions")
	i.size("used_memory_scripts", int64(bytes))
}

// persistence shows the flush of the state in the place of RDB, and the log in the place of AOF.
func (i *infoText) persistence() {
	k := i.facts.Keyspace
	last := k.LastFlush
	if last.IsZero() {
		last = i.srv.started
	}
	i.field("loading", i.facts.Node.Loading)
	i.zeros("async_loading", "current_cow_peak", "current_cow_size", "current_cow_size_age")
	i.field("current_fork_perc", 0.0)
	i.zeros("current_save_keys_processed", "current_save_keys_total")
	i.field("rdb_changes_since_last_save", k.Dirty)
	i.field("rdb_bgsave_in_progress", k.Flushing)
	i.field("rdb_last_save_time", last.Unix())
	i.field("rdb_last_bgsave_status", okOrErr(k.FlushErr))
	i.field("rdb_last_bgsave_time_sec", int64(k.LastFlushTook/time.Second))
	i.field("rdb_current_bgsave_time_sec", -1)
	i.zeros("rdb_saves", "rdb_last_cow_size", "rdb_last_load_keys_expired", "rdb_last_load_keys_loaded")
	i.field("aof_enabled", 1)
	i.zeros("aof_rewrite_in_progress", "aof_rewrite_scheduled")
	i.field("aof_last_rewrite_time_sec", -1)
	i.field("aof_current_rewrite_time_sec", -1)
	i.field("aof_last_bgrewrite_status", "ok")
	i.zeros("aof_rewrites", "aof_rewrites_consecutive_failures")
	i.field("aof_last_write_status", okOrErr(i.facts.Node.WritesRefused))
	i.field("aof_last_cow_size", 0)
	i.field("aof_current_size", i.facts.Log.Bytes)
	i.field("aof_base_size", 0)
	i.field("aof_buffer_length", i.facts.Log.PendingBytes)
	i.zeros("aof_pending_rewrite", "aof_pending_bio_fsync", "aof_delayed_fsync", "module_fork_in_progress",
		"module_fork_last_cow_size")
}

func okOrErr(why string) string {
	if why == "" {
		return "ok"
	}
	return "err"
}

func (i *infoText) stats() {
	t, k := &i.srv.totals, i.facts.Keyspace
	base := i.srv.base.Load()
	perSecond, in, out := t.measure(i.at)
	keys, items, prefixes := i.srv.tracking.sizes()
	i.field("total_connections_received", t.connections.Load())
	i.field("total_commands_processed", t.processed())
	i.field("instantaneous_ops_per_sec", int64(perSecond))
	i.field("total_net_input_bytes", t.bytesIn.Load())
	i.field("total_net_output_bytes", t.bytesOut.Load())
	i.zeros("total_net_repl_input_bytes", "total_net_repl_output_bytes")
	i.field("instantaneous_input_kbps", in)
	i.field("instantaneous_output_kbps", out)
	i.field("instantaneous_input_repl_kbps", 0.0)
	i.field("instantaneous_output_repl_kbps", 0.0)
	i.field("rejected_connections", t.rejectedConns.Load())
	i.zeros("sync_full", "sync_partial_ok", "sync_partial_err")
	i.field("expired_keys", since(k.Expired, base.Expired))
	i.field("expired_stale_perc", k.ExpiredStalePercent)
	i.field("expired_time_cap_reached_count", 0)
	i.field("expire_cycle_cpu_milliseconds", k.ExpireCycleCPU.Milliseconds())
	i.field("evicted_keys", since(k.Evicted, base.Evicted))
	i.zeros("evicted_clients", "total_eviction_exceeded_time", "current_eviction_exceeded_time")
	i.field("keyspace_hits", since(k.Hits, base.Hits))
	i.field("keyspace_misses", since(k.Misses, base.Misses))
	i.zeros("pubsub_channels", "pubsub_patterns", "pubsubshard_channels", "latest_fork_usec", "total_forks",
		"migrate_cached_sockets", "slave_expires_tracked_keys", "active_defrag_hits", "active_defrag_misses", "active_defrag_key_hits",
		"active_defrag_key_misses", "total_active_defrag_time", "current_active_defrag_time")
	i.field("tracking_total_keys", keys)
	i.field("tracking_total_items", items)
	i.field("tracking_total_prefixes", prefixes)
	i.field("unexpected_error_replies", 0)
	i.field("total_error_replies", t.errorReplies.Load())
	i.field("acl_access_denied_auth", t.authFailures.Load())
	i.zeros("dump_payload_sanitizations", "io_threaded_reads_processed", "io_threaded_writes_processed")
}

// replication shows sequences of the log in the place of offsets in bytes.
func (i *infoText) replication() {
	l, t := i.facts.Log, i.srv.topology()
	i.field("role", i.srv.role())
	if master := i.srv.following(t); master != nil {
		i.following(t, master)
	}
	followers := t.followers()
	i.field("connected_slaves", len(followers))
	for n, f := range followers {
		i.field(fmt.Sprintf("slave%d", n), fmt.Sprintf("ip=%s,port=%d,state=online,offset=%d,lag=%d", f.node.Host, f.node.Port, f.applied,
			i.silence(f.node)))
	}
	i.field("master_failover_state", "no-failover")
	i.field("master_replid", replID(l.Incarnation))
	i.field("master_replid2", replID(""))
	i.field("master_repl_offset", l.LastSeq)
	i.field("second_repl_offset", -1)
	i.field("repl_backlog_active", 1)
	i.field("repl_backlog_size", l.Bytes)
	i.field("repl_backlog_first_byte_offset", l.FirstSeq)
	i.field("repl_backlog_histlen", l.LastSeq-min(l.FirstSeq, l.LastSeq))
}

// silence is for how many seconds a node has not been heard of, -1 when it never was.
func (i *infoText) silence(n *TopologyNode) int64 {
	if n.PongMS == 0 {
		return -1
	}
	return max(i.at.UnixMilli()-n.PongMS, 0) / 1000
}

// following is what the section shows of a node that leads nothing, of one of those that it follows.
func (i *infoText) following(t *Topology, master *TopologyNode) {
	up := "up"
	if master.Failed || !master.Connected {
		up = "down"
	}
	i.field("master_host", master.Host)
	i.field("master_port", master.Port)
	i.field("master_link_status", up)
	i.field("master_last_io_seconds_ago", i.silence(master))
	i.field("master_sync_in_progress", 0)
	i.field("slave_read_repl_offset", t.applied())
	i.field("slave_repl_offset", t.applied())
	i.field("slave_priority", 100)
	i.field("slave_read_only", 1)
	i.field("replica_announced", 1)
}

// replID is the log's incarnation in the 40 digits that replication ids have.
func replID(incarnation string) string {
	return (incarnation + strings.Repeat("0", 40))[:40]
}

func (i *infoText) cpu() {
	var self, children syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &self) != nil || syscall.Getrusage(syscall.RUSAGE_CHILDREN, &children) != nil {
		return
	}
	seconds := func(name string, t syscall.Timeval) { i.field(name, fmt.Sprintf("%d.%06d", t.Sec, t.Usec)) }
	seconds("used_cpu_sys", self.Stime)
	seconds("used_cpu_user", self.Utime)
	seconds("used_cpu_sys_children", children.Stime)
	seconds("used_cpu_user_children", children.Utime)
}
