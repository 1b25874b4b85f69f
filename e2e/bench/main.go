// Command bench measures the product against redis-server, one after the other in turn on the same machine, and
// prints the medians, the spread and the ratios that are asked for.
//
// Absolute figures drift by a factor of two within minutes on shared machines; only ratios of rounds taken in turn
// count. It promises nothing about a machine that does other work meanwhile.
//
// With "changes" as the first word, change feeds are measured: their delay, how fast a reader catches up, what a follower costs.
//
// With "seed" as the first word, it is measured how fast a copy that is gone is there again, how long three nodes that become five take until they
// are balanced, and what writers notice of that and of hand-overs. -only is one of hand-over, seeding, 3to5, 3to5-writes and 3to5-steady then.
//
// With "cluster" as the first word, three nodes are measured beside a Redis Cluster of three primaries and three
// replicas, with a load generator of our own, because redis-benchmark cannot WAIT.
//
//	go run ./e2e/bench [-rounds 5] [-json FILE] [-only PART-OF-NAME] [-keys10m]
//	go run ./e2e/bench changes [-rounds 5] [-json FILE] [-only PART-OF-NAME] [-beside PROGRAM] [-serve-on 0]
//	go run ./e2e/bench seed [-rounds 5] [-json FILE] [-only PART-OF-NAME] [-megabytes 1000] [-steady 0.5] [-with DIRECTIVES]
//	go run ./e2e/bench cluster [-rounds 5] [-json FILE] [-only PART-OF-NAME] [-seconds 5] [-partitions 16] [-with DIRECTIVES] [-keep]
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
	feeds   bool // change feeds alone
	beside  string
	serveOn string
	seed    bool // seeding and hand-overs alone
	clusterOptions
}

// clusterOptions are the command line of "bench cluster".
type clusterOptions struct {
	clustered  bool
	seconds    float64
	partitions int
	with       string
	keep       bool
	megabytes  int // that are seeded
	steady     float64
}

// report is everything that was measured, as it is written as JSON.
type report struct {
	When   time.Time `json:"when"`
	Go     string    `json:"go"`
	CPUs   int       `json:"cpus"`
	Redis  string    `json:"redis"`
	Rounds int       `json:"rounds"`
	Speed  []result  `json:"speed"`
	Costs  []cost    `json:"costs,omitempty"`
	Facts  []fact    `json:"facts"`

	peer string // what is measured beside, for people
}

func main() {
	o := options{}
	flag.IntVar(&o.rounds, "rounds", 5, "rounds per comparison, at least 5 for figures that count")
	flag.StringVar(&o.json, "json", "", "also write the figures to this file as JSON")
	flag.StringVar(&o.only, "only", "", "measure only what has this in its name")
	args := os.Args[1:]
	if o.clustered = len(args) > 0 && args[0] == "cluster"; o.clustered {
		args = args[1:]
		flag.Float64Var(&o.seconds, "seconds", 5, "how long each measurement lasts")
		flag.IntVar(&o.partitions, "partitions", 16, "partitions of our cluster")
		flag.StringVar(&o.with, "with", "", "more directives for our nodes, as in \"--commit-delay-us 2000\"")
		flag.BoolVar(&o.keep, "keep", false, "at the end, let our cluster run until this is interrupted")
	} else if o.seed = len(args) > 0 && args[0] == "seed"; o.seed {
		args = args[1:]
		flag.IntVar(&o.megabytes, "megabytes", 1000, "how much is written before a copy is filled, or the cluster grows")
		flag.Float64Var(&o.steady, "steady", 0.5, "the part of the writes that three nodes can take that 3to5-steady has them do")
		flag.StringVar(&o.with, "with", "", "more directives for the nodes")
	} else if o.feeds = len(args) > 0 && args[0] == "changes"; o.feeds {
		args = args[1:]
		flag.StringVar(&o.beside, "beside", "", "another program, as an older one, whose followers' cost is measured in turn with ours")
		flag.StringVar(&o.serveOn, "serve-on", "", "processors for the servers of which followers' cost is measured, as taskset has them: the load and the follower run where this program does")
	} else {
		flag.BoolVar(&o.keys10m, "keys10m", false, "also load 10 million keys and report the memory (takes minutes)")
	}
	_ = flag.CommandLine.Parse(args) // it ends the process on a mistake
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	if o.rounds < 1 || o.clustered && (o.seconds <= 0 || o.partitions < 1) {
		return errors.New("-rounds, -seconds and -partitions must be positive")
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
	switch {
	case o.feeds:
		r.peer = "nobody: no"
		r.Facts, err = b.changes()
	case o.seed:
		r.peer = "nobody: no"
		r.Facts, err = b.seeds()
	case o.clustered:
		r.peer = "a Redis Cluster of 3 primaries and 3 replicas, WAIT 1 after every pipeline of writes, redis-server"
		err = b.cluster(&r)
	default:
		r.peer = "redis-server"
		err = b.lone(&r)
	}
	if len(r.Speed)+len(r.Facts) > 0 {
		r.print(os.Stdout)
	}
	return errors.Join(err, r.write(o.json))
}

// lone measures one node.
func (b *bench) lone(r *report) (err error) {
	if r.Speed, err = b.speed(); err != nil {
		return err
	}
	r.Facts, err = b.facts()
	return err
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
	if len(r.Speed) > 0 {
		r.printSpeed(w)
	}
	r.printCosts(w)
	for _, f := range r.Facts {
		fmt.Fprintf(w, "%-70s %12.2f %-4s asked: %s %s\n", f.Name, f.Value, f.Unit, f.asked(), mark(f.OK))
	}
}

func (r report) printSpeed(w *os.File) {
	fmt.Fprintf(w, "\nshiplog against %s %s, %d CPUs, %d rounds in turn; thousands of requests per second: median (least-most)\n\n",
		r.peer, r.Redis, r.CPUs, r.Rounds)
	fmt.Fprintf(w, "%-32s %22s %22s %7s %7s\n", "", "shiplog", "redis-server", "ratio", "asked")
	for _, s := range r.Speed {
		asked := "-"
		if s.Asked > 0 {
			asked = fmt.Sprintf("%.2f %s", s.Asked, mark(s.Ratio >= s.Asked))
		}
		fmt.Fprintf(w, "%-32s %22s %22s %7.2f %7s\n", s.Name, s.Shiplog, s.Redis, s.Ratio, asked)
	}
	fmt.Fprintln(w)
}

// printCosts writes what the loads on clusters took beside time.
func (r report) printCosts(w *os.File) {
	if len(r.Costs) == 0 {
		return
	}
	fmt.Fprintf(w, "%-32s %31s %23s %23s\n%-32s %15s %15s %23s %11s %11s\n", "", "CPU seconds per 1000 commands", "CPU of the generator",
		"records of the logs", "", "shiplog", "redis", "of one processor", "per second", "commands")
	for _, c := range r.Costs {
		fmt.Fprintf(w, "%-32s %15.4f %15.4f %22.0f%% %11.0f %11.1f\n", c.Name, c.CPUShiplog, c.CPURedis, 100*c.Generator, c.Records, c.PerRecord)
	}
	fmt.Fprintln(w)
}

func mark(ok bool) string {
	if ok {
		return "ok"
	}
	return "NO"
}
