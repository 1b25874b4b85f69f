package jetstream

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"shiplog/wal"
)

// fence begins the header of every message: the number behind it is the sequence after which, and only
// after which, the server may store the message.
const fence = "NATS/1.0\r\nNats-Expected-Last-Sequence: "

// noReply is the token of an append that no answer is expected for.
const noReply = -1

// appending is an append whose outcome is not known. Its fields but the first three are guarded by
// appends.mu.
type appending struct {
	at      wal.Seq
	message []byte
	done    func(error)

	token    int           // names the reply subject of the last attempt, or noReply
	attempts int           // how often it was published
	due      time.Time     // when the resolver looks at it
	pause    time.Duration // how long the resolver waits before it tries again
	vain     int           // reads of the sequence that got no answer
	unheard  bool          // nobody took the last attempt in: it cannot be stored
	held     bool          // the resolver uses message: done must wait until it lets go
	decided  bool
	outcome  error
}

// appends are the appends whose outcome is not known, and the connection they go out on. A reply
// subject is used again and again, so that the server finds its subscriber in a cache, but only after an answer
// to it has come: a late answer can never be taken for another append's.
type appends struct {
	mu      sync.Mutex
	pending []*appending
	wire    *wire
	inbox   string
	replies [][]byte // the reply subject of each token
	free    []int    // tokens that can be used
	asleep  bool     // the resolver waits for look and nothing else
	closed  bool
}

// Append implements wal.Log. It returns when the server has read the message, which is before it stores
// it. A message over wal.MaxMessage gets wal.ErrTooLarge.
func (l *Log) Append(at wal.Seq, message []byte, done func(error)) {
	if at == 0 || len(message) > wal.MaxMessage {
		go done(fmt.Errorf("append %d bytes at sequence %d: %w", len(message), at, wal.ErrTooLarge))
		return
	}
	a := &appending{at: at, message: message, done: done, token: noReply}
	w, reply, wake, err := l.appends.begin(a, l.cfg.AckWait)
	if err != nil {
		go done(err)
		return
	}
	if wake {
		l.wake()
	}
	if w != nil {
		l.send(w, reply, a)
	}
}

// send publishes a. An error needs no care: it ends the connection, and that makes a be resolved.
func (l *Log) send(w *wire, reply []byte, a *appending) {
	var buffer [len(fence) + 24]byte
	header := append(buffer[:0], fence...)
	header = strconv.AppendUint(header, uint64(a.at-1), 10)
	header = append(header, "\r\n\r\n"...)
	if bug("no-fence") {
		header[len("NATS/1.0\r\nNats-")] = 'X' // a header that means nothing
	}
	_ = w.publish(l.subject, reply, header, a.message)
}

// wake tells the resolver to look.
func (l *Log) wake() {
	select {
	case l.look <- struct{}{}:
	default:
	}
}

// begin takes a in and returns where to send it. Without a connection there is nowhere: the resolver
// will. wake says that the resolver must be told.
func (p *appends) begin(a *appending, within time.Duration) (w *wire, reply []byte, wake bool, err error) {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, nil, false, wal.ErrClosed
	}
	p.pending = append(p.pending, a)
	wake, p.asleep = p.asleep, false
	if p.wire == nil {
		a.due = now
		return nil, nil, true, nil
	}
	a.due = now.Add(within)
	return p.wire, p.attempt(a), wake, nil
}

// attempt notes that a is published once more and returns its reply subject. The caller holds mu.
func (p *appends) attempt(a *appending) []byte {
	if len(p.free) == 0 {
		p.free = append(p.free, len(p.replies))
		p.replies = append(p.replies, fmt.Appendf(nil, "%s.%d", p.inbox, len(p.replies)))
	}
	a.attempts++
	a.unheard = false
	a.token = p.free[len(p.free)-1]
	p.free = p.free[:len(p.free)-1]
	return p.replies[a.token]
}

// connect makes w the connection for everything that is sent from now on.
func (p *appends) connect(w *wire, inbox string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wire, p.inbox, p.replies, p.free = w, inbox, nil, nil
}

// disconnect makes every append due that was sent on the connection that ended.
func (p *appends) disconnect() {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wire = nil
	for _, a := range p.pending {
		a.token, a.due = noReply, now
	}
}

// answered takes the server's answer to the attempt with this token. It returns the append if that
// decides it; if not, look says that the resolver has something to do.
func (p *appends) answered(token int, v verdict) (a *appending, look bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.pending {
		if a.token != token {
			continue
		}
		a.token = noReply
		p.free = append(p.free, token)
		switch {
		case v.stored && v.seq == a.at:
			return p.decide(a, nil), false
		case v.refused && a.attempts == 1:
			return p.decide(a, wal.ErrFull), false
		case v.unheard:
			a.unheard, a.due = true, time.Now().Add(unheardPause)
			return nil, true
		}
		a.due = time.Now().Add(a.pause)
		return nil, true
	}
	return nil, false // the answer to an attempt that was given up, or to an append that is decided
}

// decide takes a out with its outcome and returns it, or nil if somebody else decided it before or the
// resolver still holds it and will call done. The caller holds mu.
func (p *appends) decide(a *appending, outcome error) *appending {
	if a.decided {
		return nil
	}
	a.decided, a.outcome = true, outcome
	if a.token != noReply {
		a.token = noReply // its reply may still come: the token is never used again
	}
	i := slices.Index(p.pending, a)
	p.pending = slices.Delete(p.pending, i, i+1)
	if a.held {
		return nil
	}
	return a
}

// undecided says whether there is an append without an outcome.
func (l *Log) undecided() bool {
	l.appends.mu.Lock()
	defer l.appends.mu.Unlock()
	return len(l.appends.pending) > 0
}

// dial makes a new connection for appends and takes it into use.
func (l *Log) dial() (*wire, error) {
	conn, err := l.cfg.Dial()
	if err != nil {
		return nil, err
	}
	w, inbox := newWire(meddled(conn)), nats.NewInbox()
	if err := w.subscribe(inbox+".*", 1); err != nil {
		w.close()
		return nil, err
	}
	l.appends.connect(w, inbox)
	return w, nil
}

// readAcks reads the answers to appends until the log is closed, over one connection after the other.
func (l *Log) readAcks(w *wire) {
	const pause = 20 * time.Millisecond
	for {
		if w != nil {
			l.readAnswers(w)
			w.close()
			l.appends.disconnect()
			l.wake()
		}
		if l.closed() {
			return
		}
		var err error
		if w, err = l.dial(); err != nil {
			w = nil
			l.waited(pause)
			continue
		}
		l.wake()
	}
}

func (l *Log) readAnswers(w *wire) {
	stop := make(chan struct{})
	defer close(stop)
	l.running.Go(func() { // ends with this connection
		select {
		case <-l.closing:
			w.close()
		case <-stop:
		}
	})
	var f frame
	for w.next(&f) == nil {
		token, ok := number(f.subject[bytes.LastIndexByte(f.subject, '.')+1:])
		if !ok {
			continue
		}
		v := judge(f.payload)
		v.unheard = bytes.HasPrefix(f.header, statusNoResponders)
		a, look := l.appends.answered(int(token), v)
		if a != nil {
			a.done(a.outcome)
		}
		if look {
			l.wake()
		}
	}
}

// verdict is what an answer of the server says. If no field is true it says nothing: the append
// may be stored, now or later.
type verdict struct {
	stored  bool // at seq
	seq     wal.Seq
	refused bool // for want of space, before it was stored
	unheard bool // this attempt reached no stream; an earlier one may have
}

// statusNoResponders begins the header of the answer to a message that nobody took in, as while the stream has no leader. It is never
// written.
var statusNoResponders = []byte("NATS/1.0 503")

// How an acknowledgement begins, and where its sequence stands. They are never written.
var (
	ackPrefix = []byte(`{"stream":`)
	seqField  = []byte(`"seq":`)
)

// judge reads the server's answer: {"stream":"WAL_0","seq":7} or, with another beginning, an error.
func judge(answer []byte) verdict {
	if bytes.HasPrefix(answer, ackPrefix) {
		i := bytes.LastIndex(answer, seqField)
		if i < 0 {
			return verdict{}
		}
		digits := answer[i+len(seqField):]
		end := 0
		for end < len(digits) && digits[end] >= '0' && digits[end] <= '9' {
			end++
		}
		seq, ok := number(digits[:end])
		return verdict{stored: ok, seq: wal.Seq(seq)}
	}
	var got struct {
		Error *natsjs.APIError `json:"error"`
	}
	if json.Unmarshal(answer, &got) != nil || got.Error == nil {
		return verdict{}
	}
	return verdict{refused: meansFull(got.Error)}
}

// The server's error codes for a message that it refuses for want of space before it stores it.
const (
	errAccountResources = 10002
	errInsufficient     = 10023
	errStorageResources = 10047
	errStoreFailed      = 10077 // only with the words below: the other reasons are not about space
)

// meansFull says whether the server checked the message and refused it for want of space before it
// tried to store it. Every other error is no outcome.
func meansFull(e *natsjs.APIError) bool {
	switch e.ErrorCode {
	case errAccountResources, errInsufficient, errStorageResources:
		return true
	case errStoreFailed:
		return e.Description == "maximum bytes exceeded"
	}
	return false
}
