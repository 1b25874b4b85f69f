package commands

import "time"

// Counts are what the command layer has counted since the start, or since the last CONFIG RESETSTAT, and its clients now.
type Counts struct {
	Clients, Blocked, Tracking, MaxClients int64
	ClientBytes                            int64 // of query and output buffers
	Connections, RejectedConnections       uint64
	Processed, ErrorReplies                uint64
	BytesIn, BytesOut                      uint64
	Commands                               []CommandCount // those that were called, in the order of their names
	ErrorCodes                             []string       // in order
	ErrorCounts                            []uint64       // of each
}

// CommandCount is what was done with one command of the table, or with one sub-command.
type CommandCount struct {
	Name                    string
	Calls, Failed, Rejected uint64
	Took                    time.Duration
}

// Counts returns what is counted. It walks through the clients and the table, and waits for nobody.
func (srv *Server) Counts() Counts {
	t := &srv.totals
	c := Counts{
		Tracking: srv.tracking.clients.Load(), MaxClients: srv.tune().maxClients,
		Connections: t.connections.Load(), RejectedConnections: t.rejectedConns.Load(),
		Processed: t.processed(), ErrorReplies: t.errorReplies.Load(), BytesIn: t.bytesIn.Load(), BytesOut: t.bytesOut.Load(),
	}
	for _, s := range srv.clients.all() {
		c.Clients++
		if s.blocked() {
			c.Blocked++
		}
		query, output := s.transport.BufferBytes()
		c.ClientBytes += int64(query + output)
	}
	srv.table.each(func(r *Row) {
		st := &r.state.stats
		calls, took := st.sum()
		one := CommandCount{Name: r.Name, Calls: calls, Failed: st.failed.Load(), Rejected: st.rejected.Load(), Took: took}
		if one.Calls+one.Failed+one.Rejected > 0 {
			c.Commands = append(c.Commands, one)
		}
	})
	c.ErrorCodes, c.ErrorCounts = t.errors.sorted()
	return c
}
