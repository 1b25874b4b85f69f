package changes

import (
	"errors"
	"fmt"

	"shiplog/wal"
)

// Body is what the log holds between two positions: the effects of one record, or of the parts that one was cut into. Records without
// effects are bodies too, since positions move over them. A Body does not change after it is made, and may be shared.
type Body struct {
	Before, After wal.Position // Before is that of the body before this one: records that are skipped stand between
	First         wal.Seq      // the record in which it begins; it ends with After.Seq
	Kind          wal.Kind
	Effects       []byte   // encoded
	Messages      [][]byte // the records as the log has them
	Size          int      // about how many bytes it takes in memory
}

// Bodies makes bodies out of the messages of a log: it judges each record, skips what a deposed primary left behind, and puts
// parts together. It is for one goroutine at a time.
type Bodies struct {
	at    wal.Position // behind the last record
	whole wal.Position // behind the last body
	first wal.Seq
	parts *wal.Assembler
	kept  [][]byte
	size  int
}

// NewBodies returns a Bodies that begins behind at, which must stand behind a whole body. Bodies of several parts that are larger
// than limit bytes are refused.
func NewBodies(at wal.Position, limit int) *Bodies {
	return &Bodies{at: at, whole: at, parts: wal.NewAssembler(limit)}
}

// Position returns where the reader stands: it wants the record at Position().Seq+1.
func (b *Bodies) Position() wal.Position { return b.at }

// Take takes the next message of the log, which it keeps, and returns the body that it completes, or nil. The errors are those of
// wal.DecodeRecord and wal.Position.Next, and wal.ErrTooLarge; after one of them the Bodies is of no more use.
func (b *Bodies) Take(seq wal.Seq, message []byte) (*Body, error) {
	r, err := wal.DecodeRecord(message)
	if err != nil {
		return nil, fmt.Errorf("record %d: %w", seq, err)
	}
	next, verdict, err := b.next(seq, &r)
	if err != nil {
		return nil, err
	}
	b.at = next
	if verdict == wal.Stale {
		return nil, nil
	}
	if r.Part&wal.PartFirst != 0 {
		b.first, b.kept, b.size = seq, nil, 0
	}
	effects, whole, err := b.parts.Add(&r)
	if err != nil {
		return nil, fmt.Errorf("record %d: %w", seq, err)
	}
	b.kept = append(b.kept, message)
	b.size += len(message)
	if !whole {
		return nil, nil
	}
	return b.end(&r, effects), nil
}

// next judges a record. A log that was founded anew exactly behind what was read goes on from there: nothing is missing.
func (b *Bodies) next(seq wal.Seq, r *wal.Record) (wal.Position, wal.Verdict, error) {
	next, verdict, err := b.at.Next(seq, r)
	if errors.Is(err, wal.ErrIncarnation) && b.at == b.whole {
		if next, failed := b.at.Refound(seq, r); failed == nil {
			return next, wal.Accepted, nil
		}
	}
	return next, verdict, err
}

// end makes the body that the record r ends.
func (b *Bodies) end(r *wal.Record, effects []byte) *Body {
	body := &Body{Before: b.whole, After: b.at, First: b.first, Kind: r.Kind, Messages: b.kept, Size: b.size + bodyOverhead}
	if r.Kind == wal.KindData {
		body.Effects = effects
		if len(b.kept) > 1 { // the assembler will use its bytes again
			body.Effects = append([]byte(nil), effects...)
			body.Size += len(effects)
		}
	}
	b.whole, b.kept = b.at, nil
	return body
}

// bodyOverhead is about what a Body takes besides its messages.
const bodyOverhead = 320

// Decoder reads the changes of bodies, one body after the other. The zero Decoder has none. It is for one goroutine at a time.
type Decoder struct {
	effects   wal.EffectReader
	body      *Body
	partition int
	index     int
	unit      int
	client    []byte // of the unit
}

// Reset makes the decoder begin with the first change of a body of a partition.
func (d *Decoder) Reset(partition int, b *Body) {
	d.effects.Reset(b.Effects)
	d.partition, d.body, d.index, d.unit, d.client = partition, b, 0, 0, nil
}

// Next fills c with the next change and returns true, or returns false at the end of the body. The error is wal.ErrNewer or
// wal.ErrDamaged.
func (d *Decoder) Next(c *Change) (bool, error) {
	if d.body == nil {
		return false, nil
	}
	more, err := d.effects.Next(&c.Effect)
	if err != nil {
		return false, fmt.Errorf("effect %d of the body at %d: %w", d.index, d.body.First, err)
	}
	if !more {
		d.body = nil
		return false, nil
	}
	if c.First() {
		d.unit, d.client = d.index, c.Effect.Client
	}
	at := &d.body.After
	c.Partition, c.Incarnation, c.Sequence, c.Index, c.Unit = d.partition, at.Incarnation, d.body.First, d.index, d.unit
	c.Epoch, c.CommitMS, c.Snapshot, c.Client = at.Epoch, at.CommitMS, false, d.client
	d.index++
	return true, nil
}

// done tells whether Next has no more.
func (d *Decoder) done() bool { return d.effects.Done() }
