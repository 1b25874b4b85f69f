package partitions

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"shiplog/partitions/keyspace"
	"shiplog/partitions/lease"
	"shiplog/wal"
	"shiplog/wal/waltest"
)

var rules = lease.Rules{Length: time.Second, Margin: 200 * time.Millisecond}

// copies are the copies of one partition on several nodes, with one log, in a bubble of synctest.
type copies struct {
	t     *testing.T
	nodes []*life
	term  uint64
	began time.Time
}

// node returns the identity of the i-th node.
func node(i int) wal.NodeID { return wal.NodeID{byte(i + 1)} }

func newCopies(t *testing.T, n int) *copies {
	c := &copies{t: t, began: time.Now()}
	log := waltest.NewMemory()
	for i := range n {
		c.nodes = append(c.nodes, c.start(log, i, vfs.NewCrashableMem()))
		log = log.Writer()
	}
	return c
}

func (c *copies) start(log *waltest.Memory, i int, fs *vfs.MemFS) *life {
	return open(c.t, log, fs, func(cfg *Config) {
		cfg.Node = node(i)
		cfg.ExpireEvery = time.Minute
		cfg.Cluster = &Membership{Rules: rules, Clock: func() time.Duration { return time.Since(c.began) }}
	})
}

// name names the i-th node on all nodes but those left out.
func (c *copies) name(i int, without ...int) {
	c.term++
	for j, n := range c.nodes {
		if len(without) == 0 || without[0] != j {
			n.Name(Naming{Primary: node(i), Term: c.term})
		}
	}
}

// until waits for the i-th node to have a role and returns how long that took.
func (c *copies) until(i int, role Role) time.Duration {
	c.t.Helper()
	begin := time.Now()
	for {
		s := c.nodes[i].Standing()
		if s.Role == role {
			return time.Since(begin)
		}
		select {
		case <-s.Changed():
		case <-time.After(time.Minute):
			c.t.Fatalf("node %d is %v, not %v", i, c.nodes[i].Standing().Role, role)
		}
	}
}

// stop ends every node.
func (c *copies) stop() {
	c.t.Helper()
	for i, n := range c.nodes {
		if n.over {
			continue
		}
		n.log.Heal() // a test may have ended early
		if err := n.stop(); err != nil {
			c.t.Errorf("node %d: %v", i, err)
		}
	}
}

// shows returns what a replica says of a key.
func (c *copies) shows(i int, key string) (value string, err error) {
	err = c.nodes[i].ReplicaView(read(func(v *keyspace.View) {
		got, _ := v.Get([]byte(key))
		value = string(got.Data)
	}))
	return value, err
}

func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

// The named node leads; the others follow, answer old reads and take no writes.
func TestReplicasFollow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCopies(t, 3)
		defer c.stop()
		c.name(0)
		c.until(0, Primary)
		if err := await(t, c.nodes[0].set("k", "v")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if _, err := c.shows(1, "k"); !errors.Is(err, ErrLagging) {
			t.Errorf("a replica that was told nothing of the primary's log: %v, want ErrLagging", err)
		}
		tail := c.nodes[0].Status().Tail.Seq
		for i := 1; i < 3; i++ {
			c.nodes[i].HeardTail(tail)
			if got, err := c.shows(i, "k"); got != "v" || err != nil {
				t.Errorf("node %d shows %q, %v", i, got, err)
			}
			if _, err := c.nodes[i].Update(write(func(*keyspace.Tx) {})); !errors.Is(err, ErrNotServing) {
				t.Errorf("node %d takes writes: %v", i, err)
			}
			if s := c.nodes[i].Standing(); s.Role != Replica || s.Leader != node(0) || s.Epoch != 1 {
				t.Errorf("node %d stands as %+v", i, s)
			}
		}
		<-time.After(rules.Length + time.Millisecond) // of the bubble
		if _, err := c.shows(1, "k"); !errors.Is(err, ErrLagging) {
			t.Errorf("a replica that has long heard nothing: %v, want ErrLagging", err)
		}
	})
}

// A planned hand-over waits for no lease, loses nothing, and the old primary follows the new.
func TestHandOverIsImmediate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCopies(t, 3)
		defer c.stop()
		c.name(0)
		c.until(0, Primary)
		for turn := 1; turn <= 6; turn++ {
			old, heir := (turn-1)%3, turn%3
			key := fmt.Sprint("k", turn)
			if err := await(t, c.nodes[old].set(key, "v")); err != nil {
				t.Fatal(err)
			}
			c.name(heir)
			if took := c.until(heir, Primary); took >= 100*time.Millisecond {
				t.Errorf("the hand-over to %d took %v", heir, took)
			}
			c.until(old, Replica)
			c.nodes[heir].check(map[string]string{key: "v", "k1": "v"})
			if got := c.nodes[old].Standing().Leader; got != node(heir) {
				t.Errorf("the old primary believes that %v leads", got)
			}
		}
	})
}

// I6: an heir waits until the lease of a primary that it does not hear of is over.
func TestHeirWaitsOutTheLease(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCopies(t, 2)
		defer c.stop()
		c.name(0)
		c.until(0, Primary)
		if err := await(t, c.nodes[0].set("k", "v")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		c.name(1, 0) // the old primary does not hear of it
		if took := c.until(1, Primary); took < rules.Length+rules.Margin {
			t.Errorf("the heir led after %v", took)
		}
		_, proof := c.nodes[0].get("k")
		if proof == nil {
			t.Fatal("the old primary answers a read after the heir leads")
		}
		if err := await(t, proof); !errors.Is(err, ErrDeposed) {
			t.Errorf("the old primary's read: %v, want ErrDeposed", err)
		}
		c.until(0, Replica)
		c.nodes[1].check(map[string]string{"k": "v"})
	})
}

// Heartbeats ask an heir how it is while its EPOCH record is on its way, and while it is applied (the race detector judges).
func TestHeirIsAskedMeanwhile(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCopies(t, 1)
		defer c.stop()
		c.nodes[0].log.Fault(waltest.EverySequence, waltest.HoldAck)
		asked, over := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(asked)
			for {
				c.nodes[0].Brief()
				c.nodes[0].Reached()
				select {
				case <-over:
					return
				case <-time.After(time.Millisecond):
				}
			}
		}()
		c.name(0)
		<-time.After(2 * rules.Length)
		if c.nodes[0].log.Undecided() != 1 {
			t.Fatal("no EPOCH record is on its way")
		}
		c.nodes[0].log.Heal()
		c.until(0, Primary)
		close(over)
		<-asked
	})
}

// I6: a lease counts from when a record was sent: an acknowledgement that comes late, as after a pause, gives none.
func TestLateAcknowledgementGivesNoLease(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCopies(t, 2)
		defer c.stop()
		c.name(0)
		c.until(0, Primary)
		c.nodes[0].log.Fault(waltest.EverySequence, waltest.HoldAck)
		held := c.nodes[0].set("k", "held")
		c.name(1, 0)
		c.until(1, Primary)
		if err := await(t, c.nodes[1].set("k", "new")); err != nil {
			t.Fatal(err)
		}
		c.nodes[0].log.Heal()
		if err := await(t, held); err != nil {
			t.Fatal(err)
		}
		got, proof := c.nodes[0].get("k")
		if proof == nil {
			t.Fatalf("the old primary answers %q after the heir leads", got)
		}
		if err := await(t, proof); !errors.Is(err, ErrDeposed) {
			t.Errorf("the old primary's read: %v, want ErrDeposed", err)
		}
	})
}

// I6: the lease is checked when the state has been read: a primary that slept in between has to prove that it leads.
func TestLeaseIsCheckedAfterReading(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCopies(t, 1)
		defer c.stop()
		c.name(0)
		c.until(0, Primary)
		synctest.Wait()
		proof, err := c.nodes[0].View(read(func(*keyspace.View) { c.began = c.began.Add(-2 * rules.Length) }))
		if proof == nil || err != nil {
			t.Fatalf("the answer waits for %v, %v; want a proof", proof, err)
		}
		if err := await(t, proof); err != nil {
			t.Error(err)
		}
	})
}

// I6: while it reads, a primary keeps its lease; an idle one writes nothing, and its next read waits for a record.
func TestReadsKeepTheLease(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCopies(t, 1)
		defer c.stop()
		c.name(0)
		c.until(0, Primary)
		waited := 0
		for range 100 {
			<-time.After(50 * time.Millisecond) // of the bubble
			if _, proof := c.nodes[0].get("k"); proof != nil {
				waited++
				await(t, proof)
			}
			synctest.Wait()
		}
		if kinds := kindsOf(t, c.nodes[0].log); waited != 0 || kinds[wal.KindLease] < 5 || kinds[wal.KindLease] > 20 {
			t.Errorf("%d of 100 reads in 5 s waited, with %d LEASE records", waited, kinds[wal.KindLease])
		}
		before := kindsOf(t, c.nodes[0].log)[wal.KindLease]
		<-time.After(time.Minute) // of the bubble
		if after := kindsOf(t, c.nodes[0].log)[wal.KindLease]; after != before {
			t.Errorf("an idle partition wrote %d records", after-before)
		}
		_, proof := c.nodes[0].get("k")
		if proof == nil {
			t.Fatal("the first read after a pause waits for nothing")
		}
		if err := await(t, proof); err != nil {
			t.Error(err)
		}
	})
}

func kindsOf(t *testing.T, log *waltest.Memory) map[wal.Kind]int {
	kinds := map[wal.Kind]int{}
	for _, r := range records(t, log, 1) {
		kinds[r.Kind]++
	}
	return kinds
}

// A primary whose append is undecided is deposed: its clients learn that nothing was done, and the write is nowhere.
func TestDeposedPrimaryForgets(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCopies(t, 2)
		defer c.stop()
		c.name(0)
		c.until(0, Primary)
		if err := await(t, c.nodes[0].set("k", "old")); err != nil {
			t.Fatal(err)
		}
		c.nodes[0].log.Fault(waltest.EverySequence, waltest.LosePublish)
		lost, behind := c.nodes[0].set("k", "new"), c.nodes[0].set("other", "new")
		c.name(1, 0)
		c.until(1, Primary)
		undecided(t, lost)
		c.nodes[0].log.Heal()
		for _, commit := range []*Commit{lost, behind} {
			if err := await(t, commit); !errors.Is(err, ErrDeposed) {
				t.Errorf("outcome: %v, want ErrDeposed", err)
			}
		}
		c.until(0, Replica)
		synctest.Wait()
		c.nodes[0].HeardTail(c.nodes[1].Status().Tail.Seq)
		if got, err := c.shows(0, "k"); got != "old" || err != nil {
			t.Errorf("the deposed primary shows %q, %v", got, err)
		}
		c.nodes[1].check(map[string]string{"k": "old", "other": "-"})
		c.name(0) // and back again
		c.until(0, Primary)
		c.nodes[0].check(map[string]string{"k": "old", "other": "-"})
	})
}

// A write that was in the log although its acknowledgement was lost is there after the fail-over.
func TestLostAcknowledgementSurvivesFailover(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCopies(t, 2)
		defer c.stop()
		c.name(0)
		c.until(0, Primary)
		c.nodes[0].log.Fault(waltest.EverySequence, waltest.HoldAck)
		held := c.nodes[0].set("k", "v")
		c.name(1, 0)
		c.until(1, Primary)
		c.nodes[1].check(map[string]string{"k": "v"})
		undecided(t, held)
		c.nodes[0].log.Heal()
		if err := await(t, held); err != nil {
			t.Errorf("the write is in the log, and its outcome is %v", err)
		}
	})
}

// A primary that stops releases its lease: the heir need not wait.
func TestStopReleases(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCopies(t, 2)
		defer c.stop()
		c.name(0)
		c.until(0, Primary)
		if err := await(t, c.nodes[0].set("k", "v")); err != nil {
			t.Fatal(err)
		}
		if err := c.nodes[0].stop(); err != nil {
			t.Fatal(err)
		}
		c.name(1)
		if took := c.until(1, Primary); took >= 100*time.Millisecond {
			t.Errorf("the heir of a primary that stopped waited %v", took)
		}
		c.nodes[1].check(map[string]string{"k": "v"})
	})
}

// A primary that dies and comes back before anybody else was named goes on without waiting for its own lease.
func TestRestartedPrimaryGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCopies(t, 2)
		defer c.stop()
		c.name(0)
		c.until(0, Primary)
		if err := await(t, c.nodes[0].set("k", "v")); err != nil {
			t.Fatal(err)
		}
		log := c.nodes[0].log.Writer()
		left := c.nodes[0].kill()
		c.nodes[0] = c.start(log, 0, left)
		c.nodes[0].Name(Naming{Primary: node(0), Term: c.term})
		if took := c.until(0, Primary); took >= 100*time.Millisecond {
			t.Errorf("it waited %v for its own lease", took)
		}
		c.nodes[0].check(map[string]string{"k": "v"})
	})
}

// An idle primary that was deposed without noticing finds out when it is named again, and leads again.
func TestNamedAnewAsksTheLog(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCopies(t, 2)
		defer c.stop()
		c.name(0)
		c.until(0, Primary)
		c.name(1, 0)
		c.until(1, Primary)
		if role := c.nodes[0].Standing().Role; role != Primary {
			t.Fatalf("the old primary is %v although it has neither read nor written", role)
		}
		c.name(0, 1)
		synctest.Wait()
		if s := c.nodes[0].Standing(); s.Epoch == 1 && s.Role == Primary {
			t.Error("the old primary still believes that it leads in its old epoch")
		}
		c.until(0, Primary)
		if epoch := c.nodes[0].Standing().Epoch; epoch != 3 {
			t.Errorf("it leads in epoch %d, want 3", epoch)
		}
	})
}

// Two nodes that are both named end with one primary, and what either acknowledged is there.
func TestTwoNamings(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCopies(t, 2)
		defer c.stop()
		c.nodes[0].Name(Naming{Primary: node(0), Term: 1})
		c.nodes[1].Name(Naming{Primary: node(1), Term: 2})
		want := map[string]string{}
		for i := range 200 {
			<-time.After(20 * time.Millisecond) // of the bubble
			for j, n := range c.nodes {
				key := fmt.Sprintf("k%d-%d", i, j)
				commit, err := n.Update(write(func(tx *keyspace.Tx) { tx.Set([]byte(key), []byte("v"), 0, false) }))
				if err == nil && await(t, commit) == nil {
					want[key] = "v"
				}
			}
		}
		c.term = 2
		c.name(0)
		c.until(0, Primary)
		c.nodes[0].check(want)
		if len(want) < 100 {
			t.Errorf("only %d writes were acknowledged", len(want))
		}
	})
}

// What the copies of a partition hold is the same at the same sequence, whoever led.
func TestCopiesAreEqual(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCopies(t, 3)
		defer c.stop()
		for turn := range 5 {
			c.name(turn % 3)
			c.until(turn%3, Primary)
			for i := range 50 {
				if err := await(t, c.nodes[turn%3].set(fmt.Sprintf("k%d", i*turn%37), fmt.Sprint(turn, i))); err != nil {
					t.Fatal(err)
				}
			}
		}
		tail := c.nodes[1].Status().Tail.Seq
		synctest.Wait()
		want := content(t, c, 1)
		for _, i := range []int{0, 2} {
			c.nodes[i].HeardTail(tail)
			if got := content(t, c, i); got != want {
				t.Errorf("node %d holds\n%s\nnode 1\n%s", i, got, want)
			}
		}
	})
}

// content is everything that a node holds, as text.
func content(t *testing.T, c *copies, i int) (text string) {
	t.Helper()
	n, err := c.nodes[i].ReplicaSnapshot()
	if errors.Is(err, ErrNotServing) {
		n, _, err = c.nodes[i].Snapshot()
	}
	if err != nil {
		t.Fatalf("node %d: %v", i, err)
	}
	defer n.Close()
	n.Each(func(key []byte, v keyspace.Value) bool {
		text += fmt.Sprintf("%s=%s\n", key, v.Data)
		return true
	})
	return text
}
