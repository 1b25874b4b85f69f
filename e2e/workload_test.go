package e2e

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A client is one connection's worth of load together with what it may expect to find afterwards. Its model spans
// rounds: after a round, check compares the server with the model and settles what was in doubt.
type client interface {
	// step does one thing. An error means that the outcome is in doubt and the connection is gone; a refusal
	// (refused) means that it was not done.
	step(c *Client) error
	// check returns an error when the server does not hold what it must.
	check(c *Client) error
}

// errRefused is an error reply: the server promises that nothing was done.
var errRefused = errors.New("refused")

// reply turns error replies into errRefused.
func reply(v Value, err error) (Value, error) {
	if err == nil && v.IsError() {
		err = fmt.Errorf("%w: %s", errRefused, v.Text)
	}
	return v, err
}

// workload runs clients against a node and checks them.
type workload struct {
	clients []client
	acked   atomic.Int64
	refused atomic.Int64

	mu      sync.Mutex
	refusal error // one of them
}

// newWorkload prepares the accounts that some of its clients need.
func newWorkload(t testing.TB, c *Client, rng *rand.Rand) *workload {
	t.Helper()
	w := &workload{}
	shared := &swaps{}
	for i := range 3 {
		counted := &counter{key: fmt.Sprintf("counter:%d", i)}
		w.clients = append(w.clients,
			&register{key: fmt.Sprintf("register:%d", i)}, counted, &watcher{counted: counted},
			&appender{name: fmt.Sprintf("append:%d", i)}, &pair{name: fmt.Sprintf("pair:%d", i)},
			&pipeliner{name: fmt.Sprintf("pipeline:%d", i)}, &swapper{shared: shared},
			&teller{rng: rand.New(rand.NewPCG(rng.Uint64(), 0))})
	}
	for i := range accounts {
		do(t, c, "SET", account(i), "100")
	}
	return w
}

// run loads the node until stop is called, which waits for the clients to end. Clients end when their connection
// does; their refusals are counted and they go on.
func (w *workload) run(t testing.TB, n *Node) (stop func()) {
	t.Helper()
	done := make(chan struct{})
	var all sync.WaitGroup
	for _, cl := range w.clients {
		c, err := Dial(n.Addr())
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			defer c.Close()
			w.loop(c, cl, done)
		})
	}
	return func() { close(done); all.Wait() }
}

func (w *workload) loop(c *Client, cl client, done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		default:
		}
		switch err := cl.step(c); {
		case err == nil:
			w.acked.Add(1)
		case errors.Is(err, errRefused):
			w.refused.Add(1)
			w.mu.Lock()
			w.refusal = err
			w.mu.Unlock()
		case isViolation(err):
			w.mu.Lock()
			w.refusal = err
			w.mu.Unlock()
			return
		default:
			return
		}
	}
}

// check compares the server with every client's model.
func (w *workload) check(t testing.TB, n *Node) {
	t.Helper()
	c, err := Dial(n.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, cl := range w.clients {
		if err := cl.check(c); err != nil {
			t.Errorf("%T: %v", cl, err)
		}
	}
	if isViolation(w.refusal) {
		t.Errorf("during the load: %v", w.refusal)
	}
}

// violation is an error that proves the server wrong already while the load runs.
type violation struct{ text string }

func (v violation) Error() string { return v.text }

func isViolation(err error) bool { return errors.As(err, new(violation)) }

func violated(format string, args ...any) error { return violation{fmt.Sprintf(format, args...)} }

// loadFor runs the workload for a while, then calls end (which ends the server or its disk), then waits for all.
func (w *workload) loadFor(t testing.TB, n *Node, d time.Duration, end func()) {
	t.Helper()
	stop := w.run(t, n)
	time.Sleep(d)
	end()
	stop()
}
