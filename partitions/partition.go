package partitions

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"shiplog/partitions/keyspace"
	"shiplog/wal"
)

// Reader is a command that reads: Read is called under the partition's lock, and once more if the first
// time met keys that were not in memory. It must not block.
type Reader interface{ Read(v *keyspace.View) }

// Writer is a command or a transaction that writes: one unit. Write is called once, under the
// partition's lock. It must not block. Origin is the id of the session that it comes from, 0 for the engine itself.
type Writer interface {
	Write(tx *keyspace.Tx)
	Origin() uint64
}

// Log is the partition's log. Refound begins the log anew, empty, with first as the next sequence; what
// it held is given up.
type Log interface {
	wal.Log
	Refound(ctx context.Context, first wal.Seq) error
}

// Config says what a partition is made of. Log and Dir are required.
type Config struct {
	Dir         string // folder of the state
	Store       keyspace.Options
	Log         Log
	Node        wal.NodeID
	Now         func() time.Time // nil: time.Now
	MaxUnit     int              // bytes of effects in one unit; 0: 1 GiB
	PartSize    int              // bytes of a body in one message; 0: 4 MiB
	MaxBacklog  int              // bytes of effects not yet in Pebble before writers wait; 0: 64 MiB
	GatherMax   time.Duration    // how long a group may wait for more units; 0: not at all
	ApplyEvery  time.Duration    // least time between two batches into Pebble; 0: none
	ExpireEvery time.Duration    // time between two looks for expired keys; 0: 100 ms
	FlushEvery  time.Duration    // time between two flushes of the state; 0: 1 minute
	FlushFirst  time.Duration    // time before the first of them; 0: FlushEvery
	Retention   Retention
	Event       func(Event) // told of what operators should know; nil: nobody
	Cluster     *Membership // nil: this node is the only one, and the primary as soon as it has recovered
}

// Event is something that happened in a partition and that operators should know.
type Event struct {
	Text  string
	Err   error
	Usual bool // nothing is wrong
}

// Partition is one partition of this node: as its primary, or, in a cluster, as a replica that may become it. Its
// methods are safe for concurrent use.
//
// mu guards gate, pacing, groups, tenure, history and lot and, with few exceptions that its documentation names, the
// store. The lock is never held while waiting for the log or the disk, but for reads of keys that are not in memory by
// commands that write.
type Partition struct {
	cfg         Config
	log         Log
	store       *keyspace.Store
	ready       chan struct{} // closed when commands are served
	ended       chan struct{} // closed when Run has returned
	work        chan struct{} // the applier has something to do
	deadlines   chan struct{} // a key has got a deadline while resting
	keepExpired atomic.Bool   // SetActiveExpire(false)
	standing    atomic.Pointer[Standing]
	briefed     atomic.Pointer[Brief]
	turns       turns

	mu   sync.Mutex
	room *sync.Cond // the gate, the backlog or what is applied has changed
	gate
	pacing
	groups
	tenure
	history
	lot lot
}

// gate says whether commands are let in.
type gate struct {
	serving bool
	stopped error // why the partition ended
	refusal error // why writes are refused now
	reset   error // the log refused a record: the applier is to undo what is not acknowledged
	resting bool  // the expirer sleeps until a key has a deadline

	occupied *occupancy // by a unit that takes long
}

// pacing keeps records apart.
type pacing struct {
	timer    *time.Timer // sends a group that was held back
	armed    bool
	sentAt   time.Time     // the newest record left
	ackedAt  time.Time     // the newest acknowledgement came
	ackTook  time.Duration // what an acknowledgement takes, on average
	acks     uint64        // groups acknowledged since the start
	ackTime  time.Duration // that took
	expected int           // units that may be expected: about as many as were waiting at the last acknowledgements
}

// groups are the records in the making, in flight, and acknowledged but not yet applied.
type groups struct {
	clockMS int64
	number  uint64       // the newest group begun
	acked   uint64       // the newest group acknowledged
	tail    wal.Position // behind the newest acknowledged record
	open    *group
	flight  *group
	queue   []*group // acknowledged, to be applied
	backlog int      // bytes of the queue and of what is being applied
	spare   [][]byte // buffers for groups
}

// history is what operators are told.
type history struct {
	appended  uint64  // bytes of all groups acknowledged
	atPebble  wal.Seq // of the newest record applied
	appliedMS int64   // when that was sealed, Unix milliseconds
	trimmed   wal.Seq
	durable   wal.Seq // up to here the state was on the disk when it was last flushed
	flushed   time.Time
	commands  uint64        // run since the start
	applying  time.Duration // spent on it by the applier
	recovery  Recovery
	appends   AppendTimes
	turned    Turns
}

// Open opens the state of a partition. It serves nothing before Run.
func Open(cfg Config) (*Partition, error) {
	cfg.setDefaults()
	store, err := keyspace.Open(cfg.Dir, cfg.Store)
	if err != nil {
		return nil, err
	}
	p := &Partition{
		cfg: cfg, log: cfg.Log, store: store,
		ready: make(chan struct{}), ended: make(chan struct{}), work: make(chan struct{}, 1),
		deadlines: make(chan struct{}, 1),
	}
	p.room = sync.NewCond(&p.mu)
	p.turns.init()
	p.standing.Store(&Standing{changed: make(chan struct{})})
	p.timer = time.AfterFunc(time.Hour, p.release)
	p.timer.Stop()
	return p, nil
}

func (c *Config) setDefaults() {
	setDefault(&c.MaxUnit, 1<<30)
	setDefault(&c.PartSize, 4<<20)
	setDefault(&c.MaxBacklog, 64<<20)
	setDefault(&c.ExpireEvery, 100*time.Millisecond)
	setDefault(&c.FlushEvery, time.Minute)
	setDefault(&c.FlushFirst, c.FlushEvery)
	if c.Now == nil {
		c.Now = time.Now
	}
	if m := c.Cluster; m != nil {
		if m.MaxLag == nil {
			m.MaxLag = func() time.Duration { return time.Second }
		}
		if m.Clock == nil {
			m.Clock = BootClock()
		}
	}
	if c.Event == nil {
		c.Event = func(Event) {}
	}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Ready is closed when the partition has served commands for the first time.
func (p *Partition) Ready() <-chan struct{} { return p.ready }

// Close closes the state after making it durable. Run must have returned.
func (p *Partition) Close() error { return p.store.Close() }

// Abandon closes the state as if the process had died: what Pebble had not flushed by itself is lost, and
// comes back from the log. Run must have returned.
func (p *Partition) Abandon() error { return p.store.Abandon() }

// View runs a command that reads. The Commit is nil when the reply may leave at once; else the reply
// rests on that record. The error means that the command was not run, or that its answer is void.
func (p *Partition) View(r Reader) (*Commit, error) {
	p.mu.Lock()
	c, err := p.read(r)
	m := p.due()
	p.mu.Unlock()
	p.append(m)
	return c, err
}

func (p *Partition) read(r Reader) (*Commit, error) {
	v, err := p.view()
	if err != nil {
		return nil, err
	}
	if bug("lease-before-read") {
		c := p.proven(0)
		r.Read(v)
		return cmp.Or(c, p.commitOf(v.Seen())), v.Err()
	}
	v.Probe()
	r.Read(v)
	if cold := v.Cold(); len(cold) > 0 {
		v.CloseWalks()
		if err := p.warm(cold); err != nil {
			return nil, err
		}
		if v, err = p.view(); err != nil {
			return nil, err
		}
		r.Read(v)
	}
	if err := v.Err(); err != nil {
		v.CloseWalks()
		return nil, p.stop(err)
	}
	v.Count()
	p.commands++
	failpoint("after-read")
	if bug("dirty-read") {
		return nil, nil
	}
	return p.proven(v.Seen()), nil
}

// Snapshot returns the whole partition as it is now. The caller must close it. The Commit is as View's.
func (p *Partition) Snapshot() (*keyspace.Snapshot, *Commit, error) {
	p.mu.Lock()
	v, err := p.view()
	if err != nil {
		p.mu.Unlock()
		return nil, nil, err
	}
	n := v.Snapshot()
	c := p.proven(v.Seen())
	m := p.due()
	p.mu.Unlock()
	p.append(m)
	return n, c, nil
}

// view begins a View when the partition serves.
func (p *Partition) view() (*keyspace.View, error) {
	if !p.serving || p.reset != nil || p.occupied != nil {
		if err := p.wait(func() bool { return p.reset == nil || p.occupied != nil }); err != nil {
			return nil, err
		}
		if p.occupied != nil {
			return nil, ErrOccupied
		}
	}
	return p.store.View(p.now()), nil
}

// warm reads what is cold into Pebble's cache without the lock, so that reading them under the lock is quick.
func (p *Partition) warm(cold []keyspace.Cold) error {
	cold = slices.Clone(cold)
	p.mu.Unlock()
	defer p.mu.Lock()
	for _, c := range cold {
		if err := p.store.Warm(c); err != nil {
			return err
		}
	}
	return nil
}

// Update runs a command that writes. The Commit is nil when the command changed nothing and saw nothing
// unacknowledged; else the reply rests on that record. The error means that nothing was done.
func (p *Partition) Update(w Writer) (*Commit, error) {
	m, c, err := p.group(w)
	p.append(m)
	return c, err
}

// group adds a unit to the open group, and sends the group if nothing is in flight.
func (p *Partition) group(w Writer) (*message, *Commit, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.admit(); err != nil {
		return nil, nil, err
	}
	c, err := p.unit(w)
	if err != nil {
		return nil, nil, err
	}
	p.attend()
	return p.due(), c, nil
}

// admit waits until a unit may be added to the open group, and says why none may if it is so.
func (p *Partition) admit() error {
	if !p.serving || !p.hasRoom() || p.occupied != nil {
		if err := p.wait(func() bool { return p.hasRoom() || p.occupied != nil }); err != nil {
			return err
		}
		if p.occupied != nil {
			return ErrOccupied
		}
	}
	return p.refusal
}

// unit runs a unit into the open group.
func (p *Partition) unit(w Writer) (*Commit, error) {
	tx := p.store.Begin(p.now(), p.open.number, &p.open.buf)
	tx.SetOrigin(w.Origin())
	done := false
	o, _ := w.(*occupancy)
	defer func() {
		if !done && (o == nil || !o.evicted) { // the command failed or panicked
			tx.Rollback()
		}
	}()
	w.Write(tx)
	if o != nil && o.over != nil {
		return nil, o.over
	}
	if err := tx.Err(); err != nil {
		return nil, p.stop(err)
	}
	if tx.Size() > p.cfg.MaxUnit {
		return nil, fmt.Errorf("%w of %d bytes", ErrTooLarge, p.cfg.MaxUnit)
	}
	tx.Commit()
	done = true
	p.commands++
	p.wakeExpirer()
	if tx.Effects() > 0 {
		p.open.units++
	}
	return p.proven(tx.Seen()), nil
}

// hasRoom tells whether another unit may be added to the open group, or will be refused anyway.
func (p *Partition) hasRoom() bool {
	return p.reset == nil && (p.refusal != nil ||
		p.backlog+len(p.open.buf) < p.cfg.MaxBacklog || p.backlog == 0 && p.open.empty())
}

// wait blocks until ok, and says why commands are not served if they are not.
func (p *Partition) wait(ok func() bool) error {
	for {
		switch {
		case p.stopped != nil:
			return p.stopped
		case !p.serving:
			return ErrNotServing
		case ok():
			return nil
		}
		p.room.Wait()
	}
}

// commitOf returns the Commit of a group, nil if it is acknowledged.
func (p *Partition) commitOf(number uint64) *Commit {
	switch {
	case number <= p.acked:
		return nil
	case p.flight != nil && number <= p.flight.number:
		return p.flight.commit
	default:
		return p.open.commit
	}
}

// Watch adds key to what w watches (WATCH).
func (p *Partition) Watch(key []byte, w *keyspace.Watch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.store.Watch(key, w, p.now())
}

// Unwatch forgets what w watches.
func (p *Partition) Unwatch(w *keyspace.Watch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.store.Unwatch(w)
}

// Refuse makes writes fail with the given reason until it is called with nil. Reads go on.
func (p *Partition) Refuse(why error) {
	p.mu.Lock()
	p.refusal = nil
	if why != nil {
		p.refusal = fmt.Errorf("%w: %w", ErrRefused, why)
	}
	p.room.Broadcast()
	p.attend()
	m := p.due()
	p.mu.Unlock()
	p.append(m)
}

// now is the time of the next unit in Unix milliseconds: never before that of the one before it, also
// across restarts and primaries.
func (p *Partition) now() int64 {
	if p.occupied != nil {
		return p.clockMS // what the occupant does later is not to lie before what is known then
	}
	p.clockMS = max(p.clockMS, p.cfg.Now().UnixMilli())
	return p.clockMS
}

// failed ends or undoes what is in flight after the log has said that it is not there.
func (p *Partition) failed(err error) {
	switch {
	case errors.Is(err, wal.ErrFull):
		p.reset = fmt.Errorf("%w: %w", ErrRefused, err)
		p.signal()
	case errors.Is(err, wal.ErrFenced) && p.cfg.Cluster != nil:
		p.depose(fmt.Errorf("%w: %w", ErrDeposed, err))
	case errors.Is(err, wal.ErrFenced):
		_ = p.stop(fmt.Errorf("%w: %w", ErrDeposed, err))
	default:
		_ = p.stop(fmt.Errorf("%w: %w", ErrUndecided, err))
	}
}

// stop ends the partition: nothing is served any more, and whoever waits is told.
func (p *Partition) stop(why error) error {
	if p.stopped != nil {
		return p.stopped
	}
	p.stopped, p.serving = why, false
	p.evict(why)
	p.stand(Standing{Role: Stopped})
	if p.flight != nil {
		p.flight.commit.finish(why)
	}
	if p.open != nil {
		p.open.commit.finish(why)
	}
	p.dismiss(why)
	p.room.Broadcast()
	p.signal()
	return why
}

// signal wakes the applier.
func (p *Partition) signal() {
	select {
	case p.work <- struct{}{}:
	default:
	}
}

// holding tells whether the open group had better wait for more units, and then sees to it that it is sent when its time
// has come. A record costs the same whether it carries one unit or a hundred, and those whose replies have just been released
// are likely to ask again: so a group is held until half as many units have come as were waiting lately, but
// not for longer than gatherFor acknowledgements take, nor than GatherMax. The other half comes while this one is on its way, so that
// clients and disk work at the same time. Who is alone never waits.
func (p *Partition) holding() bool {
	if p.open.barrier || p.open.units >= (p.expected+1)/2 {
		return false
	}
	wait := min(p.cfg.GatherMax, gatherFor*p.ackTook) - p.cfg.Now().Sub(p.ackedAt)
	if wait <= 0 {
		return false
	}
	if !p.armed {
		p.armed = true
		p.timer.Reset(wait)
	}
	return true
}

// gatherFor is how many times an acknowledgement's time a group may wait for more units.
const gatherFor = 3

// release sends a group that was held back.
func (p *Partition) release() {
	p.mu.Lock()
	p.armed = false
	if p.flight == nil && p.open != nil { // not as many have come as there were
		p.expected = max(p.open.units, p.expected*3/4)
	}
	m := p.due()
	p.mu.Unlock()
	p.append(m)
}
