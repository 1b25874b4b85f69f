package nemesis

import (
	"fmt"
	"math/rand/v2"
)

// workload is one kind of load together with its checker.
type workload interface {
	name() string
	// step does one operation for the client of the given number.
	step(c *Client, who int, rng *rand.Rand) Outcome
	// finish does the last reads when all clients have ended. It returns an error when the cluster does not answer.
	finish(c *Client) error
	// check judges the history.
	check() Verdict
	// count is how many operations there were so far.
	count() Tally
	// all returns the operations; none may be under way.
	all() []Op
}

// lastReader is the number of the client that does the last reads.
const lastReader = 999

// lastRead records one GET that must succeed; those that did not are recorded too.
func lastRead(h *history, c *Client, op Op) error {
	err := insist(c, func() Result {
		done := h.record(op, func() Result { return c.Do(op.Key, opGet, op.Key) })
		return Result{Outcome: done.Outcome, Err: done.Err}
	})
	if err != nil {
		return fmt.Errorf("last read of %s: %w", op.Key, err)
	}
	return nil
}
