package main

import (
	"os/exec"
	"strings"
	"testing"

	"shiplog/e2e"
)

// printed is what go test prints, with one benchmark of the three missing.
const printed = `goos: linux
BenchmarkAppend/always/100B-2         	     842	   1400000 ns/op	   0.07 MB/s
BenchmarkAppend/always/100B-2         	     842	   1000000.5 ns/op	   0.07 MB/s
BenchmarkAppend/always/100B-2         	     842	   1200000 ns/op	   0.07 MB/s
BenchmarkAppend/always/1024B          	     842	   2000000 ns/op	   0.07 MB/s
BenchmarkAppend/no/1024B              	     842	   1 ns/op	   0.07 MB/s
BenchmarkPublishClient/always/100B-2  	     700	   1500000 ns/op	   0.06 MB/s
BenchmarkPublishClient/always/1024B-2 	     700	   1000000 ns/op	   0.06 MB/s
PASS
`

func TestCompareAppends(t *testing.T) {
	facts, err := compareAppends(printed)
	if err == nil || !strings.Contains(err.Error(), "BenchmarkAppend/always/16384B") {
		t.Errorf("error %v, want one that says which benchmark is missing", err)
	}
	if len(facts) != 2 || facts[0].Value != 1.25 || !facts[0].OK || facts[1].Value != 0.5 || facts[1].OK {
		t.Errorf("got %+v, want ratios 1.25 and 0.5, the second not enough", facts)
	}
}

// TestBenchmarksAreThere notices when the log's benchmarks get other names.
func TestBenchmarksAreThere(t *testing.T) {
	out, err := e2e.FinishBuild(exec.Command("go", "test", "-list", "^Benchmark("+ofLog+"|"+ofPublish+")$", "../../wal/jetstream"))
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, name := range []string{ofLog, ofPublish} {
		if !strings.Contains(string(out), "Benchmark"+name+"\n") {
			t.Errorf("wal/jetstream has no Benchmark%s: %s", name, out)
		}
	}
}
