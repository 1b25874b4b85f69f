package jetstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"shiplog/wal"
)

const (
	heartbeat        = 5 * time.Second
	clusterHeartbeat = time.Second // others can take a consumer away
	silentBeats      = 3           // so many without a word from the server mean that the consumer is gone
	unheardThreshold = 5 * time.Second
)

// pinTries is how many consumers are made at once in the hope for one on this node's server, which gets a third of
// them, or a fifth. Then there is a pause: that server may be catching up, and is passed over while it does.
const (
	pinTries = 20
	pinPause = 500 * time.Millisecond
)

// errAgain says that a tail must begin again where it stands.
var errAgain = errors.New("the consumer is gone")

// Tail implements wal.Log. Its reader is a consumer without acknowledgements, kept in the server's memory and
// made anew where the tail stands whenever the server or the connection is lost. In a cluster it reads the copy of Config.Server, however
// far that is behind, and another only if that server holds none. A fn that takes longer
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
	w := newWire(conn)
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
	sid, here, err := l.consume(ctx, w, *next)
	if err != nil {
		return errAgain
	}
	if !here && l.cfg.Server != "" {
		go func() { // ends with this function
			if l.comesHere(ctx, ended) {
				w.close()
			}
		}()
	}
	return l.deliver(w, sid, next, fn)
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
	if next < bounds.First && !bug("first-available") {
		return fmt.Errorf("%w: asked for %d, the first is %d", wal.ErrTrimmed, next, bounds.First)
	}
	return nil
}

// heartbeat is how often the server gives a sign of life while there is nothing to read.
func (l *Log) heartbeat() time.Duration {
	if l.cfg.clustered() {
		return clusterHeartbeat
	}
	return heartbeat
}

// consume makes a consumer that sends to w, and returns the number of the subscription. A cluster puts it where it likes among the
// servers that hold the log: it is made until it is where it shall be.
func (l *Log) consume(ctx context.Context, w *wire, from wal.Seq) (sid uint64, here bool, err error) {
	config := natsjs.ConsumerConfig{
		DeliverPolicy:     natsjs.DeliverByStartSequencePolicy,
		OptStartSeq:       uint64(from),
		AckPolicy:         natsjs.AckNonePolicy,
		MemoryStorage:     true,
		Replicas:          1,
		FlowControl:       true,
		IdleHeartbeat:     l.heartbeat(),
		InactiveThreshold: unheardThreshold,
	}
	here, err = l.holdsCopy(ctx)
	if err != nil {
		return 0, here, err
	}
	for sid = 1; sid <= pinTries; sid++ {
		config.DeliverSubject = nats.NewInbox()
		if err := w.subscribe(config.DeliverSubject, sid); err != nil {
			return 0, here, err
		}
		placed, err := l.consumeOnce(ctx, config, here)
		if err != nil || placed {
			return sid, here, err
		}
	}
	l.waited(pinPause)
	return 0, here, errAgain
}

// homeAgain is how often a tail that reads another server's copy looks whether there is one here.
const homeAgain = 2 * time.Second

// comesHere waits until this node's server has a whole copy, and says so; not when ctx or the tail ends before that.
func (l *Log) comesHere(ctx context.Context, ended <-chan struct{}) bool {
	tick := time.NewTicker(homeAgain)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-ended:
			return false
		case <-l.closing:
			return false
		case <-tick.C:
		}
		cluster, err := l.cluster(ctx)
		if err != nil || l.leaving.Load() {
			continue
		}
		if cluster.Leader == l.cfg.Server || slices.ContainsFunc(cluster.Replicas, func(p *natsjs.PeerInfo) bool {
			return p.Name == l.cfg.Server && p.Current && p.Lag == 0
		}) {
			return true
		}
	}
}

// Leaving says whether this node's server is about to give up its copy of the log: Tail reads another one then.
func (l *Log) Leaving(leaving bool) { l.leaving.Store(leaving) }

// holdsCopy says whether a consumer can be had on this node's server in particular.
func (l *Log) holdsCopy(ctx context.Context) (bool, error) {
	if l.cfg.Server == "" || l.leaving.Load() {
		return false, nil
	}
	cluster, err := l.cluster(ctx)
	if err != nil || cluster.Leader == l.cfg.Server {
		return err == nil, err
	}
	return slices.ContainsFunc(cluster.Replicas, func(p *natsjs.PeerInfo) bool { return p.Name == l.cfg.Server }), nil
}

// consumeOnce makes a consumer and says whether it is one to read from: if it must be here and is elsewhere it
// is deleted again.
func (l *Log) consumeOnce(ctx context.Context, config natsjs.ConsumerConfig, here bool) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, requestWithin)
	defer cancel()
	consumer, err := l.js.CreatePushConsumer(ctx, l.name, config)
	if err != nil {
		return false, err
	}
	info := consumer.CachedInfo()
	if !here || info.Cluster != nil && info.Cluster.Leader == l.cfg.Server {
		return true, nil
	}
	return false, l.js.DeleteConsumer(ctx, l.name, info.Name)
}

// deliver gives the messages of subscription sid to fn. A message that is not the next one is never given: if it
// is an old one it is passed over, if there is a gap the tail begins again, and finds out whether the
// log was trimmed.
func (l *Log) deliver(w *wire, sid uint64, next *wal.Seq, fn func(wal.Seq, []byte) error) error {
	var f frame
	silence := silentBeats * l.heartbeat()
	for {
		if w.waits() {
			if w.conn.SetReadDeadline(time.Now().Add(silence)) != nil {
				return errAgain
			}
		}
		if w.next(&f) != nil {
			return errAgain
		}
		if f.sid != sid {
			continue // of a consumer that was deleted again
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
		case seq > *next && !bug("first-available"):
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
