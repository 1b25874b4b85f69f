package waltest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"

	"shiplog/wal"
)

// Fault is what goes wrong with an append.
type Fault uint8

// The faults of an append. Each lasts until Heal.
const (
	// LosePublish: the message never reaches the log, however often it is sent.
	LosePublish Fault = 1
	// LoseAck: the message is stored, and no answer comes back. The log finds out by itself.
	LoseAck Fault = 2
	// HoldAck: the message is stored, and the answer comes back when the fault is healed.
	HoldAck Fault = 3
)

// EverySequence as the sequence of a fault stands for all of them.
const EverySequence wal.Seq = 0

// Memory is a wal.Log in memory, for tests: one writer on a store that several writers share. What is in
// the store survives its writers. It owns a goroutine while there are outcomes to report.
type Memory struct {
	store  *store
	faults map[wal.Seq]Fault // guarded by store.mu, as are the fields below
	queue  []func()
	closed bool
	busy   sync.WaitGroup
}

var _ wal.Log = (*Memory)(nil)

// store is what outlives a writer. Its mutex guards it and its writers.
type store struct {
	mu       sync.Mutex
	first    wal.Seq
	messages [][]byte
	bytes    uint64
	limit    uint64 // 0: none
	refusing bool
	pending  []*pending
	changed  chan struct{} // closed at every change
}

// pending is an append without a reported outcome.
type pending struct {
	writer  *Memory
	at      wal.Seq
	message []byte
	done    func(error)
	stored  bool // and its answer is held
}

// NewMemory returns the first writer on an empty store whose first sequence is 1.
func NewMemory() *Memory { return NewMemoryAt(1) }

// NewMemoryAt returns the first writer on an empty store whose first sequence is first.
func NewMemoryAt(first wal.Seq) *Memory {
	return (&store{first: first, changed: make(chan struct{})}).writer()
}

func (s *store) writer() *Memory { return &Memory{store: s, faults: make(map[wal.Seq]Fault)} }

// Writer returns another writer on the same store, without faults: a second node, or the same one after
// a restart.
func (m *Memory) Writer() *Memory { return m.store.writer() }

// Fault makes appends of this writer at a sequence fail in this way until Heal.
func (m *Memory) Fault(at wal.Seq, fault Fault) {
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	m.faults[at] = fault
}

// Heal ends this writer's faults: lost messages go out again, held answers come back.
func (m *Memory) Heal() {
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	clear(m.faults)
	m.store.settle()
}

// Limit makes the store refuse messages beyond so many bytes (wal.ErrFull); 0 is no limit.
func (m *Memory) Limit(bytes uint64) {
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	m.store.limit = bytes
}

// Refuse makes the store refuse every message (wal.ErrFull), or no longer.
func (m *Memory) Refuse(refuse bool) {
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	m.store.refusing = refuse
}

// Undecided returns how many appends of all writers have no outcome yet.
func (m *Memory) Undecided() int {
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	return len(m.store.pending)
}

// Append implements wal.Log.
func (m *Memory) Append(at wal.Seq, message []byte, done func(error)) {
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	switch {
	case m.closed:
		m.report(done, wal.ErrClosed)
	case at == 0 || len(message) > wal.MaxMessage:
		m.report(done, fmt.Errorf("append %d bytes at sequence %d: %w", len(message), at, wal.ErrTooLarge))
	default:
		m.store.pending = append(m.store.pending, &pending{writer: m, at: at, message: message, done: done})
		m.store.settle()
	}
}

// settle tries every pending append until none changes any more. The caller holds mu.
func (s *store) settle() {
	for again := true; again; {
		again = false
		for _, p := range slices.Clone(s.pending) {
			if outcome, decided := s.try(p); decided {
				s.pending = slices.DeleteFunc(s.pending, func(q *pending) bool { return q == p })
				p.writer.report(p.done, outcome)
				again = true
			}
		}
	}
}

// try does with an append what the log would. The caller holds mu.
func (s *store) try(p *pending) (outcome error, decided bool) {
	switch p.writer.fault(p.at) {
	case LosePublish:
		return nil, false
	case HoldAck:
		if !p.stored {
			_, p.stored = s.put(p.at, p.message)
		}
		return nil, false
	}
	return s.put(p.at, p.message)
}

// put stores a message at a sequence if it can. A sequence beyond the end waits for the ones before it. The
// caller holds mu.
func (s *store) put(at wal.Seq, message []byte) (outcome error, decided bool) {
	end := s.first + wal.Seq(len(s.messages))
	switch {
	case at > end:
		return nil, false
	case at < s.first:
		return wal.ErrUndecided, true
	case at < end && bytes.Equal(s.messages[at-s.first], message):
		return nil, true
	case at < end:
		return wal.ErrFenced, true
	case s.refusing || s.limit > 0 && s.bytes+uint64(len(message)) > s.limit:
		return wal.ErrFull, true
	}
	s.messages = append(s.messages, bytes.Clone(message))
	s.bytes += uint64(len(message))
	s.change()
	return nil, true
}

func (s *store) change() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (m *Memory) fault(at wal.Seq) Fault {
	if fault, found := m.faults[at]; found {
		return fault
	}
	return m.faults[EverySequence]
}

// report calls done from the writer's goroutine, in the order of the calls. The caller holds mu.
func (m *Memory) report(done func(error), outcome error) {
	m.queue = append(m.queue, func() { done(outcome) })
	if len(m.queue) == 1 {
		m.busy.Go(m.drain)
	}
}

// drain calls what is in the queue and ends when it is empty.
func (m *Memory) drain() {
	for {
		m.store.mu.Lock()
		call := m.queue[0]
		m.store.mu.Unlock()
		call()
		m.store.mu.Lock()
		m.queue = m.queue[1:]
		empty := len(m.queue) == 0
		m.store.mu.Unlock()
		if empty {
			return
		}
	}
}

// Close implements wal.Log: this writer's appends that are not decided get wal.ErrUndecided. It waits for the done
// functions. What is stored stays.
func (m *Memory) Close() error {
	m.close()
	m.busy.Wait()
	return nil
}

func (m *Memory) close() {
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	m.closed = true
	m.store.pending = slices.DeleteFunc(m.store.pending, func(p *pending) bool {
		if p.writer == m {
			m.report(p.done, wal.ErrUndecided)
		}
		return p.writer == m
	})
	m.store.change() // ends the tails
}

// Bounds implements wal.Log.
func (m *Memory) Bounds(context.Context) (wal.Bounds, error) {
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	if m.closed {
		return wal.Bounds{}, wal.ErrClosed
	}
	return wal.Bounds{First: m.store.first, Last: m.store.first + wal.Seq(len(m.store.messages)) - 1, Bytes: m.store.bytes}, nil
}

// Get implements wal.Log.
func (m *Memory) Get(_ context.Context, seq wal.Seq) ([]byte, error) {
	s := m.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.closed {
		return nil, wal.ErrClosed
	}
	if seq < s.first || seq >= s.first+wal.Seq(len(s.messages)) {
		return nil, fmt.Errorf("get sequence %d: %w", seq, wal.ErrNotFound)
	}
	return bytes.Clone(s.messages[seq-s.first]), nil
}

// Trim implements wal.Log.
func (m *Memory) Trim(_ context.Context, keep wal.Seq) error {
	s := m.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.closed {
		return wal.ErrClosed
	}
	keep = min(keep, s.first+wal.Seq(len(s.messages)))
	for s.first < keep {
		s.bytes -= uint64(len(s.messages[0]))
		s.messages, s.first = s.messages[1:], s.first+1
	}
	s.change()
	return nil
}

// Refound empties the store and lets it begin at first.
func (m *Memory) Refound(_ context.Context, first wal.Seq) error {
	s := m.store
	s.mu.Lock()
	defer s.mu.Unlock()
	s.first, s.messages, s.bytes = first, nil, 0
	s.change()
	return nil
}

// Tail implements wal.Log.
func (m *Memory) Tail(ctx context.Context, from wal.Seq, fn func(seq wal.Seq, message []byte) error) error {
	next := max(from, 1)
	for {
		messages, changed, err := m.after(next)
		if err != nil {
			return err
		}
		for _, message := range messages {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := fn(next, bytes.Clone(message)); err != nil {
				return err
			}
			next++
		}
		if len(messages) > 0 {
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// after returns the messages from next on, and what tells that there may be more.
func (m *Memory) after(next wal.Seq) ([][]byte, <-chan struct{}, error) {
	s := m.store
	s.mu.Lock()
	defer s.mu.Unlock()
	switch end := s.first + wal.Seq(len(s.messages)); {
	case m.closed:
		return nil, nil, wal.ErrClosed
	case next < s.first:
		return nil, nil, fmt.Errorf("%w: asked for %d, the first is %d", wal.ErrTrimmed, next, s.first)
	case next >= end:
		return nil, s.changed, nil
	default:
		return s.messages[next-s.first:], s.changed, nil
	}
}
