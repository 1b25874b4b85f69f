package coordinator

import (
	"slices"
	"time"

	"shiplog/partitions/lease"
)

// The rules of a role: what package partitions does, in small.

// obey follows the newest naming that the node knows.
func (t *simSeat) obey() {
	if t.known == nil {
		return
	}
	part := &t.known.Partitions[t.log.p]
	again := t.term != 0 && t.term != part.Term
	t.term = part.Term
	named := part.Primary == t.id
	switch {
	case named && t.role == RolePrimary && again && t.flight == nil:
		t.send(simRecord{kind: simLease, epoch: t.mine}, nil) // another may have led between two namings of this node
	case named && (t.role == RoleReplica || t.role == RoleHanding && t.handed):
		t.depose()
		t.role = RolePromoted
	case named && t.role == RoleHanding && (t.flight == nil || t.flight.kind != simHandover):
		t.role = RolePrimary // nothing of the hand-over is in the log yet
		t.proceed()
	case !named && t.role == RolePromoted && t.flight == nil:
		t.role = RoleReplica
	case !named && t.role == RolePrimary:
		t.role = RoleHanding
		if t.bug != bugLeaseKept {
			t.held = lease.Held{}
		}
		t.proceed()
	}
}

// lead begins a term, when the node is named and the old lease is over.
func (t *simSeat) lead() {
	if t.role != RolePromoted || t.flight != nil {
		return
	}
	if wait := t.heir.Wait(t.rules, t.clock()); wait > 0 && t.bug != bugNoWait {
		if !t.waits {
			t.waits = true
			t.after(time.Duration(float64(wait)/t.speed)+1, func() { t.waits = false; t.lead() })
		}
		return
	}
	if t.bug == bugNoEpoch {
		t.role, t.mine = RolePrimary, t.epoch+1
		t.held.Renew(t.rules, t.clock())
		return
	}
	t.send(simRecord{kind: simEpoch, epoch: t.epoch + 1}, nil)
}

// proceed sends what is to be sent next, if nothing is in flight.
func (t *simSeat) proceed() {
	switch {
	case t.flight != nil:
	case t.role == RoleHanding && !t.handed:
		heir := slices.IndexFunc(t.nodes, func(n *simNode) bool { return n.id == t.known.Partitions[t.log.p].Primary })
		t.send(simRecord{kind: simHandover, epoch: t.mine, heir: heir}, nil)
	case t.role == RolePrimary && len(t.writes) > 0:
		r, writes := simRecord{kind: simData, epoch: t.mine}, t.writes
		for i := range writes {
			r.writes = append(r.writes, simWrite{writes[i].key, writes[i].value})
		}
		t.writes = nil
		t.send(r, writes)
	case t.role == RolePrimary && len(t.reads) > 0:
		t.send(simRecord{kind: simLease, epoch: t.mine}, nil)
	}
}

// acknowledged is called once the append in flight is known to be in the log.
func (t *simSeat) acknowledged() {
	f := t.flight
	t.flight = nil
	if f.kind == simEpoch {
		t.role, t.mine = RolePrimary, f.epoch
		t.say("%s leads partition %d in epoch %d", t.id, t.log.p, t.mine)
	}
	if t.role == RolePrimary || t.bug == bugLeaseKept && f.kind != simHandover {
		t.held.Renew(t.rules, t.leaseFrom(f))
	}
	t.valid = t.held.Valid(t.clock())
	t.apply(&f.simRecord)
	for i := range f.requests {
		t.answer(&f.requests[i], simOK, f.requests[i].value)
	}
	if f.kind == simHandover {
		t.handed = true
	}
	reads := t.reads
	t.reads = nil
	for i := range reads {
		t.read(&reads[i])
	}
	t.proceed()
	t.wake()
}

func (t *simSeat) leaseFrom(f *simFlight) time.Duration {
	switch t.bug {
	case bugLeaseFromAck:
		return t.clock()
	case bugLeaseFromRetry:
		return f.last
	}
	return f.first
}

// fenced is called when the append in flight can never be in the log, since another record is there.
func (t *simSeat) fenced() {
	t.counts[countFenced]++
	if t.role == RolePromoted {
		t.flight = nil
		t.wake()
		return
	}
	t.depose()
}

// depose ends the term. What was not acknowledged is dropped: the clients' connections are closed.
func (t *simSeat) depose() {
	if t.trace != nil && t.role != RoleReplica {
		t.say("%s no longer leads partition %d in epoch %d", t.id, t.log.p, t.mine)
	}
	f, writes, reads := t.flight, t.writes, t.reads
	t.flight, t.writes, t.reads = nil, nil, nil
	t.role, t.mine, t.held, t.handed = RoleReplica, 0, lease.Held{}, false
	if f != nil {
		for i := range f.requests {
			if t.bug == bugAckFenced {
				t.answer(&f.requests[i], simOK, f.requests[i].value)
			} else {
				t.answer(&f.requests[i], simClosed, 0)
			}
		}
	}
	for _, waiting := range [][]simRequest{writes, reads} {
		for i := range waiting {
			t.answer(&waiting[i], simMoved, 0)
		}
	}
	t.wake()
}

// serve is a request that has come in.
func (t *simSeat) serve(q simRequest) {
	switch {
	case t.role != RolePrimary && (t.bug != bugLeaseKept || t.role != RoleHanding || q.isWrite()):
		t.answer(&q, simMoved, 0)
	case q.isWrite():
		t.writes = append(t.writes, q)
		t.proceed()
	case t.isDirty(q.key):
		t.reads = append(t.reads, q) // it depends on what is not acknowledged
	default:
		t.read(&q)
	}
}

// isDirty tells whether a write of key is not acknowledged.
func (t *simSeat) isDirty(key int) bool {
	writes := func(q simRequest) bool { return q.key == key }
	return t.flight != nil && slices.ContainsFunc(t.flight.requests, writes) || slices.ContainsFunc(t.writes, writes)
}

// read looks at the state, and answers if the lease says that what it saw was the newest. Between the two anything may happen.
func (t *simSeat) read(q *simRequest) {
	seen := simSeen{value: t.state[q.key], epoch: t.mine}
	request := *q
	if t.faulty && t.happens(t.chance.stall) {
		t.after(t.between(time.Millisecond, 2*time.Second), func() { t.finish(&request, seen) })
		return
	}
	if t.faulty && t.happens(t.chance.nap) {
		t.after(time.Microsecond, func() { t.finish(&request, seen) })
		t.pause(t.between(10*time.Millisecond, 3*time.Second))
		return
	}
	if t.faulty && t.IntN(4) == 0 {
		t.after(t.between(time.Microsecond, 100*time.Microsecond), func() { t.finish(&request, seen) })
		return
	}
	t.finish(&request, seen)
}

// simSeen is what a read saw, and when.
type simSeen struct {
	value int64
	epoch uint64
}

func (t *simSeat) finish(q *simRequest, seen simSeen) {
	leads := t.role == RolePrimary || t.bug == bugLeaseKept && t.role == RoleHanding
	valid := t.held.Valid(t.clock()) && t.mine == seen.epoch
	switch t.bug {
	case bugCheckedAtTimes:
		valid = t.valid && t.mine == seen.epoch
	case bugAnyTerm:
		valid = t.held.Valid(t.clock())
	}
	switch {
	case !leads:
		t.answer(q, simMoved, 0)
	case valid:
		t.answer(q, simOK, seen.value)
	default:
		t.reads = append(t.reads, *q) // the next append, if need be of a LEASE record, brings a lease
		t.proceed()
	}
}
