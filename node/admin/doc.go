// Package admin shows how a node is over HTTP: what Prometheus scrapes (/metrics, METRICS.md lists it), whether the process lives (/healthz),
// and whether the node serves (/readyz).
//
// It promises that whoever connects costs the node little: connections, headers, bodies and scrapes at a time are bounded, and who is slow is
// left. It knows nothing of the node but what a Snapshot and a Standing say, keeps nothing between requests, and changes nothing.
package admin
