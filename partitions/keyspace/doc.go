// Package keyspace is the Redis data model over one Pebble database: what a key is, how its rows lie in
// Pebble (FORMAT.md), what a command sees (View), what it may change (Tx), and the one Apply that turns
// effects into state on a primary, on a replica and at restart.
//
// A Store is a primary's or a replica's (SetReplica). Both apply; only a primary has units, and effects that are not yet applied.
//
// It promises that Pebble always equals the fold of Apply over a prefix of the log (I1), and that a View
// shows all effects of the units before it, acknowledged or not, and none of a unit that was undone.
// It never talks to a log and never knows a command.
package keyspace
