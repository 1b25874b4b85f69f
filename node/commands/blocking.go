package commands

import (
	"context"
	"errors"
	"math"
	"math/big"
	"strings"
	"time"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// parkedCall is a command that may have to wait for its keys, from when it came until it is answered: what a partition parks. It
// belongs to the session's goroutine, but while it is parked its turn belongs to the partition's lock.
type parkedCall struct {
	s         *Session
	row       *Row
	args      Args // copied: they outlive the connection's buffer
	awaits    keyspace.Type
	until     time.Time // when its time is over; zero: never
	ripe      time.Time // when it may find something though no key has changed; zero: never
	partition Partition // where it is parked
	before    Wait      // what the reply rests on that there is nothing for it
	ran       time.Duration
	turn      turn
	woken     chan waking // has room for one
	unblocked chan error  // has room for one
}

// turn is one run of a command that may have to wait, and what came of those before it.
type turn struct {
	words Args // of the whole command at first, then of the same command on the key that has changed
	again bool // this is not the first
	gone  bool // the key does not hold what the command waits for
	reply reply.Reply
	took  time.Duration
}

// waking is what a partition says to a command that it has parked.
type waking struct {
	wait Wait
	err  error
}

// runBlocking runs a command that waits for at most timeout (0: for ever) until there is something for it.
func (s *Session) runBlocking(row *Row, a Args, timeout time.Duration) Result {
	c := &parkedCall{
		s: s, row: row, args: a, awaits: row.awaits(),
		woken: make(chan waking, 1), unblocked: make(chan error, 1),
	}
	if timeout > 0 {
		c.until = time.Now().Add(timeout)
	}
	return c.begin()
}

// awaits is the type of the values that the command waits for.
func (r *Row) awaits() keyspace.Type {
	switch r.Group {
	case "list":
		return keyspace.TypeList
	case "sorted-set":
		return keyspace.TypeZSet
	case "stream":
		return keyspace.TypeStream
	default:
		return keyspace.TypeString
	}
}

// begin runs the command where its data is, and parks it there if there is nothing for it.
func (c *parkedCall) begin() Result {
	s := c.s
	as := s.standing
	as.Readonly = false // a replica wakes nobody
	p, elsewhere, hold := s.srv.engine.Route(c.row, c.args, as)
	switch {
	case hold != nil:
		return c.hold(hold)
	case elsewhere != nil:
		s.standing.Asking = false
		return s.refused(c.row, *elsewhere)
	}
	c.turn = turn{words: c.args}
	start := s.srv.now()
	wait, served, err := p.Park(c, c.keys())
	c.ran += s.srv.now() - start
	said := new(reply.Reply) // a command that is parked is not ours any more: it may be served at this moment
	if served {
		said = &c.turn.reply
	}
	s.sample(p, c.args, said, c.ran)
	switch {
	case err != nil:
		return c.failed(err)
	case served:
		return c.finish(Result{Reply: c.turn.reply, Wait: wait})
	}
	c.partition, c.before = p, wait
	s.parked = c
	s.letUnblock(func(why error) bool { return c.unblock(p, why) })
	return Result{Later: c.await}
}

// keys are those that the command waits for.
func (c *parkedCall) keys() [][]byte {
	var keys [][]byte
	spec := &c.row.Keys[0]
	first, last, step := spec.locate(c.args)
	for at := first; at > 0 && at <= last && at < len(c.args); at += step {
		keys = append(keys, c.args[at])
	}
	return keys
}

// await waits until the command is served, its time is over, its client is gone, or somebody unblocks it.
func (c *parkedCall) await(ctx context.Context) Result {
	c.s.outbound.end() // what clients that track are told does not wait with it
	var over <-chan time.Time
	wait, ripens := c.patience()
	if wait >= 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case w := <-c.woken:
		return c.wake(w)
	case why := <-c.unblocked:
		return c.end(why)
	case <-over:
	case <-ctx.Done():
		ripens = false
	}
	switch out := c.partition.Unpark(c); {
	case out && ripens:
		c.leave()
		return c.begin()
	case out:
		return c.end(context.Cause(ctx))
	}
	select { // somebody was faster
	case w := <-c.woken:
		return c.wake(w)
	case why := <-c.unblocked:
		return c.end(why)
	}
}

// patience returns how long the command waits for its keys, less than 0 for ever, and whether it then looks again by itself.
func (c *parkedCall) patience() (wait time.Duration, ripens bool) {
	left := time.Duration(-1)
	if !c.until.IsZero() {
		left = max(0, time.Until(c.until))
	}
	if c.ripe.IsZero() {
		return left, false
	}
	if wait = max(0, time.Until(c.ripe)); left >= 0 && left <= wait {
		return left, false
	}
	return wait, true
}

// unblock ends the wait in p, and tells whether it was not over already. Other sessions call it.
func (c *parkedCall) unblock(p Partition, why error) bool {
	out := p.Unpark(c)
	if out {
		c.unblocked <- why
	}
	return out
}

// end answers a command that there was nothing for: why is what CLIENT UNBLOCK said or what ended the connection, nil when its time
// is over.
func (c *parkedCall) end(why error) Result {
	c.leave()
	switch {
	case why == nil || errors.Is(why, errUnblockedTimeout):
		return c.finish(Result{Reply: reply.NullArray(), Wait: c.before})
	case errors.Is(why, errUnblockedError):
		return c.finish(Result{Reply: reply.Error("UNBLOCKED client unblocked via CLIENT UNBLOCK")})
	default:
		return Result{Close: true}
	}
}

// wake takes what the partition says.
func (c *parkedCall) wake(w waking) Result {
	c.leave()
	if w.err != nil {
		c.s.holdUntil = 0 // its waiting was none for a primary
		return c.failed(w.err)
	}
	return c.finish(Result{Reply: c.turn.reply, Wait: w.wait})
}

// leave takes note that the command does not wait any more.
func (c *parkedCall) leave() {
	c.ran += c.turn.took
	c.s.parked = nil
	c.s.letUnblock(nil)
}

// failed answers the error of a partition that did nothing, or routes the command again.
func (c *parkedCall) failed(err error) Result {
	if errors.Is(err, ErrRouteAgain) {
		return c.hold(c.s.holdFor(err, nil))
	}
	return c.finish(c.s.failed(err))
}

// hold holds the command back, and routes it again for what is left of its time.
func (c *parkedCall) hold(hold Hold) Result {
	return c.s.holdBack(hold, func(final *reply.Reply) Result {
		if final != nil {
			return c.s.refused(c.row, *final)
		}
		return c.begin()
	})
}

// finish counts the command with the time that it ran.
func (c *parkedCall) finish(result Result) Result {
	c.s.account(c.row, c.args, &result.Reply, c.ran)
	c.s.passed(c.row)
	return c.s.fed(result)
}

// abandon ends the wait for a session that is over. What the command was served with meanwhile is gone.
func (c *parkedCall) abandon() {
	if !c.partition.Unpark(c) && c.turn.reply.Feed != nil {
		_ = c.turn.reply.Feed.Close() // nobody waits for it
	}
}

// Origin is the session's id.
func (c *parkedCall) Origin() uint64 { return c.s.id }

// Turn makes ready for a run on the key that has changed, if it holds what the command waits for. A command that is served when
// several keys come at once gets what came first, not what it names first (Redis before 7.2).
func (c *parkedCall) Turn(key string, holds keyspace.Type) bool {
	t := &c.turn
	t.again, t.gone = true, holds != c.awaits
	if t.gone && c.row.Flags&FlagRetryErrors == 0 {
		return false
	}
	t.words = c.row.Keys[0].only(c.args, key)
	return true
}

// Write runs the command.
func (c *parkedCall) Write(tx *keyspace.Tx) {
	t := &c.turn
	if !t.again {
		t.reply = c.run(tx)
		c.ripen(&tx.View)
		return
	}
	start := c.s.srv.now()
	t.reply = c.runAgain(tx)
	t.took += c.s.srv.now() - start
}

// ripen notes when a command that is about to wait is to look again.
func (c *parkedCall) ripen(v *keyspace.View) {
	c.ripe = time.Time{}
	if c.row.Wait.Ripens == nil || c.Served() {
		return
	}
	if at, ok := c.row.Wait.Ripens(v, c.args); ok {
		c.ripe = time.Now().Add(time.Duration(at-v.Now()) * time.Millisecond)
	}
}

func (c *parkedCall) run(tx *keyspace.Tx) reply.Reply {
	if c.row.Read != nil {
		return c.s.read(c.row, &tx.View, c.turn.words)
	}
	return c.s.write(c.row, tx, c.turn.words)
}

// runAgain says, where Redis does so, that something is not there any more in other words than that it is not there.
func (c *parkedCall) runAgain(tx *keyspace.Tx) reply.Reply {
	if c.turn.gone {
		return reply.Error("UNBLOCKED the stream key no longer exists")
	}
	r := c.run(tx)
	if c.row.Flags&FlagRetryErrors != 0 && strings.HasPrefix(r.Text, "NOGROUP ") {
		return reply.Error("NOGROUP the consumer group this client was blocked on no longer exists")
	}
	return r
}

// Served tells whether there was something for the command.
func (c *parkedCall) Served() bool {
	kind := c.turn.reply.Kind
	return kind != reply.KindNull && kind != reply.KindNullArray
}

// Wake has the session go on.
func (c *parkedCall) Wake(w Wait, err error) { c.woken <- waking{w, err} }

// only returns the words of a's command on one of its keys alone, which the specification finds, with what belongs to this key.
func (k *KeySpec) only(a Args, key string) Args {
	first, last, step := k.locate(a)
	if first == last {
		return a
	}
	at := first
	for at < last && string(a[at]) != key {
		at += step
	}
	out := make(Args, 0, len(a))
	out = append(out, a[:first]...)
	if k.KeyNum {
		out[k.begin(a)+k.NumIndex] = []byte("1")
	}
	end := last + step
	for part := range max(k.Limit, 1) { // with a limit, as many words follow for each key
		out = append(out, a[at+part*(end-first)])
	}
	return append(out, a[first+max(k.Limit, 1)*(end-first):]...)
}

// refuses returns why a command that may block cannot run, nil if it can or is none.
func (r *Row) refuses(a Args) *reply.Reply {
	if r.Wait.Blocks == nil {
		return nil
	}
	_, refusal := r.Wait.Blocks(a)
	return refusal
}

// blockSeconds reads how long a command is to wait, in seconds and parts of them; a part of a millisecond counts as a whole one.
func blockSeconds(word []byte) (time.Duration, *reply.Reply) {
	x, ok := parseFloat(word)
	if !ok {
		return 0, refuse(reply.Error("ERR timeout is not a float or out of range"))
	}
	negative := refuse(reply.Error("ERR timeout is negative"))
	if x.IsInf() {
		return 0, negative
	}
	thousand := new(big.Float).SetPrec(floatBits).SetInt64(1000)
	ms, accuracy := x.Mul(x, thousand).Int64() // towards zero
	if accuracy == big.Below && x.Sign() > 0 && ms < math.MaxInt64 {
		ms++
	}
	if ms < 0 || ms == math.MaxInt64 && accuracy != big.Exact { // what C makes of a float beyond its integers is negative
		return 0, negative
	}
	return milliseconds(ms), nil
}

// blockMillis reads how long a command is to wait, in milliseconds.
func blockMillis(word []byte) (time.Duration, *reply.Reply) {
	n, ok := parseInt(word)
	switch {
	case !ok:
		return 0, refuse(reply.Error("ERR timeout is not an integer or out of range"))
	case n < 0:
		return 0, refuse(reply.Error("ERR timeout is negative"))
	default:
		return milliseconds(n), nil
	}
}

// milliseconds is a time that may be longer than a Duration can be: nobody will know.
func milliseconds(n int64) time.Duration {
	return time.Duration(min(n, int64(math.MaxInt64/time.Millisecond))) * time.Millisecond
}
