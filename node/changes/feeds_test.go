package changes

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"shiplog/shipper"
	"shiplog/wal"
	"shiplog/wal/waltest"
)

// one is a node with one partition.
type one struct{ source Source }

func (o one) Source(partition int) (Source, error) {
	if partition != o.source.Partition() {
		return nil, ErrNotHeld
	}
	return o.source, nil
}

func (o one) Partitions() int { return 1 }

// feedsOf returns running feeds of a script's log.
func feedsOf(t *testing.T, s Source) *Feeds {
	f := New(Config{Sources: one{s}})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- f.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	synctest.Wait()
	return f
}

// plenty is a budget that is not spent.
func plenty() Budget { return Budget{Changes: 1 << 30, Bytes: 1 << 30} }

// drain reads until nothing is there, most changes at a time.
func drain(t *testing.T, r *Reader, most int) (keys []string) {
	t.Helper()
	for idles := 0; idles < 2; {
		n := 0
		idle, err := r.Read(t.Context(), plenty(), func(c *Change) bool {
			keys = append(keys, string(c.Effect.Key))
			n++
			return n < most
		})
		if err != nil {
			t.Fatal(err)
		}
		idles++
		if !idle {
			idles = 0
		}
		synctest.Wait()
	}
	return keys
}

func start(t *testing.T, f *Feeds, from From) Token {
	t.Helper()
	p, err := f.Start(t.Context(), 0, from)
	if err != nil {
		t.Fatal(err)
	}
	return Token{Partitions: []Position{p}}
}

// TestReadGoesOnFromAnyToken reads with every size of answers, each with a reader of its own that begins where the last one ended.
func TestReadGoesOnFromAnyToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t)
		s.unit(3)
		s.unit(1)
		s.depose(2)
		s.large(8)
		s.put(&s.header, wal.KindLease, wholePart, nil)
		s.unit(2)
		f := feedsOf(t, s)
		for most := 1; most < s.n+2; most++ {
			token := start(t, f, From{Kind: FromBegin})
			var keys []string
			for len(keys) < s.n {
				read, err := ParseToken(token.String())
				if err != nil {
					t.Fatal(err)
				}
				r := f.Open(read, Filter{})
				n := 0
				_, err = r.Read(t.Context(), plenty(), func(c *Change) bool {
					keys = append(keys, string(c.Effect.Key))
					n++
					return n < most
				})
				if err != nil {
					t.Fatal(err)
				}
				if n == 0 {
					r.Wait(t.Context())
				}
				token = r.Token()
				r.Close()
			}
			if want := numbers(0, s.n); !slices.Equal(keys, want) {
				t.Errorf("%d at a time: %v, want %v", most, keys, want)
			}
			if at := token.Partitions[0]; at.Seq != s.seq || at.Effects != 0 {
				t.Errorf("%d at a time: the reader stands at %+v, want %d", most, at, s.seq)
			}
		}
		if n := len(f.stretches); n != 1 {
			t.Errorf("%d stretches for readers at one place", n)
		}
	})
}

func TestReaderWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t)
		f := feedsOf(t, s)
		r := f.Open(start(t, f, From{Kind: FromEnd}), Filter{})
		defer r.Close()
		if keys := drain(t, r, 10); keys != nil {
			t.Fatalf("from the end on there is %v", keys)
		}
		woken := make(chan struct{})
		go func() {
			r.Wait(t.Context())
			close(woken)
		}()
		synctest.Wait()
		select {
		case <-woken:
			t.Fatal("woken by nothing")
		default:
		}
		s.unit(2)
		<-woken
		if keys := drain(t, r, 10); !slices.Equal(keys, numbers(0, 2)) {
			t.Errorf("woken for %v", keys)
		}
	})
}

// burst is a script's log that gives all that is there at a time.
type burst struct{ *script }

func (b burst) Log() Log { return b }

func (b burst) Bounds(ctx context.Context) (wal.Bounds, error) { return b.log.Bounds(ctx) }

func (b burst) Get(ctx context.Context, seq wal.Seq) ([]byte, error) { return b.log.Get(ctx, seq) }

func (b burst) Tail(ctx context.Context, from wal.Seq, fn func(wal.Seq, [][]byte) error) error {
	var messages [][]byte
	for seq := from; seq <= b.seq; seq++ {
		message, err := b.log.Get(ctx, seq)
		if err != nil {
			return err
		}
		messages = append(messages, message)
	}
	if err := fn(from, messages); err != nil {
		return err
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

// Who waits is woken once for all that a log gives at a time, and what is given so is bounded too.
func TestBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s := newScript(t)
		few := newStretch(s, wal.Position{})
		wake := make(chan struct{}, 1)
		if b, err := few.next(wal.Position{}, wake); b != nil || err != nil {
			t.Fatalf("an empty stretch has %v, %v", b, err)
		}
		few.add(ctx, wal.Position{Seq: 1}, &Body{After: wal.Position{Seq: 1}}, true)
		if len(wake) > 0 {
			t.Error("woken although more follows at once")
		}
		if few.add(ctx, wal.Position{Seq: 2}, &Body{After: wal.Position{Seq: 2}}, false); len(wake) != 1 {
			t.Error("not woken when all is there")
		}
		large := newScript(t)
		for range 10 {
			large.put(&large.header, wal.KindData, wholePart, bigBody(stretchAhead/2))
		}
		st := newStretch(burst{large}, wal.Position{})
		go st.run(ctx, 1<<30)
		synctest.Wait()
		if st.mu.Lock(); st.ahead() > 2*stretchAhead {
			t.Errorf("%d bytes ahead of everybody", st.ahead())
		}
		st.mu.Unlock()
	})
}

func TestFilterThatTakesNothingAdvances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t)
		s.unit(5)
		s.unit(5)
		f := feedsOf(t, s)
		r := f.Open(start(t, f, From{Kind: FromBegin}), Filter{Ops: []string{"hset"}})
		defer r.Close()
		if keys := drain(t, r, 1); keys != nil {
			t.Errorf("taken: %v", keys)
		}
		if at := r.Token().Partitions[0]; at.Seq != s.seq {
			t.Errorf("the token stands at %d, want %d", at.Seq, s.seq)
		}
		r2 := f.Open(start(t, f, From{Kind: FromBegin}), Filter{Ops: []string{"hset"}})
		defer r2.Close()
		for range 2 { // the first one finds where the log begins
			if _, err := r2.Read(t.Context(), Budget{Changes: 3, Bytes: 1 << 20}, func(*Change) bool { return true }); err != nil {
				t.Fatal(err)
			}
		}
		if at := r2.Token().Partitions[0]; at.Effects == 0 && at.Seq == 0 {
			t.Errorf("a spent budget leaves the token at %+v", at)
		}
	})
}

func TestTrimmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t)
		for range 5 {
			s.unit(1)
		}
		f := feedsOf(t, s)
		old := start(t, f, From{Kind: FromBegin})
		if err := s.log.Trim(t.Context(), 4); err != nil {
			t.Fatal(err)
		}
		r := f.Open(old, Filter{})
		defer r.Close()
		err := readError(t, r)
		var trimmed *Trimmed
		if !errors.As(err, &trimmed) || !errors.Is(err, ErrTrimmed) {
			t.Fatalf("a token before what is left: %v", err)
		}
		if trimmed.First.Seq != 3 || trimmed.Snapshot.Seq != s.seq {
			t.Errorf("first %d and snapshot %d, want 3 and %d", trimmed.First.Seq, trimmed.Snapshot.Seq, s.seq)
		}
		if got := f.Trimmed(t.Context(), old.Partitions[0]); got == nil || got.First != trimmed.First || got.Snapshot != trimmed.Snapshot {
			t.Errorf("asked for it, it is %+v, want %+v", got, trimmed)
		}
		if got := f.Trimmed(t.Context(), trimmed.First); got != nil {
			t.Errorf("where the log begins, nothing is trimmed: %+v", got)
		}
		again := f.Open(Token{Partitions: []Position{trimmed.First}}, Filter{})
		defer again.Close()
		if keys := drain(t, again, 10); !slices.Equal(keys, numbers(2, 5)) {
			t.Errorf("from the first on: %v", keys)
		}
		again.Close()
		again.Close()
		if readers, delivered, late := f.Counts(); readers != 1 || delivered != 3 || late != 1 {
			t.Errorf("%d readers, %d changes delivered, %d times trimmed; want 1, 3 and 1", readers, delivered, late)
		}
	})
}

// A body whose last change alone is wanted is given whole, however few changes the budget lets a reader look at.
func TestReadBodiesOverTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t)
		for range 20 {
			s.unit(5)
		}
		f := feedsOf(t, s)
		last := Filter{Globs: [][]byte{nil}, Match: func(_, key []byte) bool { return len(key) > 0 && (key[len(key)-1] == '4' || key[len(key)-1] == '9') }}
		for changes := 1; changes < 12; changes++ {
			r := f.Open(start(t, f, From{Kind: FromBegin}), last)
			bodies := 0
			for idles := 0; idles < 2; {
				idle, err := r.ReadBodies(t.Context(), Budget{Changes: changes, Bytes: 1 << 30}, func(int, *Body) bool { bodies++; return true })
				if err != nil {
					t.Fatal(err)
				}
				if idle {
					idles++
				}
				synctest.Wait()
			}
			r.Close()
			if bodies != 20 {
				t.Errorf("with a budget of %d changes %d bodies are given, want 20", changes, bodies)
			}
		}
	})
}

// Who does not wait any more is not read on for, also within a body.
func TestReadEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t)
		s.unit(10 * lookUp)
		f := feedsOf(t, s)
		ctx, cancel := context.WithCancel(t.Context())
		looked := 0
		filter := Filter{Globs: [][]byte{nil}, Match: func(_, _ []byte) bool { looked++; cancel(); return false }}
		r := f.Open(start(t, f, From{Kind: FromBegin}), filter)
		defer r.Close()
		drain(t, f.Open(start(t, f, From{Kind: FromBegin}), Filter{}), 1) // it is in memory
		if _, err := r.Read(ctx, plenty(), func(*Change) bool { return true }); err != nil {
			t.Fatal(err)
		}
		if looked == 0 || looked > lookUp {
			t.Errorf("%d changes were looked at, want at most %d", looked, lookUp)
		}
	})
}

// reseeded is a node whose copy of a script's log begins later: its state came from a snapshot, and it has followed since.
type reseeded struct {
	*script
	live *shipper.Live
}

func (r *reseeded) Log() Log { return shipper.Along{Live: r.live} }

func reseed(t *testing.T, s *script, first wal.Seq) *reseeded {
	t.Helper()
	own := waltest.NewMemory()
	r := &reseeded{script: s, live: shipper.NewLive(own)}
	t.Cleanup(func() { _ = r.live.Close() })
	r.follow(t)
	if err := own.Trim(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	return r
}

// follow takes what the script has more.
func (r *reseeded) follow(t *testing.T) {
	t.Helper()
	bounds, err := r.live.Bounds(t.Context())
	for seq := bounds.Last + 1; err == nil && seq <= r.seq; seq++ {
		var message []byte
		if message, err = r.log.Get(t.Context(), seq); err == nil {
			done := make(chan error, 1)
			r.live.Append(seq, message, func(err error) { done <- err })
			err = <-done
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A node whose copy of the log begins behind a token says so, whatever others read along there, and skips nothing; a node that still has what
// follows goes on.
func TestReseededCopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t) // record 1 is its EPOCH
		for range 8 {
			s.unit(1)
		}
		whole := feedsOf(t, s)
		r := reseed(t, s, 6)
		f := feedsOf(t, r)
		along := f.Open(start(t, f, From{Kind: FromEnd}), Filter{})
		defer along.Close()
		drain(t, along, 1)
		s.unit(1)
		s.unit(1)
		r.follow(t) // these are in memory
		time.Sleep(time.Second)
		reader := whole.Open(start(t, whole, From{Kind: FromBegin}), Filter{})
		defer reader.Close()
		for taken := 0; taken <= 10; taken++ {
			token := reader.Token()
			late := f.Open(token, Filter{})
			if seq := token.Partitions[0].Seq; seq+1 < 6 {
				var trimmed *Trimmed
				if err := readError(t, late); !errors.As(err, &trimmed) || trimmed.First.Seq != 5 || trimmed.Snapshot.Seq != s.seq {
					t.Errorf("behind record %d: %v, want ErrTrimmed from 5 on", seq, err)
				}
			} else if keys := drain(t, late, 1); !slices.Equal(keys, numbers(taken, 10)) {
				t.Errorf("behind record %d: %v", seq, keys)
			}
			late.Close()
			if keys := readSome(t, reader, 1); taken < 10 && !slices.Equal(keys, numbers(taken, taken+1)) {
				t.Errorf("a whole copy gives %v behind %d", keys, taken)
			}
		}
	})
}

// readSome reads a few changes.
func readSome(t *testing.T, r *Reader, most int) (keys []string) {
	t.Helper()
	for idles := 0; idles < 2 && len(keys) < most; idles++ {
		if _, err := r.Read(t.Context(), plenty(), func(c *Change) bool {
			keys = append(keys, string(c.Effect.Key))
			return len(keys) < most
		}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
	}
	return keys
}

// readError reads until there is an error.
func readError(t *testing.T, r *Reader) error {
	t.Helper()
	for range 10 {
		idle, err := r.Read(t.Context(), plenty(), func(*Change) bool { return true })
		if err != nil {
			return err
		}
		if idle {
			synctest.Wait()
		}
	}
	t.Fatal("no error")
	return nil
}

func TestForeignTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t)
		for range 5 {
			s.unit(1)
		}
		f := feedsOf(t, s)
		good := f.Open(start(t, f, From{Kind: FromBegin}), Filter{})
		drain(t, good, 1)
		at := good.Token().Partitions[0]
		good.Close()
		for name, change := range map[string]func(*Position){
			"another chain":                func(p *Position) { p.Chain++; p.Seq = 3 },
			"another chain, nobody there":  func(p *Position) { p.Chain++; p.Seq = 0; p.Epoch = 1 },
			"another life":                 func(p *Position) { p.Incarnation[3]++ },
			"another life, far ahead":      func(p *Position) { p.Incarnation[3]++; p.Seq = 1 << 40 },
			"another life's beginning":     func(p *Position) { *p = Position{Position: wal.Position{Incarnation: wal.Incarnation{9}}} },
			"of a partition that is not 0": func(p *Position) { p.Partition = 1 },
		} {
			p := at
			change(&p)
			r := f.Open(Token{Partitions: []Position{p}}, Filter{})
			if err := readError(t, r); !errors.Is(err, ErrForeign) && p.Partition == 0 || p.Partition != 0 && !errors.Is(err, ErrNotHeld) {
				t.Errorf("%s: %v", name, err)
			}
			r.Close()
		}
	})
}

// TestReadBeyondRefounding crosses into another life of the log that began exactly behind what was read.
func TestReadBeyondRefounding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t)
		s.unit(1)
		f := feedsOf(t, s)
		r := f.Open(start(t, f, From{Kind: FromBegin}), Filter{})
		drain(t, r, 1)
		token := r.Token()
		r.Close()
		behind := s.Reached()
		if err := s.log.Refound(t.Context(), s.seq+1); err != nil {
			t.Fatal(err)
		}
		s.header.Incarnation = wal.Incarnation{2}
		s.epoch()
		s.unit(1)
		if token.Partitions[0].Position != behind {
			t.Fatalf("the reader stands at %+v, not at %+v", token.Partitions[0], behind)
		}
		fresh := feedsOf(t, s)
		r = fresh.Open(token, Filter{})
		defer r.Close()
		if keys := drain(t, r, 1); !slices.Equal(keys, numbers(1, 2)) {
			t.Errorf("behind the refounding: %v", keys)
		}
	})
}

// TestStretchesAreBounded lets readers stand at many places.
func TestStretchesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t)
		for range 10 {
			s.put(&s.header, wal.KindData, wholePart, bigBody(stretchKeep/2))
		}
		f := feedsOf(t, s)
		begin := start(t, f, From{Kind: FromBegin})
		slow := f.Open(begin, Filter{})
		defer slow.Close()
		given := 0 // the stretch may have read the first one by now, and may not
		if _, err := slow.Read(t.Context(), plenty(), func(*Change) bool { given++; return false }); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for _, st := range f.stretches {
			st.mu.Lock()
			if st.ahead() > 2*stretchAhead+stretchKeep/2 {
				t.Errorf("%d bytes ahead of the only reader", st.ahead())
			}
			st.mu.Unlock()
		}
		fast := f.Open(begin, Filter{})
		defer fast.Close()
		if n := len(drain(t, fast, 1)); n != 10 {
			t.Fatalf("%d changes, want 10", n)
		}
		for _, st := range f.stretches {
			st.mu.Lock()
			if st.bytes > stretchKeep+stretchKeep/2+1000 {
				t.Errorf("a stretch keeps %d bytes", st.bytes)
			}
			st.mu.Unlock()
		}
		if n := given + len(drain(t, slow, 1)); n != 10 { // its place is left behind: it gets a stretch of its own
			t.Errorf("the slow reader got %d changes, want 10", n)
		}
	})
}

func bigBody(size int) []byte {
	e := wal.Effect{Op: wal.OpSet, Cause: wal.CauseClient, Marks: wal.MarkFirst | wal.MarkLast, Key: []byte("k"), Value: make([]byte, size)}
	return wal.AppendEffect(nil, &e)
}

func TestBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t)
		s.unit(1)
		f := feedsOf(t, s)
		for i := range mostStretches {
			at := wal.Position{Seq: wal.Seq(1_000_000 * (i + 1)), Epoch: 1, Incarnation: s.header.Incarnation}
			if _, err := f.stretchAt(s, at); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := f.stretchAt(s, wal.Position{}); !errors.Is(err, ErrBusy) {
			t.Errorf("one more: %v", err)
		}
	})
}

// Who waits for Running loses nothing to a beginning that is late: what is given to Go before that never runs.
func TestRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New(Config{Sources: one{newScript(t)}})
		select {
		case <-f.Running():
			t.Error("feeds that do not run say that they do")
		default:
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- f.Run(ctx) }()
		<-f.Running()
		ran := make(chan struct{})
		f.Go(func(context.Context) { close(ran) })
		<-ran
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// Bodies are given whole, also from a token within one, and without those that have no changes: whether changes are looked at, as for a filter, or not.
func TestReadBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t)
		s.unit(3)
		s.put(&s.header, wal.KindLease, wholePart, nil)
		s.large(8)
		s.unit(1)
		f := feedsOf(t, s)
		within := f.Open(start(t, f, From{Kind: FromBegin}), Filter{})
		if _, err := within.Read(t.Context(), plenty(), func(*Change) bool { return false }); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if _, err := within.Read(t.Context(), plenty(), func(*Change) bool { return false }); err != nil {
			t.Fatal(err)
		}
		token := within.Token()
		within.Close()
		if token.Partitions[0].Effects == 0 {
			t.Fatalf("the reader stands at %+v, not within a body", token.Partitions[0])
		}
		every := func(_, _ []byte) bool { return true }
		for _, filter := range []Filter{{}, {Globs: [][]byte{[]byte("*")}, Match: every}, {Ops: []string{"set"}}} {
			r := f.Open(token, filter)
			var firsts []wal.Seq
			for range 3 {
				if _, err := r.ReadBodies(t.Context(), plenty(), func(_ int, b *Body) bool { firsts = append(firsts, b.First); return true }); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
			}
			if want := []wal.Seq{2, 4, s.seq}; !slices.Equal(firsts, want) {
				t.Errorf("with %+v bodies begin at %v, want %v", filter, firsts, want)
			}
			if at := r.Token().Partitions[0]; at.Seq != s.seq || at.Effects != 0 {
				t.Errorf("with %+v the reader stands at %+v", filter, at)
			}
			r.Close()
		}
	})
}
