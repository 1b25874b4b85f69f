package commands

import (
	"sort"
	"sync"
	"time"
)

// monitor keeps the latest spikes of each kind of event (LATENCY): moments at which something took at
// least latency-monitor-threshold.
type monitor struct {
	mu     sync.Mutex
	events map[string]*spikes
}

// maxSpikes is how many spikes of one kind are kept, as in Redis.
const maxSpikes = 160

// spikes are the spikes of one kind, oldest first, at most one per second.
type spikes struct {
	samples []spike
	worst   time.Duration
}

type spike struct {
	at   time.Time
	took time.Duration
}

// Event notes how long something of the kind named event took (such as "expire-cycle" or "fsync"), when
// the latency monitor is on and it took long enough.
func (srv *Server) Event(event string, took time.Duration) {
	if least := srv.tune().latencyMin; least > 0 && took >= least {
		srv.latency.add(event, took, time.Now())
	}
}

func (m *monitor) add(event string, took time.Duration, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.events == nil {
		m.events = make(map[string]*spikes)
	}
	e := m.events[event]
	if e == nil {
		e = new(spikes)
		m.events[event] = e
	}
	e.worst = max(e.worst, took)
	if n := len(e.samples); n > 0 && e.samples[n-1].at.Unix() == at.Unix() {
		e.samples[n-1].took = max(e.samples[n-1].took, took)
		return
	}
	if len(e.samples) == maxSpikes {
		e.samples = append(e.samples[:0], e.samples[1:]...)
	}
	e.samples = append(e.samples, spike{at: at, took: took})
}

// names returns the kinds of events seen, in order.
func (m *monitor) names() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	names := make([]string, 0, len(m.events))
	for name := range m.events {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// history returns the spikes of one kind, oldest first, and the worst ever.
func (m *monitor) history(event string) (samples []spike, worst time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.events[event]
	if e == nil {
		return nil, 0
	}
	return append(samples, e.samples...), e.worst
}

// reset forgets the named kinds, or all of them when none is named, and returns how many it forgot.
func (m *monitor) reset(events []string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := len(m.events)
	for _, event := range events {
		delete(m.events, event)
	}
	if len(events) == 0 {
		m.events = nil
	}
	return before - len(m.events)
}
