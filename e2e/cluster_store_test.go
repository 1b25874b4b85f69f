package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// storedJSON is what "shiplog cluster snapshots --json" shows.
type storedJSON struct {
	State     string `json:"state"`
	Snapshots []struct {
		Sequence int64 `json:"sequence"`
		Bytes    int64 `json:"bytes"`
		New      int64 `json:"newBytes"`
	} `json:"snapshots"`
}

// put has the cluster put its only partition into the store, and returns what that holds then.
func (c *LocalCluster) put(t *testing.T, ask *LocalMember) (v storedJSON) {
	t.Helper()
	if err := c.command("snapshot", ask.Addr); err != nil {
		t.Fatal(err)
	}
	out, err := Printed(exec.Command(c.binary, "cluster", "snapshots", "--json", ask.Addr))
	if err == nil {
		err = json.Unmarshal(out, &v)
	}
	if err != nil || v.State != "ok" {
		t.Fatalf("snapshots: %v: %s", err, out)
	}
	return v
}

// save has nodes make their state durable, and trim their logs.
func save(t *testing.T, nodes ...*LocalMember) {
	t.Helper()
	for _, m := range nodes {
		conn, err := Dial(m.Addr)
		if err != nil {
			t.Fatal(err)
		}
		v, err := conn.Do("SAVE")
		conn.Close()
		if err != nil || v.IsError() {
			t.Fatalf("SAVE at %s: %v, %v", m.Addr, v, err)
		}
	}
}

// storeCluster is a cluster of three nodes with one partition and a snapshot store; nothing of the log is kept but what somebody needs.
type storeCluster struct {
	*LocalCluster
	store                     string
	primary, replica, lacking *LocalMember // lacking is wiped again and again
}

func startStoreCluster(t *testing.T) *storeCluster {
	store := filepath.Join(t.TempDir(), "store")
	if err := os.Mkdir(store, 0o700); err != nil {
		t.Fatal(err)
	}
	c := &storeCluster{LocalCluster: startLocal(t, trimsAtOnce("--partitions", "1", "--state-flush-seconds", "3600", "--auto-rebalance", "no",
		"--snapshot-store", store, "--snapshot-store-interval", "0")...), store: store}
	all, err := c.partitions(c.Members[0])
	if err != nil {
		t.Fatal(err)
	}
	c.primary, err = c.At(all[0].Primary.Address)
	for i, to := range []**LocalMember{&c.replica, &c.lacking} {
		m, err2 := c.At(all[0].Replicas[i].Address)
		*to, err = m, errors.Join(err, err2)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// wiped starts the node anew without a state, and waits until it has filled its copy.
func (c *storeCluster) wiped(t *testing.T) (f filling) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(c.lacking.Dir, "state")); err != nil {
		t.Fatal(err)
	}
	if err := c.Restart(c.lacking); err != nil {
		t.Fatal(err)
	}
	eventually(t, settleWithin, func() (err error) {
		filled := false
		if f, filled = fillings(c.lacking)[0]; !filled {
			return fmt.Errorf("it is not filled: %s", tail(c.lacking.Said(), 600))
		}
		return nil
	})
	return f
}

// TestClusterStore has a node whose copy is gone filled from the snapshot store and the log behind it, while no replica can give: the primary is asked
// for nothing. Then a file in the store is damaged: that is found, and the primary gives.
func TestClusterStore(t *testing.T) {
	c := startStoreCluster(t)
	fill(t, c.LocalCluster, "first", 4000)
	first := c.put(t, c.primary)
	fill(t, c.LocalCluster, "second", 400)
	second := c.put(t, c.primary)
	if len(first.Snapshots) != 1 || len(second.Snapshots) != 2 {
		t.Fatalf("the store holds %v and then %v", first, second)
	}
	newest := second.Snapshots[1]
	t.Logf("put %d bytes, then %d new ones of %d", first.Snapshots[0].New, newest.New, newest.Bytes)
	if newest.Bytes < 4000<<10 || newest.New < 100<<10 || newest.New > newest.Bytes/4 {
		t.Errorf("of %d bytes %d were new, want about a tenth or less", newest.Bytes, newest.New)
	}
	if err := c.KillMember(c.lacking); err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * time.Second) // it is gone by then, and nothing is kept for it
	fill(t, c.LocalCluster, "third", 400)
	save(t, c.replica, c.primary)
	time.Sleep(time.Second) // until heartbeats have told what the replica has
	save(t, c.primary)
	eventually(t, settleWithin, func() error {
		if begins, err := firstOf(c.primary, 0); err != nil || begins != newest.Sequence {
			return fmt.Errorf("the log begins at %d, %w; want it kept from the newest stored snapshot at %d, and no more", begins, err, newest.Sequence)
		}
		return nil
	})
	if err := c.KillMember(c.replica); err != nil {
		t.Fatal(err)
	}
	if f := c.wiped(t); f.as != "store" || f.from != "store" || f.fetched < newest.Bytes*9/10 {
		t.Errorf("it was filled from %+v, want nearly all of the store's %d bytes", f, newest.Bytes)
	}
	if err := c.KillMember(c.lacking); err != nil {
		t.Fatal(err)
	}
	if err := damageLargest(filepath.Join(c.store, "objects")); err != nil {
		t.Fatal(err)
	}
	if f := c.wiped(t); f.as != "primary" {
		t.Errorf("with a damaged file in the store it was filled from %+v, want from the primary", f)
	}
	if aside, err := os.ReadDir(filepath.Join(c.store, "damaged")); err != nil || len(aside) != 1 || !strings.Contains(c.lacking.Said(), "is damaged, and is put aside") {
		t.Errorf("the damage is not told: %v, %v: %s", aside, err, c.lacking.Said())
	}
	if err := c.Restart(c.replica); err != nil {
		t.Fatal(err)
	}
	eventually(t, settleWithin, c.Check)
	equalCopies(t, c.LocalCluster, 1)
}

// damageLargest changes one bit of the largest file below a folder.
func damageLargest(dir string) error {
	largest, size := "", int64(0)
	err := filepath.WalkDir(dir, func(name string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Size() > size {
			largest, size = name, info.Size()
		}
		return err
	})
	if err != nil {
		return err
	}
	data, err := os.ReadFile(largest)
	if err != nil {
		return err
	}
	data[len(data)/2] ^= 1
	return os.WriteFile(largest, data, 0o600)
}

// TestStoreDoesNotHoldUp has a lone node's store answer nothing, and not be there: the node serves, says so, and stops at once.
func TestStoreDoesNotHoldUp(t *testing.T) {
	hangs := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(hangs, "STORE"), 0o600); err != nil { // nobody writes into it
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ dir, state string }{
		"answers nothing": {hangs, ""},
		"is not there":    {filepath.Join(t.TempDir(), "mount"), "snapshot_store:away"},
	} {
		t.Run(name, func(t *testing.T) {
			n := startShiplog(t, "--snapshot-store", tt.dir, "--snapshot-store-interval", "1")
			conn := dial(t, n)
			for i := range 100 {
				expect(t, conn, "OK", "SET", fmt.Sprint("key", i), "value")
			}
			if v := do(t, conn, "INFO", "shiplog"); !strings.Contains(v.Text, tt.state) {
				t.Errorf("INFO does not say %s: %s", tt.state, v.Text)
			}
			if code, took, err := n.Stop(5 * time.Second); err != nil || code != 0 || took > 3*time.Second {
				t.Errorf("it stopped with %d after %v, %v", code, took, err)
			}
		})
	}
	dir := t.TempDir()
	n := startShiplog(t, "--snapshot-store", dir, "--snapshot-store-interval", "1")
	expect(t, dial(t, n), "OK", "SET", "key", "value")
	eventually(t, settleWithin, func() error {
		if found, err := filepath.Glob(filepath.Join(dir, "snapshots", "0", "*")); err != nil || len(found) == 0 {
			return fmt.Errorf("nothing is put: %v", err)
		}
		return nil
	})
	if out, err := Finish(exec.Command(underTest(t)[0], "cluster", "snapshot", n.Addr())); err != nil {
		t.Errorf("shiplog cluster snapshot of a lone node: %v: %s", err, out)
	}
}
