package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	natsjs "github.com/nats-io/nats.go/jetstream"

	"shiplog/embedded"
	"shiplog/wal"
	"shiplog/wal/waltest"
)

const patience = 20 * time.Second

// harness is one stream on a server and its writers.
type harness struct {
	server *embedded.Server
	limit  int64
}

func (h *harness) Limit(bytes uint64) { h.limit = int64(bytes) }

type writer struct {
	*Log
	*faults
}

func (h *harness) Writer(t *testing.T) waltest.Writer {
	w := writer{faults: newFaults()}
	w.Log = open(t, h.server, func(c *Config) {
		c.MaxBytes = h.limit
		c.AckWait = 100 * time.Millisecond
		c.Dial = w.faults.between(h.server.Dial)
	})
	return w
}

func TestLog(t *testing.T) {
	waltest.Run(t, func(t *testing.T) waltest.Harness { return &harness{server: serve(t, embedded.SyncNo)} })
}

// appended appends and waits for the outcome.
func appended(t *testing.T, log *Log, at wal.Seq, message string) error {
	t.Helper()
	outcome := make(chan error, 1)
	log.Append(at, []byte(message), func(err error) { outcome <- err })
	select {
	case err := <-outcome:
		return err
	case <-time.After(patience):
		t.Fatalf("append %d: no outcome", at)
		return nil
	}
}

func streams(t *testing.T, server *embedded.Server) natsjs.JetStream {
	t.Helper()
	nc, err := server.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := natsjs.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// A stream that could lose a record is refused, and the error names what is wrong with it.
func TestOpenRefusesForeignStream(t *testing.T) {
	for name, change := range map[string]func(*natsjs.StreamConfig){
		"max age":                  func(c *natsjs.StreamConfig) { c.MaxAge = time.Hour },
		"discard":                  func(c *natsjs.StreamConfig) { c.Discard = natsjs.DiscardOld },
		"max messages":             func(c *natsjs.StreamConfig) { c.MaxMsgs = 10 },
		"max messages per subject": func(c *natsjs.StreamConfig) { c.MaxMsgsPerSubject = 10 },
		"max message size":         func(c *natsjs.StreamConfig) { c.MaxMsgSize = 10 },
		"deny delete":              func(c *natsjs.StreamConfig) { c.DenyDelete = false },
		"deny purge":               func(c *natsjs.StreamConfig) { c.DenyPurge = true },
		"retention":                func(c *natsjs.StreamConfig) { c.Retention = natsjs.WorkQueuePolicy },
		"storage":                  func(c *natsjs.StreamConfig) { c.Storage = natsjs.MemoryStorage },
		"no acknowledgements":      func(c *natsjs.StreamConfig) { c.NoAck = true },
		"compression":              func(c *natsjs.StreamConfig) { c.Compression = natsjs.S2Compression },
		"subjects":                 func(c *natsjs.StreamConfig) { c.Subjects = []string{"wal.0", "other"} },
		"rollups":                  func(c *natsjs.StreamConfig) { c.AllowRollup = true },
		"direct reads":             func(c *natsjs.StreamConfig) { c.AllowDirect = true },
		"persist mode":             func(c *natsjs.StreamConfig) { c.PersistMode = natsjs.AsyncPersistMode },
		"subject transform":        func(c *natsjs.StreamConfig) { c.RePublish = &natsjs.RePublish{Source: ">", Destination: "x.>"} },
		"duplicates window":        func(c *natsjs.StreamConfig) { c.Duplicates = time.Minute },
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, embedded.SyncNo)
			config := (&Config{Replicas: 1}).streamConfig(1)
			change(&config)
			if _, err := streams(t, server).CreateStream(t.Context(), config); err != nil {
				t.Fatal(err)
			}
			_, err := Open(t.Context(), Config{Connect: server.Connect, Dial: server.Dial})
			if !errors.Is(err, ErrForeignStream) || !strings.Contains(err.Error(), name) {
				t.Errorf("open = %v, want ErrForeignStream with %q", err, name)
			}
		})
	}
}

func TestOpenAdaptsSizeLimit(t *testing.T) {
	server := serve(t, embedded.SyncNo)
	for _, limit := range []int64{1 << 20, 2 << 20, 0} {
		log := open(t, server, func(c *Config) { c.MaxBytes = limit })
		stream, err := log.js.Stream(t.Context(), log.name)
		if err != nil {
			t.Fatal(err)
		}
		want := limit
		if want == 0 {
			want = -1
		}
		if got := stream.CachedInfo().Config.MaxBytes; got != want {
			t.Errorf("limit = %d, want %d", got, want)
		}
	}
}

func TestExisting(t *testing.T) {
	server := serve(t, embedded.SyncNo)
	existing := Config{Connect: server.Connect, Dial: server.Dial, Partition: 3, Existing: true}
	if _, err := Open(t.Context(), existing); !errors.Is(err, ErrNoLog) {
		t.Errorf("open of no log = %v, want ErrNoLog", err)
	}
	made := open(t, server, func(c *Config) { c.Partition, c.MaxBytes = 3, 1<<20 })
	if err := appended(t, made, 1, "one"); err != nil {
		t.Fatal(err)
	}
	log := open(t, server, func(c *Config) { *c = existing })
	if got, err := log.Get(t.Context(), 1); err != nil || string(got) != "one" {
		t.Errorf("get = %q, %v", got, err)
	}
	got, err := Partitions(t.Context(), log.nc)
	if err != nil || fmt.Sprint(got) != "[3]" {
		t.Errorf("partitions = %v, %v; want [3]", got, err)
	}
}

// A log that is founded anew is empty, begins where it was told, and takes appends there at once.
func TestRefound(t *testing.T) {
	server := serve(t, embedded.SyncNo)
	log := open(t, server, nil)
	for seq := wal.Seq(1); seq <= 3; seq++ {
		if err := appended(t, log, seq, fmt.Sprint("before ", seq)); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Refound(t.Context(), 101); err != nil {
		t.Fatal(err)
	}
	if got, err := log.Bounds(t.Context()); err != nil || got.First != 101 || got.Last != 100 {
		t.Errorf("bounds = %+v, %v; want 101 to 100", got, err)
	}
	if err := appended(t, log, 101, "after"); err != nil {
		t.Fatal(err)
	}
	if got, err := log.Bounds(t.Context()); err != nil || got.First != 101 || got.Last != 101 {
		t.Errorf("bounds = %+v, %v; want 101 to 101", got, err)
	}
	again := open(t, server, func(c *Config) { c.FirstSeq = 7 }) // has no say: the log is there
	if got, err := again.Get(t.Context(), 101); err != nil || string(got) != "after" {
		t.Errorf("get = %q, %v", got, err)
	}
}

func TestRefoundRefusesWhileUndecided(t *testing.T) {
	server := serve(t, embedded.SyncNo)
	faults := newFaults()
	log := open(t, server, func(c *Config) { c.Dial = faults.between(server.Dial) })
	faults.Fault(1, waltest.LosePublish)
	log.Append(1, []byte("x"), func(error) {})
	if err := log.Refound(t.Context(), 10); !errors.Is(err, wal.ErrUndecided) {
		t.Errorf("refound = %v, want ErrUndecided", err)
	}
}

func TestFirstSeq(t *testing.T) {
	log := open(t, serve(t, embedded.SyncNo), func(c *Config) { c.FirstSeq = 42 })
	if err := appended(t, log, 42, "x"); err != nil {
		t.Fatal(err)
	}
	if got, err := log.Bounds(t.Context()); err != nil || got.First != 42 || got.Last != 42 {
		t.Errorf("bounds = %+v, %v; want 42 to 42", got, err)
	}
}

// Appends and tails live through a restart of the server: nothing is lost, nothing is twice.
func TestServerRestarts(t *testing.T) {
	server := serve(t, embedded.SyncNo)
	log := open(t, server, func(c *Config) { c.AckWait = 200 * time.Millisecond })
	const n = 2000
	seen, ended := make(chan wal.Seq, n), make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		ended <- log.Tail(ctx, 1, func(seq wal.Seq, message []byte) error {
			if want := fmt.Sprint("message ", seq); string(message) != want {
				return fmt.Errorf("got %q, want %q", message, want)
			}
			seen <- seq
			return nil
		})
	}()
	restarted := make(chan error, 1)
	for seq := wal.Seq(1); seq <= n; seq++ {
		if seq == n/2 {
			go func() { restarted <- server.Restart() }()
		}
		if err := appended(t, log, seq, fmt.Sprint("message ", seq)); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-restarted; err != nil {
		t.Fatal(err)
	}
	for seq := wal.Seq(1); seq <= n; seq++ {
		select {
		case got := <-seen:
			if got != seq {
				t.Fatalf("tail gives %d, want %d", got, seq)
			}
		case err := <-ended:
			t.Fatalf("tail ended: %v", err)
		case <-time.After(patience):
			t.Fatalf("tail gives nothing after %d", seq-1)
		}
	}
	cancel()
	<-ended
	if got, err := log.Bounds(t.Context()); err != nil || got.Last != n {
		t.Errorf("bounds = %+v, %v; want the end at %d", got, err, n)
	}
}

func TestJudge(t *testing.T) {
	for answer, want := range map[string]verdict{
		`{"stream":"WAL_0","seq":7}`:                                {stored: true, seq: 7},
		`{"stream":"WAL_0","domain":"hub","seq":18446744073709551}`: {stored: true, seq: 18446744073709551},
		`{"stream":"WAL_0","seq":}`:                                 {},
		`{"stream":"WAL_0"}`:                                        {},
		`{"stream":"WAL_0","seq":99999999999999999999}`:             {},
		``:         {},
		`nonsense`: {},
		`{"error":{"code":400,"err_code":10071,"description":"wrong"}}`:                                           {},
		`{"error":{"code":503,"err_code":10077,"description":"maximum bytes exceeded"},"stream":"WAL_0","seq":0}`: {refused: true},
		`{"error":{"code":503,"err_code":10077,"description":"store is closed"},"stream":"WAL_0","seq":0}`:        {},
		`{"error":{"code":503,"err_code":10023,"description":"insufficient resources"}}`:                          {refused: true},
		`{"error":{"code":500,"err_code":10047,"description":"insufficient storage resources available"}}`:        {refused: true},
		`{"error":{"code":400,"err_code":10002,"description":"resource limits exceeded for account"}}`:            {refused: true},
		`{"error":{"code":429,"err_code":10167,"description":"too many requests"}}`:                               {},
	} {
		if got := judge([]byte(answer)); got != want {
			t.Errorf("judge(%s) = %+v, want %+v", answer, got, want)
		}
	}
}

func TestDelivered(t *testing.T) {
	for reply, want := range map[string]wal.Seq{
		"$JS.ACK.WAL_0.abc.1.77.3.1700000000.5":          77,
		"$JS.ACK.WAL_0.abc.1.77.3.1700000000":            0,
		"$JS.ACK.hub.hash.WAL_0.abc.1.77.3.1700000000.5": 0,
		"$JS.ACK.WAL_0.abc.1.x.3.1700000000.5":           0,
		"":                                               0,
	} {
		got, err := delivered([]byte(reply))
		if got != want || (err == nil) != (want != 0) {
			t.Errorf("delivered(%q) = %d, %v; want %d", reply, got, err, want)
		}
	}
}
