package commands

import (
	"strings"

	"shiplog/node/reply"
)

// CONFIG GET parameter [parameter ...]
//
// Each directive is shown once, in the spelling in which it was first asked for.
func configGet(s *Session, a Args) reply.Reply {
	seen := make(map[string]bool)
	var pairs []reply.Reply
	for _, pattern := range a[2:] {
		for _, pair := range s.srv.settings.Lookup(string(pattern)) {
			if name := strings.ToLower(pair[0]); !seen[name] {
				seen[name] = true
				pairs = append(pairs, reply.BulkString(pair[0]), reply.BulkString(pair[1]))
			}
		}
	}
	return reply.Map(pairs...)
}

// CONFIG SET parameter value [parameter value ...]
func configSet(s *Session, a Args) reply.Reply {
	if len(a)%2 == 1 {
		return reply.Syntax()
	}
	var pairs [][2]string
	for i := 2; i < len(a); i += 2 {
		pairs = append(pairs, [2]string{string(a[i]), string(a[i+1])})
	}
	if err := s.srv.settings.Set(pairs); err != nil {
		return worded(err)
	}
	s.srv.Retune()
	return reply.OK()
}

// worded is an error of the settings as a reply.
func worded(err error) reply.Reply {
	return reply.Error("ERR " + strings.TrimPrefix(err.Error(), "ERR "))
}

// CONFIG REWRITE
func configRewrite(s *Session, _ Args) reply.Reply {
	return s.Later(blocking(func() reply.Reply {
		if err := s.srv.settings.Rewrite(); err != nil {
			return worded(err)
		}
		return reply.OK()
	}))
}

// CONFIG RESETSTAT
func configResetstat(s *Session, _ Args) reply.Reply {
	s.srv.table.each(func(r *Row) { r.state.stats.reset() })
	s.srv.totals.reset()
	facts := s.srv.engine.Facts()
	s.srv.base.Store(&facts.Keyspace)
	return reply.OK()
}
