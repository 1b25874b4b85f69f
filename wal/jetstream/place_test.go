package jetstream

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"shiplog/embedded"
	"shiplog/wal"
)

// tagAll gives the tag to those servers that a stream is to lie on.
func tagAll(t *testing.T, servers []*embedded.Server, on ...int) (names []string) {
	t.Helper()
	for i, s := range servers {
		tags := []string{"other"}
		if slices.Contains(on, i) {
			tags, names = append(tags, "p0"), append(names, s.Name())
		}
		if err := s.SetTags(tags); err != nil {
			t.Fatal(err)
		}
	}
	return names
}

// relocated asks again and again until the log lies where it shall.
func relocated(t *testing.T, from *embedded.Server, wanted []string, dead ...string) {
	t.Helper()
	nc, err := from.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	var place Place
	eventually(t, "the log on other servers", func() bool {
		place, err = Relocate(t.Context(), nc, 0, Aim{Wanted: wanted, Dead: dead})
		return err == nil && place.Settled && slices.Equal(place.Servers, wanted)
	})
}

// TestRelocate moves a log from server to server while records are appended to it: its leader, a follower, one after the other, and back. No
// append is lost, and every server that has it in the end has all of it.
func TestRelocate(t *testing.T) {
	servers := cluster(t, 5)
	tagAll(t, servers, 0, 1, 2)
	log := openOn(t, servers[1], func(c *Config) { c.Tags = []string{"p0"} })
	leadBy(t, log, servers[0])
	stop, done := make(chan struct{}), make(chan wal.Seq, 1)
	go func() {
		last, _ := appendLoop(t, log, 1, stop)
		done <- last
	}()
	for _, on := range [][]int{{1, 2, 3}, {2, 3, 4}, {0, 2, 4}} {
		relocated(t, servers[2], tagAll(t, servers, on...))
	}
	close(stop)
	last := <-done
	for _, i := range []int{0, 2, 4} {
		l := openOn(t, servers[i], func(c *Config) { c.Existing = true })
		f := follow(t, l)
		f.reaches(t, servers[i].Name(), last)
	}
	t.Logf("%d records", last)
}

// TestRelocateFromTheDead has a log leave a server that is dead, with a tail of its own there, as every copy has one.
func TestRelocateFromTheDead(t *testing.T) {
	servers := cluster(t, 4)
	tagAll(t, servers, 0, 1, 2)
	log := openOn(t, servers[1], func(c *Config) { c.Tags = []string{"p0"} })
	leadBy(t, log, servers[0])
	lost := openOn(t, servers[2], func(c *Config) { c.Existing = true })
	follow(t, lost)
	eventually(t, "a tail on the server that will die", func() bool { return slices.Equal(consumers(t, log), []string{"n2"}) })
	if err := servers[2].Close(); err != nil {
		t.Fatal(err)
	}
	for seq := wal.Seq(1); seq <= 10; seq++ {
		if err := appended(t, log, seq, fmt.Sprint("message ", seq)); err != nil {
			t.Fatal(err)
		}
	}
	tagAll(t, servers[:2], 0, 1)
	if err := servers[3].SetTags([]string{"p0"}); err != nil {
		t.Fatal(err)
	}
	relocated(t, servers[0], []string{"n0", "n1", "n3"}, "n2")
	follow(t, openOn(t, servers[3], func(c *Config) { c.Existing = true })).reaches(t, "n3", 10)
}

// TestTailComesHome follows a log on a server that has no copy of it and then gets one: the tail reads that one soon.
func TestTailComesHome(t *testing.T) {
	servers := cluster(t, 4)
	tagAll(t, servers, 0, 1, 2)
	openOn(t, servers[0], func(c *Config) { c.Tags = []string{"p0"} })
	l := openOn(t, servers[3], func(c *Config) { c.Existing = true })
	follow(t, l)
	eventually(t, "a tail from elsewhere", func() bool { return len(consumers(t, l)) == 1 })
	relocated(t, servers[3], tagAll(t, servers, 1, 2, 3))
	eventually(t, "a tail from here", func() bool { return slices.Equal(consumers(t, l), []string{"n3"}) })
}

// TestExtra holds which server is to leave, and that none is while none is to come.
func TestExtra(t *testing.T) {
	at := func(names ...string) (p placing) {
		p.Leader = names[0]
		for _, n := range names[1:] {
			p.Replicas = append(p.Replicas, peer{Name: n, Peer: "id-" + n})
		}
		return p
	}
	for _, tt := range []struct {
		name   string
		at     placing
		going  []string
		wanted []string
		want   string
	}{
		{"as wanted", at("a", "b", "c"), nil, []string{"c", "b", "a"}, ""},
		{"a follower", at("a", "b", "c"), nil, []string{"a", "b", "d"}, "id-c"},
		{"the leader", at("a", "b", "c"), nil, []string{"b", "c", "d"}, "a"},
		{"nobody comes", at("a", "b", "c"), nil, []string{"a", "b"}, ""},
		{"nobody goes", at("a", "b"), nil, []string{"a", "b", "d"}, ""},
		{"under way", at("a", "b", "c"), []string{"a", "b", "d"}, []string{"a", "b", "d"}, ""},
		{"under way to another", at("a", "b", "c", "d"), []string{"a", "b", "d"}, []string{"a", "b", "e"}, "id-d"},
		{"turned round", at("a", "b", "c", "d"), []string{"a", "b", "d"}, []string{"a", "b", "c"}, "id-d"},
	} {
		if len(tt.going) > 0 {
			tt.at.Desired = new(desired)
			for _, n := range tt.going {
				tt.at.Desired.Replicas = append(tt.at.Desired.Replicas, peer{Name: n, Peer: "id-" + n})
			}
		}
		if place := tt.at.place(); place.Settled != (len(tt.going) == 0) {
			t.Errorf("%s: the place is %+v", tt.name, place)
		}
		got, move := tt.at.extra(tt.wanted)
		if got.Peer != tt.want || move != (tt.want != "") {
			t.Errorf("%s: %s leaves, want %q", tt.name, got.Peer, tt.want)
		}
	}
}

// A server that is dead leaves, also when the stream's leader was started after its death and does not know its name; one that is wanted stays.
func TestDeadIsFound(t *testing.T) {
	const unknown = "Server name unknown at this time (peerID: PEERPEER)"
	for name, c := range map[string]struct {
		replicas []peer
		aim      Aim
		want     string
	}{
		"by its name":     {[]peer{{"n1", "x"}, {"n2", "y"}}, Aim{Wanted: []string{"n0", "n1", "n3"}, Dead: []string{"n2", "z"}}, "n2"},
		"by its identity": {[]peer{{"n1", "x"}, {unknown, "PEERPEER"}}, Aim{Wanted: []string{"n0", "n1", "n3"}, Dead: []string{"n2", "PEERPEER"}}, unknown},
		"wanted":          {[]peer{{"n1", "x"}, {"n2", "y"}}, Aim{Wanted: []string{"n0", "n1", "n2"}, Dead: []string{"n2", "y"}}, ""},
		"not there":       {[]peer{{"n1", "x"}, {"n3", "z"}}, Aim{Wanted: []string{"n0", "n1", "n3"}, Dead: []string{"n2", "y"}}, ""},
	} {
		out, move := (&placing{Leader: "n0", Replicas: c.replicas}).dead(c.aim)
		if out.Name != c.want || move != (c.want != "") {
			t.Errorf("%s: got %+v, %t", name, out, move)
		}
	}
}

// TestClear has a log leave a server on which so many consumers lie that the change waits for them: one that is waited for is deleted, and the log moves.
func TestClear(t *testing.T) {
	const many = 60
	servers := cluster(t, 4)
	tagAll(t, servers, 0, 1, 2)
	log := openOn(t, servers[1], func(c *Config) { c.Tags = []string{"p0"} })
	leadBy(t, log, servers[0])
	nc, err := servers[1].Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if name, err := Clear(t.Context(), nc, 0); name != "" || err != nil {
		t.Fatalf("got %q, %v while nothing changes", name, err)
	}
	stream, err := log.js.Stream(t.Context(), StreamName(0))
	if err != nil {
		t.Fatal(err)
	}
	for range many {
		config := natsjs.ConsumerConfig{DeliverSubject: nats.NewInbox(), AckPolicy: natsjs.AckNonePolicy, MemoryStorage: true, Replicas: 1, InactiveThreshold: time.Hour}
		if _, err := stream.CreatePushConsumer(t.Context(), config); err != nil {
			t.Fatal(err)
		}
	}
	wanted := tagAll(t, servers, 0, 1, 3)
	cleared := ""
	eventually(t, "a consumer that is waited for", func() bool {
		_, err := Relocate(t.Context(), nc, 0, Aim{Wanted: wanted})
		if err != nil {
			return false
		}
		cleared, err = Clear(t.Context(), nc, 0)
		return err == nil && cleared != ""
	})
	if _, err := stream.Consumer(t.Context(), cleared); !errors.Is(err, natsjs.ErrConsumerNotFound) {
		t.Errorf("consumer %s: %v", cleared, err)
	}
	relocated(t, servers[1], wanted)
}

// TestConsumerThatIsWaitedFor holds what is read out of the server's words.
func TestConsumerThatIsWaitedFor(t *testing.T) {
	for words, want := range map[string]string{
		"waiting for consumer 'OkoxzGQG' to migrate": "OkoxzGQG", "waiting for peer set to settle": "", "": "",
		"waiting for consumer 'a": "", "waiting for consumer 'a.b' to migrate": "", "waiting for consumer '' to migrate": "",
	} {
		if got := (&migration{Description: words}).consumer(); got != want {
			t.Errorf("%q: got %q, want %q", words, got, want)
		}
	}
}
