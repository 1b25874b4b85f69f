package keyspace

import "encoding/binary"

// streamTop is what a stream keeps in top.rest.
type streamTop struct {
	last    StreamID
	first   StreamID // 0-0: there are no entries
	deleted StreamID
	added   uint64
	node    streamNode  // the last one
	front   streamFront // the first one
}

// streamFront is what is known of the node that the first entry is in: whether it may be trimmed as a whole.
type streamFront struct {
	number uint64 // 0: nothing is known
	live   uint64
	last   StreamID // of its entries that there are
}

// streamNode is the node of entries that new ones are added to, as Redis would keep it. Only sizes are kept: they say which
// entries an inexact trim removes together.
type streamNode struct {
	number  uint64 // 0: there has been none
	entries uint64 // those that are gone included
	live    uint64
	bytes   uint64   // but for the two counters above
	master  StreamID // of its first entry
	names   uint64   // a checksum of the first entry's fields
}

// streamTopMost is how many bytes appendStreamTop appends at most.
const streamTopMost = 18 * binary.MaxVarintLen64

// appendStreamTop appends t as top.rest has it. Ids and numbers that are near to others are written as differences.
func appendStreamTop(dst []byte, t *streamTop) []byte {
	n, f := &t.node, &t.front
	for _, x := range [...]uint64{
		t.last.MS, t.last.Seq, t.last.MS - t.first.MS, t.first.Seq, t.deleted.MS, t.deleted.Seq, t.added,
		n.number, n.entries, n.entries - n.live, n.bytes, t.last.MS - n.master.MS, n.master.Seq, n.names,
		f.number, f.live, t.last.MS - f.last.MS, f.last.Seq,
	} {
		dst = binary.AppendUvarint(dst, x)
	}
	return dst
}

// parseStreamTop decodes what appendStreamTop has written; nothing is a stream that has just been made.
func parseStreamTop(rest []byte) (t streamTop) {
	if len(rest) == 0 {
		return t
	}
	n, f := &t.node, &t.front
	for _, x := range [...]*uint64{
		&t.last.MS, &t.last.Seq, &t.first.MS, &t.first.Seq, &t.deleted.MS, &t.deleted.Seq, &t.added,
		&n.number, &n.entries, &n.live, &n.bytes, &n.master.MS, &n.master.Seq, &n.names,
		&f.number, &f.live, &f.last.MS, &f.last.Seq,
	} {
		var size int
		*x, size = binary.Uvarint(rest)
		rest = rest[max(size, 0):]
	}
	t.first.MS, n.master.MS, f.last.MS = t.last.MS-t.first.MS, t.last.MS-n.master.MS, t.last.MS-f.last.MS
	n.live = n.entries - n.live
	return t
}
