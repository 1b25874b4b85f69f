package commands

import (
	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// streamInfoRows are the sub-commands of XINFO.
func streamInfoRows() []Row {
	return []Row{
		{Name: "xinfo|consumers", Since: "5.0.0", Arity: 4, Flags: FlagReadonly,
			Summary:    "List the consumers in a consumer group",
			Syntax:     "key:key groupname",
			Complexity: "O(1)",
			Tips:       []string{"nondeterministic_output"},
			Keys:       secondKey("RO access"),
			Read:       xinfoConsumers},
		{Name: "xinfo|groups", Since: "5.0.0", Arity: 3, Flags: FlagReadonly,
			Summary:    "List the consumer groups of a stream",
			Syntax:     "key:key",
			Complexity: "O(1)",
			Keys:       secondKey("RO access"),
			History:    []Change{{"7.0.0", "Added the `entries-read` and `lag` fields"}},
			Read:       xinfoGroups},
		{Name: "xinfo|help", Since: "5.0.0", Arity: 2, Flags: FlagLoading | FlagStale,
			Summary:    "Show helpful text about the different subcommands",
			Complexity: "O(1)",
			Session:    help},
		{Name: "xinfo|stream", Since: "5.0.0", Arity: -3, Flags: FlagReadonly,
			Summary:    "Get information about a stream",
			Syntax:     "key:key FULL=full(COUNT=count:integer?)?",
			Complexity: "O(1)",
			Keys:       secondKey("RO access"),
			History: []Change{
				{"6.0.0", "Added the `FULL` modifier."},
				{"7.0.0", "Added the `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, `entries-read` and `lag` fields"}},
			Read: xinfoStream},
	}
}

// lookInfo looks for the stream a[2], which must be there.
func lookInfo(v *keyspace.View, a Args) (s keyspace.Stream, refusal *reply.Reply) {
	s, refusal = lookStream(v, a[2])
	if refusal == nil && !s.There() {
		refusal = refuse(reply.NoSuchKey())
	}
	return s, refusal
}

// XINFO CONSUMERS key group
func xinfoConsumers(v *keyspace.View, a Args) reply.Reply {
	s, refusal := lookInfo(v, a)
	if refusal != nil {
		return *refusal
	}
	if _, ok := s.Group(a[3]); !ok {
		return *noGroup(a[2], a[3])
	}
	var elems []reply.Reply
	for _, c := range s.Consumers(a[3]) {
		elems = append(elems, reply.Map(
			reply.BulkString("name"), reply.Bulk(c.Name),
			reply.BulkString("pending"), reply.Int(s.PendingOf(a[3], c.Name)),
			reply.BulkString("idle"), reply.Int(max(0, v.Now()-c.Seen))))
	}
	return reply.Array(elems...)
}

// XINFO GROUPS key
func xinfoGroups(v *keyspace.View, a Args) reply.Reply {
	s, refusal := lookInfo(v, a)
	if refusal != nil {
		return *refusal
	}
	var elems []reply.Reply
	for _, g := range s.Groups() {
		progress := groupProgress(&s, g)
		elems = append(elems, reply.Map(append([]reply.Reply{
			reply.BulkString("name"), reply.Bulk(g.Name),
			reply.BulkString("consumers"), reply.Int(int64(len(s.Consumers(g.Name)))),
			reply.BulkString("pending"), reply.Int(s.Pending(g.Name))}, progress...)...))
	}
	return reply.Array(elems...)
}

// groupProgress says how far a group is.
func groupProgress(s *keyspace.Stream, g keyspace.Group) []reply.Reply {
	read, lag := reply.Null(), reply.Null()
	if g.Read != keyspace.ReadUnknown {
		read = reply.Int(g.Read)
	}
	if n, ok := s.Lag(g); ok {
		lag = reply.Int(n)
	}
	return []reply.Reply{
		reply.BulkString("last-delivered-id"), idReply(g.Last),
		reply.BulkString("entries-read"), read,
		reply.BulkString("lag"), lag,
	}
}

// fullCount is how many entries XINFO STREAM FULL shows of each kind when it is not told.
const fullCount = 10

// XINFO STREAM key [FULL [COUNT count]]
func xinfoStream(v *keyspace.View, a Args) reply.Reply {
	s, refusal := lookInfo(v, a)
	if refusal != nil {
		return *refusal
	}
	switch options := a[3:]; {
	case len(options) == 0:
		return streamSummary(&s)
	case !is(options[0], "full") || len(options) != 1 && (len(options) != 3 || !is(options[1], "count")):
		return subSyntax(a)
	case len(options) == 1:
		return streamFull(&s, fullCount)
	default:
		n, ok := parseInt(options[2])
		if !ok {
			return reply.NotInteger()
		}
		if n < 0 {
			n = fullCount
		}
		return streamFull(&s, n)
	}
}

// streamFacts is what both forms of XINFO STREAM begin with.
func streamFacts(s *keyspace.Stream) []reply.Reply {
	info, nodes := s.Info(), s.Nodes()
	return []reply.Reply{
		reply.BulkString("length"), reply.Int(s.Len()),
		reply.BulkString("radix-tree-keys"), reply.Int(nodes),
		reply.BulkString("radix-tree-nodes"), reply.Int(nodes + 1),
		reply.BulkString("last-generated-id"), idReply(info.Last),
		reply.BulkString("max-deleted-entry-id"), idReply(info.MaxDeleted),
		reply.BulkString("entries-added"), reply.Int(info.Added),
		reply.BulkString("recorded-first-entry-id"), idReply(info.First),
	}
}

func streamSummary(s *keyspace.Stream) reply.Reply {
	first, last := reply.Null(), reply.Null()
	if e, ok := s.Entry(s.Info().First); ok {
		first = entryReply(&e)
	}
	if e, ok := s.Entry(s.TopID()); ok {
		last = entryReply(&e)
	}
	return reply.Map(append(streamFacts(s),
		reply.BulkString("groups"), reply.Int(int64(len(s.Groups()))),
		reply.BulkString("first-entry"), first,
		reply.BulkString("last-entry"), last)...)
}

// streamFull shows at most count entries of each kind; 0 is all.
func streamFull(s *keyspace.Stream, count int64) reply.Reply {
	var entries, groups []reply.Reply
	s.Range(keyspace.StreamID{}, greatestID(), func(e keyspace.Entry) bool {
		entries = append(entries, entryReply(&e))
		return int64(len(entries)) != count
	})
	for _, g := range s.Groups() {
		groups = append(groups, groupFull(s, g, count))
	}
	return reply.Map(append(streamFacts(s),
		reply.BulkString("entries"), reply.Array(entries...),
		reply.BulkString("groups"), reply.Array(groups...))...)
}

func groupFull(s *keyspace.Stream, g keyspace.Group, count int64) reply.Reply {
	var consumers []reply.Reply
	for _, c := range s.Consumers(g.Name) {
		own := pendingList(s, g.Name, c.Name, count, func(p *keyspace.Pending) reply.Reply {
			return reply.Array(idReply(p.ID), reply.Int(p.At), reply.Int(p.Count))
		})
		consumers = append(consumers, reply.Map(
			reply.BulkString("name"), reply.Bulk(c.Name),
			reply.BulkString("seen-time"), reply.Int(c.Seen),
			reply.BulkString("pel-count"), reply.Int(s.PendingOf(g.Name, c.Name)),
			reply.BulkString("pending"), own))
	}
	all := pendingList(s, g.Name, nil, count, func(p *keyspace.Pending) reply.Reply {
		return reply.Array(idReply(p.ID), reply.Bulk(p.Consumer), reply.Int(p.At), reply.Int(p.Count))
	})
	facts := append([]reply.Reply{reply.BulkString("name"), reply.Bulk(g.Name)}, groupProgress(s, g)...)
	return reply.Map(append(facts,
		reply.BulkString("pel-count"), reply.Int(s.Pending(g.Name)),
		reply.BulkString("pending"), all,
		reply.BulkString("consumers"), reply.Array(consumers...))...)
}

// pendingList shows at most count entries that are pending for a consumer, or for all if it is nil.
func pendingList(s *keyspace.Stream, group, consumer []byte, count int64, show func(p *keyspace.Pending) reply.Reply) reply.Reply {
	var elems []reply.Reply
	s.EachPending(group, consumer, keyspace.StreamID{}, greatestID(), func(p keyspace.Pending) bool {
		elems = append(elems, show(&p))
		return int64(len(elems)) != count
	})
	return reply.Array(elems...)
}
