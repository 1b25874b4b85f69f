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
		if err := server.SetRoutes(routes); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "a stream with three copies", func() bool { return streams[0].Ensure(t.Context(), StreamLimits{Replicas: 3}) == nil })
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

// changeOf is a change that sets a key.
func changeOf(key string) *Change {
	return &Change{Sequence: 1, Epoch: 1, Effect: wal.Effect{Op: wal.OpSet, Cause: wal.CauseClient, Command: "SET", Key: []byte(key), Value: []byte("v")}}
}
