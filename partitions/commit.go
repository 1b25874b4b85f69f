package partitions

// Commit is the fate of one record: replies that rest on its effects wait for it.
type Commit struct {
	number uint64
	done   chan struct{}
	err    error
}

func newCommit(number uint64) *Commit {
	return &Commit{number: number, done: make(chan struct{})}
}

// Done is closed when the outcome is known.
func (c *Commit) Done() <-chan struct{} { return c.done }

// Err says, after Done, why the record is not in the log: ErrRefused (not done), or ErrDeposed or
// ErrUndecided (not known). It is nil when the record is acknowledged.
func (c *Commit) Err() error { return c.err }

func (c *Commit) finish(err error) {
	c.err = err
	close(c.done)
}
