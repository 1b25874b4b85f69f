package admin

import (
	"strings"
	"testing"
)

func TestUnready(t *testing.T) {
	inside := func(nodes, heard int) *Membership {
		return &Membership{Created: true, Member: true, Nodes: nodes, Heard: heard}
	}
	for _, tt := range []struct {
		name     string
		standing Standing
		want     string
	}{
		{"a lone node serves", Standing{Serving: true, Copies: []Copy{{Role: "primary", Named: true}}}, ""},
		{"a lone node recovers", Standing{Copies: []Copy{{Role: "replica", Named: true}}},
			"LOADING the node is loading its data and accepts no clients yet\nLOADING partition 0 is to be led here, and is not yet"},
		{"a lone node has failed", Standing{Serving: true, Copies: []Copy{{Role: "stopped", Named: true, Why: "the disk\nis broken"}}},
			"CLUSTERDOWN partition 0 has stopped here: the disk is broken"},
		{"no cluster", Standing{Serving: true, Cluster: &Membership{}}, "CLUSTERDOWN the cluster is not created yet, or the node has not heard of it"},
		{"not in it", Standing{Serving: true, Cluster: &Membership{Created: true, Nodes: 3, Heard: 3}}, "CLUSTERDOWN the node is not in the cluster yet"},
		{"removed", Standing{Serving: true, Cluster: &Membership{Created: true, Removed: true, Nodes: 3}}, "CLUSTERDOWN the node was removed from the cluster"},
		{"cut off", Standing{Serving: true, Cluster: inside(3, 1)}, "CLUSTERDOWN the node hears 1 of the cluster's 3 nodes, itself included: no majority"},
		{"half is no majority", Standing{Serving: true, Cluster: inside(4, 2)}, "CLUSTERDOWN the node hears 2 of the cluster's 4 nodes, itself included: no majority"},
		{"one of three is lost", Standing{Serving: true, Cluster: inside(3, 2), Copies: []Copy{
			{Partition: 0, Role: "primary", Named: true}, {Partition: 1, Role: "replica"}, {Partition: 2, Role: "handing"}}}, ""},
		{"it stops", Standing{Serving: true, Leaving: true, Cluster: inside(3, 3)}, "LOADING the node is stopping, and hands over what it leads"},
		{"a copy is being filled", Standing{Serving: true, Cluster: inside(3, 3), Copies: []Copy{{Role: "seeding", Seeding: true, Why: "before"}}}, ""},
		{"a copy waits for a source", Standing{Serving: true, Cluster: inside(3, 3), Copies: []Copy{{Partition: 4, Role: "seeding", Why: "no other node has it"}}},
			"LOADING partition 4 is not open here yet: no other node has it"},
		{"a copy is opened", Standing{Serving: true, Cluster: inside(3, 3), Copies: []Copy{{Partition: 4, Role: "seeding"}}}, "LOADING partition 4 is not open here yet"},
		{"a copy is to lead", Standing{Serving: true, Cluster: inside(3, 3), Copies: []Copy{{Partition: 4, Role: "promoted", Named: true}}},
			"LOADING partition 4 is to be led here, and is not yet"},
		{"a copy leads, though another is named", Standing{Serving: true, Cluster: inside(3, 3), Copies: []Copy{{Partition: 4, Role: "primary"}}}, ""},
	} {
		if got := strings.Join(Unready(&tt.standing), "\n"); got != tt.want {
			t.Errorf("%s:\n got %q\nwant %q", tt.name, got, tt.want)
		}
	}
}
