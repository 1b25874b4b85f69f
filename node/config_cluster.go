package node

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// busOffset is what the port between nodes is above the port of clients, unless cluster-port says otherwise; Redis
// Cluster has the same rule.
const busOffset = 10000

// minSecret is the least number of characters of cluster-auth.
const minSecret = 16

// clusterPartitions is how many partitions a cluster has unless partitions says otherwise.
const clusterPartitions = 16

// Cluster says how the node takes part in a cluster. The zero Cluster is a lone node's.
type Cluster struct {
	Enabled      bool
	Name         string // what people call the node; empty: the node's identity makes one
	Port         int64  // between nodes; 0: BusPort says which
	Join         []string
	Auth         string // as it was given: the secret, or file:PATH
	Secret       string // what all nodes know; at least 16 characters when Enabled
	Announce     Announce
	Expect       int64 // create the cluster when so many nodes are there; 0: when asked to
	Copies       int64 // of every partition, the primary's included
	FewerCopies  bool  // create the cluster also with fewer nodes than copies
	Rebalance    bool  // spread the primaries evenly by itself
	FullCoverage bool
	SeedRate     int64 // bytes a second that this node gives of snapshots to others; 0: no limit
	SeedRateMin  int64 // those of them that it gives also while writes are slower for it
	Times        ClusterTimes
}

// Announce is where clients and other nodes are told to find the node, when that is not where it listens.
type Announce struct {
	Host    string
	Port    int64
	BusPort int64
}

// ClusterTimes are the intervals of a cluster. Lease and LeaseMargin are what it is created with; the cluster map keeps them.
type ClusterTimes struct {
	Lease       time.Duration // how long a primary may answer reads after its last acknowledged append was sent
	LeaseMargin time.Duration // what an heir waits beyond that
	Heartbeat   time.Duration
	SilentAfter time.Duration // a node that is not heard for so long counts as dead
	Hold        time.Duration // how long commands wait for a primary
	Election    time.Duration // least time after which JetStream's followers elect; 0: nats-server's own
	ReplicaLag  time.Duration // replicas that are further behind serve no reads
	GoneAfter   time.Duration // the log is not kept any longer for a node that is silent for so long
}

// Partitions is the number of partitions: 1 on a lone node, what a cluster is to be created with otherwise.
func (c *Config) Partitions() int64 {
	switch {
	case c.Log.Partitions != 0:
		return c.Log.Partitions
	case c.Cluster.Enabled:
		return clusterPartitions
	}
	return 1
}

// BusPort is the port that other nodes connect to.
func (c *Config) BusPort() int64 {
	if c.Cluster.Port != 0 {
		return c.Cluster.Port
	}
	return c.Net.Port + busOffset
}

// Announced is where clients and other nodes are told to find the node: what cluster-announce-* say, or where it
// listens. Host is empty when it listens on every address and nothing is announced, which check refuses in a cluster.
func (c *Config) Announced() Announce {
	a := c.Cluster.Announce
	for _, bind := range c.Net.Bind {
		if a.Host == "" && !bind.IP().IsUnspecified() {
			a.Host = bind.IP().String()
		}
	}
	if a.Port == 0 {
		a.Port = c.Net.Port
	}
	if a.BusPort == 0 {
		a.BusPort = c.BusPort()
	}
	return a
}

// readSecret finds the secret that cluster-auth names.
func (c *Config) readSecret() error {
	name, isFile := strings.CutPrefix(c.Cluster.Auth, secretFile)
	if !isFile {
		c.Cluster.Secret = c.Cluster.Auth
		return nil
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("cluster-auth: %w", err)
	}
	c.Cluster.Secret = strings.TrimSpace(string(content))
	return nil
}

// checkCluster holds the rules of a cluster that concern more than one directive.
func (c *Config) checkCluster() error {
	k := &c.Cluster
	if !k.Enabled {
		return c.checkSolo()
	}
	switch announced := c.Announced(); {
	case k.Secret == "":
		return refusal("cluster-enabled yes needs cluster-auth, a secret that all nodes share and nobody else knows: make one with " +
			"(umask 077; head -c 32 /dev/urandom | base64 >cluster.secret), copy the file to every node, " +
			"and set cluster-auth file:cluster.secret")
	case len(k.Secret) < minSecret:
		return refusal(fmt.Sprintf("cluster-auth: the secret has %d characters, at least %d are needed", len(k.Secret), minSecret))
	case k.Port == 0 && c.Net.Port == 0:
		return refusal("port 0 leaves open which port other nodes connect to: set port or cluster-port")
	case c.BusPort() > 65535:
		return refusal(fmt.Sprintf("port %d + %d is no port for other nodes to connect to: set cluster-port", c.Net.Port, busOffset))
	case c.BusPort() == c.Net.Port || c.Changes.Port != 0 && c.Changes.Port == c.BusPort():
		return refusal("port, cluster-port and nats-port must differ")
	case announced.Host == "":
		return refusal("listening on every address leaves open where others find this node: set cluster-announce-ip")
	case k.Expect == 1:
		return refusal("expect 1: a cluster takes 2 nodes at least, and 3 to survive the loss of one; a node alone needs no cluster-enabled")
	case k.Expect > 0 && k.Expect < k.Copies && !k.FewerCopies:
		return refusal(fewerCopies(k.Expect, k.Copies))
	}
	return k.Times.check()
}

// fewerCopies words that a cluster of so few nodes cannot hold as many copies as asked for, and what to do.
func fewerCopies(nodes, copies int64) string {
	return fmt.Sprintf("%d nodes cannot hold %d copies of each partition: expect more nodes, or set replicas to less, "+
		"or allow-fewer-replicas yes; with fewer than 3 copies the loss of one node stops its partitions until it is back", nodes, copies)
}

// checkSolo refuses what a lone node would silently not do.
func (c *Config) checkSolo() error {
	for _, cluster := range []struct {
		name  string
		given bool
	}{{"join", len(c.Cluster.Join) > 0}, {"expect", c.Cluster.Expect > 0}, {"partitions", c.Log.Partitions > 1}} {
		if cluster.given {
			return refusal(cluster.name + " is for a cluster: set cluster-enabled yes too; a lone node has one partition")
		}
	}
	return nil
}

func (t *ClusterTimes) check() error {
	switch {
	case t.LeaseMargin >= t.Lease:
		return refusal("lease-margin-ms must be less than lease-ms")
	case t.GoneAfter < t.SilentAfter:
		return refusal("node-gone-after-seconds must not be less than cluster-node-timeout")
	case t.SilentAfter < 3*t.Heartbeat:
		return refusal("cluster-node-timeout must be at least three times heartbeat-ms: one heartbeat may be lost")
	}
	return nil
}

// address refuses what is not HOST:PORT.
func address(word string) error {
	host, port, err := net.SplitHostPort(word)
	if err == nil {
		var n int64
		if n, err = parseInteger(port); err == nil {
			err = between(n, 1, 65535)
		}
	}
	if err != nil || !isHost(host) {
		return refusal(strconv.Quote(word) + " is not HOST:PORT")
	}
	return nil
}
