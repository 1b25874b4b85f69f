package commands

import (
	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// streamGroupRows are the sub-commands of XGROUP.
func streamGroupRows() []Row {
	return []Row{
		{Name: "xgroup|create", Since: "5.0.0", Arity: -5, Flags: FlagWrite | FlagDenyOOM,
			Summary:    "Create a consumer group.",
			Syntax:     "key:key groupname id(id|$=new_id:pure-token) MKSTREAM? ENTRIESREAD=entries_read:integer?",
			Complexity: "O(1)",
			Keys:       secondKey("RW insert"),
			History:    []Change{{"7.0.0", "Added the `entries_read` named argument."}},
			Write:      xgroupCreate},
		{Name: "xgroup|createconsumer", Since: "6.2.0", Arity: 5, Flags: FlagWrite | FlagDenyOOM,
			Summary:    "Create a consumer in a consumer group.",
			Syntax:     "key:key groupname consumername",
			Complexity: "O(1)",
			Keys:       secondKey("RW insert"),
			Write:      xgroupCreateConsumer},
		{Name: "xgroup|delconsumer", Since: "5.0.0", Arity: 5, Flags: FlagWrite,
			Summary:    "Delete a consumer from a consumer group.",
			Syntax:     "key:key groupname consumername",
			Complexity: "O(1)",
			Keys:       secondKey("RW delete"),
			Write:      xgroupDelConsumer},
		{Name: "xgroup|destroy", Since: "5.0.0", Arity: 4, Flags: FlagWrite,
			Summary:    "Destroy a consumer group.",
			Syntax:     "key:key groupname",
			Complexity: "O(N) where N is the number of entries in the group's pending entries list (PEL).",
			Keys:       secondKey("RW delete"),
			Write:      xgroupDestroy},
		{Name: "xgroup|help", Since: "5.0.0", Arity: 2, Flags: FlagLoading | FlagStale,
			Summary:    "Show helpful text about the different subcommands",
			Complexity: "O(1)",
			Session:    help},
		{Name: "xgroup|setid", Since: "5.0.0", Arity: -5, Flags: FlagWrite,
			Summary:    "Set a consumer group to an arbitrary last delivered ID value.",
			Syntax:     "key:key groupname id(id|$=new_id:pure-token) ENTRIESREAD=entries_read:integer?",
			Complexity: "O(1)",
			Keys:       secondKey("RW update"),
			History:    []Change{{"7.0.0", "Added the optional `entries_read` argument."}},
			Write:      xgroupSetID},
	}
}

// streamNeeded answers a command on a group of a key that is not there.
func streamNeeded() *reply.Reply {
	return refuse(reply.Error("ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the " +
		"MKSTREAM option to create an empty stream automatically."))
}

// noGroup answers a command on a group that is not there.
func noGroup(key, group []byte) *reply.Reply {
	return refuse(reply.Errorf("NOGROUP No such consumer group '%s' for key name '%s'", cString(group, len(group)), cString(key, len(key))))
}

// readGroupOptions reads what stands behind the id in XGROUP CREATE and SETID.
func readGroupOptions(a Args, create bool) (mkStream bool, read int64, refusal *reply.Reply) {
	read = keyspace.ReadUnknown
	for i := 5; i < len(a); i++ {
		switch {
		case create && is(a[i], "mkstream"):
			mkStream = true
		case i+1 < len(a) && is(a[i], "entriesread"):
			i++
			n, ok := parseInt(a[i])
			switch {
			case !ok:
				return false, 0, refuse(reply.NotInteger())
			case n < 0 && n != keyspace.ReadUnknown:
				return false, 0, refuse(reply.Error("ERR value for ENTRIESREAD must be positive or -1"))
			}
			read = n
		default:
			return false, 0, refuse(subSyntax(a))
		}
	}
	return mkStream, read, nil
}

// openGroup looks for the group a[3] of the stream a[2] in order to change it.
func openGroup(tx *keyspace.Tx, a Args) (s keyspace.Stream, g keyspace.Group, refusal *reply.Reply) {
	s, refusal = openStream(tx, a[2])
	if refusal == nil && !s.There() {
		refusal = streamNeeded()
	}
	if refusal != nil {
		return s, g, refusal
	}
	g, ok := s.Group(a[3])
	if !ok {
		refusal = noGroup(a[2], a[3])
	}
	return s, g, refusal
}

// XGROUP CREATE key group <id | $> [MKSTREAM] [ENTRIESREAD entries-read]
func xgroupCreate(tx *keyspace.Tx, a Args) reply.Reply {
	mkStream, read, refusal := readGroupOptions(a, true)
	if refusal != nil {
		return *refusal
	}
	s, refusal := openStream(tx, a[2])
	if refusal == nil && !s.There() && !mkStream {
		refusal = streamNeeded()
	}
	if refusal != nil {
		return *refusal
	}
	if len(a) > 8 {
		return subSyntax(a)
	}
	id := s.LastID()
	if string(a[4]) != "$" {
		if id, refusal = strictID(a[4]); refusal != nil {
			return *refusal
		}
	}
	if _, ok := s.Group(a[3]); ok {
		return reply.Error("BUSYGROUP Consumer Group name already exists")
	}
	s.PutGroup(keyspace.Group{Name: a[3], Last: id, Read: read})
	return reply.OK()
}

// XGROUP SETID key group <id | $> [ENTRIESREAD entries-read]
func xgroupSetID(tx *keyspace.Tx, a Args) reply.Reply {
	_, read, refusal := readGroupOptions(a, false)
	if refusal != nil {
		return *refusal
	}
	s, g, refusal := openGroup(tx, a)
	if refusal != nil {
		return *refusal
	}
	if len(a) > 7 {
		return subSyntax(a)
	}
	g.Last, g.Read = s.LastID(), read
	if string(a[4]) != "$" {
		if g.Last, refusal = looseID(a[4], 0); refusal != nil {
			return *refusal
		}
	}
	s.PutGroup(g)
	return reply.OK()
}

// XGROUP DESTROY key group
func xgroupDestroy(tx *keyspace.Tx, a Args) reply.Reply {
	s, refusal := openStream(tx, a[2])
	if refusal == nil && !s.There() {
		refusal = streamNeeded()
	}
	if refusal != nil {
		return *refusal
	}
	_, ok := s.Group(a[3])
	if ok {
		s.RemoveGroup(a[3])
	}
	return reply.Bool01(ok)
}

// XGROUP CREATECONSUMER key group consumer
func xgroupCreateConsumer(tx *keyspace.Tx, a Args) reply.Reply {
	s, _, refusal := openGroup(tx, a)
	if refusal != nil {
		return *refusal
	}
	if _, ok := s.Consumer(a[3], a[4]); ok {
		return reply.Int(0)
	}
	return reply.Bool01(s.See(a[3], a[4], false))
}

// XGROUP DELCONSUMER key group consumer
func xgroupDelConsumer(tx *keyspace.Tx, a Args) reply.Reply {
	s, _, refusal := openGroup(tx, a)
	if refusal != nil {
		return *refusal
	}
	return reply.Int(s.RemoveConsumer(a[3], a[4]))
}
