package embedded

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// inVain waits until each server has stood for election a few times, and fails if one was elected.
func inVain(t *testing.T, servers []*Server) {
	t.Helper()
	const times = 2
	before := make([]uint64, len(servers))
	for i, s := range servers {
		before[i] = s.Elections()
	}
	eventually(t, "some elections", func() bool {
		for i, s := range servers {
			if s.Elections() < before[i]+times {
				return false
			}
		}
		return true
	})
	if len(leaders(servers)) > 0 {
		t.Fatalf("%s was elected", leaders(servers)[0].Name())
	}
	for _, s := range servers {
		if !s.Blank() {
			t.Fatalf("%s has heard of a group", s.Name())
		}
	}
}

// acquainted waits until each server has a route to all others.
func acquainted(t *testing.T, servers []*Server) {
	t.Helper()
	eventually(t, "routes between all", func() bool {
		for _, s := range servers {
			if varz, err := s.running(t).Varz(nil); err != nil || varz.Remotes < len(servers)-1 {
				return false
			}
		}
		return true
	})
}

// kept makes a stream with three copies and puts something into it; the function that it returns fails the test unless that is there.
func kept(t *testing.T, servers []*Server) (check func()) {
	t.Helper()
	const messages = 20
	js := client(t, servers[0])
	made(t, js, jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}, Replicas: 3})
	for range messages {
		eventually(t, "publishing", func() bool { return tried(t.Context(), js) == nil })
	}
	least := uint64(messages)
	return func() {
		t.Helper()
		eventually(t, "the stream", func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			stream, err := js.Stream(ctx, "S")
			return err == nil && stream.CachedInfo().State.Msgs >= least && stream.CachedInfo().Cluster.Leader != ""
		})
		eventually(t, "publishing", func() bool { return tried(t.Context(), js) == nil })
		least++
	}
}

// Servers that know each other and nothing else begin no group, however often they stand for election, until they are let.
func TestBlankServersBeginNothing(t *testing.T) {
	var servers []*Server
	for i := range 3 {
		servers = append(servers, join(t, fmt.Sprint("n", i), nil))
	}
	acquaint(t, servers)
	acquainted(t, servers)
	inVain(t, servers)
	for _, s := range servers {
		if err := s.Restart(); err != nil {
			t.Fatal(err)
		}
	}
	acquainted(t, servers)
	inVain(t, servers)
	if err := servers[1].Begin(3); err != nil {
		t.Fatal(err)
	}
	united(t, servers) // one that may is enough
}

// A group begins with all that were counted and not with one less, and what was allowed can be taken back.
func TestBeginTakesAll(t *testing.T) {
	servers := []*Server{join(t, "n0", nil), join(t, "n1", nil)}
	acquaint(t, servers)
	acquainted(t, servers)
	for _, s := range servers {
		if err := s.Begin(3); err != nil {
			t.Fatal(err)
		}
	}
	inVain(t, servers)
	for _, s := range servers {
		if err := s.Begin(0); err != nil {
			t.Fatal(err)
		}
	}
	servers = append(servers, join(t, "n2", func(c *Config) { c.Cluster.Routes = addresses(servers...) }))
	acquainted(t, servers)
	inVain(t, servers)
	if err := servers[2].Begin(3); err != nil {
		t.Fatal(err)
	}
	united(t, servers)
	if servers[2].Blank() {
		t.Error("the leader is blank")
	}
}

// New servers, and one that has lost its disk, that met each other before they meet a cluster depose nobody there, even if they may begin a
// group of one more than they are: whoever has a log does not vote for them. They are let in.
func TestBlankServersDeposeNobody(t *testing.T) {
	for name, may := range map[string]int{"that may begin nothing": 0, "that may begin with one more": 3} {
		t.Run(name, func(t *testing.T) {
			servers := unite(t, 3)
			united(t, servers)
			check := kept(t, servers)
			if err := servers[2].Close(); err != nil {
				t.Fatal(err)
			}
			blank := []*Server{join(t, "n2", nil), join(t, "n3", nil)} // a directory that was emptied, and a new one
			acquaint(t, blank)
			acquainted(t, blank)
			for _, s := range blank {
				if err := s.Begin(may); err != nil {
					t.Fatal(err)
				}
			}
			inVain(t, blank) // with terms that are far ahead of the cluster's
			servers = append(servers[:2:2], blank...)
			for _, s := range blank {
				if err := s.SetRoutes(addresses(servers...)); err != nil {
					t.Fatal(err)
				}
			}
			united(t, servers)
			check()
			eventually(t, "all count four servers", func() bool {
				return !slices.ContainsFunc(servers, func(s *Server) bool { return lookupRaftNode(s.running(t), metaGroup).ClusterSize() != 4 })
			})
		})
	}
}

// Whoever has heard of a group begins no other, and counts its servers after a restart as before.
func TestBeginIsForBlankServers(t *testing.T) {
	servers := unite(t, 2)
	united(t, servers)
	eventually(t, "both have heard of it", func() bool { return !servers[0].Blank() && !servers[1].Blank() })
	if err := servers[0].Restart(); err != nil {
		t.Fatal(err)
	}
	for _, s := range servers {
		if err := s.Begin(7); err != nil {
			t.Error(err)
		}
		if got := lookupRaftNode(s.running(t), metaGroup).ClusterSize(); got != 2 {
			t.Errorf("%s counts %d servers, want 2", s.Name(), got)
		}
	}
	united(t, servers)
}

// A server that is alone in its cluster notes that it begins nothing, and that it knows itself: who is elected without doing so would for a
// moment count itself only.
func TestBlankServersNote(t *testing.T) {
	s := join(t, "n0", nil)
	state, err := os.ReadFile(filepath.Join(metaFolder(s.cfg.Dir), "peers.idx"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "\x00\x00\x10\x00\x01\x00\x00\x00" + PeerID("n0") + "\x00\x00"; string(state) != want {
		t.Errorf("it notes %q, want %q", state, want)
	}
	group := lookupRaftNode(s.running(t), metaGroup)
	if group.ClusterSize() != none || group.ID() != PeerID("n0") || !slices.Equal(group.PeerNames(), []string{group.ID()}) {
		t.Errorf("it counts %d servers and knows %v, it is %s", group.ClusterSize(), group.PeerNames(), group.ID())
	}
}

func TestServerAt(t *testing.T) {
	s := join(t, "n0", nil)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if name, err := ServerAt(ctx, addresses(s)[0]); name != "n0" || err != nil {
		t.Errorf("got %q, %v", name, err)
	}
	listener, err := net.Listen("tcp", loopback+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	answers := make(chan string)
	go func() {
		for answer := range answers {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte(answer))
			_ = conn.Close()
		}
	}()
	defer close(answers)
	for _, answer := range []string{"", "INFO", "INFO {}\r\n", "INFO {\r\n", "+PONG\r\n", strings.Repeat("x", 70000) + "\n"} {
		answers <- answer
		if name, err := ServerAt(ctx, listener.Addr().String()); err == nil {
			t.Errorf("%.20q: got %q", answer, name)
		}
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := ServerAt(ended, addresses(s)[0]); err == nil {
		t.Error("no error when the context has ended")
	}
}
