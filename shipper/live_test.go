package shipper

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"shiplog/wal"
	"shiplog/wal/waltest"
)

// counted is a log in memory that counts its tails.
type counted struct {
	*waltest.Memory
	mu    sync.Mutex
	tails int
}

func (c *counted) Refound(context.Context, wal.Seq) error { return nil }

func (c *counted) Tail(ctx context.Context, from wal.Seq, fn func(wal.Seq, []byte) error) error {
	c.mu.Lock()
	c.tails++
	c.mu.Unlock()
	return c.Memory.Tail(ctx, from, fn)
}

func (c *counted) tailed() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tails
}

// appended appends messages "m<seq>" to a log.
func appended(t *testing.T, log wal.Log, from, to wal.Seq) {
	t.Helper()
	for seq := from; seq <= to; seq++ {
		decided := make(chan error)
		message := fmt.Appendf(nil, "m%d", seq)
		log.Append(seq, message, func(err error) {
			clear(message) // the writer uses it again
			decided <- err
		})
		if err := <-decided; err != nil {
			t.Fatal(err)
		}
	}
}

// along reads along, and keeps what it is given.
type along struct {
	mu    sync.Mutex
	next  wal.Seq
	got   [][]byte
	times int // it was given some
	err   error
}

func readAlong(ctx context.Context, l *Live, from wal.Seq) *along {
	a := &along{next: from}
	go func() { // ends with ctx or the log
		err := Along{l}.Tail(ctx, from, func(first wal.Seq, messages [][]byte) error {
			a.mu.Lock()
			defer a.mu.Unlock()
			if first != a.next {
				return fmt.Errorf("got %d, want %d", first, a.next)
			}
			a.next += wal.Seq(len(messages))
			a.got = append(a.got, messages...)
			a.times++
			return nil
		})
		a.mu.Lock()
		defer a.mu.Unlock()
		a.err = err
	}()
	return a
}

// have checks that what was read is everything from first to last.
func (a *along) have(t *testing.T, first, last wal.Seq) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil || len(a.got) != int(last-first+1) {
		t.Fatalf("got %d messages, %v; want %d", len(a.got), a.err, last-first+1)
	}
	for i, message := range a.got {
		if want := fmt.Sprintf("m%d", int(first)+i); string(message) != want {
			t.Fatalf("message %d is %q, want %q", i, message, want)
		}
	}
}

func liveLog(t *testing.T) (*Live, *counted) {
	log := &counted{Memory: waltest.NewMemory()}
	l := NewLive(log)
	t.Cleanup(func() { _ = l.Close() })
	return l, log
}

// What is appended here is read along without asking the log for it, by any number of readers, each once and in order; the writer's bytes are
// its own again.
func TestLiveGivesWhatIsAppended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, log := liveLog(t)
		defer l.Close()
		appended(t, l, 1, 5)
		first := readAlong(t.Context(), l, 1)
		synctest.Wait()
		appended(t, l, 6, 6)
		second := readAlong(t.Context(), l, 3)
		synctest.Wait()
		appended(t, l, 7, 400)
		time.Sleep(2 * livePace)
		synctest.Wait()
		first.have(t, 1, 400)
		second.have(t, 3, 400)
		if first.times > 10 {
			t.Errorf("394 messages that came within a moment were given %d times", first.times)
		}
		if got := log.tailed(); got != 2 {
			t.Errorf("the log was asked %d times, want 2", got)
		}
		asked := log.tailed()
		time.Sleep(10 * liveDoubt) // nothing comes, and nothing is there
		appended(t, l, 401, 401)
		time.Sleep(2 * livePace)
		first.have(t, 1, 401)
		if got := log.tailed(); got != asked {
			t.Errorf("the log was asked %d times more", got-asked)
		}
	})
}

// What is followed here is read along too.
func TestLiveGivesWhatIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, log := liveLog(t)
		defer l.Close()
		other := log.Writer()
		defer other.Close()
		appended(t, other, 1, 3)
		ctx, end := context.WithCancel(t.Context())
		go func() { _ = l.Tail(ctx, 1, func(wal.Seq, []byte) error { return nil }) }() // ends with ctx
		a := readAlong(t.Context(), l, 1)
		synctest.Wait()
		appended(t, other, 4, 9)
		time.Sleep(2 * livePace)
		a.have(t, 1, 9)
		if got := log.tailed(); got != 2 {
			t.Errorf("the log was asked %d times, want 2", got)
		}
		end() // this node takes no part any more: the log has more, and is asked
		synctest.Wait()
		appended(t, other, 10, 12)
		time.Sleep(2 * liveDoubt)
		a.have(t, 1, 12)
	})
}

// What does not follow what is kept does not hide what is between: that is read in the log.
func TestLiveSkipsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, log := liveLog(t)
		defer l.Close()
		other := log.Writer()
		defer other.Close()
		a := readAlong(t.Context(), l, 1)
		appended(t, l, 1, 3)
		time.Sleep(2 * livePace)
		appended(t, other, 4, 6)
		appended(t, l, 7, 8)
		time.Sleep(2 * liveDoubt)
		a.have(t, 1, 8)
		l.Append(8, []byte("another"), func(err error) {
			if !errors.Is(err, wal.ErrFenced) {
				t.Errorf("got %v, want ErrFenced", err)
			}
		})
		time.Sleep(2 * liveDoubt)
		a.have(t, 1, 8)
	})
}

// What is kept is bounded, and nothing is kept when nobody reads along.
func TestLiveIsBounded(t *testing.T) {
	l, _ := liveLog(t)
	l.keep(1, make([]byte, 10))
	if l.size != 0 {
		t.Errorf("%d bytes are kept for nobody", l.size)
	}
	l.join(1)
	for seq := range wal.Seq(10) {
		l.keep(seq+1, make([]byte, liveKeep/4))
	}
	if l.size > liveKeep {
		t.Errorf("%d bytes are kept, want at most %d", l.size, liveKeep)
	}
	if _, _, ok := l.from(1); ok {
		t.Error("what is kept no more is said to be there")
	}
	l.join(-1)
	if l.size != 0 || l.recent != nil {
		t.Errorf("%d bytes are kept for nobody", l.size)
	}
}

// Who reads along is told when the log is closed.
func TestLiveEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := liveLog(t)
		a := readAlong(t.Context(), l, 1)
		appended(t, l, 1, 2)
		time.Sleep(2 * livePace)
		a.have(t, 1, 2)
		_ = l.Close()
		synctest.Wait()
		if !errors.Is(a.err, wal.ErrClosed) {
			t.Errorf("got %v, want ErrClosed", a.err)
		}
	})
}
