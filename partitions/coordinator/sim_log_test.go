package coordinator

import "time"

// simRecord is one record of a log.
type simRecord struct {
	id     uint64
	kind   simKind
	epoch  uint64
	writer int
	heir   int // of a hand-over
	writes []simWrite
}

// simWrite sets a key to a value that is written only once.
type simWrite struct {
	key   int
	value int64
}

const simKeys = 3 // of a partition; reads of one do not wait for writes of another

type simKind string

const (
	simData     simKind = "data"
	simEpoch    simKind = "epoch"
	simLease    simKind = "lease"
	simHandover simKind = "handover"
)

// simLog is a partition's log: one place that appends one record after the other, if the sender knows the last. It is also
// the oracle: it knows the place of every write.
type simLog struct {
	*sim
	p       int
	records []simRecord // record n has sequence n+1
	epoch   uint64
	owners  map[uint64]int // who has appended in an epoch
	place   map[int64]int  // where a value stands among the values of its key; 0: it is not in the log
	values  [simKeys][]int64
	newest  [simKeys]int // the place of the newest value that a client knows of
	stream  simStream
	served  int // requests answered since the faults ended
}

func newSimLog(s *sim, p int) *simLog {
	return &simLog{sim: s, p: p, owners: map[uint64]int{}, place: map[int64]int{}}
}

// commit appends r if expected is the log's end. If not, it says which record stands where r should.
func (l *simLog) commit(expected int, r *simRecord) (seq int, other uint64) {
	if expected != len(l.records) && l.bug != bugNoFence {
		return 0, l.records[expected].id
	}
	l.records = append(l.records, *r)
	seq = len(l.records)
	if l.trace != nil {
		l.say("log %d: %d is %s of %s in epoch %d %v", l.p, seq, r.kind, l.nodes[r.writer].id, r.epoch, r.writes)
	}
	l.judge(seq, r)
	for _, n := range l.nodes {
		if t := n.seats[l.p]; t != nil {
			t.wake()
		}
	}
	return seq, 0
}

// judge holds what must be true of every record, and notes what it writes. A record of a term that is over writes nothing.
func (l *simLog) judge(seq int, r *simRecord) {
	if r.epoch < l.epoch {
		return
	}
	if r.kind == simEpoch {
		l.counts[countEpochs]++
		if r.epoch <= l.epoch {
			l.wrong("record %d: epoch %d begins after epoch %d", seq, r.epoch, l.epoch)
		}
	}
	if r.kind == simHandover {
		l.counts[countHandovers]++
	}
	l.epoch = r.epoch
	if owner, known := l.owners[r.epoch]; known && owner != r.writer {
		l.wrong("record %d: %s and %s write in epoch %d", seq, l.nodes[owner].id, l.nodes[r.writer].id, r.epoch)
	}
	l.owners[r.epoch] = r.writer
	for _, w := range r.writes {
		if l.place[w.value] != 0 {
			l.wrong("record %d: %d is written twice", seq, w.value) // somebody was told that it was not done
		}
		l.values[w.key] = append(l.values[w.key], w.value)
		l.place[w.value] = len(l.values[w.key])
	}
}

// fold is the state that the log gives.
func (l *simLog) fold() (state [simKeys]int64) {
	for key, values := range l.values {
		if len(values) > 0 {
			state[key] = values[len(values)-1]
		}
	}
	return state
}

func (l *simLog) primaries() (n int) {
	for _, node := range l.nodes {
		if t := node.seats[l.p]; !node.lost && t.role == RolePrimary {
			n++
		}
	}
	return n
}

// simFlight is an append without an outcome yet.
type simFlight struct {
	simRecord
	expected int
	first    time.Duration // when it was first sent, on the node's clock
	last     time.Duration // when it was last sent
	requests []simRequest
}

// send appends a record at the end of what this node has of the log, and again until the outcome is known.
func (t *simSeat) send(r simRecord, requests []simRequest) {
	t.ids++
	r.id, r.writer = t.ids, t.index
	f := &simFlight{simRecord: r, expected: t.applied, first: t.clock(), requests: requests}
	t.flight = f
	t.transmit(f)
}

func (t *simSeat) transmit(f *simFlight) {
	if t.flight != f {
		return
	}
	if f.last = t.clock(); f.last != f.first {
		t.counts[countAmbiguous]++
	}
	times := 1
	if t.faulty && t.happens(t.chance.double) {
		times = 2
	}
	for range times {
		if t.noOut || t.isLost() {
			continue
		}
		delay := t.travel()
		if t.faulty && t.happens(t.chance.late) {
			delay = t.between(time.Millisecond, 900*time.Millisecond)
		}
		life := t.life
		t.sim.after(delay, func() { t.arrive(f, life) })
	}
	t.after(250*time.Millisecond, func() { t.transmit(f) })
}

// arrive is an append that reaches the log; the answer may be lost, or very late.
func (t *simSeat) arrive(f *simFlight, life int) {
	if !t.log.isUp() {
		return
	}
	seq, other := t.log.commit(f.expected, &f.simRecord)
	if t.noIn || t.isLost() || life != t.life {
		return
	}
	delay := t.travel()
	if t.faulty && t.happens(t.chance.late) {
		delay = t.between(time.Millisecond, 900*time.Millisecond)
	}
	t.after(delay, func() {
		switch {
		case t.flight != f:
		case seq != 0 || other == f.id:
			t.acknowledged()
		default:
			t.fenced()
		}
	})
}
