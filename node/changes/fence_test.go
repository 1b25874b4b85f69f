package changes

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"shiplog/embedded"
	"shiplog/wal"
)

// streamOnThree starts three servers and makes the stream there, with a copy on each. It returns the stream as seen from each.
func streamOnThree(t *testing.T) (servers []*embedded.Server, streams []*Stream) {
	t.Helper()
	var routes []string
	for i := range 3 {
		server, err := embedded.Open(embedded.Config{
			Dir: t.TempDir(), Name: fmt.Sprint("n", i), Sync: embedded.SyncNo,
			Changes: &embedded.Changes{Stream: StreamName, Ingest: StreamIngest, User: "reader", Password: "secret"},
			Cluster: &embedded.Cluster{Secret: "secret", Election: 500 * time.Millisecond},
		})
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
		servers, streams = append(servers, server), append(streams, s)
		routes = append(routes, net.JoinHostPort("127.0.0.1", strconv.Itoa(server.RoutePort())))
	}
	for _, server := range servers {
		if err := errors.Join(server.SetRoutes(routes), server.Begin(len(servers))); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "a stream with three copies", func() bool { return streams[0].Ensure(t.Context(), StreamLimits{Replicas: 3}) == nil })
	for _, s := range streams { // a server may not know yet who takes its messages
		eventually(t, "an answer to what cannot be stored", func() bool {
			_, err := s.Publish(t.Context(), 0, 1<<40, []Message{{Type: TypeString, Op: "set", ID: "none", Body: []byte("{}")}})
			return errors.Is(err, ErrConflict)
		})
	}
	return servers, streams
}

// With three copies JetStream stores what it has taken in later, and may have taken in something else meanwhile. Of batches with the same fence that come from
// three servers at a time, several of each, one is stored, whole, and the others are told so; one whose outcome is not known is stored or is not, and nothing of
// it comes later.
func TestFenceOfThreeCopies(t *testing.T) {
	servers, streams := streamOnThree(t)
	var want []string
	newest := uint64(0)
	for round := range 60 {
		var mu sync.Mutex
		var won []string
		var done sync.WaitGroup
		for i := range 12 {
			s := streams[i%3]
			done.Go(func() {
				var batch []Message
				for j := range 1 + (round+i)%4 {
					name := fmt.Sprintf("%d:%d:%d", round, i, j)
					body := AppendJSON(nil, changeOf(name))
					batch = append(batch, Message{Type: TypeString, Op: "set", ID: name, Key: []byte(name), Token: name, Body: body})
				}
				_, err := s.Publish(t.Context(), 0, newest, batch)
				if err != nil && !errors.Is(err, ErrConflict) {
					t.Errorf("round %d: %v", round, err)
				}
				if err == nil {
					mu.Lock()
					defer mu.Unlock()
					for _, m := range batch {
						won = append(won, m.ID)
					}
				}
			})
		}
		done.Wait()
		want = append(want, won...)
		number, token, err := streams[round%3].Last(t.Context(), 0)
		if err != nil || len(won) == 0 || token != won[len(won)-1] || number != newest+uint64(len(won)) {
			t.Fatalf("round %d: %q are said to be stored behind %d, the newest is %d, %q, %v", round, won, newest, number, token, err)
		}
		newest = number
	}
	if got := keysOf(t, published(t, servers[1], len(want)), false); !slices.Equal(got, want) {
		t.Errorf("the stream has %d messages, %d were said to be stored:\n%q\n%q", len(got), len(want), got, want)
	}
}

// Every message of a batch carries the fence, and the same one: with several copies JetStream takes in another batch while the first is not stored
// yet, and judges each message by its own.
func TestEveryMessageCarriesTheFence(t *testing.T) {
	for _, n := range []int{1, 2, 5} {
		batch := make([]Message, n)
		for i := range batch {
			batch[i] = Message{Type: TypeHash, Op: "hset", ID: fmt.Sprint("id", i), Key: []byte("k"), Body: []byte("{}")}
		}
		batch[n-1].Token = "token"
		ids := make(map[string]bool)
		for i, m := range encode(7, 42, batch) {
			last := i == n-1
			for name, want := range map[string]string{
				"Nats-Expected-Last-Subject-Sequence": "42", "Nats-Expected-Last-Subject-Sequence-Subject": "changes.7.>", "Nats-Msg-Id": batch[i].ID,
				"Nats-Batch-Sequence": only(n > 1, fmt.Sprint(i+1)), "Nats-Batch-Commit": only(n > 1 && last, "1"), "Shiplog-Token": only(last, "token"),
			} {
				if got := m.Header.Get(name); got != want {
					t.Errorf("message %d of %d: %s is %q, want %q", i, n, name, got, want)
				}
			}
			if want := "_R_.changes.7.hash.hset"; m.Subject != want {
				t.Errorf("message %d of %d goes to %s, want %s", i, n, m.Subject, want)
			}
			ids[m.Header.Get("Nats-Batch-Id")] = true
		}
		if len(ids) != 1 || ids[""] != (n == 1) {
			t.Errorf("%d messages are of the batches %v", n, ids)
		}
	}
}

// only is a text when a condition holds.
func only(when bool, text string) string {
	if when {
		return text
	}
	return ""
}

// changeOf is a change that sets a key.
func changeOf(key string) *Change {
	return &Change{Sequence: 1, Epoch: 1, Effect: wal.Effect{Op: wal.OpSet, Cause: wal.CauseClient, Command: "SET", Key: []byte(key), Value: []byte("v")}}
}
