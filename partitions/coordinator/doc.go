// Package coordinator decides who leads and who holds each partition of a cluster.
//
// It is pure: Step takes a State and an Event and returns the next State and Actions; time is a part of the events. There is no
// clock, no network, no random number and no goroutine; the same events always give the same actions. A shell on the
// node that leads JetStream's meta group feeds it and does what it asks for.
//
// It only proposes: whatever it decides, however late and by however many coordinators at once, no acknowledged write is
// lost and no stale read is answered. Fence, EPOCH records and leases (packages wal and lease) see to that. So it may
// be wrong about who is dead; it tries not to be, because being wrong costs time.
//
// It never changes a value that it was given or has given away, and expects the same of others: reports and maps that went into
// an event are not to be changed afterwards.
package coordinator
