package e2e

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// register writes rising values to one key: the newest acknowledged one, or the one in doubt, must be there.
type register struct {
	key         string
	acked, sent int64
}

func (r *register) step(c *Client) error {
	r.sent++
	_, err := reply(c.Do("SET", r.key, strconv.FormatInt(r.sent, 10)))
	if err == nil {
		r.acked = r.sent
	}
	if errors.Is(err, errRefused) {
		r.sent-- // not done: the value must never be seen
	}
	return err
}

func (r *register) check(c *Client) error {
	got, err := number(c, r.key)
	if err != nil {
		return err
	}
	if got < r.acked || got > r.sent {
		return fmt.Errorf("%s: got %d, want %d (acknowledged) to %d (sent)", r.key, got, r.acked, r.sent)
	}
	r.acked, r.sent = got, got
	return nil
}

// counter increments: each reply is one more than the one before, and nothing is counted twice.
type counter struct {
	key     string
	acked   int64
	doubt   int64        // sent, no answer: 0 or 1
	highest atomic.Int64 // seen by the watcher
}

func (k *counter) step(c *Client) error {
	k.doubt = 1
	v, err := reply(c.Do("INCR", k.key))
	if err != nil {
		if errors.Is(err, errRefused) {
			k.doubt = 0
		}
		return err
	}
	k.doubt = 0
	k.acked++
	if got, err := v.Int(); err != nil || got != k.acked {
		return violated("INCR %s: got %v, want %d", k.key, v, k.acked)
	}
	return nil
}

func (k *counter) check(c *Client) error {
	got, err := number(c, k.key)
	if err != nil {
		return err
	}
	if got < k.acked || got > k.acked+k.doubt {
		return fmt.Errorf("%s: got %d, want %d, and at most %d more", k.key, got, k.acked, k.doubt)
	}
	if seen := k.highest.Load(); got < seen {
		return fmt.Errorf("%s: got %d after %d had been read: a read showed what was not durable", k.key, got, seen)
	}
	k.acked, k.doubt = got, 0
	return nil
}

// watcher reads a counter: it never falls, and what was read must survive.
type watcher struct{ counted *counter }

func (w *watcher) step(c *Client) error {
	got, err := number(c, w.counted.key)
	if err != nil {
		return err
	}
	if before := w.counted.highest.Load(); got < before {
		return violated("GET %s: got %d after %d", w.counted.key, got, before)
	}
	w.counted.highest.Store(got)
	return nil
}

func (w *watcher) check(*Client) error { return nil } // the counter's check covers it

// appender appends numbered tokens to one key per round: each must be there once, in order.
type appender struct {
	name        string
	round       int
	acked, sent int
}

func (a *appender) key() string { return fmt.Sprintf("%s:%d", a.name, a.round) }

func (a *appender) step(c *Client) error {
	if a.acked >= 3000 {
		return nil // one key's value has to stay small; the next round has a new key
	}
	_, err := reply(c.Do("APPEND", a.key(), strconv.Itoa(a.sent)+";"))
	if err == nil || !errors.Is(err, errRefused) {
		a.sent++
	}
	if err == nil {
		a.acked = a.sent
	}
	return err
}

func (a *appender) check(c *Client) error {
	v, err := reply(c.Do("GET", a.key()))
	if err != nil {
		return err
	}
	tokens := strings.Split(v.Text, ";")
	for i, token := range tokens[:len(tokens)-1] {
		if token != strconv.Itoa(i) {
			return fmt.Errorf("%s: token %d is %q", a.key(), i, token)
		}
	}
	if n := len(tokens) - 1; n < a.acked || n > a.sent {
		return fmt.Errorf("%s: got %d tokens, want %d to %d", a.key(), n, a.acked, a.sent)
	}
	a.round, a.acked, a.sent = a.round+1, 0, 0
	return nil
}

// pair sets two keys to the same value in a transaction: they are never different.
type pair struct {
	name        string
	acked, sent int64
}

func (p *pair) step(c *Client) error {
	p.sent++
	text := strconv.FormatInt(p.sent, 10)
	_, err := transaction(c, []string{"SET", p.name + ":a", text}, []string{"ECHO", "x"}, []string{"SET", p.name + ":b", text})
	if err == nil {
		p.acked = p.sent
	}
	return err
}

func (p *pair) check(c *Client) error {
	a, err := number(c, p.name+":a")
	if err != nil {
		return err
	}
	b, err := number(c, p.name+":b")
	if err != nil {
		return err
	}
	if a != b || a < p.acked || a > p.sent {
		return fmt.Errorf("%s: got %d and %d, want equal, %d to %d", p.name, a, b, p.acked, p.sent)
	}
	p.acked, p.sent = a, a
	return nil
}

// pipeliner sets many keys in one write: what is there afterwards is a prefix of the pipeline, no shorter than
// what was acknowledged.
type pipeliner struct {
	name  string
	batch int64
	acked int  // of the newest batch
	torn  bool // some of it was refused, so that what follows a gap may be there
}

const pipelineLength = 64

func (p *pipeliner) step(c *Client) error {
	p.batch++
	p.acked, p.torn = 0, false
	var raw []byte
	for i := range pipelineLength {
		raw = Command(raw, "SET", p.key(i), strconv.FormatInt(p.batch, 10))
	}
	if err := c.Write(raw); err != nil {
		return err
	}
	var refused error
	for range pipelineLength {
		_, err := reply(c.Read())
		if errors.Is(err, errRefused) {
			refused, p.torn = err, true
			continue
		}
		if err != nil {
			return err
		}
		if refused == nil {
			p.acked++
		}
	}
	return refused
}

func (p *pipeliner) key(i int) string { return fmt.Sprintf("%s:%d", p.name, i) }

func (p *pipeliner) check(c *Client) error {
	prefix := true
	for i := range pipelineLength {
		got, err := number(c, p.key(i))
		if err != nil {
			return err
		}
		if got == p.batch && !prefix && !p.torn {
			return fmt.Errorf("%s is of batch %d, but a key before it is not", p.key(i), p.batch)
		}
		prefix = prefix && got == p.batch
		if i < p.acked && got != p.batch {
			return fmt.Errorf("%s: got batch %d, want %d: it was acknowledged", p.key(i), got, p.batch)
		}
	}
	return nil
}

// accounts is how many accounts the tellers move money between.
const accounts = 8

func account(i int) string { return fmt.Sprintf("account:%d", i) }

// teller moves money between accounts: the sum never changes, in any transaction's sight.
type teller struct{ rng *rand.Rand }

func (b *teller) step(c *Client) error {
	amount := strconv.Itoa(b.rng.IntN(10))
	from, to := account(b.rng.IntN(accounts)), account(b.rng.IntN(accounts))
	sum := []string{"MGET"}
	for i := range accounts {
		sum = append(sum, account(i))
	}
	v, err := transaction(c, []string{"DECRBY", from, amount}, []string{"INCRBY", to, amount}, sum)
	if err != nil {
		return err
	}
	return balanced(v.Elems[2])
}

func (b *teller) check(c *Client) error {
	sum := []string{"MGET"}
	for i := range accounts {
		sum = append(sum, account(i))
	}
	v, err := reply(c.Do(sum...))
	if err != nil {
		return err
	}
	return balanced(v)
}

func balanced(v Value) error {
	sum := int64(0)
	for _, e := range v.Elems {
		n, err := e.Int()
		if err != nil {
			return violated("balance %v: %v", e, err)
		}
		sum += n
	}
	if sum != 100*accounts {
		return violated("accounts sum up to %d, want %d", sum, 100*accounts)
	}
	return nil
}

// swaps is what the swappers together know of the one key that they contend for.
type swaps struct {
	mu    sync.Mutex
	acked int64
	doubt int64
}

// swapper increments a contended key by WATCH, GET and MULTI: no increment is lost.
type swapper struct{ shared *swaps }

const swapKey = "swapped"

func (s *swapper) step(c *Client) error {
	if _, err := reply(c.Do("WATCH", swapKey)); err != nil {
		return err
	}
	now, err := number(c, swapKey)
	if err != nil {
		return err
	}
	s.add(0, 1)
	v, err := transaction(c, []string{"SET", swapKey, strconv.FormatInt(now+1, 10)})
	switch {
	case err == nil && !v.IsNull():
		s.add(1, -1)
	case err == nil || errors.Is(err, errRefused):
		s.add(0, -1)
	}
	return err
}

func (s *swapper) add(acked, doubt int64) {
	s.shared.mu.Lock()
	defer s.shared.mu.Unlock()
	s.shared.acked += acked
	s.shared.doubt += doubt
}

func (s *swapper) check(c *Client) error {
	got, err := number(c, swapKey)
	if err != nil {
		return err
	}
	s.shared.mu.Lock()
	defer s.shared.mu.Unlock()
	if got < s.shared.acked || got > s.shared.acked+s.shared.doubt {
		return fmt.Errorf("%s: got %d, want %d, and at most %d more", swapKey, got, s.shared.acked, s.shared.doubt)
	}
	s.shared.acked, s.shared.doubt = got, 0
	return nil
}

// transaction sends MULTI, commands and EXEC in one write and returns EXEC's reply.
func transaction(c *Client, commands ...[]string) (Value, error) {
	raw := Command(nil, "MULTI")
	for _, words := range commands {
		raw = Command(raw, words...)
	}
	if err := c.Write(Command(raw, "EXEC")); err != nil {
		return Value{}, err
	}
	for range len(commands) + 1 {
		if _, err := c.Read(); err != nil {
			return Value{}, err
		}
	}
	return reply(c.Read())
}

// number reads a key that holds an integer; a key that is not there counts as 0.
func number(c *Client, key string) (int64, error) {
	v, err := reply(c.Do("GET", key))
	if err != nil || v.IsNull() {
		return 0, err
	}
	return v.Int()
}
