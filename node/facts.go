package node

import (
	"fmt"
	"log/slog"
	"math"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync/atomic"

	"shiplog/node/commands"
	"shiplog/partitions"
)

// pebbleLogger gives Pebble's errors to slog. What it has to say otherwise is of no use to operators.
type pebbleLogger struct{ to *slog.Logger }

// Infof drops the message.
func (l pebbleLogger) Infof(string, ...any) {}

// Errorf logs an error.
func (l pebbleLogger) Errorf(format string, args ...any) {
	l.to.Error(fmt.Sprintf(format, args...), "from", "pebble")
}

// Fatalf ends the process, as Pebble demands: it cannot keep its promises any more. The log has everything.
func (l pebbleLogger) Fatalf(format string, args ...any) {
	l.Errorf(format, args...)
	panic("pebble: " + fmt.Sprintf(format, args...))
}

// port is the TCP port that clients use.
func (n *Node) port() int {
	if a, ok := n.listeners[0].Addr().(*net.TCPAddr); ok {
		return a.Port
	}
	return 0
}

func executable() string {
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	return path
}

// memoryFacts describes memory and disk.
func (n *Node) memoryFacts(s *partitions.Status) commands.MemoryFacts {
	total := []metrics.Sample{{Name: "/memory/classes/total:bytes"}}
	metrics.Read(total)
	used := n.memory.now(s.CacheBytes)
	free, err := diskFree(n.dir.Path)
	if err != nil {
		free = 0
	}
	return commands.MemoryFacts{
		Used: used, Peak: n.memory.peak.Load(), Startup: n.memory.startup.Load(), Allocated: int64(total[0].Value.Uint64()), Limit: memoryLimit(),
		RSS: residentBytes(), System: totalMemory(),
		HotSet: s.Hot.Bytes, BlockCache: s.CacheBytes, Memtables: int64(s.MemtableBytes), LogBuffer: int64(s.Backlog),
		DiskFree: free,
	}
}

// usage is how much memory this process uses by its own account: objects on the heap, and blocks in Pebble's caches.
type usage struct {
	cache, peak, startup atomic.Int64
}

// now returns what is used with so many bytes in caches.
func (m *usage) now(cache int64) int64 {
	m.cache.Store(cache)
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(heap)
	used := int64(heap[0].Value.Uint64()) + cache
	m.startup.CompareAndSwap(0, used)
	for peak := m.peak.Load(); used > peak && !m.peak.CompareAndSwap(peak, used); {
		peak = m.peak.Load()
	}
	return used
}

// look takes note of what is used between two who ask.
func (m *usage) look() { m.now(m.cache.Load()) }

// memoryLimit is what GOMEMLIMIT says, 0: nothing.
func memoryLimit() int64 {
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		return 0
	}
	return limit
}

// residentBytes is the memory of this process that is in RAM, 0 where it cannot be known.
func residentBytes() int64 {
	if runtime.GOOS != "linux" {
		return 0
	}
	content, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(content))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// totalMemory is the machine's memory, 0 where it cannot be known.
func totalMemory() int64 {
	content, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	var kb int64
	if _, err := fmt.Sscanf(string(content), "MemTotal: %d kB", &kb); err != nil {
		return 0
	}
	return kb << 10
}
