package keyspace

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// streams is what streams there should be, by key.
type streams map[string]*streamModel

// streamModel is what a stream should be.
type streamModel struct {
	info    StreamInfo
	entries map[StreamID]string
	groups  map[string]*groupModel
}

type groupModel struct {
	last      StreamID
	consumers map[string]bool
	pending   map[StreamID]Pending
}

func (m streams) clone() streams {
	out := streams{}
	for key, s := range m {
		out[key] = s.clone()
	}
	return out
}

func (s *streamModel) clone() *streamModel {
	copied := &streamModel{info: s.info, entries: maps.Clone(s.entries), groups: map[string]*groupModel{}}
	for name, g := range s.groups {
		copied.groups[name] = &groupModel{last: g.last, consumers: maps.Clone(g.consumers), pending: maps.Clone(g.pending)}
	}
	return copied
}

func (s *streamModel) ids() []StreamID {
	return slices.SortedFunc(maps.Keys(s.entries), StreamID.Compare)
}

// first notes which entry is the first.
func (s *streamModel) first() {
	s.info.First = StreamID{}
	if ids := s.ids(); len(ids) > 0 {
		s.info.First = ids[0]
	}
}

// streamWriter makes random changes to streams and to their model.
type streamWriter struct {
	r    *rig
	rnd  *rand.Rand
	tx   *Tx
	m    streams
	name string
	s    Stream
	want *streamModel
}

// change performs one random unit on both and returns the model after it.
func (m streams) change(r *rig, rnd *rand.Rand) streams {
	after := m.clone()
	keep := rnd.IntN(8) > 0
	r.unit(func(tx *Tx) bool {
		for range 1 + rnd.IntN(4) {
			w := &streamWriter{r: r, rnd: rnd, tx: tx, m: after, name: fmt.Sprintf("stream:%d", rnd.IntN(3))}
			w.one()
		}
		return keep
	})
	if keep {
		return after
	}
	return m
}

func (w *streamWriter) one() {
	s, ok := w.tx.WriteStream([]byte(w.name))
	if !ok {
		w.r.t.Fatalf("%s is no stream", w.name)
	}
	w.s, w.want = s, w.m[w.name]
	if s.There() != (w.want != nil) {
		w.r.t.Fatalf("%s is there: %v, want %v", w.name, s.There(), w.want != nil)
	}
	n := w.rnd.IntN(24)
	switch {
	case n < 9 || w.want == nil:
		w.add()
	case n < 11:
		w.remove()
	case n < 12:
		w.trim()
	case n < 13:
		w.whole()
	case n < 14:
		w.group()
	default:
		w.ofGroup()
	}
}

// some returns the id of an entry, or of one that may have been.
func (w *streamWriter) some() StreamID {
	last := w.want.info.Last
	return StreamID{MS: last.MS - min(last.MS, w.rnd.Uint64N(12)), Seq: w.rnd.Uint64N(3)}
}

func (w *streamWriter) add() {
	if w.want == nil {
		w.want = &streamModel{entries: map[StreamID]string{}, groups: map[string]*groupModel{}}
		w.m[w.name] = w.want
	}
	info := &w.want.info
	id := StreamID{MS: info.Last.MS + w.rnd.Uint64N(2), Seq: info.Last.Seq + 1}
	if id.MS > info.Last.MS {
		id.Seq = w.rnd.Uint64N(3)
	}
	value := fmt.Sprint(w.rnd.IntN(1000))
	w.s.Add(id, [][]byte{[]byte("f"), []byte(value)}, NodeLimits{Entries: 4})
	w.want.entries[id] = value
	info.Last, info.Added = id, info.Added+1
	w.want.first()
}

func (w *streamWriter) remove() {
	id := w.some()
	_, there := w.want.entries[id]
	if got := w.s.Delete(id); got != there {
		w.r.t.Fatalf("Delete of %v from %s is %v", id, w.name, got)
	}
	if there && w.want.info.MaxDeleted.Compare(id) < 0 {
		w.want.info.MaxDeleted = id
	}
	delete(w.want.entries, id)
	w.want.first()
}

func (w *streamWriter) trim() {
	ids := w.want.ids()
	tr := Trim{MaxLen: w.rnd.Int64N(60), ByID: w.rnd.IntN(3) == 0, MinID: w.some(), Approx: w.rnd.IntN(2) == 0}
	if tr.Approx {
		tr.Limit = w.rnd.Int64N(20)
	}
	removed := w.goes(ids, tr)
	if got := w.s.Trim(tr); got != int64(removed) {
		w.r.t.Fatalf("Trim of %s by %+v removed %d, want %d", w.name, tr, got, removed)
	}
	for _, id := range ids[:removed] {
		delete(w.want.entries, id)
	}
	w.want.first()
}

// goes returns how many of the oldest entries a trim removes: one by one, or whole nodes.
func (w *streamWriter) goes(ids []StreamID, tr Trim) (n int) {
	goes := func(n int) bool { // the first n
		return tr.ByID && ids[n-1].Compare(tr.MinID) < 0 || !tr.ByID && int64(len(ids)-n) >= tr.MaxLen
	}
	_, top := w.s.top()
	for n < len(ids) {
		more := n + 1
		if tr.Approx {
			node := w.nodeOf(ids[n])
			for ; more < len(ids) && w.nodeOf(ids[more]) == node; more++ {
			}
			if tr.Limit > 0 && int64(more) > tr.Limit || tr.ByID && node == top.node.number && top.last.Compare(tr.MinID) >= 0 {
				return n
			}
		}
		if !goes(more) {
			return n
		}
		n = more
	}
	return n
}

func (w *streamWriter) nodeOf(id StreamID) uint64 {
	node, _ := w.s.node(id)
	return node
}

// whole changes the key as a whole.
func (w *streamWriter) whole() {
	other := fmt.Sprintf("stream:%d", w.rnd.IntN(3))
	switch w.rnd.IntN(5) {
	case 0:
		w.tx.Delete([]byte(w.name))
		delete(w.m, w.name)
	case 1:
		if w.tx.Rename([]byte(w.name), []byte(other)) && other != w.name {
			w.m[other] = w.want
			delete(w.m, w.name)
		}
	case 2:
		if other != w.name {
			w.tx.Delete([]byte(other))
			w.tx.copyStream(w.s.h, []byte(other))
			w.m[other] = w.want.clone()
		}
	case 3:
		last, _ := w.want.info.Last.Next()
		w.s.SetID(last, -1, StreamID{})
		w.want.info.Last = last
	case 4:
		if w.rnd.IntN(8) == 0 {
			w.tx.Flush()
			clear(w.m)
		}
	}
}

// group makes, changes or removes a group.
func (w *streamWriter) group() {
	name := fmt.Sprint("g", w.rnd.IntN(2))
	g, there := w.want.groups[name]
	if there && w.rnd.IntN(3) == 0 {
		w.s.RemoveGroup([]byte(name))
		delete(w.want.groups, name)
		return
	}
	if !there {
		g = &groupModel{consumers: map[string]bool{}, pending: map[StreamID]Pending{}}
		w.want.groups[name] = g
	}
	g.last = w.some()
	w.s.PutGroup(Group{Name: []byte(name), Last: g.last, Read: ReadUnknown})
}

// ofGroup changes something in a group.
func (w *streamWriter) ofGroup() {
	name, consumer := []byte(fmt.Sprint("g", w.rnd.IntN(2))), []byte(fmt.Sprint("c", w.rnd.IntN(3)))
	g, there := w.want.groups[string(name)]
	got, ok := w.s.Group(name)
	if ok != there || ok && got.Last != g.last {
		w.r.t.Fatalf("group %s of %s is %+v, %v, want %+v", name, w.name, got, ok, g)
	}
	if !ok {
		return
	}
	switch w.rnd.IntN(8) {
	case 0:
		w.removeConsumer(g, name, consumer)
	case 1, 2:
		id := w.some()
		_, pending := g.pending[id]
		if acked := w.s.Ack(name, id); acked != pending {
			w.r.t.Fatalf("Ack of %v in %s is %v", id, name, acked)
		}
		delete(g.pending, id)
	case 3:
		w.claim(g, got, consumer)
	case 4:
		w.redeliver(g, name, consumer)
	default:
		w.deliver(g, got, consumer)
	}
}

func (w *streamWriter) removeConsumer(g *groupModel, name, consumer []byte) {
	n := int64(0)
	for id, p := range g.pending {
		if string(p.Consumer) == string(consumer) {
			n++
			delete(g.pending, id)
		}
	}
	delete(g.consumers, string(consumer))
	if got := w.s.RemoveConsumer(name, consumer); got != n {
		w.r.t.Fatalf("RemoveConsumer of %s is %d, want %d", consumer, got, n)
	}
}

func (w *streamWriter) deliver(g *groupModel, group Group, consumer []byte) {
	count, noAck := 1+w.rnd.IntN(6), w.rnd.IntN(5) == 0
	var want []StreamID
	for _, id := range w.want.ids() {
		if id.Compare(g.last) > 0 && len(want) < count {
			want = append(want, id)
		}
	}
	entries := w.s.Deliver(group, consumer, int64(count), noAck)
	w.same("Deliver", entries, want)
	for _, id := range want {
		g.last, g.consumers[string(consumer)] = id, true
		if !noAck {
			g.pending[id] = Pending{ID: id, Consumer: consumer, At: w.tx.Now(), Count: 1}
		}
	}
}

func (w *streamWriter) redeliver(g *groupModel, name, consumer []byte) {
	var want []StreamID
	for _, id := range slices.SortedFunc(maps.Keys(g.pending), StreamID.Compare) {
		p := g.pending[id]
		if string(p.Consumer) != string(consumer) {
			continue
		}
		want = append(want, id)
		if _, there := w.want.entries[id]; there {
			p.Count, p.At = p.Count+1, w.tx.Now()
			g.pending[id] = p
		}
	}
	g.consumers[string(consumer)] = true
	w.same("Redeliver", w.s.Redeliver(name, consumer, StreamID{}, 0), want)
}

func (w *streamWriter) claim(g *groupModel, group Group, consumer []byte) {
	ids, force := []StreamID{w.some(), w.some()}, w.rnd.IntN(2) == 0
	c := &Claim{Group: group, Consumer: consumer, At: w.tx.Now() - 7, Count: -1, Force: force}
	var want []StreamID
	for _, id := range ids {
		p, pending := g.pending[id]
		_, there := w.want.entries[id]
		switch {
		case !there:
			delete(g.pending, id)
		case pending || force:
			g.pending[id] = Pending{ID: id, Consumer: consumer, At: c.At, Count: max(p.Count, 1) + 1}
			g.consumers[string(consumer)] = true
			want = append(want, id)
		}
	}
	if w.rnd.IntN(2) == 0 && !force && ids[0].Compare(ids[1]) < 0 && !pendingBetween(g, ids) {
		out := w.s.ClaimSome(c, ids[0], 2)
		w.same("ClaimSome", out.Entries, want)
		return
	}
	w.same("Claim", w.s.Claim(c, ids), want)
}

// same compares entries with what their ids should be.
func (w *streamWriter) same(what string, entries []Entry, want []StreamID) {
	w.r.t.Helper()
	var got []StreamID
	for _, e := range entries {
		got = append(got, e.ID)
		if value, there := w.want.entries[e.ID]; there && string(e.Fields[1]) != value {
			w.r.t.Fatalf("%s: %v is %q, want %s", what, e.ID, e.Fields, value)
		}
	}
	if !slices.Equal(got, want) {
		w.r.t.Fatalf("%s of %s is %v, want %v", what, w.name, got, want)
	}
}

// TestStreams writes to streams and their groups at random, as TestCollections does to sets.
func TestStreams(t *testing.T) {
	for seed := range seeds(24) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(seed, 20))
			fs := vfs.NewMem()
			open := func() *rig {
				r := newRig(t, fs)
				r.store.hot.limit = []int64{4 << 10, 64 << 10, 4 << 20}[seed%3]
				return r
			}
			r := open()
			m, acked := streams{}, streams{}
			var log [][]byte
			for range 500 {
				switch rnd.IntN(12) {
				case 0:
					log = r.sealInto(log)
					acked = m.clone()
				case 1:
					r.apply()
				case 2: // the log refuses what is open
					r.apply()
					r.body = nil
					r.store.Reset()
					m, r.record = acked.clone(), r.record+1
				case 3:
					if rnd.IntN(10) == 0 {
						r.apply()
						if err := r.store.Close(); err != nil {
							t.Fatal(err)
						}
						r, m = open(), acked.clone()
					}
				default:
					m = m.change(r, rnd)
				}
				m.check(r)
			}
			log = r.sealInto(log)
			r.apply()
			sameRows(t, r, log)
		})
	}
}

// sealInto ends the open record and adds its body to a log.
func (r *rig) sealInto(log [][]byte) [][]byte {
	if len(r.body) > 0 {
		log = append(log, clone(r.body))
	}
	r.seal()
	return log
}

// pendingBetween tells whether something is pending behind the first of two ids that is not the second.
func pendingBetween(g *groupModel, ids []StreamID) bool {
	for id := range g.pending {
		if id.Compare(ids[0]) > 0 && id != ids[1] {
			return true
		}
	}
	return false
}
