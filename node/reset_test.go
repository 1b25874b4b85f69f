package node

import (
	"testing"

	"shiplog/partitions/coordinator"
)

func TestMayReset(t *testing.T) {
	empty := &coordinator.Map{}
	member := &coordinator.Map{Nodes: []coordinator.Node{{ID: "a"}}}
	former := &coordinator.Map{Former: []coordinator.Former{{ID: "a"}}}
	for _, tt := range []struct {
		name  string
		known *coordinator.Map
		blank bool
		want  bool
	}{
		{"new", nil, true, true},
		{"met a cluster", empty, true, true},
		{"in the group, before the map is known", nil, false, false},
		{"in the group, not let in yet", empty, false, false},
		{"member", member, false, false},
		{"member whose log is gone", member, true, false},
		{"removed", former, false, true},
		{"removed, and started over before", former, true, true},
	} {
		if got := mayReset(tt.known, "a", tt.blank); got != tt.want {
			t.Errorf("%s: got %t, want %t", tt.name, got, tt.want)
		}
	}
}
