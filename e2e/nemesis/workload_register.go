package nemesis

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Limits that keep the search for an order short: it grows with the operations of a key, and doubles with each
// unknown one.
const (
	liveRegisters      = 10
	maxRegisterOps     = 256
	maxRegisterUnknown = 5
	registerLimit      = 60 * time.Second // for the search on one key
)

// valueStep is the distance between two values that are set: more than a key is ever incremented.
const valueStep = 1_000_000

// registers is the workload of single values: SET, GET, SETNX, GETSET and INCR on few keys that are replaced when
// they were used enough.
type registers struct {
	history
	values atomic.Int64

	mu   sync.Mutex
	live [liveRegisters]registerKey
	made int
}

type registerKey struct {
	name         string
	ops, unknown int
}

func (w *registers) name() string { return "register" }

// step does one operation on one of the live keys.
func (w *registers) step(c *Client, who int, rng *rand.Rand) Outcome {
	i := rng.IntN(liveRegisters)
	key := w.use(i)
	op := Op{Client: who, Key: key, Name: opGet}
	switch n := rng.IntN(100); {
	case n < 40:
	case n < 70:
		op.Name = opSet
	case n < 80:
		op.Name = opGetSet
	case n < 90:
		op.Name = opIncr
	default:
		op.Name = opSetNX
	}
	if op.Name != opGet && op.Name != opIncr {
		op.Arg = strconv.FormatInt(w.values.Add(1)*valueStep, 10)
	}
	done := w.record(op, func() Result { return c.Do(key, op.words()...) })
	if done.Outcome == Unknown && done.Name != opGet {
		w.blur(i, key)
	}
	return done.Outcome
}

// words is a register's operation as a command.
func (o Op) words() []string {
	if o.Arg == "" {
		return []string{o.Name, o.Key}
	}
	return []string{o.Name, o.Key, o.Arg}
}

// use returns the i-th live key for one more operation.
func (w *registers) use(i int) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	k := &w.live[i]
	if k.name == "" || k.ops >= maxRegisterOps-1 || k.unknown >= maxRegisterUnknown { // one is left for the last read
		*k = registerKey{name: fmt.Sprintf("register:%d", w.made)}
		w.made++
	}
	k.ops++
	return k.name
}

// blur counts one more unknown operation of the i-th live key, if that is still the same.
func (w *registers) blur(i int, key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.live[i].name == key {
		w.live[i].unknown++
	}
}

// finish reads every key once.
func (w *registers) finish(c *Client) error {
	for i := range w.made {
		key := fmt.Sprintf("register:%d", i)
		if err := lastRead(&w.history, c, Op{Client: lastReader, Key: key, Name: opGet}); err != nil {
			return err
		}
	}
	return nil
}

func (w *registers) check() Verdict { return CheckRegisters(w.all(), registerLimit) }
