package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"shiplog/e2e"
)

// writing is a load of single SETs that goes where it is sent on.
type writing struct {
	stop chan struct{}
	done sync.WaitGroup
	rate float64 // writes a second that are due, of all writers; 0 is as many as are acknowledged

	mu    sync.Mutex
	acked []acked
	errs  []error
}

// acked is a write: when it was acknowledged and how long that took since it was sent, or due.
type acked struct {
	at   time.Time
	took time.Duration
}

// startWriting starts a load. Without a rate each write is sent when the one before is acknowledged; with one it is sent when it is due, and
// late when the one before is: what it waited for counts, so that a slow cluster cannot look fast by being asked less.
func startWriting(addr string, rate float64) *writing {
	w := &writing{stop: make(chan struct{}), rate: rate}
	for i := range seedWriters {
		w.done.Go(func() {
			if err := w.write(addr, i); err != nil {
				w.mu.Lock()
				w.errs = append(w.errs, err)
				w.mu.Unlock()
			}
		})
	}
	return w
}

// write is one writer. It follows redirections; any other error ends it.
func (w *writing) write(addr string, writer int) error {
	c, err := e2e.Dial(addr)
	if err != nil {
		return err
	}
	defer func() { c.Close() }()
	payload := strings.Repeat("v", seedValue)
	start := time.Now()
	for n := 0; ; n++ {
		began, ended := w.due(start, writer, n)
		if ended {
			return nil
		}
		v, err := c.Do("SET", fmt.Sprintf("w:{%d}:%d", writer, n%1000), payload)
		for err == nil && strings.HasPrefix(v.Text, "MOVED ") {
			c.Close()
			if c, err = e2e.Dial(strings.Fields(v.Text)[2]); err != nil {
				return err
			}
			v, err = c.Do("SET", fmt.Sprintf("w:{%d}:%d", writer, n%1000), payload)
		}
		if err != nil || v.Text != "OK" {
			return fmt.Errorf("SET: %v, %w", v, err)
		}
		now := time.Now()
		w.mu.Lock()
		w.acked = append(w.acked, acked{now, now.Sub(began)})
		w.mu.Unlock()
	}
}

// due waits until a writer's nth write is to be sent, and returns since when it counts, or that the load has ended.
func (w *writing) due(start time.Time, writer, n int) (since time.Time, ended bool) {
	since = time.Now()
	if w.rate > 0 {
		since = start.Add(time.Duration(float64(n*seedWriters+writer) / w.rate * float64(time.Second)))
		time.Sleep(time.Until(since)) // at once when it is late
	}
	select {
	case <-w.stop:
		return since, true
	default:
		return since, false
	}
}

// end stops the load.
func (w *writing) end() error {
	close(w.stop)
	w.done.Wait()
	return errors.Join(w.errs...)
}

// between is the p99 of what took how long, in ms, and how many writes a second there were, in a span of time.
func (w *writing) between(from, to time.Time) (p99, rate float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var took []float64
	for _, a := range w.acked {
		if !a.at.Before(from) && a.at.Before(to) {
			took = append(took, a.took.Seconds()*1e3)
		}
	}
	return quantile(took, 0.99), float64(len(took)) / to.Sub(from).Seconds()
}

// compared are the p99 and the rate of writes between two moments, as compared with two before; at are all four.
func (w *writing) compared(when string, at [4]time.Time) []fact {
	before99, before := w.between(at[0], at[1])
	during99, during := w.between(at[2], at[3])
	progress("writes: p99 %.1f ms and %.0f/s before, %.1f ms and %.0f/s %s", before99, before, during99, during, when)
	return []fact{
		newFact("p99 of writes "+when+", of that before", "x", during99/before99, slowerBy, 0),
		newFact("throughput of writes that is lost "+when, "%", max(0, 100*(1-during/before)), throughputOff, 0),
	}
}

// quantile is a part of the sorted values, 0 without any.
func quantile(values []float64, part float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[min(int(part*float64(len(values))), len(values)-1)]
}

// slowest is how long the slowest write took in a span of time, in ms.
func (w *writing) slowest(from, to time.Time) (most float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.acked {
		if !a.at.Before(from) && a.at.Before(to) {
			most = max(most, a.took.Seconds()*1e3)
		}
	}
	return most
}

// fillBytes writes so many bytes that cannot be compressed, all over the cluster that a node belongs to.
func fillBytes(addr string, bytes int) error {
	var keys []string
	for n := range (bytes + chunk - 1) / chunk {
		keys = append(keys, "big:"+strconv.Itoa(n))
	}
	for len(keys) > 0 { // again with those whose partitions have been handed over meanwhile
		owners, err := readOwnership(addr)
		if err != nil {
			return err
		}
		of := make(map[string][]string)
		for _, key := range keys {
			primary := owners[slotOf(key)]
			of[primary] = append(of[primary], key)
		}
		keys = nil
		for primary, some := range of {
			moved, err := fillKeys(primary, some)
			if err != nil {
				return err
			}
			keys = append(keys, moved...)
		}
	}
	return nil
}

// fillKeys gives each key a chunk, and returns those that another node leads.
func fillKeys(addr string, keys []string) (moved []string, err error) {
	const inFlight = 32
	c, err := e2e.Dial(addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	c.Timeout = time.Minute
	payload := make([]byte, chunk)
	for some := range slices.Chunk(keys, inFlight) {
		var raw []byte
		for _, key := range some {
			_, _ = rand.Read(payload) // never fails
			raw = e2e.Command(raw, "SET", key, string(payload))
		}
		if err := c.Write(raw); err != nil {
			return nil, err
		}
		for _, key := range some {
			v, err := c.Read()
			switch {
			case err == nil && v.Text == "OK":
			case err == nil && strings.HasPrefix(v.Text, "MOVED "):
				moved = append(moved, key)
			default:
				return nil, fmt.Errorf("SET: %v, %w", v, err)
			}
		}
	}
	return moved, nil
}
