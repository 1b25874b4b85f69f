package partitions

import (
	"testing"
	"testing/synctest"
	"time"

	"shiplog/partitions/keyspace"
)

// TestHeartbeatsWaitForNobody has a command hold a partition's lock for ever: what heartbeats say of it is then as it was, with the age of that, and what
// they tell it is not waited for.
func TestHeartbeatsWaitForNobody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCopies(t, 2)
		defer c.stop()
		c.name(0)
		c.until(0, Primary)
		if err := await(t, c.nodes[0].set("k", "v")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		before := c.nodes[0].Brief()
		if before.Tail == 0 || before.Standing.Role != Primary || before.Stuck != 0 || before.Tail != c.nodes[0].Tail() {
			t.Errorf("got %+v, want a primary with a record", before)
		}
		holds, let, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			_, _ = c.nodes[0].View(read(func(*keyspace.View) {
				close(holds)
				<-let
			}))
		}()
		<-holds
		<-time.After(7 * time.Second)
		asked := time.Now()
		b := c.nodes[0].Brief()
		c.nodes[0].HeardTail(before.Tail + 1)
		if waited := time.Since(asked); waited > briefTries*briefPause {
			t.Errorf("it waited for %v", waited)
		}
		if b.Tail != before.Tail || b.Standing.Role != Primary || b.Stuck < 7*time.Second {
			t.Errorf("got %+v, want it as before, and stuck for 7 s", b)
		}
		close(let)
		<-ended
		synctest.Wait()
		if b := c.nodes[0].Brief(); b.Stuck != 0 {
			t.Errorf("stuck for %v afterwards", b.Stuck)
		}
	})
}
