package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"shiplog/e2e"
	"shiplog/wal"
)

// What is asked of change feeds.
const (
	delayRate   = 5_000 // writes a second
	delayFor    = 10 * time.Second
	delayP50    = 5.0 // ms
	delayP99    = 25.0
	binaryRate  = 150_000 // changes a second
	jsonRate    = 60_000
	followLoss  = 5.0 // %
	writers     = 50
	catchUpKeys = 1_000_000
)

// changes measures change feeds: how late a follower is, how fast a reader catches up, and what a follower costs.
func (b *bench) changes() (all []fact, err error) {
	for _, part := range []struct {
		name    string
		measure func() ([]fact, error)
	}{
		{"delay", b.changeDelay}, {"catching up", b.catchUp},
		{"cost of a follower, P1 always", b.followerCost("always", 1)}, {"cost of a follower, P1 everysec", b.followerCost("everysec", 1)},
		{"cost of a follower, P16 always", b.followerCost("always", 16)}, {"cost of a follower, P16 everysec", b.followerCost("everysec", 16)},
		{"cost of a follower on a replica", b.replicaCost},
	} {
		if !strings.Contains(part.name, b.only) {
			continue
		}
		facts, failed := part.measure()
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", part.name, failed))
		}
		all = append(all, facts...)
	}
	return all, err
}

// follower is a connection that changes are pushed to. take gets each push's changes, on a goroutine that ends with the connection.
type follower struct {
	conn *e2e.Client
	done sync.WaitGroup
}

func follow(addr, form string, take func(items []e2e.Value)) (*follower, error) {
	c, err := subscribe(addr, form)
	if err != nil {
		return nil, err
	}
	f := &follower{conn: c}
	f.done.Go(func() {
		for {
			v, err := c.Read()
			if err != nil || len(v.Elems) != 4 {
				return
			}
			take(v.Elems[3].Elems)
		}
	})
	return f, nil
}

// subscribe connects and asks for all changes from now on.
func subscribe(addr, form string) (*e2e.Client, error) {
	c, err := e2e.Dial(addr)
	if err != nil {
		return nil, err
	}
	c.Timeout = time.Hour
	for _, words := range [][]string{{"HELLO", "3"}, {"CHANGES", "SUBSCRIBE", "ALL", "FROM", "END", "COUNT", "1000", "FORMAT", form}} {
		if v, err := c.Do(words...); err != nil || v.IsError() {
			c.Close()
			return nil, fmt.Errorf("%s: %s %w", words[0], v.Text, err)
		}
	}
	return c, nil
}

// drain is follow for who only takes what comes and looks at nothing: the least that a follower can cost besides the server.
func drain(addr, form string) (*follower, error) {
	c, err := subscribe(addr, form)
	if err != nil {
		return nil, err
	}
	f := &follower{conn: c}
	f.done.Go(func() { _ = c.Drain() }) // ends with the connection
	return f, nil
}

func (f *follower) close() {
	f.conn.Close()
	f.done.Wait()
}

// changeDelay sets keys at a steady rate, and takes the time from each acknowledgement, as its client has it, to the change, as a follower has it.
func (b *bench) changeDelay() ([]fact, error) {
	n, err := b.start(b.shiplog, "--appendfsync", "always")
	if err != nil {
		return nil, err
	}
	defer n.Kill()
	var mu sync.Mutex
	seen := make(map[string]time.Time)
	f, err := follow(n.Addr(), "json", func(items []e2e.Value) {
		now := time.Now()
		mu.Lock()
		defer mu.Unlock()
		for _, item := range items {
			_, rest, _ := strings.Cut(item.Text, `"key":"`)
			key, _, _ := strings.Cut(rest, `"`)
			seen[key] = now
		}
	})
	if err != nil {
		return nil, err
	}
	defer f.close()
	acked, err := steadily(n)
	if err != nil {
		return nil, err
	}
	var delays []float64
	for deadline := time.Now().Add(10 * time.Second); len(delays) < len(acked) && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		delays = delays[:0]
		mu.Lock()
		for key, at := range acked {
			if came, ok := seen[key]; ok {
				delays = append(delays, max(0, came.Sub(at).Seconds()*1e3))
			}
		}
		mu.Unlock()
	}
	if len(delays) < len(acked) {
		return nil, fmt.Errorf("%d of %d changes came", len(delays), len(acked))
	}
	slices.Sort(delays)
	at := func(share float64) float64 { return delays[int(float64(len(delays)-1)*share)] }
	return []fact{
		newFact("writes per second while the delay was taken", "", float64(len(acked))/delayFor.Seconds(), 0, 0),
		newFact("acknowledged to seen by a follower, p50", "ms", at(0.5), delayP50, 0),
		newFact("acknowledged to seen by a follower, p99", "ms", at(0.99), delayP99, 0),
		newFact("acknowledged to seen by a follower, most", "ms", at(1), 0, 0),
	}, nil
}

// steadily sets keys at delayRate, and returns when each was acknowledged.
func steadily(n *e2e.Node) (map[string]time.Time, error) {
	acked := make(map[string]time.Time)
	var mu sync.Mutex
	var running sync.WaitGroup
	var failed error
	began, each := time.Now(), writers*time.Second/delayRate
	for w := range writers {
		running.Go(func() {
			c, err := e2e.Dial(n.Addr())
			if err == nil {
				defer c.Close()
			}
			due := began.Add(each * time.Duration(w) / writers)
			for i := 0; err == nil && time.Since(began) < delayFor; i++ {
				time.Sleep(time.Until(due))
				due = due.Add(each)
				key := fmt.Sprintf("%d:%d", w, i)
				if _, err = c.Do("SET", key, strings.Repeat("x", 64)); err == nil {
					now := time.Now()
					mu.Lock()
					acked[key] = now
					mu.Unlock()
				}
			}
			if err != nil {
				mu.Lock()
				failed = err
				mu.Unlock()
			}
		})
	}
	running.Wait()
	return acked, failed
}

// catchUp reads a log of a million changes from its beginning, in each form.
func (b *bench) catchUp() (facts []fact, err error) {
	n, err := b.start(b.shiplog, "--appendfsync", "no", "--log-retention-bytes", "100gb")
	if err != nil {
		return nil, err
	}
	defer n.Kill()
	// redis-benchmark makes records as clients do, not one large one
	c := comparison{test: "set", clients: 50, pipeline: 16, keys: catchUpKeys, requests: catchUpKeys}
	if _, err := load(n, c); err != nil {
		return nil, err
	}
	for _, form := range []struct {
		name  string
		asked float64
	}{{"binary", binaryRate}, {"json", jsonRate}, {"resp", 0}} {
		var walls, cores, both []float64
		for range b.rounds {
			wall, server, reader, err := readAll(n, form.name)
			if err != nil {
				return facts, err
			}
			walls, cores = append(walls, catchUpKeys/wall.Seconds()), append(cores, catchUpKeys/server.Seconds())
			both = append(both, catchUpKeys/(server+reader).Seconds())
		}
		facts = append(facts,
			newFact("catching up in "+form.name+", one reader, changes per second", "", spreadOf(walls).Median, 0, form.asked),
			newFact("catching up in "+form.name+", changes per second of the server's CPU", "", spreadOf(cores).Median, 0, form.asked),
			newFact("catching up in "+form.name+", changes per second of the server's and the reader's CPU", "", spreadOf(both).Median, 0, 0))
	}
	return facts, nil
}

// readAll reads the log from its beginning, and returns how long that took, and how much processor time of the server and of the reader. It is
// an error unless as many changes came as were written; records are decoded, and checked one against the other, before they count.
func readAll(n *e2e.Node, form string) (wall, server, reader time.Duration, err error) {
	c, err := e2e.Dial(n.Addr())
	if err != nil {
		return 0, 0, 0, err
	}
	defer c.Close()
	before, err := processorTime(c)
	if err != nil {
		return 0, 0, 0, err
	}
	count := func(items []e2e.Value) (int, error) { return len(items), nil }
	if form == "binary" {
		count = new(recordReader).count
	}
	began, own := time.Now(), ownTime()
	came := 0
	for token, more := "BEGIN", true; more; {
		v, err := c.Do("CHANGES", "READ", "0", "FROM", token, "COUNT", "5000", "FORMAT", form)
		if err != nil || v.IsError() {
			return 0, 0, 0, fmt.Errorf("CHANGES READ: %s %w", v.Text, err)
		}
		some, err := count(v.Elems[1].Elems)
		if err != nil {
			return 0, 0, 0, err
		}
		came += some
		more = token != v.Elems[0].Text
		token = v.Elems[0].Text
	}
	wall, reader = time.Since(began), ownTime()-own
	if came != catchUpKeys {
		return 0, 0, 0, fmt.Errorf("%d changes in %s are there, want %d", came, form, catchUpKeys)
	}
	after, err := processorTime(c)
	return wall, after - before, reader, err
}

// recordReader decodes the records of a lone node's log, from its beginning, as any reader of the binary form has to.
type recordReader struct {
	chain   uint64 // of the record before
	effects wal.EffectReader
}

// count returns how many changes records hold. A record that does not follow the one before it, or that is damaged, is an error.
func (r *recordReader) count(records []e2e.Value) (changes int, err error) {
	for _, item := range records {
		record, err := wal.DecodeRecord([]byte(item.Text))
		if err != nil {
			return 0, err
		}
		if r.chain != 0 && record.Prev != r.chain {
			return 0, fmt.Errorf("record %d of the epoch follows %016x, not %016x", record.Index, record.Prev, r.chain)
		}
		r.chain = record.Chain
		n, err := r.body(record.Body)
		if err != nil {
			return 0, err
		}
		changes += n
	}
	return changes, nil
}

// body returns how many changes a body holds.
func (r *recordReader) body(effects []byte) (changes int, err error) {
	r.effects.Reset(effects)
	for e := (wal.Effect{}); ; changes++ {
		if more, err := r.effects.Next(&e); err != nil || !more {
			return changes, err
		}
	}
}

// processorTime is what a server has used.
func processorTime(c *e2e.Client) (time.Duration, error) {
	v, err := c.Do("INFO", "server")
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(v.Text, "process_id:")
	pid, _, _ := strings.Cut(rest, "\r\n")
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return 0, err
	}
	return parseStat(string(stat))
}
