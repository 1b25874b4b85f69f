package jetstream

import (
	"errors"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"shiplog/wal"
)

// A consumer that gives signs of life is not made anew, however long there is nothing to read, and one that gives none is.
func TestIdleTail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client := net.Pipe()
		l := &Log{cfg: Config{Server: "s"}}
		ended := make(chan error, 1)
		next := wal.Seq(1)
		go func() {
			ended <- l.deliver(newWire(client), 1, &next, func(wal.Seq, []byte) error { return nil })
		}()
		const words = "NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 0\r\n\r\n"
		for range 60 {
			<-time.After(clusterHeartbeat)
			select {
			case err := <-ended:
				t.Fatalf("a tail that is told that nothing is new ended: %v", err)
			default:
			}
			if _, err := fmt.Fprintf(server, "HMSG inbox 1 %d %d\r\n%s\r\n", len(words), len(words), words); err != nil {
				t.Fatal(err)
			}
		}
		begin := time.Now()
		if err := <-ended; !errors.Is(err, errAgain) || time.Since(begin) > silentBeats*clusterHeartbeat {
			t.Errorf("a silent consumer is given up after %v: %v", time.Since(begin), err)
		}
		if err := errors.Join(server.Close(), client.Close()); err != nil {
			t.Error(err)
		}
	})
}
