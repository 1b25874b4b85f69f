package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// forReaders is what a test lets readers have.
func forReaders() *Changes {
	return &Changes{Stream: "CHANGES", Ingest: "_R_.changes.>", User: "reader", Password: "a long password", Port: AnyPort}
}

// changesStream makes the stream as the engine does.
func changesStream(t *testing.T, s *Server, replicas int) (*nats.Conn, jetstream.Stream) {
	t.Helper()
	nc, err := s.ConnectChanges()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	var made jetstream.Stream
	eventually(t, "the stream of changes is there", func() bool {
		made, err = js.CreateOrUpdateStream(t.Context(), jetstream.StreamConfig{
			Name: "CHANGES", Subjects: []string{"_R_.changes.>"}, Replicas: replicas, AllowAtomicPublish: true, AllowDirect: true,
			SubjectTransform: &jetstream.SubjectTransformConfig{Source: "_R_.changes.>", Destination: "changes.>"},
		})
		return err == nil
	})
	for i := range 3 {
		if _, err := js.Publish(t.Context(), "_R_.changes.0.string.set", []byte(strconv.Itoa(i))); err != nil {
			t.Fatal(err)
		}
	}
	return nc, made
}

// reader connects as a stranger with a reader's password does.
func reader(t *testing.T, s *Server) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect("nats://"+s.ChangesAddr(), nats.UserInfo("reader", "a long password"),
		nats.PermissionErrOnSubscribe(true), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})) // what is refused is seen by what does not happen
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func openForReaders(t *testing.T) *Server {
	t.Helper()
	s, err := Open(Config{Dir: t.TempDir(), Name: "test", Sync: SyncNo, Changes: forReaders()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// consumes reads the stream through a durable consumer, whose position the server keeps, and deletes it.
func consumes(t *testing.T, nc *nats.Conn) {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	c, err := js.CreateOrUpdateConsumer(t.Context(), "CHANGES", jetstream.ConsumerConfig{
		Durable: "worker", FilterSubject: "changes.*.string.>", AckPolicy: jetstream.AckExplicitPolicy,
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		m, err := c.Next(jetstream.FetchMaxWait(10 * time.Second))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(m.Data()); got != strconv.Itoa(i) || m.Subject() != "changes.0.string.set" {
			t.Errorf("message %d is %q on %s", i, got, m.Subject())
		}
		if err := m.DoubleAck(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := c.Info(t.Context()); err != nil || info.AckFloor.Stream != 3 {
		t.Errorf("consumer = %+v, %v; want 3 acknowledged", info, err)
	}
	if err := js.DeleteConsumer(t.Context(), "CHANGES", "worker"); err != nil {
		t.Error(err)
	}
}

// Readers use consumers as they know them, on a lone server and in a cluster, wherever the stream is led.
func TestReadersConsume(t *testing.T) {
	s := openForReaders(t)
	changesStream(t, s, 1)
	consumes(t, reader(t, s))
	if got := listening(t); len(got) != 1 {
		t.Errorf("listening on %v, want the readers' port alone", got)
	}
}

// deaf requests are those that a reader must get no answer to, with a payload that would be good.
func deaf() map[string]string {
	stream := `{"name":"CHANGES","subjects":["changes.>"],"retention":"limits","storage":"file","num_replicas":1,"discard":"old","max_msgs":1}`
	other := strings.Replace(strings.Replace(stream, "CHANGES", "OTHER", 1), "changes.>", "other.>", 1)
	return map[string]string{
		"$JS.API.STREAM.DELETE.CHANGES":              "",
		"$JS.API.STREAM.PURGE.CHANGES":               "",
		"$JS.API.STREAM.UPDATE.CHANGES":              stream,
		"$JS.API.STREAM.CREATE.CHANGES":              stream,
		"$JS.API.STREAM.CREATE.OTHER":                other,
		"$JS.API.STREAM.RESTORE.CHANGES":             `{"config":` + stream + `}`,
		"$JS.API.STREAM.SNAPSHOT.CHANGES":            `{"deliver_subject":"_INBOX.x"}`,
		"$JS.API.STREAM.MSG.DELETE.CHANGES":          `{"seq":1}`,
		"$JS.API.STREAM.LEADER.STEPDOWN.CHANGES":     "",
		"$JS.API.STREAM.PEER.REMOVE.CHANGES":         `{"peer":"test"}`,
		"$JS.API.STREAM.INFO.WAL_0":                  "",
		"$JS.API.STREAM.MSG.GET.WAL_0":               `{"seq":1}`,
		"$JS.API.DIRECT.GET.WAL_0":                   `{"seq":1}`,
		"$JS.API.CONSUMER.CREATE.WAL_0":              `{"stream_name":"WAL_0","config":{"ack_policy":"none"}}`,
		"$JS.API.META.LEADER.STEPDOWN":               "",
		"$JS.API.SERVER.REMOVE":                      `{"peer":"test"}`,
		"$JS.API.ACCOUNT.PURGE.LOGS":                 "",
		"$KV.CLUSTER.map":                            "x",
		"wal.0":                                      "x",
		"changes.0.string.set":                       "x",
		"_R_.changes.0.string.set":                   "x",
		"$SYS.REQ.SERVER.PING":                       "",
		"$SYS.REQ.ACCOUNT.CHANGES.CONNZ":             "",
		"$SYS.REQ.SERVER.PING.VARZ":                  "",
		"$JS.API.CONSUMER.LEADER.STEPDOWN.CHANGES.x": "",
		"_INBOX.somebody.else":                       "x",
	}
}

// Nothing but reading is possible, whatever a reader asks for.
func TestReadersOnlyRead(t *testing.T) {
	s := openForReaders(t)
	log, logged := stream(t, s)
	if _, err := log.CreateStream(t.Context(), jetstream.StreamConfig{Name: "WAL_0", Subjects: []string{"wal.0"}}); err != nil {
		t.Fatal(err)
	}
	heard := make(chan string, 100)
	if _, err := logged.Subscribe("wal.>", func(m *nats.Msg) { heard <- m.Subject }); err != nil {
		t.Fatal(err)
	}
	_, changes := changesStream(t, s, 1)
	before := changes.CachedInfo().Config
	nc := reader(t, s)
	for subject, payload := range deaf() {
		if answer, err := nc.Request(subject, []byte(payload), 50*time.Millisecond); err == nil {
			t.Errorf("%s is answered with %s", subject, answer.Data)
		}
	}
	unchanged(t, changes, &before)
	if len(heard) > 0 {
		t.Errorf("the logs' account heard %s", <-heard)
	}
	hearsNobody(t, nc, log, changes)
	for _, subject := range []string{"wal.>", "$KV.>", "_ENGINE.>", ">", "$SYS.>", "$JS.API.>", "changes.>", "_R_.>", "$JS.EVENT.>"} {
		sub, err := nc.SubscribeSync(subject)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sub.NextMsg(5 * time.Second); !errors.Is(err, nats.ErrPermissionViolation) {
			t.Errorf("subscribing to %s: %v, want a violation", subject, err)
		}
	}
	consumes(t, nc)
}

// hearsNobody checks that a reader that listens to all inboxes hears what neither the logs' account nor the engine is answered.
func hearsNobody(t *testing.T, nc *nats.Conn, log jetstream.JetStream, changes jetstream.Stream) {
	t.Helper()
	sub, err := nc.SubscribeSync("_INBOX.>")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	if _, err := changes.Info(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := log.Stream(t.Context(), "WAL_0"); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	if n, _, err := sub.Pending(); err != nil || n > 0 {
		t.Errorf("a reader hears %d answers to others, %v", n, err)
	}
}

// unchanged checks that the stream is what it was.
func unchanged(t *testing.T, stream jetstream.Stream, before *jetstream.StreamConfig) {
	t.Helper()
	info, err := stream.Info(t.Context())
	if err != nil {
		t.Fatalf("the stream: %v", err)
	}
	if info.State.Msgs != 3 || info.State.LastSeq != 3 {
		t.Errorf("the stream has %d messages up to %d, want 3", info.State.Msgs, info.State.LastSeq)
	}
	got, failed := json.Marshal(info.Config)
	want, err := json.Marshal(before)
	if failed != nil || err != nil || string(got) != string(want) {
		t.Errorf("the stream is now %s, was %s", got, want)
	}
}

// aims are the subjects that a reader may want the server itself to send a message to.
func aims() []string {
	return append((&Changes{Stream: "CHANGES"}).subjects(noneMay), "_R_.changes.0.string.set", "changes.0.string.set", "wal.0",
		"$JS.API.STREAM.UPDATE.CHANGES", "$JS.API.STREAM.CREATE.CHANGES", "$JS.API.META.LEADER.STEPDOWN")
}

// A reader chooses where answers and deliveries go, and the server sends them with no permission asked: they must do no harm either.
func TestReadersCannotUseTheServersHand(t *testing.T) {
	s := openForReaders(t)
	_, changes := changesStream(t, s, 1)
	before := changes.CachedInfo().Config
	nc := reader(t, s)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateOrUpdateConsumer(t.Context(), "CHANGES", jetstream.ConsumerConfig{Durable: "d", HeadersOnly: true}); err != nil {
		t.Fatal(err)
	}
	for _, aim := range aims() {
		for request, payload := range map[string]string{
			"$JS.API.CONSUMER.MSG.NEXT.CHANGES.d": `{"batch":10,"no_wait":true}`, // deliveries, and a status without a body
			"$JS.API.STREAM.INFO.CHANGES":         "",
			"$JS.API.STREAM.MSG.GET.CHANGES":      `{"seq":1}`,
			"$JS.API.DIRECT.GET.CHANGES":          `{"seq":1}`,
		} {
			if err := nc.PublishRequest(request, aim, []byte(payload)); err != nil {
				t.Fatal(err)
			}
		}
		push, err := json.Marshal(map[string]any{"stream_name": "CHANGES", "config": map[string]any{
			"deliver_subject": aim, "ack_policy": "none", "headers_only": true, "durable_name": "push" + strings.ReplaceAll(aim, ".", "_")}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := nc.Request("$JS.API.CONSUMER.CREATE.CHANGES", push, 5*time.Second); err != nil {
			t.Errorf("a consumer that delivers to %s: no answer: %v", aim, err)
		}
	}
	if _, err := js.CreateOrUpdateConsumer(t.Context(), "CHANGES", jetstream.ConsumerConfig{Durable: "last"}); err != nil {
		t.Fatal(err) // when this is answered, so is all before it
	}
	settled(t, changes)
	unchanged(t, changes, &before)
}

// settled waits until every consumer has delivered what it can.
func settled(t *testing.T, stream jetstream.Stream) {
	t.Helper()
	eventually(t, "pushing consumers have delivered", func() bool {
		for info := range stream.ListConsumers(t.Context()).Info() {
			if info.Config.DeliverSubject != "" && info.PushBound && info.NumPending > 0 {
				return false
			}
		}
		return true
	})
}

// Without the right password nobody comes in; the engine's is random.
func TestReadersNeedThePassword(t *testing.T) {
	s := openForReaders(t)
	for _, option := range []nats.Option{nats.UserInfo("reader", "x"), nats.UserInfo("engine", ""), nats.UserInfo("", ""), nats.Name("nobody")} {
		if nc, err := nats.Connect("nats://"+s.ChangesAddr(), option); !errors.Is(err, nats.ErrAuthorization) {
			t.Errorf("connected: %v", err)
			nc.Close()
		}
	}
}

// In a cluster every server lets readers in, and what holds on a lone server holds there too, after the servers have learned of each other.
func TestReadersOfACluster(t *testing.T) {
	var servers []*Server
	for i := range 3 {
		servers = append(servers, join(t, fmt.Sprint("n", i), func(c *Config) { c.Changes = forReaders() }))
	}
	begin(t, servers)
	_, changes := changesStream(t, servers[0], 3)
	before := changes.CachedInfo().Config
	for _, s := range servers {
		nc := reader(t, s)
		consumes(t, nc)
		if err := s.SetTags([]string{"tag-of-" + s.Name()}); err != nil { // users are read again
			t.Fatal(err)
		}
		js, err := jetstream.New(nc)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := js.CreateOrUpdateConsumer(t.Context(), "CHANGES", jetstream.ConsumerConfig{Durable: "d"}); err != nil {
			t.Fatal(err)
		}
		for _, aim := range aims() {
			if err := nc.PublishRequest("$JS.API.CONSUMER.MSG.NEXT.CHANGES.d", aim, []byte(`{"batch":10,"no_wait":true}`)); err != nil {
				t.Fatal(err)
			}
			if err := nc.PublishRequest("$JS.API.STREAM.INFO.CHANGES", aim, nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := js.DeleteConsumer(t.Context(), "CHANGES", "d"); err != nil {
			t.Fatal(err)
		}
	}
	unchanged(t, changes, &before)
}

// What cannot be is refused at once.
func TestChangesAreChecked(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	for want, change := range map[string]func(*Changes){
		"no name for a stream":  func(c *Changes) { c.Stream = "A.B" },
		"must begin with _R_.":  func(c *Changes) { c.Ingest = "changes.>" },
		"a user and a password": func(c *Changes) { c.Password = "" },
		"no port":               func(c *Changes) { c.Port = 70000 },
		"address already in":    func(c *Changes) { c.Port = taken.Addr().(*net.TCPAddr).Port },
	} {
		c := forReaders()
		change(c)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		_, err := Open(Config{Dir: t.TempDir(), Name: "test", Sync: SyncNo, Changes: c})
		if err == nil || !strings.Contains(err.Error(), want) || ctx.Err() != nil {
			t.Errorf("got %v, want %q at once", err, want)
		}
		cancel()
	}
}

// A stream that is being made is no reason to restart the server; one that is lost is.
func TestMakingAStreamIsNoSickness(t *testing.T) {
	s := openForReaders(t)
	folder := filepath.Join(s.cfg.Dir, "jetstream", "LOGS", "streams", "NEW")
	if err := os.MkdirAll(folder, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := s.Healthy(); err != nil {
		t.Errorf("while a stream is made: %v", err)
	}
	before := time.Now().Add(-time.Minute)
	if err := os.Chtimes(folder, before, before); err != nil {
		t.Fatal(err)
	}
	if err := s.Healthy(); !errors.Is(err, ErrUnhealthy) {
		t.Errorf("with a stream that is lost: %v", err)
	}
}
