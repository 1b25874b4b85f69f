//go:build !failpoints

package partitions

// failpoint is a place where something may be made to go wrong: nothing does in what is built for use.
func failpoint(string) {}
