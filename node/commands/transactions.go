package commands

import (
	"context"
	"errors"
	"time"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// transaction is what MULTI has opened.
type transaction struct {
	open    bool
	spoiled bool // a command was refused: EXEC aborts
	writes  bool // some command may write
	scripts bool // some command runs a script
	queue   []queued
	bytes   int
	running bool // EXEC runs the commands: those that would block do not
}

// queued is one command that waits for EXEC.
type queued struct {
	row  *Row
	args Args
}

// watchSet is what WATCH watches, all in one partition.
type watchSet struct {
	partition Partition
	slot      int // of the first key, in a cluster
	watch     keyspace.Watch
	bytes     int64 // a key that is watched twice counts twice
}

// transactionRows are the commands of transactions.
func transactionRows() []Row {
	return []Row{
		{Name: "discard", Group: "transactions", Since: "2.0.0", Arity: 1, Flags: flagsAlways | FlagFast | FlagAllowBusy,
			Summary:    "Discard all commands issued after MULTI",
			Complexity: "O(N), when N is the number of queued commands",
			Categories: []string{"transaction"},
			Session:    discard},
		{Name: "exec", Group: "transactions", Since: "1.2.0", Arity: 1, Flags: flagsAlways | FlagSkipSlowlog,
			Summary:    "Execute all commands issued after MULTI",
			Complexity: "Depends on commands in the transaction",
			Categories: []string{"transaction"},
			Session:    exec},
		{Name: "multi", Group: "transactions", Since: "1.2.0", Arity: 1, Flags: flagsAlways | FlagFast | FlagAllowBusy,
			Summary:    "Mark the start of a transaction block",
			Complexity: "O(1)",
			Categories: []string{"transaction"},
			Session:    multi},
		{Name: "unwatch", Group: "transactions", Since: "2.2.0", Arity: 1, Flags: flagsAlways | FlagFast | FlagAllowBusy,
			Summary:    "Forget about all watched keys",
			Complexity: "O(1)",
			Categories: []string{"transaction"},
			Session:    unwatch},
		{Name: "watch", Group: "transactions", Since: "2.2.0", Arity: -2, Flags: flagsAlways | FlagFast | FlagAllowBusy,
			Summary:    "Watch the given keys to determine execution of the MULTI/EXEC block",
			Syntax:     "key:key*",
			Complexity: "O(1) for every key.",
			Categories: []string{"transaction"},
			Keys:       []KeySpec{{Flags: "RO", Index: 1, Last: -1, Step: 1}},
			Session:    watch},
	}
}

// immediate tells whether the command runs inside MULTI at once instead of being queued.
func immediate(row *Row) bool {
	switch row.Name {
	case "exec", "discard", "multi", "watch", "quit", "reset":
		return true
	}
	return false
}

// queue keeps a command for EXEC.
func (s *Session) queue(row *Row, a Args) Result {
	if r := s.unqueueable(row, a); r != nil {
		return s.refused(row, *r)
	}
	s.passed(row)
	m := &s.multi
	m.queue = append(m.queue, queued{row: row, args: a.clone()})
	m.writes = m.writes || row.mayWrite()
	m.scripts = m.scripts || row.runsScript()
	size := footprint(a)
	m.bytes += size
	s.held.Add(int64(size))
	s.noteQueued(len(m.queue), m.bytes)
	return Result{Reply: reply.Status("QUEUED")}
}

// unqueueable returns why a command cannot be part of a transaction here, or nil. A partition that is between two primaries
// is no reason: EXEC waits for it.
func (s *Session) unqueueable(row *Row, a Args) *reply.Reply {
	switch {
	case row.keyed():
		_, elsewhere, _ := s.srv.engine.Route(row, a, s.standing)
		return elsewhere
	case row.data() && s.srv.cluster != nil:
		return refuse(reply.Errorf("ERR '%s' concerns every partition and cannot be part of a transaction in a cluster", row.Name))
	default:
		return nil
	}
}

// footprint is about how much memory it takes to keep words for later.
func footprint(a Args) int {
	const command, word = 64, 24
	size := command + word*len(a)
	for _, w := range a {
		size += len(w)
	}
	return size
}

// noteQueued lets CLIENT LIST see how many commands wait.
func (s *Session) noteQueued(n, bytes int) {
	s.profile.mu.Lock()
	defer s.profile.mu.Unlock()
	s.profile.queued, s.profile.queuedBytes = n, bytes
}

// discard ends a transaction and forgets what is watched.
func (s *Session) discard() {
	if s.multi.open {
		s.held.Add(-int64(s.multi.bytes))
		s.multi = transaction{}
		s.noteQueued(-1, 0)
	}
	s.unwatch()
}

func (s *Session) unwatch() {
	if s.watched == nil {
		return
	}
	s.watched.partition.Unwatch(&s.watched.watch)
	s.held.Add(-s.watched.bytes)
	s.watched = nil
}

// MULTI
func multi(s *Session, _ Args) reply.Reply {
	if s.multi.open {
		return reply.Error("ERR MULTI calls can not be nested")
	}
	s.multi.open = true
	s.noteQueued(0, 0)
	return reply.OK()
}

// DISCARD
func discard(s *Session, _ Args) reply.Reply {
	if !s.multi.open {
		return reply.Error("ERR DISCARD without MULTI")
	}
	s.discard()
	return reply.OK()
}

// WATCH key [key ...]
func watch(s *Session, a Args) reply.Reply {
	row := s.srv.table.Lookup(a[0])
	p, elsewhere, hold := s.srv.engine.Route(row, a, s.standing)
	switch {
	case elsewhere != nil: // as in Redis, before anything else, and it spoils a transaction
		s.multi.spoiled = s.multi.spoiled || s.multi.open
		return *elsewhere
	case s.multi.open:
		return reply.Error("ERR WATCH inside MULTI is not allowed")
	case hold != nil:
		return s.holdOwn(hold, row, a)
	}
	if s.watched == nil {
		s.watched = &watchSet{partition: p}
		if s.srv.cluster != nil {
			s.watched.slot = s.srv.cluster.Slot(a[1])
		}
	}
	if s.watched.partition != p {
		return crossSlot()
	}
	for _, key := range a[1:] {
		p.Watch(key, &s.watched.watch)
	}
	size := int64(footprint(a))
	s.watched.bytes += size
	s.held.Add(size)
	return reply.OK()
}

// UNWATCH
func unwatch(s *Session, _ Args) reply.Reply {
	s.unwatch()
	return reply.OK()
}

// EXEC
func exec(s *Session, _ Args) reply.Reply {
	m := &s.multi
	switch {
	case !m.open:
		return reply.Error("ERR EXEC without MULTI")
	case m.spoiled:
		s.discard()
		return reply.Error("EXECABORT Transaction discarded because of previous errors.")
	}
	if m.scripts { // which may take long
		return s.Later(func(context.Context) Result { return s.transactOr(nil) })
	}
	s.outcome = s.transact()
	return s.outcome.Reply
}

// transact runs the queued commands and ends the transaction, unless it has to wait for its partition.
func (s *Session) transact() Result {
	queue, writes, scripts := s.multi.queue, s.multi.writes, s.multi.scripts
	p, elsewhere, hold := s.home(queue)
	switch {
	case hold != nil:
		return s.holdBack(hold, s.transactOr)
	case elsewhere != nil:
		s.discard()
		return Result{Reply: *elsewhere}
	}
	u := &unit{s: s, queue: queue, scripts: scripts, replies: make([]reply.Reply, len(queue)), took: make([]time.Duration, len(queue))}
	var err error
	switch {
	case p != nil:
		u.partition = p
		u.wait, err = u.run(p, writes)
	case s.watched != nil:
		u.wait, err = u.run(s.watched.partition, false)
		u.aborted = u.aborted || errors.Is(err, ErrRouteAgain) // who left cannot tell what has changed since
	}
	if errors.Is(err, ErrRouteAgain) && !u.aborted {
		return s.holdBack(s.holdFor(err, u.partition), s.transactOr)
	}
	u.cost(p)
	s.discard()
	switch {
	case u.aborted:
		return Result{Reply: reply.NullArray(), Wait: u.wait}
	case err != nil:
		return s.failed(err)
	default:
		return u.finish(0)
	}
}

// transactOr is transact after the transaction was held, or gives it up with a reply.
func (s *Session) transactOr(final *reply.Reply) Result {
	var result Result
	if final == nil {
		result = s.transact()
	} else {
		s.discard()
		result.Reply = *final
	}
	if result.Reply.IsError() {
		s.srv.countError(result.Reply.Text)
	}
	return result
}

// home returns the one partition that the keys of a transaction's commands belong to, nil when there are none. As in
// Redis Cluster they must be of one slot, while keys that are watched only need to be of the same partition.
func (s *Session) home(queue []queued) (home Partition, elsewhere *reply.Reply, hold Hold) {
	if s.srv.cluster != nil && s.manySlots(queue) {
		return nil, refuse(crossSlot()), nil
	}
	for i := range queue {
		q := &queue[i]
		var p Partition
		switch {
		case q.row.runsScript() && q.row.keyless(q.args) && len(queue) > 1: // it runs where the others do
			continue
		case q.row.keyed():
			p, elsewhere, hold = s.srv.engine.Route(q.row, q.args, s.standing)
		case q.row.data():
			p = s.srv.engine.Everywhere()[0] // there is one: in a cluster such commands are not queued
		default:
			continue
		}
		if elsewhere != nil || hold != nil {
			return nil, elsewhere, hold
		}
		if home != nil && home != p {
			return nil, refuse(crossSlot()), nil
		}
		if s.watched != nil && s.watched.partition != p {
			return nil, refuse(s.strayed(q)), nil
		}
		home = p
	}
	return home, nil, nil
}

// strayed answers a transaction that is not where the watched keys are. Is it of their slot, they may have changed since:
// the partition was handed over.
func (s *Session) strayed(q *queued) (r reply.Reply) {
	r = crossSlot()
	if s.srv.cluster != nil {
		q.row.EachKey(q.args, func(key []byte) bool {
			if s.srv.cluster.Slot(key) == s.watched.slot {
				r = reply.NullArray()
			}
			return false
		})
	}
	return r
}

// manySlots tells whether the keys of the commands are of more than one slot.
func (s *Session) manySlots(queue []queued) bool {
	first, many := -1, false
	for i := range queue {
		queue[i].row.EachKey(queue[i].args, func(key []byte) bool {
			slot := s.srv.cluster.Slot(key)
			many = first >= 0 && slot != first
			first = slot
			return !many
		})
		if many {
			return true
		}
	}
	return false
}

// crossSlot answers keys that must be together and are not.
func crossSlot() reply.Reply {
	return reply.Error("CROSSSLOT Keys in request don't hash to the same slot")
}

// unit is a transaction that runs: all its commands on data in one Tx (I8), or in one View when none writes.
type unit struct {
	s       *Session
	queue   []queued
	replies []reply.Reply
	took    []time.Duration
	aborted bool // a watched key has changed
	scripts bool // some command runs a script
	wait    Wait
	close   bool

	partition Partition
	touch     func(do func()) error // with scripts
	loosen    func()
}

func (u *unit) run(p Partition, writes bool) (Wait, error) {
	switch {
	case u.scripts:
		return p.Occupy(u, writes)
	case writes:
		return p.Update(u)
	}
	return p.View(u)
}

// cost tells the partition now and then what transactions have cost.
func (u *unit) cost(p Partition) {
	if !u.s.sampled() || p == nil {
		return
	}
	var c Cost
	for i := range u.queue {
		c.add(u.queue[i].args, &u.replies[i], u.took[i])
	}
	p.Cost(c)
}

// Origin is the session's id.
func (u *unit) Origin() uint64 { return u.s.id }

// Read runs the transaction on v.
func (u *unit) Read(v *keyspace.View) { u.each(v, nil) }

// Write runs the transaction on tx.
func (u *unit) Write(tx *keyspace.Tx) { u.each(&tx.View, tx) }

func (u *unit) each(v *keyspace.View, tx *keyspace.Tx) {
	if u.aborted = u.changed(v); u.aborted {
		return
	}
	for i := range u.queue {
		q := &u.queue[i]
		if !q.row.data() {
			continue
		}
		start := u.s.srv.now()
		u.replies[i] = u.one(q, v, tx)
		u.took[i] = u.s.srv.now() - start
	}
}

// changed tells whether a watched key has changed.
func (u *unit) changed(v *keyspace.View) (changed bool) {
	if w := u.s.watched; w != nil {
		_ = u.at(func() { changed = w.watch.Dirty(v) }) // over before it has begun, the unit does nothing in any case
	}
	return changed
}

// at runs do where the state may be touched.
func (u *unit) at(do func()) error {
	if u.touch == nil {
		do()
		return nil
	}
	return u.touch(do)
}

func (u *unit) one(q *queued, v *keyspace.View, tx *keyspace.Tx) (r reply.Reply) {
	if q.row.runsScript() {
		return u.script(q, v, tx)
	}
	if err := u.at(func() {
		r = u.s.data(q.row, v, tx, q.args)
		if err := r.Gather(); err != nil {
			r = reply.Errorf("ERR %v", err)
		}
	}); err != nil {
		return reply.Errorf("ERR %v", err) // nobody will see it
	}
	return r
}

// script runs a script as a part of the transaction.
func (u *unit) script(q *queued, v *keyspace.View, tx *keyspace.Tx) reply.Reply {
	run, refusal := u.s.newScriptRun(u.partition, q.row, q.args)
	if refusal != nil {
		return *refusal
	}
	run.touch, run.loosen = u.touch, u.loosen
	return run.on(v, tx)
}

// Lend takes what scripts need for their commands.
func (u *unit) Lend(touch func(do func()) error, loosen func()) { u.touch, u.loosen = touch, loosen }

// Evicted stops the script that runs.
func (u *unit) Evicted(why error) { u.s.srv.scripts.stop(u.s, why) }

// finish runs, from the i-th on, a transaction's commands that need no data, counts all of them and makes the
// reply. Those commands run after the unit, outside the partition's lock, in their order.
func (u *unit) finish(i int) Result {
	u.s.multi.running = true
	defer func() { u.s.multi.running = false }()
	for ; i < len(u.queue); i++ {
		q := &u.queue[i]
		if !q.row.data() {
			start := u.s.srv.now()
			result := u.s.own(q.row, q.args)
			u.took[i] = u.s.srv.now() - start
			if result.Later != nil {
				return u.finishLater(i, result.Later)
			}
			u.replies[i] = result.Reply
			u.close = u.close || result.Close
		}
		u.s.account(q.row, q.args, &u.replies[i], u.took[i])
	}
	return Result{Reply: reply.Array(u.replies...), Wait: u.wait, Close: u.close}
}

// finishLater goes on with a transaction after the i-th command, which may block.
func (u *unit) finishLater(i int, later func(context.Context) Result) Result {
	return Result{Later: func(ctx context.Context) Result {
		result := later(ctx)
		for result.Later != nil {
			result = result.Later(ctx)
		}
		u.replies[i] = result.Reply
		u.close = u.close || result.Close
		return u.finish(i + 1)
	}}
}
