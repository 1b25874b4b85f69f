package corenats

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"shiplog/embedded"
)

func TestAsk(t *testing.T) {
	server, err := embedded.Open(embedded.Config{Dir: t.TempDir(), Name: "lone", Sync: embedded.SyncNo})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	nc, err := server.ConnectBulk()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	c := NewCourier(nc, "here")
	began := time.Now()
	if _, err := c.Ask(t.Context(), []byte("?")); !errors.Is(err, ErrUnanswered) || time.Since(began) > askWithin/2 {
		t.Errorf("nobody is there: %v after %v, want %v at once", err, time.Since(began), ErrUnanswered)
	}
	ctx, end := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- Serve(ctx, nc, "here", func(_ context.Context, asked, _ []byte) []byte {
			return append(bytes.Clone(asked), make([]byte, 1<<20)...)
		})
	}()
	for {
		answer, err := c.Ask(t.Context(), []byte("word"))
		if errors.Is(err, ErrUnanswered) {
			continue // Serve has not begun
		}
		if err != nil || len(answer) != 4+1<<20 || string(answer[:4]) != "word" {
			t.Errorf("got %d bytes, %v", len(answer), err)
		}
		break
	}
	end()
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
}
