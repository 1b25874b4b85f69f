package node

import (
	"net"
	"sync/atomic"
	"time"

	"shiplog/node/commands"
	"shiplog/node/reply"
	"shiplog/node/resp"
)

// Bounds on clients that have not authenticated.
const (
	authWithin      = 10 * time.Second
	unauthenticated = 1000
	unauthPerIP     = 256
)

// sessions makes the sessions of the node's connections.
type sessions struct{ server *commands.Server }

// Connect begins a session.
func (s sessions) Connect(t commands.Transport, peer resp.Peer) (resp.Session, *reply.Reply) {
	session, refusal := s.server.Connect(t, commands.ConnInfo{
		Remote: peer.Remote.String(), Local: peer.Local.String(), Loopback: isLoopback(peer.Remote),
	})
	if refusal != nil {
		return nil, refusal
	}
	return session, nil
}

func isLoopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// frontConfig is what the node's front end is made of. Its limits follow the settings.
func (n *Node) frontConfig() resp.Config {
	limits := new(atomic.Pointer[resp.Limits])
	follow := func(c *Config) { limits.Store(limitsOf(c)) }
	follow(n.cfg)
	for _, name := range []string{"proto-max-bulk-len", "client-query-buffer-limit", "client-output-buffer-limit",
		"maxmemory-clients", "timeout", "tcp-keepalive"} {
		n.settings.OnChange(name, follow)
	}
	return resp.Config{
		Listeners:  n.listeners,
		Handler:    sessions{n.commands},
		Limits:     limits.Load,
		ErrorReply: n.engine.ErrorReply,
		Traffic:    n.commands.Traffic,
		Drain:      stopClients,
	}
}

// limitsOf are the front end's limits as configured.
func limitsOf(c *Config) *resp.Limits {
	return &resp.Limits{
		ProtoMaxBulkLen:  int(c.Clients.BulkBytes),
		QueryBufferLimit: int(c.Clients.QueryBytes),
		Normal:           outputLimit(c.Clients.Output.Normal),
		PubSub:           outputLimit(c.Clients.Output.Pubsub),
		ClientMemory:     c.Clients.Memory.Of(totalMemory()),
		Timeout:          c.Net.IdleTimeout,
		KeepAlive:        c.Net.KeepAlive,
		AuthDeadline:     authWithin,
		Unauthenticated:  unauthenticated,
		UnauthPerIP:      unauthPerIP,
	}
}

func outputLimit(l OutputLimit) resp.OutputLimit {
	return resp.OutputLimit{Hard: l.Hard, Soft: l.Soft, SoftFor: time.Duration(l.SoftSeconds) * time.Second}
}
