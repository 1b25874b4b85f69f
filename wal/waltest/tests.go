package waltest

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"shiplog/wal"
)

func testAppend(t *testing.T, h Harness) {
	log := h.Writer(t)
	checkBounds(t, log, 1, 0)
	checkHasNot(t, log, 0)
	checkHasNot(t, log, 1)
	fill(t, log, 1, 3)
	checkBounds(t, log, 1, 3)
	for seq := wal.Seq(1); seq <= 3; seq++ {
		checkHas(t, log, seq, text(seq))
	}
	checkHasNot(t, log, 4)
}

func testTail(t *testing.T, h Harness) {
	log := h.Writer(t)
	fill(t, log, 1, 3)
	for i, got := range read(t, log, 2, 3) {
		if want := text(wal.Seq(i + 2)); !bytes.Equal(got, want) {
			t.Errorf("tail gives %q, want %q", got, want)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	seen, ended := make(chan wal.Seq, 10), make(chan error, 1)
	go func() {
		ended <- log.Tail(ctx, 3, func(seq wal.Seq, _ []byte) error { seen <- seq; return nil })
	}()
	for seq := wal.Seq(3); seq <= 6; seq++ { // the tail is at the end, and the next one comes
		if seq > 3 {
			fill(t, log, seq, seq)
		}
		if got := within(t, "tail", seen); got != seq {
			t.Fatalf("tail gives %d, want %d", got, seq)
		}
	}
	cancel(errEnough)
	if err := within(t, "end of tail", ended); !errors.Is(err, errEnough) {
		t.Errorf("tail = %v, want the context's cause", err)
	}
}

func testTailEnds(t *testing.T, h Harness) {
	log := h.Writer(t)
	fill(t, log, 1, 2)
	calls := 0
	err := log.Tail(t.Context(), 1, func(wal.Seq, []byte) error { calls++; return errEnough })
	if !errors.Is(err, errEnough) || calls != 1 {
		t.Errorf("tail = %v after %d calls, want its function's error after 1", err, calls)
	}
}

func testTrim(t *testing.T, h Harness) {
	log := h.Writer(t)
	fill(t, log, 1, 10)
	for _, keep := range []wal.Seq{0, 1} {
		if err := log.Trim(t.Context(), keep); err != nil {
			t.Fatal(err)
		}
		checkBounds(t, log, 1, 10)
	}
	if err := log.Trim(t.Context(), 6); err != nil {
		t.Fatal(err)
	}
	checkBounds(t, log, 6, 10)
	checkHasNot(t, log, 5)
	checkHas(t, log, 6, text(6))
	if got := len(read(t, log, 6, 10)); got != 5 {
		t.Errorf("tail gives %d messages, want 5", got)
	}
	err := log.Tail(t.Context(), 5, func(seq wal.Seq, _ []byte) error {
		t.Errorf("tail from below the first gives %d", seq)
		return errEnough
	})
	if !errors.Is(err, wal.ErrTrimmed) {
		t.Errorf("tail from below the first = %v, want ErrTrimmed", err)
	}
	fill(t, log, 11, 11)
	checkBounds(t, log, 6, 11)
}

// Trimming everything, or more than there is, leaves an empty log that goes on where it was.
func testTrimAll(t *testing.T, h Harness) {
	log := h.Writer(t)
	fill(t, log, 1, 3)
	if err := log.Trim(t.Context(), 100); err != nil {
		t.Fatal(err)
	}
	checkBounds(t, log, 4, 3)
	if err := log.Tail(t.Context(), 3, func(wal.Seq, []byte) error { return nil }); !errors.Is(err, wal.ErrTrimmed) {
		t.Errorf("tail = %v, want ErrTrimmed", err)
	}
	fill(t, log, 4, 5)
	checkBounds(t, log, 4, 5)
}

func testWrongSequence(t *testing.T, h Harness) {
	log := h.Writer(t)
	fill(t, log, 1, 3)
	for seq := wal.Seq(1); seq <= 3; seq++ {
		want(t, start(t, log, seq, []byte("other")), wal.ErrFenced)
	}
	want(t, start(t, h.Writer(t), 3, []byte("another writer's")), wal.ErrFenced)
	checkBounds(t, log, 1, 3)
	checkHas(t, log, 3, text(3))
	fill(t, log, 4, 4)
}

func testSameBytes(t *testing.T, h Harness) {
	log := h.Writer(t)
	fill(t, log, 1, 3)
	want(t, start(t, log, 2, text(2)), nil)
	want(t, start(t, h.Writer(t), 3, text(3)), nil)
	checkBounds(t, log, 1, 3)
}

func testGap(t *testing.T, h Harness) {
	log := h.Writer(t)
	fill(t, log, 1, 1)
	ahead := start(t, log, 3, text(3))
	undecidedYet(t, ahead)
	checkBounds(t, log, 1, 1)
	fill(t, log, 2, 2)
	want(t, ahead, nil)
	checkHas(t, log, 3, text(3))
}

func testPipelined(t *testing.T, h Harness) {
	log := h.Writer(t)
	const n = 100
	var outcomes []<-chan error
	for seq := wal.Seq(1); seq <= n; seq++ {
		outcomes = append(outcomes, start(t, log, seq, text(seq)))
	}
	for _, outcome := range outcomes {
		want(t, outcome, nil)
	}
	for i, got := range read(t, log, 1, n) {
		if !bytes.Equal(got, text(wal.Seq(i+1))) {
			t.Errorf("message %d is %q", i+1, got)
		}
	}
}

func testLostAck(t *testing.T, h Harness) {
	log := h.Writer(t)
	fill(t, log, 1, 1)
	log.Fault(2, LoseAck)
	want(t, start(t, log, 2, text(2)), nil)
	checkBounds(t, log, 1, 2) // exactly one copy
	fill(t, log, 3, 3)
}

func testLateAck(t *testing.T, h Harness) {
	log := h.Writer(t)
	log.Fault(1, HoldAck)
	outcome := start(t, log, 1, text(1))
	read(t, h.Writer(t), 1, 1) // it is stored
	log.Heal()
	want(t, outcome, nil)
	fill(t, log, 2, 4)
	checkBounds(t, log, 1, 4)
}

func testNeverPublished(t *testing.T, h Harness) {
	log := h.Writer(t)
	fill(t, log, 1, 1)
	log.Fault(2, LosePublish)
	outcome := start(t, log, 2, text(2))
	checkBounds(t, log, 1, 1)
	undecidedYet(t, outcome)
	log.Heal()
	want(t, outcome, nil)
	checkBounds(t, log, 1, 2)
}

// A deposed writer whose message was lost learns that another stands in its place.
func testFencedWhileUndecided(t *testing.T, h Harness) {
	old := h.Writer(t)
	fill(t, old, 1, 1)
	old.Fault(2, LosePublish)
	outcome := start(t, old, 2, []byte("the old one's"))
	fill(t, h.Writer(t), 2, 2)
	old.Heal()
	want(t, outcome, wal.ErrFenced)
	checkHas(t, old, 2, text(2))
	checkBounds(t, old, 1, 2)
}

// When the sequence is trimmed before the outcome is known, nobody can say what stood there.
func testTrimmedWhileUndecided(t *testing.T, h Harness) {
	old := h.Writer(t)
	old.Fault(1, LosePublish)
	outcome := start(t, old, 1, []byte("the old one's"))
	other := h.Writer(t)
	fill(t, other, 1, 3)
	if err := other.Trim(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	old.Heal()
	want(t, outcome, wal.ErrUndecided)
	checkBounds(t, old, 3, 3)
}

// A deposed writer's second message in flight is taken by the log, since the new writer's record filled
// the first one's place: readers must find it stale (I4).
func testStale(t *testing.T, h Harness) {
	old, heir := h.Writer(t), h.Writer(t)
	us := wal.Incarnation{1}
	term := chain{header: wal.Header{Incarnation: us, Epoch: 1}}
	want(t, start(t, old, 1, term.epoch()), nil)
	next := term
	next.header.Epoch = 2

	old.Fault(2, LosePublish)
	lost := start(t, old, 2, term.data("k, lost"))
	late := start(t, old, 3, term.data("k+1, in flight"))
	want(t, start(t, heir, 2, next.epoch()), nil)
	want(t, late, nil)
	old.Heal()
	want(t, lost, wal.ErrFenced)

	real := next.data("the heir's")
	want(t, start(t, heir, 3, real), wal.ErrFenced)
	want(t, start(t, heir, 4, real), nil)

	got := judge(t, read(t, heir, 1, 4))
	for i, verdict := range []wal.Verdict{wal.Accepted, wal.Accepted, wal.Stale, wal.Accepted} {
		if got[i] != verdict {
			t.Errorf("record %d: verdict %d, want %d", i+1, got[i], verdict)
		}
	}
}

// judge reads messages as a reader does, from the first record of a log on.
func judge(t *testing.T, messages [][]byte) (verdicts []wal.Verdict) {
	t.Helper()
	var p wal.Position
	for i, message := range messages {
		r, err := wal.DecodeRecord(message)
		if err != nil {
			t.Fatal(err)
		}
		next, verdict, err := p.Next(wal.Seq(i+1), &r)
		if err != nil {
			t.Fatal(err)
		}
		p, verdicts = next, append(verdicts, verdict)
	}
	return verdicts
}

// chain seals records of one epoch one after the other.
type chain struct{ header wal.Header }

func (c *chain) epoch() []byte {
	c.header.Kind, c.header.Index = wal.KindEpoch, 0
	return c.seal(nil)
}

func (c *chain) data(body string) []byte {
	c.header.Kind = wal.KindData
	c.header.Index++
	return c.seal([]byte(body))
}

func (c *chain) seal(body []byte) []byte {
	c.header.Part, c.header.Prev = wal.PartFirst|wal.PartLast, c.header.Chain
	message := append(make([]byte, wal.HeaderSize), body...)
	wal.SealRecord(message, &c.header)
	return message
}

// What a broken writer can still get into a log is found by whoever reads it.
func testGapAndChain(t *testing.T, h Harness) {
	log := h.Writer(t)
	c := chain{header: wal.Header{Incarnation: wal.Incarnation{1}, Epoch: 1}}
	fork := c
	messages := [][]byte{c.epoch(), c.data("one"), c.data("two")}
	fork.header.Chain = 99
	fork.header.Index = 2
	messages = append(messages, fork.data("of another history"))
	for i, message := range messages {
		want(t, start(t, log, wal.Seq(i+1), message), nil)
	}
	var p wal.Position
	for i, message := range read(t, log, 1, 4) {
		r, err := wal.DecodeRecord(message)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := p.Next(wal.Seq(i+2), &r); !errors.Is(err, wal.ErrGap) {
			t.Errorf("record %d at the wrong sequence: %v, want ErrGap", i+1, err)
		}
		next, _, err := p.Next(wal.Seq(i+1), &r)
		if broken := i == 3; broken != errors.Is(err, wal.ErrBrokenChain) {
			t.Errorf("record %d: %v", i+1, err)
		}
		p = next
	}
}

func testLargest(t *testing.T, h Harness) {
	log := h.Writer(t)
	for i, size := range []int{0, 1, 32 << 10, 32<<10 + 1, 64 << 10, 1 << 20, wal.MaxMessage} {
		message := bytes.Repeat([]byte{byte(i + 1)}, size)
		want(t, start(t, log, wal.Seq(i+1), message), nil)
		checkHas(t, log, wal.Seq(i+1), message)
		if got := read(t, log, wal.Seq(i+1), wal.Seq(i+1)); !bytes.Equal(got[0], message) {
			t.Errorf("tail gives another message of %d bytes", size)
		}
	}
}

func testTooLarge(t *testing.T, h Harness) {
	log := h.Writer(t)
	want(t, start(t, log, 1, make([]byte, wal.MaxMessage+1)), wal.ErrTooLarge)
	want(t, start(t, log, 0, nil), wal.ErrTooLarge)
	fill(t, log, 1, 1)
}

// A full log refuses, keeps what it has, and takes the same sequence when it has space again.
func testFull(t *testing.T, h Harness) {
	h.Limit(64 << 10)
	log := h.Writer(t)
	message := make([]byte, 1<<10)
	last := wal.Seq(0)
	for {
		err := within(t, "append", start(t, log, last+1, message))
		if errors.Is(err, wal.ErrFull) {
			break
		}
		if last++; err != nil || last > 100 {
			t.Fatalf("append %d: %v, want ErrFull after about 64", last, err)
		}
	}
	checkBounds(t, log, 1, last)
	checkHas(t, log, last, message)
	want(t, start(t, log, last+1, message), wal.ErrFull)
	if err := log.Trim(t.Context(), last/2); err != nil {
		t.Fatal(err)
	}
	want(t, start(t, log, last+1, message), nil)
	checkBounds(t, log, last/2, last+1)
}

func testCloseUndecided(t *testing.T, h Harness) {
	log := h.Writer(t)
	log.Fault(1, LosePublish)
	outcome := start(t, log, 1, text(1))
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	want(t, outcome, wal.ErrUndecided)
}

func testClosed(t *testing.T, h Harness) {
	log := h.Writer(t)
	fill(t, log, 1, 1)
	ended := make(chan error, 1)
	seen := make(chan wal.Seq, 1)
	go func() {
		ended <- log.Tail(context.Background(), 1, func(seq wal.Seq, _ []byte) error { seen <- seq; return nil })
	}()
	within(t, "tail", seen)
	for range 2 {
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := within(t, "end of tail", ended); !errors.Is(err, wal.ErrClosed) {
		t.Errorf("tail = %v, want ErrClosed", err)
	}
	want(t, start(t, log, 2, text(2)), wal.ErrClosed)
	if _, err := log.Get(t.Context(), 1); !errors.Is(err, wal.ErrClosed) {
		t.Errorf("get = %v, want ErrClosed", err)
	}
	if _, err := log.Bounds(t.Context()); !errors.Is(err, wal.ErrClosed) {
		t.Errorf("bounds = %v, want ErrClosed", err)
	}
	if err := log.Trim(t.Context(), 2); !errors.Is(err, wal.ErrClosed) {
		t.Errorf("trim = %v, want ErrClosed", err)
	}
	err := log.Tail(t.Context(), 1, func(wal.Seq, []byte) error { return nil })
	if !errors.Is(err, wal.ErrClosed) {
		t.Errorf("tail = %v, want ErrClosed", err)
	}
}

func testReopened(t *testing.T, h Harness) {
	log := h.Writer(t)
	fill(t, log, 1, 3)
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	again := h.Writer(t)
	checkBounds(t, again, 1, 3)
	fill(t, again, 4, 4)
	if got := read(t, again, 1, 4); !bytes.Equal(got[0], text(1)) || !bytes.Equal(got[3], text(4)) {
		t.Errorf("reopened log has %q", got)
	}
}
