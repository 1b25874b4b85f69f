package commands

import (
	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// streamEntryRows are the commands that add and remove entries by their ids.
func streamEntryRows(limits func() keyspace.Limits) []Row {
	return []Row{
		{Name: "xadd", Since: "5.0.0", Arity: -5, Flags: FlagWrite | FlagDenyOOM | FlagFast,
			Summary:    "Appends a new entry to a stream",
			Syntax:     `key:key NOMKSTREAM?~6.2.0 condition(KEEPREF|DELREF|ACKED)?~8.2.0 trim(strategy(MAXLEN|MINID~6.2.0) operator("="=equal:pure-token|"~"=approximately:pure-token)? threshold LIMIT=count:integer?~6.2.0)? id_or_auto("*"=auto_id:pure-token|id) field_value(field value)*`,
			Complexity: "O(1) when adding a new entry, O(N) when trimming where N being the number of entries evicted.",
			Tips:       []string{"nondeterministic_output"},
			Keys:       []KeySpec{{Flags: "RW update", Notes: "UPDATE instead of INSERT because of the optional trimming feature", Index: 1, Step: 1}},
			History: []Change{
				{"6.2.0", "Added the `NOMKSTREAM` option, `MINID` trimming strategy and the `LIMIT` option."},
				{"7.0.0", "Added support for the `<ms>-*` explicit ID form."},
				{"8.2.0", "Added the `KEEPREF`, `DELREF` and `ACKED` options."}},
			Write: func(tx *keyspace.Tx, a Args) reply.Reply { return xadd(tx, a, limits().Stream) }},
		{Name: "xdel", Since: "5.0.0", Arity: -3, Flags: FlagWrite | FlagFast,
			Summary:    "Removes the specified entries from the stream. Returns the number of items actually deleted, that may be different from the number of IDs passed in case certain IDs do not exist.",
			Syntax:     "key:key id*",
			Complexity: "O(1) for each single item to delete in the stream, regardless of the stream size.",
			Keys:       oneKey("RW delete"),
			Write:      xdel},
		{Name: "xlen", Since: "5.0.0", Arity: 2, Flags: FlagReadonly | FlagFast,
			Summary:    "Return the number of entries in a stream",
			Syntax:     "key:key",
			Complexity: "O(1)",
			Keys:       oneKey("RO"),
			Read:       xlen},
		{Name: "xsetid", Since: "5.0.0", Arity: -3, Flags: FlagWrite | FlagDenyOOM | FlagFast,
			Summary:    "An internal command for replicating stream values",
			Syntax:     "key:key last-id ENTRIESADDED=entries_added:integer?~7.0.0 MAXDELETEDID=max_deleted_entry_id?~7.0.0",
			Complexity: "O(1)",
			Keys:       oneKey("RW update"),
			History:    []Change{{"7.0.0", "Added the `entries_added` and `max_deleted_entry_id` arguments."}},
			Write:      xsetid},
	}
}

// mostInEntry is how many bytes the fields and values of an entry may be together, as in Redis.
const mostInEntry = 1 << 30

// XADD key [NOMKSTREAM] [KEEPREF | DELREF | ACKED] [<MAXLEN | MINID> [= | ~] threshold [LIMIT count]] <* | id> field value [field value ...]
func xadd(tx *keyspace.Tx, a Args, limits keyspace.NodeLimits) reply.Reply {
	o, refusal := readAdding(a, limits)
	if refusal != nil {
		return *refusal
	}
	fields := a[min(o.rest, len(a)):]
	if len(fields) < 2 || len(fields)%2 == 1 {
		return reply.WrongArity("xadd")
	}
	if o.given && !o.auto && o.id == (keyspace.StreamID{}) {
		return reply.Error("ERR The ID specified in XADD must be greater than 0-0")
	}
	s, refusal := openStream(tx, a[1])
	switch {
	case refusal != nil:
		return *refusal
	case !s.There() && o.noMake:
		return reply.Null()
	case s.LastID() == greatestID():
		return reply.Error("ERR The stream has exhausted the last possible ID, unable to add more items")
	}
	id, refusal := o.entryID(&s)
	if refusal != nil {
		return *refusal
	}
	size := 0
	for _, field := range fields {
		size += len(field)
	}
	if size > mostInEntry {
		return reply.Error("ERR Elements are too large to be stored")
	}
	s.Add(id, fields, limits)
	if o.trims {
		s.Trim(o.trim)
	}
	return idReply(id)
}

// entryID is the id of the entry that is added to s.
func (o *adding) entryID(s *keyspace.Stream) (id keyspace.StreamID, refusal *reply.Reply) {
	if !o.given {
		id, _ = s.NextID()
		return id, nil
	}
	last := s.LastID()
	if id = o.id; o.auto && id.MS == last.MS {
		if id.Seq = last.Seq + 1; id.Seq == 0 {
			id.MS = 0 // there is none greater: refused below
		}
	}
	if id.Compare(last) <= 0 {
		return id, refuse(reply.Error("ERR The ID specified in XADD is equal or smaller than the target stream top item"))
	}
	return id, nil
}

// XDEL key id [id ...]
func xdel(tx *keyspace.Tx, a Args) reply.Reply {
	s, refusal := openStream(tx, a[1])
	switch {
	case refusal != nil:
		return *refusal
	case !s.There():
		return reply.Int(0)
	}
	ids, refusal := strictIDs(a[2:])
	if refusal != nil {
		return *refusal
	}
	deleted := int64(0)
	for _, id := range ids {
		if s.Delete(id) {
			deleted++
		}
	}
	return reply.Int(deleted)
}

// XLEN key
func xlen(v *keyspace.View, a Args) reply.Reply {
	s, refusal := lookStream(v, a[1])
	if refusal != nil {
		return *refusal
	}
	return reply.Int(s.Len())
}

// XSETID key last-id [ENTRIESADDED entries_added] [MAXDELETEDID max_deleted_entry_id]
func xsetid(tx *keyspace.Tx, a Args) reply.Reply {
	id, refusal := strictID(a[2])
	if refusal != nil {
		return *refusal
	}
	added, deleted, refusal := readSetID(id, a[3:])
	if refusal != nil {
		return *refusal
	}
	s, ok := tx.WriteStream(a[1])
	switch {
	case !s.There() && ok:
		return reply.NoSuchKey()
	case !ok:
		return reply.WrongType()
	case s.Len() > 0 && id.Compare(s.TopID()) < 0:
		return reply.Error("ERR The ID specified in XSETID is smaller than the target stream top item")
	case s.Len() > 0 && added >= 0 && s.Len() > added:
		return reply.Error("ERR The entries_added specified in XSETID is smaller than the target stream length")
	}
	s.SetID(id, added, deleted)
	return reply.OK()
}

// readSetID reads the options of XSETID; added is negative when it is not given.
func readSetID(id keyspace.StreamID, words Args) (added int64, deleted keyspace.StreamID, refusal *reply.Reply) {
	added = -1
	for ; len(words) > 0; words = words[2:] {
		switch {
		case len(words) > 1 && is(words[0], "entriesadded"):
			n, ok := parseInt(words[1])
			switch {
			case !ok:
				return 0, deleted, refuse(reply.NotInteger())
			case n < 0:
				return 0, deleted, refuse(reply.Error("ERR entries_added must be positive"))
			}
			added = n
		case len(words) > 1 && is(words[0], "maxdeletedid"):
			if deleted, refusal = strictID(words[1]); refusal != nil {
				return 0, deleted, refusal
			}
			if id.Compare(deleted) < 0 {
				return 0, deleted, refuse(reply.Error("ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id"))
			}
		default:
			return 0, deleted, refuse(reply.Syntax())
		}
	}
	return added, deleted, nil
}
