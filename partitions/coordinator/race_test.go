//go:build race

package coordinator

// raced tells that the race detector runs: everything takes ten times as long.
const raced = true
