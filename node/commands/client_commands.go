package commands

import (
	"context"
	"errors"
	"time"

	"shiplog/node/reply"
)

// CLIENT ID
func clientID(s *Session, _ Args) reply.Reply { return reply.Int(int64(s.id)) }

// CLIENT GETNAME
func clientGetname(s *Session, _ Args) reply.Reply {
	if name := s.Name(); name != "" {
		return reply.BulkString(name)
	}
	return reply.Null()
}

// Name returns the name that the client gave itself.
func (s *Session) Name() string {
	s.profile.mu.Lock()
	defer s.profile.mu.Unlock()
	return s.profile.name
}

// maxShownName is the longest name that goes into the log: who gives himself a longer one does not make every record long.
const maxShownName = 128

// shownName is the client's name as the log has it, none when it is too long.
func (s *Session) shownName() []byte {
	if name := s.Name(); len(name) <= maxShownName {
		return []byte(name)
	}
	return nil
}

// CLIENT SETNAME connection-name
func clientSetname(s *Session, a Args) reply.Reply { return s.rename(a[2]) }

func (s *Session) rename(name []byte) reply.Reply {
	if !printable(name) {
		return reply.Error("ERR Client names cannot contain spaces, newlines or special characters.")
	}
	s.profile.mu.Lock()
	defer s.profile.mu.Unlock()
	s.profile.name = string(name)
	return reply.OK()
}

// printable tells whether text has only visible ASCII characters.
func printable(text []byte) bool {
	for _, c := range text {
		if c < '!' || c > '~' {
			return false
		}
	}
	return true
}

// CLIENT SETINFO <LIB-NAME libname | LIB-VER libver>
func clientSetinfo(s *Session, a Args) reply.Reply {
	p := &s.profile
	var field *string
	switch {
	case is(a[2], "lib-name"):
		field = &p.libName
	case is(a[2], "lib-ver"):
		field = &p.libVersion
	default:
		return reply.Errorf("ERR Unrecognized option '%s'", a[2])
	}
	if !printable(a[3]) {
		return reply.Errorf("ERR %s cannot contain spaces, newlines or special characters.", a[2])
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	*field = string(a[3])
	return reply.OK()
}

// onOff reads ON or OFF.
func onOff(word []byte) (on, ok bool) {
	on = is(word, "on")
	return on, on || is(word, "off")
}

// CLIENT NO-EVICT <ON | OFF>
func clientNoEvict(s *Session, a Args) reply.Reply {
	on, ok := onOff(a[2])
	if !ok {
		return reply.Syntax()
	}
	s.profile.mu.Lock()
	defer s.profile.mu.Unlock()
	s.profile.noEvict = on
	return reply.OK()
}

// CLIENT NO-TOUCH <ON | OFF>
func clientNoTouch(s *Session, a Args) reply.Reply {
	on, ok := onOff(a[2])
	if !ok {
		return reply.Syntax()
	}
	s.track.quiet = on
	s.profile.mu.Lock()
	defer s.profile.mu.Unlock()
	s.profile.noTouch = on
	return reply.OK()
}

// CLIENT PAUSE timeout [WRITE | ALL]
func clientPause(s *Session, a Args) reply.Reply {
	kind := pauseAll
	if len(a) > 3 {
		switch {
		case len(a) == 4 && is(a[3], "write"):
			kind = pauseWrites
		case len(a) == 4 && is(a[3], "all"):
		case len(a) == 4:
			return reply.Error("ERR CLIENT PAUSE mode must be WRITE or ALL")
		default:
			return subSyntax(a)
		}
	}
	length, refusal := timeoutOf(a[2])
	if refusal != nil {
		return *refusal
	}
	s.srv.pause.begin(kind, length)
	return reply.OK()
}

// timeoutOf reads a timeout in milliseconds.
func timeoutOf(word []byte) (time.Duration, *reply.Reply) {
	var r reply.Reply
	n, ok := parseInt(word)
	switch {
	case !ok || n > int64(time.Duration(1<<63-1)/time.Millisecond):
		r = reply.Error("ERR timeout is not an integer or out of range")
	case n < 0:
		r = reply.Error("ERR timeout is negative")
	default:
		return time.Duration(n) * time.Millisecond, nil
	}
	return 0, &r
}

// CLIENT UNPAUSE
func clientUnpause(s *Session, _ Args) reply.Reply {
	s.srv.pause.end()
	return reply.OK()
}

// CLIENT REPLY <ON | OFF | SKIP>
func clientReply(s *Session, a Args) reply.Reply {
	switch {
	case is(a[2], "on"):
		s.replies = repliesOn
		return reply.OK()
	case is(a[2], "off"):
		s.replies = repliesOff
	case is(a[2], "skip"):
		if s.replies != repliesOff {
			s.replies = repliesSkipNext
		}
	default:
		return reply.Syntax()
	}
	return reply.Reply{}
}

// What CLIENT UNBLOCK ends a blocked command with.
var (
	errUnblockedTimeout = errors.New("unblocked as if by its timeout")
	errUnblockedError   = errors.New("unblocked with an error")
)

// CLIENT UNBLOCK client-id [TIMEOUT | ERROR]
func clientUnblock(s *Session, a Args) reply.Reply {
	cause := errUnblockedTimeout
	if len(a) > 3 {
		switch {
		case len(a) > 4:
			return subSyntax(a)
		case is(a[3], "error"):
			cause = errUnblockedError
		case !is(a[3], "timeout"):
			return reply.Error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
		}
	}
	id, ok := parseInt(a[2])
	if !ok {
		return reply.NotInteger()
	}
	target := s.srv.clients.find(uint64(id))
	return reply.Bool01(target != nil && target.unblock(cause))
}

// blocked tells whether the session waits in a command.
func (s *Session) blocked() bool {
	s.profile.mu.Lock()
	defer s.profile.mu.Unlock()
	return s.profile.unblock != nil
}

// unblock ends the command that the session waits in, if it does.
func (s *Session) unblock(cause error) bool {
	s.profile.mu.Lock()
	end := s.profile.unblock
	s.profile.unblock = nil
	s.profile.mu.Unlock()
	return end != nil && end(cause)
}

// block returns a context that CLIENT UNBLOCK, the timeout (when it is not 0) or ctx ends, and a function to
// be called when the command does not wait any more.
func (s *Session) block(ctx context.Context, timeout time.Duration) (context.Context, func()) {
	stopTimer := func() {}
	if timeout > 0 {
		ctx, stopTimer = withTimeout(ctx, timeout)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	s.letUnblock(func(cause error) bool {
		cancel(cause)
		return true
	})
	return ctx, func() {
		s.letUnblock(nil)
		cancel(nil)
		stopTimer()
	}
}

// letUnblock makes the session one that is blocked, until CLIENT UNBLOCK calls end, which tells whether it ends the command; with
// nil, one that is not.
func (s *Session) letUnblock(end func(cause error) bool) {
	s.profile.mu.Lock()
	defer s.profile.mu.Unlock()
	s.profile.unblock = end
}

func withTimeout(ctx context.Context, timeout time.Duration) (context.Context, func()) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	return ctx, cancel
}
