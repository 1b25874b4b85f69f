package node

import (
	"strings"
	"testing"
)

// A lone node's partition that is not open is asked for again later; another number is a mistake.
func TestSoloElsewhere(t *testing.T) {
	for partition, want := range map[int]string{0: "TRYAGAIN ", 1: "ERR no such partition: 1 of 1", -1: "ERR no such partition: -1 of 1"} {
		if got := (&solo{}).elsewhere(partition); !strings.HasPrefix(got.Text, want) {
			t.Errorf("partition %d: %q, want %q", partition, got.Text, want)
		}
	}
}
