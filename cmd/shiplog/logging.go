package main

import (
	"io"
	"log/slog"
	"os"
	"sync"

	"shiplog/node"
)

// logFile appends to a file that it opens, or makes, at the first write: a start that is refused leaves nothing
// behind. With an empty name it writes to another writer instead.
type logFile struct {
	name  string
	other io.Writer

	mu   sync.Mutex
	file *os.File
}

// open opens the file if it is not open yet.
func (l *logFile) open() error {
	if l.name == "" {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		return nil
	}
	file, err := os.OpenFile(l.name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	l.file = file
	return err
}

// Write implements io.Writer.
func (l *logFile) Write(p []byte) (int, error) {
	if l.name == "" {
		return l.other.Write(p)
	}
	if err := l.open(); err != nil {
		return 0, err
	}
	return l.file.Write(p)
}

// Close closes the file.
func (l *logFile) Close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

// newLogger writes messages of the configured level, which follows CONFIG SET, with Redis's names of levels.
func newLogger(c *node.Config, w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: c.Server.Level, ReplaceAttr: redisLevel}))
}

func redisLevel(groups []string, a slog.Attr) slog.Attr {
	level, ok := a.Value.Any().(slog.Level)
	if !ok || a.Key != slog.LevelKey || len(groups) > 0 {
		return a
	}
	name := node.VerbosityDebug
	for _, v := range []node.Verbosity{node.VerbosityVerbose, node.VerbosityNotice, node.VerbosityWarning} {
		if level >= v.Level() {
			name = v
		}
	}
	return slog.String(slog.LevelKey, string(name))
}
