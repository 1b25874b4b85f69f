package embedded

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Peer is another server of the cluster, as this one sees it.
type Peer struct {
	Name    string
	Online  bool // heard of lately
	Current bool // and has what this server has
}

// Name returns the server's name in the cluster.
func (s *Server) Name() string { return s.cfg.Name }

// RoutePort returns the port that other servers reach this one at, or 0 if it is alone. It stays over Restart.
func (s *Server) RoutePort() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cluster == nil {
		return 0
	}
	return s.cluster.Port
}

// LeadsMeta says whether this server believes to lead the group that decides which streams there are and who holds
// them. A lone server does. It asks nobody.
func (s *Server) LeadsMeta() bool {
	current, err := s.server()
	return err == nil && current.JetStreamIsLeader()
}

// LeadsStream says whether this server believes to lead a stream. A lone server leads them all. It asks nobody.
func (s *Server) LeadsStream(name string) bool {
	current, err := s.server()
	return err == nil && (!current.JetStreamIsClustered() || current.JetStreamIsStreamLeader(logsAccount, name))
}

// HoldsAll says whether this server's copy of a stream holds all that is committed, as far as it knows: until it does, the loss of
// another server may stop the stream. A lone server's does. It asks nobody.
func (s *Server) HoldsAll(name string) bool {
	current, err := s.server()
	return err == nil && (!current.JetStreamIsClustered() || current.JetStreamIsStreamCurrent(logsAccount, name))
}

// Elections returns how many elections the groups that this server is in have had, since each was made: it rises with every one that begins,
// the asked for included. 0 for a lone server. It asks nobody.
func (s *Server) Elections() (count uint64) {
	current, err := s.server()
	if err != nil || !current.JetStreamIsClustered() {
		return 0
	}
	for _, account := range []string{systemAccount, logsAccount} {
		status := current.Raftz(&server.RaftzOptions{AccountFilter: account})
		if status == nil {
			continue
		}
		for _, group := range (*status)[account] {
			count += group.Term
		}
	}
	return count
}

// Peers returns the other servers of the meta group as this one sees them; none if it is alone. Only the group's leader (LeadsMeta)
// knows all of them and how far they are. It asks nobody.
func (s *Server) Peers() []Peer {
	current, err := s.server()
	if err != nil {
		return nil
	}
	info, err := current.Jsz(nil)
	if err != nil || info.Meta == nil {
		return nil
	}
	peers := make([]Peer, 0, len(info.Meta.Replicas))
	for _, p := range info.Meta.Replicas {
		if p.Name == s.cfg.Name { // without a leader it counts itself
			continue
		}
		peers = append(peers, Peer{Name: p.Name, Online: !p.Offline, Current: p.Current})
	}
	return peers
}

// sick returns what keeps the server from storing, or nothing. A server of a cluster that waits for a leader, or
// catches up with one, is not sick: a restart would only make it wait longer. Nor is a lone one that makes a stream.
func (s *Server) sick(current *server.Server) string {
	ask := func() []server.HealthzError { return current.Healthz(&server.HealthzOptions{Details: true}).Errors }
	return diagnosis(ask, func(e *server.HealthzError) bool {
		if s.cfg.Cluster != nil && !strings.Contains(e.Error, "write error") && !strings.Contains(e.Error, "apply error") {
			return true
		}
		return e.Type == server.HealthzErrorStream && s.making(e)
	})
}

// diagnosis asks until the answer is about storing, and returns the first complaint that is not harmless. The server's answer begins with a
// look at its listeners that must be over within a millisecond, or else it is "not ready" and no word about storing follows: so a busy
// machine makes a sound server look sick, and a restart would make it worse. A server that has started is ready until it is
// stopped, which does not need asking (check, server).
func diagnosis(ask func() []server.HealthzError, harmless func(*server.HealthzError) bool) string {
	const patience = 3
	for range patience {
		complaints := ask()
		if slices.ContainsFunc(complaints, func(e server.HealthzError) bool { return e.Type == server.HealthzErrorConn }) {
			continue
		}
		for i := range complaints {
			if !harmless(&complaints[i]) {
				return complaints[i].Error
			}
		}
		return ""
	}
	return ""
}

// makingWithin is how long a stream's folder may be there before the server knows the stream.
const makingWithin = 10 * time.Second

// making tells whether a stream that is called not recovered is one that is being made: its folder is there first.
func (s *Server) making(e *server.HealthzError) bool {
	if !strings.HasSuffix(e.Error, "could not be recovered") {
		return false
	}
	info, err := os.Stat(filepath.Join(s.cfg.Dir, "jetstream", e.Account, "streams", e.Stream))
	return err == nil && time.Since(info.ModTime()) < makingWithin
}
