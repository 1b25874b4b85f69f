package nemesis

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"shiplog/e2e"
)

// TestMain refuses to run without the programs that the tests use, rather than testing less.
func TestMain(m *testing.M) {
	for _, name := range []string{"redis-server", "ip", "mkfs.ext4", "mount", "/usr/bin/python3"} {
		if _, err := exec.LookPath(name); err != nil {
			fmt.Fprintf(os.Stderr, "e2e/nemesis needs %s: apt-get install redis-server iproute2 e2fsprogs mount python3\n", name)
			os.Exit(1)
		}
	}
	e2e.Sweep()
	SweepWires()
	code := m.Run()
	_ = os.RemoveAll(e2e.Scratch()) // best effort: it lies in the temporary directory
	os.Exit(code)
}

// startRedisCluster starts redis-servers as a cluster, a stand-in whose faults are known: each of the first three
// leads a third of the slots, and where there are six, each of the others follows one of them. Tests of it run beside each other, since they wait most of the time
// and hold no times that others would stretch.
func startRedisCluster(t *testing.T, p Plan, directives ...string) *Local {
	t.Helper()
	p.Program, p.Dir = e2e.Program{"redis-server"}, t.TempDir()
	p.Directives = func(i int, places []Place) []string {
		return append([]string{
			"--bind", places[i].Host, "--protected-mode", "no", "--save", "", "--cluster-enabled", "yes",
			"--cluster-port", strconv.Itoa(places[i].BusPort), "--cluster-announce-ip", places[i].Host,
			"--cluster-require-full-coverage", "no",
		}, directives...)
	}
	l, err := Start(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	formRedisCluster(t, l)
	return l
}

func formRedisCluster(t *testing.T, l *Local) {
	t.Helper()
	access := accessTo(l)
	first := l.nodes[0].place
	for i, n := range l.nodes {
		eventually(t, func() error { _, err := access.ask(n.Addr(), "PING"); return err })
		if i < 3 {
			ask(t, access, n.Addr(), "CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(i*slotCount/3), strconv.Itoa((i+1)*slotCount/3-1))
		}
		ask(t, access, n.Addr(), "CLUSTER", "MEET", first.Host, strconv.Itoa(first.Port), strconv.Itoa(first.BusPort))
	}
	wantReplicas(t, l, 0)
	for i, n := range l.nodes[3:] {
		ask(t, access, n.Addr(), "CLUSTER", "REPLICATE", ask(t, access, l.nodes[i].Addr(), "CLUSTER", "MYID").Text)
	}
	wantReplicas(t, l, len(l.nodes)/3-1)
}

func ask(t *testing.T, a Access, addr string, words ...string) e2e.Value {
	t.Helper()
	v, err := a.ask(addr, words...)
	if err != nil {
		t.Fatalf("%s: %q: %v", addr, words, err)
	}
	return v
}

// wantReplicas waits until every node sees three ranges with so many replicas each.
func wantReplicas(t *testing.T, l *Local, replicas int) {
	t.Helper()
	for _, n := range l.nodes {
		eventually(t, func() error {
			topology, err := accessTo(l).topologyFrom(n.Addr())
			if err == nil && len(topology) != 3 {
				err = fmt.Errorf("it sees %d ranges", len(topology))
			}
			for _, r := range topology {
				if len(r.Replicas) != replicas {
					err = fmt.Errorf("it sees %+v", r)
				}
			}
			return err
		})
	}
}

func accessTo(l *Local) Access {
	a := Access{Timeout: time.Second}
	for _, n := range l.nodes {
		a.Seeds = append(a.Seeds, n.Addr())
	}
	return a
}

func eventually(t *testing.T, what func() error) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		err := what()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// standIn are the options of a run on redis-servers, which have neither a coordinator nor digests.
func standIn(t *testing.T, kinds ...Kind) Options {
	o := DefaultOptions(2) // whose first fault comes soon and is short
	o.Kinds, o.Quiet, o.Partitions, o.Digests, o.Logs, o.Redundancy, o.Log = kinds, time.Second, 3, false, false, 0, t.Logf
	return o
}

// TestRunOnRedis is a whole run on a cluster that loses nothing when its processes die: nothing may be found.
func TestRunOnRedis(t *testing.T) {
	t.Parallel()
	l := startRedisCluster(t, Plan{Lane: 1, Nodes: 3}, "--cluster-node-timeout", "60000", "--appendonly", "yes", "--appendfsync", "always")
	o := standIn(t, KillPrimary, StopShort, StopLong, KillAll, Rolling)
	o.Faulty = 8 * time.Second
	r, err := Run(t.Context(), l, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%v", r)
	if r.Failed() {
		t.Error("faults were found where there are none")
	}
	for _, w := range r.Workloads {
		if w.Ops.OK < 100 || w.Found.Checked < 100 {
			t.Errorf("%s: got %+v, %d checked: too few to prove anything", w.Workload, w.Ops, w.Found.Checked)
		}
	}
	if r.Version == "" || r.MaxRSS < 1<<20 {
		t.Errorf("got version %q, %d bytes of memory", r.Version, r.MaxRSS)
	}
	if r.Total.Ops.Unknown == 0 {
		t.Error("no operation was cut off, though servers were killed")
	}
}

// TestRunFindsAmnesia is a run on a cluster that forgets everything when it is killed: every workload must notice.
func TestRunFindsAmnesia(t *testing.T) {
	t.Parallel()
	l := startRedisCluster(t, Plan{Lane: 2, Nodes: 3}, "--cluster-node-timeout", "60000", "--appendonly", "no")
	o := standIn(t, KillAll)
	o.Faulty = time.Second
	r, err := Run(t.Context(), l, o)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Failed() {
		t.Error("a cluster that forgets passes")
	}
	for _, w := range r.Workloads {
		// The probes go on writing, so that what is read at the end is new.
		if w.Workload != "probe" && w.Found.Faults() == 0 {
			t.Errorf("%s has not noticed it", w.Workload)
		}
		if len(w.Found.Examples) > maxExamples {
			t.Errorf("%s: %d examples", w.Workload, len(w.Found.Examples))
		}
	}
	if !strings.Contains(r.String(), "no order explains") {
		t.Errorf("the report does not say what is wrong:\n%v", r)
	}
}

// TestRunFindsSplitBrain cuts a primary off until its replica is promoted: what it acknowledged in the time before it
// noticed is lost, which is how Redis Cluster is made.
func TestRunFindsSplitBrain(t *testing.T) {
	t.Parallel()
	l := startRedisCluster(t, Plan{Lane: 3, Nodes: 6, Network: true}, "--cluster-node-timeout", "1500", "--appendonly", "no")
	o := standIn(t, CutPrimary)
	o.Faulty, o.Lease = time.Second, 3*time.Second
	r, err := Run(t.Context(), l, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%v", r)
	if r.Total.Found.Lost == 0 {
		t.Error("no acknowledged write is missed, though the cluster had two primaries")
	}
}

// TestPowerCutOnRedis cuts the power of all disks: with appendfsync always nothing may be found, and without fsync
// it must be.
func TestPowerCutOnRedis(t *testing.T) {
	t.Parallel()
	for fsync, lossy := range map[string]bool{"always": false, "no": true} {
		t.Run(fsync, func(t *testing.T) {
			l := startRedisCluster(t, Plan{Lane: 4, Nodes: 3, DiskSize: 100 << 20}, "--cluster-node-timeout", "60000",
				"--appendonly", "yes", "--appendfsync", fsync)
			o := standIn(t, PowerAll)
			o.Faulty = time.Second
			r, err := Run(t.Context(), l, o)
			if err != nil {
				t.Fatal(err)
			}
			if lost := r.Total.Found.Faults() > 0; lost != lossy || len(r.Problems) > 0 {
				t.Errorf("got\n%v\nwant faults: %v", r, lossy)
			}
		})
	}
}

// TestMeasureOnRedis measures fail-overs and hand-overs of a cluster that has both.
func TestMeasureOnRedis(t *testing.T) {
	t.Parallel()
	l := startRedisCluster(t, Plan{Lane: 5, Nodes: 6}, "--cluster-node-timeout", "1000", "--appendonly", "no", "--repl-diskless-sync-delay", "0")
	o := standIn(t)
	o.Pause, o.Redundancy = 20*time.Millisecond, 20*time.Second
	killed, err := MeasureKills(t.Context(), l, o, 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(killed)
	if killed.Count != 2 || killed.P50 < 500*time.Millisecond || killed.Unknown+killed.Failed == 0 {
		t.Errorf("got %v: a fail-over takes longer than half a second here, and costs errors", killed)
	}
	r := newRunner(l, o)
	r.handOver = func(int) []string { return []string{"CLUSTER", "FAILOVER"} }
	handed, err := measure(t.Context(), r, 3, measurement{"hand-over", (*runner).handOverOnce})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(handed)
	if handed.Count != 3 || handed.Max >= killed.Max || handed.Found.Faults() > 0 {
		t.Errorf("got %v", handed)
	}
}

// TestCrashIsNoticed kills a node behind the run's back.
func TestCrashIsNoticed(t *testing.T) {
	t.Parallel()
	l := startRedisCluster(t, Plan{Lane: 6, Nodes: 3}, "--cluster-node-timeout", "60000", "--appendonly", "no")
	o := standIn(t, StopShort)
	o.Faulty = 3 * time.Second
	pid := l.nodes[1].PID()
	go func() { // behind the harness's back: by process id
		time.Sleep(1500 * time.Millisecond)
		_ = syscall.Kill(pid, syscall.SIGKILL) // also if it is stopped
	}()
	r, err := Run(t.Context(), l, o)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(r.Problems, "\n"), "ended without being told to: node 1") {
		t.Errorf("got problems %q", r.Problems)
	}
}
