package e2e

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// trimsAtOnce keeps nothing of a log that all living nodes have on their disks.
func trimsAtOnce(more ...string) []string {
	return append([]string{"--log-retention-seconds", "0", "--state-flush-seconds", "1", "--node-gone-after-seconds", "2",
		"--enable-debug-command", "local"}, more...)
}

// fill writes so many keys of a kilobyte.
func fill(t *testing.T, c *LocalCluster, name string, keys int) {
	t.Helper()
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: c.Addrs()})
	defer client.Close()
	value := make([]byte, 1024)
	for at := 0; at < keys; at += 500 {
		pipe := client.Pipeline()
		for i := at; i < min(at+500, keys); i++ {
			_, _ = rand.Read(value) // never fails
			pipe.Set(t.Context(), fmt.Sprintf("%s:%d", name, i), value, 0)
		}
		if _, err := pipe.Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// awaitTrimmed waits until no log has anything left of what there is now, but the records that are newer.
func awaitTrimmed(t *testing.T, c *LocalCluster, ask *LocalMember) {
	t.Helper()
	now, err := c.partitions(ask)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, settleWithin, func() error {
		for i := range now {
			primary, err := c.At(now[i].Primary.Address)
			if err != nil {
				return err
			}
			if first, err := firstOf(primary, now[i].Number); err != nil || first < now[i].Primary.Applied {
				return fmt.Errorf("the log of partition %d begins at %d, want %d: %w", now[i].Number, first, now[i].Primary.Applied, err)
			}
		}
		return nil
	})
}

// firstOf asks the primary of a partition where its log begins.
func firstOf(m *LocalMember, partition int) (int64, error) {
	conn, err := Dial(m.Addr)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	v, err := conn.Do("INFO", "shiplog")
	if err != nil {
		return 0, err
	}
	found := regexp.MustCompile(fmt.Sprintf(`(?m)^partition%d:.*,first=(\d+)`, partition)).FindStringSubmatch(v.Text)
	if found == nil {
		return 0, fmt.Errorf("partition %d is not in %s", partition, tail(v.Text, 1000))
	}
	return strconv.ParseInt(found[1], 10, 64)
}

// filledLine is what a node says when it has filled a copy.
var filledLine = regexp.MustCompile(`is filled, and follows the log.* partition=(\d+) from=(\S+) as=(\S+) at=(\d+) bytes=(\d+) fetched=(\d+)`)

// filling is how a node has filled a copy.
type filling struct {
	from, as       string // and what that was for the partition when it was chosen
	bytes, fetched int64
}

// fillings are the copies that a node that was started again has filled, by their partitions.
func fillings(m *LocalMember) map[int]filling {
	all := make(map[int]filling)
	for _, found := range filledLine.FindAllStringSubmatch(m.again.out.String(), -1) {
		number, _ := strconv.Atoi(found[1])
		bytes, _ := strconv.ParseInt(found[5], 10, 64)
		fetched, _ := strconv.ParseInt(found[6], 10, 64)
		all[number] = filling{found[2], found[3], bytes, fetched}
	}
	return all
}

// equalCopies waits until all copies of each partition have equal digests at the same record.
func equalCopies(t *testing.T, c *LocalCluster, partitions int) {
	t.Helper()
	for p := range partitions {
		eventually(t, settleWithin, func() error {
			said := make(map[string]bool)
			for _, m := range c.Members {
				conn, err := Dial(m.Addr)
				if err != nil {
					return err
				}
				v, err := conn.Do("DEBUG", "PARTITION", strconv.Itoa(p))
				conn.Close()
				if err != nil || v.IsError() {
					return fmt.Errorf("%s: %v: %w", m.Addr, v, err)
				}
				said[v.Text] = true
			}
			if len(said) != 1 {
				return fmt.Errorf("partition %d: the copies are %v", p, said)
			}
			return nil
		})
	}
}

// TestClusterSeeds takes a node's copies away in every way, while the logs are trimmed beyond it and clients write: it is filled from
// another node's snapshots, and has what the others have.
func TestClusterSeeds(t *testing.T) {
	const partitions = 4
	c := startLocal(t, trimsAtOnce("--partitions", strconv.Itoa(partitions))...)
	m := c.Members[2]
	fill(t, c, "first", 4000)
	old := filepath.Join(t.TempDir(), "old")
	ways := []struct {
		name string
		take func() error
	}{
		{"too far behind", func() error {
			out, err := Finish(exec.Command("cp", "-a", m.Dir, old))
			if err != nil {
				return fmt.Errorf("copy %s: %w: %s", m.Dir, err, out)
			}
			return nil
		}},
		{"state wiped", func() error { return os.RemoveAll(filepath.Join(m.Dir, "state")) }},
		{"state and log wiped", func() error {
			return errors.Join(os.RemoveAll(filepath.Join(m.Dir, "state")), os.RemoveAll(filepath.Join(m.Dir, "log")))
		}},
		{"an old copy of the directory", func() error { return errors.Join(os.RemoveAll(m.Dir), os.Rename(old, m.Dir)) }},
	}
	for _, tt := range ways[:pick(len(ways)-1, len(ways))] { // the last one, with less to do: TestClusterDoubtsOldDirectories
		t.Run(tt.name, func(t *testing.T) { c.seeds(t, m, partitions, tt.take) })
	}
}

// seeds has a node killed, what it has taken from it, and the logs trimmed; then it comes back.
func (c *LocalCluster) seeds(t *testing.T, m *LocalMember, partitions int, take func() error) {
	if err := c.KillMember(m); err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * time.Second) // it is gone by then, and nothing is kept for it
	load := startGoRedisLoad(t, "load of "+t.Name(), "", c.Addrs()[:2])
	load.begin(t)
	awaitTrimmed(t, c, c.Members[0])
	before, err := c.partitions(c.Members[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := take(); err != nil {
		t.Fatal(err)
	}
	if err := c.Restart(m); err != nil {
		t.Fatal(err)
	}
	eventually(t, settleWithin, c.Check)
	t.Logf("%s steps", load.goOn(t))
	equalCopies(t, c, partitions)
	filled := fillings(m)
	if len(filled) != partitions {
		t.Errorf("%d copies were filled, want %d: %v", len(filled), partitions, filled)
	}
	for number, f := range filled {
		t.Logf("partition %d, led by %s before: %+v", number, before[number].Primary.Address, f)
		if f.as != "replica" {
			t.Errorf("partition %d was filled from %s, which was its %s, though there was a replica", number, f.from, f.as)
		}
	}
}

// TestClusterSeedsKilled kills the node that is being filled, and then the one that it is filled from, in the middle: filling goes on
// where it was.
func TestClusterSeedsKilled(t *testing.T) {
	c := startLocal(t, trimsAtOnce(append(metricsDirectives(t), "--partitions", "1", "--seed-rate", "4mb")...)...)
	fill(t, c, "first", 18000)
	all, err := c.partitions(c.Members[0])
	if err != nil {
		t.Fatal(err)
	}
	target, err := c.At(all[0].Replicas[0].Address)
	if err != nil {
		t.Fatal(err)
	}
	source, err := c.At(all[0].Replicas[1].Address)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.KillMember(target); err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * time.Second) // it is gone by then, and nothing is kept for it
	awaitTrimmed(t, c, source)
	if err := os.RemoveAll(filepath.Join(target.Dir, "state")); err != nil {
		t.Fatal(err)
	}
	start := func(m *LocalMember) {
		t.Helper()
		if err := c.Restart(m); err != nil {
			t.Fatal(err)
		}
	}
	arrived := func(least int64) {
		t.Helper()
		eventually(t, settleWithin, func() error {
			if size := sizeOfFolder(filepath.Join(target.Dir, "state", "0.seed")); size < least {
				return fmt.Errorf("%d bytes have arrived, want %d", size, least)
			}
			return nil
		})
	}
	ready := watchReady(metricsAddr(t, target))
	start(target)
	arrived(4 << 20)
	wasUnready(t, ready)
	c.seedingIsSeen(t, target)
	if err := c.KillMember(target); err != nil {
		t.Fatal(err)
	}
	start(target)
	arrived(8 << 20)
	if err := c.KillMember(source); err != nil {
		t.Fatal(err)
	}
	start(source)
	eventually(t, settleWithin, c.Check)
	equalCopies(t, c, 1)
	f, filled := fillings(target)[0]
	t.Logf("the last life of the target: %+v", f)
	if !filled || f.fetched > f.bytes-3<<20 {
		t.Errorf("filled %t: %d of %d bytes were fetched after the target had been killed, though a part was there", filled, f.fetched, f.bytes)
	}
	if f.from != "node-"+source.Addr[strings.LastIndexByte(source.Addr, ':')+1:] {
		t.Errorf("it was filled from %s, want from the replica at %s", f.from, source.Addr)
	}
}

// sizeOfFolder is what the files of a folder have together.
func sizeOfFolder(dir string) (size int64) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			size += info.Size()
		}
	}
	return size
}
