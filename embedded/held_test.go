package embedded

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

func TestHeld(t *testing.T) {
	began := time.Now()
	s := open(t, t.TempDir(), SyncNo)
	if got := s.Held(); len(got) != 0 {
		t.Errorf("before there is a stream: %v", got)
	}
	js, _ := stream(t, s)
	if got := s.Held()["S"]; got.First != 1 || got.Last != 0 || got.Bytes != 0 || !got.Oldest.IsZero() {
		t.Errorf("an empty stream: %+v", got)
	}
	for range 3 {
		publish(t, js)
	}
	got := s.Held()["S"]
	if got.First != 1 || got.Last != 3 || got.Bytes == 0 || got.Oldest.Before(began) || got.Oldest.After(time.Now()) {
		t.Errorf("three messages: %+v", got)
	}
	log, err := js.Stream(t.Context(), "S")
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Purge(t.Context(), jetstream.WithPurgeSequence(3)); err != nil {
		t.Fatal(err)
	}
	if trimmed := s.Held()["S"]; trimmed.First != 3 || trimmed.Last != 3 || trimmed.Bytes >= got.Bytes {
		t.Errorf("trimmed up to 3: %+v, before: %+v", trimmed, got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := s.Held(); got != nil {
		t.Errorf("after Close: %v", got)
	}
}
