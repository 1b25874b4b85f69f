package nemesis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"
)

// probes write rising numbers to one key of each partition, one writer each, and read it, one reader each, and so measure how long a
// partition takes no writes and answers no reads. They are a workload of their own too: what is read at the end must be no older than the newest
// acknowledged number.
type probes struct {
	history
	keys  []string
	pause time.Duration

	mu    sync.Mutex
	acks  [][]time.Duration // of each partition, rising: when a write's reply came
	reads [][]time.Duration // and a read's
	sent  []int64
}

// readPause is how many pauses of a writer a reader makes between two reads.
const readPause = 2

// newProbes finds a key in each of n equal ranges of slots.
func newProbes(begin time.Time, n int, pause time.Duration) *probes {
	p := &probes{keys: make([]string, n), acks: make([][]time.Duration, n), reads: make([][]time.Duration, n), sent: make([]int64, n), pause: pause}
	p.begin = begin
	for i, missing := 0, n; missing > 0; i++ {
		key := fmt.Sprintf("probe:%d", i)
		if at := partitionOf(key, n); p.keys[at] == "" {
			p.keys[at] = key
			missing--
		}
	}
	return p
}

// partitionOf returns which of n equal ranges of slots a key lies in; the i-th begins with slot i*16384/n.
func partitionOf(key string, n int) int {
	slot := Slot(key)
	at := slot * n / slotCount
	if at+1 < n && (at+1)*slotCount/n <= slot { // the division above rounds
		at++
	}
	return at
}

func (p *probes) name() string { return "probe" }

// run writes and reads until ctx ends.
func (p *probes) run(ctx context.Context, access Access) {
	var all sync.WaitGroup
	for i := range p.keys {
		all.Go(func() {
			c := NewClient(access)
			defer c.Close()
			for ctx.Err() == nil {
				p.write(c, i)
				sleep(ctx, p.pause)
			}
		})
		all.Go(func() {
			c := NewClient(access)
			defer c.Close()
			for ctx.Err() == nil {
				p.read(c, i)
				sleep(ctx, readPause*p.pause)
			}
		})
	}
	all.Wait()
}

func (p *probes) write(c *Client, i int) {
	p.mu.Lock()
	p.sent[i]++
	n := p.sent[i]
	p.mu.Unlock()
	op := Op{Client: i, Key: p.keys[i], Name: opSet, Arg: strconv.FormatInt(n, 10)}
	done := p.record(op, func() Result { return c.Do(op.Key, op.words()...) })
	if done.Outcome == OK {
		p.mu.Lock()
		p.acks[i] = append(p.acks[i], done.Return)
		p.mu.Unlock()
	}
}

func (p *probes) read(c *Client, i int) {
	op := Op{Client: len(p.keys) + i, Key: p.keys[i], Name: opGet}
	done := p.record(op, func() Result { return c.Do(op.Key, op.words()...) })
	if done.Outcome == OK {
		p.mu.Lock()
		p.reads[i] = append(p.reads[i], done.Return)
		p.mu.Unlock()
	}
}

// servedSince tells whether every partition has taken a write and answered a read since a time, and which one has not.
func (p *probes) servedSince(at time.Duration) (bool, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.keys {
		for _, times := range [][]time.Duration{p.acks[i], p.reads[i]} {
			if len(times) == 0 || times[len(times)-1] <= at+p.pause {
				return false, i
			}
		}
	}
	return true, 0
}

// gap returns the longest times between two acknowledged writes and between two answered reads of partition i, of those that end after
// from and begin before to.
func (p *probes) gap(i int, from, to time.Duration) (write, read time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return longestGap(p.acks[i], from, to), longestGap(p.reads[i], from, to)
}

// longestGap looks at rising times. What is not over yet is no gap.
func longestGap(times []time.Duration, from, to time.Duration) time.Duration {
	longest := time.Duration(0)
	at, _ := slices.BinarySearch(times, from)
	for at = max(at, 1); at < len(times) && times[at-1] < to; at++ {
		longest = max(longest, times[at]-times[at-1])
	}
	return longest
}

// worstGap is the longest gaps of all partitions.
func (p *probes) worstGap(from, to time.Duration) (write, read time.Duration) {
	for i := range p.keys {
		w, r := p.gap(i, from, to)
		write, read = max(write, w), max(read, r)
	}
	return write, read
}

// step is not used: probes run by themselves.
func (p *probes) step(*Client, int, *rand.Rand) Outcome { return Failed }

func (p *probes) finish(c *Client) error {
	for i, key := range p.keys {
		if err := lastRead(&p.history, c, Op{Client: i, Key: key, Name: opGet}); err != nil {
			return err
		}
	}
	return nil
}

func (p *probes) check() Verdict { return CheckRising(p.all()) }

// CheckRising judges keys that one client each sets to rising numbers and reads at last: what is read must be the newest
// acknowledged number, or one that is Unknown, since that may take effect late.
func CheckRising(ops []Op) Verdict {
	var v Verdict
	keys, histories := byKey(ops)
	for _, key := range keys {
		v.Checked += len(histories[key])
		checkRisingKey(&v, key, histories[key])
	}
	return v
}

func checkRisingKey(v *Verdict, key string, ops []Op) {
	var newest Op
	outcomes := make(map[string]Outcome)
	for _, op := range ops {
		if op.Name == opSet {
			outcomes[op.Arg] = op.Outcome
			if op.Outcome == OK {
				newest = op
			}
		}
	}
	last := ops[len(ops)-1]
	if last.Name != opGet || last.Outcome != OK {
		v.fault(&v.Undecided, "%s: there is no last read: %v", key, last)
		return
	}
	if newest.Arg == "" && last.Reply.IsNull() {
		return // nothing was certainly written
	}
	got, err := last.Reply.Int()
	outcome, sent := outcomes[last.Reply.Text]
	acked, _ := strconv.ParseInt(newest.Arg, 10, 64) // none: 0
	switch {
	case last.Reply.IsNull() || (sent && outcome == OK && got < acked):
		v.fault(&v.Lost, "%s: acknowledged %v, yet %v", key, newest, last)
	case err != nil || !sent || outcome == Failed:
		v.fault(&v.Illegal, "%s: never written, or refused: %v", key, last)
	}
}

// sleep waits, but not beyond the end of ctx.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// WaitServing waits until every one of n partitions has taken a write. Between two attempts it calls again, if that is not nil.
func WaitServing(access Access, n int, limit time.Duration, again func() error) error {
	c := NewClient(access)
	defer c.Close()
	deadline := time.Now().Add(limit)
	for i, key := range newProbes(time.Now(), n, 0).keys {
		for {
			r := c.Do(key, opSet, "ready:{"+key+"}", "1")
			if r.Outcome == OK {
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("partition %d does not serve within %v: %w", i, limit, r.Err)
			}
			time.Sleep(50 * time.Millisecond)
			if again == nil {
				continue
			}
			if err := again(); err != nil {
				return err
			}
		}
	}
	return nil
}
