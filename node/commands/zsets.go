package commands

import (
	"bytes"
	"slices"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// zsetRows are the commands of the sorted-set group. limits is asked each time up to where a sorted set is kept in the small encoding; it
// must not block.
func zsetRows(limits func() keyspace.Limits) []Row {
	rows := slices.Concat(zsetWriteRows(limits), zsetReadRows(), zsetRangeRows(limits), zsetRemoveRows(), zsetPopRows(),
		zsetBlockRows(), zsetAlgebraRows(), zsetStoreRows(limits), zsetWalkRows())
	for i := range rows {
		rows[i].Group = "sorted-set"
		rows[i].Categories = []string{"sortedset"}
	}
	return rows
}

// lookZSet looks for the sorted set at key; a key of another type is refused.
func lookZSet(v *keyspace.View, key []byte) (z keyspace.ZSet, refusal *reply.Reply) {
	z, ok := v.ReadZSet(key)
	if !ok {
		return z, refuse(reply.WrongType())
	}
	return z, nil
}

// openZSet looks for the sorted set at key in order to change it; a key of another type is refused.
func openZSet(tx *keyspace.Tx, key []byte) (z keyspace.ZSet, refusal *reply.Reply) {
	z, ok := tx.WriteZSet(key)
	if !ok {
		return z, refuse(reply.WrongType())
	}
	return z, nil
}

// membersReply answers members of a sorted set, with their scores if that is wanted.
func membersReply(members []keyspace.ZMember, scores bool) reply.Reply {
	if !scores {
		return listReply(reply.KindArray, len(members), func(i int) reply.Reply { return reply.Bulk(members[i].Name) })
	}
	if len(members) >= feedFrom {
		return listReply(reply.KindPairs, len(members), func(i int) reply.Reply {
			return reply.Pair(reply.Bulk(members[i].Name), reply.Double(members[i].Score))
		})
	}
	elems := make([]reply.Reply, 0, 2*len(members))
	for _, m := range members {
		elems = append(elems, reply.Bulk(m.Name), reply.Double(m.Score))
	}
	return reply.Pairs(elems...)
}

// keyAndMembers answers members that were taken from one of several keys: each is a pair in RESP2 too.
func keyAndMembers(key []byte, members []keyspace.ZMember) reply.Reply {
	pairs := make([]reply.Reply, len(members))
	for i, m := range members {
		pairs[i] = reply.Array(reply.Bulk(m.Name), reply.Double(m.Score))
	}
	return reply.Array(reply.Bulk(bytes.Clone(key)), reply.Array(pairs...))
}
