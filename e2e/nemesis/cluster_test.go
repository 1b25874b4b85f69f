package nemesis

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"shiplog/e2e"
)

const (
	clusterNodes      = 3
	clusterPartitions = 16
	clusterSecret     = "shared-by-the-nodes-of-a-test"
	clusterPassword   = "of-the-clients-of-a-test"
	diskSize          = 1 << 30
	clusterLease      = 500 * time.Millisecond // lease-ms, as it is by default
)

// long tells whether the long forms of the tests are asked for.
func long() bool { return os.Getenv("SHIPLOG_LONG") == "1" }

// pick returns the long figure in long runs and the ordinary one otherwise.
func pick[T any](ordinary, inLong T) T {
	if long() {
		return inLong
	}
	return ordinary
}

// productDirectives are what node i of a cluster of the product is told.
func productDirectives(i int, places []Place, partitions int) []string {
	words := []string{
		"--bind", places[i].Host, "--requirepass", clusterPassword, "--cluster-enabled", "yes", "--cluster-auth", clusterSecret,
		"--cluster-port", strconv.Itoa(places[i].BusPort), "--name", fmt.Sprintf("node%d", i),
		"--enable-debug-command", "yes", // for the digests
		"--partitions", strconv.Itoa(partitions), "--replicas", "3", "--expect", strconv.Itoa(len(places)), "--join",
	}
	for other, place := range places {
		if other != i {
			words = append(words, place.Bus())
		}
	}
	return words
}

// built is the program under test, built once per run.
var built = sync.OnceValues(func() (e2e.Program, error) {
	if err := os.MkdirAll(e2e.Scratch(), 0o755); err != nil {
		return nil, err
	}
	return e2e.Build("../..", filepath.Join(e2e.Scratch(), "shiplog"))
})

// startCluster starts the product's cluster, with more directives than all have, and waits until it serves. When the test fails, its data stay, and
// their path is told.
func startCluster(t *testing.T, p Plan, more ...string) *Local {
	t.Helper()
	var err error
	if p.Program == nil {
		if p.Program, err = built(); err != nil {
			t.Fatal(err)
		}
	}
	if p.Dir, err = os.MkdirTemp("", "shiplog-nemesis-"); err != nil {
		t.Fatal(err)
	}
	p.Nodes, p.Partitions = cmp.Or(p.Nodes, clusterNodes), cmp.Or(p.Partitions, clusterPartitions)
	p.Directives = func(i int, places []Place) []string {
		return slices.Concat(more, productDirectives(i, places, p.Partitions))
	}
	l, err := Start(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { leave(t, l) })
	if err := WaitServing(productAccess(l), p.Partitions, time.Minute, nil); err != nil {
		t.Fatal(err)
	}
	return l
}

func productAccess(l *Local) Access {
	a := accessTo(l)
	a.Password = clusterPassword
	return a
}

// leave takes a cluster down; its data stay when the test has failed, or SHIPLOG_NEMESIS_KEEP is set.
func leave(t *testing.T, l *Local) {
	keep := t.Failed() || os.Getenv("SHIPLOG_NEMESIS_KEEP") != ""
	if keep {
		if err := l.Keep(); err != nil {
			t.Error(err)
		}
		t.Logf("the nodes' data and last words are in %s", l.plan.Dir)
	}
	l.Close()
	if !keep {
		_ = os.RemoveAll(l.plan.Dir) // best effort: it lies in the temporary directory
	}
}

// product are the options of a run on the product. The environment may say otherwise: SHIPLOG_SEED and
// SHIPLOG_NEMESIS_SECONDS.
func product(t *testing.T, faulty time.Duration) Options {
	t.Helper()
	o := DefaultOptions(uint64(time.Now().UnixNano()))
	o.Seed = fromEnvironment(t, "SHIPLOG_SEED", o.Seed)
	seconds := fromEnvironment(t, "SHIPLOG_NEMESIS_SECONDS", uint64(faulty/time.Second))
	o.Faulty = time.Duration(seconds) * time.Second
	o.Quiet = pick(2*time.Second, o.Quiet)
	o.Partitions, o.Password, o.Log, o.Lease = clusterPartitions, clusterPassword, t.Logf, clusterLease
	t.Logf("replay with SHIPLOG_SEED=%d", o.Seed)
	return o
}

func fromEnvironment(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// publish prints a result, and writes it as JSON into the folder that SHIPLOG_NEMESIS_REPORTS names.
func publish(t *testing.T, text string, json func() ([]byte, error)) {
	t.Helper()
	t.Logf("\n%s", text)
	dir := os.Getenv("SHIPLOG_NEMESIS_REPORTS")
	if dir == "" {
		return
	}
	raw, err := json()
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, t.Name()+".json"), append(raw, '\n'), 0o644)
	}
	if err != nil {
		t.Error(err)
	}
}

// survive is one whole run that must find nothing.
func survive(t *testing.T, kinds []Kind, faulty time.Duration) {
	t.Helper()
	o := product(t, faulty)
	o.Kinds = kinds
	p := Plan{Network: slices.ContainsFunc(kinds, in(slices.Concat(NetworkKinds(), MoveKinds())))}
	if slices.ContainsFunc(kinds, in(MoveKinds())) {
		p.Nodes, p.Partitions = pick(clusterNodes+1, clusterNodes+2), pick(4, clusterPartitions) // few copies have moved soon
		o.Partitions = p.Partitions
	}
	if slices.ContainsFunc(kinds, in(PowerKinds())) {
		p.DiskSize = diskSize
	}
	r, err := Run(t.Context(), startCluster(t, p), o)
	if err != nil {
		t.Fatal(err)
	}
	publish(t, r.String(), r.JSON)
	if r.Failed() {
		t.Error("the cluster did not survive: see above")
	}
}

func in(kinds []Kind) func(Kind) bool {
	return func(k Kind) bool { return slices.Contains(kinds, k) }
}

// TestNemesis ends, stops and restarts processes of a loaded cluster; nothing may be lost, doubled or stale.
// SHIPLOG_NEMESIS=kind,kind names other faults, also those that need networks and disks of their own.
func TestNemesis(t *testing.T) {
	kinds := pick(ShortMix(), ProcessKinds())
	if names := os.Getenv("SHIPLOG_NEMESIS"); names != "" {
		kinds = nil
		for name := range strings.SplitSeq(names, ",") {
			kinds = append(kinds, Kind(name))
		}
	}
	survive(t, kinds, pick(45*time.Second, 10*time.Minute))
}

// TestNemesisNetwork cuts nodes off from each other, in both directions and in one.
func TestNemesisNetwork(t *testing.T) {
	survive(t, NetworkKinds(), pick(15*time.Second, 5*time.Minute))
}

// TestNemesisMoves empties nodes, replaces dead ones, and fills them again, and cuts off who gives a copy, who gets one, or who coordinates while copies move: in both
// directions, in one, or again and again. Each move ends after that.
func TestNemesisMoves(t *testing.T) {
	survive(t, MoveKinds(), pick(7*time.Second, 12*time.Minute))
}

// TestNemesisPower cuts the power of one node and of all.
func TestNemesisPower(t *testing.T) {
	survive(t, PowerKinds(), pick(15*time.Second, 5*time.Minute))
}

// TestNemesisMix is everything on one cluster; its ordinary form only shows that the parts fit together.
func TestNemesisMix(t *testing.T) {
	survive(t, slices.Concat(ProcessKinds(), NetworkKinds(), PowerKinds()), pick(5*time.Second, 10*time.Minute))
}

// TestNemesisFindsLazyFsync holds that a power cut shows what the unsafe modes of appendfsync say of themselves.
func TestNemesisFindsLazyFsync(t *testing.T) {
	o := product(t, time.Second)
	o.Kinds, o.Faulty = []Kind{PowerAll}, time.Second
	// It need not serve afterwards: what is missing is seen in the logs, and by whom it still answers.
	o.Bound, o.Quiet, o.Timeout, o.Digests = 2*time.Second, time.Second, 500*time.Millisecond, false
	l := startCluster(t, Plan{DiskSize: diskSize}, "--appendfsync", "everysec")
	r, err := Run(t.Context(), l, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%v", r)
	if r.Total.Found.Lost == 0 {
		t.Error("nothing is lost that was not on a disk when all disks lost their power")
	}
}

// TestKillGap holds how long a partition takes no writes when its primary dies.
func TestKillGap(t *testing.T) {
	o := product(t, 0)
	o.Pause = 20 * time.Millisecond
	f, err := MeasureKills(t.Context(), startCluster(t, Plan{}), o, pick(3, 20))
	publish(t, f.String(), f.JSON)
	if err != nil {
		t.Fatal(err)
	}
	if f.P50 > 2*time.Second || f.Max > 4*time.Second || f.Found.Faults() > 0 {
		t.Errorf("got %v; want a write gap p50 of at most 2s, max 4s", f)
	}
}

// TestHandOverGap holds how long a partition takes no writes when another node is asked to lead it, and that no
// client notices more than that.
func TestHandOverGap(t *testing.T) {
	o := product(t, 0)
	o.Pause = 20 * time.Millisecond
	f, err := MeasureHandovers(t.Context(), startCluster(t, Plan{}), o, pick(10, 50))
	publish(t, f.String(), f.JSON)
	if err != nil {
		t.Fatal(err)
	}
	// The p99 of ten is the longest: one moment in which the machine does something else. It may be a second there.
	most := pick(90, 99)
	if gap := quantile(f.Gaps, most); gap > 300*time.Millisecond || f.Max > time.Second || f.Failed+f.Unknown+f.Found.Faults() > 0 {
		t.Errorf("got %v; want a write gap p%d of at most 300ms, at most a second, and no error", f, most)
	}
}
