package keyspace

import (
	"fmt"
	"testing"
)

// TestChangeTable finds what was added, also where hashes are the same, and nothing else; and begins anew when all is taken out.
func TestChangeTable(t *testing.T) {
	const keys, hashes = 1000, 300
	var table changeTable
	for round := range 3 {
		var added []*change
		for i := range keys {
			key := fmt.Appendf(nil, "key:%d:%d", round, i)
			if c := table.find(key, uint64(i%hashes)); c != nil {
				t.Fatalf("round %d: %s is there before it was added: %s", round, key, c.key)
			}
			c := &change{key: key, hash: uint64(i % hashes)}
			table.add(c)
			added = append(added, c)
		}
		for _, c := range added {
			if got := table.find(c.key, c.hash); got != c {
				t.Fatalf("round %d: %s is not found", round, c.key)
			}
		}
		for _, c := range added {
			table.free(c)
		}
	}
	for at, c := range table.places {
		if c != nil {
			t.Errorf("place %d still has %s", at, c.key)
		}
	}
}
