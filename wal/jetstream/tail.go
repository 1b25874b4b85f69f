package jetstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"shiplog/wal"
)

const (
	heartbeat = 5 * time.Second
	silence   = 3 * heartbeat // longer without a word from the server means that the consumer is gone
)

// errAgain says that a tail must begin again where it stands.
var errAgain = errors.New("the consumer is gone")

// Tail implements wal.Log. Its reader is a consumer without acknowledgements, kept in the server's memory and
// made anew where the tail stands whenever the server or the connection is lost. A fn that takes longer
// than the server waits for a connection (10 s) only costs such a new beginning.
func (l *Log) Tail(ctx context.Context, from wal.Seq, fn func(seq wal.Seq, message []byte) error) error {
	const pause = 50 * time.Millisecond
	next := max(from, 1)
	for {
		err := l.tail(ctx, &next, fn)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case l.closed():
			return wal.ErrClosed
		case !errors.Is(err, errAgain):
			return err
		}
		l.waited(pause)
	}
}

// tail reads with one consumer, from next on, and moves next. errAgain asks to be called again.
func (l *Log) tail(ctx context.Context, next *wal.Seq, fn func(wal.Seq, []byte) error) error {
	if err := l.holds(ctx, *next); err != nil {
		return err
	}
	conn, err := l.cfg.Dial()
	if err != nil {
		return errAgain
	}
	w, inbox := newWire(conn), nats.NewInbox()
	defer w.close()
	ended := make(chan struct{})
	defer close(ended)
	go func() { // ends with this function
		select {
		case <-ctx.Done():
		case <-l.closing:
		case <-ended:
		}
		w.close()
	}()
	if w.subscribe(inbox) != nil || l.consume(ctx, inbox, *next) != nil {
		return errAgain
	}
	return l.deliver(w, next, fn)
}

// holds checks that the log still has what comes next.
func (l *Log) holds(ctx context.Context, next wal.Seq) error {
	bounds, err := l.Bounds(ctx)
	if errors.Is(err, wal.ErrClosed) {
		return err
	}
	if err != nil {
		return errAgain
	}
	if next < bounds.First {
		return fmt.Errorf("%w: asked for %d, the first is %d", wal.ErrTrimmed, next, bounds.First)
	}
	return nil
}

// consume makes the consumer that sends to inbox.
func (l *Log) consume(ctx context.Context, inbox string, from wal.Seq) error {
	ctx, cancel := context.WithTimeout(ctx, requestWithin)
	defer cancel()
	_, err := l.js.CreatePushConsumer(ctx, l.name, natsjs.ConsumerConfig{
		DeliverSubject:    inbox,
		DeliverPolicy:     natsjs.DeliverByStartSequencePolicy,
		OptStartSeq:       uint64(from),
		AckPolicy:         natsjs.AckNonePolicy,
		MemoryStorage:     true,
		Replicas:          1,
		FlowControl:       true,
		IdleHeartbeat:     heartbeat,
		InactiveThreshold: heartbeat,
	})
	return err
}

// deliver gives the consumer's messages to fn. A message that is not the next one is never given: if it
// is an old one it is passed over, if there is a gap the tail begins again, and finds out whether the
// log was trimmed.
func (l *Log) deliver(w *wire, next *wal.Seq, fn func(wal.Seq, []byte) error) error {
	var f frame
	for {
		if w.in.Buffered() == 0 {
			if w.conn.SetReadDeadline(time.Now().Add(silence)) != nil {
				return errAgain
			}
		}
		if w.next(&f) != nil {
			return errAgain
		}
		if reply, control := controls(&f); control {
			if len(reply) > 0 && w.publish(string(reply), nil, nil, nil) != nil {
				return errAgain
			}
			continue
		}
		seq, err := delivered(f.reply)
		switch {
		case err != nil:
			return err
		case seq < *next:
			continue
		case seq > *next:
			return errAgain
		}
		if err := fn(seq, f.payload); err != nil {
			return err
		}
		*next = seq + 1
	}
}

// What tells the server's words from messages. They are never written.
var (
	statusControl = []byte("NATS/1.0 100")
	stalled       = []byte("Nats-Consumer-Stalled: ")
)

// controls says whether the frame is a word of the server instead of a message, and what subject it wants
// answered: a flow control request, or a heartbeat of a consumer that waits for such an answer.
func controls(f *frame) (reply []byte, control bool) {
	if !bytes.HasPrefix(f.header, statusControl) {
		return nil, false
	}
	if len(f.reply) > 0 {
		return f.reply, true
	}
	if _, rest, found := bytes.Cut(f.header, stalled); found {
		subject, _, _ := bytes.Cut(rest, []byte("\r\n"))
		return subject, true
	}
	return nil, true
}

// delivered reads the stream's sequence out of a delivery's reply subject:
// $JS.ACK.stream.consumer.deliveries.SEQUENCE.consumer sequence.time.pending
func delivered(reply []byte) (wal.Seq, error) {
	rest, n := reply, 0
	for part := range bytes.SplitSeq(rest, []byte{'.'}) {
		if n == 5 {
			if seq, ok := number(part); ok && bytes.HasPrefix(reply, []byte("$JS.ACK.")) && bytes.Count(reply, []byte{'.'}) == 8 {
				return wal.Seq(seq), nil
			}
			break
		}
		n++
	}
	return 0, fmt.Errorf("%w: delivery with reply subject %q", errProtocol, reply)
}
