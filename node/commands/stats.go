package commands

import (
	"math/bits"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// shards is how many copies of each command's counters there are: sessions spread over them, so that
// connections on different cores seldom write the same cache line.
const shards = 4

// rowStats counts one command's calls.
type rowStats struct {
	shard    [shards]callStats
	rejected atomic.Uint64
	failed   atomic.Uint64
}

// callStats is one shard, alone in its cache line.
type callStats struct {
	calls atomic.Uint64
	nanos atomic.Uint64
	times atomic.Pointer[histogram]
	_     [40]byte
}

// add counts a call that took d.
func (c *callStats) add(d time.Duration, histograms bool) {
	c.calls.Add(1)
	c.nanos.Add(uint64(d))
	if !histograms {
		return
	}
	h := c.times.Load()
	if h == nil {
		c.times.CompareAndSwap(nil, new(histogram))
		h = c.times.Load()
	}
	h.add(d)
}

// sum returns the calls, and how long they took in all.
func (r *rowStats) sum() (calls uint64, took time.Duration) {
	for i := range r.shard {
		calls += r.shard[i].calls.Load()
		took += time.Duration(r.shard[i].nanos.Load())
	}
	return calls, took
}

// histogram returns how long the calls took.
func (r *rowStats) histogram() *histogram {
	all := new(histogram)
	for i := range r.shard {
		if h := r.shard[i].times.Load(); h != nil {
			all.merge(h)
		}
	}
	return all
}

func (r *rowStats) reset() {
	for i := range r.shard {
		r.shard[i].calls.Store(0)
		r.shard[i].nanos.Store(0)
	}
	r.rejected.Store(0)
	r.failed.Store(0)
	r.resetTimes()
}

func (r *rowStats) resetTimes() {
	for i := range r.shard {
		r.shard[i].times.Store(nil)
	}
}

// A histogram has octaves from 1 microsecond to over an hour, each in steps.
const (
	octaves = 32
	steps   = 8
)

// histogram counts durations in buckets whose width is an eighth of a power of two of microseconds.
// What is shorter than a microsecond is in the first bucket.
type histogram struct {
	buckets [octaves * steps]atomic.Uint64
}

func (h *histogram) add(d time.Duration) { h.buckets[bucketOf(d)].Add(1) }

// bucketOf returns the bucket of d.
func bucketOf(d time.Duration) int {
	n := uint64(max(d, time.Microsecond)) * steps / uint64(time.Microsecond) // in eighths of a microsecond: steps or more
	octave := bits.Len64(n) - bits.Len64(steps)
	return min(octave*steps+int(n>>octave)-steps, octaves*steps-1)
}

// bucketEnd returns the longest duration in a bucket.
func bucketEnd(i int) time.Duration {
	octave, step := i/steps, i%steps
	return time.Duration((uint64(steps+step+1)<<octave)*uint64(time.Microsecond)/steps) - 1
}

func (h *histogram) merge(from *histogram) {
	for i := range from.buckets {
		if n := from.buckets[i].Load(); n > 0 {
			h.buckets[i].Add(n)
		}
	}
}

func (h *histogram) total() (n uint64) {
	for i := range h.buckets {
		n += h.buckets[i].Load()
	}
	return n
}

// percentile returns the duration that p per cent of the calls did not exceed.
func (h *histogram) percentile(p float64) time.Duration {
	rest := uint64(float64(h.total())*p/100 + 0.5)
	rest = max(rest, 1)
	for i := range h.buckets {
		n := h.buckets[i].Load()
		if n >= rest {
			return bucketEnd(i)
		}
		rest -= n
	}
	return 0
}

// totals count what happened since the start or the last CONFIG RESETSTAT.
type totals struct {
	commands      [shards]paddedCount
	bytesIn       atomic.Uint64
	bytesOut      atomic.Uint64
	connections   atomic.Uint64
	rejectedConns atomic.Uint64
	errorReplies  atomic.Uint64
	authFailures  atomic.Uint64
	aclDenied     atomic.Uint64
	errors        errorCounts
	rates         rates
}

type paddedCount struct {
	atomic.Uint64
	_ [56]byte
}

func (t *totals) start(at time.Time) { t.rates.last = at }

// processed returns how many commands have run.
func (t *totals) processed() (n uint64) {
	for i := range t.commands {
		n += t.commands[i].Load()
	}
	return n
}

func (t *totals) reset() {
	for i := range t.commands {
		t.commands[i].Store(0)
	}
	for _, n := range []*atomic.Uint64{&t.bytesIn, &t.bytesOut, &t.connections, &t.rejectedConns, &t.errorReplies,
		&t.authFailures, &t.aclDenied} {
		n.Store(0)
	}
	t.errors.reset()
	t.rates.reset()
}

// errorCounts counts error replies by their code.
type errorCounts struct {
	mu    sync.Mutex
	codes map[string]uint64
}

// maxErrorCodes bounds the kinds of errors that are counted apart.
const maxErrorCodes = 128

func (e *errorCounts) add(text string) {
	code, _, _ := strings.Cut(text, " ")
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.codes == nil {
		e.codes = make(map[string]uint64)
	}
	if _, known := e.codes[code]; known || len(e.codes) < maxErrorCodes {
		e.codes[code]++
	}
}

func (e *errorCounts) reset() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.codes = nil
}

// sorted returns the codes in order, and their counts.
func (e *errorCounts) sorted() (codes []string, counts []uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for code := range e.codes {
		codes = append(codes, code)
	}
	sort.Strings(codes)
	for _, code := range codes {
		counts = append(counts, e.codes[code])
	}
	return codes, counts
}

// rates turn counters into figures per second. They are measured when somebody asks, over the time since
// they were last measured, at least rateWindow.
type rates struct {
	mu                sync.Mutex
	last              time.Time
	commands, in, out uint64
	perSecond         float64
	kbIn, kbOut       float64
}

const rateWindow = 500 * time.Millisecond

// measure returns commands per second, and kilobytes per second in and out.
func (t *totals) measure(now time.Time) (commands, in, out float64) {
	r := &t.rates
	r.mu.Lock()
	defer r.mu.Unlock()
	if passed := now.Sub(r.last); passed >= rateWindow {
		n, bi, bo := t.processed(), t.bytesIn.Load(), t.bytesOut.Load()
		r.perSecond = perSecond(n, r.commands, passed)
		r.kbIn = perSecond(bi, r.in, passed) / 1024
		r.kbOut = perSecond(bo, r.out, passed) / 1024
		r.commands, r.in, r.out, r.last = n, bi, bo, now
	}
	return r.perSecond, r.kbIn, r.kbOut
}

func perSecond(now, before uint64, passed time.Duration) float64 {
	if now < before { // reset in between
		return 0
	}
	return float64(now-before) / passed.Seconds()
}

func (r *rates) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.commands, r.in, r.out = 0, 0, 0
}
