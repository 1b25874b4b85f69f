// Package commands is the command table and the handlers behind it, one file per Redis group, and the
// policy (arity, authentication, transactions, limits) that runs once for every command, driven by its row.
//
// It promises Redis's replies and error texts; a write handler's effects happen whole or not at all.
// It never touches a connection, the log or Pebble.
package commands
