package commands

import (
	"errors"
	"strings"
	"testing"
)

// TestSlotsGoWithTheirPartition checks what becomes of Redis's and Valkey's ways to give slots to another node: whole partitions are handed
// over to whoever holds a copy, and everything else is refused with what to ask for instead.
func TestSlotsGoWithTheirPartition(t *testing.T) {
	r := newClusterRig(t, 1)
	top := spreadTopology()
	top.Ranges[3].Replicas = []int{2}
	r.cluster.topology = top
	c := r.connect()
	for _, tt := range []struct{ line, want, asked string }{
		{"migrateslots slotsrange 0 4095 node " + nodeA, "+OK", "hand over 0 " + nodeA},
		{"migrateslots slotsrange 0 100 101 4095 4096 8191 node " + nodeC, "+OK", "hand over 0 " + nodeC + " hand over 1 " + nodeC},
		{"migrateslots slotsrange 0 4095 node " + nodeA + " slotsrange 8192 12287 node " + nodeB, "+OK", "hand over 0 " + nodeA + " hand over 2 " + nodeB},
		{"migrateslots slotsrange 0 4094 node " + nodeA, "-ERR Slots go with their partition: ask for all of 0-4095", ""},
		{"migrateslots slotsrange 0 4095 node " + nodeB, "-ERR Node " + nodeB + " leads slots 0-4095 already", ""},
		{"migrateslots slotsrange 12288 16383 node " + nodeA, "-ERR Node " + nodeA + " holds no copy of slots 12288-16383: copies are placed by the coordinator: CLUSTER REBALANCE spreads them, CLUSTER DRAIN empties a node", ""},
		{"migrateslots slotsrange 0 4095 node " + nodeA + " slotsrange 0 1 node " + nodeB, "-ERR Slots go with their partition: ask for all of 0-4095", ""},
		{"migrateslots slotsrange 0 4095 node x", "-ERR Unknown node x", ""},
		{"migrateslots slotsrange 0 16384 node " + nodeA, "-ERR Invalid or out of range slot", ""},
		{"migrateslots slotsrange 5 4 node " + nodeA, "-ERR start slot number 5 is greater than end slot number 4", ""},
		{"migrateslots slotsrange 0 node " + nodeA, "-ERR Invalid or out of range slot", ""},
		{"migrateslots slotsrange node " + nodeA, "-ERR syntax error", ""},
		{"migrateslots slotsrange 0 4095", "-ERR syntax error", ""},
		{"migrateslots slots 0 4095 node " + nodeA, "-ERR syntax error", ""},
		{"cancelslotmigrations", "+OK", ""},
		{"setslot 5 stable", "+OK", ""},
		{"setslot 5 node " + nodeB, "+OK", ""},
		{"setslot 5 node " + nodeA, "-ERR Slot 5 goes with its partition, slots 0-4095: CLUSTER MIGRATESLOTS SLOTSRANGE 0 4095 NODE " + nodeA + " hands it over", ""},
		{"setslot 5 importing " + nodeB, "-ERR Slot 5 goes with its partition, slots 0-4095: CLUSTER MIGRATESLOTS SLOTSRANGE 0 4095 NODE " + nodeA + " hands it over", ""},
		{"setslot 5 node x", "-ERR Unknown node x", ""},
		{"setslot 16384 stable", "-ERR Invalid or out of range slot", ""},
		{"setslot 5 node", "-ERR Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP", ""},
		{"setslot 5 stable x", "-ERR Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP", ""},
		{"replicate x", "-ERR Unknown node x", ""},
		{"replicate " + nodeA, "-ERR Can't replicate myself", ""},
		{"replicate " + nodeC, "-ERR You can only replicate a master, not a replica.", ""},
		{"replicate " + nodeB, "-ERR To set a master the node must be empty and without assigned slots.", ""},
	} {
		r.cluster.asked = nil
		if got := c.do("cluster " + tt.line); got != tt.want || strings.Join(r.cluster.asked, " ") != tt.asked {
			t.Errorf("%s: got %s and %q, want %s and %q", tt.line, got, r.cluster.asked, tt.want, tt.asked)
		}
	}
	top.Ranges[2].First, top.Ranges[2].Last, top.Ranges[3].First = 8192, 8192, 8193
	r.cluster.asked = nil
	c.expect("cluster setslot 8192 node "+nodeC, "+OK")
	if got := strings.Join(r.cluster.asked, " "); got != "hand over 2 "+nodeC {
		t.Errorf("a partition of one slot: asked for %q", got)
	}
	top.Ranges[2].Primary, top.Ranges[2].Replicas = 1, []int{0, 2}
	c.expect("cluster replicate "+nodeB, "-ERR This node holds no copy of slots 8193-16383: copies are placed by the coordinator: CLUSTER REBALANCE spreads them, CLUSTER DRAIN empties a node")
	top.Ranges[3].Replicas = []int{0, 2}
	c.expect("cluster replicate "+nodeB, "+OK")
}

// TestSlotMigrations follows what was asked for, from when it is under way until the node leads, and one that is refused.
func TestSlotMigrations(t *testing.T) {
	r := newClusterRig(t, 1)
	top := spreadTopology()
	r.cluster.topology = top
	c := r.connect()
	c.expect("cluster getslotmigrations", "[]", "cluster migrateslots slotsrange 0 8191 node "+nodeA, "+OK")
	has := func(wants ...string) {
		t.Helper()
		got := c.do("cluster getslotmigrations")
		for _, want := range wants {
			if !strings.Contains(got, want) {
				t.Errorf("got %s, want %s in it", got, want)
			}
		}
	}
	has("operation IMPORT slot_ranges 0-4095 4096-8191 target_node "+nodeA+" source_node "+nodeB, "state in-progress message ")
	top.Ranges[0].Primary, top.Ranges[1].Primary = 0, 0
	has("state success")
	top.Ranges[0].Primary = 1 // it went on later: what was asked for was done
	has("state success")
	r.cluster.refusal = errors.New("ERR nobody listens")
	c.expect("cluster migrateslots slotsrange 8192 12287 node "+nodeB, "-ERR nobody listens")
	has("operation EXPORT slot_ranges 8192-12287", "state failed message ERR nobody listens")
}
