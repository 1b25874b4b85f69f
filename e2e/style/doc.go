// Package style holds the rules that the source must keep, as tests: which package may import which, what must be
// documented, how long a function and a file may be, and what must not occur at all.
//
// It promises that a rule that is broken is reported with its file and line. It reads source text only; it needs no
// other program and imports nothing of the product.
package style
