package changes

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"shiplog/partitions/slot"
	"shiplog/wal"
	"shiplog/wal/waltest"
)

// script writes a log record by record, also what a deposed primary would.
type script struct {
	t       *testing.T
	log     *waltest.Memory
	header  wal.Header
	seq     wal.Seq
	reached atomic.Pointer[wal.Position] // others look at it
	n       int
}

func newScript(t *testing.T) *script {
	s := &script{t: t, log: waltest.NewMemory(), header: wal.Header{Incarnation: wal.Incarnation{1}}}
	s.reached.Store(new(wal.Position))
	s.epoch()
	return s
}

func (s *script) Partition() int        { return 0 }
func (s *script) Slots() slot.Range     { return slot.Range{First: 0, Last: slot.Count - 1} }
func (s *script) Log() Log              { return oneByOne{s.log} }
func (s *script) Reached() wal.Position { return *s.reached.Load() }

// oneByOne is a log that gives each message by itself.
type oneByOne struct{ *waltest.Memory }

func (o oneByOne) Tail(ctx context.Context, from wal.Seq, fn func(wal.Seq, [][]byte) error) error {
	return o.Memory.Tail(ctx, from, func(seq wal.Seq, message []byte) error { return fn(seq, [][]byte{message}) })
}

func (s *script) put(h *wal.Header, kind wal.Kind, part wal.Part, body []byte) {
	s.t.Helper()
	h.Kind, h.Part = kind, part
	if h.Prev = h.Chain; kind == wal.KindEpoch {
		h.Index = 0
	} else {
		h.Index++
	}
	message := append(make([]byte, wal.HeaderSize), body...)
	wal.SealRecord(message, h)
	s.seq++
	h.CommitMS += 10
	done := make(chan error, 1)
	s.log.Append(s.seq, message, func(err error) { done <- err })
	if err := <-done; err != nil {
		s.t.Fatal(err)
	}
	if h != &s.header {
		at := s.Reached()
		at.Seq = s.seq
		s.reached.Store(&at)
		return
	}
	r, _ := wal.DecodeRecord(message)
	at := wal.PositionAt(s.seq, &r)
	s.reached.Store(&at)
}

const wholePart = wal.PartFirst | wal.PartLast

func (s *script) epoch() {
	s.header.Epoch++
	s.put(&s.header, wal.KindEpoch, wholePart, nil)
}

// unit writes a record with a unit of n effects: keys named by a number that counts them all.
func (s *script) unit(n int) {
	s.put(&s.header, wal.KindData, wholePart, s.effects(n))
}

func (s *script) effects(n int) (body []byte) {
	for i := range n {
		e := wal.Effect{Op: wal.OpSet, Cause: wal.CauseClient, Command: "SET", Key: fmt.Append(nil, s.n), Value: []byte("v")}
		e.Slot = slot.Of(e.Key)
		if i == 0 {
			e.Marks |= wal.MarkFirst
		}
		if i == n-1 {
			e.Marks |= wal.MarkLast
		}
		s.n++
		body = wal.AppendEffect(body, &e)
	}
	return body
}

// large writes a unit of n effects in parts of one byte less than half of it.
func (s *script) large(n int) {
	body := s.effects(n)
	for part, bytes := range wal.Split(body, len(body)/2-1) {
		s.put(&s.header, wal.KindData, part, bytes)
	}
}

// depose makes a new primary, after whose EPOCH record n records of the old one come.
func (s *script) depose(n int) {
	old := s.header
	s.epoch()
	for range n {
		e := wal.Effect{Op: wal.OpSet, Cause: wal.CauseClient, Marks: wal.MarkFirst | wal.MarkLast, Key: []byte("stale")}
		s.put(&old, wal.KindData, wholePart, wal.AppendEffect(nil, &e))
	}
}

// keysFrom reads the keys of all changes behind a position, up to what was reached.
func keysFrom(t *testing.T, s *script, at wal.Position) (keys []string) {
	t.Helper()
	bodies := NewBodies(at, 1<<20)
	var d Decoder
	for seq := at.Seq + 1; seq <= s.seq; seq++ {
		message, err := s.log.Get(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		body, err := bodies.Take(seq, message)
		if err != nil {
			t.Fatal(err)
		}
		if body == nil {
			continue
		}
		d.Reset(0, body)
		var c Change
		for {
			more, err := d.Next(&c)
			if err != nil {
				t.Fatal(err)
			}
			if !more {
				break
			}
			keys = append(keys, string(c.Effect.Key))
		}
	}
	return keys
}

func numbers(from, to int) (keys []string) {
	for i := from; i < to; i++ {
		keys = append(keys, fmt.Sprint(i))
	}
	return keys
}
