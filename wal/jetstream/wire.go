package jetstream

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
)

// maxFrame bounds the messages that a wire takes, headers included: more than the server lets in.
const maxFrame = 16 << 20

// copyBelow is the size up to which a payload is copied behind its frame's head to go out in one write: what then fits
// into the largest buffer that the server reads with, 64 KiB. Several writes would be several reads there, each a switch of goroutines, and
// the short ones among them make the server shrink its buffer, so that the payload needs several, too.
const copyBelow = 60 << 10

var errProtocol = errors.New("unexpected answer of the NATS server")

// wire speaks the little of the NATS client protocol that the hot path needs, on a connection whose
// greetings have been exchanged. It exists because a general client costs four goroutine
// switches for an append and its acknowledgement where two will do (DESIGN.md has the figures). One goroutine
// calls next; any may call the others.
type wire struct {
	conn net.Conn

	in      *bufio.Reader
	consume int    // bytes of the last frame that are still in the buffer
	large   []byte // the payload of a frame that the buffer does not hold

	mu     sync.Mutex // guards the fields below and the order of writes
	out    []byte
	closed bool
}

// frame is one message from the server. Its slices are valid until the next call of next.
type frame struct {
	subject []byte
	sid     uint64 // of the subscription that it matched
	reply   []byte
	header  []byte
	payload []byte
}

func newWire(conn net.Conn) *wire {
	return &wire{conn: conn, in: bufio.NewReaderSize(conn, 64<<10)}
}

// close ends the connection. When it returns, nothing that was given to publish is used any more.
func (w *wire) close() {
	_ = w.conn.Close() // ends a write that is going on
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
}

// subscribe asks for every message to subject. They come with the number sid.
func (w *wire) subscribe(subject string, sid uint64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := fmt.Fprintf(w.conn, "SUB %s %d\r\n", subject, sid)
	return err
}

// publish sends a message and returns when the server has read it. reply and header may be empty.
func (w *wire) publish(subject string, reply, header, payload []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return net.ErrClosed
	}
	b := w.out[:0]
	if len(header) > 0 {
		b = append(b, 'H')
	}
	b = append(b, "PUB "...)
	b = append(b, subject...)
	b = append(b, ' ')
	if len(reply) > 0 {
		b = append(b, reply...)
		b = append(b, ' ')
	}
	if len(header) > 0 {
		b = strconv.AppendInt(b, int64(len(header)), 10)
		b = append(b, ' ')
	}
	b = strconv.AppendInt(b, int64(len(header)+len(payload)), 10)
	b = append(b, "\r\n"...)
	b = append(b, header...)
	if len(payload) <= copyBelow {
		b = append(append(b, payload...), "\r\n"...)
		w.out = b
		_, err := w.conn.Write(b)
		return err
	}
	w.out = b
	for _, part := range [][]byte{b, payload, []byte("\r\n")} {
		if _, err := w.conn.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// next waits for the next message. It answers PING, and fails when the server reports an error.
func (w *wire) next(f *frame) error {
	if _, err := w.in.Discard(w.consume); err != nil {
		return err
	}
	w.consume = 0
	for {
		line, err := w.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case bytes.HasPrefix(line, []byte("MSG ")):
			return w.message(f, line[len("MSG "):], false)
		case bytes.HasPrefix(line, []byte("HMSG ")):
			return w.message(f, line[len("HMSG "):], true)
		case bytes.Equal(line, []byte("PING")):
			if err := w.pong(); err != nil {
				return err
			}
		case bytes.Equal(line, []byte("PONG")), bytes.HasPrefix(line, []byte("INFO ")), bytes.Equal(line, []byte("+OK")):
		default:
			return fmt.Errorf("%w: %q", errProtocol, line)
		}
	}
}

// waits says whether next will have to wait for the server: nothing is buffered but what is left of the frame before.
func (w *wire) waits() bool { return w.in.Buffered() <= w.consume }

func (w *wire) pong() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.conn.Write([]byte("PONG\r\n"))
	return err
}

// message reads what follows the arguments: subject, subscription, perhaps a reply subject, with
// headers their length, and the length of everything.
func (w *wire) message(f *frame, arguments []byte, withHeader bool) error {
	var field [6][]byte
	n := 0
	for part := range bytes.FieldsSeq(arguments) {
		if n == len(field) {
			return fmt.Errorf("%w: %q", errProtocol, arguments)
		}
		field[n] = part
		n++
	}
	lengths := 1
	if withHeader {
		lengths = 2
	}
	if n != 2+lengths && n != 3+lengths {
		return fmt.Errorf("%w: %q", errProtocol, arguments)
	}
	total, ok := number(field[n-1])
	header := uint64(0)
	if withHeader && ok {
		header, ok = number(field[n-2])
	}
	if ok {
		f.sid, ok = number(field[1])
	}
	if !ok || total > maxFrame || header > total {
		return fmt.Errorf("%w: %q", errProtocol, arguments)
	}
	f.subject = append(f.subject[:0], field[0]...)
	f.reply = f.reply[:0]
	if n == 3+lengths {
		f.reply = append(f.reply, field[2]...)
	}
	body, err := w.body(int(total))
	if err != nil {
		return err
	}
	f.header, f.payload = body[:header], body[header:]
	return nil
}

// body returns the next n bytes and leaves the line end behind them to be discarded.
func (w *wire) body(n int) ([]byte, error) {
	if n+len("\r\n") <= w.in.Size() {
		b, err := w.in.Peek(n + len("\r\n"))
		if err != nil {
			return nil, err
		}
		w.consume = len(b)
		return b[:n], nil
	}
	if cap(w.large) < n {
		w.large = make([]byte, n)
	}
	w.consume = len("\r\n")
	b := w.large[:n]
	_, err := io.ReadFull(w.in, b)
	return b, err
}

// number reads a decimal number.
func number(b []byte) (n uint64, ok bool) {
	if len(b) == 0 || len(b) > 19 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, true
}
