package changes

import (
	"context"
	"errors"
	"fmt"
	"math"

	"shiplog/wal"
)

// Reader reads the changes of one partition or several, from where a token stands. It is for one goroutine at a time.
type Reader struct {
	feeds   *Feeds
	filter  Filter
	all     bool
	cursors []cursor
	wake    chan struct{}
	given   uint64 // changes that are not counted yet
	sealed  int64
	closed  bool
}

// cursor is where a reader stands in one partition.
type cursor struct {
	at      Position
	stretch *stretch
	body    *Body // the one behind at, if it is known
	decoder Decoder
	begun   bool // the decoder stands in body, behind at.Effects changes
}

// Budget bounds what one Read does: how many changes it looks at, and how many bytes of bodies it begins.
type Budget struct{ Changes, Bytes int }

// lookUp is after how many changes Read looks whether it is still wanted: a filter may take its time.
const lookUp = 256

// Open returns a reader that goes on where a token stands. Whether the logs still have what follows shows in Read.
func (f *Feeds) Open(token Token, filter Filter) *Reader {
	r := &Reader{feeds: f, filter: filter, all: token.All, wake: make(chan struct{}, 1)}
	for _, p := range token.Partitions {
		r.cursors = append(r.cursors, cursor{at: p})
	}
	f.counts.readers.Add(1)
	return r
}

// Token returns where the reader stands: behind everything that Read has given out.
func (r *Reader) Token() Token {
	t := Token{All: r.all}
	for i := range r.cursors {
		t.Partitions = append(t.Partitions, r.cursors[i].at)
	}
	return t
}

// Sealed returns when the body was sealed that was looked at last, in Unix milliseconds of its primary's clock; 0: none yet.
func (r *Reader) Sealed() int64 { return r.sealed }

// Read gives changes that the filter takes to take, in order within each partition, the oldest partition first, until take returns
// false, nothing more is there now, or the budget is spent. What take is given is valid for ever; the Change itself is used again.
// It does not block but for finding a log's beginning. idle tells that nothing was there. The errors are ErrNotHeld, *Trimmed, ErrForeign,
// ErrBusy, and those of a damaged log; after one of them the reader stands where it was.
func (r *Reader) Read(ctx context.Context, budget Budget, take func(*Change) bool) (idle bool, err error) {
	defer r.tell()
	var c Change
	left, fetched := budget.Changes, 0
	for idle = true; left > 0 && fetched <= budget.Bytes && (idle || ctx.Err() == nil); idle = false {
		cur, err := r.oldest(ctx)
		if err != nil || cur == nil {
			return idle, err
		}
		fetched += cur.body.Size
		r.sealed = cur.body.After.CommitMS
		more, err := r.give(ctx, cur, &c, &left, take)
		if err != nil || !more {
			return false, err
		}
	}
	return idle, nil
}

// ReadBodies is Read for whole bodies: those with a change that the filter takes. Without a filter no change is looked at: the budget's bytes are then
// what ends it.
func (r *Reader) ReadBodies(ctx context.Context, budget Budget, take func(partition int, b *Body) bool) (idle bool, err error) {
	defer r.tell()
	left, fetched := budget.Changes, 0
	for idle = true; left > 0 && fetched <= budget.Bytes && (idle || ctx.Err() == nil); idle = false {
		cur, err := r.oldest(ctx)
		if err != nil || cur == nil {
			return idle, err
		}
		body := cur.body
		fetched += body.Size
		r.sealed = body.After.CommitMS
		wanted, err := r.wants(cur, &left)
		if err != nil {
			return false, err
		}
		cur.leave(body)
		if wanted && !take(cur.at.Partition, body) {
			return false, nil
		}
	}
	return idle, nil
}

// wants tells whether the filter takes any of the changes of a cursor's body that are left.
func (r *Reader) wants(cur *cursor, left *int) (wanted bool, err error) {
	if r.filter.All() {
		return len(cur.body.Effects) > 0, nil // a position within a body has at least one behind it
	}
	var c Change
	looked := math.MaxInt // a budget that ends within a body must not hide the rest of it
	_, err = r.give(context.Background(), cur, &c, &looked, func(*Change) bool { wanted = true; return false })
	*left -= math.MaxInt - looked
	return wanted, err
}

// give gives the changes of a cursor's body that are left, until take has enough, the budget is spent, or ctx ends.
func (r *Reader) give(ctx context.Context, cur *cursor, c *Change, left *int, take func(*Change) bool) (goOn bool, err error) {
	if err := cur.begin(c); err != nil {
		return false, err
	}
	for {
		more, err := cur.decoder.Next(c)
		if err != nil {
			return false, err
		}
		if !more {
			cur.leave(cur.body)
			return true, nil
		}
		cur.at.Effects++
		*left--
		if goOn = true; r.filter.Takes(c) {
			r.given++
			goOn = take(c)
		}
		if cur.decoder.done() { // a token must not need a body that is read to its end
			cur.leave(cur.body)
			return goOn, nil
		}
		if !goOn || *left <= 0 || *left%lookUp == 0 && ctx.Err() != nil {
			return goOn, nil
		}
	}
}

// begin brings the decoder to the first change behind the cursor.
func (c *cursor) begin(change *Change) error {
	if c.begun {
		return nil
	}
	c.decoder.Reset(c.at.Partition, c.body)
	for range c.at.Effects {
		if more, err := c.decoder.Next(change); err != nil || !more {
			return err
		}
	}
	c.begun = true
	return nil
}

// leave moves the cursor behind its body.
func (c *cursor) leave(b *Body) {
	c.at.Position, c.at.Effects = b.After, 0
	c.body, c.begun = nil, false
}

// oldest returns the cursor whose next body was sealed first, of those that have one, or nil.
func (r *Reader) oldest(ctx context.Context) (best *cursor, err error) {
	for i := range r.cursors {
		c := &r.cursors[i]
		if err := r.fetch(ctx, c); err != nil {
			return nil, err
		}
		if c.body != nil && (best == nil || c.body.After.CommitMS < best.body.After.CommitMS) {
			best = c
		}
	}
	return best, nil
}

// fetch looks for the body behind a cursor, and has the reader woken when there may be one.
func (r *Reader) fetch(ctx context.Context, c *cursor) (err error) {
	for c.body == nil {
		if c.stretch == nil {
			source, err := r.feeds.cfg.Sources.Source(c.at.Partition)
			if err != nil {
				return err
			}
			if err := fits(ctx, source, &c.at); err != nil {
				return err
			}
			if c.stretch, err = r.feeds.stretchAt(source, c.at.Position); err != nil {
				return err
			}
		}
		c.body, err = c.stretch.next(c.at.Position, r.wake)
		switch {
		case errors.Is(err, errMoved):
			c.moveOn()
		case err != nil:
			c.moveOn()
			return r.feeds.Explain(ctx, c.at.Partition, err)
		default:
			return nil
		}
	}
	return nil
}

// moveOn leaves the cursor's stretch.
func (c *cursor) moveOn() {
	c.stretch.stand(-1)
	c.stretch = nil
}

// fits tells whether a position is of a log of another life than the source's: unless this life began exactly there.
func fits(ctx context.Context, source Source, at *Position) error {
	now, none := source.Reached().Incarnation, wal.Incarnation{}
	if at.Incarnation == now || at.Incarnation == none || now == none {
		return nil
	}
	r, err := get(ctx, source.Log(), at.Seq+1)
	if err == nil && r.Kind == wal.KindEpoch && r.Prev == at.Chain && at.Chain != 0 {
		return nil
	}
	return fmt.Errorf("%w: it is of incarnation %x, the log of partition %d is now of %x", ErrForeign, at.Incarnation, at.Partition, now)
}

// Wait blocks until there may be more to read, or ctx ends.
func (r *Reader) Wait(ctx context.Context) {
	select {
	case <-r.wake:
	case <-ctx.Done():
	}
}

// Close ends the reader.
func (r *Reader) Close() {
	if !r.closed {
		r.closed = true
		r.feeds.counts.readers.Add(-1)
	}
	for i := range r.cursors {
		if s := r.cursors[i].stretch; s != nil {
			s.forget(r.wake)
			r.cursors[i].moveOn()
		}
	}
}
