package commands

import (
	"fmt"
	"strings"
	"testing"
)

// TestCost holds that what a partition is told of some commands is about what all have cost.
func TestCost(t *testing.T) {
	r := newRig(t)
	value := strings.Repeat("v", 1000)
	r.connect().do("t.write k " + value)
	const connections, each = 40, 50
	for range connections {
		c := r.connect()
		for range each {
			c.do("t.read k")
		}
		c.Close()
	}
	got, want := r.engine.partition.cost, int64(connections*each*(1000+overheadOfRead))
	if got.Bytes < want*8/10 || got.Bytes > want*12/10 || got.Took <= 0 {
		t.Errorf("told of %d bytes and %v, want about %d bytes", got.Bytes, got.Took, want)
	}
}

// overheadOfRead is the words "t.read k" and what a reply has besides its text.
const overheadOfRead = 7 + 5

func TestCostOfTransactions(t *testing.T) {
	r := newRig(t)
	c := r.connect()
	for i := range 130 {
		c.expect("multi", "+OK", "t.write k 12345678", "+QUEUED")
		c.do(fmt.Sprintf("t.write %d x", i))
		c.do("exec")
	}
	if got := r.engine.partition.cost; got.Bytes < 130*20 || got.Took <= 0 {
		t.Errorf("told of %+v", got)
	}
}
