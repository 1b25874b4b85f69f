package shipper

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"shiplog/wal"
)

// Founder is a log that can be begun anew (partitions.Log).
type Founder interface {
	wal.Log
	Refound(ctx context.Context, first wal.Seq) error
}

// Live is a log as a node's own partition writes it or follows it, which lets others read along: what is acknowledged here, or has been
// read here, is in memory already, and need not be asked of the log once more for each of them. While nobody reads along it costs nothing.
//
// What it keeps is what the log holds: a record that was appended is kept when it is acknowledged, one that was followed when
// it was taken, and both only while they follow each other without a gap. It owns no goroutine.
type Live struct {
	Founder

	mu      sync.Mutex
	tails   int           // how many read along; without any, nothing is kept
	recent  [][]byte      // the messages behind before, in order; none of them is ever changed
	before  wal.Seq       // of the record before the oldest that is kept
	size    int           // bytes of recent
	changed chan struct{} // closed at the next change; nil while nobody waits
	closed  bool
}

// The bounds of what is kept, and the pace of those who read along: not woken for each record of many, but given what has gathered.
const (
	liveKeep  = 4 << 20 // bytes, if one record is not larger
	liveReach = 256     // records that a reader may be ahead: what it read in the log is not yet known here
	livePace  = 6 * time.Millisecond
	liveDoubt = 2 * time.Second // so long nothing has come: the log is asked whether that is so
	liveAsk   = time.Second     // how long it may take to answer
)

// NewLive returns a Live on a log.
func NewLive(log Founder) *Live { return &Live{Founder: log} }

// Append implements wal.Log.
func (l *Live) Append(at wal.Seq, message []byte, done func(error)) {
	l.Founder.Append(at, message, func(err error) {
		if err == nil {
			l.keep(at, message) // before done: then the bytes may be used again
		}
		done(err)
	})
}

// Tail implements wal.Log, for the partition itself.
func (l *Live) Tail(ctx context.Context, from wal.Seq, fn func(seq wal.Seq, message []byte) error) error {
	return l.Founder.Tail(ctx, from, func(seq wal.Seq, message []byte) error {
		if err := fn(seq, message); err != nil {
			return err
		}
		l.keep(seq, message)
		return nil
	})
}

// Refound begins the log anew.
func (l *Live) Refound(ctx context.Context, first wal.Seq) error {
	l.mu.Lock()
	l.forget()
	l.mu.Unlock()
	return l.Founder.Refound(ctx, first)
}

// Close closes the log, and ends those who read along.
func (l *Live) Close() error {
	l.mu.Lock()
	l.closed = true
	l.forget()
	l.mu.Unlock()
	return l.Founder.Close()
}

// keep keeps a message for those who read along.
func (l *Live) keep(seq wal.Seq, message []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tails == 0 || l.closed {
		return
	}
	if seq != l.before+wal.Seq(len(l.recent))+1 {
		l.forget()
		l.before = seq - 1
	}
	l.recent = append(l.recent, bytes.Clone(message))
	for l.size += len(message); l.size > liveKeep && len(l.recent) > 1; {
		l.size -= len(l.recent[0])
		l.recent = l.recent[1:]
		l.before++
	}
	l.tell()
}

// forget lets go of what is kept.
func (l *Live) forget() {
	l.recent, l.size = nil, 0
	l.tell()
}

func (l *Live) tell() {
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// join counts those who read along.
func (l *Live) join(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tails += n; l.tails == 0 {
		l.forget()
	}
}

// from returns the kept messages from next on, which may be none yet, and a channel that is closed when there may be others. ok is false
// when they must be read in the log.
func (l *Live) from(next wal.Seq) (messages [][]byte, changed <-chan struct{}, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	end := l.before + wal.Seq(len(l.recent)) + 1
	if len(l.recent) == 0 || next <= l.before || next > end+liveReach {
		return nil, nil, false
	}
	if next < end {
		return slices.Clone(l.recent[next-l.before-1:]), nil, true
	}
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	return nil, l.changed, true
}

// Along is a Live for those who read along. It gives bytes that may be kept, and that nobody may change.
type Along struct{ *Live }

// errAlong ends the reading of the log: what follows is in memory.
var errAlong = errors.New("what follows is in memory")

// Tail is Log.Tail, out of memory while what comes next is there. fn is given as many messages at a time as have gathered, the first of them with
// its sequence.
func (l Along) Tail(ctx context.Context, from wal.Seq, fn func(first wal.Seq, messages [][]byte) error) error {
	l.join(1)
	defer l.join(-1)
	for next := from; ; {
		err := l.Founder.Tail(ctx, next, func(seq wal.Seq, message []byte) error {
			if err := fn(seq, [][]byte{bytes.Clone(message)}); err != nil {
				return err
			}
			next = seq + 1
			if _, _, ok := l.from(next); ok {
				return errAlong
			}
			return nil
		})
		if !errors.Is(err, errAlong) {
			return err
		}
		if next, err = l.read(ctx, next, fn); err != nil {
			return err
		}
	}
}

// read reads what is in memory, and waits for more, until the log must be asked from next on.
func (l Along) read(ctx context.Context, next wal.Seq, fn func(first wal.Seq, messages [][]byte) error) (wal.Seq, error) {
	var gave time.Time
	for {
		messages, changed, ok := l.from(next)
		if !ok {
			return next, nil
		}
		if len(messages) > 0 {
			if err := fn(next, messages); err != nil {
				return next, err
			}
			next += wal.Seq(len(messages))
			gave = time.Now()
			continue
		}
		more, err := l.await(ctx, changed, next)
		if err != nil || !more {
			return next, err
		}
		if early := livePace - time.Since(gave); early > 0 && !Rest(ctx, early) {
			return next, context.Cause(ctx)
		}
	}
}

// await waits for more. more is false when the log has more, and it does not come here.
func (l Along) await(ctx context.Context, changed <-chan struct{}, next wal.Seq) (more bool, err error) {
	doubt := time.NewTimer(liveDoubt)
	defer doubt.Stop()
	for {
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-changed:
			return true, nil
		case <-doubt.C:
		}
		asking, cancel := context.WithTimeout(ctx, liveAsk)
		bounds, err := l.Bounds(asking)
		cancel()
		if err == nil && bounds.Last >= next {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.forget() // until this node takes part again
			return false, nil
		}
		doubt.Reset(liveDoubt)
	}
}

// Rest waits for d, and tells whether ctx still goes on. It is for those who ask a log again, or read it in a measured way.
func Rest(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
