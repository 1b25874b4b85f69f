package jetstream

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"shiplog/embedded"
	"shiplog/wal"
)

func serve(t testing.TB, mode embedded.Sync) *embedded.Server {
	t.Helper()
	server, err := embedded.Open(embedded.Config{Dir: t.TempDir(), Name: "test", Sync: mode})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

func open(t testing.TB, server *embedded.Server, change func(*Config)) *Log {
	t.Helper()
	cfg := Config{Partition: 0, Connect: server.Connect, Dial: server.Dial}
	if change != nil {
		change(&cfg)
	}
	log, err := Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	})
	return log
}

var benchmarks = []struct {
	mode embedded.Sync
	size int
}{
	{embedded.SyncNo, 100}, {embedded.SyncNo, 1 << 10}, {embedded.SyncNo, 16 << 10},
	{embedded.SyncAlways, 100}, {embedded.SyncAlways, 1 << 10}, {embedded.SyncAlways, 16 << 10},
}

// BenchmarkAppend is the hot path: one append in flight, the next goes out from the acknowledgement.
func BenchmarkAppend(b *testing.B) {
	for _, c := range benchmarks {
		b.Run(fmt.Sprintf("%s/%dB", c.mode, c.size), func(b *testing.B) {
			log := open(b, serve(b, c.mode), nil)
			message, finished := make([]byte, c.size), make(chan error)
			b.SetBytes(int64(c.size))
			b.ReportAllocs()
			b.ResetTimer()
			n := 0
			var done func(error)
			done = func(err error) {
				if n++; err != nil || n == b.N {
					finished <- err
					return
				}
				log.Append(wal.Seq(n+1), message, done)
			}
			log.Append(1, message, done)
			if err := <-finished; err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkPublishClient is what BenchmarkAppend is compared with: a synchronous fenced publish of nats.go.
func BenchmarkPublishClient(b *testing.B) {
	for _, c := range benchmarks {
		b.Run(fmt.Sprintf("%s/%dB", c.mode, c.size), func(b *testing.B) {
			server := serve(b, c.mode)
			log := open(b, server, nil)
			nc, err := server.Connect()
			if err != nil {
				b.Fatal(err)
			}
			defer nc.Close()
			js, err := natsjs.New(nc)
			if err != nil {
				b.Fatal(err)
			}
			message := make([]byte, c.size)
			b.SetBytes(int64(c.size))
			b.ReportAllocs()
			b.ResetTimer()
			for n := range b.N {
				if _, err := js.PublishMsg(context.Background(), &nats.Msg{Subject: log.subject, Data: message}, natsjs.WithExpectLastSequence(uint64(n))); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkTail is recovery: reading a log of small records from its beginning.
func BenchmarkTail(b *testing.B) {
	const records = 200_000
	log := open(b, serve(b, embedded.SyncNo), nil)
	message, finished := make([]byte, 150), make(chan error, 1)
	for seq := wal.Seq(1); seq <= records; seq++ {
		log.Append(seq, message, func(err error) {
			if err != nil || seq == records {
				finished <- err
			}
		})
	}
	if err := <-finished; err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		err := log.Tail(b.Context(), 1, func(seq wal.Seq, _ []byte) error {
			if seq == records {
				return errEnough
			}
			return nil
		})
		if !errors.Is(err, errEnough) {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(records)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

var errEnough = errors.New("enough")
