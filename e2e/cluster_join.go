package e2e

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Join starts another node of the cluster, which knows one of its nodes and nothing else, on free ports.
func (c *LocalCluster) Join(more ...string) (*LocalMember, error) {
	bus := regexp.MustCompile(`--cluster-port (\d+)`).FindStringSubmatch(strings.Join(c.Members[0].command, " "))
	if bus == nil {
		return nil, fmt.Errorf("no cluster-port in %q", c.Members[0].command)
	}
	return c.Another(append([]string{"--join", "127.0.0.1:" + bus[1]}, more...)...)
}

// Another starts a node with the cluster's secret on free ports, which knows no other, and counts it among the members.
func (c *LocalCluster) Another(more ...string) (*LocalMember, error) {
	first := c.Members[0]
	base, err := c.nextPort()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(filepath.Dir(first.Dir), fmt.Sprint(base))
	var words []string
	for i := 0; i < len(first.command); i++ { // as the first node was started, but for what is its own
		switch word := first.command[i]; word {
		case "--port", "--dir", "--cluster-port", "--name":
			i++
		case "--expect":
			i++
		case "--join":
			for i+1 < len(first.command) && !strings.HasPrefix(first.command[i+1], "--") {
				i++
			}
		default:
			words = append(words, word)
		}
	}
	words = append(words, "--port", fmt.Sprint(base), "--cluster-port", fmt.Sprint(base+10000), "--dir", dir, "--name", fmt.Sprint("node-", base))
	m := &LocalMember{Addr: fmt.Sprint("127.0.0.1:", base), Dir: dir, command: append(words, more...)}
	if err := c.Restart(m); err != nil {
		return nil, err
	}
	c.Members = append(c.Members, m)
	return m, nil
}

// nextPort is a free port behind those of all nodes, as freeBase finds them.
func (c *LocalCluster) nextPort() (int, error) {
	for _, m := range c.Members {
		port, err := strconv.Atoi(m.Addr[strings.LastIndexByte(m.Addr, ':')+1:])
		if err != nil {
			return 0, err
		}
		c.lastPort = max(c.lastPort, port)
	}
	for c.lastPort++; c.lastPort < 22000; c.lastPort++ {
		if portsFree(c.lastPort, 1) && portsFree(c.lastPort+10000, 1) {
			return c.lastPort, nil
		}
	}
	return 0, errors.New("no free port")
}
