package commands

import (
	"context"
	"errors"
	"strings"
	"time"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// Do runs one command, or queues it inside MULTI. a is not kept. The order of the checks is Redis's: does the
// command exist, does it have the right number of words, may it be used at all, is the client authenticated,
// may it stand in a transaction, is it paused, is it queued, where is its data.
func (s *Session) Do(a Args) Result {
	if len(a) == 0 {
		return Result{}
	}
	s.began = s.srv.now()
	s.lastAt.Store(int64(s.began))
	s.holdUntil = 0
	if s.tracked.Load() != nil || s.outbound.notices.Load() {
		return s.muted(s.doTracked(a))
	}
	result := s.do(a)
	if s.replies == repliesOn {
		return result
	}
	return s.muted(result)
}

func (s *Session) do(a Args) Result {
	row := s.srv.table.Resolve(a)
	if row == nil {
		if is(a[0], "post") || is(a[0], "host:") {
			return s.crossProtocol()
		}
		return s.refused(nil, s.srv.table.unknown(a))
	}
	if s.last.Load() != row {
		s.last.Store(row)
	}
	if r, refused := s.refusal(row, a); refused {
		return s.refused(row, r)
	}
	if s.srv.pause.holds(s.mayWrite(row)) && row.Name != "quit" {
		return s.postponed(row, a)
	}
	return s.admitted(row, a)
}

// crossProtocol hangs up on a client that speaks HTTP. It is likely to be a browser that a web page has told to post commands
// here: were the lines of its header refused one by one, those of its body would run.
func (s *Session) crossProtocol() Result {
	s.srv.engine.Suspect(s.conn.Remote, "it sent POST or Host: as a web browser does, which suggests cross-protocol scripting")
	return Result{Abort: true}
}

// admitted queues or runs a command that nothing speaks against.
func (s *Session) admitted(row *Row, a Args) Result {
	switch {
	case s.multi.open && !immediate(row):
		return s.queue(row, a)
	case row.Flags&FlagOffLoop != 0:
		return s.offLoop(row, a)
	default:
		return s.run(row, a)
	}
}

// refusal returns the reply of a command that must not run, and whether that is so.
func (s *Session) refusal(row *Row, a Args) (r reply.Reply, refused bool) {
	switch {
	case !row.arityOK(len(a)) || row.container():
		r = reply.WrongArity(row.Name)
	case row.Flags&FlagProtected != 0 && !s.mayDebug():
		r = notAllowed(row)
	case row.Flags&FlagNoAuth == 0 && !s.Authenticated():
		r = reply.Error("NOAUTH Authentication required.")
	case s.multi.open && row.Flags&FlagNoMulti != 0:
		r = reply.Error("ERR Command not allowed inside a transaction")
	default:
		return r, false
	}
	return r, true
}

// refused answers a command that was not admitted. Inside MULTI it spoils the transaction; EXEC itself gives it up.
func (s *Session) refused(row *Row, r reply.Reply) Result {
	if row != nil {
		row.state.stats.rejected.Add(1)
	}
	if s.multi.open {
		s.multi.spoiled = true
	}
	if row != nil && row.Name == "exec" {
		s.discard()
		r = reply.Error("EXECABORT Transaction discarded because of: " + strings.TrimPrefix(r.Text, "ERR "))
	}
	s.srv.countError(r.Text)
	return Result{Reply: r}
}

// mayWrite tells whether CLIENT PAUSE WRITE holds the command back.
func (s *Session) mayWrite(row *Row) bool {
	if row.Name == "exec" {
		return s.multi.writes
	}
	return row.mayWrite()
}

// postponed runs the command when the pause is over.
func (s *Session) postponed(row *Row, a Args) Result {
	kept := a.clone()
	return Result{Later: func(ctx context.Context) Result {
		if err := s.srv.pause.wait(ctx, s.mayWrite(row)); err != nil {
			return Result{Close: true}
		}
		s.began = s.srv.now()
		s.lastAt.Store(int64(s.began))
		return s.admitted(row, kept)
	}}
}

// offLoop runs the command where it may take long.
func (s *Session) offLoop(row *Row, a Args) Result {
	kept := a.clone()
	return Result{Later: func(context.Context) Result {
		s.began = s.srv.now()
		s.lastAt.Store(int64(s.began))
		return s.run(row, kept)
	}}
}

// run executes a command where its data is, and counts it.
func (s *Session) run(row *Row, a Args) Result {
	if row.Wait.Blocks != nil {
		if timeout, refusal := row.Wait.Blocks(a); refusal == nil && timeout >= 0 {
			return s.runBlocking(row, a.clone(), timeout)
		}
	}
	var p Partition
	if row.keyed() {
		var elsewhere *reply.Reply
		var hold Hold
		p, elsewhere, hold = s.srv.engine.Route(row, a, s.standing)
		switch {
		case hold != nil:
			return s.holdRow(hold, row, a)
		case elsewhere != nil:
			s.standing.Asking = false
			return s.refused(row, *elsewhere)
		}
	}
	start := time.Duration(s.lastAt.Load())
	result, err := s.execute(p, row, a)
	if err != nil {
		return s.holdRow(s.holdFor(err, p), row, a)
	}
	took := s.srv.now() - start
	s.account(row, a, &result.Reply, took)
	s.sample(p, a, &result.Reply, took)
	s.passed(row)
	return s.fed(result)
}

// passed takes back what was said for one command only, after it.
func (s *Session) passed(row *Row) {
	if s.track.caching && !s.multi.open && !strings.HasPrefix(row.Name, "client|") {
		s.track.caching = false
	}
	if s.standing.Asking && row.Name != "asking" {
		s.standing.Asking = false
	}
}

// execute runs a command's handler. An error wraps ErrRouteAgain.
func (s *Session) execute(p Partition, row *Row, a Args) (Result, error) {
	c := &s.call
	c.row, c.args = row, a
	var wait Wait
	var err error
	switch {
	case row.Session != nil:
		return s.own(row, a), nil
	case p == nil:
		return s.everywhere(row, a)
	case row.runsScript():
		return s.runScript(p, row, a)
	case row.Snapshot != nil:
		return s.walk(p, row, a)
	case row.Read != nil:
		wait, err = p.View(c)
	default:
		wait, err = p.Update(c)
	}
	if err != nil {
		return s.failedOrAgain(err)
	}
	return Result{Reply: c.reply, Wait: wait}, nil
}

// own runs a Session handler.
func (s *Session) own(row *Row, a Args) Result {
	s.outcome = Result{}
	r := row.Session(s, a)
	result := s.outcome
	s.outcome = Result{}
	if result.Later == nil {
		result.Reply = r
	}
	return result
}

// walk runs a Snapshot handler.
func (s *Session) walk(p Partition, row *Row, a Args) (Result, error) {
	snap, wait, err := p.Snapshot()
	if err != nil {
		return s.failedOrAgain(err)
	}
	defer snap.Close()
	r := row.Snapshot(snap, a)
	if err := snap.Err(); err != nil {
		return s.failed(err), nil
	}
	return Result{Reply: r, Wait: wait}, nil
}

// failedOrAgain words the error of a partition that did nothing, unless the command is to be routed again.
func (s *Session) failedOrAgain(err error) (Result, error) {
	if errors.Is(err, ErrRouteAgain) {
		return Result{}, err
	}
	return s.failed(err), nil
}

// failed words the error of a partition that did nothing.
func (s *Session) failed(err error) Result {
	r, final := s.srv.engine.ErrorReply(err)
	if final {
		return Result{Close: true}
	}
	return Result{Reply: r}
}

// read runs a Read handler under the partition's lock.
func (s *Session) read(row *Row, v *keyspace.View, a Args) reply.Reply {
	if s.tracked.Load() != nil {
		s.trackKeys(row, a)
	}
	if s.track.quiet {
		v.SetQuiet(row.Name != "touch")
	}
	if refusal := row.refuses(a); refusal != nil {
		return *refusal
	}
	return row.Read(v, a)
}

// write runs a Write handler under the partition's lock.
func (s *Session) write(row *Row, tx *keyspace.Tx, a Args) reply.Reply {
	tx.SetCommand(row.state.upper)
	if s.srv.tune().clientNames {
		tx.SetClient(s.shownName())
	}
	if s.track.quiet {
		tx.SetQuiet(true)
	}
	if refusal := row.refuses(a); refusal != nil {
		return *refusal
	}
	return row.Write(tx, a)
}

// data runs a handler on data within a unit; tx is nil when that only reads.
func (s *Session) data(row *Row, v *keyspace.View, tx *keyspace.Tx, a Args) reply.Reply {
	switch {
	case row.Read != nil:
		return s.read(row, v, a)
	case row.Write != nil && tx != nil:
		return s.write(row, tx, a)
	case row.Write != nil:
		return reply.Error("ERR Write commands are not allowed from read-only scripts.")
	default:
		snap := v.Snapshot()
		defer snap.Close()
		return row.Snapshot(snap, a)
	}
}

// account counts a command that ran, and notes it when it was slow.
func (s *Session) account(row *Row, a Args, r *reply.Reply, took time.Duration) {
	tune := s.srv.tune()
	shard := s.id % shards
	row.state.stats.shard[shard].add(took, tune.latencyTracking)
	s.srv.totals.commands[shard].Add(1)
	if r.Kind == reply.KindError {
		row.state.stats.failed.Add(1)
		s.srv.countError(r.Text)
	}
	if took >= tune.slowerThan && tune.slowerThan >= 0 && row.Flags&FlagSkipSlowlog == 0 {
		s.srv.slow.add(slowEntry{at: time.Now(), took: took, args: shorten(row, a), addr: s.conn.Remote, name: s.Name()})
	}
	if tune.latencyMin > 0 {
		s.srv.Event(eventOf(row), took)
	}
}

// eventOf is the latency monitor's name for running a command.
func eventOf(row *Row) string {
	if row.Flags&FlagFast != 0 {
		return "fast-command"
	}
	return "command"
}

// muted takes replies away that CLIENT REPLY does not want.
func (s *Session) muted(r Result) Result {
	if later := r.Later; later != nil && s.replies != repliesOn {
		r.Reply = reply.Reply{}
		r.Later = func(ctx context.Context) Result { return s.muted(later(ctx)) }
		return r
	}
	switch s.replies {
	case repliesOn:
		return r
	case repliesSkipNext:
		s.replies = repliesSkip
	case repliesSkip:
		s.replies = repliesOn
	}
	r.Reply = reply.Reply{}
	return r
}

// countError counts an error reply under its code.
func (srv *Server) countError(text string) {
	srv.totals.errorReplies.Add(1)
	srv.totals.errors.add(text)
}

// clone copies the words.
func (a Args) clone() Args {
	size := 0
	for _, word := range a {
		size += len(word)
	}
	all := make([]byte, 0, size)
	out := make(Args, len(a))
	for i, word := range a {
		start := len(all)
		all = append(all, word...)
		out[i] = all[start:len(all):len(all)]
	}
	return out
}

// How much of a client's words the answer to an unknown command repeats, in bytes, as in Redis.
const echoed = 128

// unknown words the answer to a command that is not in the table.
func (t *Table) unknown(a Args) reply.Reply {
	if row := t.Lookup(a[0]); row != nil {
		return reply.Errorf("ERR unknown subcommand '%s'. Try %s HELP.", cString(a[1], echoed), row.state.upper)
	}
	var words strings.Builder
	for i := 1; i < len(a) && words.Len() < echoed; i++ {
		words.WriteString("'" + cString(a[i], echoed-words.Len()) + "' ")
	}
	return reply.Errorf("ERR unknown command '%s', with args beginning with: %s", cString(a[0], echoed), words.String())
}

// cString is what C's "%.*s" prints of b.
func cString(b []byte, most int) string {
	b = b[:min(len(b), most)]
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}
