package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"shiplog/e2e"
)

// settleWithin is how long a cluster may take until its primaries are spread and every copy is there.
const settleWithin = 2 * time.Minute

// system is a running cluster.
type system struct {
	name  string
	addrs []string // of all nodes
	pids  []int    // of all nodes
	wait  bool     // its users WAIT for a replica
	grain int      // slots that one primary may lead more than another
	close func()
}

// startShiplog starts three nodes as people do, with "shiplog local".
func (b *bench) startShiplog(ctx context.Context) (*system, error) {
	dir := filepath.Join(b.scratch, "shiplog-cluster")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	directives := append([]string{"--appendfsync", "always", "--partitions", strconv.Itoa(b.partitions)}, strings.Fields(b.with)...)
	local, err := e2e.StartLocal(b.shiplog[0], dir, 3, directives...)
	if err != nil {
		return nil, err
	}
	s := &system{name: "shiplog", addrs: local.Addrs(), grain: slots/b.partitions + 1, close: local.Kill}
	return s, errors.Join(s.readPIDs(), s.settle(ctx, local.Check))
}

// startRedis starts six nodes and makes a cluster of three primaries and three replicas of them.
func (b *bench) startRedis(ctx context.Context) (*system, error) {
	program := e2e.Program{"redis-server", "--save", "", "--appendonly", "yes", "--bind", "127.0.0.1"}
	var nodes []*e2e.Node
	s := &system{name: "redis", wait: true, grain: 2}
	s.close = func() {
		for _, n := range nodes {
			n.Kill()
		}
	}
	for range 6 {
		bus, err := e2e.FreePort()
		if err != nil {
			return s, err
		}
		n, err := b.start(program, "--appendfsync", "always", "--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(bus),
			"--repl-diskless-sync-delay", "0")
		if err != nil {
			return s, err
		}
		nodes = append(nodes, n)
		s.addrs = append(s.addrs, n.Addr())
	}
	words := append([]string{"--cluster", "create"}, s.addrs...)
	words = append(words, "--cluster-replicas", "1", "--cluster-yes")
	if out, err := exec.CommandContext(ctx, "redis-cli", words...).CombinedOutput(); err != nil {
		return s, fmt.Errorf("redis-cli --cluster create: %w: %s", err, out)
	}
	return s, errors.Join(s.readPIDs(), s.settle(ctx, s.replicated))
}

// readPIDs asks the nodes for their processes' numbers.
func (s *system) readPIDs() error {
	for _, addr := range s.addrs {
		pid, err := infoNumber(addr, "server", "process_id")
		if err != nil {
			return err
		}
		s.pids = append(s.pids, int(pid))
	}
	return nil
}

// replicated tells what is missing in a Redis Cluster of primaries with one replica each.
func (s *system) replicated() error {
	for _, addr := range s.addrs {
		if err := hasInfo(addr, "CLUSTER INFO", "cluster_state:ok"); err != nil {
			return err
		}
	}
	o, err := readOwnership(s.addrs[0])
	if err != nil {
		return err
	}
	for _, addr := range o.primaries() {
		if err := hasInfo(addr, "INFO replication", "state=online"); err != nil {
			return err
		}
	}
	return nil
}

// settle waits until whole has nothing to say, every node names the same primaries, and they lead as many slots as the
// others give or take a partition; and all that for a while, since primaries are moved soon after a start.
func (s *system) settle(ctx context.Context, whole func() error) error {
	const calm = 5 * time.Second
	deadline := time.Now().Add(settleWithin)
	since := time.Now()
	for {
		err := errors.Join(whole(), s.even())
		switch {
		case err == nil && time.Since(since) >= calm:
			return nil
		case err != nil:
			since = time.Now()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s is not ready to be measured after %v: %w", s.name, settleWithin, err)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// even tells when nodes disagree on the primaries, or when one leads much more than another.
func (s *system) even() error {
	first, err := readOwnership(s.addrs[0])
	if err != nil {
		return err
	}
	for _, addr := range s.addrs[1:] {
		o, err := readOwnership(addr)
		if err != nil {
			return err
		}
		if *o != *first {
			return fmt.Errorf("%s and %s name different primaries", addr, s.addrs[0])
		}
	}
	least, most := slots, 0
	for _, n := range first.count() {
		least, most = min(least, n), max(most, n)
	}
	if most-least > s.grain {
		return fmt.Errorf("one node leads %d slots and another %d", most, least)
	}
	return nil
}

// infoText returns a section of INFO, or what CLUSTER INFO says.
func infoText(addr, command string) (string, error) {
	v, err := ask(addr, strings.Fields(command)...)
	return v.Text, err
}

// hasInfo tells when a node does not say what it should.
func hasInfo(addr, command, want string) error {
	text, err := infoText(addr, command)
	if err == nil && !strings.Contains(text, want) {
		err = fmt.Errorf("%s at %s does not say %s", command, addr, want)
	}
	return err
}

// infoNumber returns a number from a section of a node's INFO.
func infoNumber(addr, section, name string) (int64, error) {
	text, err := infoText(addr, "INFO "+section)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if number, ok := strings.CutPrefix(strings.TrimSpace(line), name+":"); ok {
			return strconv.ParseInt(number, 10, 64)
		}
	}
	return 0, fmt.Errorf("INFO %s at %s has no %s", section, addr, name)
}
