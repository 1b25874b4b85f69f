package commands

import (
	"context"
	"errors"
	"time"

	"shiplog/node/reply"
)

// LASTSAVE
func lastsave(s *Session, _ Args) reply.Reply {
	return reply.Int(s.lastFlush().Unix())
}

// lastFlush is when the state last became durable: at the latest when the node started.
func (s *Session) lastFlush() time.Time {
	if at := s.srv.engine.Facts().Keyspace.LastFlush; !at.IsZero() {
		return at
	}
	return s.srv.started
}

// SAVE
func save(s *Session, _ Args) reply.Reply {
	return s.Later(func(ctx context.Context) Result {
		if err := s.srv.engine.Sync(ctx); err != nil {
			return s.failed(err)
		}
		return Result{Reply: reply.OK()}
	})
}

// BGSAVE [SCHEDULE]
func bgsave(s *Session, a Args) reply.Reply {
	if len(a) > 2 || len(a) == 2 && !is(a[1], "schedule") {
		return reply.Syntax()
	}
	if !s.srv.engine.StartSync() {
		return reply.Error("ERR Background save already in progress")
	}
	return reply.Status("Background saving started")
}

// BGREWRITEAOF
//
// The log needs no rewriting: it is trimmed when the state is durable, which this hastens.
func bgrewriteaof(s *Session, _ Args) reply.Reply {
	if !s.srv.engine.StartSync() {
		return reply.Status("Background append only file rewriting scheduled")
	}
	return reply.Status("Background append only file rewriting started")
}

// WAIT numreplicas timeout
func wait(s *Session, a Args) reply.Reply {
	replicas, ok := parseInt(a[1])
	if !ok {
		return reply.NotInteger()
	}
	timeout, refusal := timeoutOf(a[2])
	if refusal != nil {
		return *refusal
	}
	return s.awaitLog(0, replicas, timeout, func(_, others int) reply.Reply { return reply.Int(int64(others)) })
}

// WAITAOF numlocal numreplicas timeout
func waitAOF(s *Session, a Args) reply.Reply {
	local, ok := parseInt(a[1])
	if !ok || local < 0 || local > 1 {
		return outOfRange(ok, "value is out of range, value must between 0 and 1")
	}
	replicas, ok := parseInt(a[2])
	if !ok || replicas < 0 {
		return outOfRange(ok, "value is out of range, must be positive")
	}
	timeout, refusal := timeoutOf(a[3])
	if refusal != nil {
		return *refusal
	}
	return s.awaitLog(local, replicas, timeout, func(local, others int) reply.Reply {
		return reply.Array(reply.Int(int64(local)), reply.Int(int64(others)))
	})
}

func outOfRange(isNumber bool, text string) reply.Reply {
	if !isNumber {
		return reply.NotInteger()
	}
	return reply.Error("ERR " + text)
}

// awaitLog waits until everything acknowledged so far is in the logs that are asked for. A timeout of 0
// waits for ever; inside a transaction nothing is waited for.
func (s *Session) awaitLog(local, replicas int64, timeout time.Duration, word func(local, others int) reply.Reply) reply.Reply {
	inside := s.multi.running
	return s.Later(func(ctx context.Context) Result {
		seq := s.srv.engine.Facts().Log.LastSeq
		ask := int(min(replicas, 1<<16))
		if inside || local <= 0 && replicas <= 0 {
			done, cancel := context.WithCancel(ctx)
			cancel() // only look
			return Result{Reply: word(s.srv.engine.SyncLog(done, seq, ask))}
		}
		ctx, stop := s.block(ctx, timeout)
		defer stop()
		reached, others := s.srv.engine.SyncLog(ctx, seq, ask)
		if errors.Is(context.Cause(ctx), errUnblockedError) {
			return Result{Reply: reply.Error("UNBLOCKED client unblocked via CLIENT UNBLOCK")}
		}
		return Result{Reply: word(reached, others)}
	})
}

// SHUTDOWN [NOSAVE | SAVE] [NOW] [FORCE] [ABORT]
func shutdown(s *Session, a Args) reply.Reply {
	var how ShutdownMode
	var nosave, save, abort bool
	for _, word := range a[1:] {
		switch {
		case is(word, "nosave"):
			nosave = true
		case is(word, "save"):
			save = true
		case is(word, "now"):
			how.Now = true
		case is(word, "force"):
			how.Force = true
		case is(word, "abort"):
			abort = true
		default:
			return reply.Syntax()
		}
	}
	if abort && (len(a) > 2) || nosave && save {
		return reply.Syntax()
	}
	if abort {
		if s.srv.engine.AbortShutdown() {
			return reply.OK()
		}
		return reply.Error("ERR No shutdown in progress.")
	}
	how.Save = !nosave
	if err := s.srv.engine.Shutdown(how); err != nil {
		return reply.Error("ERR Errors trying to SHUTDOWN. Check logs.")
	}
	s.outcome.Close = true
	return reply.Reply{}
}
