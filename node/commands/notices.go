package commands

import (
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"shiplog/node/reply"
)

// notices tells clients that asked for it (CLIENT MAINT_NOTIFICATIONS) that slots are about to leave this node, so that they are patient, and
// where the slots are then, so that they need no redirection to find out.
type notices struct {
	clients atomic.Int64 // that want to be told

	mu   sync.Mutex // held while a notice goes out, so that every client gets them in the order of their numbers
	last int64      // the number of the newest
}

// CLIENT MAINT_NOTIFICATIONS <ON [MOVING-ENDPOINT-TYPE type] | OFF>
//
// A node has one address, whatever kind of address is asked for.
func clientMaintNotifications(s *Session, a Args) reply.Reply {
	on, ok := onOff(a[2])
	switch {
	case !ok, !on && len(a) > 3, on && len(a) != 3 && len(a) != 5:
		return reply.Syntax()
	case len(a) == 5 && !is(a[3], "moving-endpoint-type"):
		return reply.Syntax()
	case len(a) == 5 && !isEndpointType(a[4]):
		return reply.Errorf("ERR Invalid moving-endpoint-type '%s'", cString(a[4], echoed))
	case on && s.Proto() != 3:
		return reply.Error("ERR Maintenance notifications need RESP3: send HELLO 3 first")
	}
	s.notify(on)
	return reply.OK()
}

func isEndpointType(word []byte) bool {
	for _, name := range []string{"internal-ip", "external-ip", "internal-fqdn", "external-fqdn", "none"} {
		if is(word, name) {
			return true
		}
	}
	return false
}

// notify says whether the client is to be told.
func (s *Session) notify(on bool) {
	if s.outbound.notices.Swap(on) == on {
		return
	}
	if on {
		s.srv.notices.clients.Add(1)
	} else {
		s.srv.notices.clients.Add(-1)
	}
}

// SlotsLeaving tells clients that the slots first to last are about to be led by another node: commands for them are held until then. It does
// not block.
func (srv *Server) SlotsLeaving(first, last int) {
	srv.notice("SMIGRATING", reply.BulkString(spanOf([2]int{first, last})))
}

// SlotsLeft tells clients that the slots first to last are led by the node to, an address as CLUSTER SLOTS shows it, instead of from. It
// follows each SlotsLeaving; the two are one when nothing came of it. It does not block.
func (srv *Server) SlotsLeft(first, last int, from, to Address) {
	move := reply.Array(reply.BulkString(from.String()), reply.BulkString(to.String()), reply.BulkString(spanOf([2]int{first, last})))
	srv.notice("SMIGRATED", reply.Array(move))
}

// Address is where clients reach a node.
type Address struct {
	Host string
	Port int
}

// String is HOST:PORT, with an IPv6 address in brackets.
func (a Address) String() string {
	return net.JoinHostPort(strings.Trim(a.Host, "[]"), strconv.Itoa(a.Port))
}

// notice sends one to all clients that want it.
func (srv *Server) notice(name string, what reply.Reply) {
	if srv.notices.clients.Load() == 0 {
		return
	}
	place, sessions := srv.place(), srv.clients.all()
	n := &srv.notices
	n.mu.Lock()
	defer n.mu.Unlock()
	n.last = nextNotice(n.last, place, time.Now())
	r := reply.Push(reply.BulkString(name), reply.Int(n.last), what)
	for _, s := range sessions {
		if s.outbound.notices.Load() && s.Proto() == 3 {
			s.push(r)
		}
	}
}

// place is this node's number among those of the cluster.
func (srv *Server) place() int64 {
	if srv.cluster == nil {
		return 0
	}
	return int64(max(srv.cluster.Topology().self(), 0))
}

// nextNotice numbers the notice after last. Clients drop one whose number they have seen, from whichever node it came; so numbers rise, also
// over a restart, and those of two nodes differ. They are below 2^53, which is as far as some clients count.
func nextNotice(last, place int64, now time.Time) int64 {
	return max(now.UnixMilli(), last/maxPlaces+1)*maxPlaces + place
}

// maxPlaces is how many nodes a cluster has at most.
const maxPlaces = 1024
