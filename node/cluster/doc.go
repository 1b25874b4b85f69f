// Package cluster makes a node one of a cluster: it sends and hears heartbeats, follows the cluster map, and coordinates while it
// is this node's turn. It is the shell around package coordinator, which decides everything.
//
// It promises that maps are followed in the order of their versions and never one of another cluster, that a map is
// stored only in the place of the one that it was made from, and that everything from the network has bounds. It keeps nothing on
// disk: the map lies in a JetStream bucket (FORMAT.md) and, if the owner wants so, with the owner. Safety never depends on what
// it does; how soon the cluster is well again does.
package cluster
