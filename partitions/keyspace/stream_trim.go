package keyspace

import "shiplog/wal"

// Trim says which of the oldest entries are to go.
type Trim struct {
	ByID   bool     // those before MinID; else all but MaxLen
	MaxLen int64    // not negative
	MinID  StreamID // the first that may stay
	Approx bool     // only whole nodes, as far as they have no entry that must stay
	Limit  int64    // with Approx: at most so many; 0: no limit
	Refs   TrimRefs
}

// TrimRefs says what trimming makes of groups in which entries are pending.
type TrimRefs int

const (
	KeepRefs  TrimRefs = iota // they stay pending
	DropRefs                  // they are pending no more
	AckedOnly                 // only entries go that every group has delivered and nobody has pending
)

// trimming is the walk over the oldest entries that finds those to go.
type trimming struct {
	Trim
	count   int64    // of entries before
	latest  uint64   // node
	newest  StreamID // that has been in it
	removed int64    // in nodes or entries that are sure to go
	live    int64    // of them in the latest node
	last    StreamID
	first   StreamID   // that stays; 0-0: none
	ids     []StreamID // of the entries looked at, as many as rowByID and one more

	node    uint64 // the one that the walk is in, with Approx
	entries int64
	begin   StreamID
	end     StreamID
	open    bool
}

// rowByID is how many entries a trim removes one by one. More are removed by range, for the reason that rowByRow has.
const rowByID = rowByRow

// Trim removes the oldest entries as tr says and returns how many. It costs as much as it removes. Inexact trimming looks at one node more
// when it removes any, and until it has done so for the first time.
func (s *Stream) Trim(tr Trim) int64 {
	t, top := s.top()
	w := trimming{Trim: tr, count: t.count, latest: top.node.number, newest: top.last}
	if t.count == 0 || !tr.ByID && t.count <= tr.MaxLen {
		return 0
	}
	if tr.Refs == AckedOnly {
		return s.trimAcked(tr)
	}
	if tr.Approx && tr.keeps(&top.front, t.count) {
		return 0
	}
	step := w.exactly
	if tr.Approx {
		step = w.nodewise
	}
	complete := true
	s.scan(StreamID{}, wal.MaxStreamID(), func(id StreamID, node uint64, _ []byte) bool {
		if len(w.ids) <= rowByID {
			w.ids = append(w.ids, id)
		}
		complete = step(id, node)
		return complete
	})
	if complete && tr.Approx {
		w.commit()
	}
	if w.removed > 0 {
		if tr.Refs == DropRefs {
			s.unrefUpTo(w.last)
		}
		s.removeOldest(&w, t, top)
	}
	return w.removed
}

// exactly looks at an entry and tells whether it goes.
func (w *trimming) exactly(id StreamID, node uint64) bool {
	if w.ByID && id.Compare(w.MinID) >= 0 || !w.ByID && w.count-w.removed <= w.MaxLen {
		w.first = id
		return false
	}
	w.take(id, node, 1)
	return true
}

// take notes that entries up to id go.
func (w *trimming) take(id StreamID, node uint64, n int64) {
	w.removed, w.last = w.removed+n, id
	if node == w.latest {
		w.live += n
	}
}

// nodewise looks at an entry and tells whether its node may go as a whole. Redis knows a node's size without walking over it; here a walk
// into a node that stays ends as soon as that is certain.
func (w *trimming) nodewise(id StreamID, node uint64) bool {
	if !w.open || node != w.node {
		w.commit()
		w.open, w.node, w.entries, w.begin = true, node, 0, id
	}
	w.entries, w.end = w.entries+1, id
	left := w.count - w.removed
	stays := w.Limit > 0 && w.removed+w.entries > w.Limit ||
		w.ByID && (id.Compare(w.MinID) >= 0 || node == w.latest && w.newest.Compare(w.MinID) >= 0) ||
		!w.ByID && (left <= w.MaxLen || left-w.entries < w.MaxLen)
	if stays {
		w.first = w.begin
	}
	return !stays
}

// commit lets the node go that the walk has come through.
func (w *trimming) commit() {
	if w.open {
		w.take(w.end, w.node, w.entries)
	}
	w.open = false
}

// keeps tells whether the first of so many entries must stay because its node must.
func (tr *Trim) keeps(f *streamFront, count int64) bool {
	switch {
	case f.number == 0:
		return false
	case tr.Limit > 0 && int64(f.live) > tr.Limit:
		return true
	case tr.ByID:
		return f.last.Compare(tr.MinID) >= 0
	default:
		return count-int64(f.live) < tr.MaxLen
	}
}

// frontAt looks at the node that begins with the entry of an id, unless it is the latest, which still grows.
func (s *Stream) frontAt(first StreamID, latest uint64) (f streamFront) {
	if first == (StreamID{}) {
		return f
	}
	s.scan(first, wal.MaxStreamID(), func(id StreamID, node uint64, _ []byte) bool {
		if node == latest || f.number != 0 && node != f.number {
			return false
		}
		f.number, f.live, f.last = node, f.live+1, id
		return true
	})
	return f
}

// without is what is known of the node after an entry of one was deleted.
func (f streamFront) without(id StreamID, node uint64) streamFront {
	switch {
	case node != f.number:
		return f
	case id == f.last:
		return streamFront{}
	}
	f.live--
	return f
}

// removeOldest removes what the walk has found.
func (s *Stream) removeOldest(w *trimming, t top, rest streamTop) {
	from := rest.first
	if rest.front = (streamFront{}); w.Approx {
		rest.front = s.frontAt(w.first, w.latest)
	}
	rest.node.live -= uint64(w.live)
	if w.removed > rowByID {
		t.count -= w.removed
		rest.first = w.first
		s.write(wal.Effect{Op: wal.OpXTrim, ID: w.last, Place: appendID(nil, from), Count: w.removed}, t, &rest)
		return
	}
	ids := w.ids[:w.removed]
	for i, id := range ids {
		t.count--
		if rest.first = w.first; i+1 < len(ids) {
			rest.first = ids[i+1]
		}
		s.write(wal.Effect{Op: wal.OpXDel, ID: id}, t, &rest)
	}
}
