package commands

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// scriptRun is one run of a script. It belongs to the goroutine that runs it.
type scriptRun struct {
	s         *Session
	script    *script
	keys, arg Args
	readonly  bool
	resp      int // what version of RESP the script wants replies in
	state     *luaState
	partition Partition
	slot      int    // that its keys are of, in a cluster; less than 0: not known yet
	movable   bool   // it may begin again in another partition
	fetch     []byte // a key of that one

	view   *keyspace.View
	tx     *keyspace.Tx // nil: it only reads
	touch  func(do func()) error
	loosen func()
}

// newScriptRun makes ready to run a script that a command names in p.
func (s *Session) newScriptRun(p Partition, row *Row, a Args) (*scriptRun, *reply.Reply) {
	found, refusal := row.state.script(a)
	if refusal != nil {
		return nil, refusal
	}
	n, _ := parseInt(a[2]) // the row's Script has looked
	r := &scriptRun{s: s, script: found, keys: a[3 : 3+n], arg: a[3+n:], resp: 2, partition: p, slot: -1,
		readonly: found.readonly || row.Flags&FlagReadonly != 0}
	if s.srv.cluster != nil {
		if found.solo {
			return nil, refuse(reply.Error("ERR Can not run script on cluster, 'no-cluster' flag is set."))
		}
		if n > 0 {
			r.slot = s.srv.cluster.Slot(r.keys[0])
		}
	}
	return r, nil
}

// runScript runs a script in p, for as long as it takes.
func (s *Session) runScript(p Partition, row *Row, a Args) (Result, error) {
	r, refusal := s.newScriptRun(p, row, a)
	if refusal != nil {
		return Result{Reply: *refusal}, nil
	}
	r.movable = len(r.keys) == 0
	result, err := s.occupy(r)
	if err != nil || r.fetch == nil {
		return result, err
	}
	there, elsewhere, hold := s.srv.engine.Route(s.srv.table.Lookup([]byte("type")), Args{[]byte("type"), r.fetch}, s.standing)
	switch {
	case hold != nil:
		return Result{}, ErrRouteAgain
	case elsewhere != nil:
		return Result{Reply: *elsewhere}, nil
	}
	r.partition, r.movable, r.slot, r.fetch, r.resp = there, false, s.srv.cluster.Slot(r.fetch), nil, 2
	return s.occupy(r)
}

// occupy runs a script where it belongs.
func (s *Session) occupy(r *scriptRun) (Result, error) {
	c := &scriptCall{run: r}
	wait, err := r.partition.Occupy(c, !r.readonly)
	if err != nil {
		return s.failedOrAgain(err)
	}
	return Result{Reply: c.reply, Wait: wait}, nil
}

// scriptCall is a script in the shape that a partition takes.
type scriptCall struct {
	run   *scriptRun
	reply reply.Reply
}

// Lend takes what the script needs for its commands.
func (c *scriptCall) Lend(touch func(do func()) error, loosen func()) {
	c.run.touch, c.run.loosen = touch, loosen
}

// Read runs the script on v.
func (c *scriptCall) Read(v *keyspace.View) { c.reply = c.run.on(v, nil) }

// Write runs the script on tx.
func (c *scriptCall) Write(tx *keyspace.Tx) { c.reply = c.run.on(&tx.View, tx) }

// Origin is the session's id.
func (c *scriptCall) Origin() uint64 { return c.run.s.id }

// Evicted stops the script.
func (c *scriptCall) Evicted(why error) { c.run.s.srv.scripts.stop(c.run.s, why) }

// on runs the script. What it has done is undone when its answer is an error: an error reply means that nothing was done.
func (r *scriptRun) on(v *keyspace.View, tx *keyspace.Tx) (answer reply.Reply) {
	scripts := &r.s.srv.scripts
	r.view, r.tx = v, tx
	r.state = scripts.take()
	scripts.begin(r)
	defer func() {
		scripts.end(r)
		scripts.give(r.state)
		r.state = nil
	}()
	var start keyspace.Savepoint
	if tx != nil {
		_ = r.touch(func() { // an error comes again at the end
			start = tx.Save()
			tx.SetScripted(true)
		})
	}
	answer = r.state.execute(r)
	if tx != nil {
		if err := r.touch(func() {
			if answer.IsError() || r.fetch != nil {
				tx.RollbackTo(start)
			}
			tx.SetScripted(false)
		}); err != nil {
			return reply.Errorf("ERR %v", err) // nobody will see it
		}
	}
	return answer
}

// execute runs the script of r in the state.
func (st *luaState) execute(r *scriptRun) reply.Reply {
	st.run = r
	defer func() { st.run = nil }()
	st.random.seed(rand.Uint32())
	st.globals.RawSetString("KEYS", listOf(st.LState, r.keys))
	st.globals.RawSetString("ARGV", listOf(st.LState, r.arg))
	fn := st.NewFunctionFromProto(r.script.proto)
	fn.Env = st.env
	st.SetTop(0)
	st.Push(fn)
	if err := st.protected(); err != nil {
		return st.failure(err)
	}
	return st.toReply(st.Get(-1), 0)
}

// protected calls the function that was pushed. When the stack is full to the brim the interpreter has no room for its own handling of that, and
// panics: the state is not used again then.
func (st *luaState) protected() (err error) {
	defer func() {
		if what := recover(); what != nil {
			st.touched = true
			err = fmt.Errorf("%s:1: stack overflow", scriptChunk)
			if _, raised := what.(*lua.ApiError); !raised {
				err = fmt.Errorf("%s:1: %v", scriptChunk, what)
			}
		}
	}()
	return st.PCall(0, 1, st.onError)
}

func listOf(l *lua.LState, words Args) *lua.LTable {
	t := l.CreateTable(len(words), 0)
	for i, word := range words {
		t.RawSetInt(i+1, lua.LString(word))
	}
	return t
}

// failure words the error that has ended the script.
func (st *luaState) failure(err error) reply.Reply {
	text, source, line := "ERR unknown error", "@"+scriptChunk, "1"
	switch raised := errorValue(err).(type) {
	case *lua.LTable:
		if said, ok := raised.RawGetString("err").(lua.LString); ok {
			text = string(said)
		}
		if where, ok := raised.RawGetString("source").(lua.LString); ok {
			source = string(where)
		}
		if n, ok := raised.RawGetString("line").(lua.LNumber); ok {
			line = luaString(n)
		}
	default: // the stack had no room for finding out where
		text = "ERR " + luaMessage(luaString(raised))
	}
	var stopped errStopped
	if errors.As(st.brake.Err(), &stopped) {
		text = string(stopped)
	}
	return reply.Errorf("%s script: %s, on %s:%s.", text, st.run.script.sha, source, line)
}

// command runs a command for the script. The order of the checks is Redis's.
func (r *scriptRun) command(a Args) reply.Reply {
	row := r.s.srv.table.Resolve(a)
	switch {
	case row == nil:
		return reply.Error("ERR Unknown Redis command called from script")
	case !row.arityOK(len(a)) || row.container():
		row.state.stats.rejected.Add(1)
		return reply.Error("ERR Wrong number of args calling Redis command from script")
	case row.Flags&FlagNoScript != 0:
		return reply.Error(notFromScript)
	case r.readonly && row.Flags&FlagWrite != 0:
		return reply.Error("ERR Write commands are not allowed from read-only scripts.")
	}
	if row.Wait.Blocks != nil {
		if timeout, refusal := row.Wait.Blocks(a); refusal == nil && timeout >= 0 {
			return reply.Errorf("ERR %s command is not allowed with BLOCK option from scripts", a[0])
		}
	}
	if refusal := r.astray(row, a); refusal != nil {
		return *refusal
	}
	start := r.s.srv.now()
	answer := r.dispatch(row, a)
	r.count(row, &answer, r.s.srv.now()-start)
	return answer
}

const notFromScript = "ERR This Redis command is not allowed from script"

// dispatch runs a command where it can be run: at the state, or beside it.
func (r *scriptRun) dispatch(row *Row, a Args) (answer reply.Reply) {
	if !row.data() {
		r.loosen()
		result := r.s.own(row, a)
		if result.Later != nil {
			return reply.Error(notFromScript)
		}
		return result.Reply
	}
	if err := r.touch(func() {
		answer = r.s.data(row, r.view, r.tx, a)
		if err := answer.Gather(); err != nil {
			answer = reply.Errorf("ERR %v", err)
		}
	}); err != nil {
		r.state.brake.pull(fmt.Sprintf("ERR %v", err))
		return reply.Errorf("ERR %v", err)
	}
	return answer
}

// count counts a command that the script has run.
func (r *scriptRun) count(row *Row, answer *reply.Reply, took time.Duration) {
	shard := r.s.id % shards
	row.state.stats.shard[shard].add(took, r.s.srv.tune().latencyTracking)
	r.s.srv.totals.commands[shard].Add(1)
	if answer.IsError() {
		row.state.stats.failed.Add(1)
	}
}

// astray refuses a command on keys that are not where the script runs.
func (r *scriptRun) astray(row *Row, a Args) *reply.Reply {
	cluster := r.s.srv.cluster
	if cluster == nil || !row.data() {
		return nil
	}
	if !row.keyed() {
		return refuse(reply.Errorf("ERR '%s' concerns every partition and cannot be part of a script in a cluster", row.Name))
	}
	var refusal *reply.Reply
	row.EachKey(a, func(key []byte) bool {
		slot := cluster.Slot(key)
		switch {
		case slot == r.slot:
		case r.slot < 0 || r.script.anySlot:
			refusal = r.settle(key, slot)
		default:
			refusal = refuse(reply.Error("ERR Script attempted to access keys that do not hash to the same slot"))
		}
		return refusal == nil
	})
	return refusal
}

// settle finds out whether a key is of the partition where the script runs. The first key of a script that has named none says where
// it should have run.
func (r *scriptRun) settle(key []byte, slot int) *reply.Reply {
	as := r.s.standing
	row := r.s.srv.table.Lookup([]byte("type"))
	p, _, _ := r.s.srv.engine.Route(row, Args{[]byte("type"), key}, as)
	switch {
	case p == r.partition:
		if r.slot < 0 {
			r.slot = slot
		}
		return nil
	case p != nil && r.slot < 0 && r.movable:
		r.fetch = copied(key)
		r.state.brake.pull("ERR the script runs again where its keys are")
	}
	return refuse(reply.Error("ERR Script attempted to access a non local key in a cluster node"))
}

// note puts a line of the script's into the server's log.
func (r *scriptRun) note(level int, text string) {
	r.s.srv.engine.Note(level, strings.ToValidUTF8(text[:min(len(text), noteMost)], "?"))
}

// noteMost is how many bytes of a line go into the log, as in Redis.
const noteMost = 1024
