package commands

import (
	"fmt"
	"runtime/debug"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// keyOverhead is about what a key costs in memory besides its name and value: its place in the index of keys.
const keyOverhead = 48

// memorySamples is how many elements of a collection MEMORY USAGE looks at unless told otherwise.
const memorySamples = 5

// MEMORY USAGE key [SAMPLES count]
func memoryUsage(v *keyspace.View, a Args) reply.Reply {
	samples := int64(memorySamples)
	if len(a) > 3 {
		if len(a) != 5 || !is(a[3], "samples") {
			return reply.Syntax()
		}
		n, ok := parseInt(a[4])
		switch {
		case !ok:
			return reply.NotInteger()
		case n < 0:
			return reply.Syntax()
		}
		samples = n
	}
	value, there := v.Peek(a[2])
	if !there {
		return reply.Null()
	}
	return reply.Int(int64(keyOverhead+len(a[2])+len(value.Data)) + v.Weigh(a[2], samples))
}

// MEMORY DOCTOR
func memoryDoctor(s *Session, _ Args) reply.Reply {
	m := s.srv.engine.Facts().Memory
	switch {
	case m.Limit > 0 && m.Used > m.Limit/10*9:
		return reply.Verbatim(fmt.Sprintf("Memory is nearly used up: %s of %s.\n", human(m.Used), human(m.Limit)))
	case m.RSS > 0 && m.Used > 0 && m.RSS > 2*m.Used && m.RSS > 1<<28:
		return reply.Verbatim("The process holds more than twice the memory that it uses; MEMORY PURGE gives some back.\n")
	default:
		return reply.Verbatim("Memory use shows nothing unusual.\n")
	}
}

// MEMORY PURGE
func memoryPurge(s *Session, _ Args) reply.Reply {
	return s.Later(blocking(func() reply.Reply {
		debug.FreeOSMemory()
		return reply.OK()
	}))
}

// MEMORY MALLOC-STATS
func memoryMallocStats(s *Session, _ Args) reply.Reply {
	m := s.srv.engine.Facts().Memory
	return reply.Verbatim(fmt.Sprintf("allocator go: allocated %d, resident %d\n", m.Allocated, m.RSS))
}

// MEMORY STATS
func memoryStats(s *Session, _ Args) reply.Reply {
	f := s.srv.engine.Facts()
	m, keys := f.Memory, f.Keyspace.Keys
	dataset := max(m.Used-m.Startup, 0)
	perKey := int64(0)
	if keys > 0 {
		perKey = dataset / keys
	}
	var pairs []reply.Reply
	add := func(name string, r reply.Reply) { pairs = append(pairs, reply.BulkString(name), r) }
	number := func(name string, n int64) { add(name, reply.Int(n)) }
	number("peak.allocated", max(m.Peak, m.Used))
	number("total.allocated", m.Used)
	number("startup.allocated", m.Startup)
	number("replication.backlog", m.LogBuffer)
	number("clients.slaves", 0)
	number("clients.normal", s.srv.clientBytes())
	number("cluster.links", 0)
	number("aof.buffer", f.Log.PendingBytes)
	number("lua.caches", 0)
	number("functions.caches", 0)
	if keys > 0 {
		add("db.0", reply.Map(
			reply.BulkString("overhead.hashtable.main"), reply.Int(f.Keyspace.HotKeys*keyOverhead),
			reply.BulkString("overhead.hashtable.expires"), reply.Int(0),
			reply.BulkString("overhead.hashtable.slot-to-keys"), reply.Int(0)))
	}
	number("overhead.total", m.Startup)
	number("keys.count", keys)
	number("keys.bytes-per-key", perKey)
	number("dataset.bytes", dataset)
	add("dataset.percentage", reply.Double(percent(dataset, m.Used)))
	add("peak.percentage", reply.Double(percent(m.Used, max(m.Peak, m.Used))))
	number("allocator.allocated", m.Allocated)
	number("allocator.active", m.Used)
	number("allocator.resident", m.RSS)
	add("fragmentation", reply.Double(ratio(m.RSS, m.Used)))
	number("fragmentation.bytes", m.RSS-m.Used)
	number("shiplog.hot-set", m.HotSet)
	number("shiplog.block-cache", m.BlockCache)
	number("shiplog.memtables", m.Memtables)
	return reply.Map(pairs...)
}

// clientBytes is what the buffers of all clients hold.
func (srv *Server) clientBytes() (n int64) {
	for _, s := range srv.clients.all() {
		query, output := s.transport.BufferBytes()
		n += int64(query + output)
	}
	return n
}

func ratio(a, b int64) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

func percent(a, b int64) float64 { return 100 * ratio(a, b) }

// human writes a size as INFO's _human fields do.
func human(n int64) string {
	units := "BKMGTPE"
	size, unit := float64(n), 0
	for size >= 1024 && unit < len(units)-1 {
		size /= 1024
		unit++
	}
	if unit == 0 {
		return fmt.Sprintf("%dB", n)
	}
	return fmt.Sprintf("%.2f%c", size, units[unit])
}
