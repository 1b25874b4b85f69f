package commands

import (
	"strings"
	"testing"
	"time"
)

// TestSeedingIsShown has this node's copy of one partition, and another node's of the same, being filled.
func TestSeedingIsShown(t *testing.T) {
	r := newClusterRig(t, 1)
	r.cluster.topology = spreadTopology()
	shown := &r.cluster.topology.Ranges[0] // copies: node 1 leads, then 2 and 0, which is this one
	shown.LogFirst = 20
	shown.Seeds = []*Seed{nil, {Have: 1}, {From: nodeB, Have: 300, Total: 1000, Behind: 12, Left: 90 * time.Second}}
	c := r.connect()
	info := c.do("info shiplog")
	for _, want := range []string{"seeding_partitions:1", "seeding_bytes:300", "seeding_bytes_total:1000", "seeding_records_behind:12",
		"seeding_seconds_left:90", "partition0:slots=0-4095,role=replica,epoch=3,applied=25,lag=5,first=20"} {
		if !strings.Contains(info, want+"\r\n") {
			t.Errorf("no %q in\n%s", want, info)
		}
	}
	partitions := c.do("cluster partitions")
	for _, want := range []string{
		"{id " + nodeA + " name n7914 address 127.0.0.1:7914 applied 25 lag 5 health online seeding 300 of 1000 bytes, 12 records behind, about 1m30s left from " + nodeB + "}",
		"seeding 1 of 0 bytes, 0 records behind}",
	} {
		if !strings.Contains(partitions, want) {
			t.Errorf("no %q in\n%s", want, partitions)
		}
	}
	if got := strings.Count(partitions, "seeding"); got != 2 {
		t.Errorf("%d copies are shown as being filled, want 2", got)
	}
}
