package commands

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// fakePlace is one command parked in a fake partition.
type fakePlace struct {
	w    Parked
	keys []string
}

// Park runs w and parks it if it is not served.
func (p *fakePartition) Park(w Parked, keys [][]byte) (Wait, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse != nil {
		return nil, false, p.refuse
	}
	p.unit(w)
	if w.Served() {
		p.attend()
		return p.wait, true, nil
	}
	at := fakePlace{w: w}
	for _, key := range keys {
		at.keys = append(at.keys, string(key))
		p.store.Await(string(key))
	}
	p.parked = append(p.parked, at)
	p.attend()
	return p.wait, false, nil
}

// Unpark takes w out.
func (p *fakePartition) Unpark(w Parked) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.leave(w)
}

func (p *fakePartition) leave(w Parked) bool {
	i := slices.IndexFunc(p.parked, func(at fakePlace) bool { return at.w == w })
	if i < 0 {
		return false
	}
	for _, key := range p.parked[i].keys {
		p.store.Unawait(key)
	}
	p.parked = slices.Delete(p.parked, i, i+1)
	return true
}

// attend serves who waits for what has changed.
func (p *fakePartition) attend() {
	for ready := p.store.TakeReady(nil); len(ready) > 0; ready = p.store.TakeReady(ready[1:]) {
		for _, at := range slices.Clone(p.parked) {
			value, _ := p.store.View(time.Now().UnixMilli()).Peek([]byte(ready[0]))
			if !slices.Contains(at.keys, ready[0]) || !at.w.Turn(ready[0], value.Type) {
				continue
			}
			if p.unit(at.w); at.w.Served() {
				p.leave(at.w)
				at.w.Wake(p.wait, nil)
			}
		}
	}
}

// dismiss ends the serving.
func (p *fakePartition) dismiss(why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = why
	for _, at := range slices.Clone(p.parked) {
		p.leave(at.w)
		at.w.Wake(nil, why)
	}
}

// waiting returns how many commands are parked.
func (p *fakePartition) waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.parked)
}

// waitRows are commands that wait for strings.
func waitRows() []Row {
	range1 := []KeySpec{{Flags: "RW access delete", Index: 1, Last: -2, Step: 1}}
	lastWord := func(a Args) (time.Duration, *reply.Reply) { return blockSeconds(a[len(a)-1]) }
	return []Row{
		{Name: "t.take", Arity: -3, Flags: FlagWrite | FlagBlocking, Keys: range1, Wait: Waiting{Blocks: lastWord},
			Write: func(tx *keyspace.Tx, a Args) reply.Reply { return take(tx, a[1:len(a)-1]) }},
		{Name: "t.takefrom", Arity: -4, Flags: FlagWrite | FlagBlocking,
			Keys: []KeySpec{{Flags: "RW access delete", Index: 2, KeyNum: true, FirstKey: 1, Step: 1}},
			Wait: Waiting{Blocks: func(a Args) (time.Duration, *reply.Reply) { return blockSeconds(a[1]) }},
			Write: func(tx *keyspace.Tx, a Args) reply.Reply {
				n, _ := parseInt(a[2])
				return take(tx, a[3:3+n])
			}},
		{Name: "t.claim", Arity: -3, Flags: FlagWrite | FlagBlocking | FlagRetryErrors, Keys: range1, Wait: Waiting{Blocks: lastWord},
			Write: claim},
		{Name: "t.await", Arity: 3, Flags: FlagReadonly | FlagBlocking, Keys: range1,
			Wait: Waiting{Blocks: func(a Args) (time.Duration, *reply.Reply) {
				if is(a[2], "now") {
					return -1, nil
				}
				return blockMillis(a[2])
			}},
			Read: func(v *keyspace.View, a Args) reply.Reply {
				if value, ok := v.Get(a[1]); ok {
					return reply.Bulk(value.Data)
				}
				return reply.Null()
			}},
	}
}

// take removes the first of the keys that is there.
func take(tx *keyspace.Tx, keys Args) reply.Reply {
	for _, key := range keys {
		value, ok := tx.Get(key)
		if ok && value.Type != keyspace.TypeString {
			return reply.WrongType()
		}
		if ok {
			tx.Delete(key)
			return reply.Array(reply.BulkString(string(key)), reply.Bulk(value.Data))
		}
	}
	return reply.NullArray()
}

// claim waits for the word "yes" in a key, in the name of a group that the word "no" ends.
func claim(tx *keyspace.Tx, a Args) reply.Reply {
	switch value, _ := tx.Get(a[1]); string(value.Data) {
	case "yes":
		return reply.OK()
	case "no":
		return reply.Error("NOGROUP No such key")
	default:
		return reply.Null()
	}
}

func newWaitRig(t testing.TB) *rig {
	r := newRig(t)
	r.srv.table = NewTable(append(allRows(r.settings, &r.srv.scripts.cache), probeRows(), waitRows())...)
	return r
}

// Whoever blocked first is served first; the words that the client sent are kept.
func TestBlockedCommandsAreServedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWaitRig(t)
		other := r.connect()
		var waiting []<-chan []string
		for range 3 {
			done := r.connect().pipeline("t.take k1 k2 0", "ping")
			if !held(done) {
				t.Fatalf("not blocked: %q", <-done)
			}
			waiting = append(waiting, done)
		}
		other.expect("t.write k2 a", "+OK", "t.write other b", "+OK")
		wantReplies(t, <-waiting[0], "[k2 a]", "+PONG")
		if !held(waiting[1]) {
			t.Fatalf("served with nothing: %q", <-waiting[1])
		}
		other.expect("t.write k1 c", "+OK", "t.write k2 d", "+OK", "t.write k1 e", "+OK", "t.read k1", "e", "t.read k2", "null")
		wantReplies(t, <-waiting[1], "[k1 c]", "+PONG")
		wantReplies(t, <-waiting[2], "[k2 d]", "+PONG")
		if info := other.do("info clients"); !strings.Contains(info, "blocked_clients:0\r\n") {
			t.Errorf("somebody is still blocked:\n%s", info)
		}
	})
}

// Of several keys that come at once, what came first is taken (Redis before 7.2), and a transaction is one event.
func TestBlockedCommandTakesWhatCameFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWaitRig(t)
		other := r.connect()
		for _, line := range []string{"t.take a b c 0", "t.takefrom 0 3 a b c"} {
			done := r.connect().pipeline(line)
			synctest.Wait()
			other.expect("multi", "+OK", "t.write c 1", "+QUEUED", "t.write a 2", "+QUEUED", "t.write b 3", "+QUEUED", "exec", "[+OK +OK +OK]")
			wantReplies(t, <-done, "[c 1]")
			other.expect("t.read a", "2", "flushall", "+OK")
			done = r.connect().pipeline(line)
			synctest.Wait()
			other.expect("multi", "+OK", "t.write c 1", "+QUEUED", "del c", "+QUEUED", "exec", "[+OK 1]")
			if !held(done) {
				t.Fatalf("%s saw a part of a transaction: %q", line, <-done)
			}
			other.expect("t.write b 4", "+OK")
			wantReplies(t, <-done, "[b 4]")
		}
	})
}

func TestBlockedCommandTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWaitRig(t)
		c := r.connect()
		c.expect("config set slowlog-log-slower-than 1000", "+OK", "config resetstat", "+OK")
		for _, tt := range []struct {
			line, want string
			took       time.Duration
		}{
			{"t.take k 1.5", "null-array", 1500 * time.Millisecond},
			{"t.take k 0.0000001", "null-array", time.Millisecond},
			{"t.take k -1", "-ERR timeout is negative", 0},
			{"t.await k 250", "null-array", 250 * time.Millisecond},
			{"t.await k now", "null", 0},
			{"t.await k x", "-ERR timeout is not an integer or out of range", 0},
		} {
			start := time.Now()
			if got := c.do(tt.line); got != tt.want || time.Since(start) != tt.took {
				t.Errorf("%s: got %s after %v, want %s after %v", tt.line, got, time.Since(start), tt.want, tt.took)
			}
		}
		c.expect("multi", "+OK", "t.take k 0", "+QUEUED", "t.take k -1", "+QUEUED", "t.await k -1", "+QUEUED",
			"exec", "[null-array -ERR timeout is negative -ERR timeout is negative]", "slowlog len", "0")
		if text := c.do("info commandstats"); !strings.Contains(text, "cmdstat_t.take:calls=5,") || !strings.Contains(text, "cmdstat_t.await:calls=4,") {
			t.Errorf("commands are counted otherwise than once:\n%s", text)
		}
		if n := r.engine.partition.waiting(); n != 0 {
			t.Errorf("%d are still parked", n)
		}
	})
}

func TestUnblockBlockedCommand(t *testing.T) {
	for _, tt := range []struct{ how, want string }{
		{"client unblock 1", "null-array"},
		{"client unblock 1 timeout", "null-array"},
		{"client unblock 1 error", "-UNBLOCKED client unblocked via CLIENT UNBLOCK"},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newWaitRig(t)
			c, other := r.connect(), r.connect()
			done := c.pipeline("t.take k 0", "t.read k")
			synctest.Wait()
			if list := other.do("client list id 1"); !strings.Contains(list, "flags=b ") {
				t.Errorf("a blocked client is listed as %s", list)
			}
			if info := other.do("info clients"); !strings.Contains(info, "blocked_clients:1\r\n") {
				t.Errorf("it is not counted:\n%s", info)
			}
			other.expect("client pause 100 write", "+OK") // what is parked stays parked
			<-time.After(time.Second)
			if !held(done) {
				t.Fatalf("the pause woke it: %q", <-done)
			}
			other.expect(tt.how, "1")
			wantReplies(t, <-done, tt.want, "null")
			other.expect("t.write k v", "+OK", "t.read k", "v", tt.how, "0") // who waits no more takes nothing
		})
	}
}

// A client that leaves takes nothing with it.
func TestBlockedClientIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWaitRig(t)
		c, other := r.connect(), r.connect()
		for name, end := range map[string]func(Result){
			"while it waits": func(res Result) {
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan Result, 1)
				go func() { ended <- res.Later(ctx) }()
				synctest.Wait()
				cancel()
				if got := <-ended; !got.Close || got.Reply.Kind != reply.None || got.Later != nil {
					t.Errorf("got %+v, want only Close", got)
				}
			},
			"before it waits": func(Result) { c.Close() },
		} {
			res := c.Do(words("t.take k 0"))
			if res.Later == nil || r.engine.partition.waiting() != 1 {
				t.Fatalf("%s: not blocked", name)
			}
			end(res)
			if n := r.engine.partition.waiting(); n != 0 {
				t.Errorf("gone %s: %d are still parked", name, n)
			}
			other.expect("t.write k v", "+OK", "t.read k", "v", "del k", "1")
		}
	})
}

// A command whose partition ceases to serve is routed again, for the rest of its time.
func TestBlockedCommandIsRoutedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newClusterRig(t, 1)
		r.srv.table = NewTable(append(allRows(r.settings, &r.srv.scripts.cache), probeRows(), waitRows())...)
		p, c, other := r.cluster.parts[0], r.connect(), r.connect()
		start := time.Now()
		done := c.pipeline("t.take k 10")
		for range 2 { // each time it is held for long
			p.dismiss(fmt.Errorf("handed over: %w", ErrRouteAgain))
			<-time.After(1900 * time.Millisecond)
			p.dismiss(nil)
			<-time.After(time.Second)
			if p.waiting() != 1 {
				t.Fatal("it waits nowhere")
			}
		}
		wantReplies(t, <-done, "null-array")
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("timed out after %v", took)
		}

		done = c.pipeline("t.take k 0")
		synctest.Wait()
		r.cluster.move(0, true)
		p.dismiss(ErrRouteAgain)
		wantReplies(t, <-done, "-"+movedTo().Text)
		r.cluster.move(0, false)
		done = c.pipeline("t.take k 0")
		<-time.After(10 * time.Second)
		wantReplies(t, <-done, "-CLUSTERDOWN Hash slot not served")
		p.dismiss(nil)
		done = c.pipeline("t.take k 0")
		synctest.Wait()
		p.dismiss(errRefused)
		wantReplies(t, <-done, "-MISCONF the disk is full")
		if text := other.do("info commandstats"); !strings.Contains(text, "cmdstat_t.take:calls=2,") {
			t.Errorf("counted otherwise:\n%s", text)
		}
	})
}

// What blocked is not ended by a value of another type, unless it waits in the name of something that was there.
func TestBlockedCommandAndOtherTypes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWaitRig(t)
		p, other := r.engine.partition, r.connect()
		list := func() {
			_, _ = p.Update(unitOf(func(tx *keyspace.Tx) { tx.SetValue([]byte("k"), keyspace.Value{Type: keyspace.TypeList}) }))
		}
		done := r.connect().pipeline("t.take k other 0")
		synctest.Wait()
		list()
		if !held(done) {
			t.Fatalf("served: %q", <-done)
		}
		other.expect("t.write other v", "+OK")
		wantReplies(t, <-done, "[other v]")
		other.expect("t.take k 0", "-"+reply.WrongType().Text, "del k", "1")

		for _, tt := range []struct {
			what func()
			want string
		}{
			{func() { other.do("t.write k yes") }, "+OK"},
			{func() { other.do("t.write k no") }, "-NOGROUP the consumer group this client was blocked on no longer exists"},
			{func() { other.do("del k") }, "-UNBLOCKED the stream key no longer exists"},
			{func() { other.do("flushall") }, "-UNBLOCKED the stream key no longer exists"},
			{list, "-UNBLOCKED the stream key no longer exists"},
		} {
			other.expect("t.write k perhaps", "+OK")
			done := r.connect().pipeline("t.claim k 0")
			other.expect("t.write k still", "+OK")
			if !held(done) {
				t.Fatalf("served: %q", <-done)
			}
			tt.what()
			wantReplies(t, <-done, tt.want)
		}
	})
}

// unitOf is a unit without a session.
type unitOf func(tx *keyspace.Tx)

func (u unitOf) Write(tx *keyspace.Tx) { u(tx) }
func (u unitOf) Origin() uint64        { return 0 }

// A reply that there is nothing rests on what the command saw when it came.
func TestBlockedReplyRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWaitRig(t)
		c, p := r.connect(), r.engine.partition
		first := newFakeWait()
		p.wait = first
		if got := c.run("t.take", "k", "1"); got.Wait != Wait(first) || show(got.Reply) != "null-array" {
			t.Errorf("got %s, resting on %v", show(got.Reply), got.Wait)
		}
		res := c.Do(words("t.take k 0"))
		second := newFakeWait()
		p.wait = second
		r.connect().do("t.write k v")
		if got := res.Later(t.Context()); got.Wait != Wait(second) || show(got.Reply) != "[k v]" {
			t.Errorf("got %s, resting on %v", show(got.Reply), got.Wait)
		}
	})
}

// fakeWait is what a reply rests on.
type fakeWait struct{ done chan struct{} }

func newFakeWait() *fakeWait { return &fakeWait{done: make(chan struct{})} }

func (w *fakeWait) Done() <-chan struct{} { return w.done }
func (w *fakeWait) Err() error            { return nil }

// Elements are given out once and to the living, however clients come, go and are unblocked.
func TestBlockedCommandsUnderLoad(t *testing.T) {
	r := newWaitRig(t)
	const takers, each, elements = 8, 50, 200
	var mu sync.Mutex
	taken := make(map[string]int)
	var all sync.WaitGroup
	for i := range takers {
		c := r.connect()
		all.Go(func() {
			for n := range each {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i*n)*10*time.Microsecond)
				res := c.Do(words("t.take a b 0.001"))
				for res.Later != nil {
					res = res.Later(ctx)
				}
				cancel()
				if len(res.Reply.Elems) == 2 {
					mu.Lock()
					taken[show(res.Reply.Elems[1])]++
					mu.Unlock()
				}
			}
		})
	}
	giver, breaker := r.connect(), r.connect()
	all.Go(func() {
		for n := range elements {
			giver.do("setnx " + []string{"a", "b"}[n%2] + " " + strconv.Itoa(n))
		}
	})
	all.Go(func() {
		for n := range elements {
			breaker.do("client unblock " + strconv.Itoa(1+n%takers))
		}
	})
	all.Wait()
	for element, n := range taken {
		if n != 1 {
			t.Errorf("%s was given out %d times", element, n)
		}
	}
	if len(taken) == 0 || r.engine.partition.waiting() != 0 {
		t.Errorf("%d were taken, %d commands are still parked", len(taken), r.engine.partition.waiting())
	}
}

func TestBlockSeconds(t *testing.T) {
	const notFloat, negative = "ERR timeout is not a float or out of range", "ERR timeout is negative"
	for _, tt := range []struct {
		word, refusal string
		want          time.Duration
	}{
		{"0", "", 0}, {"1", "", time.Second}, {"+1", "", time.Second}, {"1.", "", time.Second}, {".5", "", 500 * time.Millisecond},
		{"1e2", "", 100 * time.Second}, {"0x10", "", 16 * time.Second}, {"0x1p-3", "", 125 * time.Millisecond},
		{"0.0004", "", time.Millisecond}, {"0.0000001", "", time.Millisecond}, {"0.001", "", time.Millisecond},
		{"1.0001", "", 1001 * time.Millisecond}, {"-0", "", 0}, {"-0.0001", "", 0}, {"-0.0009", "", 0},
		{"9223372036854775", "", longestBlock}, {"9223372036854775.5", "", longestBlock}, {"1e15", "", longestBlock},
		{"", notFloat, 0}, {"a", notFloat, 0}, {"nan", notFloat, 0}, {" 1", notFloat, 0}, {"1 ", notFloat, 0}, {"1e", notFloat, 0},
		{"1e5000", notFloat, 0}, {"1e-5000", notFloat, 0}, {"1\x00", notFloat, 0},
		{"-1", negative, 0}, {"-1.5", negative, 0}, {"inf", negative, 0}, {"-inf", negative, 0}, {"1e400", negative, 0},
		{"9223372036854776", negative, 0}, {"9.3e15", negative, 0}, {"-9.3e15", negative, 0},
	} {
		got, refusal := blockSeconds([]byte(tt.word))
		if got != tt.want || refusal == nil != (tt.refusal == "") || refusal != nil && refusal.Text != tt.refusal {
			t.Errorf("%q: got %v, %+v, want %v, %q", tt.word, got, refusal, tt.want, tt.refusal)
		}
	}
}

// longestBlock is as long as a command can wait.
const longestBlock = 9223372036854 * time.Millisecond

func TestBlockMillis(t *testing.T) {
	const notInteger, negative = "ERR timeout is not an integer or out of range", "ERR timeout is negative"
	for _, tt := range []struct {
		word, refusal string
		want          time.Duration
	}{
		{"0", "", 0}, {"1", "", time.Millisecond}, {"9223372036854775807", "", longestBlock},
		{"", notInteger, 0}, {"a", notInteger, 0}, {"1.5", notInteger, 0}, {" 1", notInteger, 0}, {"01", notInteger, 0},
		{"-0", notInteger, 0}, {"9223372036854775808", notInteger, 0}, {"-1", negative, 0},
	} {
		got, refusal := blockMillis([]byte(tt.word))
		if got != tt.want || refusal == nil != (tt.refusal == "") || refusal != nil && refusal.Text != tt.refusal {
			t.Errorf("%q: got %v, %+v, want %v, %q", tt.word, got, refusal, tt.want, tt.refusal)
		}
	}
}

func TestWordsOfOneKeyOnly(t *testing.T) {
	for _, tt := range []struct {
		spec      KeySpec
		line, key string
		want      string
	}{
		{KeySpec{Index: 1, Last: -2, Step: 1}, "blpop a b c 0", "b", "blpop b 0"},
		{KeySpec{Index: 1, Last: -2, Step: 1}, "blpop a 0", "a", "blpop a 0"},
		{KeySpec{Index: 1, Step: 1}, "blmove a b left right 0", "a", "blmove a b left right 0"},
		{KeySpec{Index: 2, KeyNum: true, FirstKey: 1, Step: 1}, "blmpop 0 3 a b c left count 2", "c", "blmpop 0 1 c left count 2"},
		{KeySpec{Keyword: "STREAMS", From: 1, Last: -1, Step: 1, Limit: 2}, "xread block 0 streams a b c 1 2 3", "b", "xread block 0 streams b 2"},
		{KeySpec{Keyword: "STREAMS", From: 1, Last: -1, Step: 1, Limit: 2}, "xread block 0 streams a 1", "a", "xread block 0 streams a 1"},
	} {
		var got []string
		for _, word := range tt.spec.only(words(tt.line), tt.key) {
			got = append(got, string(word))
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s for %s: got %q, want %q", tt.line, tt.key, got, tt.want)
		}
	}
}
