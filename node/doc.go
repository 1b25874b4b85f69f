// Package node puts the parts together and owns their life: it reads the configuration, takes the data directory,
// starts the embedded log, recovers the partitions, serves clients, and stops all of it in order.
//
// It promises that whatever it refuses to start with is one clear line and leaves the machine as it was, and that
// when Run has returned every acknowledged write is where the configured durability says. It never decides what a
// command means, what an effect does, or where a record goes: packages commands, keyspace and partitions do.
package node
