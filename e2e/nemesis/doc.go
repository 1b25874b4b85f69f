// Package nemesis runs a cluster of real processes under load, injects faults from a seeded schedule, and judges what
// the clients saw.
//
// A run is: quiet load, faults one after the other, everything healed, load again, last reads, judgement. The
// workloads use values that no other operation writes, so that every reply says which operations it has seen; the
// checkers are pure functions of the recorded operations, and each has tests in which they must find a planted fault.
//
// It promises never to send a write again whose outcome is not known, since that would make a server's duplicate look
// like a client's. An operation is OK (the reply says what it did), Failed (it was not done) or Unknown (it may take
// effect at any time, also much later). It never imports the product's packages: a cluster is what listens on the
// addresses it was given.
package nemesis
