package node

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Changes says whether and to whom changes are published over NATS.
type Changes struct {
	Stream     bool
	ClientName bool          // clients' names go into the log
	Match      []string      // patterns of keys; none: every key
	Age        time.Duration // that the stream keeps; 0: for ever
	Bytes      int64         // that the stream keeps; 0: no limit
	Copies     int64         // 0: as the logs have
	Port       int64         // where readers connect; 0: nowhere
	User       string
	Auth       string // as it was given: the password, or file:PATH
	Password   string // empty: the node makes one
}

// readChangesPassword finds the password that nats-auth names.
func (c *Config) readChangesPassword() error {
	name, isFile := strings.CutPrefix(c.Changes.Auth, secretFile)
	if !isFile {
		c.Changes.Password = c.Changes.Auth
		return nil
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("nats-auth: %w", err)
	}
	c.Changes.Password = strings.TrimSpace(string(content))
	if c.Changes.Password == "" {
		return refusal("nats-auth: the file " + name + " is empty")
	}
	return nil
}

// checkChanges holds the rules of publishing changes.
func (c *Config) checkChanges() error {
	switch k := &c.Changes; {
	case k.Port != 0 && !k.Stream:
		return refusal("nats-port is for clients that read the stream of changes: set changes-stream yes too")
	case k.Port != 0 && k.Port == c.Net.Port:
		return refusal("port, cluster-port and nats-port must differ")
	case k.User == "":
		return refusal("nats-user must not be empty")
	case k.Stream && !c.Cluster.Enabled && k.Copies > 1:
		return refusal("changes-stream-replicas is for a cluster: a lone node has one copy of everything")
	}
	return nil
}

// ChangesAddr is where NATS clients on this machine read changes.
func (c *Config) ChangesAddr() string {
	return net.JoinHostPort(c.Net.Bind[0].IP().String(), strconv.FormatInt(c.Changes.Port, 10))
}

// ChangesFile is where the URL is that NATS clients read changes with; empty when their password was given.
func (c *Config) ChangesFile() string {
	if c.Changes.Password != "" {
		return ""
	}
	return filepath.Join(c.Server.Dir, readerName)
}
