package keyspace

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"shiplog/wal"
)

// TestManyPending counts what is pending in a stream that is too big to be whole in memory.
func TestManyPending(t *testing.T) {
	r := newRig(t, vfs.NewMem())
	r.store.hot.limit = 64 << 10
	defer r.store.Close()
	rnd := rand.New(rand.NewPCG(1, 20))
	key, group := []byte("s"), []byte("g")
	var last StreamID
	r.unit(func(tx *Tx) bool {
		s, _ := tx.WriteStream(key)
		for i := range uint64(2000) {
			last = StreamID{MS: 1 + i}
			s.Add(last, [][]byte{[]byte("f"), []byte("v")}, NodeLimits{Entries: 100})
		}
		s.PutGroup(Group{Name: group})
		return true
	})
	for round := range 120 {
		r.unit(func(tx *Tx) bool {
			s, _ := tx.WriteStream(key)
			g, _ := s.Group(group)
			consumer := []byte(fmt.Sprint("c", rnd.IntN(3)))
			s.Deliver(g, consumer, 30, false)
			id := StreamID{MS: rnd.Uint64N(2000)}
			s.Ack(group, id)
			s.ClaimSome(&Claim{Group: g, Consumer: consumer, At: r.now, Count: -1}, id, 5)
			return true
		})
		r.seal()
		r.apply()
		if round < 40 { // so that the first count finds many
			continue
		}
		s, _ := r.store.View(r.now).ReadStream(key)
		if s.h.elements != nil && s.h.elements.whole {
			t.Fatal("the stream is whole in memory")
		}
		all := int64(0)
		for _, c := range s.Consumers(group) {
			n := int64(0)
			s.EachPending(group, c.Name, StreamID{}, wal.MaxStreamID(), func(Pending) bool { n++; return true })
			if got := s.PendingOf(group, c.Name); got != n {
				t.Fatalf("%d pending for %s, counted %d", n, c.Name, got)
			}
			all += n
		}
		if got := s.Pending(group); got != all {
			t.Fatalf("%d pending, counted %d", all, got)
		}
	}
}

// TestPackedSizes holds what elements of known sizes take in Redis's lists.
func TestPackedSizes(t *testing.T) {
	for _, c := range []struct {
		element string
		want    uint64
	}{
		{"", 2}, {"0", 2}, {"127", 2}, {"128", 3}, {"-1", 3}, {"-4096", 3}, {"-4097", 4}, {"32767", 4}, {"32768", 5},
		{"8388608", 6}, {"2147483648", 10}, {"-9223372036854775808", 10}, {"9223372036854775807", 10},
		{"9223372036854775808", 21}, {"-0", 4}, {"01", 4}, {"+1", 4}, {"a", 3},
		{fmt.Sprintf("%063d", 0), 65}, {fmt.Sprintf("%064d", 0), 67}, {fmt.Sprintf("%0125d", 0), 128}, {fmt.Sprintf("%0126d", 0), 130},
		{fmt.Sprintf("%04096d", 0), 4103},
	} {
		if got := packed([]byte(c.element)); got != c.want {
			t.Errorf("%.20q of %d bytes takes %d, want %d", c.element, len(c.element), got, c.want)
		}
	}
}

// TestStreamTop holds that what is kept of a stream as a whole is read as it was written.
func TestStreamTop(t *testing.T) {
	for _, want := range []streamTop{
		{},
		{last: wal.MaxStreamID(), first: StreamID{MS: 1}, deleted: StreamID{Seq: 3}, added: 1 << 40},
		{last: StreamID{MS: 5, Seq: 6}, first: StreamID{MS: 9, Seq: 1}, node: streamNode{number: 7, entries: 9, live: 4, bytes: 1 << 20,
			master: StreamID{MS: 8, Seq: 2}, names: 1<<32 - 1}, front: streamFront{number: 3, live: 2, last: StreamID{MS: 1, Seq: 5}}},
	} {
		if got := parseStreamTop(appendStreamTop(nil, &want)); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

// TestTrimWholeNodes trims nodes of four entries, also after what is known of the first one has changed.
func TestTrimWholeNodes(t *testing.T) {
	r := newRig(t, vfs.NewMem())
	defer r.store.Close()
	r.unit(func(tx *Tx) bool {
		s, _ := tx.WriteStream([]byte("s"))
		for i := range uint64(20) {
			s.Add(StreamID{MS: 1 + i}, [][]byte{[]byte("f"), []byte("v")}, NodeLimits{Entries: 4})
		}
		for _, c := range []struct {
			remove uint64
			trim   Trim
			want   int64
		}{
			{0, Trim{MaxLen: 15}, 4},
			{0, Trim{MaxLen: 13}, 0}, // the node begins with 5
			{6, Trim{MaxLen: 13}, 0},
			{0, Trim{MaxLen: 12, Limit: 2}, 0},
			{0, Trim{MaxLen: 12, Limit: 3}, 3},
			{0, Trim{ByID: true, MinID: StreamID{MS: 12}}, 0}, // 9
			{12, Trim{ByID: true, MinID: StreamID{MS: 12}}, 3},
			{0, Trim{ByID: true, MinID: StreamID{MS: 100}}, 8},
		} {
			if c.remove != 0 {
				s.Delete(StreamID{MS: c.remove})
			}
			c.trim.Approx = true
			if got := s.Trim(c.trim); got != c.want {
				t.Errorf("%+v without %d removes %d, want %d", c.trim, c.remove, got, c.want)
			}
		}
		return true
	})
}
