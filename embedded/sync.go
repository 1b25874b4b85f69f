package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// syncedFiles remembers in which state each message file was last made durable. It is empty at start:
// what an earlier process wrote counts as not durable. fsync is (*os.File).Sync but in tests.
type syncedFiles struct {
	mu     sync.Mutex
	files  map[string]fileState
	failed error
	fsync  func(*os.File) error
}

type fileState struct {
	size     int64
	modified time.Time
}

// SyncNow makes every message that was acknowledged before the call durable, whatever the sync mode:
// it fsyncs the message files that changed since the last call, and their directories. The server has
// written a message to its file before it acknowledges it. On an error nothing may be assumed durable. Once an
// fsync has failed it fails for ever: the system drops the pages it could not write, so that a later
// fsync that succeeds proves nothing.
func (s *Server) SyncNow(ctx context.Context) error {
	if _, err := s.server(); err != nil {
		return err
	}
	if s.cfg.Sync == SyncAlways {
		return nil
	}
	s.synced.mu.Lock()
	defer s.synced.mu.Unlock()
	return s.synced.sync(ctx, filepath.Join(s.cfg.Dir, "jetstream", logsAccount, "streams"))
}

// sync makes the message files of all streams under dir durable. The caller holds mu.
func (f *syncedFiles) sync(ctx context.Context, dir string) error {
	if f.failed != nil {
		return f.failed
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*", "msgs", "*.blk"))
	if err != nil {
		return err
	}
	now := make(map[string]fileState, len(paths))
	directories := make(map[string]bool)
	for _, path := range paths {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		state, err := stateOf(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		before, known := f.files[path]
		if !known {
			directories[filepath.Dir(path)] = true
		}
		if before != state {
			if err := f.syncPath(path); err != nil {
				return err
			}
		}
		now[path] = state
	}
	for directory := range directories {
		if err := f.syncPath(directory); err != nil {
			return err
		}
	}
	f.files = now
	return nil
}

// stateOf returns what a file looks like now. It is asked before the file's fsync: what is written
// after it makes the file look changed to the next call.
func stateOf(path string) (fileState, error) {
	info, err := os.Stat(path)
	if err != nil {
		return fileState{}, err
	}
	return fileState{size: info.Size(), modified: info.ModTime()}, nil
}

// syncPath fsyncs a file or directory. One that is gone was trimmed away: there is nothing to lose.
func (f *syncedFiles) syncPath(path string) error {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // read-only: closing it can lose nothing
	if err := f.fsync(file); err != nil {
		f.failed = fmt.Errorf("make messages durable: %w", err)
	}
	return f.failed
}

// probe says whether the disk of dir takes data: a file as large as the largest message can be written
// and fsynced.
func probe(dir string) error {
	file, err := os.CreateTemp(dir, ".space-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }()
	block := make([]byte, 1<<20)
	for written := 0; written < MaxPayload && err == nil; written += len(block) {
		_, err = file.Write(block)
	}
	if err == nil {
		err = file.Sync()
	}
	if closing := file.Close(); err == nil {
		err = closing
	}
	return err
}
