package commands

import (
	"strings"

	"shiplog/node/reply"
)

// CLIENT TRACKING <ON | OFF> [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]
func clientTracking(s *Session, a Args) reply.Reply {
	options, refusal := s.trackingOptions(a[3:])
	if refusal != nil {
		return *refusal
	}
	on, ok := onOff(a[2])
	switch {
	case !ok:
		return reply.Syntax()
	case !on:
		s.trackingOff()
		return reply.OK()
	}
	if text := options.conflict(s.tracked.Load()); text != "" {
		return reply.Error("ERR " + text)
	}
	s.trackingOn(options)
	return reply.OK()
}

func (s *Session) trackingOptions(a Args) (*trackOptions, *reply.Reply) {
	o := new(trackOptions)
	var r reply.Reply
	for i := 0; i < len(a); i++ {
		more := i+1 < len(a)
		switch {
		case is(a[i], "redirect") && more:
			i++
			if r = s.redirectTo(o, a[i]); r.IsError() {
				return nil, &r
			}
		case is(a[i], "prefix") && more:
			i++
			o.prefixes = append(o.prefixes, string(a[i]))
		case is(a[i], "bcast"):
			o.bcast = true
		case is(a[i], "optin"):
			o.optin = true
		case is(a[i], "optout"):
			o.optout = true
		case is(a[i], "noloop"):
			o.noloop = true
		default:
			r = reply.Syntax()
			return nil, &r
		}
	}
	return o, nil
}

func (s *Session) redirectTo(o *trackOptions, word []byte) reply.Reply {
	if o.redirect != 0 {
		return reply.Error("ERR A client can only redirect to a single other client")
	}
	id, ok := parseInt(word)
	if !ok {
		return reply.NotInteger()
	}
	if s.srv.clients.find(uint64(id)) == nil {
		return reply.Error("ERR The client ID you want redirect to does not exist")
	}
	o.redirect = uint64(id)
	return reply.OK()
}

// conflict returns why the options cannot be had together, or not after those in force before (nil for none).
func (o *trackOptions) conflict(before *trackOptions) string {
	switch {
	case !o.bcast && len(o.prefixes) > 0:
		return "PREFIX option requires BCAST mode to be enabled"
	case before != nil && before.bcast != o.bcast:
		return "You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode."
	case o.bcast && (o.optin || o.optout):
		return "OPTIN and OPTOUT are not compatible with BCAST"
	case o.optin && o.optout:
		return "You can't specify both OPTIN mode and OPTOUT mode"
	case before != nil && (o.optin && before.optout || o.optout && before.optin):
		return "You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode."
	}
	for i, prefix := range o.prefixes {
		if before != nil {
			if other, has := overlapping(prefix, before.prefixes); has {
				return "Prefix '" + prefix + "' overlaps with an existing prefix '" + other +
					"'. Prefixes for a single client must not overlap."
			}
		}
		if other, has := overlapping(prefix, o.prefixes[i+1:]); has {
			return "Prefix '" + prefix + "' overlaps with another provided prefix '" + other +
				"'. Prefixes for a single client must not overlap."
		}
	}
	return ""
}

func overlapping(prefix string, others []string) (string, bool) {
	for _, other := range others {
		if strings.HasPrefix(prefix, other) || strings.HasPrefix(other, prefix) {
			return other, true
		}
	}
	return "", false
}

// CLIENT CACHING <YES | NO>
func clientCaching(s *Session, a Args) reply.Reply {
	options := s.tracked.Load()
	yes := is(a[2], "yes")
	switch {
	case options == nil:
		return reply.Error("ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled")
	case yes && !options.optin:
		return reply.Error("ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.")
	case yes:
	case !is(a[2], "no"):
		return reply.Syntax()
	case !options.optout:
		return reply.Error("ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.")
	}
	s.track.caching = true
	return reply.OK()
}

// redirection is the client that gets this one's messages: 0 itself, -1 when it does not track.
func (s *Session) redirection() int64 {
	options := s.tracked.Load()
	if options == nil {
		return -1
	}
	return int64(options.redirect)
}

// CLIENT GETREDIR
func clientGetredir(s *Session, _ Args) reply.Reply { return reply.Int(s.redirection()) }

// CLIENT TRACKINGINFO
func clientTrackinginfo(s *Session, _ Args) reply.Reply {
	options := s.tracked.Load()
	var prefixes []string
	flags := []string{"off"}
	if options != nil {
		flags = options.flags(s.track.caching)
		prefixes = options.prefixes
	}
	return reply.Map(
		reply.BulkString("flags"), reply.Set(reply.Bulks(flags...).Elems...),
		reply.BulkString("redirect"), reply.Int(s.redirection()),
		reply.BulkString("prefixes"), reply.Bulks(prefixes...),
	)
}

func (o *trackOptions) flags(caching bool) []string {
	flags := []string{"on"}
	add := func(has bool, name string) {
		if has {
			flags = append(flags, name)
		}
	}
	add(o.bcast, "bcast")
	add(o.optin, "optin")
	add(o.optin && caching, "caching-yes")
	add(o.optout, "optout")
	add(o.optout && caching, "caching-no")
	add(o.noloop, "noloop")
	add(o.broken.Load(), "broken_redirect")
	return flags
}
