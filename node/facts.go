package node

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"

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
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/total:bytes"}}
	metrics.Read(samples)
	free, err := diskFree(n.dir.Path)
	if err != nil {
		free = 0
	}
	return commands.MemoryFacts{
		Used: int64(samples[0].Value.Uint64()) + s.CacheBytes, Allocated: int64(samples[1].Value.Uint64()),
		RSS: residentBytes(), System: totalMemory(),
		HotSet: s.Hot.Bytes, BlockCache: s.CacheBytes, Memtables: int64(s.MemtableBytes), LogBuffer: int64(s.Backlog),
		DiskFree: free,
	}
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
