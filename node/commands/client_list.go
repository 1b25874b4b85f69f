package commands

import (
	"fmt"
	"strings"
	"time"

	"shiplog/node/reply"
)

// line describes the session as CLIENT LIST and CLIENT INFO show it, without the end of the line. Figures of Redis's
// buffers that there are none of here are 0.
func (s *Session) line() string {
	query, output := s.transport.BufferBytes()
	now := s.srv.now()
	command := "NULL"
	if row := s.last.Load(); row != nil {
		command = row.Name
	}
	p := &s.profile
	p.mu.Lock()
	defer p.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "id=%d addr=%s laddr=%s fd=%d name=%s", s.id, s.conn.Remote, s.conn.Local, s.conn.FD, p.name)
	fmt.Fprintf(&b, " age=%d idle=%d", seconds(now-s.born), seconds(now-time.Duration(s.lastAt.Load())))
	fmt.Fprintf(&b, " flags=%s db=0 sub=0 psub=0 ssub=0 multi=%d", s.flags(), p.queued)
	fmt.Fprintf(&b, " qbuf=%d qbuf-free=0 argv-mem=0 multi-mem=%d", query, p.queuedBytes)
	fmt.Fprintf(&b, " rbs=0 rbp=0 obl=0 oll=0 omem=%d tot-mem=%d", output, query+output+p.queuedBytes)
	fmt.Fprintf(&b, " events=r cmd=%s user=default redir=%d resp=%d", command, s.redirection(), s.Proto())
	fmt.Fprintf(&b, " lib-name=%s lib-ver=%s", p.libName, p.libVersion)
	return b.String()
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// flags are the session's properties as letters; profile is locked.
func (s *Session) flags() string {
	p := &s.profile
	options := s.tracked.Load()
	var b strings.Builder
	for _, f := range []struct {
		has    bool
		letter byte
	}{
		{p.queued >= 0, 'x'},
		{p.unblock != nil, 'b'},
		{options != nil, 't'},
		{options != nil && options.broken.Load(), 'R'},
		{options != nil && options.bcast, 'B'},
		{p.killed, 'A'},
		{s.conn.Unix, 'U'},
		{p.readonly, 'r'},
		{p.noEvict, 'e'},
		{p.noTouch, 'T'},
	} {
		if f.has {
			b.WriteByte(f.letter)
		}
	}
	if b.Len() == 0 {
		return "N"
	}
	return b.String()
}

// CLIENT INFO
func clientInfo(s *Session, _ Args) reply.Reply { return reply.Verbatim(s.line() + "\n") }

// CLIENT LIST [TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id [client-id ...]]
func clientList(s *Session, a Args) reply.Reply {
	sessions := s.srv.clients.all()
	switch {
	case len(a) == 2:
	case len(a) == 4 && is(a[2], "type"):
		kind, refusal := clientType(a[3])
		if refusal != nil {
			return *refusal
		}
		if kind != "normal" {
			sessions = nil
		}
	case len(a) > 3 && is(a[2], "id"):
		sessions = nil
		for _, word := range a[3:] {
			id, ok := parseInt(word)
			if !ok {
				return reply.Error("ERR Invalid client ID")
			}
			if found := s.srv.clients.find(uint64(id)); found != nil {
				sessions = append(sessions, found)
			}
		}
	default:
		return reply.Syntax()
	}
	var b strings.Builder
	for _, session := range sessions {
		b.WriteString(session.line())
		b.WriteByte('\n')
	}
	return reply.Verbatim(b.String())
}

// clientType reads the type of a client. All of ours are normal ones.
func clientType(word []byte) (string, *reply.Reply) {
	for _, name := range []string{"normal", "pubsub", "master", "replica"} {
		if is(word, name) {
			return name, nil
		}
	}
	if is(word, "slave") {
		return "replica", nil
	}
	r := reply.Errorf("ERR Unknown client type '%s'", word)
	return "", &r
}

// killFilter says which clients CLIENT KILL means; an empty field means all.
type killFilter struct {
	addr, laddr, kind string
	id                uint64
	age               int64 // seconds; 0: any
	skipMe            bool
}

// CLIENT KILL <ip:port | <filter value> [<filter value> ...]>
func clientKill(s *Session, a Args) reply.Reply {
	f := killFilter{skipMe: true}
	if len(a) == 3 {
		f = killFilter{addr: string(a[2])}
	} else if refusal := f.parse(a[2:]); refusal != nil {
		return *refusal
	}
	killed := s.kill(&f)
	switch {
	case len(a) > 3:
		return reply.Int(killed)
	case killed == 0:
		return reply.Error("ERR No such client")
	default:
		return reply.OK()
	}
}

func (f *killFilter) parse(a Args) *reply.Reply {
	var refusal *reply.Reply
	syntax := reply.Syntax()
	for i := 0; i < len(a); i += 2 {
		if i+1 == len(a) {
			return &syntax
		}
		value := a[i+1]
		switch {
		case is(a[i], "id"):
			id, ok := parseInt(value)
			if !ok || id < 1 {
				r := reply.Error("ERR client-id should be greater than 0")
				return &r
			}
			f.id = uint64(id)
		case is(a[i], "type"):
			f.kind, refusal = clientType(value)
		case is(a[i], "addr"):
			f.addr = string(value)
		case is(a[i], "laddr"):
			f.laddr = string(value)
		case is(a[i], "user"):
			if string(value) != "default" {
				r := reply.Errorf("ERR No such user '%s'", value)
				return &r
			}
		case is(a[i], "maxage"):
			f.age, refusal = maxAge(value)
		case is(a[i], "skipme") && (is(value, "yes") || is(value, "no")):
			f.skipMe = is(value, "yes")
		default:
			return &syntax
		}
		if refusal != nil {
			return refusal
		}
	}
	return nil
}

// maxAge reads CLIENT KILL's MAXAGE.
func maxAge(word []byte) (int64, *reply.Reply) {
	n, ok := parseInt(word)
	switch {
	case !ok:
		return 0, refuse(reply.Error("ERR maxage is not an integer or out of range"))
	case n <= 0:
		return 0, refuse(reply.Error("ERR maxage should be greater than 0"))
	}
	return n, nil
}

// kill closes the clients that f means and returns their number. The session's own connection is closed
// after the reply.
func (s *Session) kill(f *killFilter) (killed int64) {
	for _, other := range s.srv.clients.all() {
		switch {
		case f.id != 0 && other.id != f.id,
			f.addr != "" && other.conn.Remote != f.addr,
			f.laddr != "" && other.conn.Local != f.laddr,
			f.kind != "" && f.kind != "normal",
			seconds(s.srv.now()-other.born) < f.age,
			f.skipMe && other == s:
			continue
		}
		killed++
		if other == s {
			s.outcome.Close = true
			continue
		}
		other.profile.mu.Lock()
		other.profile.killed = true
		other.profile.mu.Unlock()
		s.srv.clients.remove(other)
		other.transport.Kill(false)
	}
	return killed
}
