package nemesis

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"shiplog/e2e"
)

// bank is the workload of transactions: MULTI moves money between the accounts of a bank, which share a slot, and
// MULTI reads all of them. A transfer may leave an account below zero: only the sum counts.
type bank struct{ history }

const (
	banks        = 4
	bankAccounts = 6
	bankBalance  = 100 // of each account at first
	bankTotal    = bankAccounts * bankBalance
)

func (w *bank) name() string { return "bank" }

func bankKey(b int) string { return fmt.Sprintf("{bank%d}:transfers", b) }

func accountKey(b, i int) string { return fmt.Sprintf("{bank%d}:account:%d", b, i) }

// open fills the accounts. It must be done once, before any step, and be done for certain.
func (w *bank) open(c *Client) error {
	for b := range banks {
		words := []string{"MSET"}
		for i := range bankAccounts {
			words = append(words, accountKey(b, i), strconv.Itoa(bankBalance))
		}
		// Setting the same again does no harm here: nobody transfers yet.
		if err := insist(c, func() Result { return c.Do(bankKey(b), words...) }); err != nil {
			return fmt.Errorf("fill the accounts of bank %d: %w", b, err)
		}
	}
	return nil
}

// insist repeats what may be repeated until it is done, for twice as long as the client waits for a reply: the cluster is to serve.
func insist(c *Client, do func() Result) error {
	deadline := time.Now().Add(2 * c.access.Timeout)
	for {
		r := do()
		if r.Outcome == OK {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%v: %w", r.Outcome, r.Err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (w *bank) step(c *Client, who int, rng *rand.Rand) Outcome {
	b := rng.IntN(banks)
	op := Op{Client: who, Key: bankKey(b), Name: opBalances}
	if rng.IntN(3) == 0 {
		return w.record(op, func() Result { return balances(c, b) }).Outcome
	}
	from := rng.IntN(bankAccounts)
	to := (from + 1 + rng.IntN(bankAccounts-1)) % bankAccounts
	amount := strconv.Itoa(1 + rng.IntN(20))
	op.Name, op.Arg = opTransfer, fmt.Sprintf("%s from %d to %d", amount, from, to)
	return w.record(op, func() Result { return transfer(c, b, [2]int{from, to}, amount) }).Outcome
}

// balances reads the number of transfers and all accounts with a GET each, so that a torn batch has room to show.
func balances(c *Client, b int) Result {
	commands := [][]string{{opGet, bankKey(b)}}
	for i := range bankAccounts {
		commands = append(commands, []string{opGet, accountKey(b, i)})
	}
	return c.Transaction(bankKey(b), commands...)
}

// transfer moves amount and reads all accounts in the same transaction.
func transfer(c *Client, b int, between [2]int, amount string) Result {
	all := []string{"MGET"}
	for i := range bankAccounts {
		all = append(all, accountKey(b, i))
	}
	r := c.Transaction(bankKey(b), []string{"DECRBY", accountKey(b, between[0]), amount}, []string{opIncr, bankKey(b)},
		[]string{"INCRBY", accountKey(b, between[1]), amount}, all)
	if r.Outcome == OK && len(r.Value.Elems) == 4 {
		r.Value.Elems = append([]e2e.Value{r.Value.Elems[1]}, r.Value.Elems[3].Elems...)
	}
	return r
}

func (w *bank) finish(c *Client) error {
	for b := range banks {
		op := Op{Client: lastReader, Key: bankKey(b), Name: opBalances}
		err := insist(c, func() Result {
			done := w.record(op, func() Result { return balances(c, b) })
			return Result{Outcome: done.Outcome, Err: done.Err}
		})
		if err != nil {
			return fmt.Errorf("last balances of bank %d: %w", b, err)
		}
	}
	return nil
}

func (w *bank) check() Verdict { return CheckBank(w.all(), bankTotal) }
