package commands

import (
	"fmt"
	"sync"
	"time"
)

// slowlog is the newest commands that took long.
type slowlog struct {
	mu      sync.Mutex
	entries []slowEntry // oldest first
	nextID  int64
	max     int
}

// slowEntry is one of them.
type slowEntry struct {
	id         int64
	at         time.Time
	took       time.Duration
	args       []string
	addr, name string
}

// What an entry keeps of a command's words, as in Redis.
const (
	slowMaxArgs  = 32
	slowMaxBytes = 128
)

// add notes a command.
func (l *slowlog) add(e slowEntry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.id = l.nextID
	l.nextID++
	l.entries = append(l.entries, e)
	l.cut()
}

// trim keeps no more than n entries, now and later.
func (l *slowlog) trim(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.max = n
	l.cut()
}

func (l *slowlog) cut() {
	if over := len(l.entries) - max(l.max, 0); over > 0 {
		l.entries = append(l.entries[:0], l.entries[over:]...)
	}
}

// newest returns up to n entries, newest first; all of them when n is negative.
func (l *slowlog) newest(n int) []slowEntry {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n < 0 || n > len(l.entries) {
		n = len(l.entries)
	}
	out := make([]slowEntry, 0, n)
	for i := range n {
		out = append(out, l.entries[len(l.entries)-1-i])
	}
	return out
}

func (l *slowlog) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.entries)
}

func (l *slowlog) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = nil
}

// shorten returns a's words as the slow log keeps them, without the secrets that row is known to carry.
func shorten(row *Row, a Args) []string {
	n := len(a)
	if n > slowMaxArgs {
		n = slowMaxArgs - 1
	}
	words := make([]string, 0, n+1)
	for i := range n {
		switch {
		case secret(row, a, i):
			words = append(words, "(redacted)")
		case len(a[i]) > slowMaxBytes:
			words = append(words, fmt.Sprintf("%s... (%d more bytes)", a[i][:slowMaxBytes], len(a[i])-slowMaxBytes))
		default:
			words = append(words, string(a[i]))
		}
	}
	if more := len(a) - n; more > 0 {
		words = append(words, fmt.Sprintf("... (%d more arguments)", more))
	}
	return words
}

// secret tells whether word i of a command must not be shown to anybody: passwords.
func secret(row *Row, a Args, i int) bool {
	switch row.Name {
	case "auth":
		return i > 0
	case "hello":
		return i >= 2 && is(a[i-1], "auth") || i >= 3 && is(a[i-2], "auth")
	case "config|set":
		return i >= 3 && i%2 == 1 && secretSetting(a[i-1])
	default:
		return false
	}
}

// secretSetting tells whether a setting's value is a password.
func secretSetting(name []byte) bool {
	for _, s := range []string{"requirepass", "masterauth", "tls-key-file-pass", "tls-client-key-file-pass"} {
		if is(name, s) {
			return true
		}
	}
	return false
}
