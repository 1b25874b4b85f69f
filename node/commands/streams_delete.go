package commands

import (
	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// streamDeleteRows are the commands of newer servers that delete entries with a look at the groups.
func streamDeleteRows() []Row {
	return []Row{
		{Name: "xackdel", Since: "8.2.0", Arity: -6, Flags: FlagWrite | FlagFast,
			Summary:    "Acknowledges and deletes one or multiple messages for a stream consumer group.",
			Syntax:     "key:key group condition(KEEPREF|DELREF|ACKED)? IDS=ids(numids:integer id*)",
			Complexity: "O(1) for each entry ID processed.",
			Keys:       oneKey("RW delete"),
			Write:      xackdel},
		{Name: "xdelex", Since: "8.2.0", Arity: -5, Flags: FlagWrite | FlagFast,
			Summary:    "Deletes one or multiple entries from the stream.",
			Syntax:     "key:key condition(KEEPREF|DELREF|ACKED)? IDS=ids(numids:integer id*)",
			Complexity: "O(1) for each single item to delete in the stream, regardless of the stream size.",
			Keys:       oneKey("RW delete"),
			Write:      xdelex},
	}
}

// deleting is what XDELEX and XACKDEL are told behind the key or the group.
type deleting struct {
	unref bool // DELREF: the entries are pending no more in any group
	acked bool // ACKED: only what all groups have delivered and nobody has pending
	ids   []keyspace.StreamID
}

// How XDELEX and XACKDEL answer for an id.
const (
	entryMissing = -1
	entryDeleted = 1
	entryNeeded  = 2
)

func readDeleting(words Args) (o deleting, refusal *reply.Reply) {
	found := false
	for ; len(words) > 0; words = words[1:] {
		switch {
		case is(words[0], "keepref"):
			o.unref, o.acked = false, false
		case is(words[0], "delref"):
			o.unref, o.acked = true, false
		case is(words[0], "acked"):
			o.unref, o.acked = false, true
		case len(words) > 1 && is(words[0], "ids") && !found:
			n, ok := parseInt(words[1])
			switch {
			case !ok || n <= 0:
				return o, refuse(reply.Error("ERR Number of IDs must be a positive integer"))
			case n > int64(len(words)-2):
				return o, refuse(reply.Error("ERR The `numids` parameter must match the number of arguments"))
			}
			if o.ids, refusal = strictIDs(words[2 : 2+n]); refusal != nil {
				return o, refusal
			}
			found, words = true, words[1+n:]
		default:
			return o, refuse(reply.Syntax())
		}
	}
	if !found {
		return o, refuse(reply.Syntax())
	}
	return o, nil
}

// each answers for every id.
func (o *deleting) each(answer func(id keyspace.StreamID) int64) reply.Reply {
	elems := make([]reply.Reply, len(o.ids))
	for i, id := range o.ids {
		elems[i] = reply.Int(answer(id))
	}
	return reply.Array(elems...)
}

// XDELEX key [KEEPREF | DELREF | ACKED] IDS numids id [id ...]
func xdelex(tx *keyspace.Tx, a Args) reply.Reply {
	o, refusal := readDeleting(a[2:])
	if refusal != nil {
		return *refusal
	}
	s, refusal := openStream(tx, a[1])
	if refusal != nil {
		return *refusal
	}
	return o.each(func(id keyspace.StreamID) int64 { return o.remove(&s, id) })
}

// remove deletes an entry as far as the groups let it.
func (o *deleting) remove(s *keyspace.Stream, id keyspace.StreamID) int64 {
	if o.unref {
		s.Unref(id)
	}
	_, there := s.Entry(id)
	switch {
	case !there:
		return entryMissing
	case o.acked && s.Needed(id):
		return entryNeeded
	}
	s.Delete(id)
	return entryDeleted
}

// XACKDEL key group [KEEPREF | DELREF | ACKED] IDS numids id [id ...]
func xackdel(tx *keyspace.Tx, a Args) reply.Reply {
	o, refusal := readDeleting(a[3:])
	if refusal != nil {
		return *refusal
	}
	s, refusal := openStream(tx, a[1])
	if refusal != nil {
		return *refusal
	}
	_, ok := s.Group(a[2])
	return o.each(func(id keyspace.StreamID) int64 {
		switch {
		case !ok || !s.Ack(a[2], id):
			return entryMissing
		case o.remove(&s, id) == entryNeeded:
			return entryNeeded
		}
		return entryDeleted
	})
}
