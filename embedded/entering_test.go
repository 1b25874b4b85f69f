package embedded

import (
	"fmt"
	"testing"
	"time"
)

// Whoever enters while the server learns something new is not taken for a stranger.
func TestEnteringWhileReloading(t *testing.T) {
	s, err := Open(Config{Dir: t.TempDir(), Name: "entering", Sync: SyncNo, Cluster: &Cluster{Secret: "a secret of the test"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	ended := make(chan error, 1)
	go func() {
		for i := range 200 {
			if err := s.SetTags([]string{fmt.Sprint("t", i)}); err != nil {
				ended <- err
				return
			}
		}
		ended <- nil
	}()
	for entered := 0; ; entered++ {
		select {
		case err := <-ended:
			if err != nil || entered == 0 {
				t.Errorf("%d entered, %v", entered, err)
			}
			return
		default:
		}
		begin := time.Now()
		conn, err := s.Dial()
		if err != nil {
			t.Fatalf("after %v: %v", time.Since(begin), err)
		}
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
