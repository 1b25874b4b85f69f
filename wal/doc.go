// Package wal is the language of the log: what a record and an effect are, how they are written to
// bytes (FORMAT.md), how a reader checks that one record follows another, and what a Log must do.
//
// It promises that a record that decodes was written whole by one primary, and that Cursor.Next
// accepts a record only if it is the successor of the one before it. It never performs I/O, never
// knows the state that effects are applied to, and never knows which commands exist.
package wal
