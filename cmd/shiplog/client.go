package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// How long a node may take to answer an operator's command, and how much it may say.
const (
	answerWithin = 10 * time.Second
	maxAnswer    = 64 << 20
	maxDepth     = 8
)

// errReply is wrapped by what a node refuses; the rest of the text is the node's.
var errReply = errors.New("the node refused")

// answer is one reply of RESP2: a text, or a list.
type answer struct {
	text string
	list []answer
}

// asker is a connection to one node, for one command after another.
type asker struct {
	addr string
	conn net.Conn
	r    *bufio.Reader
	most int // bytes or elements of what it answers; 0: maxAnswer
}

// access is what a node asks for before it answers.
type access struct{ password string }

// connect connects to the node at addr and authenticates when there is a password.
func connect(addr string, a access) (*asker, error) {
	conn, err := net.DialTimeout("tcp", addr, 2*time.Second)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", addr, err)
	}
	c := &asker{addr: addr, conn: conn, r: bufio.NewReaderSize(conn, 64<<10)}
	if a.password == "" {
		return c, nil
	}
	if _, err := c.ask("AUTH", a.password); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *asker) close() { _ = c.conn.Close() }

// ask sends one command and reads its reply. An error reply is an error that wraps errReply.
func (c *asker) ask(words ...string) (answer, error) {
	a, err := c.exchange(words)
	switch {
	case errors.Is(err, errReply) && strings.Contains(err.Error(), "NOAUTH"):
		return a, fmt.Errorf("%s wants a password: give --password or --password-file", c.addr)
	case err != nil:
		return a, fmt.Errorf("%s: %w", c.addr, err)
	}
	return a, nil
}

func (c *asker) exchange(words []string) (answer, error) {
	if err := c.conn.SetDeadline(time.Now().Add(answerWithin)); err != nil {
		return answer{}, err
	}
	b := fmt.Appendf(nil, "*%d\r\n", len(words))
	for _, w := range words {
		b = fmt.Appendf(b, "$%d\r\n%s\r\n", len(w), w)
	}
	if _, err := c.conn.Write(b); err != nil {
		return answer{}, err
	}
	return c.read(0)
}

// read reads one reply. Null is an empty answer: no command that is asked here tells them apart.
func (c *asker) read(depth int) (answer, error) {
	line, err := c.r.ReadString('\n')
	if err != nil {
		return answer{}, err
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" || depth > maxDepth {
		return answer{}, fmt.Errorf("not a reply of RESP: %q", line)
	}
	kind, rest := line[0], line[1:]
	switch kind {
	case '+', ':':
		return answer{text: rest}, nil
	case '-':
		return answer{}, fmt.Errorf("%w: %s", errReply, rest)
	}
	n, err := strconv.Atoi(rest)
	if err != nil || n > cmp.Or(c.most, maxAnswer) || kind != '$' && kind != '*' {
		return answer{}, fmt.Errorf("not a reply of RESP: %q", line)
	}
	if kind == '$' {
		return c.readBulk(n)
	}
	var a answer
	for range n {
		element, err := c.read(depth + 1)
		if err != nil {
			return answer{}, err
		}
		a.list = append(a.list, element)
	}
	return a, nil
}

func (c *asker) readBulk(n int) (answer, error) {
	if n < 0 {
		return answer{}, nil
	}
	data := make([]byte, n+2)
	if _, err := io.ReadFull(c.r, data); err != nil {
		return answer{}, err
	}
	return answer{text: string(data[:n])}, nil
}

// askInfo asks for a reply of "name:value" lines.
func (c *asker) askInfo(words ...string) (map[string]string, error) {
	a, err := c.ask(words...)
	if err != nil {
		return nil, err
	}
	fields := make(map[string]string)
	for line := range strings.Lines(a.text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			fields[name] = value
		}
	}
	return fields, nil
}

// pairs reads a list of names and values in turn.
func (a answer) pairs() map[string]answer {
	fields := make(map[string]answer)
	for i := 0; i+1 < len(a.list); i += 2 {
		fields[a.list[i].text] = a.list[i+1]
	}
	return fields
}

// number reads an integer, 0 when it is none.
func (a answer) number() int64 {
	n, err := strconv.ParseInt(a.text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
