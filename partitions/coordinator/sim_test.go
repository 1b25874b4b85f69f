package coordinator

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// seededBug is a mistake that the simulation must notice.
type seededBug string

const (
	noBug             seededBug = ""
	bugNoWait         seededBug = "the heir does not wait"
	bugLeaseFromAck   seededBug = "the lease counts from the acknowledgement"
	bugLeaseFromRetry seededBug = "the lease counts from the last retry"
	bugLeaseKept      seededBug = "reads are answered while handing over"
	bugCheckedAtTimes seededBug = "the lease is checked five times a second instead of for each read"
	bugAnyTerm        seededBug = "a lease of a later term is good enough"
	bugNoMargin       seededBug = "the heir waits without margin"
	bugNoFence        seededBug = "the log has no fence"
	bugNoEpoch        seededBug = "the heir leads without an EPOCH record"
	bugAckFenced      seededBug = "a deposed primary acknowledges"
)

// TestSimulation runs 10,000 seeds (500 with -short or the race detector, a million with SHIPLOG_LONG=1), and with SHIPLOG_SEED=n only
// that one, with a trace. A run is one goroutine: the race detector has nothing to find in it and is given few.
func TestSimulation(t *testing.T) {
	if text := os.Getenv("SHIPLOG_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		s := newSim(seed, noBug)
		s.trace = &strings.Builder{}
		faults := s.run()
		t.Logf("\n%s%s", s.trace, s)
		if len(faults) > 0 {
			t.Errorf("seed %d: %s", seed, faults[0])
		}
		return
	}
	total := simulate(simSeeds(), noBug)
	t.Log(&total)
	t.Logf("crashes while copies moved: %s", &total.crashes)
	if step := total.crashes.missing(); step != "" && total.runs >= 10_000 {
		t.Errorf("no crash at %s of a move", step)
	}
	if total.failed {
		t.Errorf("seed %d (SHIPLOG_SEED=%d replays it): %s", total.seed, total.seed, total.fault)
	}
	for kind, n := range total.counts {
		if n == 0 {
			t.Errorf("nothing of kind %d happened: %s", kind, &total)
		}
	}
}

func simSeeds() uint64 {
	switch {
	case testing.Short() || raced:
		return 500
	case os.Getenv("SHIPLOG_LONG") == "1":
		return 1_000_000
	}
	return 10_000
}

// TestSimulationCatches holds that the simulation is no ornament: each bug is caught within so many seeds.
func TestSimulationCatches(t *testing.T) {
	for bug, within := range map[seededBug]uint64{
		bugNoWait:         2000,
		bugLeaseFromAck:   2000,
		bugLeaseFromRetry: 2000,
		bugLeaseKept:      2000,
		bugCheckedAtTimes: 2000,
		bugAnyTerm:        20000,
		bugNoMargin:       20000,
		bugNoFence:        200,
		bugNoEpoch:        200,
		bugAckFenced:      2000,
	} {
		if raced && within > 2000 {
			continue
		}
		total := simulate(within, bug)
		if !total.failed {
			t.Errorf("%s: not caught in %d seeds", bug, within)
			continue
		}
		t.Logf("%s: seed %d: %s", bug, total.seed, total.fault)
	}
}

// TestSimulationReplays holds that a seed is all there is.
func TestSimulationReplays(t *testing.T) {
	for seed := range uint64(20) {
		first, again := newSim(seed, noBug), newSim(seed, noBug)
		first.trace, again.trace = &strings.Builder{}, &strings.Builder{}
		first.run()
		again.run()
		if first.trace.String() != again.trace.String() {
			t.Fatalf("seed %d did not replay", seed)
		}
	}
}

// simTotal is what many seeds came to: the least seed that failed, if one did, and counts.
type simTotal struct {
	runs   int
	failed bool
	seed   uint64
	fault  string
	counts [countKinds]int

	crashes crashes
}

func (total *simTotal) String() string {
	return fmt.Sprintf("%d seeds: %s", total.runs, describeCounts(total.counts))
}

func (s *sim) String() string { return describeCounts(s.counts) }

func describeCounts(c [countKinds]int) string {
	return fmt.Sprintf("%d writes, %d reads, %d epochs, %d hand-overs, %d fenced, %d retries, %d pauses, %d crashes, %d cuts, %d relocates, %d moves",
		c[countWrites], c[countReads], c[countEpochs], c[countHandovers], c[countFenced], c[countAmbiguous],
		c[countPauses], c[countCrashes], c[countCuts], c[countRelocates], c[countMoves])
}

// simulate runs seeds 0 to n-1 on all processors until one fails.
func simulate(n uint64, bug seededBug) (total simTotal) {
	var mu sync.Mutex
	var wait sync.WaitGroup
	var next atomic.Uint64
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for {
				seed := next.Add(1) - 1
				if seed >= n {
					return
				}
				s := newSim(seed, bug)
				faults := s.run()
				mu.Lock()
				total.add(seed, s, faults)
				if total.failed {
					next.Store(n)
				}
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	return total
}

func (total *simTotal) add(seed uint64, s *sim, faults []string) {
	total.runs++
	for i := range s.counts {
		total.counts[i] += s.counts[i]
	}
	total.crashes.add(&s.crashes)
	if len(faults) > 0 && (!total.failed || seed < total.seed) {
		total.failed, total.seed, total.fault = true, seed, faults[0]
	}
}
