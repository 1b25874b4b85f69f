package keyspace

import (
	"encoding/binary"

	"shiplog/wal"
)

// copyStream makes the key to, which is not there, a copy of the stream at from, with its groups and what is pending in them.
func (t *Tx) copyStream(from *head, to []byte) {
	source := Stream{v: &t.View, t: t, key: []byte(from.key), h: from}
	all, rest := source.top()
	copied := Stream{v: &t.View, t: t, key: to, h: t.create(to, TypeStream)}
	for _, e := range source.contents() {
		after := topOfHead(copied.h)
		if e.Op == wal.OpXAdd {
			after.count++
		}
		t.element(copied.h, e, &after)
	}
	all.object = copied.h.value.object()
	copied.write(wal.Effect{Op: wal.OpXSetID}, all, &rest)
}

// contents returns the effects that make what is in the stream.
func (s *Stream) contents() (effects []wal.Effect) {
	s.scan(StreamID{}, wal.MaxStreamID(), func(id StreamID, node uint64, fields []byte) bool {
		place := binary.AppendUvarint(nil, node)
		effects = append(effects, wal.Effect{Op: wal.OpXAdd, ID: id, Place: place, Value: clone(fields)})
		return true
	})
	for _, g := range s.Groups() {
		effects = append(effects, wal.Effect{Op: wal.OpXGroup, Field: g.Name, ID: g.Last, Index: g.Read})
		for _, c := range s.Consumers(g.Name) {
			effects = append(effects, wal.Effect{Op: wal.OpXConsumer, Field: g.Name, Who: c.Name, At: c.Seen, Rare: wal.Rare{Active: c.Active}})
		}
		s.EachPending(g.Name, nil, StreamID{}, wal.MaxStreamID(), func(p Pending) bool {
			effects = append(effects, wal.Effect{Op: wal.OpXPend, Field: g.Name, Who: p.Consumer, ID: p.ID, At: p.At, Count: p.Count})
			return true
		})
	}
	return effects
}
