package corenats

import (
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"shiplog/embedded"
	"shiplog/shipper"
	"shiplog/wal"
	"shiplog/wal/waltest"
)

// The state that is brought from one node to another.
const (
	benchTables = 16
	benchTable  = 16 << 20 // bytes
)

// BenchmarkSeeding brings a state from the server of one node to that of another, and says what both of them, which are in this process, spend on it.
func BenchmarkSeeding(b *testing.B) {
	source := newTables(b)
	shelf, err := shipper.NewShelf(b.TempDir(), func(int) (shipper.Copier, error) { return source, nil }, shipper.NewPace(0))
	if err != nil {
		b.Fatal(err)
	}
	give, ask := bulkWay(b)
	go Serve(b.Context(), give, "source", shelf.Answer) // ends with the benchmark
	awaitServed(b, ask)
	b.SetBytes(benchTables * benchTable)
	before := cpuTime(b)
	for n := 0; b.Loop(); n++ {
		s := &shipper.Seeding{
			Dir: filepath.Join(source.dir, "copy"), Log: source.log, From: NewCourier(ask, "source"), Progress: &shipper.Progress{},
			Inspect: func(string) (shipper.Copied, error) { return source.of, nil },
		}
		if _, err := s.Run(b.Context()); err != nil {
			b.Fatal(err)
		}
		if err := os.RemoveAll(s.Dir); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric((cpuTime(b)-before).Seconds()/float64(b.N)/(benchTables*benchTable)*1e9, "CPU-s/GB")
}

// tables is a state that does not change.
type tables struct {
	dir string
	of  shipper.Copied
	log wal.Log
}

func newTables(b *testing.B) *tables {
	b.Helper()
	s := &tables{dir: b.TempDir(), log: waltest.NewMemory()}
	content := make([]byte, benchTable)
	for i := range benchTables {
		_, _ = rand.Read(content) // never fails
		if err := os.WriteFile(filepath.Join(s.dir, fmt.Sprintf("%06d.sst", i)), content, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	s.found(b)
	return s
}

// found writes the log's first record, which is all that the state is of.
func (s *tables) found(b *testing.B) {
	b.Helper()
	message := make([]byte, wal.HeaderSize)
	wal.SealRecord(message, &wal.Header{Kind: wal.KindEpoch, Incarnation: wal.Incarnation{1}, Epoch: 1, Part: wal.PartFirst | wal.PartLast})
	outcome := make(chan error, 1)
	s.log.Append(1, message, func(err error) { outcome <- err })
	if err := <-outcome; err != nil {
		b.Fatal(err)
	}
	record, err := wal.DecodeRecord(message)
	if err == nil {
		s.of.Position, _, err = s.of.Position.Next(1, &record)
	}
	if err != nil {
		b.Fatal(err)
	}
}

// CopyTo implements shipper.Copier.
func (s *tables) CopyTo(dir string) (shipper.Copied, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return shipper.Copied{}, err
	}
	for i := range benchTables {
		name := fmt.Sprintf("%06d.sst", i)
		if err := os.Link(filepath.Join(s.dir, name), filepath.Join(dir, name)); err != nil {
			return shipper.Copied{}, err
		}
	}
	return s.of, nil
}

// bulkWay returns connections to two servers of a cluster.
func bulkWay(b *testing.B) (give, ask *nats.Conn) {
	b.Helper()
	one, other := benchServer(b, "give"), benchServer(b, "ask")
	routes := []string{benchRoute(one), benchRoute(other)}
	var conns []*nats.Conn
	for _, server := range []*embedded.Server{one, other} {
		nc, err := server.ConnectBulk()
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(nc.Close)
		if err := server.SetRoutes(routes); err != nil {
			b.Fatal(err)
		}
		conns = append(conns, nc)
	}
	return conns[0], conns[1]
}

func benchServer(b *testing.B, name string) *embedded.Server {
	b.Helper()
	server, err := embedded.Open(embedded.Config{
		Dir: b.TempDir(), Name: name, Sync: embedded.SyncNo,
		Cluster: &embedded.Cluster{Secret: "the secret of the benchmark", Election: 400 * time.Millisecond},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = server.Close() }) // nothing depends on it any more
	return server
}

func benchRoute(s *embedded.Server) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.RoutePort()))
}

// cpuTime is what this process has spent until now.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// awaitServed waits until a request goes from one server to the other.
func awaitServed(b *testing.B, ask *nats.Conn) {
	b.Helper()
	for {
		if _, err := NewCourier(ask, "source").Ask(b.Context(), nil); err == nil {
			return
		}
	}
}
