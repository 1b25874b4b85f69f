// Command bench measures the product against redis-server, one after the other in turn on the same machine, and
// prints the medians, the spread and the ratios that are asked for.
//
// Absolute figures drift by a factor of two within minutes on shared machines; only ratios of rounds taken in turn
// count. It promises nothing about a machine that does other work meanwhile.
//
//	go run ./e2e/bench [-rounds 5] [-json FILE] [-only PART-OF-NAME] [-keys10m]
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"shiplog/e2e"
)

// options are the command line.
type options struct {
	rounds  int
	json    string
	only    string
	keys10m bool
}

// report is everything that was measured, as it is written as JSON.
type report struct {
	When   time.Time `json:"when"`
	Go     string    `json:"go"`
	CPUs   int       `json:"cpus"`
	Redis  string    `json:"redis"`
	Rounds int       `json:"rounds"`
	Speed  []result  `json:"speed"`
	Facts  []fact    `json:"facts"`
}

func main() {
	o := options{}
	flag.IntVar(&o.rounds, "rounds", 5, "rounds per comparison, at least 5 for figures that count")
	flag.StringVar(&o.json, "json", "", "also write the figures to this file as JSON")
	flag.StringVar(&o.only, "only", "", "measure only what has this in its name")
	flag.BoolVar(&o.keys10m, "keys10m", false, "also load 10 million keys and report the memory (takes minutes)")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	if o.rounds < 1 {
		return errors.New("-rounds must be positive")
	}
	scratch, err := os.MkdirTemp("", "shiplog-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	program, err := e2e.Build(".", filepath.Join(scratch, "shiplog"))
	if err != nil {
		return err
	}
	b := &bench{options: o, scratch: scratch, shiplog: program}
	r := report{When: time.Now().UTC(), Go: runtime.Version(), CPUs: runtime.NumCPU(), Rounds: o.rounds}
	if r.Redis, err = redisVersion(); err != nil {
		return err
	}
	if r.Speed, err = b.speed(); err != nil {
		return err
	}
	r.Facts, err = b.facts()
	r.print(os.Stdout)
	return errors.Join(err, r.write(o.json))
}

// write writes the report as JSON when a file is named.
func (r report) write(file string) error {
	if file == "" {
		return nil
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

// print writes the tables.
func (r report) print(w *os.File) {
	fmt.Fprintf(w, "\n%s against redis-server %s, %d CPUs, %d rounds in turn; thousands of requests per second: median (least-most)\n\n",
		"shiplog", r.Redis, r.CPUs, r.Rounds)
	fmt.Fprintf(w, "%-32s %22s %22s %7s %7s\n", "", "shiplog", "redis-server", "ratio", "asked")
	for _, s := range r.Speed {
		asked := "-"
		if s.Asked > 0 {
			asked = fmt.Sprintf("%.2f %s", s.Asked, mark(s.Ratio >= s.Asked))
		}
		fmt.Fprintf(w, "%-32s %22s %22s %7.2f %7s\n", s.Name, s.Shiplog, s.Redis, s.Ratio, asked)
	}
	fmt.Fprintln(w)
	for _, f := range r.Facts {
		fmt.Fprintf(w, "%-54s %10.2f %-4s asked: %s %s\n", f.Name, f.Value, f.Unit, f.asked(), mark(f.OK))
	}
}

func mark(ok bool) string {
	if ok {
		return "ok"
	}
	return "NO"
}
