package node

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

// Metrics says where the node shows how it is over HTTP.
type Metrics struct {
	Port     int64 // 0: nowhere
	Bind     []Bind
	Auth     string // as it was given: the password, or file:PATH
	Password string // empty: none is asked for
}

// readMetricsPassword finds the password that metrics-auth names.
func (c *Config) readMetricsPassword() error {
	name, isFile := strings.CutPrefix(c.Metrics.Auth, secretFile)
	if !isFile {
		c.Metrics.Password = c.Metrics.Auth
		return nil
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("metrics-auth: %w", err)
	}
	c.Metrics.Password = strings.TrimSpace(string(content))
	if c.Metrics.Password == "" {
		return refusal("metrics-auth: the file " + name + " is empty")
	}
	return nil
}

// checkMetrics holds the rules of showing figures over HTTP.
func (c *Config) checkMetrics() error {
	m := &c.Metrics
	if m.Port == 0 {
		return nil
	}
	if m.Port == c.Net.Port || m.Port == c.Changes.Port || c.Cluster.Enabled && m.Port == c.BusPort() {
		return refusal("metrics-port must differ from port, cluster-port and nats-port")
	}
	for _, bind := range m.Bind {
		if !bind.IP().IsLoopback() && m.Password == "" {
			return refusal(fmt.Sprintf("showing metrics on %s needs a password: set metrics-auth, which Prometheus gives as basic_auth, or set metrics-bind to "+
				"loopback addresses only", bind.Host))
		}
	}
	return nil
}

// MetricsAddr is where the node shows how it is on this machine; empty: nowhere.
func (c *Config) MetricsAddr() string {
	if c.Metrics.Port == 0 {
		return ""
	}
	return net.JoinHostPort(c.Metrics.Bind[0].IP().String(), strconv.FormatInt(c.Metrics.Port, 10))
}
