package nemesis

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"shiplog/e2e"
)

// Outcome is what a client knows of an operation afterwards.
type Outcome uint8

// The outcomes.
const (
	OK      Outcome = iota // the reply says what it did
	Failed                 // it was not done: an error reply, or nothing was sent
	Unknown                // the connection ended or time ran out before the reply
)

// String names the outcome for people.
func (o Outcome) String() string { return [...]string{"ok", "failed", "unknown"}[o] }

// Result is how one operation ended. Value is the reply of an OK one; Err says why another one is not.
type Result struct {
	Outcome Outcome
	Value   e2e.Value
	Err     error
}

// Access is how clients reach a cluster: the addresses of some of its nodes, a password when it wants one, and how
// long to wait for a reply.
type Access struct {
	Seeds    []string
	Password string
	Timeout  time.Duration
}

// Client sends commands to the primaries of their keys. It follows redirections, reads the slot map anew after each
// surprise, and sends no command twice unless a reply said that the first was not done. It is for one goroutine.
type Client struct {
	access    Access
	slots     []string // by slot, "" where not known
	conns     map[string]*e2e.Client
	refreshed time.Time
	next      int // which of the seeds is asked next
}

const (
	maxRedirects = 5
	askTimeout   = 500 * time.Millisecond // for a node's view of the cluster, and to connect
	refreshPause = 50 * time.Millisecond  // between two readings of the slot map
)

// NewClient returns a client that knows the seeds only. Nothing is sent yet.
func NewClient(a Access) *Client {
	return &Client{access: a, slots: make([]string, slotCount), conns: make(map[string]*e2e.Client)}
}

// Close closes the client's connections.
func (c *Client) Close() {
	for addr := range c.conns {
		c.drop(addr)
	}
}

// Do sends one command to the primary of key.
func (c *Client) Do(key string, words ...string) Result {
	return c.send(Slot(key), e2e.Command(nil, words...), 1)
}

// Transaction sends MULTI, the commands and EXEC in one write to the primary of key. The Value of an OK result is
// the reply of EXEC.
func (c *Client) Transaction(key string, commands ...[]string) Result {
	raw := e2e.Command(nil, "MULTI")
	for _, words := range commands {
		raw = e2e.Command(raw, words...)
	}
	return c.send(Slot(key), e2e.Command(raw, "EXEC"), len(commands)+2)
}

// send sends raw, which has the given number of replies, and goes where redirections point to.
func (c *Client) send(slot int, raw []byte, replies int) Result {
	addr, err := c.route(slot)
	if err != nil {
		return Result{Outcome: Failed, Err: err}
	}
	asking := false
	for range maxRedirects + 1 {
		conn, err := c.connect(addr)
		if err != nil {
			c.refresh()
			return Result{Outcome: Failed, Err: err}
		}
		got, err := exchange(conn, raw, replies, asking)
		if err != nil {
			c.drop(addr)
			c.refresh()
			return Result{Outcome: Unknown, Err: fmt.Errorf("%s: %w", addr, err)}
		}
		last := got[len(got)-1]
		if !last.IsError() {
			return Result{Outcome: OK, Value: last}
		}
		to, ask := redirection(got, addr)
		if to == "" {
			return Result{Outcome: Failed, Err: fmt.Errorf("%s: %w", addr, refusal{firstError(got)})}
		}
		if !ask {
			c.refresh()
			c.slots[slot] = to
		}
		addr, asking = to, ask
	}
	return Result{Outcome: Failed, Err: fmt.Errorf("more than %d redirections", maxRedirects)}
}

// exchange writes raw and reads its replies.
func exchange(conn *e2e.Client, raw []byte, replies int, asking bool) ([]e2e.Value, error) {
	skip := 0
	if asking {
		raw, skip = append(e2e.Command(nil, "ASKING"), raw...), 1
	}
	if err := conn.Write(raw); err != nil {
		return nil, err
	}
	got := make([]e2e.Value, 0, replies+skip)
	for range replies + skip {
		v, err := conn.Read()
		if err != nil {
			return nil, err
		}
		got = append(got, v)
	}
	return got[skip:], nil
}

// redirection finds where replies that end in an error send the client. from is who sent them: a redirection
// without a host means the same host.
func redirection(replies []e2e.Value, from string) (to string, ask bool) {
	for _, v := range replies {
		words := strings.Fields(v.Text)
		if !v.IsError() || len(words) != 3 || (words[0] != "MOVED" && words[0] != "ASK") {
			continue
		}
		to = words[2]
		if strings.HasPrefix(to, ":") {
			to = from[:strings.LastIndexByte(from, ':')] + to
		}
		return to, words[0] == "ASK"
	}
	return "", false
}

func firstError(replies []e2e.Value) string {
	i := slices.IndexFunc(replies, e2e.Value.IsError)
	return replies[i].Text
}

// route returns the address of a slot's primary.
func (c *Client) route(slot int) (string, error) {
	if c.slots[slot] == "" {
		c.refresh()
	}
	if c.slots[slot] == "" {
		return "", fmt.Errorf("no node says who serves slot %d", slot)
	}
	return c.slots[slot], nil
}

// refresh reads the slot map from the next node that has one to give, unless that was done just now. It asks
// another node each time, since one that is cut off from the others goes on telling what it knew.
func (c *Client) refresh() {
	if time.Since(c.refreshed) < refreshPause {
		return
	}
	defer func() { c.refreshed = time.Now() }()
	for range c.access.Seeds {
		addr := c.access.Seeds[c.next%len(c.access.Seeds)]
		c.next++
		topology, err := c.access.topologyFrom(addr)
		if err != nil {
			continue // the map stays as it is: it is read again at the next surprise
		}
		for _, r := range topology {
			for slot := r.First; slot <= r.Last; slot++ {
				c.slots[slot] = r.Primary.Addr
			}
		}
		return
	}
}

// connect returns the connection to addr, made now when there is none.
func (c *Client) connect(addr string) (*e2e.Client, error) {
	if conn := c.conns[addr]; conn != nil {
		return conn, nil
	}
	conn, err := c.access.dial(addr, c.access.Timeout)
	if err != nil {
		return nil, err
	}
	c.conns[addr] = conn
	return conn, nil
}

func (c *Client) drop(addr string) {
	c.conns[addr].Close()
	delete(c.conns, addr)
}

// dial connects and authenticates. Replies are waited for up to timeout.
func (a Access) dial(addr string, timeout time.Duration) (*e2e.Client, error) {
	conn, err := e2e.DialTimeout(addr, askTimeout)
	if err != nil {
		return nil, err
	}
	conn.Timeout = timeout
	if a.Password == "" {
		return conn, nil
	}
	if _, err := answer(conn.Do("AUTH", a.Password)); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// refusal is an error reply.
type refusal struct{ text string }

func (r refusal) Error() string { return r.text }

// answer turns an error reply into an error.
func answer(v e2e.Value, err error) (e2e.Value, error) {
	if err == nil && v.IsError() {
		err = refusal{v.Text}
	}
	return v, err
}
