package nemesis

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"shiplog/e2e"
)

// Op is one operation as its client saw it. Times are since the start of the run, taken before it was sent and
// after its reply was read, on one clock.
type Op struct {
	Client  int
	Key     string
	Name    string // what it does, in its workload's words
	Arg     string
	Outcome Outcome
	Reply   e2e.Value // of an OK one
	Err     error     // of another one
	Call    time.Duration
	Return  time.Duration
}

// String shows the operation on one line.
func (o Op) String() string {
	end := o.Reply.String()
	if o.Outcome != OK {
		end = fmt.Sprintf("%v: %v", o.Outcome, o.Err)
	}
	return fmt.Sprintf("[%v..%v] client %d: %s %s %.40s -> %.120s", o.Call.Round(time.Microsecond),
		o.Return.Round(time.Microsecond), o.Client, o.Name, o.Key, o.Arg, end)
}

// Tally counts operations by outcome.
type Tally struct {
	OK      int `json:"ok"`
	Failed  int `json:"failed"`
	Unknown int `json:"unknown"`
	// Reasons counts those that are not OK by the first word of their error.
	Reasons map[string]int `json:"reasons,omitempty"`
}

// add adds other operations.
func (t *Tally) add(other Tally) {
	t.OK += other.OK
	t.Failed += other.Failed
	t.Unknown += other.Unknown
	for reason, n := range other.Reasons {
		t.because(reason, n)
	}
}

func (t *Tally) because(reason string, n int) {
	if t.Reasons == nil {
		t.Reasons = make(map[string]int)
	}
	t.Reasons[reason] += n
}

// reason is the kind of an error in a word or two: a reply's first word, or what a connection died of.
func reason(outcome Outcome, err error) string {
	var refused refusal
	switch {
	case errors.As(err, &refused):
		word, _, _ := strings.Cut(refused.text, " ")
		return word
	case errors.Is(err, os.ErrDeadlineExceeded):
		return outcome.String() + ": timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return outcome.String() + ": connection refused"
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.ErrUnexpectedEOF):
		return outcome.String() + ": connection lost"
	}
	return outcome.String() + ": other"
}

// history is what all clients of one workload saw, in the order of returns.
type history struct {
	begin time.Time

	mu    sync.Mutex
	ops   []Op
	tally Tally
}

// record performs an operation and writes down how it went.
func (h *history) record(op Op, do func() Result) Op {
	op.Call = time.Since(h.begin)
	r := do()
	op.Return = time.Since(h.begin)
	op.Outcome, op.Reply, op.Err = r.Outcome, r.Value, r.Err
	h.mu.Lock()
	defer h.mu.Unlock()
	switch op.Outcome {
	case OK:
		h.tally.OK++
	case Failed:
		h.tally.Failed++
	case Unknown:
		h.tally.Unknown++
	}
	if op.Outcome != OK {
		h.tally.because(reason(op.Outcome, op.Err), 1)
	}
	h.ops = append(h.ops, op)
	return op
}

// count returns how many operations there were so far.
func (h *history) count() Tally {
	h.mu.Lock()
	defer h.mu.Unlock()
	tally := h.tally
	tally.Reasons = maps.Clone(tally.Reasons)
	return tally
}

// all returns the operations; none may be under way.
func (h *history) all() []Op {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ops
}

// byKey sorts operations into one history per key. The keys are returned in order.
func byKey(ops []Op) (keys []string, histories map[string][]Op) {
	histories = make(map[string][]Op)
	for _, op := range ops {
		if _, seen := histories[op.Key]; !seen {
			keys = append(keys, op.Key)
		}
		histories[op.Key] = append(histories[op.Key], op)
	}
	slices.Sort(keys)
	return keys, histories
}

// Verdict is what a checker found: how many operations it looked at, and faults by kind.
type Verdict struct {
	Checked    int      `json:"checked"`
	Lost       int      `json:"lost"`       // acknowledged, and not there
	Duplicated int      `json:"duplicated"` // done twice
	Stale      int      `json:"stale"`      // a reply from before something that the client could rely on
	Illegal    int      `json:"illegal"`    // histories or replies that nothing explains
	Undecided  int      `json:"undecided"`  // histories that the checker gave up
	Examples   []string `json:"examples,omitempty"`

	// What became of unknown writes, where the checker can tell. Neither is a fault.
	UnknownDone    int `json:"unknownDone"`
	UnknownNotDone int `json:"unknownNotDone"`
}

// maxExamples is how many faults are told in words.
const maxExamples = 12

// fault counts one fault and tells it in words while there is room.
func (v *Verdict) fault(counter *int, format string, args ...any) {
	*counter++
	if len(v.Examples) < maxExamples {
		v.Examples = append(v.Examples, fmt.Sprintf(format, args...))
	}
}

// resolved counts an unknown write that turned out to be done, or not.
func (v *Verdict) resolved(done bool) {
	if done {
		v.UnknownDone++
	} else {
		v.UnknownNotDone++
	}
}

// Faults is how many faults were found, undecided histories included: zero is the only good figure.
func (v *Verdict) Faults() int {
	return v.Lost + v.Duplicated + v.Stale + v.Illegal + v.Undecided
}

// add adds what another checker found.
func (v *Verdict) add(other Verdict) {
	v.Checked += other.Checked
	v.Lost += other.Lost
	v.Duplicated += other.Duplicated
	v.Stale += other.Stale
	v.Illegal += other.Illegal
	v.Undecided += other.Undecided
	v.UnknownDone += other.UnknownDone
	v.UnknownNotDone += other.UnknownNotDone
	room := max(0, maxExamples-len(v.Examples))
	v.Examples = append(v.Examples, other.Examples[:min(room, len(other.Examples))]...)
}
