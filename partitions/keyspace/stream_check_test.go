package keyspace

import (
	"bytes"
	"maps"
	"slices"

	"shiplog/wal"
)

// check compares what the store shows with the model.
func (m streams) check(r *rig) {
	r.t.Helper()
	v := r.store.View(r.now)
	if got := v.Len(); got != int64(len(m)) {
		r.t.Fatalf("Len is %d, want %d", got, len(m))
	}
	for name, want := range m {
		s, ok := v.ReadStream([]byte(name))
		if !ok || s.Len() != int64(len(want.entries)) || s.Info() != want.info {
			r.t.Fatalf("%s is %v, %d entries, %+v, want %d, %+v", name, ok, s.Len(), s.Info(), len(want.entries), want.info)
		}
		var up, down []StreamID
		s.Range(StreamID{}, wal.MaxStreamID(), func(e Entry) bool {
			up = append(up, e.ID)
			return string(e.Fields[1]) == want.entries[e.ID]
		})
		s.RangeBack(StreamID{}, wal.MaxStreamID(), func(e Entry) bool { down = append(down, e.ID); return true })
		slices.Reverse(down)
		if ids := want.ids(); !slices.Equal(up, ids) || !slices.Equal(down, ids) {
			r.t.Fatalf("%s is %v, backwards %v, want %v", name, up, down, ids)
		}
		want.checkGroups(r, name, &s)
	}
}

func (s *streamModel) checkGroups(r *rig, name string, got *Stream) {
	r.t.Helper()
	groups := got.Groups()
	if len(groups) != len(s.groups) {
		r.t.Fatalf("%s has groups %+v, want %d", name, groups, len(s.groups))
	}
	for _, g := range groups {
		want := s.groups[string(g.Name)]
		if want == nil || g.Last != want.last || got.Pending(g.Name) != int64(len(want.pending)) {
			r.t.Fatalf("group %+v of %s with %d pending, want %+v", g, name, got.Pending(g.Name), want)
		}
		var consumers []string
		shown := int64(0)
		for _, c := range got.Consumers(g.Name) {
			consumers = append(consumers, string(c.Name))
			n := int64(0)
			got.EachPending(g.Name, c.Name, StreamID{}, wal.MaxStreamID(), func(p Pending) bool {
				n++
				if w := want.pending[p.ID]; !bytes.Equal(p.Consumer, w.Consumer) || p.At != w.At || p.Count != w.Count {
					r.t.Fatalf("%s: pending is %+v, want %+v", name, p, w)
				}
				return true
			})
			if shown += n; n != got.PendingOf(g.Name, c.Name) {
				r.t.Fatalf("%s: %d pending for %s, counted %d", name, n, c.Name, got.PendingOf(g.Name, c.Name))
			}
		}
		if shown != int64(len(want.pending)) || !slices.Equal(consumers, slices.Sorted(maps.Keys(want.consumers))) {
			r.t.Fatalf("group %s of %s shows %d of %v, want %+v", g.Name, name, shown, consumers, want)
		}
	}
}
