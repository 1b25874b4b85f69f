package main

import (
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
)

// The Go benchmarks of the log that are compared: an append by the log, and a synchronous publish of nats.go.
const (
	ofLog     = "Append"
	ofPublish = "PublishClient"
)

// recordSizes are the sizes, in bytes, at which both are measured.
func recordSizes() []int { return []int{100, 1 << 10, 16 << 10} }

// appends compares records per second with raw synchronous publishes of the same size, each one durable before the next,
// as the log's own Go benchmarks measure them. A benchmark that is not there is an error.
func (b *bench) appends() ([]fact, error) {
	const which = "^Benchmark(" + ofLog + "|" + ofPublish + ")$/^always$"
	out, err := exec.Command("go", "test", "-run", "^$", "-bench", which, "-count", strconv.Itoa(b.rounds), "./wal/jetstream").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	return compareAppends(string(out))
}

// compareAppends makes facts of what go test prints.
func compareAppends(out string) (facts []fact, err error) {
	times, err := perOp(out)
	if err != nil {
		return nil, err
	}
	for _, size := range recordSizes() {
		appended, published := times[benchmark{ofLog, size}], times[benchmark{ofPublish, size}]
		if len(appended) == 0 || len(published) == 0 {
			err = errors.Join(err, fmt.Errorf("wal/jetstream has %d results of Benchmark%s/always/%dB and %d of Benchmark%s: nothing to compare",
				len(appended), ofLog, size, len(published), ofPublish))
			continue
		}
		ratio := spreadOf(published).Median / spreadOf(appended).Median
		name := fmt.Sprintf("records of %d B per second / raw synchronous publishes", size)
		facts = append(facts, newFact(name, "", ratio, 0, 0.8))
	}
	return facts, err
}

// benchmark is a Go benchmark and the size of its records.
type benchmark struct {
	name string
	size int
}

// perOp finds the benchmarks' times, in nanoseconds, in what go test prints.
func perOp(out string) (map[benchmark][]float64, error) {
	line := regexp.MustCompile(`(?m)^Benchmark(\w+)/always/(\d+)B(?:-\d+)?\s+\d+\s+([0-9.]+) ns/op`)
	times := make(map[benchmark][]float64)
	for _, m := range line.FindAllStringSubmatch(out, -1) {
		size, err := strconv.Atoi(m[2])
		if err != nil {
			return nil, err
		}
		ns, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			return nil, err
		}
		times[benchmark{m[1], size}] = append(times[benchmark{m[1], size}], ns)
	}
	return times, nil
}
