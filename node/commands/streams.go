package commands

import (
	"math"
	"slices"
	"strings"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// streamRows are the commands of the streams group. limits is asked each time when Redis would begin a new node of entries; it must
// not block.
func streamRows(limits func() keyspace.Limits) []Row {
	rows := slices.Concat(streamEntryRows(limits), streamTrimRows(limits), streamRangeRows(), streamReadRows(), streamPendingRows(),
		streamClaimRows(), streamDeleteRows(),
		[]Row{
			{Name: "xgroup", Since: "5.0.0", Arity: -2,
				Summary:     "A container for consumer groups commands",
				Complexity:  "Depends on subcommand.",
				Subcommands: streamGroupRows()},
			{Name: "xinfo", Since: "5.0.0", Arity: -2,
				Summary:     "A container for stream introspection commands",
				Complexity:  "Depends on subcommand.",
				Subcommands: streamInfoRows()},
		})
	for i := range rows {
		rows[i].Group = "stream"
		if len(rows[i].Subcommands) == 0 {
			rows[i].Categories = []string{"stream"}
		}
		for k := range rows[i].Subcommands {
			rows[i].Subcommands[k].Group = "stream"
			rows[i].Subcommands[k].Categories = []string{"stream"}
		}
	}
	return rows
}

// secondKey says that the second word after the name is the only key.
func secondKey(flags string) []KeySpec {
	return []KeySpec{{Flags: flags, Index: 2, Step: 1}}
}

// lookStream looks for the stream at key; a key of another type is refused.
func lookStream(v *keyspace.View, key []byte) (s keyspace.Stream, refusal *reply.Reply) {
	s, ok := v.ReadStream(key)
	if !ok {
		return s, refuse(reply.WrongType())
	}
	return s, nil
}

// openStream looks for the stream at key in order to change it; a key of another type is refused.
func openStream(tx *keyspace.Tx, key []byte) (s keyspace.Stream, refusal *reply.Reply) {
	s, ok := tx.WriteStream(key)
	if !ok {
		return s, refuse(reply.WrongType())
	}
	return s, nil
}

// invalidID answers a word that is no id.
func invalidID() *reply.Reply {
	return refuse(reply.Error("ERR Invalid stream ID specified as stream command argument"))
}

// longestID is how long a word that is an id may be, in bytes, as in Redis.
const longestID = 127

// parseStreamID reads an id: milliseconds and, unless a sequence number is missing, a '-' and it. auto tells that '*' stands there.
func parseStreamID(b []byte, missing uint64) (id keyspace.StreamID, auto, ok bool) {
	if len(b) > longestID {
		return id, false, false
	}
	word := cString(b, len(b))
	ms, seq, has := strings.Cut(word, "-")
	if id.MS, ok = parseUint(ms); !ok {
		return id, false, false
	}
	id.Seq = missing
	switch {
	case has && seq == "*":
		return id, true, true
	case has:
		id.Seq, ok = parseUint(seq)
	}
	return id, false, ok
}

// strictID reads the id of an entry; a missing sequence number is 0.
func strictID(b []byte) (keyspace.StreamID, *reply.Reply) {
	id, auto, ok := parseStreamID(b, 0)
	if !ok || auto {
		return id, invalidID()
	}
	return id, nil
}

// strictIDs reads the ids of entries.
func strictIDs(words Args) ([]keyspace.StreamID, *reply.Reply) {
	ids := make([]keyspace.StreamID, len(words))
	for i, word := range words {
		id, refusal := strictID(word)
		if refusal != nil {
			return nil, refusal
		}
		ids[i] = id
	}
	return ids, nil
}

// looseID is strictID where "-" and "+" are the least and the greatest id, with another sequence number when it is missing.
func looseID(b []byte, missing uint64) (keyspace.StreamID, *reply.Reply) {
	switch string(b) {
	case "-":
		return keyspace.StreamID{}, nil
	case "+":
		return greatestID(), nil
	}
	id, auto, ok := parseStreamID(b, missing)
	if !ok || auto {
		return id, invalidID()
	}
	return id, nil
}

func greatestID() keyspace.StreamID {
	return keyspace.StreamID{MS: math.MaxUint64, Seq: math.MaxUint64}
}

// startID reads the id that an interval begins with; '(' excludes it.
func startID(b []byte) (keyspace.StreamID, *reply.Reply) {
	if len(b) < 2 || b[0] != '(' {
		return looseID(b, 0)
	}
	id, refusal := strictID(b[1:])
	if refusal != nil {
		return id, refusal
	}
	next, ok := id.Next()
	if !ok {
		return id, refuse(reply.Error("ERR invalid start ID for the interval"))
	}
	return next, nil
}

// endID reads the id that an interval ends with; '(' excludes it.
func endID(b []byte) (keyspace.StreamID, *reply.Reply) {
	if len(b) < 2 || b[0] != '(' {
		return looseID(b, math.MaxUint64)
	}
	id, auto, ok := parseStreamID(b[1:], math.MaxUint64)
	if !ok || auto {
		return id, invalidID()
	}
	before, ok := id.Before()
	if !ok {
		return id, refuse(reply.Error("ERR invalid end ID for the interval"))
	}
	return before, nil
}

// parseUint reads half an id as Redis does: as an integer that is not negative, or else as C's strtoull does, which allows
// space, signs and leading zeros.
func parseUint(word string) (uint64, bool) {
	if n, ok := parseInt([]byte(word)); ok {
		return uint64(n), n >= 0
	}
	digits := strings.TrimLeft(word, " \t\n\v\f\r")
	if digits == "" {
		return 0, false
	}
	return parseCursor([]byte(digits))
}

// entryReply is an entry as most commands show it.
func entryReply(e *keyspace.Entry) reply.Reply {
	return reply.Array(idReply(e.ID), fieldsReply(e.Fields))
}

func fieldsReply(fields [][]byte) reply.Reply {
	elems := make([]reply.Reply, len(fields))
	for i, field := range fields {
		elems[i] = reply.Bulk(field)
	}
	return reply.Array(elems...)
}

func idReply(id keyspace.StreamID) reply.Reply { return reply.BulkString(id.String()) }

// entriesReply are entries, or their ids alone.
func entriesReply(entries []keyspace.Entry, idsAlone bool) reply.Reply {
	elems := make([]reply.Reply, len(entries))
	for i := range entries {
		if idsAlone {
			elems[i] = idReply(entries[i].ID)
		} else {
			elems[i] = entryReply(&entries[i])
		}
	}
	return reply.Array(elems...)
}
