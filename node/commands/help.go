package commands

import (
	"strings"

	"shiplog/node/reply"
)

// help is the HELP sub-command of every container: what its rows say.
func help(s *Session, a Args) reply.Reply {
	row := s.srv.table.Lookup(a[0])
	lines := []reply.Reply{
		reply.Status(row.state.upper + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"),
	}
	for i := range row.Subcommands {
		sub := &row.Subcommands[i]
		name := strings.TrimPrefix(sub.state.upper, row.state.upper+"|")
		lines = append(lines, reply.Status(name), reply.Status("    "+strings.TrimSuffix(sub.Summary, ".")+"."))
	}
	return reply.Array(lines...)
}

// subSyntax answers a sub-command that has too many words.
func subSyntax(a Args) reply.Reply {
	return reply.Errorf("ERR unknown subcommand or wrong number of arguments for '%s'. Try %s HELP.",
		cString(a[1], echoed), strings.ToUpper(string(a[0])))
}
