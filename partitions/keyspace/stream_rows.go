package keyspace

import (
	"encoding/binary"

	"shiplog/wal"
)

// The areas of a stream's rows (FORMAT.md).
const (
	areaEntry    byte = 'x' // id: the entry
	areaGroup    byte = 'g' // group: how far it is
	areaConsumer byte = 'c' // group, consumer: when it was seen
	areaPending  byte = 'p' // group, id: for whom an entry is pending
	areaOwned    byte = 'q' // group, consumer, id: an entry is pending for it
)

const (
	idSize       = 16
	entryKeySize = 1 + idSize
)

func appendID(dst []byte, id StreamID) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(dst, id.MS), id.Seq)
}

// parseID decodes the id that b begins with.
func parseID(b []byte) StreamID {
	return StreamID{MS: binary.BigEndian.Uint64(b), Seq: binary.BigEndian.Uint64(b[8:])}
}

// lastID decodes the id that a row key ends with.
func lastID(sub []byte) StreamID { return parseID(sub[len(sub)-idSize:]) }

func appendEntryKey(dst []byte, id StreamID) []byte { return appendID(append(dst, areaEntry), id) }

func appendGroupKey(dst, group []byte) []byte { return append(append(dst, areaGroup), group...) }

// appendOfGroup appends what the keys of a group's rows in an area begin with.
func appendOfGroup(dst []byte, area byte, group []byte) []byte {
	dst = binary.AppendUvarint(append(dst, area), uint64(len(group)))
	return append(dst, group...)
}

func appendConsumerKey(dst, group, consumer []byte) []byte {
	return append(appendOfGroup(dst, areaConsumer, group), consumer...)
}

func appendPendingKey(dst, group []byte, id StreamID) []byte {
	return appendID(appendOfGroup(dst, areaPending, group), id)
}

// appendOwned appends what the keys of the rows in areaOwned of one consumer begin with.
func appendOwned(dst, group, consumer []byte) []byte {
	dst = binary.AppendUvarint(appendOfGroup(dst, areaOwned, group), uint64(len(consumer)))
	return append(dst, consumer...)
}

func appendOwnedKey(dst, group, consumer []byte, id StreamID) []byte {
	return appendID(appendOwned(dst, group, consumer), id)
}

// behind returns the first row key behind all that begin with prefix, which must not begin with 0xff.
func behind(prefix []byte) []byte {
	end := clone(prefix)
	for end[len(end)-1] == 0xff {
		end = end[:len(end)-1]
	}
	end[len(end)-1]++
	return end
}

// parseEntry takes an entry's row apart: the node that it is in, and its fields.
func parseEntry(row []byte) (node uint64, fields []byte) {
	node, n := binary.Uvarint(row)
	return node, row[max(n, 0):]
}

func appendGroup(dst []byte, last StreamID, read int64) []byte {
	return binary.AppendVarint(appendID(dst, last), read)
}

func parseGroup(name, row []byte) Group {
	g := Group{Name: name, Last: parseID(row)}
	g.Read, _ = binary.Varint(row[idSize:])
	return g
}

func appendConsumer(dst []byte, seen, active int64) []byte {
	return binary.AppendVarint(binary.AppendVarint(dst, seen), active)
}

func parseConsumer(name, row []byte) Consumer {
	seen, n := binary.Varint(row)
	active, _ := binary.Varint(row[n:])
	return Consumer{Name: name, Seen: seen, Active: active}
}

func appendPending(dst []byte, at, count int64, consumer []byte) []byte {
	return append(binary.AppendVarint(binary.AppendVarint(dst, at), count), consumer...)
}

func parsePending(id StreamID, row []byte) Pending {
	at, n := binary.Varint(row)
	count, m := binary.Varint(row[n:])
	return Pending{ID: id, At: at, Count: count, Consumer: row[n+m:]}
}

// mutateStream says what an effect on a stream means for its rows.
func mutateStream(e *wal.Effect, to rows, k *rowKeys) {
	switch e.Op {
	case wal.OpXAdd:
		to.put(k.entry(e.ID), k.joined(e.Place, e.Value), true)
	case wal.OpXDel:
		to.drop(k.entry(e.ID))
	case wal.OpXTrim:
		to.dropRange(append([]byte{areaEntry}, e.Place...), after(appendEntryKey(nil, e.ID)))
	case wal.OpXGroup:
		to.put(appendGroupKey(nil, e.Field), appendGroup(nil, e.ID, e.Index), false)
	case wal.OpXUngroup:
		to.drop(appendGroupKey(nil, e.Field))
		for _, area := range []byte{areaConsumer, areaPending, areaOwned} {
			all := appendOfGroup(nil, area, e.Field)
			to.dropRange(all, behind(all))
		}
	case wal.OpXConsumer:
		to.put(appendConsumerKey(nil, e.Field, e.Who), appendConsumer(nil, e.At, e.Active), false)
	case wal.OpXUnconsumer:
		to.drop(appendConsumerKey(nil, e.Field, e.Who))
	default:
		mutatePending(e, to)
	}
}

// mutatePending is mutateStream for what is pending.
func mutatePending(e *wal.Effect, to rows) {
	switch e.Op {
	case wal.OpXPend:
		to.put(appendPendingKey(nil, e.Field, e.ID), appendPending(nil, e.At, e.Count, e.Who), false)
		if e.Index == wal.PendMoved {
			to.drop(appendOwnedKey(nil, e.Field, e.Value, e.ID))
		}
		if e.Index != wal.PendAgain {
			to.put(appendOwnedKey(nil, e.Field, e.Who, e.ID), nil, true)
		}
	case wal.OpXAck:
		to.drop(appendPendingKey(nil, e.Field, e.ID))
		to.drop(appendOwnedKey(nil, e.Field, e.Who, e.ID))
	}
}
