package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// ErrFraming says that a server's bytes are not RESP as it must be written.
var ErrFraming = errors.New("bad RESP framing")

// Value is one reply of RESP2 or RESP3. Kind is RESP's type byte. Two replies are the same bytes exactly when
// their Values are equal, since Client refuses any but the one canonical form of lengths and integers.
type Value struct {
	Kind  byte    // + - : $ * _ # , ( = % ~ >
	Null  bool    // $-1 or *-1
	Text  string  // of everything but aggregates
	Elems []Value // of aggregates; a map's keys and values in turn
}

// IsError tells whether the reply is an error.
func (v Value) IsError() bool { return v.Kind == '-' }

// IsNull tells whether the reply is RESP2's or RESP3's null.
func (v Value) IsNull() bool { return v.Null || v.Kind == '_' }

// Int returns the reply's integer, or an error when it is none.
func (v Value) Int() (int64, error) {
	if v.Kind != ':' && v.Kind != '$' {
		return 0, fmt.Errorf("want an integer, got %v", v)
	}
	return strconv.ParseInt(v.Text, 10, 64)
}

// String shows the reply on one line for people; equal Values show the same.
func (v Value) String() string {
	switch {
	case v.Null:
		return string(v.Kind) + "-1"
	case len(v.Text) > 600:
		return fmt.Sprintf("%c%q...(%d bytes)", v.Kind, v.Text[:300], len(v.Text))
	case strings.IndexByte("*%~>", v.Kind) < 0:
		return fmt.Sprintf("%c%q", v.Kind, v.Text)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%c%d[", v.Kind, len(v.Elems))
	for i, e := range v.Elems {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(e.String())
	}
	b.WriteByte(']')
	return b.String()
}

// Client is one connection. Its methods must not be called from several goroutines at once, but one may send while
// another reads.
type Client struct {
	// Timeout bounds every read of a reply and every write; Dial sets ten seconds.
	Timeout time.Duration

	conn net.Conn
	r    *bufio.Reader
}

// Dial connects to a server within five seconds. Nothing is sent.
func Dial(addr string) (*Client, error) { return DialTimeout(addr, 5*time.Second) }

// DialTimeout connects to a server within limit. Nothing is sent.
func DialTimeout(addr string, limit time.Duration) (*Client, error) {
	conn, err := net.DialTimeout("tcp", addr, limit)
	if err != nil {
		return nil, err
	}
	return &Client{Timeout: 10 * time.Second, conn: conn, r: bufio.NewReaderSize(conn, 64<<10)}, nil
}

// decode parses one reply from its bytes.
func decode(raw string) (Value, error) {
	c := &Client{r: bufio.NewReader(strings.NewReader(raw))}
	return c.read(0)
}

// Close closes the connection.
func (c *Client) Close() { _ = c.conn.Close() }

// Do sends one command and reads one reply. An error reply is a Value, not an error.
func (c *Client) Do(words ...string) (Value, error) {
	if err := c.Send(words...); err != nil {
		return Value{}, err
	}
	return c.Read()
}

// Send writes one command.
func (c *Client) Send(words ...string) error { return c.Write(Command(nil, words...)) }

// Write writes bytes as they are.
func (c *Client) Write(raw []byte) error {
	if err := c.conn.SetWriteDeadline(time.Now().Add(c.Timeout)); err != nil {
		return err
	}
	_, err := c.conn.Write(raw)
	return err
}

// Command appends a command's words to b as clients frame them.
func Command(b []byte, words ...string) []byte {
	b = fmt.Appendf(b, "*%d\r\n", len(words))
	for _, w := range words {
		b = fmt.Appendf(b, "$%d\r\n", len(w))
		b = append(b, w...)
		b = append(b, "\r\n"...)
	}
	return b
}

// Read reads one reply. It returns io.EOF when the server closed the connection between replies, and an error
// that wraps ErrFraming for anything that is not strictly RESP.
func (c *Client) Read() (Value, error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(c.Timeout)); err != nil {
		return Value{}, err
	}
	return c.read(0)
}

// Drain reads what comes and looks at nothing, until the connection ends.
func (c *Client) Drain() error {
	if err := c.conn.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	for buf := make([]byte, 256<<10); ; {
		if _, err := c.conn.Read(buf); err != nil {
			return err
		}
	}
}

func (c *Client) read(depth int) (Value, error) {
	line, err := c.line()
	if err != nil {
		return Value{}, err
	}
	v := Value{Kind: line[0], Text: line[1:]}
	switch v.Kind {
	case '+', '-', ',', '(':
		return v, nil
	case ':':
		_, err := canonicalInt(v.Text)
		return v, err
	case '_':
		return v, only(v.Text, "")
	case '#':
		return v, only(v.Text, "t", "f")
	case '$', '=':
		return c.readBulk(v)
	case '*', '%', '~', '>':
		return c.readAggregate(v, depth)
	}
	return v, fmt.Errorf("%w: type %q", ErrFraming, line)
}

// line reads up to CRLF and returns what stands before it, at least one byte.
func (c *Client) line() (string, error) {
	line, err := c.r.ReadString('\n')
	if err != nil {
		if errors.Is(err, io.EOF) && line != "" {
			err = io.ErrUnexpectedEOF
		}
		return "", err
	}
	text, ok := strings.CutSuffix(line, "\r\n")
	if !ok || text == "" || strings.Contains(text, "\r") {
		return "", fmt.Errorf("%w: line %q", ErrFraming, line)
	}
	return text, nil
}

func (c *Client) readBulk(v Value) (Value, error) {
	n, err := canonicalInt(v.Text)
	if n == -1 && v.Kind == '$' {
		return Value{Kind: '$', Null: true}, nil
	}
	if err != nil || n < 0 {
		return v, fmt.Errorf("%w: bulk length %q", ErrFraming, v.Text)
	}
	data := make([]byte, n+2)
	if _, err := io.ReadFull(c.r, data); err != nil {
		return v, fmt.Errorf("read a bulk of %d bytes: %w", n, err)
	}
	if string(data[n:]) != "\r\n" {
		return v, fmt.Errorf("%w: bulk ends in %q", ErrFraming, data[n:])
	}
	v.Text = string(data[:n])
	return v, nil
}

func (c *Client) readAggregate(v Value, depth int) (Value, error) {
	n, err := canonicalInt(v.Text)
	if n == -1 && v.Kind == '*' {
		return Value{Kind: '*', Null: true}, nil
	}
	if err != nil || n < 0 || depth > 16 {
		return v, fmt.Errorf("%w: %c%s at depth %d", ErrFraming, v.Kind, v.Text, depth)
	}
	v.Text = ""
	if v.Kind == '%' {
		n *= 2
	}
	for range n {
		e, err := c.read(depth + 1)
		if err != nil {
			return v, fmt.Errorf("element %d of %d: %w", len(v.Elems), n, err)
		}
		v.Elems = append(v.Elems, e)
	}
	return v, nil
}

// canonicalInt parses an integer that is written in the only way that RESP servers write it.
func canonicalInt(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != text {
		return 0, fmt.Errorf("%w: integer %q", ErrFraming, text)
	}
	return n, nil
}

func only(text string, allowed ...string) error {
	for _, a := range allowed {
		if text == a {
			return nil
		}
	}
	return fmt.Errorf("%w: %q, want one of %q", ErrFraming, text, allowed)
}
