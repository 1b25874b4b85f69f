//go:build bugs

package partitions

import (
	"os"

	"shiplog/wal"
)

// bug tells whether the mistake of this name is made on purpose, so that the tests can show that they find it
// (e2e/nemesis/BUGS.md).
func bug(name string) bool { return os.Getenv("SHIPLOG_BUG") == name }

// firstEffect returns how long the first effect of a body is.
func firstEffect(body []byte) int {
	var r wal.EffectReader
	var e wal.Effect
	r.Reset(body)
	if _, err := r.Next(&e); err != nil {
		panic(err) // it was written just now
	}
	return len(wal.AppendEffect(nil, &e))
}
