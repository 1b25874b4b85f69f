package keyspace

import (
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"shiplog/wal"
)

// TestApplyIsAFold applies the same bodies one at a time, some at a time, and all at once: every row of the state is the same in the end (I1). How
// many bodies come together depends on the machine's speed, and copies and restarts must not differ by that.
func TestApplyIsAFold(t *testing.T) {
	for name, change := range map[string]func(r *rig, rnd *rand.Rand) func(){
		"keys":    func(r *rig, rnd *rand.Rand) func() { m := model{}; return func() { m = r.step(rnd, m) } },
		"hashes":  func(r *rig, rnd *rand.Rand) func() { m := hashes{}; return func() { m = m.change(r, rnd) } },
		"lists":   func(r *rig, rnd *rand.Rand) func() { m := lists{}; return func() { m = m.change(r, rnd) } },
		"sets":    func(r *rig, rnd *rand.Rand) func() { m := codedSets{}; return func() { m = m.change(r, rnd) } },
		"zsets":   func(r *rig, rnd *rand.Rand) func() { m := zsets{}; return func() { m = m.change(r, rnd) } },
		"streams": func(r *rig, rnd *rand.Rand) func() { m := streams{}; return func() { m = m.change(r, rnd) } },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bodies := randomBodies(t, change)
			want := digestAfter(t, bodies, 1)
			for _, together := range []int{2, 7, len(bodies)} {
				if got := digestAfter(t, bodies, together); got != want {
					t.Errorf("%d bodies at a time make another state than one at a time: digests %016x and %016x", together, got, want)
				}
			}
		})
	}
}

// randomBodies is what random units make of a log.
func randomBodies(t *testing.T, change func(r *rig, rnd *rand.Rand) func()) (bodies [][]byte) {
	r := newRig(t, vfs.NewMem())
	rnd := rand.New(rand.NewPCG(11, 11))
	next := change(r, rnd)
	for range 400 {
		next()
		if rnd.IntN(2) == 0 {
			r.seal()
			bodies = append(bodies, r.queue...)
			r.apply()
		}
	}
	if err := r.store.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	return bodies
}

// digestAfter is the digest of a state that bodies have been applied to, so many at a time.
func digestAfter(t *testing.T, bodies [][]byte, together int) uint64 {
	t.Helper()
	r := newRig(t, vfs.NewMem())
	for from := 0; from < len(bodies); from += together {
		to := min(from+together, len(bodies))
		if err := r.store.Apply(bodies[from:to], wal.Position{Seq: wal.Seq(to), Epoch: 1, Index: uint64(to)}, 0); err != nil {
			t.Fatalf("Apply: %v", err)
		}
	}
	_, digest, err := r.store.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.store.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	return digest
}
