//go:build bugs

package keyspace

import "os"

// bug tells whether the mistake of this name is made on purpose, so that the tests can show that they find it
// (e2e/nemesis/BUGS.md).
func bug(name string) bool { return os.Getenv("SHIPLOG_BUG") == name }
