package commands

import "shiplog/node/reply"

// SLOWLOG GET [count]
func slowlogGet(s *Session, a Args) reply.Reply {
	if len(a) > 3 {
		return subSyntax(a)
	}
	count := int64(10)
	if len(a) == 3 {
		n, ok := parseInt(a[2])
		if !ok || n < -1 {
			return reply.Error("ERR count should be greater than or equal to -1")
		}
		count = n
	}
	var out []reply.Reply
	for _, e := range s.srv.slow.newest(int(count)) {
		out = append(out, reply.Array(
			reply.Int(e.id), reply.Int(e.at.Unix()), reply.Int(e.took.Microseconds()),
			reply.Bulks(e.args...), reply.BulkString(e.addr), reply.BulkString(e.name)))
	}
	return reply.Array(out...)
}

// SLOWLOG LEN
func slowlogLen(s *Session, _ Args) reply.Reply { return reply.Int(int64(s.srv.slow.len())) }

// SLOWLOG RESET
func slowlogReset(s *Session, _ Args) reply.Reply {
	s.srv.slow.reset()
	return reply.OK()
}
