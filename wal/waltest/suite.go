// Package waltest is the suite that every wal.Log must pass, and a wal.Log in memory whose faults a
// test can choose. It is for tests only.
package waltest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"shiplog/wal"
)

// patience is how long a test waits for what must happen. Nothing waits that long but a test that fails.
const patience = 20 * time.Second

// Harness is the storage of one log, fresh for each test.
type Harness interface {
	// Writer opens a log on the storage: the first one, or another writer on what is there.
	Writer(t *testing.T) Writer
	// Limit makes the storage refuse messages beyond about so many bytes. It is called before Writer.
	Limit(bytes uint64)
}

// Writer is a log whose appends can be made to fail.
type Writer interface {
	wal.Log
	// Fault makes the appends of this writer at a sequence fail in this way until Heal.
	Fault(at wal.Seq, fault Fault)
	// Heal ends the writer's faults.
	Heal()
}

// Run tests that the logs of a harness keep the contract of wal.Log.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	for name, test := range map[string]func(*testing.T, Harness){
		"append, get and bounds":         testAppend,
		"tail":                           testTail,
		"tail ends with its function":    testTailEnds,
		"trim":                           testTrim,
		"trim beyond the end":            testTrimAll,
		"wrong sequence is fenced":       testWrongSequence,
		"same bytes again":               testSameBytes,
		"gap waits for its predecessor":  testGap,
		"pipelined":                      testPipelined,
		"lost acknowledgement":           testLostAck,
		"late acknowledgement":           testLateAck,
		"never published":                testNeverPublished,
		"fenced while undecided":         testFencedWhileUndecided,
		"trimmed while undecided":        testTrimmedWhileUndecided,
		"stale pipelined record":         testStale,
		"gap and broken chain are found": testGapAndChain,
		"largest message":                testLargest,
		"too large a message":            testTooLarge,
		"full":                           testFull,
		"close with an undecided append": testCloseUndecided,
		"calls after close":              testClosed,
		"reopened":                       testReopened,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// start appends and returns where the outcome will be. A second outcome fails the test.
func start(t *testing.T, log wal.Log, at wal.Seq, message []byte) <-chan error {
	t.Helper()
	outcome := make(chan error, 2)
	log.Append(at, message, func(err error) {
		outcome <- err
		if len(outcome) > 1 {
			t.Errorf("append at %d has two outcomes", at)
		}
	})
	return outcome
}

// within returns what comes out of a channel.
func within[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("%s: nothing within %v", what, patience)
		panic("unreachable")
	}
}

// want waits for the outcome of an append.
func want(t *testing.T, outcome <-chan error, want error) {
	t.Helper()
	if got := within(t, "append", outcome); !errors.Is(got, want) || want == nil && got != nil {
		t.Fatalf("append: got %v, want %v", got, want)
	}
}

// undecidedYet checks that there is no outcome now.
func undecidedYet(t *testing.T, outcome <-chan error) {
	t.Helper()
	select {
	case err := <-outcome:
		t.Fatalf("append: decided (%v) while nobody can know", err)
	default:
	}
}

func text(n wal.Seq) []byte { return fmt.Appendf(nil, "message %d", n) }

// fill appends messages so that last is the last.
func fill(t *testing.T, log wal.Log, first, last wal.Seq) {
	t.Helper()
	for seq := first; seq <= last; seq++ {
		want(t, start(t, log, seq, text(seq)), nil)
	}
}

func checkBounds(t *testing.T, log wal.Log, first, last wal.Seq) {
	t.Helper()
	got, err := log.Bounds(t.Context())
	if err != nil || got.First != first || got.Last != last {
		t.Fatalf("bounds = %+v, %v; want %d to %d", got, err, first, last)
	}
	if empty := last+1 == first; empty != (got.Bytes == 0) {
		t.Errorf("bounds = %+v: bytes do not fit", got)
	}
}

func checkHas(t *testing.T, log wal.Log, seq wal.Seq, want []byte) {
	t.Helper()
	if got, err := log.Get(t.Context(), seq); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("get %d = %.40q, %v; want %.40q", seq, got, err, want)
	}
}

func checkHasNot(t *testing.T, log wal.Log, seq wal.Seq) {
	t.Helper()
	if got, err := log.Get(t.Context(), seq); !errors.Is(err, wal.ErrNotFound) {
		t.Fatalf("get %d = %.40q, %v; want ErrNotFound", seq, got, err)
	}
}

var errEnough = errors.New("enough")

// read returns the messages from first to last.
func read(t *testing.T, log wal.Log, first, last wal.Seq) (messages [][]byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	next := first
	err := log.Tail(ctx, first, func(seq wal.Seq, message []byte) error {
		if seq != next {
			t.Errorf("tail gives %d, want %d", seq, next)
		}
		messages = append(messages, bytes.Clone(message))
		if next++; seq == last {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		t.Fatalf("tail from %d to %d: %v", first, last, err)
	}
	return messages
}
