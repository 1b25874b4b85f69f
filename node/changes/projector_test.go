package changes

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	natsjs "github.com/nats-io/nats.go/jetstream"

	"shiplog/embedded"
	"shiplog/wal"
)

const patience = 60 * time.Second

// streamOn starts a server with an account for changes and makes the stream there.
func streamOn(t testing.TB, limits StreamLimits) (*embedded.Server, *Stream) {
	t.Helper()
	server, err := embedded.Open(embedded.Config{Dir: t.TempDir(), Name: "test", Sync: embedded.SyncNo, Changes: &embedded.Changes{
		Stream: StreamName, Ingest: StreamIngest, User: "reader", Password: "secret",
	}})
	if err != nil {
		t.Fatal(err)
	}
	s := NewStream(server.ConnectChanges)
	t.Cleanup(func() {
		s.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	limits.Replicas = 1
	if err := s.Ensure(t.Context(), limits); err != nil {
		t.Fatal(err)
	}
	return server, s
}

// runFeeds returns feeds that run until the test ends, in real time.
func runFeeds(t *testing.T, s *script) *Feeds {
	f := New(Config{Sources: one{s}})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	<-f.Running()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return f
}

// memory is a Store.
type memory struct {
	mu       sync.Mutex
	value    []byte
	revision uint64
}

func (m *memory) Load(context.Context, string) ([]byte, uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.value, m.revision, nil
}

func (m *memory) Update(_ context.Context, _ string, value []byte, revision uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if revision != m.revision {
		return ErrConflict
	}
	m.value, m.revision = value, revision+1
	return nil
}

func (m *memory) Delete(context.Context, string, uint64) error { return nil }
func (m *memory) Keys(context.Context) ([]string, error)       { return nil, nil }
func takesAll() *Filter                                        { return &everything }
func (m *memory) config(f *Feeds, o Outlet) (c ProjectorConfig) {
	return ProjectorConfig{Feeds: f, Outlet: o, Store: m, Filter: takesAll, Pause: time.Millisecond}
}

var everything Filter

// run runs a projector until the returned function is called.
func run(p *Projector) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p.Run(ctx)
	}()
	return func() {
		cancel()
		<-ended
	}
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// published waits until the stream has so many messages, and returns all it has.
func published(t *testing.T, server *embedded.Server, n int) (all []*natsjs.RawStreamMsg) {
	t.Helper()
	nc, err := server.ConnectChanges()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := natsjs.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), StreamName)
	if err != nil {
		t.Fatal(err)
	}
	var info *natsjs.StreamInfo
	eventually(t, fmt.Sprint(n, " messages"), func() bool {
		info, err = stream.Info(t.Context())
		return err == nil && info.State.LastSeq >= uint64(n)
	})
	for seq := max(info.State.FirstSeq, 1); seq <= info.State.LastSeq; seq++ {
		m, err := stream.GetMsg(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

// keysOf reads the keys, and checks that what the headers and the body say is the same.
func keysOf(t *testing.T, all []*natsjs.RawStreamMsg, identified ...bool) (keys []string) {
	t.Helper()
	for _, m := range all {
		c, err := ParseJSON(m.Data)
		if err != nil {
			t.Fatalf("%s: %v", m.Data, err)
		}
		key := []byte(m.Header.Get(headerKey))
		if text := m.Header.Get(headerKey64); text != "" {
			if key, err = base64.StdEncoding.DecodeString(text); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(key, c.Effect.Key) {
			t.Errorf("the header has the key %q, the body %q", key, c.Effect.Key)
		}
		id := idOf(c.Partition, c.Incarnation, c.Sequence, c.Index)
		if want := fmt.Sprintf("changes.%d.%s.%s", c.Partition, c.Type(), c.Op()); m.Subject != want || m.Header.Get("Nats-Msg-Id") != id && !slices.Contains(identified, false) {
			t.Errorf("the message is %s %s, want %s %s", m.Subject, m.Header.Get("Nats-Msg-Id"), want, id)
		}
		keys = append(keys, string(c.Effect.Key))
	}
	return keys
}

// hazard is an Outlet of which the projector does not always learn what became of a batch.
type hazard struct {
	Outlet
	mu    sync.Mutex
	rand  *rand.Rand
	late  sync.WaitGroup
	count int
	blind bool // no message is known by its identity again
}

var errLost = errors.New("no answer")

func (h *hazard) Publish(ctx context.Context, partition int, newest uint64, batch []Message) (uint64, error) {
	h.mu.Lock()
	what := h.rand.IntN(5)
	h.count++
	if h.blind {
		for i := range batch {
			batch[i].ID = fmt.Sprint(h.count, ".", i)
		}
	}
	h.mu.Unlock()
	switch what {
	case 0: // never sent
		return 0, errLost
	case 1: // stored, and the answer is lost
		_, _ = h.Outlet.Publish(ctx, partition, newest, batch)
		return 0, errLost
	case 2: // on its way for long, while the projector has given up
		h.late.Go(func() { _, _ = h.Outlet.Publish(context.WithoutCancel(ctx), partition, newest, batch) })
		return 0, errLost
	}
	return h.Outlet.Publish(ctx, partition, newest, batch)
}

// Several projectors of one partition at a time, of which any may end at any moment, lose answers, and have batches arrive late: each change is in
// the stream once, in order.
func TestProjectorsBesideEachOther(t *testing.T) { besideEachOther(t, false) }

// The fence alone does it: JetStream need not know the messages' identities again, which it forgets soon.
func TestProjectorsFenced(t *testing.T) { besideEachOther(t, true) }

func besideEachOther(t *testing.T, blind bool) {
	server, stream := streamOn(t, StreamLimits{})
	s := newScript(t)
	feeds, store := runFeeds(t, s), &memory{}
	h := &hazard{Outlet: stream, rand: rand.New(rand.NewPCG(1, 2)), blind: blind}
	stops := make([]func(), 3)
	for i := range stops {
		stops[i] = run(NewProjector(store.config(feeds, h)))
	}
	for i := range 200 {
		s.unit(1 + i%7)
		if i%5 == 0 {
			s.large(20)
		}
		if i%31 == 0 {
			s.depose(2)
		}
		if i%10 == 0 {
			victim := h.rand2(len(stops))
			stops[victim]()
			stops[victim] = run(NewProjector(store.config(feeds, h)))
		}
	}
	all := published(t, server, s.n)
	for _, stop := range stops {
		stop()
	}
	h.late.Wait()
	if again := published(t, server, s.n); len(again) != len(all) {
		t.Errorf("%d messages, and %d when the late ones had come", len(all), len(again))
	}
	if got := keysOf(t, all, !blind); !slices.Equal(got, numbers(0, s.n)) {
		t.Errorf("got %d changes, want %d in order: %v", len(got), s.n, got)
	}
	t.Logf("%d changes in %d tries", s.n, h.count)
}

func (h *hazard) rand2(n int) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rand.IntN(n)
}

// A projector that comes later goes on where the stream stands, or where the checkpoint does when the stream has let go of everything.
func TestProjectorGoesOn(t *testing.T) {
	server, stream := streamOn(t, StreamLimits{})
	s := newScript(t)
	feeds, store := runFeeds(t, s), &memory{}
	s.unit(3)
	stop := run(NewProjector(store.config(feeds, stream)))
	published(t, server, 3)
	stop()
	s.unit(2)
	p := NewProjector(store.config(feeds, stream))
	stop = run(p)
	if got := keysOf(t, published(t, server, 5)); !slices.Equal(got, numbers(0, 5)) {
		t.Errorf("got %v", got)
	}
	eventually(t, "the projector knows of both", func() bool { _, n, _ := p.At(); return n == 2 })
	stop()
	at, n, failure := p.At()
	if at == nil || at.Seq != s.Reached().Seq || n != 2 || failure != nil {
		t.Errorf("it stands at %+v behind %d changes, %v", at, n, failure)
	}
	store.value, store.revision = []byte(Token{Partitions: []Position{*at}}.String()), 1
	purge(t, server)
	s.unit(1)
	stop = run(NewProjector(store.config(feeds, stream)))
	defer stop()
	if got := keysOf(t, published(t, server, 6)); !slices.Equal(got, numbers(5, 6)) {
		t.Errorf("after the stream was emptied got %v", got)
	}
}

// purge empties the stream, by what readers and the engine's connection cannot do: it lets go of all but one message, and of that by age.
func purge(t *testing.T, server *embedded.Server) {
	t.Helper()
	nc, err := server.ConnectChanges()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := natsjs.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	c := streamConfig(StreamLimits{Replicas: 1, Age: 100 * time.Millisecond})
	stream, err := js.UpdateStream(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the stream is empty", func() bool {
		info, err := stream.Info(t.Context())
		return err == nil && info.State.Msgs == 0
	})
	c.MaxAge = 0
	if _, err := js.UpdateStream(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

// What the log has let go of before it was published is said to be missing.
func TestProjectorSaysWhatIsMissing(t *testing.T) {
	server, stream := streamOn(t, StreamLimits{})
	s := newScript(t)
	feeds, store := runFeeds(t, s), &memory{}
	s.unit(2)
	stop := run(NewProjector(store.config(feeds, stream)))
	published(t, server, 2)
	stop()
	for range 5 {
		s.unit(1)
	}
	if err := s.log.Trim(t.Context(), s.seq); err != nil { // all but the last record
		t.Fatal(err)
	}
	again := runFeeds(t, s) // without what the first ones remember
	var said []string
	c := store.config(again, stream)
	c.Event = func(text string, err error) { said = append(said, fmt.Sprint(text, ": ", err)) }
	stop = run(NewProjector(c))
	all := published(t, server, 4)
	stop()
	if gap := all[2]; gap.Subject != "changes.0.all.gap" || !strings.Contains(string(gap.Data), `"op":"gap"`) {
		t.Errorf("got %s %s, want a gap", gap.Subject, gap.Data)
	}
	if got := keysOf(t, all[3:]); !slices.Equal(got, numbers(6, 7)) {
		t.Errorf("behind the gap: %v", got)
	}
	if len(said) != 1 || !strings.Contains(said[0], "missing") {
		t.Errorf("operators were told %q", said)
	}
}

// The filter chooses, and may change while the projector runs.
func TestProjectorFilters(t *testing.T) {
	server, stream := streamOn(t, StreamLimits{})
	s := newScript(t)
	feeds, store := runFeeds(t, s), &memory{}
	prefix := func(p string) *Filter {
		return &Filter{Globs: [][]byte{[]byte(p)}, Match: func(pattern, key []byte) bool { return bytes.HasPrefix(key, pattern) }}
	}
	var mu sync.Mutex
	filter := prefix("1")
	c := store.config(feeds, stream)
	c.Filter = func() *Filter {
		mu.Lock()
		defer mu.Unlock()
		return filter
	}
	p := NewProjector(c)
	defer run(p)()
	for range 20 {
		s.unit(1)
	}
	published(t, server, 11)
	eventually(t, "it has read everything", func() bool {
		at, _, _ := p.At()
		return at != nil && at.Seq == s.Reached().Seq
	})
	mu.Lock()
	filter = prefix("2")
	mu.Unlock()
	s.unit(10)
	want := append(append([]string{"1"}, numbers(10, 20)...), numbers(20, 30)...)
	if got := keysOf(t, published(t, server, len(want))); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Keys of any bytes, and changes larger than a message, are in the stream too.
func TestMessages(t *testing.T) {
	server, stream := streamOn(t, StreamLimits{})
	s := newScript(t)
	keys := []string{"a", "", " a", "a ", "a\r\nb", "\x00\xff", "käse", strings.Repeat("k", 100_000)}
	for i, key := range keys {
		value := []byte("v")
		if i == 0 {
			value = bytes.Repeat([]byte("v"), 9<<20)
		}
		e := wal.Effect{Op: wal.OpSet, Cause: wal.CauseClient, Marks: wal.MarkFirst | wal.MarkLast, Key: []byte(key), Value: value}
		body := wal.AppendEffect(nil, &e)
		for part, bytes := range wal.Split(body, 4<<20) {
			s.put(&s.header, wal.KindData, part, bytes)
		}
	}
	store := &memory{}
	c := store.config(runFeeds(t, s), stream)
	c.Event = func(text string, err error) { t.Log(text, err) }
	defer run(NewProjector(c))()
	all := published(t, server, len(keys))
	if large := string(all[0].Data); all[0].Header.Get(headerKey) != "a" || !strings.Contains(large, `"omitted":94`) || strings.Contains(large, "value") {
		t.Errorf("the large one is %.300s", large)
	}
	for i, m := range all[1:] {
		c, err := ParseJSON(m.Data)
		if err != nil || string(c.Effect.Key) != keys[i+1] {
			t.Errorf("got %q, want %q, %v", c.Effect.Key, keys[i+1], err)
		}
	}
	keysOf(t, all[1:len(all)-1])
}

// The fence is what keeps messages single and in order: without the right number nothing is stored, and a batch is stored whole.
func TestFence(t *testing.T) {
	_, stream := streamOn(t, StreamLimits{})
	message := func(id string) Message {
		return Message{Type: "string", Op: "set", ID: id, Token: "token of " + id, Body: []byte("{}")}
	}
	ctx := t.Context()
	two, err := stream.Publish(ctx, 3, 0, []Message{message("a"), message("b")})
	if err != nil || two != 2 {
		t.Fatalf("got %d, %v", two, err)
	}
	if other, err := stream.Publish(ctx, 30, 0, []Message{message("c")}); err != nil || other != 3 {
		t.Errorf("another partition: %d, %v", other, err)
	}
	for _, newest := range []uint64{0, 1, 3} {
		for _, batch := range [][]Message{{message("d")}, {message("e"), message("f")}} {
			if _, err := stream.Publish(ctx, 3, newest, batch); !errors.Is(err, ErrConflict) {
				t.Errorf("behind %d: %v, want a conflict", newest, err)
			}
		}
	}
	if _, err := stream.Publish(ctx, 3, 2, []Message{message("a")}); !errors.Is(err, ErrConflict) {
		t.Errorf("the same identity: %v", err)
	}
	if seq, token, err := stream.Last(ctx, 3); seq != 2 || token != "token of b" || err != nil {
		t.Errorf("last = %d %q %v", seq, token, err)
	}
	if seq, _, err := stream.Last(ctx, 7); seq != 0 || err != nil {
		t.Errorf("last of a partition without messages = %d %v", seq, err)
	}
}

// Answers that say nothing decide nothing.
func TestJudge(t *testing.T) {
	for answer, want := range map[string]error{
		``: nil, `{}`: nil, `{"error":{"code":503,"err_code":10008}}`: nil,
		`{"error":{"code":400,"err_code":10071}}`:       ErrConflict,
		`{"error":{"code":400,"err_code":10164}}`:       ErrConflict,
		`{"stream":"CHANGES","seq":5,"duplicate":true}`: ErrConflict,
	} {
		if _, err := judge([]byte(answer)); err == nil || want != nil && !errors.Is(err, want) || want == nil && errors.Is(err, ErrConflict) {
			t.Errorf("%s: %v", answer, err)
		}
	}
	if seq, err := judge([]byte(`{"stream":"CHANGES","seq":5}`)); seq != 5 || err != nil {
		t.Errorf("got %d, %v", seq, err)
	}
}
