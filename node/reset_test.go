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

// A node that has started over stays alone, also after its next start, until it is told whom to meet.
func TestAside(t *testing.T) {
	path := t.TempDir()
	open := func() *DataDir {
		d, err := OpenDataDir(path, ModeCluster)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	shut := func(d *DataDir) {
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	is := func(when string, want bool, change func(*Config, *DataDir)) {
		t.Helper()
		d := open()
		defer shut(d)
		n := &Node{dir: d, cfg: new(Config)}
		if change != nil {
			change(n.cfg, d)
		}
		if got, err := n.aside(); got != want || err != nil {
			t.Errorf("%s: aside is %t, %v", when, got, err)
		}
	}
	starts := func(_ *Config, d *DataDir) {
		if err := d.markReset(); err != nil {
			t.Fatal(err)
		}
	}
	is("a new node", false, starts)
	is("it has started over", true, nil)
	is("and was started again", true, nil)
	is("to join", false, func(c *Config, _ *DataDir) { c.Cluster.Join = []string{"127.0.0.1:27000"} })
	is("and again, as what it is then", false, starts)
	is("it was met", false, func(_ *Config, d *DataDir) {
		if err := d.comeBack(); err != nil {
			t.Fatal(err)
		}
	})
}
