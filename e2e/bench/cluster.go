package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// The load of every row.
const (
	clusterClients = 50
	clusterKeys    = 100_000
)

// clusterRow is one load that both clusters are put under.
type clusterRow struct {
	get      bool
	pipeline int
	asked    float64 // the ratio to reach
}

func clusterRows() []clusterRow {
	return []clusterRow{{false, 1, 1.0}, {false, 16, 1.0}, {true, 1, 0.8}, {true, 16, 0.8}}
}

func (r clusterRow) name() string {
	word := "SET"
	if r.get {
		word = "GET"
	}
	return fmt.Sprintf("%s 3 nodes always c%d P%d", word, clusterClients, r.pipeline)
}

// cost is what a row took beside time: medians of the rounds. CPU is that of all nodes of a cluster, in seconds for 1000
// commands; the generator's is its share of one processor.
type cost struct {
	Name       string  `json:"name"`
	CPUShiplog float64 `json:"cpu_shiplog"`
	CPURedis   float64 `json:"cpu_redis"`
	Generator  float64 `json:"generator"`
	Records    float64 `json:"records_per_second"`
	PerRecord  float64 `json:"commands_per_record"`
}

// measured is what one round of one cluster gave.
type measured struct {
	rate, cpu, generator, records, perRecord float64
}

// cluster compares three nodes with a Redis Cluster of three primaries and three replicas, both with appendfsync always,
// whose users end each pipeline of writes with WAIT 1 0. Both run all the time, one idle while the other is under load:
// what idling costs is in the facts.
func (b *bench) cluster(r *report) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	progress("starting both clusters")
	var both [2]*system
	for i, start := range []func(context.Context) (*system, error){b.startShiplog, b.startRedis} {
		s, err := start(ctx)
		if s != nil {
			defer s.close() // at the end: both serve all rows
		}
		if err != nil {
			return err
		}
		progress("%s: nodes %s, processes %d", s.name, strings.Join(s.addrs, " "), s.pids)
		both[i] = s
	}
	if r.Facts, err = b.idle(ctx, both); err != nil {
		return err
	}
	for _, row := range clusterRows() {
		if !b.wants(row.name()) {
			continue
		}
		result, cost, err := b.compareClusters(ctx, row, both)
		if err != nil {
			return fmt.Errorf("%s: %w", row.name(), err)
		}
		r.Speed, r.Costs = append(r.Speed, result), append(r.Costs, cost)
	}
	if b.keep {
		progress("shiplog keeps running until this is interrupted; processes %d", both[0].pids)
		both[1].close()
		<-ctx.Done()
	}
	return nil
}

// wants tells whether a row was asked for. The blank lets "P1 " ask for P1 without P16.
func (b *bench) wants(name string) bool {
	return strings.Contains(strings.ToLower(name)+" ", strings.ToLower(b.only))
}

func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// idle measures what both clusters use when nobody speaks to them.
func (b *bench) idle(ctx context.Context, both [2]*system) (facts []fact, err error) {
	if !b.wants("idle") {
		return nil, nil
	}
	const lasts = 20 * time.Second
	progress("idle for %v", lasts)
	var before, after [2][]time.Duration
	for i, s := range both {
		before[i], err = s.cpu()
		if err != nil {
			return nil, err
		}
	}
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-time.After(lasts):
	}
	for i, s := range both {
		if after[i], err = s.cpu(); err != nil {
			return nil, err
		}
	}
	var share [2][]float64 // of a processor, in percent
	for i := range both {
		for j := range before[i] {
			share[i] = append(share[i], 100*(after[i][j]-before[i][j]).Seconds()/lasts.Seconds())
		}
	}
	rss, err := both[0].rss()
	if err != nil {
		return nil, err
	}
	return []fact{
		newFact("idle cluster, CPU of the busiest of three nodes", "%", slices.Max(share[0]), 3, 0),
		newFact("idle cluster, CPU of all three nodes", "%", sum(share[0]), 0, 0),
		newFact("idle cluster, memory of the largest node", "MB", slices.Max(rss), 120, 0),
		newFact("idle Redis Cluster, CPU of all six nodes", "%", sum(share[1]), 0, 0),
	}, nil
}

func sum(list []float64) (total float64) {
	for _, v := range list {
		total += v
	}
	return total
}

// compareClusters measures both clusters in turn. One round that is not counted comes first.
func (b *bench) compareClusters(ctx context.Context, row clusterRow, both [2]*system) (result, cost, error) {
	var rounds [2][]measured
	for round := range b.rounds + 1 {
		for i, s := range both {
			m, err := b.round(ctx, row, s)
			if err != nil {
				return result{}, cost{}, fmt.Errorf("%s: %w", s.name, err)
			}
			progress("%s, round %d: %s %.0f/s", row.name(), round, s.name, m.rate)
			if round > 0 {
				rounds[i] = append(rounds[i], m)
			}
		}
	}
	rate := func(m measured) float64 { return m.rate }
	cpu := func(m measured) float64 { return m.cpu }
	r := result{Name: row.name(), Shiplog: over(rounds[0], rate), Redis: over(rounds[1], rate), Asked: row.asked}
	r.Ratio = r.Shiplog.Median / r.Redis.Median
	c := cost{
		Name: row.name(), CPUShiplog: over(rounds[0], cpu).Median, CPURedis: over(rounds[1], cpu).Median,
		Generator: over(rounds[0], func(m measured) float64 { return m.generator }).Median,
		Records:   over(rounds[0], func(m measured) float64 { return m.records }).Median,
		PerRecord: over(rounds[0], func(m measured) float64 { return m.perRecord }).Median,
	}
	progress("%s: %.2f", r.Name, r.Ratio)
	return r, c, nil
}

// over is the spread of one figure over the rounds.
func over(rounds []measured, figure func(measured) float64) spread {
	var list []float64
	for _, m := range rounds {
		list = append(list, figure(m))
	}
	return spreadOf(list)
}

// round puts one cluster under a row's load. Reads do not change anything that a replica would have to have, so they
// are never followed by WAIT.
func (b *bench) round(ctx context.Context, row clusterRow, s *system) (m measured, err error) {
	o, err := readOwnership(s.addrs[0])
	if err != nil {
		return m, err
	}
	p := pressure{get: row.get, pipeline: row.pipeline, wait: s.wait && !row.get, clients: clusterClients,
		keys: clusterKeys, lasts: time.Duration(b.seconds * float64(time.Second))}
	if row.get {
		if err := p.fill(o); err != nil {
			return m, err
		}
	}
	before, err := s.look()
	if err != nil {
		return m, err
	}
	t, err := p.apply(ctx, o)
	if err != nil {
		return m, err
	}
	after, err := s.look()
	if err != nil {
		return m, err
	}
	m.rate = t.perSecond()
	m.cpu = (after.servers - before.servers).Seconds() / float64(t.commands) * 1000
	m.generator = (after.own - before.own).Seconds() / t.took.Seconds()
	if records := after.records - before.records; records > 0 {
		m.records = float64(records) / t.took.Seconds()
		m.perRecord = float64(t.commands) / float64(records)
	}
	return m, nil
}

// look is what counters say at one moment.
type look struct {
	servers, own time.Duration // processor time used
	records      int64         // appended to the logs
}

// look reads the counters of a cluster and of this process.
func (s *system) look() (l look, err error) {
	each, err := s.cpu()
	if err != nil {
		return l, err
	}
	for _, d := range each {
		l.servers += d
	}
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return l, fmt.Errorf("own processor time: %w", err)
	}
	l.own = time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	if s.wait {
		return l, nil
	}
	for _, addr := range s.addrs {
		n, failed := infoNumber(addr, "shiplog", "log_records_appended")
		l.records += n
		err = errors.Join(err, failed)
	}
	return l, err
}
