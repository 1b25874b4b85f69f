package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// anyNode is the node that is asked when none is named: the first of "shiplog local".
const anyNode = "127.0.0.1:7000"

// operator does what a person asks of a running cluster. It waits for the cluster at most limit and looks at
// it again after every.
type operator struct {
	out    io.Writer
	quiet  bool // programs read what is printed: not what is waited for
	access access
	every  time.Duration
	limit  time.Duration
}

// clusterOptions are the words of the cluster commands; each command knows which it takes.
type clusterOptions struct {
	addrs                []string // HOST:PORT of nodes
	partition            int
	node                 string // the same as to, of the node that a command is about
	cancel               bool
	to                   string // a node's address, name, or how its identity begins
	json                 bool
	partitions, replicas int // 0: as the nodes are configured
	password, secretFile string
}

// clusterTask is one of the cluster commands.
type clusterTask func(o *operator, c clusterOptions) error

// clusterTasks returns the cluster commands by name.
func clusterTasks() map[string]clusterTask {
	return map[string]clusterTask{
		"create": (*operator).create, "failover": (*operator).failover,
		"drain": (*operator).drain, "remove": (*operator).remove, "replace": (*operator).replace, "rebalance": (*operator).rebalance,
		"snapshot": (*operator).snapshot, "snapshots": (*operator).snapshots,
		"info": (*operator).info, "nodes": (*operator).nodes, "partitions": (*operator).partitions, "check": (*operator).check,
	}
}

// clusterCommand runs "cluster ...".
func clusterCommand(args []string, stdout io.Writer) error {
	if len(args) == 0 {
		return fmt.Errorf("cluster: expected one of %s: %w", clusterWords(), errUsage)
	}
	task, ok := clusterTasks()[args[0]]
	if !ok {
		return fmt.Errorf("cluster: there is no %q, only %s: %w", args[0], clusterWords(), errUsage)
	}
	c, err := parseCluster(args[0], args[1:])
	if err != nil {
		return fmt.Errorf("cluster %s: %w: %w", args[0], err, errUsage)
	}
	o := &operator{out: stdout, quiet: c.json, every: 200 * time.Millisecond, limit: time.Minute}
	if o.access, err = c.access(); err != nil {
		return err
	}
	return task(o, c)
}

// clusterWords lists the cluster commands.
func clusterWords() string {
	return strings.Join(slices.Sorted(maps.Keys(clusterTasks())), ", ")
}

// access returns what the options say about the nodes' password.
func (c *clusterOptions) access() (access, error) {
	if c.secretFile == "" {
		return access{c.password}, nil
	}
	content, err := os.ReadFile(c.secretFile)
	if err != nil {
		return access{}, fmt.Errorf("password: %w", err)
	}
	return access{strings.TrimSpace(string(content))}, nil
}

func parseCluster(task string, args []string) (c clusterOptions, err error) {
	flags := flag.NewFlagSet(task, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&c.password, "password", "", "")
	flags.StringVar(&c.secretFile, "password-file", "", "")
	switch task {
	case "create":
		flags.IntVar(&c.partitions, "partitions", 0, "")
		flags.IntVar(&c.replicas, "replicas", 0, "")
	case "failover":
		flags.StringVar(&c.to, "to", "", "")
		flags.BoolVar(&c.json, "json", false, "")
	case "drain", "rebalance":
		flags.BoolVar(&c.cancel, "cancel", false, "")
	case "remove", "replace":
	case "snapshot":
		flags.IntVar(&c.partition, "partition", -1, "")
	default:
		flags.BoolVar(&c.json, "json", false, "")
	}
	words, err := parseMixed(flags, args)
	if err != nil {
		return c, err
	}
	if task == "failover" {
		if len(words) == 0 {
			return c, errors.New("expected the number of a partition")
		}
		if c.partition, err = strconv.Atoi(words[0]); err != nil || c.partition < 0 {
			return c, fmt.Errorf("%q is not the number of a partition", words[0])
		}
		words = words[1:]
	}
	if task == "drain" || task == "remove" || task == "replace" {
		if len(words) == 0 {
			return c, errors.New("expected a node: its address, its name, or how its identity begins")
		}
		c.node, words = words[0], words[1:]
	}
	c.addrs = words
	return c, c.checkAddrs(task)
}

// checkAddrs refuses what are no nodes' addresses, and more or fewer of them than the task takes.
func (c *clusterOptions) checkAddrs(task string) error {
	seen := make(map[string]bool)
	for _, addr := range c.addrs {
		host, port, err := net.SplitHostPort(addr)
		if n, e := strconv.Atoi(port); err != nil || e != nil || host == "" || n < 1 || n > 65535 {
			return fmt.Errorf("%q is not HOST:PORT", addr)
		}
		if seen[addr] {
			return fmt.Errorf("%s is there twice", addr)
		}
		seen[addr] = true
	}
	switch {
	case c.password != "" && c.secretFile != "":
		return errors.New("--password or --password-file, not both")
	case task == "create" && len(c.addrs) == 0:
		return errors.New("expected HOST:PORT of every node")
	case task == "create" && len(c.addrs) == 1:
		return errors.New("a cluster takes 2 nodes at least, and 3 to survive the loss of one")
	case task == "create" && (c.partitions < 0 || c.replicas < 0):
		return errors.New("--partitions and --replicas are 1 or more")
	case task != "create" && len(c.addrs) > 1:
		return fmt.Errorf("unexpected %q", c.addrs[1])
	case len(c.addrs) == 0:
		c.addrs = []string{anyNode}
	}
	return nil
}

// parseMixed parses flags before, between and after other words, and returns those words.
func parseMixed(flags *flag.FlagSet, args []string) (words []string, err error) {
	for {
		if err := flags.Parse(args); err != nil {
			return nil, err
		}
		if flags.NArg() == 0 {
			return words, nil
		}
		words = append(words, flags.Arg(0))
		args = flags.Args()[1:]
	}
}

// await calls ready until it returns nil, for as long as the operator waits, and prints what it says each time that is
// something else.
func (o *operator) await(ready func() error) error {
	deadline := time.Now().Add(o.limit)
	last := ""
	for {
		err := ready()
		if err == nil {
			return nil
		}
		if text := err.Error(); text != last && !o.quiet {
			last = text
			fmt.Fprintln(o.out, "waiting:", text)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("given up after %v: %w", o.limit, err)
		}
		time.Sleep(o.every)
	}
}
