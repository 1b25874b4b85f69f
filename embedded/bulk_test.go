package embedded

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// TestBulkHasItsOwnWay holds that what is large goes from server to server over connections of its own, also after servers have learned
// something new, and that it cannot be mistaken for anything of the logs.
func TestBulkHasItsOwnWay(t *testing.T) {
	servers := unite(t, 3)
	united(t, servers)
	bulk := func(s *Server) *nats.Conn {
		nc, err := s.ConnectBulk()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
		return nc
	}
	answers := bulk(servers[1])
	if _, err := answers.Subscribe("asked", func(m *nats.Msg) { _ = m.Respond(make([]byte, 1<<20)) }); err != nil {
		t.Fatal(err)
	}
	asks := bulk(servers[2])
	ask := func() bool {
		m, err := asks.Request("asked", nil, time.Second)
		return err == nil && len(m.Data) == 1<<20
	}
	carried := func() (bytes int64) {
		routes, err := servers[2].running(t).Routez(nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range routes.Routes {
			if r.Account == bulkAccount {
				bytes += r.InBytes
			}
		}
		return bytes
	}
	overOwn := func() bool {
		before := carried()
		return ask() && carried()-before >= 1<<20
	}
	eventually(t, "an answer over a connection of its own", overOwn)
	logs, err := servers[2].Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(logs.Close)
	if _, err := logs.Request("asked", nil, time.Second); err == nil {
		t.Error("somebody of the logs is answered by somebody of bulk")
	}
	for _, s := range servers {
		if err := s.SetTags([]string{"p1"}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "an answer over a connection of its own after a reload", overOwn)
}
