package commands

import (
	"crypto/sha256"
	"crypto/subtle"

	"shiplog/node/reply"
)

// wrongPass answers a failed authentication.
func wrongPass() reply.Reply {
	return reply.Error("WRONGPASS invalid username-password pair or user is disabled.")
}

// AUTH [username] password
func auth(s *Session, a Args) reply.Reply {
	password := s.srv.tune().password
	switch {
	case len(a) > 3:
		return reply.Syntax()
	case len(a) == 2 && password == "":
		return reply.Error("ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?")
	case len(a) == 2:
		return s.authenticate([]byte("default"), a[1])
	default:
		return s.authenticate(a[1], a[2])
	}
}

// authenticate checks a password in a time that does not depend on it.
func (s *Session) authenticate(user, password []byte) reply.Reply {
	want := s.srv.tune().password
	known, given := sha256.Sum256([]byte(want)), sha256.Sum256(password)
	same := subtle.ConstantTimeCompare(known[:], given[:]) == 1 || want == ""
	if !same || string(user) != "default" {
		s.srv.totals.authFailures.Add(1)
		return wrongPass()
	}
	s.authenticated = true
	return reply.OK()
}

// HELLO [protover [AUTH username password] [SETNAME clientname]]
func hello(s *Session, a Args) reply.Reply {
	proto := s.Proto()
	if len(a) > 1 {
		n, ok := parseInt(a[1])
		if !ok {
			return reply.Error("ERR Protocol version is not an integer or out of range")
		}
		if n < 2 || n > 3 {
			return reply.Error("NOPROTO unsupported protocol version")
		}
		proto = int(n)
		if r := s.helloOptions(a[2:]); r.IsError() {
			return r
		}
	}
	if !s.Authenticated() {
		return reply.Error("NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> " +
			"option can be used to authenticate the client and select the RESP protocol version at the same time")
	}
	if len(a) > 1 {
		s.proto.Store(int32(proto))
		if proto < 3 { // which has no pushes
			s.endFeeds()
		}
	}
	return s.helloReply()
}

func (s *Session) helloOptions(a Args) reply.Reply {
	for i := 0; i < len(a); i++ {
		var r reply.Reply
		switch more := len(a) - i - 1; {
		case is(a[i], "auth") && more >= 2:
			r = s.authenticate(a[i+1], a[i+2])
			i += 2
		case is(a[i], "setname") && more >= 1:
			r = s.rename(a[i+1])
			i++
		default:
			r = reply.Errorf("ERR Syntax error in HELLO option '%s'", a[i])
		}
		if r.IsError() {
			return r
		}
	}
	return reply.OK()
}

func (s *Session) helloReply() reply.Reply {
	return reply.Map(
		reply.BulkString("server"), reply.BulkString("redis"),
		reply.BulkString("version"), reply.BulkString(RedisVersion),
		reply.BulkString("proto"), reply.Int(int64(s.Proto())),
		reply.BulkString("id"), reply.Int(int64(s.id)),
		reply.BulkString("mode"), reply.BulkString(s.srv.mode()),
		reply.BulkString("role"), reply.BulkString(s.srv.role()),
		reply.BulkString("modules"), reply.Array(),
	)
}

// PING [message]
func ping(_ *Session, a Args) reply.Reply {
	switch len(a) {
	case 1:
		return reply.Status("PONG")
	case 2:
		return reply.Bulk(copied(a[1]))
	default:
		return reply.WrongArity("ping")
	}
}

// ECHO message
func echo(_ *Session, a Args) reply.Reply { return reply.Bulk(copied(a[1])) }

// copied returns bytes that stay when the connection's buffer changes: a reply may have to wait.
func copied(b []byte) []byte { return append(make([]byte, 0, len(b)), b...) }

// QUIT
func quit(s *Session, _ Args) reply.Reply {
	s.outcome.Close = true
	return reply.OK()
}

// RESET
func reset(s *Session, _ Args) reply.Reply {
	s.discard()
	s.trackingOff()
	s.notify(false)
	s.endFeeds()
	s.track.quiet = false
	s.standing = Standing{}
	s.proto.Store(2)
	s.replies = repliesOn
	s.authenticated = s.srv.tune().password == ""
	p := &s.profile
	p.mu.Lock()
	defer p.mu.Unlock()
	p.name, p.noEvict, p.noTouch, p.readonly = "", false, false, false
	return reply.Status("RESET")
}

// SELECT index
func selectDB(s *Session, a Args) reply.Reply {
	index, ok := parseInt(a[1])
	switch {
	case !ok:
		return reply.NotInteger()
	case index != 0 && s.srv.cluster != nil:
		return reply.Error("ERR SELECT is not allowed in cluster mode")
	case index != 0: // there is one database, as in a cluster
		return reply.Error("ERR DB index is out of range")
	default:
		return reply.OK()
	}
}
