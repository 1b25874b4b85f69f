//go:build !race

package keyspace

// raced tells that the race detector runs: everything takes ten times as long.
const raced = false
