package node

import (
	"testing"
	"testing/synctest"
	"time"

	"shiplog/node/cluster"
	"shiplog/partitions/coordinator"
)

func TestAckTook(t *testing.T) {
	const primary, replica = coordinator.RolePrimary, coordinator.RoleReplica
	all := []coordinator.PartitionReport{
		{Partition: 0, Role: primary, Load: 300, AckTook: 2 * time.Millisecond},
		{Partition: 1, Role: primary, Load: 100, AckTook: 6 * time.Millisecond},
		{Partition: 2, Role: primary, Load: 100, AckTook: time.Second},         // not held here
		{Partition: 3, Role: primary, Load: hardlyAny - 1, AckTook: time.Hour}, // hardly anybody
		{Partition: 4, Role: primary, Load: 1000},                              // which only reads
		{Partition: 5, Role: replica, Load: 100, AckTook: time.Minute},         // has lost its primary's role
	}
	v := cluster.View{SilentAfter: time.Second, Peers: []cluster.Peer{{Report: coordinator.Report{Node: coordinator.Node{ID: "a"}, Partitions: all}}}}
	if got := ackTook(v, func(partition int) bool { return partition != 2 }); got != 3*time.Millisecond {
		t.Errorf("got %v, want 3ms", got)
	}
	if got := ackTook(v, func(partition int) bool { return partition > 2 }); got != 0 {
		t.Errorf("got %v where nobody writes", got)
	}
}

func TestMean(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m mean
		for _, step := range []struct {
			after time.Duration
			count uint64
			took  time.Duration
			want  time.Duration
		}{
			{0, 5, time.Second, 0}, // what was before is not lately
			{meanOver, 7, time.Second + 6*time.Millisecond, 3 * time.Millisecond},
			{meanOver / 2, 8, 2 * time.Second, 3 * time.Millisecond}, // too soon
			{meanOver / 2, 9, time.Second + 8*time.Millisecond, time.Millisecond},
			{meanOver, 9, time.Second + 8*time.Millisecond, 0}, // none
		} {
			time.Sleep(step.after)
			if got := m.of(step.count, step.took); got != step.want {
				t.Errorf("after %d events: got %v, want %v", step.count, got, step.want)
			}
		}
	})
}
