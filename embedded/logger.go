package embedded

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// logger passes on what operators have to know: warnings and errors. The server repeats some of them for as long as their cause
// lasts, many times a second when another node has another secret: of those that differ in nothing but numbers, oftenSaid are passed on
// in quietFor, and then how many there were besides.
type logger struct {
	to *slog.Logger

	mu   sync.Mutex
	said map[string]*refrain // by what was said, without its numbers
}

// refrain is a message that comes again and again.
type refrain struct {
	since  time.Time
	count  int
	hidden int
}

const (
	oftenSaid   = 3
	quietFor    = time.Minute
	mostRefrain = 256 // then all are forgotten: what is said again is passed on again
)

// aboutPasswords is a warning that does not apply: ours is random and never leaves this process.
const aboutPasswords = "Plaintext passwords detected"

// plainer says what some of the server's messages mean to an operator of a cluster. It is never written.
var plainer = []struct{ says, means string }{
	{"authentication error", "a node with another cluster-auth was turned away"},
	{"Route Error 'Authorization Violation'", "that node turns this one away: it has another cluster-auth"},
	{"Waiting for routing to be established", "no other node is connected: this one looks for those that join names and those it has met"},
}

func (l *logger) Warnf(format string, v ...any) {
	if !strings.HasPrefix(format, aboutPasswords) {
		l.say((*slog.Logger).Warn, fmt.Sprintf(format, v...))
	}
}

func (l *logger) Errorf(format string, v ...any) {
	l.say((*slog.Logger).Error, fmt.Sprintf(format, v...))
}
func (l *logger) Fatalf(format string, v ...any) { l.Errorf(format, v...) }
func (l *logger) Noticef(string, ...any)         {}
func (l *logger) Debugf(string, ...any)          {}
func (l *logger) Tracef(string, ...any)          {}

// say passes a message on unless it was said too often lately.
func (l *logger) say(as func(to *slog.Logger, text string, more ...any), text string) {
	if l.to == nil {
		return
	}
	hidden, pass := l.passes(withoutNumbers(text), time.Now())
	if !pass {
		return
	}
	more := []any{"from", "nats"}
	for i := range plainer {
		if strings.Contains(text, plainer[i].says) {
			more = append(more, "meaning", plainer[i].means)
		}
	}
	if hidden > 0 {
		more = append(more, "unsaid", hidden)
	}
	as(l.to, text, more...)
}

// passes tells whether a message is to be passed on, and how many like it were not since the one before.
func (l *logger) passes(text string, now time.Time) (hidden int, pass bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.said[text]
	if r == nil {
		if l.said == nil || len(l.said) >= mostRefrain {
			l.said = make(map[string]*refrain)
		}
		r = &refrain{since: now}
		l.said[text] = r
	}
	if now.Sub(r.since) >= quietFor {
		hidden = r.hidden
		*r = refrain{since: now}
	}
	if r.count >= oftenSaid {
		r.hidden++
		return 0, false
	}
	r.count++
	return hidden, true
}

// withoutNumbers is a message without what tells it from others like it: ports, connections, attempts.
func withoutNumbers(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, text)
}
