package partitions

import "sync"

// Commit is the fate of one record: replies that rest on its effects wait for it.
type Commit struct {
	number uint64
	done   chan struct{}
	err    error

	mu      sync.Mutex
	decided bool
	told    []func() // whom to tell
}

func newCommit(number uint64) *Commit {
	return &Commit{number: number, done: make(chan struct{})}
}

// Done is closed when the outcome is known.
func (c *Commit) Done() <-chan struct{} { return c.done }

// Err says, after Done, why the record is not in the log: ErrRefused (not done), or ErrDeposed or
// ErrUndecided (not known). It is nil when the record is acknowledged.
func (c *Commit) Err() error { return c.err }

// Notify has fn called once, after Done is closed: by whoever learns the outcome, or at once. fn must not block. It
// spares those who wait for many records a goroutine for each.
func (c *Commit) Notify(fn func()) {
	c.mu.Lock()
	if !c.decided {
		c.told = append(c.told, fn)
		c.mu.Unlock()
		return
	}
	c.mu.Unlock()
	fn()
}

// finish makes the outcome known.
func (c *Commit) finish(err error) {
	c.err = err
	close(c.done)
	c.mu.Lock()
	c.decided = true
	told := c.told
	c.told = nil
	c.mu.Unlock()
	for _, fn := range told {
		fn()
	}
}
