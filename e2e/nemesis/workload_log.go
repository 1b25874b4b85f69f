package nemesis

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
)

// appenders is the workload of strings that only grow: APPEND of unique tokens, GET of the whole.
type appenders struct {
	history
	tokens atomic.Int64

	mu   sync.Mutex
	live [liveAppends]struct {
		key string
		ops int
	}
	made int
}

const (
	liveAppends  = 6
	maxAppendOps = 400 // on one key: each read returns all of it
)

func (w *appenders) name() string { return "append" }

func (w *appenders) step(c *Client, who int, rng *rand.Rand) Outcome {
	op := Op{Client: who, Key: w.use(rng.IntN(liveAppends)), Name: opGet}
	if rng.IntN(3) > 0 {
		op.Name, op.Arg = opAppend, strconv.FormatInt(w.tokens.Add(1), 10)+";"
	}
	return w.record(op, func() Result { return c.Do(op.Key, op.words()...) }).Outcome
}

func (w *appenders) use(i int) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	k := &w.live[i]
	if k.key == "" || k.ops >= maxAppendOps {
		k.key, k.ops = fmt.Sprintf("append:%d", w.made), 0
		w.made++
	}
	k.ops++
	return k.key
}

func (w *appenders) finish(c *Client) error {
	for i := range w.made {
		key := fmt.Sprintf("append:%d", i)
		if err := lastRead(&w.history, c, Op{Client: lastReader, Key: key, Name: opGet}); err != nil {
			return err
		}
	}
	return nil
}

func (w *appenders) check() Verdict { return CheckAppends(w.all()) }

// counters is the workload of INCR and GET on few keys.
type counters struct{ history }

const liveCounters = 6

func (w *counters) name() string { return "counter" }

func (w *counters) step(c *Client, who int, rng *rand.Rand) Outcome {
	op := Op{Client: who, Key: counterKey(rng.IntN(liveCounters)), Name: opIncr}
	if rng.IntN(4) == 0 {
		op.Name = opGet
	}
	return w.record(op, func() Result { return c.Do(op.Key, op.words()...) }).Outcome
}

func counterKey(i int) string { return fmt.Sprintf("counter:%d", i) }

func (w *counters) finish(c *Client) error {
	for i := range liveCounters {
		if err := lastRead(&w.history, c, Op{Client: lastReader, Key: counterKey(i), Name: opGet}); err != nil {
			return err
		}
	}
	return nil
}

func (w *counters) check() Verdict { return CheckCounter(w.all()) }
