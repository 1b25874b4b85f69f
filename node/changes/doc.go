// Package changes shows a log as changes: what happened to which key, in order, with the values, from any position that is
// retained.
//
// It promises that a reader is given every effect of every accepted record once, in the order of the log, or an error that says
// what is missing (ErrTrimmed and its like); that a position names the same place on every node; and that what a deposed
// primary left in the log is never shown. It reads logs and nothing else: it never looks at a state, and never makes a writer
// wait.
package changes
