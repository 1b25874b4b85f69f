package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"shiplog/node"
)

// maxLocal is how many nodes a cluster on one machine may have.
const maxLocal = 32

// localBus is the port of other nodes above a node's own port.
const localBus = 10000

// secretName is the file in the cluster's directory that holds what all its nodes know.
const secretName = "cluster.secret"

// localOptions are the words of "local".
type localOptions struct {
	nodes, basePort int
	dir             string
	directives      []string // for every node
}

// ownDirectives are those that local gives to each node itself; never written.
var ownDirectives = []string{"port", "dir", "cluster-enabled", "cluster-port", "cluster-auth", "cluster-announce-port",
	"cluster-announce-bus-port", "join", "expect", "name", "logfile"}

// parseLocal reads the words after "local". What is no option of its own is a directive for every node.
func parseLocal(args []string) (localOptions, error) {
	o := localOptions{nodes: 3, basePort: 7000, dir: "data/cluster"}
	for len(args) > 0 {
		word := args[0]
		own := word == "--nodes" || word == "--base-port" || word == "--dir"
		if own && len(args) < 2 {
			return o, fmt.Errorf("%s needs a value", word)
		}
		var err error
		switch word {
		case "--nodes":
			if o.nodes, err = numberIn(args[1], 1, maxLocal); err == nil && o.nodes == 1 {
				err = errors.New("a cluster takes 2 nodes at least, and 3 to survive the loss of one; for a node alone there is \"shiplog serve\"")
			}
		case "--base-port":
			o.basePort, err = numberIn(args[1], 1, 65535)
		case "--dir":
			o.dir = args[1]
		default:
			err = passedOn(word, len(o.directives) > 0)
			o.directives = append(o.directives, word)
		}
		if err != nil {
			return o, fmt.Errorf("%s: %w", word, err)
		}
		args = args[1:]
		if own {
			args = args[1:]
		}
	}
	if last := o.basePort + o.nodes - 1 + localBus; last > 65535 {
		return o, fmt.Errorf("--base-port %d: the last node's cluster port would be %d", o.basePort, last)
	}
	return o, nil
}

// passedOn refuses a word that cannot be part of a directive for every node.
func passedOn(word string, after bool) error {
	directive, ok := strings.CutPrefix(word, "--")
	if !ok && !after {
		return errors.New("expected --nodes, --base-port, --dir or --directive value")
	}
	name, _, _ := strings.Cut(strings.TrimSpace(directive), " ")
	if ok && slices.Contains(ownDirectives, strings.ToLower(name)) {
		return errors.New("local sets this for every node by itself")
	}
	return nil
}

func numberIn(word string, low, high int) (int, error) {
	n, err := strconv.Atoi(word)
	if err != nil || n < low || n > high {
		return 0, fmt.Errorf("%q is not a number from %d to %d", word, low, high)
	}
	return n, nil
}

// member is one node of a cluster on this machine.
type member struct {
	port   int
	dir    string
	log    string   // what it says
	args   []string // after "serve"
	config *node.Config
}

// addr is where clients reach the node.
func (m *member) addr() string {
	return net.JoinHostPort(m.config.Announced().Host, strconv.Itoa(m.port))
}

// planLocal works out every node's command line. It refuses what a node would refuse, and makes nothing but the
// cluster's directory and its secret.
func planLocal(o localOptions) ([]*member, error) {
	dir, err := filepath.Abs(o.dir)
	if err != nil {
		return nil, err
	}
	o.dir = dir
	if err := checkTenants(o); err != nil {
		return nil, err
	}
	if _, err := node.Load(memberArgs(o, o.basePort, rand.Text())); err != nil {
		return nil, err
	}
	if err := makeSecret(dir); err != nil {
		return nil, err
	}
	var members []*member
	for i := range o.nodes {
		port := o.basePort + i
		m := &member{port: port, dir: filepath.Join(dir, strconv.Itoa(port))}
		m.log, m.args = m.dir+".log", memberArgs(o, port, "file:"+filepath.Join(dir, secretName))
		if m.config, err = node.Load(m.args); err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	return members, portsFree(members)
}

// memberArgs are the words after "serve" for the node on port. What the operator says comes last, where it counts.
func memberArgs(o localOptions, port int, auth string) []string {
	args := []string{"--cluster-enabled", "yes", "--port", strconv.Itoa(port), "--dir", filepath.Join(o.dir, strconv.Itoa(port)),
		"--cluster-port", strconv.Itoa(port + localBus), "--cluster-auth", auth, "--name", "node-" + strconv.Itoa(port),
		"--expect", strconv.Itoa(o.nodes), "--replicas", strconv.Itoa(min(o.nodes, 3)), "--join"}
	for i := range o.nodes {
		args = append(args, net.JoinHostPort("127.0.0.1", strconv.Itoa(o.basePort+i+localBus)))
	}
	return append(args, ownPorts(o.directives, port-o.basePort)...)
}

// ownPorts gives the node with this index ports of its own where NATS clients read changes, and where metrics are: the ones that are said, and those
// that follow.
func ownPorts(directives []string, index int) []string {
	own := slices.Clone(directives)
	for i := 0; i+1 < len(own); i++ {
		if port, err := strconv.Atoi(own[i+1]); err == nil && port > 0 && slices.Contains([]string{"--nats-port", "--metrics-port"}, strings.ToLower(own[i])) {
			own[i+1] = strconv.Itoa(port + index)
		}
	}
	return own
}

// checkTenants refuses a directory that holds nodes on other ports: they would be left out, and their data with them.
func checkTenants(o localOptions) error {
	entries, err := os.ReadDir(o.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cluster directory: %w", err)
	}
	for _, entry := range entries {
		port, err := strconv.Atoi(entry.Name())
		if err != nil || !entry.IsDir() || port >= o.basePort && port < o.basePort+o.nodes {
			continue
		}
		return fmt.Errorf("%s holds the data of a node on port %d, which --base-port %d --nodes %d leaves out: choose these so that "+
			"it is in, or another --dir", o.dir, port, o.basePort, o.nodes)
	}
	return nil
}

// makeSecret makes the cluster's secret if it is not there yet, readable only by its owner.
func makeSecret(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("cluster directory: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, secretName), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cluster secret: %w", err)
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // it never fails
	_, err = file.WriteString(hex.EncodeToString(secret) + "\n")
	return errors.Join(err, file.Sync(), file.Close())
}

// portsFree refuses, in one line, ports that somebody listens on.
func portsFree(members []*member) error {
	for _, m := range members {
		for _, port := range []int{m.port, m.port + localBus} {
			l, err := net.Listen("tcp", net.JoinHostPort(m.config.Net.Bind[0].IP().String(), strconv.Itoa(port)))
			if err != nil {
				return fmt.Errorf("port %d, of the node on port %d, cannot be used: %w; stop what uses it or choose another --base-port", port, m.port, err)
			}
			_ = l.Close()
		}
		if addr := m.config.MetricsAddr(); addr != "" {
			l, err := net.Listen("tcp", addr)
			if err != nil {
				return fmt.Errorf("port %d, for the metrics of the node on port %d, cannot be used: %w; stop what uses it or choose another --metrics-port",
					m.config.Metrics.Port, m.port, err)
			}
			_ = l.Close()
		}
	}
	return nil
}
