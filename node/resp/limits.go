package resp

import "time"

// OutputLimit bounds what waits to be sent to one client: it is disconnected at once above Hard bytes, and
// after SoftFor without a break above Soft bytes. 0 means no limit.
type OutputLimit struct {
	Hard, Soft int64
	SoftFor    time.Duration
}

// Limits are what clients may make grow. They are read for every batch, so a change takes effect at once.
// 0 means no limit, except where it says otherwise.
type Limits struct {
	ProtoMaxBulkLen  int           // of one argument; 0: 512 MB
	QueryBufferLimit int           // bytes of one connection that have not run; 0: 1 GB
	Normal           OutputLimit   // of replies
	PubSub           OutputLimit   // of pushes
	ClientMemory     int64         // of all connections together; those that hold most are closed
	Timeout          time.Duration // without a command
	KeepAlive        time.Duration // TCP keep-alive of connections accepted from now on
	AuthDeadline     time.Duration // for a client that never authenticates
	Unauthenticated  int           // connections that are not authenticated
	UnauthPerIP      int           // the same, from one address
}

const (
	defaultBulk  = 512 << 20
	defaultQuery = 1 << 30
)

func (l *Limits) bounds(authed bool) bounds {
	b := bounds{args: maxArgs, bulk: l.ProtoMaxBulkLen, authed: authed}
	if b.bulk <= 0 {
		b.bulk = defaultBulk
	}
	return b
}

// query is the largest query buffer that a connection may have.
func (l *Limits) query(authed bool) int {
	switch {
	case !authed:
		return maxUnauthQuery
	case l.QueryBufferLimit <= 0:
		return defaultQuery
	}
	return l.QueryBufferLimit
}
