package changes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"shiplog/partitions/slot"
	"shiplog/wal"
)

// canned is a log of n bodies of 35 changes each, as many as writers that wait for each other make.
type canned struct {
	messages [][]byte
	end      wal.Position
}

const cannedUnits = 35

func newCanned(n int) *canned {
	c := new(canned)
	value := bytes.Repeat([]byte("value."), 17)
	h := wal.Header{Incarnation: wal.Incarnation{1}, Epoch: 1, Kind: wal.KindEpoch, Part: wholePart}
	for i := range n {
		message := make([]byte, wal.HeaderSize)
		if i > 0 {
			h.Kind, h.Index, h.Prev = wal.KindData, uint64(i), h.Chain
			for j := range cannedUnits {
				key := fmt.Appendf(nil, "key:%012d", i*cannedUnits+j)
				message = wal.AppendEffect(message, &wal.Effect{Op: wal.OpSet, Cause: wal.CauseClient, Command: "SET",
					Marks: wal.MarkFirst | wal.MarkLast, Slot: slot.Of(key), Key: key, Value: value})
			}
		}
		wal.SealRecord(message, &h)
		c.messages = append(c.messages, message)
		c.end = wal.PositionAt(wal.Seq(i+1), &wal.Record{Header: h})
	}
	return c
}

func (c *canned) Partition() int        { return 0 }
func (c *canned) Slots() slot.Range     { return slot.Range{} }
func (c *canned) Log() Log              { return c }
func (c *canned) Reached() wal.Position { return c.end }

func (c *canned) Source(int) (Source, error) { return c, nil }
func (c *canned) Partitions() int            { return 1 }

func (c *canned) Bounds(context.Context) (wal.Bounds, error) {
	return wal.Bounds{First: 1, Last: wal.Seq(len(c.messages))}, nil
}

func (c *canned) Get(_ context.Context, seq wal.Seq) ([]byte, error) { return c.messages[seq-1], nil }

func (c *canned) Tail(ctx context.Context, from wal.Seq, fn func(wal.Seq, [][]byte) error) error {
	for i := int(from) - 1; i < len(c.messages); i++ {
		if err := fn(wal.Seq(i+1), c.messages[i:i+1]); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

// BenchmarkRead reads a log from its beginning in each form, without JetStream and without a network.
func BenchmarkRead(b *testing.B) {
	log := newCanned(4000)
	f := New(Config{Sources: log})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- f.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	<-f.Running()
	commands := Commands{Slots: func(int) slot.Range { return slot.Range{} }, NowMS: func() int64 { return 0 }}
	for name, form := range map[string]func([]byte, *Change) []byte{"json": new(JSON).Append, "commands": commands.Append, "binary": nil} {
		b.Run(name, func(b *testing.B) {
			changes := 0
			for b.Loop() {
				n, err := readAll(ctx, f, log, form)
				if err != nil {
					b.Fatal(err)
				}
				changes += n
			}
			b.ReportMetric(float64(changes)/b.Elapsed().Seconds(), "changes/s")
		})
	}
}

// readAll reads the whole log and returns how many changes it has.
func readAll(ctx context.Context, f *Feeds, log *canned, form func([]byte, *Change) []byte) (n int, err error) {
	r := f.Open(Token{Partitions: []Position{{}}}, Filter{})
	defer r.Close()
	var buf []byte
	var records wal.EffectReader // for what the reader of records does with them
	var effect wal.Effect
	var failed error
	for r.cursors[0].at.Seq < log.end.Seq {
		var idle bool
		if form == nil {
			idle, err = r.ReadBodies(ctx, plenty(), func(_ int, b *Body) bool {
				for records.Reset(b.Effects); !records.Done() && failed == nil; n++ {
					_, failed = records.Next(&effect)
				}
				return failed == nil
			})
		} else {
			idle, err = r.Read(ctx, plenty(), func(c *Change) bool {
				buf = form(buf[:0], c)
				n++
				return true
			})
		}
		if err := errors.Join(err, failed); err != nil {
			return n, err
		}
		if idle {
			r.Wait(ctx)
		}
	}
	if n != (len(log.messages)-1)*cannedUnits {
		return n, errors.New("changes are missing")
	}
	return n, nil
}

// BenchmarkProject publishes a log into the stream, which does not wait for the disk. Each time it is another partition's: none is published twice.
func BenchmarkProject(b *testing.B) {
	const bodies = 3000
	log := newCanned(bodies)
	f := New(Config{Sources: log})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- f.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	<-f.Running()
	_, stream := streamOn(b, StreamLimits{})
	times := 0
	for ; b.Loop(); times++ {
		c := (&memory{}).config(f, stream)
		c.Partition = times
		r := &projection{Projector: NewProjector(c)}
		r.read(Position{Partition: times})
		for r.published.Load() < (bodies-1)*cannedUnits {
			idle, err := r.step(ctx)
			if err != nil {
				b.Fatal(err)
			}
			if idle {
				r.wait(ctx)
			}
		}
		r.reader.Close()
	}
	b.ReportMetric(float64(times*(bodies-1)*cannedUnits)/b.Elapsed().Seconds(), "changes/s")
}
