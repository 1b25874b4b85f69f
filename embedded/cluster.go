package embedded

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	clusterName   = "shiplog"
	systemAccount = "SYSTEM"
	loopback      = "127.0.0.1"
)

// How a dead route is noticed, and how long a server that was learned of from others is called. A server that
// left for good costs a vain call every two seconds.
const (
	routePing       = 2 * time.Second
	routePingsOut   = 3
	routeRetriesMax = 1 << 30
)

// Cluster says how a server takes part in a cluster of them.
type Cluster struct {
	Host string // where other servers reach this one's routes; empty: loopback
	Port int    // 0: one that is free, for the life of the Server (RoutePort)
	// Advertise is host:port as other servers are told of it; empty: as listened.
	Advertise string
	// Routes are host:port of other servers of the cluster, of this one too if that is easier. Empty: none is known yet (SetRoutes).
	Routes []string
	// Secret is what the servers of a cluster know and nobody else. Required.
	Secret string
	// Election is the shortest time without a leader after which a group elects one; 0: the server's own, 4 s.
	Election time.Duration
	// Tags of this server: a stream is placed by them.
	Tags []string
}

// check says what is wrong with c.
func (c *Cluster) check() error {
	if c.Secret == "" {
		return errors.New("a cluster needs a secret")
	}
	if c.Port < 0 || c.Port > 65535 {
		return fmt.Errorf("no port for routes: %d", c.Port)
	}
	for _, route := range c.Routes {
		if _, _, err := net.SplitHostPort(route); err != nil {
			return fmt.Errorf("route %q: %w", route, err)
		}
	}
	return nil
}

// routePassword is what servers show each other. The secret itself goes nowhere.
func (c *Cluster) routePassword() string {
	mac := hmac.New(sha256.New, []byte(c.Secret))
	mac.Write([]byte("routes of " + clusterName))
	return hex.EncodeToString(mac.Sum(nil))
}

// join makes options those of a server in a cluster. Such a server must listen for clients: without that it never opens
// its routes. So it does where only this machine can knock, and lets nobody in who does not know the password.
func (c *Cluster) join(options *server.Options) {
	options.DontListen = false
	options.Host, options.Port = loopback, server.RANDOM_PORT
	options.Tags = slices.Clone(c.Tags)
	options.Cluster = server.ClusterOpts{
		Name: clusterName, Host: c.Host, Port: c.Port, Advertise: c.Advertise,
		Username: clusterName, Password: c.routePassword(),
		NoAdvertise:    true, // clients are in the process; whoever is not let in learns of nobody
		ConnectRetries: routeRetriesMax,
		PingInterval:   routePing, MaxPingsOut: routePingsOut,
		PinnedAccounts: []string{bulkAccount},
	}
	options.Routes = nil
	for _, address := range c.routes() {
		options.Routes = append(options.Routes, &url.URL{Scheme: "nats-route", User: url.UserPassword(clusterName, c.routePassword()), Host: address})
	}
}

// routes are the addresses to call: one's own if there is no other, since without a route clustering does not start.
func (c *Cluster) routes() []string {
	if len(c.Routes) > 0 {
		return slices.Compact(slices.Sorted(slices.Values(c.Routes)))
	}
	host := c.Host
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = loopback
	}
	return []string{net.JoinHostPort(host, strconv.Itoa(c.Port))}
}

// listenable finds out whether the routes' address can be listened on, which the server only says after long trying, and
// chooses the port if there is none yet.
func (c *Cluster) listenable() error {
	listener, err := net.Listen("tcp", net.JoinHostPort(c.Host, strconv.Itoa(c.Port)))
	if err != nil {
		return fmt.Errorf("listen for routes: %w", err)
	}
	c.Port = listener.Addr().(*net.TCPAddr).Port
	return listener.Close()
}

// SetRoutes tells the server of a cluster which others there are, as Cluster.Routes does. Connections stay, and streams
// are served meanwhile.
func (s *Server) SetRoutes(routes []string) error {
	return s.change("routes", func(c *Cluster) { c.Routes = slices.Clone(routes) })
}

// Join is SetRoutes for a server whose secret was not yet that of the cluster: servers that know the cluster's only are let in from now on.
func (s *Server) Join(secret string, routes []string) error {
	return s.change("secret and routes", func(c *Cluster) { c.Secret, c.Routes = secret, slices.Clone(routes) })
}

// SetTags gives the server of a cluster other tags. Streams that are there stay where they are.
func (s *Server) SetTags(tags []string) error {
	return s.change("tags", func(c *Cluster) { c.Tags = slices.Clone(tags) })
}

// change changes what a running server can learn. If that fails everything is as before.
func (s *Server) change(what string, how func(*Cluster)) error {
	s.entering.Lock() // before mu, as those who enter do
	defer s.entering.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return ErrClosed
	case s.cluster == nil:
		return fmt.Errorf("set %s: the server is alone", what)
	case s.current == nil:
		return fmt.Errorf("set %s: %w: it is stopped", what, ErrUnhealthy)
	}
	before, after := s.cluster, *s.cluster
	how(&after)
	if err := after.check(); err != nil {
		return fmt.Errorf("set %s: %w", what, err)
	}
	if before.Secret == after.Secret && slices.Equal(before.Routes, after.Routes) && slices.Equal(before.Tags, after.Tags) {
		return nil
	}
	s.cluster = &after
	if err := s.adopt(); err != nil {
		s.cluster = before
		return fmt.Errorf("set %s: %w", what, err)
	}
	return nil
}

// adopt makes the running server take s.cluster. The caller holds mu.
func (s *Server) adopt() error {
	options, err := s.options()
	if err != nil {
		return err
	}
	return s.current.ReloadOptions(options)
}
