// Package resp carries Redis's protocol: it accepts connections, cuts what they send into commands, hands
// each command to a session, and writes the replies as RESP2 or RESP3.
//
// It promises that replies leave in the order of their commands, each one only after its Wait is done
// without an error; that a push never splits a reply; and that a client can make nothing grow beyond
// Limits, whatever it announces and however slowly it reads: memory is taken for bytes that have arrived,
// never for bytes that were promised. It never looks at what a command means.
//
// # How a batch runs
//
// A connection is read once, every complete command in what arrived is run, the replies are encoded into
// one output, all of the batch's Waits are awaited, and the output is written once:
//
//	read ─▶ parser ─▶ Session.Do ─▶ output ─▶ Waits done ─▶ write
//	  ▲        │ rest of a command stays                      │
//	  └────────┴──────────────────────────────────────────────┘
//
// That is the type core, which knows no socket. Two transports drive it. On Linux a few event loops (loop)
// own the sockets: a wake-up serves every connection that has become readable, so the cost of waking is
// shared. Elsewhere, and for connections that are not plain sockets (TLS), each connection has a goroutine
// (stream).
package resp
