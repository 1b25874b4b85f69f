package coordinator

import (
	"slices"
	"strings"
	"time"
)

// Step is what a coordinator makes of an event: what it knows then and what is to be done, in this order. It keeps the event.
//
// While a Store is unanswered no other is asked for. A coordinator that lost to another's change learns the
// other's map and thinks again from there.
func Step(s State, e Event) (State, []Action) {
	t := turn{State: s}
	switch e := e.(type) {
	case Tick:
		t.advance(e.Now)
	case Heard:
		t.advance(e.Now)
		t.hear(e.Report)
	case Learned:
		t.advance(e.Now)
		t.learn(e.Map)
	case Asked:
		t.advance(e.Now)
		t.ask(e)
	case Located:
		t.advance(e.Now)
		t.locate(e)
	case Expelled:
		t.advance(e.Now)
		t.expelled = append(slices.Clip(t.expelled), e.Server)
	}
	if t.learned {
		t.think()
	}
	return t.State, t.actions
}

// turn is one step in the making: the next state, the next map and the actions. Its slices are shared
// with the state before until they are replaced.
type turn struct {
	State
	draft      *Map // the next map, nil while it is as the current one
	actions    []Action
	complaints []string
}

// advance moves the clock. A coordinator that was asleep has not listened: it begins anew instead of taking all for dead.
func (t *turn) advance(now time.Duration) {
	if !t.running || now-t.now > t.settings.SilentAfter/2 {
		t.began, t.most, t.calm, t.absences = now, now, now, nil
	}
	t.running = true
	t.now = max(t.now, now)
}

// hear takes a heartbeat. One without an identity is of nobody.
func (t *turn) hear(r Report) {
	if r.Node.ID == "" {
		return
	}
	if t.live(r.Node.ID) == nil {
		t.calm = t.now // it comes, or comes back
	}
	next := make([]*peer, 0, len(t.peers)+1)
	heard := &peer{report: r, heard: t.now}
	placed := false
	for _, p := range t.peers {
		order := strings.Compare(string(p.report.Node.ID), string(r.Node.ID))
		if order >= 0 && !placed {
			next, placed = append(next, heard), true
		}
		if order != 0 && t.now-p.heard < forgetAfter {
			next = append(next, p)
		}
	}
	if !placed {
		next = append(next, heard)
	}
	t.peers = next
}

// locate takes where a stream lies.
func (t *turn) locate(e Located) {
	if e.Partition >= 0 && e.Partition < len(t.watches) {
		t.watches = slices.Clone(t.watches)
		w := &t.watches[e.Partition]
		if e.Waits != w.waits {
			w.waited = t.now
		}
		w.servers, w.settled, w.waits = e.Servers, e.Settled, e.Waits
	}
}

// learn takes what is stored. An older map than the known one is news from the past and answers nothing.
func (t *turn) learn(m *Map) {
	if t.current != nil && (m == nil || m.Version < t.current.Version) {
		return
	}
	if m != nil && (t.current == nil || m.Version > t.current.Version) {
		t.calm = t.now
	}
	t.learned, t.current, t.pending = true, m, nil
}

// think decides everything that can be decided now.
func (t *turn) think() {
	t.watch()
	if t.pending != nil && t.now-t.asked < storeAfter {
		t.steer()
		return
	}
	t.pending = nil
	t.grant()
	if t.next() == nil {
		t.expect()
	} else if t.current != nil {
		t.enrol()
		t.followEpochs()
		t.failover()
		t.depart()
		t.move()
		t.balance()
		t.steer()
		t.sweep()
	}
	t.complain()
	t.store()
}

// next is the map as it will be after this turn; it is to be read only.
func (t *turn) next() *Map {
	if t.draft != nil {
		return t.draft
	}
	return t.current
}

// edit is the map as it will be after this turn, to be changed.
func (t *turn) edit() *Map {
	if t.draft == nil {
		t.draft = t.current.clone()
	}
	return t.draft
}

func (m *Map) clone() *Map {
	c := *m
	c.Nodes = slices.Clone(m.Nodes)
	c.Partitions = slices.Clone(m.Partitions)
	for i := range c.Partitions {
		c.Partitions[i].Holders = slices.Clone(c.Partitions[i].Holders)
	}
	c.Draining, c.Gone, c.Former = slices.Clone(m.Draining), slices.Clone(m.Gone), slices.Clone(m.Former)
	return &c
}

// store asks for the draft to be stored.
func (t *turn) store() {
	if t.draft == nil {
		return
	}
	if t.current != nil {
		t.draft.Version = t.current.Version + 1
	}
	t.pending, t.asked = t.draft, t.now
	t.act(Store{Map: t.draft})
}

func (t *turn) act(a Action) { t.actions = append(t.actions, a) }

func (t *turn) note(text string) { t.act(Note{Text: text}) }

// complain notes what is wrong and was not wrong before, so that operators are told once.
func (t *turn) complain() {
	for _, text := range t.complaints {
		if !slices.Contains(t.told, text) {
			t.note(text)
		}
	}
	t.told = t.complaints
}

// wrong is a complaint that holds in this turn.
func (t *turn) wrong(text string) {
	if !slices.Contains(t.complaints, text) {
		t.complaints = append(t.complaints, text)
	}
}
