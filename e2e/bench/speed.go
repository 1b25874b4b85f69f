package main

import (
	"encoding/csv"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"shiplog/e2e"
)

// bench is one run of the tool.
type bench struct {
	options
	scratch string
	shiplog e2e.Program
	dirs    int
}

// comparison is one load that both servers are put under.
type comparison struct {
	test     string // redis-benchmark's -t
	fsync    string // appendfsync
	clients  int
	pipeline int
	keys     int     // -r; 0: redis-benchmark's single key
	asked    float64 // the ratio to reach; 0: none
	requests int
	types
}

func (c comparison) name() string {
	name := fmt.Sprintf("%s %s c%d P%d", strings.ToUpper(c.test), c.fsync, c.clients, c.pipeline)
	if c.keys > 0 {
		name += fmt.Sprintf(" r%d", c.keys)
	}
	return name
}

// comparisons lists what is measured, those with the same appendfsync together. Each is done on one
// key, as redis-benchmark does by default and as the ratios are asked for, and on many.
func comparisons() (list []comparison) {
	for _, c := range []comparison{
		{test: "set", fsync: "always", clients: 50, pipeline: 1, asked: 1.0, requests: 40_000},
		{test: "set", fsync: "always", clients: 50, pipeline: 16, asked: 1.2, requests: 400_000},
		{test: "set", fsync: "always", clients: 200, pipeline: 1, asked: 1.0, requests: 80_000},
		{test: "get", fsync: "always", clients: 50, pipeline: 1, asked: 0.8, requests: 150_000},
		{test: "get", fsync: "always", clients: 50, pipeline: 16, asked: 0.8, requests: 1_500_000},
		{test: "ping_mbulk", fsync: "always", clients: 50, pipeline: 16, asked: 1.0, requests: 1_500_000},
		{test: "set", fsync: "everysec", clients: 50, pipeline: 1, asked: 0.7, requests: 120_000},
		{test: "set", fsync: "everysec", clients: 50, pipeline: 16, asked: 0.7, requests: 800_000},
	} {
		list = append(list, c)
		if c.test != "ping_mbulk" {
			c.keys = 100_000
			list = append(list, c)
		}
	}
	return append(list, typeComparisons()...)
}

// spread is what the rounds of one server gave, in requests per second.
type spread struct {
	Median float64   `json:"median"`
	Min    float64   `json:"min"`
	Max    float64   `json:"max"`
	Rounds []float64 `json:"rounds"`
}

func spreadOf(rounds []float64) spread {
	s := slices.Sorted(slices.Values(rounds))
	median := s[len(s)/2]
	if len(s)%2 == 0 {
		median = (median + s[len(s)/2-1]) / 2
	}
	return spread{Median: median, Min: s[0], Max: s[len(s)-1], Rounds: rounds}
}

// String shows the spread in thousands.
func (s spread) String() string {
	return fmt.Sprintf("%.1f (%.1f-%.1f)", s.Median/1e3, s.Min/1e3, s.Max/1e3)
}

// result is a comparison's outcome; Ratio is of the medians.
type result struct {
	Name    string  `json:"name"`
	Shiplog spread  `json:"shiplog"`
	Redis   spread  `json:"redis"`
	Ratio   float64 `json:"ratio"`
	Asked   float64 `json:"asked,omitempty"`
}

// speed runs all comparisons, with a fresh pair of servers for each appendfsync.
func (b *bench) speed() (results []result, err error) {
	pairs := map[string][2]*e2e.Node{}
	for _, c := range comparisons() {
		if !strings.Contains(strings.ToLower(c.name()), strings.ToLower(b.only)) {
			continue
		}
		pair, ok := pairs[c.fsync]
		if !ok {
			if pair, err = b.pair(c.fsync); err != nil {
				return nil, err
			}
			defer pair[0].Kill() // at the end: both serve several comparisons
			defer pair[1].Kill()
			pairs[c.fsync] = pair
		}
		r, err := b.compare(c, pair)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name(), err)
		}
		fmt.Fprintf(os.Stderr, "%s: %.2f\n", r.Name, r.Ratio)
		results = append(results, r)
	}
	return results, nil
}

// pair starts both servers with the same durability.
func (b *bench) pair(fsync string) (pair [2]*e2e.Node, err error) {
	redis := e2e.Program{"redis-server", "--save", "", "--appendonly", "yes", "--bind", "127.0.0.1"}
	for i, program := range []e2e.Program{b.shiplog, redis} {
		if pair[i], err = b.start(program, "--appendfsync", fsync); err != nil {
			return pair, err
		}
	}
	return pair, nil
}

// start starts a server on a new directory.
func (b *bench) start(program e2e.Program, directives ...string) (*e2e.Node, error) {
	b.dirs++
	dir := filepath.Join(b.scratch, strconv.Itoa(b.dirs))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	n, err := e2e.NewNode(program, dir, directives...)
	if err != nil {
		return nil, err
	}
	return n, n.Start()
}

// compare measures both servers in turn. One round that is not counted comes first.
func (b *bench) compare(c comparison, pair [2]*e2e.Node) (result, error) {
	var rounds [2][]float64
	for round := range b.rounds + 1 {
		for i, n := range pair {
			rate, err := load(n, c)
			if err != nil {
				return result{}, err
			}
			if round > 0 {
				rounds[i] = append(rounds[i], rate)
			}
		}
	}
	r := result{Name: c.name(), Shiplog: spreadOf(rounds[0]), Redis: spreadOf(rounds[1]), Asked: c.asked}
	r.Ratio = r.Shiplog.Median / r.Redis.Median
	return r, nil
}

// load runs redis-benchmark once and returns the requests per second.
func load(n *e2e.Node, c comparison) (float64, error) {
	if err := c.prepare(n, c.requests); err != nil {
		return 0, err
	}
	words := []string{"-p", strconv.Itoa(n.Port), "-c", strconv.Itoa(c.clients), "-P", strconv.Itoa(c.pipeline),
		"-n", strconv.Itoa(c.requests), "--csv"}
	if c.keys > 0 {
		words = append(words, "-r", strconv.Itoa(c.keys))
	}
	if c.command == nil {
		words = append(words, "-t", c.test)
	}
	out, err := exec.Command("redis-benchmark", append(words, c.command...)...).Output()
	if err != nil {
		return 0, fmt.Errorf("redis-benchmark: %w: %s", err, out)
	}
	rows, err := csv.NewReader(strings.NewReader(string(out))).ReadAll()
	if err != nil || len(rows) < 2 || len(rows[len(rows)-1]) < 2 { // what it fills itself comes before
		return 0, fmt.Errorf("redis-benchmark said %q: %w", out, err)
	}
	return strconv.ParseFloat(rows[len(rows)-1][1], 64)
}

// redisVersion returns the version of the redis-server that is compared with.
func redisVersion() (string, error) {
	out, err := exec.Command("redis-server", "--version").Output()
	if err != nil {
		return "", fmt.Errorf("redis-server: %w (apt-get install redis-server redis-tools)", err)
	}
	for _, word := range strings.Fields(string(out)) {
		if version, ok := strings.CutPrefix(word, "v="); ok {
			return version, nil
		}
	}
	return "", fmt.Errorf("redis-server --version said %q", out)
}
