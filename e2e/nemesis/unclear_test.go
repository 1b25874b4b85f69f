package nemesis

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"shiplog/e2e"
)

// withFailpoints is the program with its failpoints, built once per run.
func withFailpoints(t *testing.T) e2e.Program {
	t.Helper()
	p, err := builtWithFailpoints()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var builtWithFailpoints = sync.OnceValues(func() (e2e.Program, error) {
	file := filepath.Join(e2e.Scratch(), "shiplog-failpoints")
	cmd := exec.Command("go", "build", "-tags", "failpoints", "-o", file, "./cmd/shiplog")
	cmd.Dir = "../.."
	if err := os.MkdirAll(e2e.Scratch(), 0o755); err != nil {
		return nil, err
	}
	if out, err := e2e.FinishBuild(cmd); err != nil {
		return nil, fmt.Errorf("build with failpoints: %w\n%s", err, out)
	}
	return e2e.Program{file, "serve"}, nil
})

// TestNemesisUnclearAcks has messages to the log lost, their answers lost, and answers held back for longer than they are waited for, while
// primaries die and stop: each acknowledged write must be there once, and each refused one not at all.
func TestNemesisUnclearAcks(t *testing.T) {
	counts := filepath.Join(t.TempDir(), "counts")
	t.Setenv("SHIPLOG_FAILPOINT_COUNTS", counts)
	t.Setenv("SHIPLOG_FAILPOINT_ACKS", "2,2,2") // of a thousand
	o := product(t, pick(20*time.Second, 5*time.Minute))
	o.Kinds = []Kind{KillPrimary, StopLong, KillStreamLeader, StopShort}
	o.LeastRate = 30 // each of them holds a partition up for seconds
	r, err := Run(t.Context(), startCluster(t, Plan{Program: withFailpoints(t)}), o)
	if err != nil {
		t.Fatal(err)
	}
	told, err := os.ReadFile(counts)
	if err != nil {
		t.Fatal(err)
	}
	r.Unclear = Unclear{bytes.Count(told, []byte("p")), bytes.Count(told, []byte("d")), bytes.Count(told, []byte("l"))}
	publish(t, r.String(), r.JSON)
	if r.Failed() {
		t.Error("the cluster did not survive: see above")
	}
	if u := r.Unclear; u.NotSent < 5 || u.NoAnswer < 5 || u.Late < 5 {
		t.Errorf("got %+v: too few to prove anything", u)
	}
}

// startEnded starts those nodes that do not run.
func startEnded(l *Local) (err error) {
	for _, n := range l.Nodes() {
		if n.PID() == 0 {
			err = errors.Join(err, n.Restart())
		}
	}
	return err
}

// TestNemesisFailpoints has nodes sleep, also while they hold a partition's lock, for longer than a lease, and end, as with kill -9, between
// the steps of writing, reading, becoming primary and handing over.
func TestNemesisFailpoints(t *testing.T) {
	o := product(t, pick(20*time.Second, 5*time.Minute))
	o.Kinds, o.Revive, o.LeastRate = []Kind{KillPrimary, KillStreamLeader}, true, 10
	o.Redundancy = 0 // there is always one that sleeps
	l := startCluster(t, Plan{Program: withFailpoints(t)})
	// A cluster that begins would not come to be: the nodes get their failpoints now, one after the other.
	t.Setenv("SHIPLOG_FAILPOINTS", "before-publish=1s:2,after-publish=1s:2,before-reply=1s:2,after-read=1s:4,before-apply=1s:2,after-apply=1s:2,"+
		"before-epoch=die:200,after-epoch=die:200,before-handover=die:200,before-flush=die:1000,after-flush=die:1000,after-trim=die:1000,"+
		"before-apply=die:1,before-reply=die:1")
	restart := func() (err error) {
		for _, n := range l.Nodes() {
			// Others may end by themselves meanwhile: becoming primary is when they do so.
			err = errors.Join(err, n.Kill9(), startEnded(l), WaitServing(productAccess(l), clusterPartitions, time.Minute, func() error { return startEnded(l) }))
		}
		return err
	}
	if err := restart(); err != nil {
		t.Fatal(err)
	}
	o.Calm = func() error { return errors.Join(os.Unsetenv("SHIPLOG_FAILPOINTS"), restart()) }
	r, err := Run(t.Context(), l, o)
	if err != nil {
		t.Fatal(err)
	}
	publish(t, r.String(), r.JSON)
	if r.Failed() {
		t.Error("the cluster did not survive: see above")
	}
	if r.Revived == 0 {
		t.Error("no node has ended by itself: too few to prove anything")
	}
}
