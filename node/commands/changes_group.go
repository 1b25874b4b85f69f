package commands

import (
	"context"
	"errors"
	"strings"
	"time"

	"shiplog/node/reply"
)

// CHANGES GROUP verb [arguments]
func changesGroup(s *Session, f ChangeFeeds, a Args) reply.Reply {
	ask, refusal := parseGroupAsk(a)
	if refusal != nil {
		return *refusal
	}
	return s.Later(func(ctx context.Context) Result {
		decided := true
		r := s.waitChanges(ctx, &ask.ChangeAsk, func(ctx context.Context) (r reply.Reply) {
			r, decided = f.Group(ctx, ask)
			return r
		})
		return Result{Reply: r, Close: !decided}
	})
}

// groupUsage says how a verb is used, or which verbs there are.
func groupUsage(verb string) *reply.Reply {
	syntax := [...]struct{ verb, words string }{
		{"create", "group partition|ALL FROM token|BEGIN|END|TIME ms [LEASE ms] [MATCH pattern ...] [TYPES type,...] [OPS op,...] [FORMAT json|resp|binary]"},
		{"read", "group consumer [COUNT count] [BLOCK ms] [PENDING]"},
		{"ack", "group token"},
		{"position", "group"},
		{"delete", "group"},
		{"list", ""},
	}
	var all []string
	for _, s := range syntax {
		all = append(all, strings.ToUpper(s.verb))
		if s.verb == verb {
			return refuse(reply.Errorf("ERR syntax error, use: CHANGES GROUP %s", strings.TrimSpace(strings.ToUpper(verb)+" "+s.words)))
		}
	}
	return refuse(reply.Errorf("ERR unknown verb '%.40s', use: CHANGES GROUP %s", verb, strings.Join(all, "|")))
}

// usageOf makes a syntax error one that says how a verb is used.
func usageOf(verb string, refusal *reply.Reply) *reply.Reply {
	if refusal != nil && refusal.Text == reply.Syntax().Text {
		return groupUsage(verb)
	}
	return refusal
}

// parseGroupAsk reads a verb and what belongs to it.
func parseGroupAsk(a Args) (*GroupAsk, *reply.Reply) {
	ask := &GroupAsk{Verb: strings.ToLower(string(a[2])), ChangeAsk: *newChangeAsk()}
	wrong := groupUsage(ask.Verb)
	rest := a[3:]
	if ask.Verb == "list" && len(rest) == 0 {
		return ask, nil
	}
	if len(rest) == 0 {
		return nil, wrong
	}
	ask.Group, rest = string(rest[0]), rest[1:]
	if len(ask.Group) == 0 || len(ask.Group) > 128 {
		return nil, refuse(reply.Error("ERR the name of a group has 1 to 128 bytes"))
	}
	switch ask.Verb {
	case "create":
		if len(rest) < 3 {
			return nil, wrong
		}
		return ask, usageOf(ask.Verb, ask.create(rest))
	case "read":
		if len(rest) == 0 {
			return nil, wrong
		}
		ask.Consumer = string(rest[0])
		return ask, usageOf(ask.Verb, ask.read(rest[1:]))
	case "ack":
		if len(rest) != 1 {
			return nil, wrong
		}
		ask.Token = string(rest[0])
	case "position", "delete":
		if len(rest) != 0 {
			return nil, wrong
		}
	default:
		return nil, wrong
	}
	return ask, nil
}

// create reads the arguments of CREATE behind the group's name.
func (ask *GroupAsk) create(words Args) *reply.Reply {
	read, refusal := parseChangeAsk(words, "lease")
	if refusal != nil {
		return refusal
	}
	ask.ChangeAsk = *read
	ask.Lease = time.Duration(read.Count) * time.Millisecond
	return nil
}

// read reads the options of READ.
func (ask *GroupAsk) read(words Args) *reply.Reply {
	for len(words) > 0 {
		name := strings.ToLower(string(words[0]))
		if name == "pending" {
			ask.Pending, words = true, words[1:]
			continue
		}
		if len(words) == 1 || name != "count" && name != "block" {
			return refuse(reply.Syntax())
		}
		if refusal := ask.number(name, words[1]); refusal != nil {
			return refusal
		}
		words = words[2:]
	}
	return nil
}

// isUnblockedError tells whether CLIENT UNBLOCK has ended the wait with an error.
func isUnblockedError(ctx context.Context) bool {
	return errors.Is(context.Cause(ctx), errUnblockedError)
}

// changes is what CHANGES INFO says; how far the groups are behind may be some seconds old.
func (i *infoText) changes() {
	if i.srv.changes == nil {
		return
	}
	for _, line := range i.srv.changes.Lines() {
		i.field(line[0], line[1])
	}
}
