// Package e2e tests the product as its users meet it: the built binary as a real process, spoken to by real
// clients, killed, cut off from power, starved of disk, and compared reply by reply with a real redis-server.
//
// It offers what such tests and the benchmark tool beneath it share: Program and Node start, watch and end server
// processes on free loopback ports, and Client is a small client that is strict about every byte it reads.
//
// It promises that what a Node starts dies with the test process, and it never imports the product's own packages:
// what cannot be seen from outside is not tested here.
//
// Runs of a whole cluster under faults are in the package nemesis beneath.
//
// The environment steers the tests: SHIPLOG_LONG=1 runs the long forms, SHIPLOG_SEED=N replays a seed, and
// SHIPLOG_E2E_SERVER="words of a command" puts another server in the binary's place, which is how the tests
// themselves are tried.
package e2e
